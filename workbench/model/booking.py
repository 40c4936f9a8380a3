"""Booking: what changes an account's books without a fill."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from workbench.errors import BadInput
from workbench.model.ids import new_id
from workbench.model.numbers import positive
from workbench.model.times import utc


class BookingKind(StrEnum):
    """Why the books change."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    DIVIDEND = "dividend"
    FUNDING = "funding"
    INTEREST = "interest"
    CHARGE = "charge"
    SPLIT = "split"
    BUST = "bust"
    CORRECTION = "correction"


_OF_SYMBOL = (BookingKind.DIVIDEND, BookingKind.FUNDING, BookingKind.SPLIT)


@dataclass(frozen=True, slots=True)
class Booking:
    """One entry that no fill explains; `booking_id` is unique within the account, so that a repeat is nothing.

    `amount` is signed cash (positive into the account) for all kinds but a split, a bust, and a dividend with a
    `ratio`: there `ratio` is cash a unit held, worked out over what every strategy holds when it is counted. A split's
    `ratio` is new units for one old. A bust takes the fill named by `subject` out again. A correction says in `reason`
    what it corrects; `by` is the person.
    """

    account: str
    kind: BookingKind
    at: datetime
    amount: Decimal = Decimal(0)
    ratio: Decimal | None = None
    symbol: str = ""
    strategy: str = ""
    currency: str = ""
    subject: str = ""
    reason: str = ""
    by: str = ""
    booking_id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", utc("booking at", self.at))
        if not isinstance(self.amount, Decimal) or not self.amount.is_finite():
            raise BadInput("booking amount", self.amount, "must be a finite Decimal")
        if self.kind in _OF_SYMBOL and not self.symbol:
            raise BadInput("booking symbol", self.symbol, f"a {self.kind} needs one")
        if self.kind is BookingKind.BUST and not self.subject:
            raise BadInput("booking subject", self.subject, "a bust names the fill it takes out")
        if self.kind is BookingKind.SPLIT and self.ratio is None:
            raise BadInput("booking ratio", self.ratio, "a split needs new units for one old")
        if self.ratio is not None:
            positive("booking ratio", self.ratio)
        if self.kind is BookingKind.DEPOSIT and self.amount <= 0:
            raise BadInput("booking amount", self.amount, "a deposit must be above 0")
        if self.kind is BookingKind.WITHDRAWAL and self.amount >= 0:
            raise BadInput("booking amount", self.amount, "a withdrawal must be below 0")
        if self.kind in (BookingKind.CORRECTION, BookingKind.BUST) and not self.reason.strip():
            raise BadInput("booking reason", self.reason, f"a {self.kind} needs one")
