"""The rule for fills of one symbol, compiled and measured in the same pass: what a sweep runs for each set.

It is `kernel.simulate` for one symbol without its records: the same rows of docs/fills.md, the same helpers, in the
same order, and the sums from which every figure of a run follows. Property tests hold the two together.
"""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

import numpy as np
from numba import njit

from workbench.fills import kernel
from workbench.fills.kernel import BUY, ONE, SELL, affordable, mul_down, mul_up, order_fee, settle, slipped, tick_down

tick_up, wanted_size, whole_lots = kernel.tick_up, kernel.wanted_size, kernel.whole_lots

(
    END_EQUITY, RETURNS, SQUARES, DOWNSIDE, DRAWDOWN, TRADES, CLOSED, WINS, GAINS, LOSSES, PROFIT, RETURNED, BEST,
    WORST, FEES, HELD, REJECTED,
) = range(17)  # fmt: skip
"""Places of the sums: equity at the end; sums of the bars' returns, their squares, and the squares of the losses; the
deepest drawdown as a share that was left; trades, closed ones, and of those the winners, gross gains and losses, net
profit, sum, best and worst of their returns; fees of all; bars after which something was held; rejected entries."""
SUMS = 17


def _forget_stale() -> None:
    """Remove what was compiled before the helpers changed: numba's cache watches this file alone."""
    helpers, mine = Path(kernel.__file__), Path(__file__)
    with suppress(OSError):  # a folder of the system that is not ours to clean is not ours to write either
        for file in (mine.parent / "__pycache__").glob(f"{mine.stem}.*.nbi"):
            if file.stat().st_mtime < helpers.stat().st_mtime:
                file.unlink()


_forget_stale()


