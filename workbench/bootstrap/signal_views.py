"""Views of hooks, groups, algos and signals as JSON values, and what came of them counted up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from workbench.model import MONEY_CONTEXT, Algo, Fill, Group, Hook, Moment, Order, iso, to_json
from workbench.ports import Standing

STAGES = ("kept", "decided", "sent", "answered", "filled")
"""What a signal's time is told of: on file, decided by the engine, sent, answered by the broker, first filled."""
LOW, MEDIUM = Decimal(1), Decimal(5)
"""Percent of the equity up to which the largest loss of a signal is called low, and medium."""
WARNING = "Markets can gap through a stop: the loss can be larger. Past results say nothing certain of later ones."


def hook_dict(hook: Hook, counts: Mapping[str, Any] | None) -> dict[str, Any]:
    """A hook, what it asks for, and what came through it."""
    rules = to_json(hook.rules)
    rules["secret"] = bool(rules["secret"])
    rules.pop("keys")
    rules["addresses"], rules["symbols"] = list(hook.rules.addresses), list(hook.rules.symbols)
    found = counts or {}
    return {
        "hook_id": hook.hook_id, "name": hook.name, "strategy": hook.strategy, "group": hook.group,
        "format": hook.format, "about": hook.about, "created_at": iso(hook.created_at), "rules": rules,
        "settings": dict(hook.settings), "accepted": found.get("accepted", 0), "refused": found.get("refused", 0),
        "repeats": found.get("repeats", 0),
        "last_alert_at": iso(found["last"]) if found.get("last") else None,
    }  # fmt: skip


def algo_dict(algo: Algo, groups: Sequence[Group], standing: Standing | None) -> dict[str, Any]:
    """An algo, the groups it is in, and where its strategy stands."""
    now = datetime.now(UTC)
    until = min(algo.expires_at or now + timedelta(days=8), now + timedelta(days=8))
    coming = [at for text in algo.times for at in Moment.parse(text).between(now, until)] if algo.active else []
    return to_json(algo) | {
        "windows": list(algo.windows), "conditions": list(algo.conditions), "actions": dict(algo.actions),
        "aliases": dict(algo.aliases), "times": list(algo.times), "next_at": iso(min(coming)) if coming else None,
        "groups": [group.name for group in groups if algo.name in group.algos],
        "stage": standing.stage.value if standing else "research", "account": standing.account if standing else None,
    }  # fmt: skip


def group_dict(group: Group, hooks: Sequence[Hook]) -> dict[str, Any]:
    """A group and the hooks that go to it."""
    return to_json(group) | {
        "algos": list(group.algos), "hooks": [hook.name for hook in hooks if hook.group == group.name]
    }  # fmt: skip


def alert_row(row: Any) -> dict[str, Any]:
    """An alert as it came."""
    return {
        "alert_id": row.alert_id, "source": row.source, "key": row.key, "status": row.status, "reason": row.reason,
        "came_at": iso(row.came_at), "kept_at": iso(row.kept_at), "repeats": row.repeats,
        "repeated_at": iso(row.repeated_at) if row.repeated_at else None, "tickers": row.tickers,
        "address": row.address, "body": row.body,
    }  # fmt: skip


def signal_detail(
    row: Any, alert: Any, orders: Sequence[Mapping[str, Any]], equity_of: Callable[[str], Decimal | None]
) -> dict[str, Any]:
    """A signal with all that is known of it."""
    return {
        "signal_id": row.signal_id, "alert_key": row.key, "status": row.status, "reason": row.reason,
        "received_at": iso(row.received_at), "settled_at": iso(row.settled_at) if row.settled_at else None,
        "source": row.source, "strategy": row.strategy, "algo": row.algo, "attempts": row.attempts,
        "not_before": iso(row.not_before) if row.not_before else None, "replay_of": row.replay_of,
        "override": row.override, "alert": row.alert, "order_ids": [order["order_id"] for order in orders],
        "came_as": alert_row(alert) if alert is not None else None, "latency_ms": stage_times(row, alert, orders),
        "risk": risk_of(row, orders, equity_of),
    }  # fmt: skip


