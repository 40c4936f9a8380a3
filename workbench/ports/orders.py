"""Order ports: where signals, orders and fills are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from workbench.model import Booking, Fill, Order, Signal
from workbench.ports.risk import Verdict


@dataclass(frozen=True, slots=True)
class Fence:
    """The panic fence: an order decided under an older `epoch`, or any while `halted`, is not sent."""

    epoch: int = 0
    halted: bool = False
    reason: str = ""


class OrderRepository(Protocol):
    """Where signals, orders, fills and the journal are kept; in memory for replay, in a database for paper and live.

    A write outside `transaction` is a transaction of its own. What a transaction wrote is durable when it ends.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """Keep all that is written inside, or nothing; other writers wait. One inside another joins it."""

    def add_signal(self, signal: Signal) -> bool:
        """Keep a signal; False when its (source, key) was acted on already."""

    def settle_signal(self, signal: Signal, status: str, reason: str, at: datetime) -> None:
        """Say what came of a signal: ordered, denied, ignored or refused."""

    def add_order(self, order: Order, verdicts: Sequence[Verdict], at: datetime, event: str = "") -> None:
        """Keep a new order with the risk decision behind it, and the event that led on from RECEIVED, if one has."""

    def change_order(self, order: Order, event: str, at: datetime, before: str = "") -> None:
        """Replace an order's row and journal the event that changed it; `before` is the state it was in, if known."""

    def authorise(self, order: Order, at: datetime) -> str:
        """Move a READY order to SENDING, durably, in one step that looks at everything that may forbid it.

        Empty when it may be sent now; else why not: a panic since it was decided, a stage that does not trade, an
        order of the same account and symbol whose fate is unknown. Raises LeaseLost.
        """

    def add_fill(self, fill: Fill) -> bool:
        """Keep a fill; False when its (account, fill_id) is known already."""

    def add_booking(self, booking: Booking) -> bool:
        """Keep what changes the books without a fill; False when its (account, booking_id) is known already."""

    def books(self, account: str) -> Sequence[Fill | Booking]:
        """All that ever changed an account's books, in the order in which it was counted."""

    def open_day(self, account: str, day: date, equity: Decimal) -> Decimal:
        """The equity an account began a day with: the first one given for that day."""

    def fence(self) -> Fence:
        """The panic fence as it stands."""

    def note(self, kind: str, subject: str, at: datetime, **facts: str) -> None:
        """Journal something that is not an order event."""

    def order(self, order_id: str) -> Order:
        """One order by its id."""

    def find(self, account: str, client_order_id: str = "", broker_id: str = "") -> Order | None:
        """The order of an account with one of these names, the client order id first; None where there is none."""

    def pieces_of(self, order: Order) -> Sequence[Order]:
        """The orders that have this one as their parent, oldest first."""

    def open_orders(self, account: str, symbol: str | None = None) -> Sequence[Order]:
        """Orders of an account (and symbol) that are not at their end, oldest first."""

    def orders_of(self, signal: Signal) -> Sequence[Order]:
        """The orders a signal led to by itself, children left out, oldest first."""

    def orders_since(self, account: str, at: datetime) -> Sequence[Order]:
        """Orders of an account created at or after an instant, oldest first."""

    def orders(self) -> Sequence[Order]:
        """All orders, oldest first."""

    def fills(self, account: str | None = None) -> Sequence[Fill]:
        """All fills, or an account's, oldest first."""

    def signals(self) -> Sequence[Signal]:
        """All signals, oldest first."""

    def journal(self) -> Sequence[Mapping[str, str]]:
        """The append-only journal, oldest first; every entry has seq, at, kind and subject."""


class Renewable(Protocol):
    """The lease of this process."""

    seconds: float

    def renew(self) -> None:
        """Hold it for another while. Raises LeaseLost."""


class Guard(Protocol):
    """The panic fence as the engine uses it."""

    def now(self) -> Fence:
        """The fence as it stands."""

    def is_flat(self) -> bool:
        """Whether everything was seen flat since it was raised."""

    def set_flat(self, epoch: int) -> None:
        """Everything is flat after the panic of this epoch."""
