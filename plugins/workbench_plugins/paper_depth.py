"""Quotes and order books, as the paper broker is given them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from workbench.errors import BadInput
from workbench.fills import whole_lots
from workbench.model import Instrument, Side, positive, utc


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


def walk(
    levels: Sequence[Level], wanted: Decimal, used: Decimal, limit: Decimal | None, side: Side, instrument: Instrument
) -> list[tuple[Decimal, Decimal]]:
    """What an order of a size gets, level by level, in whole lots: sizes and prices, none worse than its limit.

    The best `used` units are left out: they are gone already.
    """
    got: list[tuple[Decimal, Decimal]] = []
    for level in levels:
        if wanted <= 0 or (limit is not None and (level.price - limit) * side.sign > 0):
            break
        gone = min(used, level.size)
        used -= gone
        there = level.size - gone
        size = wanted if wanted <= there else whole_lots(there, Decimal(1), instrument)
        if size > 0:
            got.append((size, level.price))
            wanted -= size
    return got