def stage_times(row: Any, alert: Any, orders: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Milliseconds each stage took, by the wall clock."""
    found = {}
    if alert is not None and row.replay_of is None:
        found["kept"] = _ms(alert.kept_at - alert.came_at)
    if row.settled_at is not None:
        found["decided"] = _ms(row.settled_at - row.received_at)
    for name in ("sent", "answered", "filled"):
        took = [order["latency_ms"][name] for order in orders if name in order["latency_ms"]]
        if took:
            found[name] = took[0]
    return found


def risk_of(
    row: Any, orders: Sequence[Mapping[str, Any]], equity_of: Callable[[str], Decimal | None]
) -> dict[str, Any]:
    """What a signal puts at risk: the largest loss down to its stop, or all of its value where it has none.

    The level is low up to 1 percent of the account's equity, medium up to 5, else high; `none` for an exit.
    """
    signal = row.signal or {}
    if signal.get("action") == "exit" or (not signal and (row.alert or {}).get("action", "").startswith("exit")):
        return {"level": "none", "largest_loss": "0", "basis": "it closes", "warning": ""}
    price = Decimal(signal["reference_price"]) if signal.get("reference_price") else None
    opened = [o for o in orders if not o.get("reduce_only") and o.get("parent_id") is None]
    size = sum((Decimal(order["size"]) for order in opened), Decimal(0))
    if row.status == "denied":
        return {"level": "none", "largest_loss": "0", "basis": "the risk rules denied it", "warning": ""}
    if price is None or not size:
        return {"level": "unknown", "largest_loss": None, "basis": "it led to no order", "warning": WARNING}
    stop = (signal.get("protection") or {}).get("stop")
    short = signal.get("direction") == "short"
    value = MONEY_CONTEXT.multiply(size, price)
    loss = value * Decimal(stop) / 100 if stop else value
    basis = f"to its stop, {Decimal(stop):f} percent away" if stop else "all of its value: it has no stop"
    if short and not stop:
        basis = "its value; a short without a stop can lose more"
    equity = equity_of(str(opened[0]["account"]))
    share = None if not equity or equity <= 0 else MONEY_CONTEXT.divide(loss * 100, equity)
    level = "high" if share is None or share > MEDIUM or (short and not stop) else "medium" if share > LOW else "low"
    return {
        "level": level, "largest_loss": f"{loss:.2f}", "basis": basis, "warning": WARNING,
        "percent_of_equity": None if share is None else f"{share:.2f}",
    }  # fmt: skip


def analysed(
    hooks: Sequence[Hook],
    alerts: Sequence[Any],
    signals: Sequence[Any],
    orders: Sequence[Order],
    told: Mapping[str, Mapping[str, Any]],
    fills: Sequence[Fill],
    marks: Mapping[str, Mapping[str, Decimal]],
) -> dict[str, Any]:
    """Counts, latencies and accuracy of each hook, and of all."""
    led: dict[str, list[Order]] = defaultdict(list)
    for order in orders:
        led[order.signal_id].append(order)
    by_id = {row.alert_id: row for row in alerts}
    sources = sorted({hook.source for hook in hooks} | {row.source for row in alerts})
    rows = []
    for source in [*sources, ""]:
        mine = [row for row in alerts if source in ("", row.source)]
        its = [row for row in signals if source in ("", row.source)]
        times: dict[str, list[float]] = defaultdict(list)
        for row in its:
            shown = [told[o.order_id] for o in led[row.signal_id] if o.order_id in told]
            for name, took in stage_times(row, by_id.get(row.alert_id), shown).items():
                times[name].append(took)
        reasons = Counter(_kind(row.reason) for row in mine if row.status == "refused")
        reasons.update(_kind(row.reason) for row in its if row.status in ("refused", "denied"))
        rows.append({
            "hook": source.removeprefix("webhook:") or "all",
            "received": sum(1 + row.repeats for row in mine),
            "accepted": sum(row.status == "accepted" for row in mine),
            "refused": sum(1 + row.repeats for row in mine if row.status == "refused"),
            "repeats": sum(row.repeats for row in mine if row.status == "accepted"),
            "signals": dict(Counter(row.status for row in its)),
            "reasons": [{"reason": reason, "count": count} for reason, count in reasons.most_common(8)],
            "latency_ms": {name: _percentiles(times[name]) for name in STAGES if times[name]},
            "accuracy": _accuracy(its, led, fills, marks),
            "last_alert_at": iso(max(row.kept_at for row in mine)) if mine else None,
            "odd": _odd(mine, datetime.now(UTC)),
        })  # fmt: skip
    return {"hooks": rows[:-1], "all": rows[-1]}


def _accuracy(
    signals: Sequence[Any],
    led: Mapping[str, Sequence[Order]],
    fills: Sequence[Fill],
    marks: Mapping[str, Mapping[str, Decimal]],
) -> dict[str, Any]:
    """Of the entries that were filled, how many gained: by the strategy's next fill the other way, else the mark."""
    gained = closed = 0
    moves: list[Decimal] = []
    for row in signals:
        for order in led.get(row.signal_id, ()):
            opening = next((i for i, fill in enumerate(fills) if fill.order_id == order.order_id), None)
            if order.reduce_only or opening is None:
                continue
            entry = fills[opening]
            its = entry.account, entry.strategy, entry.symbol
            against = (f for f in fills[opening + 1 :] if f.side is not entry.side)
            later = next((f for f in against if (f.account, f.strategy, f.symbol) == its), None)
            price = later.price if later else marks.get(entry.account, {}).get(entry.symbol)
            if price is None:
                continue
            move = MONEY_CONTEXT.divide((price - entry.price) * entry.side.sign * 100, entry.price)
            moves.append(move)
            gained, closed = gained + (move > 0), closed + (later is not None)
    if not moves:
        return {"entries": 0, "gained": 0, "share": None, "mean_percent": None, "closed": 0}
    return {
        "entries": len(moves), "gained": gained, "share": round(gained / len(moves), 4), "closed": closed,
        "mean_percent": round(float(sum(moves, Decimal(0)) / len(moves)), 4),
    }  # fmt: skip


def _odd(alerts: Sequence[Any], now: datetime) -> list[str]:
    """What is unlike the hook's own past: it never fired, fell silent, came in a burst, or is refused mostly."""
    taken = [row for row in alerts if row.status == "accepted"]
    if not alerts:
        return ["never fired"]
    found = []
    last_hour = [row for row in alerts if row.kept_at > alerts[-1].kept_at - timedelta(hours=1)]
    refused = sum(row.status == "refused" for row in last_hour)
    if len(last_hour) >= 4 and refused * 2 > len(last_hour):
        found.append(f"{refused} of the last {len(last_hour)} within an hour were refused")
    if len(taken) >= 10:
        gaps = sorted((b.kept_at - a.kept_at).total_seconds() for a, b in pairwise(taken))
        usual = gaps[len(gaps) // 2]
        silent = (now - taken[-1].kept_at).total_seconds()
        if silent > max(20 * gaps[-1], 3_600):
            found.append(f"silent for {silent / 3600:.0f} h; its longest pause before was {gaps[-1] / 60:.0f} min")
        recent = [row for row in taken if row.kept_at > taken[-1].kept_at - timedelta(minutes=1)]
        if usual > 60 and len(recent) >= 10:
            found.append(f"{len(recent)} within a minute, where {usual:.0f} s between two are usual")
    return found


def _kind(reason: str) -> str:
    """A reason without its figures, so that like ones are counted together."""
    return "".join("#" if c.isdigit() else c for c in reason)[:160] or "no reason given"


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {f"p{p}": round(ordered[min(len(ordered) - 1, len(ordered) * p // 100)], 2) for p in (50, 95, 99)}


def _ms(span: timedelta) -> float:
    return round(span.total_seconds() * 1000, 2)
