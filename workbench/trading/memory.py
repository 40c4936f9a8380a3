"""Orders, fills and the journal in memory: the repository of replay and of tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from workbench.errors import UnknownName
from workbench.model import Fill, Order, Signal, iso
from workbench.ports import Verdict
from workbench.trading.transitions import FINAL


class MemoryRepository:
    """Implements `workbench.ports.OrderRepository`; the journal is only ever appended."""

    def __init__(self) -> None:
        self._signals: dict[tuple[str, str], Signal] = {}
        self._orders: dict[str, Order] = {}
        self._open: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        self._fills: dict[tuple[str, str], Fill] = {}
        self._journal: list[dict[str, str]] = []
        self.verdicts: dict[str, tuple[Verdict, ...]] = {}

    def add_signal(self, signal: Signal) -> bool:
        if (signal.source, signal.key) in self._signals:
            return False
        self._signals[signal.source, signal.key] = signal
        self.note(
            "signal", signal.signal_id, signal.available_at,
            symbol=signal.symbol, action=signal.action, direction=signal.direction, key=signal.key,
        )  # fmt: skip
        return True

    def add_order(self, order: Order, verdicts: Sequence[Verdict], at: datetime) -> None:
        self._orders[order.order_id] = order
        self.verdicts[order.order_id] = tuple(verdicts)
        self._file(order)
        self.note(
            "order", order.order_id, at,
            state=order.state, side=order.side, symbol=order.symbol, size=str(order.size), type=order.type,
            signal=order.signal_id, reason=order.reason,
            verdicts="; ".join(f"{v.rule} {v.decision} {v.reason}".strip() for v in verdicts),
        )  # fmt: skip

    def change_order(self, order: Order, event: str, at: datetime) -> None:
        before = self.order(order.order_id)
        self._orders[order.order_id] = order
        self._file(order)
        self.note(
            "order", order.order_id, at,
            event=event, before=before.state, state=order.state, filled=str(order.filled), reason=order.reason,
        )  # fmt: skip

    def add_fill(self, fill: Fill) -> bool:
        if (fill.account, fill.fill_id) in self._fills:
            return False
        self._fills[fill.account, fill.fill_id] = fill
        self.note(
            "fill", fill.order_id, fill.time,
            symbol=fill.symbol, side=fill.side, size=str(fill.size), price=str(fill.price), fee=str(fill.fee),
            cause=fill.cause,
        )  # fmt: skip
        return True

    def note(self, kind: str, subject: str, at: datetime, **facts: str) -> None:
        entry = {"seq": str(len(self._journal) + 1), "at": iso(at), "kind": kind, "subject": subject}
        self._journal.append(entry | {name: str(value) for name, value in facts.items()})

    def order(self, order_id: str) -> Order:
        if order_id not in self._orders:
            raise UnknownName("order", order_id, ())
        return self._orders[order_id]

    def open_orders(self, account: str, symbol: str) -> Sequence[Order]:
        return [self._orders[order_id] for order_id in self._open[account, symbol]]

    def orders(self) -> Sequence[Order]:
        return list(self._orders.values())

    def fills(self) -> Sequence[Fill]:
        return list(self._fills.values())

    def signals(self) -> Sequence[Signal]:
        return list(self._signals.values())

    def journal(self) -> Sequence[Mapping[str, str]]:
        return self._journal

    def _file(self, order: Order) -> None:
        """Keep the index of orders that are not at their end."""
        index = self._open[order.account, order.symbol]
        if order.state in FINAL:
            index.pop(order.order_id, None)
        else:
            index[order.order_id] = None
