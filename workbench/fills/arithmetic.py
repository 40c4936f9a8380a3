"""Arithmetic of the rule for fills, compiled: what the kernel and the sweep's pass have in common.

Rows named in comments are those of the table in docs/fills.md. Prices are integers in units of 1e-8, so that two
prices compare exactly; rates are integers in units of 1e-8 (5 % is 5_000_000); money and sizes are float64.
"""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

import numpy as np
from numba import njit

from workbench.fills.charges import BUY_MAKER, BUY_TAKER, LEAST, MOST, OF, PER_ORDER, PER_UNIT, STEP, TIERS

ONE = 100_000_000
LOT_GUARD = 1e-9
"""A lot counts as whole within this share of it: float64 money is never exact, 99.9999999999 lots are 100."""

ALL, SHARES, VALUE, PERCENT, RISK = 0, 1, 2, 3, 4
BUY, SELL = 0, 1


def forget_stale(mine: str, *others: str) -> None:
    """Remove what was compiled of a module before this one or others that it calls changed.

    numba's cache watches the module's own file alone.
    """
    file = Path(mine)
    with suppress(OSError):  # a folder of the system that is not ours to clean is not ours to write either
        newest = max(Path(helper).stat().st_mtime for helper in (__file__, *others))
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.nbi"):
            if compiled.stat().st_mtime < newest:
                compiled.unlink()


@njit(cache=True)
def mul_down(units, rate):
    """Floor of units × rate ÷ ONE, exact: the product is split so that it stays inside 63 bits."""
    whole, rest = divmod(units, ONE)
    return whole * rate + rest * rate // ONE


@njit(cache=True)
def mul_up(units, rate):
    """Ceiling of units × rate ÷ ONE, exact."""
    return -mul_down(-units, rate)


@njit(cache=True)
def tick_down(units, tick):
    """The tick at or below."""
    return units // tick * tick


@njit(cache=True)
def tick_up(units, tick):
    """The tick at or above."""
    return -(-units // tick) * tick


@njit(cache=True)
def slipped(units, side, slippage, tick):
    """A price moved and rounded against us: buys up, sells down (row 6)."""
    # where nothing is to do nothing is done: these divisions take their time
    if side == BUY:
        moved = units if slippage == 0 else mul_up(units, ONE + slippage)
        return moved if tick == 1 else tick_up(moved, tick)
    moved = units if slippage == 0 else mul_down(units, ONE - slippage)
    return max(moved if tick == 1 else tick_down(moved, tick), tick)


@njit(cache=True)
def settle(long_entry, long_exit, short_entry, short_exit):
    """Rows 15 and 16: an exit beats its side's entry; entries of both sides cancel out."""
    long_entry = long_entry and not long_exit
    short_entry = short_entry and not short_exit
    both = long_entry and short_entry
    return long_entry and not both, short_entry and not both


@njit(cache=True)
def whole_lots(size, factor, lot):
    """A size cut to whole lots of the raw instrument, in units of the (adjusted) price."""
    return np.floor(size * factor / lot + LOT_GUARD) * lot / factor


@njit(cache=True)
def slip_rate(slip, impact, row, column, raw):
    """The slippage of an order of so many raw units, in units of 1e-8; `Slippage.rates` makes the tables."""
    rate = slip[row if slip.shape[0] > 1 else 0, column]
    if impact.shape[0] > 0:
        rate += math.floor(impact[row, column] * raw + 0.5 + 1e-6)
    return min(rate, ONE // 2)


@njit(cache=True)
def _charge(row, rate, base, raw):
    """One charge of an order, on turnover or on other charges: `Charge.amount`."""
    total, begin = 0.0, 0.0
    for i in range(int(row[TIERS])):
        bound = row[TIERS + 1 + 2 * i]
        if base <= bound:
            break
        total += (bound - begin) * rate
        begin, rate = bound, row[TIERS + 2 + 2 * i]
    total += (base - begin) * rate
    total += raw * row[PER_UNIT]
    total += row[PER_ORDER]
    total = min(max(total, row[LEAST]), row[MOST])
    if row[STEP] > 0:
        total = math.floor(total / row[STEP] + 0.5 + 1e-9) * row[STEP]
    return total


@njit(cache=True)
def order_fee(charges, side, maker, size, price, factor):
    """What one order costs, by the rows of `CostModel.table` (row 24: what is an order's counts once an order)."""
    turnover, raw = size * price, size * factor
    place = side + (BUY_MAKER if maker else BUY_TAKER)
    if charges.shape[0] == 1:
        return _charge(charges[0], charges[0, place], turnover, raw)
    amounts, total = np.empty(charges.shape[0]), 0.0
    for i in range(charges.shape[0]):
        base, others = turnover, int(charges[i, OF])
        if others:
            base = 0.0
            for j in range(i):
                if others >> j & 1:
                    base += amounts[j]
        amounts[i] = _charge(charges[i], charges[i, place], base, raw)
        total += amounts[i]
    return total


@njit(cache=True)
def is_plain(charges):
    """Whether an order costs a rate of its turnover, an amount a unit, and at least so much: nothing else."""
    row = charges[0]
    return charges.shape[0] == 1 and row[MOST] == math.inf and row[PER_ORDER] + row[STEP] + row[TIERS] == 0


@njit(cache=True)
def affordable_plainly(size, price, factor, lot, cash, rate, per_unit, least):
    """Row 4 for a buy under plain charges."""
    most = min(cash / (price * (1 + rate) + per_unit * factor), (cash - least) / price)
    return whole_lots(max(min(size, most), 0.0), factor, lot)


@njit(cache=True)
def affordable(direction, size, price, factor, lot, cash, charges):
    """Rows 4 and 5: the size cut to what the cash pays for; a short's notional may not exceed the cash."""
    if direction < 0:
        return whole_lots(max(min(size, cash / price), 0.0), factor, lot)
    if is_plain(charges):
        row = charges[0]
        return affordable_plainly(size, price, factor, lot, cash, row[BUY_TAKER], row[PER_UNIT], row[LEAST])
    # what an order costs does not fall as it grows, so that halving finds the largest number of lots
    unit = lot / factor
    high = math.floor(min(size, cash / price) / unit + LOT_GUARD)
    if high <= 0:
        return 0.0
    spare = cash + LOT_GUARD * unit * price
    if high * unit * price + order_fee(charges, BUY, False, high * unit, price, factor) <= spare:
        return high * lot / factor
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        if middle * unit * price + order_fee(charges, BUY, False, middle * unit, price, factor) <= spare:
            low = middle
        else:
            high = middle
    return low * lot / factor


@njit(cache=True)
def wanted_size(rule, amount, override, equity, close, factor, stop, trail):
    """The size at the signal's close, before whole lots; 0 where there is no answer."""
    if not math.isnan(override):
        return override / factor
    if rule == ALL:
        return equity / close
    if rule == SHARES:
        return amount / factor
    if rule == VALUE:
        return amount / close
    if rule == PERCENT:
        return equity * amount / 100 / close
    distance = stop if trail == 0 or (stop > 0 and stop < trail) else trail
    return 0.0 if distance == 0 else equity * amount / 100 / (close * distance / ONE)
