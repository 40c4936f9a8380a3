"""The rule for fills, compiled: one pass over the bars of one or many symbols.

Rows named in comments are those of the table in docs/fills.md. Prices are integers in units of 1e-8, so that two
prices compare exactly; rates are integers in units of 1e-8 (5 % is 5_000_000); money and sizes are float64. All helper
functions stand in this file because numba's cache watches a compiled function's own file only.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

ONE = 100_000_000
LOT_GUARD = 1e-9
"""A lot counts as whole within this share of it: float64 money is never exact, 99.9999999999 lots are 100."""

ALL, SHARES, VALUE, PERCENT, RISK = 0, 1, 2, 3, 4
ENTRY, EXIT, STOP, TRAIL, TARGET = 0, 1, 2, 3, 4
NO_CASH, NO_EQUITY, BELOW_LOT, NO_STOP = 1, 2, 3, 4
BUY, SELL = 0, 1

ORDER = np.dtype(
    [("id", "i8"), ("col", "i8"), ("idx", "i8"), ("size", "f8"), ("price", "f8"), ("fees", "f8"), ("side", "i8")],
    align=True,
)
"""vectorbt's own record of an order."""


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
    if side == BUY:
        return tick_up(mul_up(units, ONE + slippage), tick)
    return max(tick_down(mul_down(units, ONE - slippage), tick), tick)


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
def order_fee(size, price, factor, fee_rate, per_share, minimum):
    """What one order costs (row 24: the minimum is an order's)."""
    return max(minimum, size * price * fee_rate + size * factor * per_share)


@njit(cache=True)
def affordable(direction, size, price, factor, lot, cash, fee_rate, per_share, minimum):
    """Rows 4 and 5: the size cut to what the cash pays for; a short's notional may not exceed the cash."""
    if direction > 0:
        most = min(cash / (price * (1 + fee_rate) + per_share * factor), (cash - minimum) / price)
    else:
        most = cash / price
    return whole_lots(max(min(size, most), 0.0), factor, lot)


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


@njit(cache=True)
def _grown(records, causes):
    more = np.empty(records.shape[0] * 2, records.dtype)
    more[: records.shape[0]] = records
    more_causes = np.empty(causes.shape[0] * 2, causes.dtype)
    more_causes[: causes.shape[0]] = causes
    return more, more_causes


