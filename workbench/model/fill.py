"""Fill: a piece of an order that traded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from workbench.model.numbers import not_negative, positive
from workbench.model.order import Side
from workbench.model.times import utc


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution as the broker reports it; `fill_id` is the broker's and unique within the account.

    `time` is UTC: the start of the bar it happened in, on bars. `fee` is not below 0, in the currency of the price:
    `currency`, or the account's where that is empty.
    Where prices are adjusted, `factor` is the bar's: raw price = price ÷ factor, raw size = size × factor.
    """

    fill_id: str
    order_id: str
    account: str
    strategy: str
    symbol: str
    side: Side
    size: Decimal
    price: Decimal
    fee: Decimal
    time: datetime
    cause: str = ""
    factor: Decimal = Decimal(1)
    currency: str = ""

    def __post_init__(self) -> None:
        positive("fill size", self.size)
        positive("fill price", self.price)
        not_negative("fill fee", self.fee)
        positive("fill factor", self.factor)
        object.__setattr__(self, "time", utc("fill time", self.time))
