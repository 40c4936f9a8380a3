"""The rule for fills, bar by bar in Decimal: what the paper broker trades by.

A second, independent writing of the table in docs/fills.md; property tests hold it and the compiled kernel together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_FLOOR, Decimal, localcontext

from workbench.fills.costs import Costs
from workbench.model import MONEY_CONTEXT, Bar, Instrument, OrderType, Protection, Rounding, Side

_LOT_GUARD = Decimal("1e-9")
_FINEST = Decimal("1e-20")
_PERCENT = Decimal(100)
_BASIS_POINT = Decimal("1e-4")


def open_price(price: Decimal, side: Side, slippage_bps: Decimal, instrument: Instrument) -> Decimal:
    """The price of a market order: moved by the slippage and rounded to the tick against us (row 6)."""
    with localcontext(MONEY_CONTEXT):
        share = 1 + side.sign * slippage_bps * _BASIS_POINT
        rounded = instrument.round_price(price * share, Rounding.UP if side is Side.BUY else Rounding.DOWN)
        return max(rounded, instrument.price_step)


@dataclass(frozen=True, slots=True)
class Levels:
    """The one-cancels-other levels of a position; None where there is none.

    `extreme` is the best price since the fill, from which the trail hangs by `trail` percent.
    """

    entry: Side
    stop: Decimal | None
    target: Decimal | None
    trail: Decimal | None
    extreme: Decimal

    @staticmethod
    def from_fill(entry: Side, price: Decimal, protection: Protection, instrument: Instrument) -> Levels:
        """Levels from the fill price after slippage and rounding (row 7)."""
        with localcontext(MONEY_CONTEXT):
            worse, harder = _roundings(entry)
            stop = target = None
            if protection.stop is not None:
                stop = instrument.round_price(price * (1 - entry.sign * protection.stop / _PERCENT), worse)
            if protection.target is not None:
                raw = price * (1 + entry.sign * protection.target / _PERCENT)
                target = max(instrument.round_price(raw, harder), instrument.price_step)
            return Levels(entry, stop, target, protection.trail, price)

    def stop_now(self, instrument: Instrument) -> tuple[Decimal, OrderType] | None:
        """The tighter of stop and trail (row 12), and which of the two it is."""
        with localcontext(MONEY_CONTEXT):
            found = None if self.stop is None or self.stop <= 0 else (self.stop, OrderType.STOP)
            if self.trail is not None:
                worse, _ = _roundings(self.entry)
                moved = instrument.round_price(self.extreme * (1 - self.entry.sign * self.trail / _PERCENT), worse)
                if found is None or (moved - found[0]) * self.entry.sign > 0:
                    found = (moved, OrderType.TRAILING_STOP)
            return found

    def hit(self, bar: Bar, slippage_bps: Decimal, instrument: Instrument) -> tuple[Decimal, OrderType] | None:
        """Whether a bar takes the position out, at which price and by which level (rows 8 to 11)."""
        side = Side.SELL if self.entry is Side.BUY else Side.BUY
        sign = self.entry.sign
        worst, best = (bar.low, bar.high) if sign > 0 else (bar.high, bar.low)
        level = self.stop_now(instrument)
        if level is not None and (bar.open - level[0]) * sign <= 0:
            return open_price(bar.open, side, slippage_bps, instrument), level[1]
        if self.target is not None and (bar.open - self.target) * sign >= 0:
            return open_price(bar.open, side, Decimal(0), instrument), OrderType.TARGET
        if level is not None and (worst - level[0]) * sign <= 0:
            return open_price(level[0], side, slippage_bps, instrument), level[1]
        if self.target is not None and (best - self.target) * sign >= 0:
            return self.target, OrderType.TARGET
        return None

    def after(self, bar: Bar) -> Levels:
        """The levels once a bar that did not hit them is over: the trail moves, never loosens (row 13)."""
        best = max(self.extreme, bar.high) if self.entry is Side.BUY else min(self.extreme, bar.low)
        return replace(self, extreme=best)


def whole_lots(size: Decimal, factor: Decimal, instrument: Instrument) -> Decimal:
    """A size cut to whole lots of the raw instrument, in units of the (adjusted) price."""
    with localcontext(MONEY_CONTEXT):
        step = instrument.size_step
        lots = (size * factor / step + _LOT_GUARD).to_integral_value(rounding=ROUND_FLOOR)
        return price_units(lots * step, factor)


def price_units(raw: Decimal, factor: Decimal) -> Decimal:
    """A raw size in units of the (adjusted) price, cut to 20 decimals so that sums of sizes stay exact."""
    with localcontext(MONEY_CONTEXT):
        return raw if factor == 1 else (raw / factor).quantize(_FINEST, rounding=ROUND_FLOOR)


def affordable(
    side: Side, size: Decimal, price: Decimal, factor: Decimal, cash: Decimal, costs: Costs, instrument: Instrument,
    day: date,
) -> Decimal:  # fmt: skip
    """Rows 4 and 5: a size cut to what the cash pays for; a short's notional may not exceed the cash."""
    with localcontext(MONEY_CONTEXT):
        if side is Side.BUY and costs.model is not None:
            return _most_paid(size, price, factor, cash, costs, instrument, day)
        if side is Side.BUY:
            unit = price * (1 + costs.fee_bps * _BASIS_POINT) + costs.per_share * factor
            most = min(cash / unit, (cash - costs.minimum_fee) / price)
        else:
            most = cash / price
        return whole_lots(max(min(size, most), Decimal(0)), factor, instrument)


def order_fee(
    side: Side, size: Decimal, price: Decimal, factor: Decimal, costs: Costs, day: date, *, maker: bool = False
) -> Decimal:
    """What one order costs on a day (UTC); the minimum is an order's (row 24)."""
    with localcontext(MONEY_CONTEXT):
        return sum(costs.parts(side, size * price, size * factor, day, maker=maker).values(), Decimal(0))


def _most_paid(
    size: Decimal, price: Decimal, factor: Decimal, cash: Decimal, costs: Costs, instrument: Instrument, day: date
) -> Decimal:
    """The most whole lots of a buy that the cash pays for with all charges, which do not fall as it grows."""
    step = instrument.size_step
    unit = step / factor
    high = int((min(size, cash / price) / unit + _LOT_GUARD).to_integral_value(rounding=ROUND_FLOOR))

    def fits(lots: int) -> bool:
        fee = order_fee(Side.BUY, lots * unit, price, factor, costs, day)
        return lots * unit * price + fee <= cash + _LOT_GUARD * unit * price

    if high <= 0 or fits(high):
        return price_units(max(high, 0) * step, factor)
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return price_units(low * step, factor)


def _roundings(entry: Side) -> tuple[Rounding, Rounding]:
    """For a position's side: towards the worse fill, towards the harder target."""
    return (Rounding.DOWN, Rounding.UP) if entry is Side.BUY else (Rounding.UP, Rounding.DOWN)
