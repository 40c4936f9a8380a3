"""Ticket: how an order is to be worked, beside what it buys or sells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from workbench.errors import BadInput
from workbench.model.numbers import not_negative, positive
from workbench.model.times import utc


class OrderType(StrEnum):
    """What makes an order trade.

    A stop waits for the price to get worse, a target for it to get better; then both take what the market gives. With
    a limit they are stop_limit and limit_if_touched.
    """

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"
    TARGET = "target"
    LIMIT_IF_TOUCHED = "limit_if_touched"

    @property
    def has_limit(self) -> bool:
        """Whether it names the worst price it takes."""
        return self in (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_IF_TOUCHED)

    @property
    def has_level(self) -> bool:
        """Whether it waits for a price: a stop's trigger, a target's level."""
        return self not in (OrderType.MARKET, OrderType.LIMIT)


class Validity(StrEnum):
    """How long an order stays at the broker: the session's day, until cancelled, or only for what trades at once."""

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"


class OnFailure(StrEnum):
    """What becomes of an order of several legs when one leg cannot be had: close what was had, or keep it and go on."""

    UNWIND = "unwind"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Handling:
    """How an order is worked: its validity and product, and what is done here where the broker cannot.

    `product` is the broker's name for how it is margined (empty: its default). `trail` is how far, in percent, a
    trailing stop hangs from the best price. `display` shows only so much at a time
    (iceberg); `slice_size` sends it in pieces, `slice_pause` seconds apart. `after_market` waits for the market to
    open. `legs` names the group a leg belongs to and `rank` its turn: a leg is sent once all of a lower rank have
    filled; `on_failure` says what happens where they cannot. `good_till` (UTC, on the session's clock) ends the order
    wherever it is. Sizes are in the order's units.
    """

    validity: Validity = Validity.GTC
    product: str = ""
    trail: Decimal | None = None
    display: Decimal | None = None
    slice_size: Decimal | None = None
    slice_pause: Decimal = Decimal(0)
    after_market: bool = False
    legs: str | None = None
    rank: int = 0
    on_failure: OnFailure = OnFailure.UNWIND
    good_till: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("display", "slice_size"):
            value = getattr(self, name)
            if value is not None:
                positive(name, value)
        if self.trail is not None and positive("trail", self.trail) >= 100:
            raise BadInput("trail", self.trail, "must be below 100 percent")
        if not_negative("slice_pause", self.slice_pause) > 86_400:
            raise BadInput("slice_pause", self.slice_pause, "must not be above 86400 seconds")
        if self.display is not None and self.slice_size is not None:
            raise BadInput("display", self.display, "and slice_size exclude each other", "give one of the two")
        if self.good_till is not None:
            object.__setattr__(self, "good_till", utc("good_till", self.good_till))

    @property
    def pieces(self) -> Decimal | None:
        """The size of the pieces it is sent in, None where it goes as a whole."""
        return self.slice_size or self.display


AS_IT_COMES = Handling()
"""Nothing special."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a signal's order is to be: its type with its prices, and its handling.

    `limit` and `level` are prices in the units of the signal's bars. A trailing stop has no level: it follows from the
    price when it begins.
    """

    type: OrderType = OrderType.MARKET
    limit: Decimal | None = None
    level: Decimal | None = None
    handling: Handling = AS_IT_COMES

    def __post_init__(self) -> None:
        is_trailing = self.type is OrderType.TRAILING_STOP
        if (self.handling.trail is not None) != is_trailing:
            raise BadInput(
                "trail", self.handling.trail, f"a {self.type} order has {'a' if is_trailing else 'no'} trail"
            )
        if is_trailing and (self.level, self.limit) != (None, None):
            raise BadInput("level", self.level, "a trailing stop's follows from the price", "give its trail alone")
        if not is_trailing:
            check_prices("order", self.type, self.limit, self.level)


def check_prices(what: str, type: OrderType, limit: Decimal | None, level: Decimal | None) -> None:
    """Raise BadInput unless an order has just the prices its type needs, each above 0."""
    for name, value, wanted in (("limit", limit, type.has_limit), ("level", level, type.has_level)):
        if (value is not None) != wanted:
            raise BadInput(f"{what} {name}", value, f"a {type.value} order has {'a' if wanted else 'no'} {name}")
        if value is not None:
            positive(f"{what} {name}", value)


AT_MARKET = Ticket()
"""A market order like any other."""