@njit(cache=True, nogil=True)
def measure(
    open_, high, low, close, mark, traded, factor,
    long_entry, long_exit, short_entry, short_exit, size_override, stop_rate, target_rate, trail_rate,
    size_rule, size_amount, lot, tick, start_cash, slippage, fee_rate, per_share, minimum, sums,
):  # fmt: skip
    """Run K sets over T bars of one symbol and write their sums.

    Shapes: prices (T,) in int64 units, `mark` (T,) the last traded close in currency, traded and factor (T,); the flags
    (K, T), padded with False to whole eights of bars, or (K, 0) where no set has any; size_override (K, T) in raw units
    with NaN for "by the rule", or (K, 0); rates (K, T), or (K, 1) for the same at every bar; size_rule and size_amount
    (K,); sums (K, SUMS) is written.
    """
    in_words, out_words = long_entry.view(np.uint64), long_exit.view(np.uint64)
    in_short, out_short = short_entry.view(np.uint64), short_exit.view(np.uint64)
    for k in range(sums.shape[0]):
        _one(
            open_, high, low, close, mark, traded, factor,
            long_entry[k], long_exit[k], short_entry[k], short_exit[k],
            in_words[k], out_words[k], in_short[k], out_short[k], size_override[k],
            stop_rate[k], target_rate[k], trail_rate[k], size_rule[k], size_amount[k],
            lot, tick, start_cash, slippage, fee_rate, per_share, minimum, sums[k],
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _next(flags, words, t, stop):
    """The first bar from t on at which a flag is set, at most `stop`; `words` are the same flags, eight at a time."""
    while t < stop and t % 8:
        if flags[t]:
            return t
        t += 1
    while t + 8 <= stop and words[t // 8] == 0:
        t += 8
    while t < stop and not flags[t]:
        t += 1
    return t


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _drift(cash, position, mark, start, stop):
    """Sums of the returns after `start`, their squares and those of the losses, where the equity stays above 0.

    The sums may be taken in any order, so that the machine takes several bars at once.
    """
    returns, squares, downside = 0.0, 0.0, 0.0
    for i in range(start + 1, stop):
        change = (cash + position * mark[i]) / (cash + position * mark[i - 1]) - 1.0
        fell = min(change, 0.0)
        returns += change
        squares += change * change
        downside += fell * fell
    return returns, squares, downside


@njit(cache=True, nogil=True)
def _sink(cash, position, mark, start, stop):
    """As `_drift`, where the equity may be gone: after that a return is 0."""
    returns, squares, downside = 0.0, 0.0, 0.0
    before = cash + position * mark[start]
    for i in range(start + 1, stop):
        equity = cash + position * mark[i]
        change = equity / before - 1 if before > 0 else 0.0
        fell = min(change, 0.0)
        returns += change
        squares += change * change
        downside += fell * fell
        before = equity
    return returns, squares, downside


@njit(cache=True, nogil=True)
def _one(
    open_, high, low, close, mark, traded, factor, long_entry, long_exit, short_entry, short_exit,
    long_in_words, long_out_words, short_in_words, short_out_words, size_override, stop_rate, target_rate, trail_rate,
    size_rule, size_amount, lot, tick, start_cash, slippage, fee_rate, per_share, minimum, sums,
):  # fmt: skip
    bars = close.shape[0]
    longs, shorts = long_entry.shape[0] > 0, short_entry.shape[0] > 0
    long_outs, short_outs = long_exit.shape[0] > 0, short_exit.shape[0] > 0
    overrides = size_override.shape[0] > 0
    cash, debt, position, last_close = start_cash, 0.0, 0.0, 0.0
    stop, target, trail_by, extreme = 0, 0, 0, 0
    exit_pending, entry_pending, entry_size = False, 0, 0.0
    entry_stop, entry_target, entry_trail = 0, 0, 0
    bought_at, bought_fee, bought_notional = 0.0, 0.0, 0.0
    before, peak, left = start_cash, start_cash, 1.0
    returns, squares, downside = 0.0, 0.0, 0.0
    trades, closed, wins, held, rejected = 0, 0, 0, 0, 0
    gains, losses, profit, returned, fees = 0.0, 0.0, 0.0, 0.0, 0.0
    best, worst = -math.inf, math.inf

    t = 0
    while t < bars:
        if not exit_pending and entry_pending == 0 and (position == 0 or (stop == 0 and target == 0 and trail_by == 0)):
            # nothing can trade before a bar asks for something: go there, and let the equity drift with the price
            ahead = bars
            if longs:
                ahead = _next(long_entry, long_in_words, t, ahead)
            if shorts:
                ahead = _next(short_entry, short_in_words, t, ahead)
            if position != 0:
                if long_outs:
                    ahead = _next(long_exit, long_out_words, t, ahead)
                if short_outs:
                    ahead = _next(short_exit, short_out_words, t, ahead)
                held += ahead - t
                if t < ahead:
                    first = cash + position * mark[t]
                    change = first / before - 1 if before > 0 else 0.0
                    fell = min(change, 0.0)
                    if position > 0 and cash >= 0:  # the equity stays above 0
                        more, more_squares, more_downside = _drift(cash, position, mark, t, ahead)
                    else:
                        more, more_squares, more_downside = _sink(cash, position, mark, t, ahead)
                    returns += change + more
                    squares += change * change + more_squares
                    downside += fell * fell + more_downside
                    for i in range(t, ahead):
                        equity = cash + position * mark[i]
                        if equity > peak:
                            peak = equity
                        elif equity < left * peak:
                            left = equity / peak
                    before = cash + position * mark[ahead - 1]
            t = ahead
            if t == bars:
                break
        if traded[t]:  # row 1
            for phase in range(3):  # closes, opens, then levels inside the bar (row 2)
                size, units, side = 0.0, 0, BUY
                if phase == 0:
                    if not exit_pending:
                        continue
                    exit_pending = False
                    if position == 0:
                        continue
                    side, size = (SELL if position > 0 else BUY), abs(position)
                    units = slipped(open_[t], side, slippage, tick)
                elif phase == 1:
                    direction = entry_pending
                    if direction == 0:
                        continue
                    entry_pending = 0
                    side = BUY if direction > 0 else SELL
                    units = slipped(open_[t], side, slippage, tick)
                    size = affordable(
                        direction,
                        entry_size,
                        units / ONE,
                        factor[t],
                        lot,
                        cash - 2 * debt,
                        fee_rate,
                        per_share,
                        minimum,
                    )
                    if size <= 0:
                        rejected += 1
                        continue
                else:
                    if position == 0:
                        continue
                    if stop == 0 and target == 0 and trail_by == 0:
                        continue
                    up = 1 if position > 0 else -1
                    side, size = (SELL if up > 0 else BUY), abs(position)
                    level = stop
                    if trail_by > 0:
                        if up > 0:
                            moved = tick_down(mul_down(extreme, ONE - trail_by), tick)
                            tighter = level == 0 or moved > level
                        else:
                            moved = tick_up(mul_up(extreme, ONE + trail_by), tick)
                            tighter = level == 0 or moved < level
                        if tighter:  # row 12
                            level = moved
                    o, h, lo = open_[t], high[t], low[t]
                    if level > 0 and (o - level) * up <= 0:  # row 8
                        units = slipped(o, side, slippage, tick)
                    elif target > 0 and (o - target) * up >= 0:  # row 9
                        units = slipped(o, side, 0, tick)
                    elif level > 0 and ((lo <= level) if up > 0 else (h >= level)):  # row 10
                        units = slipped(level, side, slippage, tick)
                    elif target > 0 and ((h >= target) if up > 0 else (lo <= target)):  # row 11
                        units = target
                    else:
                        extreme = max(extreme, h) if up > 0 else min(extreme, lo)  # row 13
                        continue

                price = units / ONE
                fee = order_fee(size, price, factor[t], fee_rate, per_share, minimum)
                cash += (size * price if side == SELL else -size * price) - fee
                fees += fee
                if phase == 1:
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
        last_close = mark[t]
        equity = cash
        if position != 0:
            equity += position * last_close
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

        if traded[t]:
            in_long, out_long = longs and long_entry[t], long_outs and long_exit[t]
            in_short, out_short = shorts and short_entry[t], short_outs and short_exit[t]
            if in_long or out_long or in_short or out_short:
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
                            factor[t], stop_now, trail_now,
                        )  # fmt: skip
                    whole = whole_lots(wanted, factor[t], lot)
                    if whole > 0:
                        entry_pending, entry_size = direction, whole
                        entry_stop, entry_target, entry_trail = stop_now, target_now, trail_now
                    else:
                        rejected += 1
        t += 1

    sums[END_EQUITY], sums[RETURNS], sums[SQUARES], sums[DOWNSIDE] = before, returns, squares, downside
    sums[DRAWDOWN], sums[TRADES], sums[CLOSED], sums[WINS] = left, trades, closed, wins
    sums[GAINS], sums[LOSSES], sums[PROFIT], sums[RETURNED] = gains, losses, profit, returned
    sums[BEST], sums[WORST], sums[FEES], sums[HELD], sums[REJECTED] = best, worst, fees, held, rejected
