"""The rule for fills, compiled: one pass over the bars of one or many symbols.

Rows named in comments are those of the table in docs/fills.md; units are those of `arithmetic`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from workbench.fills import arithmetic
from workbench.fills.arithmetic import (
    BUY,
    ONE,
    RISK,
    SELL,
    affordable,
    mul_down,
    mul_up,
    order_fee,
    settle,
    slip_rate,
    slipped,
    tick_down,
    tick_up,
    wanted_size,
    whole_lots,
)

ENTRY, EXIT, STOP, TRAIL, TARGET = 0, 1, 2, 3, 4
NO_CASH, NO_EQUITY, BELOW_LOT, NO_STOP = 1, 2, 3, 4

ORDER = np.dtype(
    [("id", "i8"), ("col", "i8"), ("idx", "i8"), ("size", "f8"), ("price", "f8"), ("fees", "f8"), ("side", "i8")],
    align=True,
)
"""vectorbt's own record of an order."""


arithmetic.forget_stale(__file__)


@njit(cache=True)
def _grown(records, causes):
    more = np.empty(records.shape[0] * 2, records.dtype)
    more[: records.shape[0]] = records
    more_causes = np.empty(causes.shape[0] * 2, causes.dtype)
    more_causes[: causes.shape[0]] = causes
    return more, more_causes


@njit(cache=True)
def _valued(equity, cash, position, last_close, group):
    """Write what each cash group is worth."""
    for g in range(cash.shape[0]):
        equity[g] = cash[g]
    for c in range(position.shape[0]):
        if position[c] != 0:
            equity[group[c]] += position[c] * last_close[c]


@njit(cache=True, nogil=True)
def simulate(
    open_, high, low, close, traded, factor,
    long_entry, long_exit, short_entry, short_exit, size_override, stop_rate, target_rate, trail_rate,
    size_rule, size_amount, lot, tick, group, start_cash,
    slip, impact, charges, epoch, at_close,
):  # fmt: skip
    """Run the rule over T bars of N symbols in G cash groups.

    Shapes: prices (int64 units), traded, factor and the four signals (T, N); size_override (T, N) in raw units with
    NaN for "by the rule", or (0, N); rates (T, N), or (1, N) for the same at every bar; lot, tick, group (N,);
    start_cash (G,). Slippage `slip` (T + 1, N), before each bar and after the last, or (1, N), and what each raw unit
    adds to it, `impact` (T + 1, N), or (0, N); `charges` (E, C, WIDTH), and which of the E counts at each bar, `epoch`
    (T,), or (1,). With `at_close` signals fill at the close they were seen at. Returns order records, their causes,
    equity (T, G), cash (G,), rejections as rows of (bar, symbol, direction, reason) and what is pending after the last
    bar: exits, entry directions and sizes, each (N,).
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
        day = epoch[t if epoch.shape[0] > 1 else 0]
        # phase 0 closes, 1 opens (row 2: closes first, over all symbols: row 25), 2 levels inside the bar; then the
        # bar is over and signals are seen, and where they fill at its close 3 closes and 4 opens (row 26)
        for phase in range(5):
            if phase == 3:
                for c in range(symbols):
                    if traded[t, c]:
                        last_close[c] = close[t, c] / ONE
                _valued(equity[t], cash, position, last_close, group)
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
                if not at_close:
                    break
            first = phase == 0 or phase == 3
            now = open_ if phase < 3 else close
            row_of = t if phase < 3 else t + 1
            for c in range(symbols):
                if not traded[t, c]:  # row 1
                    continue
                g = group[c]
                size, units, side, cause = 0.0, 0, BUY, ENTRY
                if first:
                    if not exit_pending[c]:
                        continue
                    exit_pending[c] = False
                    if position[c] == 0:
                        continue
                    side, cause, size = (SELL if position[c] > 0 else BUY), EXIT, abs(position[c])
                    rate = slip_rate(slip, impact, row_of, c, size * factor[t, c])
                    units = slipped(now[t, c], side, rate, tick[c])
                elif phase != 2:
                    direction = entry_pending[c]
                    if direction == 0:
                        continue
                    entry_pending[c] = 0
                    side = BUY if direction > 0 else SELL
                    rate = slip_rate(slip, impact, row_of, c, entry_size[c] * factor[t, c])
                    units = slipped(now[t, c], side, rate, tick[c])
                    size = affordable(
                        direction, entry_size[c], units / ONE, factor[t, c], lot[c], cash[g] - 2 * debt[g], charges[day]
                    )
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
                    rate = slip_rate(slip, impact, t, c, size * factor[t, c])
                    if level > 0 and (o - level) * held <= 0:  # row 8
                        units = slipped(o, side, rate, tick[c])
                    elif goal > 0 and (o - goal) * held >= 0:  # row 9
                        units, cause = slipped(o, side, 0, tick[c]), TARGET
                    elif level > 0 and ((lo <= level) if held > 0 else (h >= level)):  # row 10
                        units = slipped(level, side, rate, tick[c])
                    elif goal > 0 and ((h >= goal) if held > 0 else (lo <= goal)):  # row 11
                        units, cause = goal, TARGET
                    else:
                        extreme[c] = max(extreme[c], h) if held > 0 else min(extreme[c], lo)  # row 13
                        continue

                price = units / ONE
                fee = order_fee(charges[day], side, cause == TARGET, size, price, factor[t, c])
                cash[g] += (size * price if side == SELL else -size * price) - fee
                if count == records.shape[0]:
                    records, causes = _grown(records, causes)
                row = records[count]
                row["id"], row["col"], row["idx"], row["size"] = count, c, t, size
                row["price"], row["fees"], row["side"] = price, fee, side
                causes[count] = cause
                count += 1
                if cause == ENTRY:
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

        if at_close:
            _valued(equity[t], cash, position, last_close, group)

    return records[:count], causes[:count], equity, cash, rejected, exit_pending, entry_pending, entry_size
