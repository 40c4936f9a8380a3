"""How an order walks through an order book."""

from collections.abc import Sequence
from decimal import Decimal

from workbench.fills import whole_lots
from workbench.model import Instrument, Level, Side


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
