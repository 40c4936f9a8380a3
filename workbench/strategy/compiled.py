"""Crosses, compiled, for who asks thousands of times; it imports numba, and is loaded where that is in use."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)  # so short that giving the interpreter's lock away would cost more
def crossed(left, right):
    """Where one column is above another and was not at the bar before; float64 of one length."""
    found = np.zeros(left.shape[0], np.bool_)
    for i in range(1, left.shape[0]):
        found[i] = (left[i] > right[i]) & (left[i - 1] <= right[i - 1])
    return found
