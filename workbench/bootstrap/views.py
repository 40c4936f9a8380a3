"""Views: what is on file, as JSON values for the shell, the app and notebooks; amounts as text, exact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from workbench.model import MONEY_CONTEXT, Fill, Order, OrderState, iso
from workbench.ports import GateAnswer, SessionRow, StageEvent, Standing

if TYPE_CHECKING:
    from workbench.trading import Ledger

_BEFORE_INTENT = (OrderState.RECEIVED, OrderState.DENIED, OrderState.AWAITING_APPROVAL)


def signal_rows(rows: Sequence[Any], orders: Sequence[Order]) -> list[dict[str, Any]]:
    """Signals with the orders each led to, its children left out."""
    led: dict[str, list[str]] = defaultdict(list)
    for order in orders:
        if order.parent_id is None:
            led[order.signal_id].append(order.order_id)
    return [
        {
            "signal_id": row.signal_id,
            "alert_key": row.key,
            "status": row.status,
            "reason": row.reason,
            "received_at": iso(row.received_at),
            "settled_at": None if row.settled_at is None else iso(row.settled_at),
            "source": row.source,
            "strategy": row.strategy,
            "alert": row.alert,
            "order_ids": led[row.signal_id],
        }
        for row in rows
    ]


def order_rows(orders: Sequence[Order], journal: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Orders with their history: each event, by the session's clock (at) and the wall clock (written_at)."""
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
            "created_at": iso(order.created_at),
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


def account_row(row: Any, ledger: Ledger, session: SessionRow | None) -> dict[str, Any]:
    """An account at its last marks, and its session."""
    with localcontext(MONEY_CONTEXT):
        equity = ledger.equity(row.account)
        profits = (p.size * (ledger.mark_of(p.symbol, p.entry_price) - p.entry_price) for p in ledger.positions())
        return {
            "account": row.account,
            "strategy": session.strategy if session else None,
            "broker": row.broker,
            "currency": row.currency,
            "start_cash": row.cash,
            "cash": f"{ledger.cash(row.account):f}",
            "equity": f"{equity:f}",
            "profit": f"{equity - Decimal(row.cash):f}",
            "open_profit": f"{sum(profits, Decimal(0)):f}",
            "session": session.state if session else "not begun",
            "reason": session.reason if session else "",
            "clock": iso(session.clock) if session and session.clock else None,
            "bars": session.bars if session else 0,
        }


def position_rows(ledger: Ledger) -> list[dict[str, Any]]:
    """Positions that are not flat, at their last marks."""
    found = []
    for p in ledger.positions():
        with localcontext(MONEY_CONTEXT):
            mark = ledger.mark_of(p.symbol, p.entry_price)
            found.append(
                {
                    "account": p.account,
                    "strategy": p.strategy,
                    "symbol": p.symbol,
                    "size": f"{p.size:f}",
                    "entry_price": f"{p.entry_price:f}",
                    "mark": f"{mark:f}",
                    "value": f"{p.size * mark:f}",
                    "open_profit": f"{p.size * (mark - p.entry_price):f}",
                    "realised": f"{p.realised:f}",
                }
            )
    return found


def session_row(row: SessionRow) -> dict[str, Any]:
    """A session."""
    return {
        "account": row.account,
        "strategy": row.strategy,
        "state": row.state,
        "reason": row.reason,
        "clock": iso(row.clock) if row.clock else None,
        "bars": row.bars,
        "feed": dict(row.feed),
    }


def standing_dict(standing: Standing) -> dict[str, Any]:
    """A standing as JSON values."""
    v = standing.version
    return {
        "strategy": standing.strategy,
        "stage": standing.stage.value,
        "since": iso(standing.since),
        "paused_from": standing.paused_from.value if standing.paused_from else None,
        "account": standing.account or None,
        "params": dict(v.params),
        "data": v.data,
        "options": dict(v.options),
        "code_fingerprint": v.code_fingerprint,
        "data_fingerprint": v.data_fingerprint,
    }


def answer_dict(answer: GateAnswer) -> dict[str, Any]:
    """A gate's answer as JSON values."""
    return {
        "gate": answer.gate,
        "passed": answer.passed,
        "reason": answer.reason,
        "run_id": answer.run_id,
        "figures": [asdict(figure) for figure in answer.figures],
    }


def event_dict(event: StageEvent) -> dict[str, Any]:
    """An attempt as JSON values."""
    failed: Sequence[GateAnswer] = [answer for answer in event.answers if not answer.passed]
    return {
        "strategy": event.strategy,
        "from": event.before.value,
        "to": event.after.value,
        "accepted": event.accepted,
        "stage": (event.after if event.accepted else event.before).value,
        "at": iso(event.at),
        "by": event.by,
        "reason": event.reason,
        "run_id": event.run_id,
        "gates": [answer_dict(answer) for answer in event.answers],
        "refused": [{"gate": answer.gate, "reason": answer.reason} for answer in failed],
    }
