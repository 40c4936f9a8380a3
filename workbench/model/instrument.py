"""Instrument: what is traded, and the grids of its prices and sizes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from workbench.errors import BadInput
from workbench.model.numbers import Rounding, positive, to_grid

PRICE_STEP = Decimal("1e-8")
"""The finest price there is: all prices are whole multiples of it, so that they compare as integers."""
SIZE_STEP = Decimal("1e-6")
"""The finest size of an instrument without a lot."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable thing.

    `tick` and `lot` are in raw (unadjusted) price and units; None means no grid but the finest step.
    `adjusted` says that its research prices are adjusted for splits and dividends: such prices have no tick,
    and sizes, per-share fees and notional are worked out on the raw price through each bar's factor. `expiry` is a
    contract's last day of trading, in its market's zone; None where it has none.
    """

    symbol: str
    currency: str = "USD"
    tick: Decimal | None = None
    lot: Decimal | None = None
    adjusted: bool = False
    venue: str = ""
    expiry: date | None = None

    def __post_init__(self) -> None:
        if not self.symbol or any(c.isspace() or c == "," for c in self.symbol):
            raise BadInput("symbol", self.symbol, "must not be empty or hold spaces or commas")
        if self.tick is not None:
            positive("tick", self.tick)
            if to_grid(self.tick, PRICE_STEP, Rounding.NEAREST) != self.tick:
                raise BadInput("tick", self.tick, f"must be a whole multiple of {PRICE_STEP}")
        if self.lot is not None:
            positive("lot", self.lot)
        if self.adjusted and self.tick is not None:
            raise BadInput("tick", self.tick, f"{self.symbol} has adjusted prices, which have no tick", "leave it out")

    @property
    def price_step(self) -> Decimal:
        """The grid fills are on: the tick, or the finest price step."""
        return self.tick or PRICE_STEP

    @property
    def size_step(self) -> Decimal:
        """The grid sizes are on, in raw units: the lot, or the finest size step."""
        return self.lot or SIZE_STEP

    def round_price(self, price: Decimal, rounding: Rounding) -> Decimal:
        """Put a price on the tick grid, in the direction given."""
        return to_grid(price, self.price_step, rounding)

    def round_size(self, size: Decimal, rounding: Rounding = Rounding.DOWN) -> Decimal:
        """Put a size in raw units on the lot grid, down unless told otherwise."""
        return to_grid(size, self.size_step, rounding)
