"""Bar: the prices of one interval, exact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from workbench.errors import BadInput
from workbench.model.numbers import not_negative, positive
from workbench.model.times import utc


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of one symbol.

    `start` is UTC (a daily bar's is its session's date at 00:00, a label); `end` is when it is closed and may be
    seen. Prices are on the finest price step. `factor` turns a raw price into this one (1 where unadjusted).
    `traded` is False for a bar in which nothing could be bought or sold.
    """

    symbol: str
    start: datetime
    end: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None = None
    factor: Decimal = Decimal(1)
    traded: bool = True

    def __post_init__(self) -> None:
        for name in ("open", "high", "low", "close", "factor"):
            positive(f"{self.symbol} {name}", getattr(self, name))
        if self.low > min(self.open, self.close) or self.high < max(self.open, self.close):
            raise BadInput(
                f"bar of {self.symbol}", self.start.isoformat(), "open and close must lie between low and high"
            )
        object.__setattr__(self, "start", utc("bar start", self.start))
        object.__setattr__(self, "end", utc("bar end", self.end))
        if self.end <= self.start:
            raise BadInput("bar end", self.end.isoformat(), f"must be after its start {self.start.isoformat()}")
        if self.volume is not None:
            not_negative(f"{self.symbol} volume", self.volume)
