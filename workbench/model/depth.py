"""Depth: what buyers bid and sellers ask for a symbol at an instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from workbench.errors import BadInput
from workbench.model.numbers import positive
from workbench.model.order import Side
from workbench.model.times import utc


@dataclass(frozen=True, slots=True)
class Level:
    """So much (above 0, in the units of orders) at a price."""

    price: Decimal
    size: Decimal

    def __post_init__(self) -> None:
        positive("level price", self.price)
        positive("level size", self.size)


@dataclass(frozen=True, slots=True)
class Depth:
    """An order book at an instant (UTC): the levels of each side, best first; a side may be empty.

    Raises BadInput for levels out of order, and for a bid at or above an ask.
    """

    at: datetime
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", utc("depth at", self.at))
        for name, levels, sign in (("bids", self.bids, -1), ("asks", self.asks, 1)):
            prices = [sign * level.price for level in levels]
            if any(later <= before for before, later in pairwise(prices)):
                raise BadInput(f"depth {name}", str([str(p.price) for p in levels]), "must come best first, each once")
        if self.bids and self.asks and self.bids[0].price >= self.asks[0].price:
            raise BadInput("depth bid", self.bids[0].price, f"is not below the ask {self.asks[0].price}")

    def against(self, side: Side) -> tuple[Level, ...]:
        """What an order of a side trades with: asks for a buy, bids for a sell."""
        return self.asks if side is Side.BUY else self.bids

    @property
    def middle(self) -> Decimal | None:
        """Halfway between the best bid and ask; the one side where the other is empty, None where both are."""
        best = [levels[0].price for levels in (self.bids, self.asks) if levels]
        return sum(best, Decimal(0)) / len(best) if best else None


@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and ask at an instant (UTC), with what is there of each; None and 0 where a side is empty."""

    at: datetime
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal = Decimal(0)
    ask_size: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        _ = self.depth

    @property
    def depth(self) -> Depth:
        """The order book of one level a side. Raises BadInput for what cannot be one."""
        bids, asks = (
            () if price is None else (Level(price, size),)
            for price, size in ((self.bid, self.bid_size), (self.ask, self.ask_size))
        )
        return Depth(self.at, bids, asks)
