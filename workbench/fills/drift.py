"""Drift: what a position that nobody touches does to the equity, over many bars at once and up to which, compiled.

While nothing trades the equity is cash + position × mark, so that a bar's return is r ÷ (1 + e ÷ m): r that of the
price, m the price before it, e = cash ÷ position. For a small e ÷ m this is r (1 − e ÷ m + e² ÷ m² − …), and the sums
of each term over blocks of bars are differences of sums from the beginning, made once for all sets of a sweep. With
e ÷ m of at most 1e-4 three terms leave an error of less than 1e-11 of the sum.

What is called thousands of times a set is put into the pass itself, and counts no references to its arrays
(`_nrt`): the locked instructions for that took a quarter of the pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench.fills import arithmetic
from workbench.fills.arithmetic import BUY, SELL

slipped = arithmetic.slipped
arithmetic.forget_stale(__file__)

A_WORD = 64
"""Flags in a word."""
BLOCK = 8
"""Bars whose sums, highest and lowest mark are known together: few enough to lie near the processor."""
FAR = 32
"""Bars from which on known sums are quicker than adding up bar by bar."""
SMALL = 1e-4
"""The largest e ÷ m for which three terms are enough."""
QUOTE = np.dtype(
    [("open", np.int64), ("mark", np.float64), ("factor", np.float64), ("traded", np.int64), ("buy", np.int64),
     ("sell", np.int64)]
)  # fmt: skip
"""What every order of a bar asks for, side by side: of long columns each would be fetched by itself. `buy` and `sell`
are the prices of orders at the open where slippage is the same at all bars."""

_PLACING = np.uint64(0x03F79D71B4CB0A89)
"""A de Bruijn sequence: shifted by any number of places it begins with six bits of its own."""
_PLACES = np.zeros(64, np.int64)
for _place in range(64):
    _PLACES[(int(_PLACING) << _place & 0xFFFFFFFFFFFFFFFF) >> 58] = _place

Floats = NDArray[np.float64]


def quotes_of(
    open_: NDArray[np.int64], mark: Floats, factor: Floats, traded: NDArray[np.bool_], slip: NDArray[np.int64],
    impact: Floats, tick: int,
) -> NDArray[Any]:  # fmt: skip
    """Columns (T,) as the quotes `measure` reads: opens in units, the last traded close in currency, factor, traded;
    slippage and tick as `measure` takes them."""
    found = np.zeros(len(open_), QUOTE)
    found["open"], found["mark"], found["factor"], found["traded"] = open_, mark, factor, traded
    if is_fixed(slip, impact):
        _fill(found, slip[0, 0], tick)
    return found


@njit(cache=True, nogil=True)
def is_fixed(slip, impact):
    """Whether slippage is the same at all bars and for all sizes."""
    return slip.shape[0] == 1 and impact.shape[0] == 0


@njit(cache=True, nogil=True)
def _fill(quotes, rate, tick):
    for i in range(quotes.shape[0]):
        quotes[i].buy = slipped(quotes[i].open, BUY, rate, tick)
        quotes[i].sell = slipped(quotes[i].open, SELL, rate, tick)


def tables_of(mark: Floats) -> tuple[Floats, Floats, float]:
    """What `drifted` and `sunk` read of T marks (currency, 0 before the first): (T ÷ BLOCK + 1, 9), (T ÷ BLOCK, 2) and
    the lowest mark.

    Sums up to the first bar of each block, that one included, of r, r² and min(r, 0)², each ÷ m⁰, m¹ and m²; the
    highest and lowest mark of whole blocks.
    """
    before = mark[:-1]
    known = before > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(known, mark[1:] / np.where(known, before, 1.0) - 1, 0.0)
        inverse = np.where(known, 1 / np.where(known, before, 1.0), 0.0)
    sums = np.zeros((max(len(mark) - 1, 0) // BLOCK + 1, 9))
    for place, terms in enumerate((change, change**2, np.minimum(change, 0.0) ** 2)):
        for power in range(3):
            sums[1:, 3 * place + power] = np.cumsum(terms * inverse**power)[BLOCK - 1 :: BLOCK]
    whole = len(mark) // BLOCK
    blocks = mark[: whole * BLOCK].reshape(whole, BLOCK)
    bounds = np.stack([blocks.max(axis=1), blocks.min(axis=1)], axis=1) if whole else np.empty((0, 2))
    positive = mark[mark > 0]
    return sums, bounds, float(positive.min()) if len(positive) else 0.0


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def drifted(sums, lowest, cash, position, mark, start, stop):
    """Sums of the returns after bar `start`, their squares and those of the losses, up to, not including, `stop`."""
    if position <= 0 or cash < 0:
        return _any(cash, position, mark, start, stop)
    if stop - start < FAR:  # a long position without debt: the equity stays above 0
        return _solvent(cash, position, mark, start, stop)
    apart = cash / position
    if apart > SMALL * lowest:
        return _solvent(cash, position, mark, start, stop)
    first, last = (start + BLOCK - 1) // BLOCK, (stop - 1) // BLOCK
    returns, squares, downside = _solvent(cash, position, mark, start, first * BLOCK + 1)
    more, more_squares, more_downside = _solvent(cash, position, mark, last * BLOCK, stop)
    twice, a, b = apart * apart, sums[first], sums[last]
    return (
        returns + more + b[0] - a[0] - apart * (b[1] - a[1]) + twice * (b[2] - a[2]),
        squares + more_squares + b[3] - a[3] - 2 * apart * (b[4] - a[4]) + 3 * twice * (b[5] - a[5]),
        downside + more_downside + b[6] - a[6] - 2 * apart * (b[7] - a[7]) + 3 * twice * (b[8] - a[8]),
    )


@njit(cache=True, nogil=True, _nrt=False, fastmath={"reassoc", "contract", "nsz"})
def _solvent(cash, position, mark, start, stop):
    """The sums bar by bar, in any order, so that the machine takes several bars at once."""
    returns, squares, downside = 0.0, 0.0, 0.0
    for i in range(start + 1, stop):
        change = (cash + position * mark[i]) / (cash + position * mark[i - 1]) - 1.0
        fell = min(change, 0.0)
        returns += change
        squares += change * change
        downside += fell * fell
    return returns, squares, downside


@njit(cache=True, nogil=True, _nrt=False)
def _any(cash, position, mark, start, stop):
    """As `_solvent`, where the equity may be gone: after that a return is 0."""
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


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def sunk(bounds, cash, position, mark, start, stop, peak, left):
    """The peak of the equity and the least share of a peak that was left, from `start` up to, not including, `stop`."""
    most = least = mark[start]
    first, last = (start + BLOCK - 1) // BLOCK, stop // BLOCK
    if first >= last:
        first, last = stop, stop
    else:
        for i in range(first, last):
            most, least = max(most, bounds[i, 0]), min(least, bounds[i, 1])
        first, last = first * BLOCK, last * BLOCK
    for i in range(start + 1, first):
        most, least = max(most, mark[i]), min(least, mark[i])
    for i in range(last, stop):
        most, least = max(most, mark[i]), min(least, mark[i])
    if position < 0:
        most, least = least, most
    if cash + position * most > peak:
        return _risen(bounds, cash, position, mark, start, stop, peak, left)
    lowest = cash + position * least  # no new peak: the lowest is all that counts
    return peak, lowest / peak if lowest < left * peak else left


@njit(cache=True, nogil=True, _nrt=False)
def _risen(bounds, cash, position, mark, start, stop, peak, left):
    """As `sunk`, where there is a new peak: what came before it counts from the old one."""
    upper, lower = (0, 1) if position > 0 else (1, 0)
    i = start
    while i < stop:
        if i % BLOCK == 0 and i + BLOCK <= stop:
            block = i // BLOCK
            most, least = cash + position * bounds[block, upper], cash + position * bounds[block, lower]
            if most <= peak:
                if least < left * peak:
                    left = least / peak
                i += BLOCK
                continue
        equity = cash + position * mark[i]
        if equity > peak:
            peak = equity
        elif equity < left * peak:
            left = equity / peak
        i += 1
    return peak, left


@njit(cache=True)
def pack(flags, rows, row):
    """Write flags (T,) of bool into a row of bytes, eight to each, the first lowest; what is left of the row is 0."""
    packed, whole, bars = rows[row], flags.shape[0] >> 3, flags.shape[0]
    eights = flags[: whole << 3].view(np.uint64)
    for i in range(whole):  # each flag is a byte of the number: the product has the eight of them in its highest byte
        packed[i] = np.uint8((eights[i] * np.uint64(0x0102040810204080)) >> np.uint64(56))
    packed[whole:] = 0
    for i in range(whole << 3, bars):
        if flags[i]:
            packed[whole] |= np.uint8(1 << (i & 7))


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def flag_at(words, t):
    """Whether a flag is set, of words with 64 each."""
    return words[t >> 6] >> np.uint64(t & 63) & np.uint64(1) != 0


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def next_flag(words, t, stop):
    """The first bar from t on at which a flag is set, at most `stop`; `words` has the flags, 64 in each."""
    word, last = t >> 6, (stop + 63) >> 6
    if word >= last:
        return stop
    here = words[word] >> np.uint64(t & 63) << np.uint64(t & 63)
    while here == 0:
        word += 1
        if word >= last:
            return stop
        here = words[word]
    lowest = here & (~here + np.uint64(1))
    return min((word << 6) + _PLACES[(lowest * _PLACING) >> np.uint64(58)], stop)
