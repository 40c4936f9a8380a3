"""Views: what is on file, as JSON values for the shell, the app and notebooks; amounts as text, exact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.signal_views import risk_of
from workbench.model import MONEY_CONTEXT, Order, iso
from workbench.ports import GateAnswer, SessionRow, StageEvent, Standing

if TYPE_CHECKING:
    from workbench.trading import Ledger


def signal_rows(
    rows: Sequence[Any], orders: Sequence[Order], equity_of: Callable[[str], Decimal | None]
) -> list[dict[str, Any]]:
    """Signals with the orders each led to, its children left out, and its risk."""
    led: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for order in orders:
        if order.parent_id is None:
            led[order.signal_id].append({
                "order_id": order.order_id, "account": order.account, "size": f"{order.size:f}",
                "reduce_only": order.reduce_only,
            })  # fmt: skip
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
            "algo": row.algo,
            "alert_id": row.alert_id,
            "alert": row.alert,
            "order_ids": [order["order_id"] for order in led[row.signal_id]],
            "risk": risk_of(row, led[row.signal_id], equity_of),
        }
        for row in rows
    ]


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
