"""Order views: orders, fills, books, drifts and requests as JSON values; amounts as text, exact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from workbench.model import MONEY_CONTEXT, Fill, Order, OrderState, iso, to_json
from workbench.ports import Drift, Request

if TYPE_CHECKING:
    from workbench.trading import Ledger

_BEFORE_INTENT = (OrderState.RECEIVED, OrderState.DENIED, OrderState.AWAITING_APPROVAL)


def order_rows(
    orders: Sequence[Order], journal: Sequence[Mapping[str, str]], looked_at: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Orders with their history: each event, by the session's clock (at) and the wall clock (written_at).

    `looked_at` are ids of orders of others that a person has ruled on.
    """
    lines: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for line in journal:
        lines[line["subject"]].append(line)
    return [
        {
            "order_id": order.order_id,
            "signal_id": order.signal_id,
            "client_order_id": None if order.state in _BEFORE_INTENT else order.client_order_id,
            "parent_id": order.parent_id,
            "strategy": order.strategy,
            "account": order.account,
            "symbol": order.symbol,
            "side": order.side.value,
            "type": order.type.value,
            "size": f"{order.size:f}",
            "filled": f"{order.filled:f}",
            "level": None if order.level is None else f"{order.level:f}",
            "reduce_only": order.reduce_only,
            "state": order.state.value,
            "reason": order.reason,
            "limit": None if order.limit is None else f"{order.limit:f}",
            "broker_id": order.broker_id or None,
            "handling": {k: v for k, v in to_json(order.handling).items() if v not in (None, "", False)},
            "created_at": iso(order.created_at),
            "latency_ms": latencies(lines[order.order_id]),
            "doubt": in_doubt(order, orders, looked_at),
            "history": [
                {
                    "event": line.get("event", "received"),
                    "state": line["state"],
                    "at": line["at"],
                    "written_at": line["written_at"],
                    "reason": line.get("reason", ""),
                    "verdicts": line.get("verdicts", ""),
                }
                for line in lines[order.order_id]
            ],
        }
        for order in orders
    ]


def latencies(lines: Sequence[Mapping[str, str]]) -> dict[str, float]:
    """Milliseconds by the wall clock from one stage to the next: decided, sent, answered, filled, and in all."""
    first: dict[str, datetime] = {}
    for line in lines:
        stage = _STAGE_OF.get(line.get("event", "received"))
        if stage is not None:
            first.setdefault(stage, datetime.fromisoformat(line["written_at"]))
    found, before = {}, first.get("received")
    for stage in ("decided", "sent", "answered", "filled"):
        if stage in first and before is not None:
            found[stage] = round((first[stage] - before).total_seconds() * 1000, 3)
            before = first[stage]
    if "received" in first and before is not None and found:
        found["total"] = round((before - first["received"]).total_seconds() * 1000, 3)
    return found


_STAGE_OF = {
    "received": "received", "pass": "decided", "deny": "decided", "park": "decided", "authorise": "sent",
    "acknowledge": "answered", "reject": "answered", "fill_part": "filled", "fill_all": "filled",
}  # fmt: skip


def in_doubt(order: Order, others: Sequence[Order], looked_at: Collection[str] = ()) -> dict[str, Any] | None:
    """What is open about an order, what is being done, and what a person may do; None where nothing is."""
    name = order.order_id
    if order.state is OrderState.UNKNOWN:
        alike = [
            o.order_id
            for o in others
            if o.state is OrderState.EXTERNAL
            and (o.account, o.symbol, o.side, o.size) == (order.account, order.symbol, order.side, order.size)
        ]
        may = [f"workbench order match {name} --external {other}" for other in alike]
        may.append(f'workbench order rule {name} --reason "…": once the broker was seen not to have it')
        return _doubt(
            order, "nobody knows whether the broker has it",
            "the broker is asked every 2 s; no new risk is taken in the symbol; it is never sent a second time "
            "unless the broker proves that it never arrived", may,
        )  # fmt: skip
    if order.state is OrderState.QUARANTINED:
        may = [f'workbench order rule {name} --reason "…": once it was looked at with the broker']
        return _doubt(order, f"evidence contradicts itself: {order.reason}", "its fills count; nothing is sent", may)
    if order.state is OrderState.EXTERNAL and order.order_id not in looked_at:
        may = [f"workbench order cancel {name}", f'workbench order rule {name} --reason "…": it may stay as it is']
        return _doubt(order, "found at the broker, not ours", "its fills count under strategy external", may)
    return None


