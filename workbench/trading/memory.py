"""Orders, fills and the journal in memory: the repository of replay and of tests."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal

from workbench.errors import UnknownName
from workbench.model import Booking, Fill, Order, OrderState, Signal, iso
from workbench.ports import Fence, Verdict
from workbench.trading.transitions import FINAL, OrderEvent, following


class MemoryRepository:
    """Implements `workbench.ports.OrderRepository`; the journal is only ever appended.

    It keeps nothing beyond the process, and a transaction that fails leaves what it wrote: its owner must end.
    """

    def __init__(self) -> None:
        self._signals: dict[tuple[str, str], Signal] = {}
        self._orders: dict[str, Order] = {}
        self._open: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        self._fills: dict[tuple[str, str], Fill] = {}
        self._books: list[Fill | Booking] = []
        self._bookings: set[tuple[str, str]] = set()
        self._by_client_id: dict[tuple[str, str], str] = {}
        self._by_broker_id: dict[tuple[str, str], str] = {}
        self._noted: list[tuple[str, str, datetime, dict[str, str]]] = []
        self._journal: list[dict[str, str]] = []
        self._days: dict[tuple[str, date], Decimal] = {}
        self._fence = Fence()
        self._lock = threading.RLock()
        self.verdicts: dict[str, tuple[Verdict, ...]] = {}
        self.outcomes: dict[str, tuple[str, str]] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            yield

    def halt(self, reason: str) -> None:
        """Raise the panic fence: what was decided before is not sent, and nothing new is."""
        self._fence = Fence(self._fence.epoch + 1, True, reason)

    def resume(self) -> None:
        """Lower the fence for orders decided from now on."""
        self._fence = Fence(self._fence.epoch, False)

    def fence(self) -> Fence:
        return self._fence

    def add_signal(self, signal: Signal) -> bool:
        if (signal.source, signal.key) in self._signals:
            return False
        self._signals[signal.source, signal.key] = signal
        self.note(
            "signal", signal.signal_id, signal.available_at,
            symbol=signal.symbol, action=signal.action, direction=signal.direction, key=signal.key,
        )  # fmt: skip
        return True

    def settle_signal(self, signal: Signal, status: str, reason: str, at: datetime) -> None:
        self.outcomes[signal.signal_id] = status, reason
        if status in ("ignored", "refused"):
            self.note(status, signal.signal_id, at, reason=reason)

    def add_order(self, order: Order, verdicts: Sequence[Verdict], at: datetime, event: str = "") -> None:
        self._orders[order.order_id] = order
        self.verdicts[order.order_id] = tuple(verdicts)
        self._file(order)
        self.note(
            "order", order.order_id, at,
            state=OrderState.RECEIVED if event else order.state, side=order.side, symbol=order.symbol,
            size=str(order.size), type=order.type, signal=order.signal_id, reason="" if event else order.reason,
            verdicts="; ".join(f"{v.rule} {v.decision} {v.reason}".strip() for v in verdicts),
        )  # fmt: skip
        if event:
            self._tell_change(order, event, OrderState.RECEIVED, at)

    def change_order(self, order: Order, event: str, at: datetime, before: str = "") -> None:
        known = self.order(order.order_id)
        if known.broker_id != order.broker_id:
            self._by_broker_id.pop((known.account, known.broker_id), None)
        self._orders[order.order_id] = order
        self._file(order)
        self._tell_change(order, event, known.state, at)

    def _tell_change(self, order: Order, event: str, before: str, at: datetime) -> None:
        self.note(
            "order", order.order_id, at,
            event=event, before=before, state=order.state, filled=str(order.filled), reason=order.reason,
        )  # fmt: skip

    def authorise(self, order: Order, at: datetime) -> str:
        if order.epoch != self._fence.epoch or (self._fence.halted and not order.flattens):
            return f"panic: {self._fence.reason or 'raised since this order was decided'}"
        if not order.reduce_only:
            for other in self.open_orders(order.account, order.symbol):
                if other.state in (OrderState.UNKNOWN, OrderState.QUARANTINED):
                    return f"order {other.order_id} is {other.state}: no new risk until it is settled"
        sending = order.but(state=following(order.state, OrderEvent.AUTHORISE))
        self.change_order(sending, OrderEvent.AUTHORISE, at)
        return ""

    def add_fill(self, fill: Fill) -> bool:
        if (fill.account, fill.fill_id) in self._fills:
            return False
        self._fills[fill.account, fill.fill_id] = fill
        self._books.append(fill)
        self.note(
            "fill", fill.order_id, fill.time,
            symbol=fill.symbol, side=fill.side, size=str(fill.size), price=str(fill.price), fee=str(fill.fee),
            cause=fill.cause,
        )  # fmt: skip
        return True

    def add_booking(self, booking: Booking) -> bool:
        if (booking.account, booking.booking_id) in self._bookings:
            return False
        self._bookings.add((booking.account, booking.booking_id))
        self._books.append(booking)
        self.note(
            "booking", booking.booking_id, booking.at,
            booking=booking.kind, account=booking.account, symbol=booking.symbol, amount=str(booking.amount),
            reason=booking.reason, by=booking.by,
        )  # fmt: skip
        return True

    def books(self, account: str) -> Sequence[Fill | Booking]:
        return [entry for entry in self._books if entry.account == account]

    def note(self, kind: str, subject: str, at: datetime, **facts: str) -> None:
        self._noted.append((kind, subject, at, facts))

    def order(self, order_id: str) -> Order:
        if order_id not in self._orders:
            raise UnknownName("order", order_id, ())
        return self._orders[order_id]

    def find(self, account: str, client_order_id: str = "", broker_id: str = "") -> Order | None:
        order_id = self._by_client_id.get((account, client_order_id)) or self._by_broker_id.get((account, broker_id))
        return None if order_id is None else self._orders[order_id]

    def pieces_of(self, order: Order) -> Sequence[Order]:
        return [o for o in self._orders.values() if o.parent_id == order.order_id]

    def open_day(self, account: str, day: date, equity: Decimal) -> Decimal:
        return self._days.setdefault((account, day), equity)

    def open_orders(self, account: str, symbol: str | None = None) -> Sequence[Order]:
        if symbol is not None:
            return [self._orders[order_id] for order_id in self._open[account, symbol]]
        return [o for o in self._orders.values() if o.account == account and o.state not in FINAL]

    def orders_of(self, signal: Signal) -> Sequence[Order]:
        kept = self._signals[signal.source, signal.key]
        return [o for o in self._orders.values() if o.signal_id == kept.signal_id and o.parent_id is None]

    def orders_since(self, account: str, at: datetime) -> Sequence[Order]:
        return [o for o in self._orders.values() if o.account == account and o.created_at >= at]

    def orders(self) -> Sequence[Order]:
        return list(self._orders.values())

    def fills(self, account: str | None = None) -> Sequence[Fill]:
        return [fill for fill in self._fills.values() if account in (None, fill.account)]

    def signals(self) -> Sequence[Signal]:
        return list(self._signals.values())

    def journal(self) -> Sequence[Mapping[str, str]]:
        for kind, subject, at, facts in self._noted[len(self._journal) :]:  # put into words when somebody reads
            entry = {"seq": str(len(self._journal) + 1), "at": iso(at), "kind": kind, "subject": subject}
            self._journal.append(entry | {name: str(value) for name, value in facts.items()})
        return self._journal

    def _file(self, order: Order) -> None:
        """Keep the indexes: by the broker's name and ours, and of orders that are not at their end."""
        self._by_client_id[order.account, order.client_order_id] = order.order_id
        if order.broker_id:
            self._by_broker_id[order.account, order.broker_id] = order.order_id
        index = self._open[order.account, order.symbol]
        if order.state in FINAL:
            index.pop(order.order_id, None)
        else:
            index[order.order_id] = None