@njit(cache=True, nogil=True)
def simulate(
    open_, high, low, close, traded, factor,
    long_entry, long_exit, short_entry, short_exit, size_override, stop_rate, target_rate, trail_rate,
    size_rule, size_amount, lot, tick, group, start_cash,
    slippage, fee_rate, per_share, minimum,
):  # fmt: skip
    """Run the rule over T bars of N symbols in G cash groups.

    Shapes: prices (int64 units), traded, factor and the four signals (T, N); size_override (T, N) in raw units with
    NaN for "by the rule", or (0, N); rates (T, N), or (1, N) for the same at every bar; lot, tick, group (N,);
    start_cash (G,). Returns order records, their causes, equity (T, G), cash (G,), rejections as rows of
    (bar, symbol, direction, reason) and what is pending after the last bar: exits, entry directions and
    sizes, each (N,).
    """
    bars, symbols = close.shape
    records, causes, count = np.empty(64, ORDER), np.empty(64, np.int8), 0
    rejected = [(0, 0, 0, 0) for _ in range(0)]
    cash = start_cash.copy()
    debt = np.zeros(cash.shape[0])
    equity = np.empty((bars, cash.shape[0]))
    position, entry_notional, last_close = np.zeros(symbols), np.zeros(symbols), np.zeros(symbols)
    stop, target, trail_by = np.zeros(symbols, np.int64), np.zeros(symbols, np.int64), np.zeros(symbols, np.int64)
    extreme = np.zeros(symbols, np.int64)
    exit_pending, entry_pending = np.zeros(symbols, np.bool_), np.zeros(symbols, np.int64)
    entry_size = np.zeros(symbols)
    entry_stop, entry_target = np.zeros(symbols, np.int64), np.zeros(symbols, np.int64)
    entry_trail = np.zeros(symbols, np.int64)
    overrides = size_override.shape[0] > 0

    for t in range(bars):
        # phase 0 closes, 1 opens (row 2: closes first, over all symbols: row 25), 2 levels inside the bar
        for phase in range(3):
            for c in range(symbols):
                if not traded[t, c]:  # row 1
                    continue
                g = group[c]
                size, units, side, cause = 0.0, 0, BUY, ENTRY
                if phase == 0:
                    if not exit_pending[c]:
                        continue
                    exit_pending[c] = False
                    if position[c] == 0:
                        continue
                    side, cause, size = (SELL if position[c] > 0 else BUY), EXIT, abs(position[c])
                    units = slipped(open_[t, c], side, slippage, tick[c])
                elif phase == 1:
                    direction = entry_pending[c]
                    if direction == 0:
                        continue
                    entry_pending[c] = 0
                    side = BUY if direction > 0 else SELL
                    units = slipped(open_[t, c], side, slippage, tick[c])
                    size = affordable(
                        direction, entry_size[c], units / ONE, factor[t, c], lot[c], cash[g] - 2 * debt[g],
                        fee_rate, per_share, minimum,
                    )  # fmt: skip
                    if size <= 0:
                        rejected.append((t, c, direction, NO_CASH))
                        continue
                else:
                    if position[c] == 0:
                        continue
                    held = 1 if position[c] > 0 else -1
                    side, size = (SELL if held > 0 else BUY), abs(position[c])
                    level, cause = stop[c], STOP
                    if trail_by[c] > 0:
                        if held > 0:
                            moved = tick_down(mul_down(extreme[c], ONE - trail_by[c]), tick[c])
                            tighter = level == 0 or moved > level
                        else:
                            moved = tick_up(mul_up(extreme[c], ONE + trail_by[c]), tick[c])
                            tighter = level == 0 or moved < level
                        if tighter:  # row 12
                            level, cause = moved, TRAIL
                    o, h, lo, goal = open_[t, c], high[t, c], low[t, c], target[c]
                    if level > 0 and (o - level) * held <= 0:  # row 8
                        units = slipped(o, side, slippage, tick[c])
                    elif goal > 0 and (o - goal) * held >= 0:  # row 9
                        units, cause = slipped(o, side, 0, tick[c]), TARGET
                    elif level > 0 and ((lo <= level) if held > 0 else (h >= level)):  # row 10
                        units = slipped(level, side, slippage, tick[c])
                    elif goal > 0 and ((h >= goal) if held > 0 else (lo <= goal)):  # row 11
                        units, cause = goal, TARGET
                    else:
                        extreme[c] = max(extreme[c], h) if held > 0 else min(extreme[c], lo)  # row 13
                        continue

                price = units / ONE
                fee = order_fee(size, price, factor[t, c], fee_rate, per_share, minimum)
                cash[g] += (size * price if side == SELL else -size * price) - fee
                if count == records.shape[0]:
                    records, causes = _grown(records, causes)
                row = records[count]
                row["id"], row["col"], row["idx"], row["size"] = count, c, t, size
                row["price"], row["fees"], row["side"] = price, fee, side
                causes[count] = cause
                count += 1
                if phase == 1:
                    position[c] = size if side == BUY else -size
                    if side == SELL:
                        entry_notional[c] = size * price
                        debt[g] += entry_notional[c]
                    extreme[c], trail_by[c] = units, entry_trail[c]
                    stop[c], target[c] = 0, 0
                    if entry_stop[c] > 0:  # row 7: the stop rounds to the worse fill, the target to the harder one
                        if side == BUY:
                            stop[c] = tick_down(mul_down(units, ONE - entry_stop[c]), tick[c])
                        else:
                            stop[c] = tick_up(mul_up(units, ONE + entry_stop[c]), tick[c])
                    if entry_target[c] > 0:
                        if side == BUY:
                            target[c] = tick_up(mul_up(units, ONE + entry_target[c]), tick[c])
                        else:
                            target[c] = max(tick_down(mul_down(units, ONE - entry_target[c]), tick[c]), tick[c])
                else:
                    if position[c] < 0:
                        debt[g] -= entry_notional[c]
                    position[c] = 0.0

        for c in range(symbols):
            if traded[t, c]:
                last_close[c] = close[t, c] / ONE
        for g in range(cash.shape[0]):
            equity[t, g] = cash[g]
        for c in range(symbols):
            if position[c] != 0:
                equity[t, group[c]] += position[c] * last_close[c]

        for c in range(symbols):
            if not traded[t, c]:
                continue
            go_long, go_short = settle(long_entry[t, c], long_exit[t, c], short_entry[t, c], short_exit[t, c])
            if (position[c] > 0 and (long_exit[t, c] or go_short)) or (
                position[c] < 0 and (short_exit[t, c] or go_long)
            ):
                exit_pending[c] = True
            direction = 0
            if go_long and position[c] <= 0:  # rows 17 and 18
                direction = 1
            elif go_short and position[c] >= 0:
                direction = -1
            if direction == 0:
                continue
            # each kind of level has a row a bar, or one row for all
            stop_now = stop_rate[t if stop_rate.shape[0] > 1 else 0, c]
            target_now = target_rate[t if target_rate.shape[0] > 1 else 0, c]
            trail_now = trail_rate[t if trail_rate.shape[0] > 1 else 0, c]
            equity_now = equity[t, group[c]]
            size = 0.0
            if equity_now > 0:
                size = wanted_size(
                    size_rule, size_amount, size_override[t, c] if overrides else np.nan, equity_now,
                    last_close[c], factor[t, c], stop_now, trail_now,
                )  # fmt: skip
            whole = whole_lots(size, factor[t, c], lot[c])
            if whole > 0:
                entry_pending[c], entry_size[c] = direction, whole
                entry_stop[c], entry_target[c], entry_trail[c] = stop_now, target_now, trail_now
            elif equity_now <= 0:
                rejected.append((t, c, direction, NO_EQUITY))
            elif size == 0 and size_rule == RISK:
                rejected.append((t, c, direction, NO_STOP))
            else:
                rejected.append((t, c, direction, BELOW_LOT))

    return records[:count], causes[:count], equity, cash, rejected, exit_pending, entry_pending, entry_size