def _doubt(order: Order, what: str, doing: str, may: Sequence[str]) -> dict[str, Any]:
    return {
        "order_id": order.order_id, "account": order.account, "symbol": order.symbol, "side": order.side.value,
        "size": f"{order.size:f}", "state": order.state.value, "since": iso(order.created_at), "what": what,
        "being_done": doing, "you_may": list(may),
    }  # fmt: skip


def drift_row(drift: Drift) -> dict[str, Any]:
    """A drift, with what a person may do about it."""
    name = f"workbench order accept {drift.about} --account {drift.account}"
    may = f'{name} --reason "…"' + (" --price P" if drift.about.startswith("position:") else "")
    if drift.about.startswith("order:"):
        may = f'workbench order rule {drift.about.partition(":")[2]} --reason "…"'
    return {
        "account": drift.account, "about": drift.about, "symbol": drift.symbol or None, "words": drift.words,
        "first_at": iso(drift.first_at), "seen_at": iso(drift.seen_at), "blocks": drift.symbol or "the whole account",
        "you_may": may,
    }  # fmt: skip


def look_row(row: Any) -> dict[str, Any]:
    """The last look at an account's broker."""
    if row is None:
        return {"looked_at": None, "trouble": "not looked at yet: the engine does so when it runs", "health": None}
    return {"looked_at": iso(row.at), "trouble": row.trouble or None, "health": row.facts.get("health")}


def request_row(request: Request) -> dict[str, Any]:
    """What a person asked for, and what came of it."""
    return {
        "request_id": request.request_id,
        "kind": request.kind,
        "account": request.account,
        "by": request.by,
        "received_at": iso(request.received_at),
        "status": "waiting" if request.status == "received" else request.status,
        "reason": request.reason,
        "orders": list((request.answer or {}).get("orders", ())),
    }


def ledger_view(row: Any, ledger: Ledger, last: int | None) -> dict[str, Any]:
    """An account's books: amounts as text, exact; every balance, which together are nothing."""
    from workbench.trading import Heading

    account = row.account
    strategies = sorted({p.strategy for p in ledger.positions(account)} | ledger.strategies(account))
    with localcontext(MONEY_CONTEXT):
        balances = ledger.balances(account)
        off = sum(balances.values(), Decimal(0))
    return {
        "account": account,
        "currency": row.currency,
        "cash": f"{ledger.cash(account):f}",
        "equity": f"{ledger.equity(account):f}",
        "realised_average": f"{ledger.realised(account):f}",
        "realised_fifo": f"{ledger.realised(account, method='fifo'):f}",
        "fees": f"{ledger.total(account, Heading.FEES):f}",
        "balanced": off == 0,
        "off_by": f"{off:f}",
        "strategies": [
            {
                "strategy": name,
                "realised_average": f"{ledger.realised(account, name):f}",
                "realised_fifo": f"{ledger.realised(account, name, method='fifo'):f}",
                "fees": f"{ledger.total(account, Heading.FEES, name):f}",
                "holding_at_cost": f"{ledger.total(account, Heading.HOLDING, name):f}",
            }
            for name in strategies
        ],
        "balances": [
            {"heading": h, "currency": c or row.currency, "strategy": s, "symbol": y, "amount": f"{amount:f}"}
            for (h, c, s, y), amount in sorted(balances.items())
        ],
        "entries": [
            {
                "what": entry.what,
                "subject": entry.subject,
                "time": None if entry.time is None else iso(entry.time),
                "settles": None if entry.settles is None else entry.settles.isoformat(),
                "postings": [
                    {"heading": p.heading.value, "amount": f"{p.amount:f}", "strategy": p.strategy, "symbol": p.symbol}
                    for p in entry.postings
                ],
            }
            for entry in ledger.entries[-last if last else 0 :]
        ],
    }


def fill_row(fill: Fill) -> dict[str, Any]:
    """A fill; beside size and price in adjusted units the raw ones, as traded on the day."""
    with localcontext(MONEY_CONTEXT):
        raw_size, raw_price = round(fill.size * fill.factor, 8), round(fill.price / fill.factor, 8)
    return {
        "fill_id": fill.fill_id,
        "order_id": fill.order_id,
        "account": fill.account,
        "strategy": fill.strategy,
        "symbol": fill.symbol,
        "side": fill.side.value,
        "size": f"{fill.size:f}",
        "price": f"{fill.price:f}",
        "fee": f"{fill.fee:f}",
        "time": iso(fill.time),
        "cause": fill.cause,
        "raw_size": f"{raw_size:f}",
        "raw_price": f"{raw_price:f}",
    }
