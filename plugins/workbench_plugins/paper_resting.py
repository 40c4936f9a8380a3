"""Orders that rest at the paper broker, matched on bars: what a bar says of the path inside it, and what it does not.

A limit order trades at the open where that is no worse than its limit, else at its limit where the bar touches it,
unslipped. A stop trades at the open where that is through its level, else at its level where the bar touches it,
slipped. A stop-limit does as a stop does, where the price is no worse than its limit; else it rests as a limit order
from the next bar on, since the path after the touch is not known.
"""

from dataclasses import dataclass
from decimal import Decimal

from workbench.fills import open_price
from workbench.model import Bar, Instrument, Order, OrderType, Side


@dataclass(frozen=True, slots=True)
class Match:
    """What a bar does to a resting order: it trades at `price`, at the open or inside, or is only triggered (None)."""

    price: Decimal | None
    at_open: bool = False


def match(order: Order, bar: Bar, slippage_bps: Decimal, instrument: Instrument) -> Match | None:
    """Try one resting order on one bar; None where nothing happens to it."""
    if order.type is OrderType.LIMIT:
        return _limit(order, bar)
    assert order.level is not None
    buys = order.side is Side.BUY
    if bar.open >= order.level if buys else bar.open <= order.level:
        price, at_open = open_price(bar.open, order.side, slippage_bps, instrument), True
    elif bar.high >= order.level if buys else bar.low <= order.level:
        price, at_open = open_price(order.level, order.side, slippage_bps, instrument), False
    else:
        return None
    if order.limit is not None and (price > order.limit if buys else price < order.limit):
        return Match(None)
    return Match(price, at_open)


def _limit(order: Order, bar: Bar) -> Match | None:
    assert order.limit is not None
    buys = order.side is Side.BUY
    if bar.open <= order.limit if buys else bar.open >= order.limit:
        return Match(bar.open, at_open=True)
    if bar.low <= order.limit if buys else bar.high >= order.limit:
        return Match(order.limit)
    return None


def after_entry(bar: Bar, price: Decimal, side: Side) -> Bar:
    """The bar as far as it surely came after an entry inside it: it may have hurt, and never helped."""
    low, high = (min(bar.low, price), price) if side is Side.BUY else (price, max(bar.high, price))
    close = min(max(bar.close, low), high)
    return Bar(bar.symbol, bar.start, bar.end, price, high, low, close, bar.volume, bar.factor, bar.traded)
