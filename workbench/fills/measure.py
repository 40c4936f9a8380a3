"""The rule for fills of one symbol, compiled and measured in the same pass: what a sweep runs for each set.

It is `kernel.simulate` for one symbol without its records: the same rows of docs/fills.md, the same helpers, in the
same order, and the sums from which every figure of a run follows. Property tests hold the two together.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from workbench.fills import arithmetic, drift
from workbench.fills.arithmetic import BUY, ONE, SELL, mul_down, mul_up, settle, slip_rate, slipped, tick_down, tick_up
from workbench.fills.charges import BUY_MAKER, BUY_TAKER, LEAST, PER_UNIT
from workbench.fills.drift import drifted, flag_at, is_fixed, next_flag, sunk

affordable, affordable_plainly, is_plain = arithmetic.affordable, arithmetic.affordable_plainly, arithmetic.is_plain
order_fee, wanted_size, whole_lots = arithmetic.order_fee, arithmetic.wanted_size, arithmetic.whole_lots

(
    END_EQUITY, RETURNS, SQUARES, DOWNSIDE, DRAWDOWN, TRADES, CLOSED, WINS, GAINS, LOSSES, PROFIT, RETURNED, BEST,
    WORST, FEES, HELD, REJECTED,
) = range(17)  # fmt: skip
"""Places of the sums: equity at the end; sums of the bars' returns, their squares, and the squares of the losses; the
deepest drawdown as a share that was left; trades, closed ones, and of those the winners, gross gains and losses, net
profit, sum, best and worst of their returns; fees of all; bars after which something was held; rejected entries."""
SUMS = 17
TILE = 4096
"""Bars that all sets are taken over before any goes on: what is read of them then lies near the processor. Eights."""


arithmetic.forget_stale(__file__, drift.__file__)


@njit(cache=True, nogil=True)
def measure(
    quotes, high, low, close, mark,
    long_in, long_out, short_in, short_out, size_override, stop_rate, target_rate, trail_rate,
    size_rule, size_amount, lot, tick, start_cash, slip, impact, charges, epoch, at_close, tables, bounds, lowest, sums,
):  # fmt: skip
    """Run K sets over T bars of one symbol and write their sums.

    Shapes: `quotes` (T,) from `drift.quotes_of`, prices (T,) in int64 units, `mark` (T,) as in the quotes; entries and
    exits (K, ⌈T ÷ 64⌉) words of `drift.pack`, or (K, 0) where no set has any; size_override (K, T) in raw units with
    NaN for "by the rule", or (K, 0); rates (K, T), or (K, 1) for the same at every bar; size_rule and size_amount (K,);
    slippage and charges as in `kernel.simulate`, for its one symbol; at_close (K,); `tables`, `bounds` and `lowest`
    from `drift.tables_of(mark)`; sums (K, SUMS) is written.
    """
    bars, sets = close.shape[0], sums.shape[0]
    money, whole = np.empty((sets, 21)), np.empty((sets, 14), np.int64)
    for begin in range(0, max(bars, 1), TILE):
        for k in range(sets):
            _one(
                quotes, high, low, close, mark,
                long_in[k], long_out[k], short_in[k], short_out[k], size_override[k],
                stop_rate[k], target_rate[k], trail_rate[k], size_rule[k], size_amount[k],
                lot, tick, start_cash, slip, impact, charges, epoch, at_close[k], tables, bounds, lowest,
                begin, min(begin + TILE, bars), money[k], whole[k], sums[k],
            )  # fmt: skip


@njit(cache=True, nogil=True, _nrt=False)
def _units(quote, now, is_known, side, slip, impact, row, raw, tick):
    """The price of a market order for so many raw units, in units; `is_known` where the quote has it."""
    if is_known:
        return quote.buy if side == BUY else quote.sell
    return slipped(now, side, slip_rate(slip, impact, row, 0, raw), tick)


@njit(cache=True, nogil=True, _nrt=False)  # the arrays are the caller's
def _one(
    quotes, high, low, close, mark, long_in, long_out, short_in, short_out,
    size_override, stop_rate, target_rate, trail_rate, size_rule, size_amount, lot, tick, start_cash, slip, impact,
    charges, epoch, at_close, tables, bounds, lowest, begin, end, money, whole, sums,
):  # fmt: skip
    """One set over the bars from `begin` up to, not including, `end`; what it is in the middle of is in `money` and
    `whole` in between."""
    longs, shorts = long_in.shape[0] > 0, short_in.shape[0] > 0
    long_outs, short_outs = long_out.shape[0] > 0, short_out.shape[0] > 0
    overrides = size_override.shape[0] > 0
    if begin == 0:
        money[:], whole[:] = 0.0, 0
        money[0] = money[8] = money[9] = start_cash
        money[10], money[19], money[20] = 1.0, -math.inf, math.inf
    cash, debt, position, last_close, entry_size = money[0], money[1], money[2], money[3], money[4]
    bought_at, bought_fee, bought_notional = money[5], money[6], money[7]
    before, peak, left, returns, squares, downside = money[8], money[9], money[10], money[11], money[12], money[13]
    gains, losses, profit, returned, fees = money[14], money[15], money[16], money[17], money[18]
    best, worst = money[19], money[20]
    stop, target, trail_by, extreme = whole[0], whole[1], whole[2], whole[3]
    exit_pending, entry_pending = whole[4] != 0, whole[5]
    entry_stop, entry_target, entry_trail = whole[6], whole[7], whole[8]
    trades, closed, wins, held, rejected = whole[9], whole[10], whole[11], whole[12], whole[13]

    # what most sweeps have is kept in numbers of its own: a call with tables for each order takes half of the time
    first_day, fixed = charges[0], is_fixed(slip, impact)
    plain = charges.shape[0] == 1 and is_plain(first_day)
    rate, per_unit, least = slip[0, 0], first_day[0, PER_UNIT], first_day[0, LEAST]
    taker, maker = first_day[0, BUY_TAKER : BUY_TAKER + 2], first_day[0, BUY_MAKER : BUY_MAKER + 2]
    t = begin
    while t < end:
        if not exit_pending and entry_pending == 0 and (position == 0 or (stop == 0 and target == 0 and trail_by == 0)):
            # nothing can trade before a bar asks for something: go there, and let the equity drift with the price
            # (an entry in the direction that is held asks for nothing, and an exit without a position neither)
            ahead = end
            if longs and position <= 0:
                ahead = next_flag(long_in, t, ahead)
            if shorts and position >= 0:
                ahead = next_flag(short_in, t, ahead)
            if long_outs and position > 0:
                ahead = next_flag(long_out, t, ahead)
            if short_outs and position < 0:
                ahead = next_flag(short_out, t, ahead)
            if position != 0:
                held += ahead - t
                if t < ahead:
                    first = cash + position * quotes[t].mark
                    change = first / before - 1 if before > 0 else 0.0
                    fell = min(change, 0.0)
                    more, more_squares, more_downside = drifted(tables, lowest, cash, position, mark, t, ahead)
                    returns += change + more
                    squares += change * change + more_squares
                    downside += fell * fell + more_downside
                    peak, left = sunk(bounds, cash, position, mark, t, ahead, peak, left)
                    before = cash + position * mark[ahead - 1]
            t = ahead
            if t == end:
                break
        day = epoch[t if epoch.shape[0] > 1 else 0]
        for phase in range(5):  # as in the kernel: closes, opens, levels, and at the close closes and opens again
            if phase == 3:
                last_close = quotes[t].mark
                equity = cash if position == 0 else cash + position * last_close
                if not quotes[t].traded:
                    break
                in_long, out_long = longs and flag_at(long_in, t), long_outs and flag_at(long_out, t)
                in_short, out_short = shorts and flag_at(short_in, t), short_outs and flag_at(short_out, t)
                if not (in_long or out_long or in_short or out_short):
                    break
                go_long, go_short = settle(in_long, out_long, in_short, out_short)
                if (position > 0 and (out_long or go_short)) or (position < 0 and (out_short or go_long)):
                    exit_pending = True
                direction = 0
                if go_long and position <= 0:  # rows 17 and 18
                    direction = 1
                elif go_short and position >= 0:
                    direction = -1
                if direction != 0:
                    stop_now = stop_rate[t if stop_rate.shape[0] > 1 else 0]
                    target_now = target_rate[t if target_rate.shape[0] > 1 else 0]
                    trail_now = trail_rate[t if trail_rate.shape[0] > 1 else 0]
                    wanted = 0.0
                    if equity > 0:
                        wanted = wanted_size(
                            size_rule, size_amount, size_override[t] if overrides else np.nan, equity, last_close,
                            quotes[t].factor, stop_now, trail_now,
                        )  # fmt: skip
                    lots = whole_lots(wanted, quotes[t].factor, lot)
                    if lots > 0:
                        entry_pending, entry_size = direction, lots
                        entry_stop, entry_target, entry_trail = stop_now, target_now, trail_now
                    else:
                        rejected += 1
                if not at_close:
                    break
            if not quotes[t].traded:  # row 1
                continue
            size, units, side, entering, resting = 0.0, 0, BUY, False, False
            now, row = quotes[t].open if phase < 3 else close[t], t if phase < 3 else t + 1
            if phase == 0 or phase == 3:
                if not exit_pending:
                    continue
                exit_pending = False
                if position == 0:
                    continue
                side, size = (SELL if position > 0 else BUY), abs(position)
                raw = size * quotes[t].factor
                units = _units(quotes[t], now, fixed and phase == 0, side, slip, impact, row, raw, tick)
            elif phase != 2:
                direction = entry_pending
                if direction == 0:
                    continue
                entry_pending, entering = 0, True
                side = BUY if direction > 0 else SELL
                raw = entry_size * quotes[t].factor
                units = _units(quotes[t], now, fixed and phase == 1, side, slip, impact, row, raw, tick)
                if plain and direction > 0:
                    spare = cash - 2 * debt
                    size = affordable_plainly(
                        entry_size, units / ONE, quotes[t].factor, lot, spare, taker[BUY], per_unit, least
                    )  # fmt: skip
                else:
                    size = affordable(
                        direction, entry_size, units / ONE, quotes[t].factor, lot, cash - 2 * debt, charges[day]
                    )  # fmt: skip
                if size <= 0:
                    rejected += 1
                    continue
            else:
                if position == 0 or (stop == 0 and target == 0 and trail_by == 0):
                    continue
                up = 1 if position > 0 else -1
                side, size, level = (SELL if up > 0 else BUY), abs(position), stop
                if trail_by > 0:
                    if up > 0:
                        moved = tick_down(mul_down(extreme, ONE - trail_by), tick)
                        tighter = level == 0 or moved > level
                    else:
                        moved = tick_up(mul_up(extreme, ONE + trail_by), tick)
                        tighter = level == 0 or moved < level
                    if tighter:  # row 12
                        level = moved
                o, h, lo = quotes[t].open, high[t], low[t]
                if not fixed:
                    rate = slip_rate(slip, impact, t, 0, size * quotes[t].factor)
                if level > 0 and (o - level) * up <= 0:  # row 8
                    units = slipped(o, side, rate, tick)
                elif target > 0 and (o - target) * up >= 0:  # row 9
                    units, resting = slipped(o, side, 0, tick), True
                elif level > 0 and ((lo <= level) if up > 0 else (h >= level)):  # row 10
                    units = slipped(level, side, rate, tick)
                elif target > 0 and ((h >= target) if up > 0 else (lo <= target)):  # row 11
                    units, resting = target, True
                else:
                    extreme = max(extreme, h) if up > 0 else min(extreme, lo)  # row 13
                    continue

            price = units / ONE
            if plain:
                share = maker[side] if resting else taker[side]
                fee = max(size * price * share + size * quotes[t].factor * per_unit, least)
            else:
                fee = order_fee(charges[day], side, resting, size, price, quotes[t].factor)
            cash += (size * price if side == SELL else -size * price) - fee
            fees += fee
            if entering:
                trades += 1
                position = size if side == BUY else -size
                bought_at, bought_fee = price, fee
                if side == SELL:
                    bought_notional = size * price
                    debt += bought_notional
                extreme, trail_by, stop, target = units, entry_trail, 0, 0
                if entry_stop > 0:  # row 7
                    if side == BUY:
                        stop = tick_down(mul_down(units, ONE - entry_stop), tick)
                    else:
                        stop = tick_up(mul_up(units, ONE + entry_stop), tick)
                if entry_target > 0:
                    if side == BUY:
                        target = tick_up(mul_up(units, ONE + entry_target), tick)
                    else:
                        target = max(tick_down(mul_down(units, ONE - entry_target), tick), tick)
            else:
                made = size * (price - bought_at) * (1 if position > 0 else -1) - (bought_fee + fee)
                share = made / (bought_at * size)
                closed += 1
                profit += made
                returned += share
                best, worst = max(best, share), min(worst, share)
                if made > 0:
                    wins += 1
                    gains += made
                else:
                    losses -= made
                if position < 0:
                    debt -= bought_notional
                position = 0.0
        if at_close:
            equity = cash if position == 0 else cash + position * last_close
        if position != 0:
            held += 1
        if equity != before:
            change = equity / before - 1 if before > 0 else 0.0
            returns += change
            squares += change * change
            if change < 0:
                downside += change * change
            if equity > peak:
                peak = equity
            elif equity < left * peak:
                left = equity / peak
            before = equity
        t += 1

    money[0], money[1], money[2], money[3], money[4] = cash, debt, position, last_close, entry_size
    money[5], money[6], money[7] = bought_at, bought_fee, bought_notional
    money[8], money[9], money[10], money[11], money[12], money[13] = before, peak, left, returns, squares, downside
    money[14], money[15], money[16], money[17], money[18] = gains, losses, profit, returned, fees
    money[19], money[20] = best, worst
    whole[0], whole[1], whole[2], whole[3] = stop, target, trail_by, extreme
    whole[4], whole[5] = int(exit_pending), entry_pending
    whole[6], whole[7], whole[8] = entry_stop, entry_target, entry_trail
    whole[9], whole[10], whole[11], whole[12], whole[13] = trades, closed, wins, held, rejected
    sums[END_EQUITY], sums[RETURNS], sums[SQUARES], sums[DOWNSIDE] = before, returns, squares, downside
    sums[DRAWDOWN], sums[TRADES], sums[CLOSED], sums[WINS] = left, trades, closed, wins
    sums[GAINS], sums[LOSSES], sums[PROFIT], sums[RETURNED] = gains, losses, profit, returned
    sums[BEST], sums[WORST], sums[FEES], sums[HELD], sums[REJECTED] = best, worst, fees, held, rejected
