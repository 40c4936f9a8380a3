"""Brokers: whether books and broker agree, in a line an account; and what each broker can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.bootstrap import Workbench
from workbench_apps import parts
from workbench_apps.theme import NONE, escape

_MODES = {
    "paper": ("paper", "PAPER", "simulated here, no money"),
    "sandbox": ("sandbox", "SANDBOX", "the broker's practice account, no real money"),
    "live": ("live", "LIVE", "real money"),
}
_NAMES = {"gtt": "good till triggered", "multi_leg": "several legs", "smart": "target position"}
_KIND_OF = {"native": "good", "held here": "warn", "refused": "bad"}


def mode_of(look: Mapping[str, Any]) -> str:
    """In which mode an account's broker is; unknown while nobody could ask it."""
    health = look["health"] or {}
    return str(health.get("mode") or ("paper" if look["broker"] == "paper" else "unknown"))


def badge(mode: str) -> str:
    """The mode of a broker, not to be overlooked."""
    name, title, words = _MODES.get(mode, ("unknown", "MODE UNKNOWN", "take it for live"))
    return f'<span class="mode {name}" title="{escape(words)}">{escape(title)}</span>'


def lines_html(looks: Sequence[Mapping[str, Any]], *, engine: bool) -> str:
    """A line an account: quiet where books and broker agree, an alert where the broker is silent or in trouble."""
    return "".join(_line(look, engine) for look in looks)


def _line(look: Mapping[str, Any], engine: bool) -> str:
    health = look["health"] or {}
    mode = mode_of(look)
    head = f'{badge(mode)} <b class="wrap">{escape(look["account"])}</b>'
    at = f"looked at {look['looked_at'][11:19]} UTC" if look["looked_at"] else ""
    trouble = "; ".join(words for words in (look["trouble"], health.get("trouble")) if words)
    if not health.get("is_connected", True):
        trouble = trouble or "the broker is not connected"
    if look["looked_at"] is None:
        said, kind = f'<span class="muted">{escape(look["trouble"])}</span>', "quiet"
    elif trouble:
        said, kind = f'<b class="bad">Trouble:</b> {escape(trouble)} <span class="muted">{at}</span>', "trouble"
    elif look["drifts"] or look["in_doubt"]:
        said, kind = f'<span class="warn">not everything is explained, see above;</span> {at}', "quiet"
    else:
        said, kind = f'<span class="muted">books and broker agree, {at}</span>', "quiet"
    words = "" if mode == "paper" else f' <span class="muted small">{escape(_MODES.get(mode, ("", "", ""))[2])}</span>'
    stale = "" if engine or look["looked_at"] is None else ' <span class="muted">(no engine looks now)</span>'
    return f'<div class="broker {kind}">{head}{words} {said}{stale}{_speed(health)}</div>'


def _speed(health: Mapping[str, Any]) -> str:
    """How fast the broker answers, in a few words; the table has the rest."""
    found = [
        f"{stage} {figures['p50']:,.0f} ms, p99 {figures['p99']:,.0f}"
        for stage, figures in (health.get("latency_ms") or {}).items()
        if stage.endswith("total") and {"p50", "p99"} <= figures.keys()
    ]
    return f' <span class="muted small">{escape("; ".join(found))}</span>' if found else ""


def board_of(bench: Workbench) -> list[dict[str, Any]]:
    """Every configured broker, asked now: its mode, whether it answers, and how each kind of order is worked."""
    return bench.trading.by_hand.brokers()


def page_html(looks: Sequence[Mapping[str, Any]], board: Sequence[Mapping[str, Any]]) -> str:
    """Each account's broker, and the configured ones without an account: mode, latencies, and the table of orders."""
    rows = {row["broker"]: row for row in board}
    used = {look["broker"] for look in looks}
    found = [_broker(look, rows.get(look["broker"], {}).get("orders", {})) for look in looks]
    for name, row in rows.items():
        if name not in used and name != "paper":
            look = {"account": "no account yet", "broker": f"{name} ({row['plugin']})", "health": row}
            found.append(_broker(look, row["orders"]))
            if row["trouble"]:
                found.append(f'<p class="muted"><b class="bad">Trouble:</b> {escape(str(row["trouble"]))}</p>')
    return "".join(found) or parts.empty("No account yet, so no broker.", "workbench serve")


def _broker(look: Mapping[str, Any], table: Mapping[str, str]) -> str:
    health = look["health"] or {}
    rows = [
        (escape(_NAMES.get(kind, kind.replace("_", " "))), parts.pill(_KIND_OF.get(way, "muted"), way))
        for kind, way in table.items()
    ]
    half = (len(rows) + 1) // 2
    columns = "".join(parts.table(("Order", "How"), part) for part in (rows[:half], rows[half:]) if part)
    told = (
        f'<div class="grid wide">{columns}</div>'
        if rows
        else '<p class="muted">No configured broker of that name, so no table; see workbench brokers.</p>'
    )
    latencies = health.get("latency_ms") or {}
    speed = [
        (escape(stage), *(f"{figures[p]:,.1f}" if p in figures else NONE for p in ("p50", "p95", "p99")))
        for stage, figures in latencies.items()
    ]
    times = parts.table(("Stage", "p50 (ms)", "p95 (ms)", "p99 (ms)"), speed) if speed else (
        '<p class="muted small">It keeps no latencies of its own; each order has its own, by stage.</p>'
    )  # fmt: skip
    free = health.get("budget")
    budget = "" if free is None else f"{float(free):.0%} of its rate limit is free"
    return (
        f'<div class="card brokered"><h3 class="wrap">{badge(mode_of(look))} {escape(look["account"])} at '
        f'{escape(look["broker"])} <span class="muted small">{escape(budget)}</span></h3>'
        f'<p class="muted small">Native: the broker works it. Held here: kept in the engine until its price, time or '
        f"turn comes. Refused: it cannot be had here.</p>{told}<h4>How fast it answers</h4>{times}</div>"
    )
