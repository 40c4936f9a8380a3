"""Flags packed into words, and looked for there; what a position that is left alone does to the equity."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.fills import drift


def packed(flags: np.ndarray) -> np.ndarray:
    rows = np.full((3, -(-len(flags) // drift.A_WORD) * drift.A_WORD // 8), 255, np.uint8)  # as used before
    drift.pack(flags, rows, 1)
    assert (rows[::2] == 255).all(), "another row was written to"
    return rows[1]


@pytest.mark.parametrize("bars", [0, 1, 7, 8, 9, 63, 64, 65, 71, 128, 129, 300])
def test_flags_are_packed_the_first_lowest_and_the_rest_of_the_row_is_cleared(bars: int) -> None:
    draw = np.random.default_rng(bars)
    for share in (0.0, 0.02, 0.5, 1.0):
        flags = draw.random(bars) < share
        row = packed(flags)
        assert np.unpackbits(row, bitorder="little")[:bars].astype(bool).tolist() == flags.tolist()
        assert not np.unpackbits(row, bitorder="little")[bars:].any()


def test_a_cut_that_begins_anywhere_is_packed_alike() -> None:
    flags = np.random.default_rng(1).random(200) < 0.3
    for first in range(20):
        assert packed(flags[first:]).tobytes() == packed(flags[first:].copy()).tobytes()


@pytest.mark.parametrize("share", [0.0, 0.005, 0.05, 0.6])
def test_the_next_flag_is_that_of_a_search_bar_by_bar(share: float) -> None:
    flags = np.random.default_rng(3).random(333) < share
    words = packed(flags).view(np.uint64)
    for t in range(334):
        for stop in (t, t + 1, 64, 128, 130, 332, 333):
            if t <= stop <= 333:
                ahead = np.flatnonzero(flags[t:stop])
                assert drift.next_flag(words, t, stop) == (t + ahead[0] if len(ahead) else stop), (t, stop)
        if t < 333:
            assert drift.flag_at(words, t) == flags[t]


@pytest.mark.parametrize("seed", range(60))
def test_the_peak_and_what_is_left_of_it_are_those_of_a_walk_bar_by_bar(seed: int) -> None:
    draw = np.random.default_rng(seed)
    mark = 100 * np.exp(draw.normal(0, 0.02, 120).cumsum())
    _, bounds, _ = drift.tables_of(mark)
    position = draw.choice([-3.0, 2.5])
    cash = 1000.0 if position < 0 else draw.choice([0.0, 200.0])
    for _ in range(40):
        start = int(draw.integers(0, 119))
        stop = int(draw.integers(start + 1, 121))
        peak, left = draw.uniform(50, 1200), draw.uniform(0.3, 1.0)
        found = drift.sunk(bounds, cash, position, mark, start, stop, peak, left)
        for price in mark[start:stop]:
            equity = cash + position * price
            if equity > peak:
                peak = equity
            elif equity < left * peak:
                left = equity / peak
        assert found == pytest.approx((peak, left), rel=1e-15)
