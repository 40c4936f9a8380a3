"""Crosses and averages, compiled, for who asks thousands of times; it imports numba, and is loaded where in use."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)  # so short that giving the interpreter's lock away would cost more
def crossed(left, right):
    """Where one column is above another and was not at the bar before, and where it is below and was not.

    Columns of float64 of one length; two columns of flags.
    """
    bars = left.shape[0]
    stands = np.empty(bars, np.uint8)  # 1 above, 2 below, 3 equal, 0 where either is NaN
    above, below = np.empty(bars, np.uint8), np.empty(bars, np.uint8)
    for i in range(bars):  # a loop for each and no branch: the machine then takes many bars at once
        stands[i] = np.uint8(left[i] >= right[i]) | (np.uint8(left[i] <= right[i]) << 1)
    above[:1], below[:1] = 0, 0
    for i in range(1, bars):
        above[i] = np.uint8(stands[i] == 1) & (stands[i - 1] >> 1)
    for i in range(1, bars):
        below[i] = np.uint8(stands[i] == 2) & stands[i - 1]
    return above.view(np.bool_), below.view(np.bool_)


@njit(cache=True, nogil=True)
def crossed_apart(left, right):
    """As `crossed`, without the interpreter's lock: for columns long enough that other threads gain by it."""
    return crossed(left, right)


@njit(cache=True, nogil=True)
def exact_means(x, n, most):
    """As `indicators._exact_means`, in one pass: bit for bit the same."""
    bars, one = x.shape[0], 100_000_000.0
    ticks, exact = np.zeros(bars, np.int64), np.empty(bars, np.bool_)
    for i in range(bars):
        rounded = np.rint(x[i] * one)
        exact[i] = (rounded / one == x[i]) & (abs(rounded) < most)
        if exact[i]:
            ticks[i] = np.int64(rounded)
    means, odd = np.empty(bars - n + 1), np.empty(bars - n + 1, np.bool_)
    total, strange, share = np.int64(0), 0, n * one
    for i in range(bars):
        total += ticks[i]
        strange += 0 if exact[i] else 1
        if i >= n - 1:
            means[i - n + 1] = total / share
            odd[i - n + 1] = strange > 0
            total -= ticks[i - n + 1]
            strange -= 0 if exact[i - n + 1] else 1
    return means, odd
