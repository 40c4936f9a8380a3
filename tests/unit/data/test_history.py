"""PriceHistory: read-only columns, exact bars, windows, fingerprints."""

import pickle
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import make_history
from tests.unit.data.tables import days, load_made, minutes, starts
from workbench.data import PriceHistory
from workbench.errors import BadInput
from workbench.model import Instrument

CENTS = st.integers(min_value=1, max_value=10**14)  # in 1e-8, up to a million


@given(st.lists(CENTS, min_size=4, max_size=4))
def test_a_bar_is_exactly_the_integer_of_its_price(steps: list[int]) -> None:
    low, open_, close, high = sorted(steps)
    bar = make_history([[open_ / 1e8, high / 1e8, low / 1e8, close / 1e8]]).bar(0)
    assert [price * 10**8 for price in (bar.open, bar.high, bar.low, bar.close)] == [open_, high, low, close]


def test_a_bar_carries_all_that_is_known_of_it() -> None:
    history = load_made(days("2012-07-02", 2), calendar="NYSE", adjusted=True, factor=np.array([0.1, 1 / 3]))
    bar = history.bar(1)
    assert (bar.start, bar.end) == (datetime(2012, 7, 3, tzinfo=UTC), datetime(2012, 7, 3, 17, tzinfo=UTC))
    assert bar.open == Decimal("3.33333333")
    assert bar.factor == Decimal(repr(1 / 3))
    assert (bar.volume, bar.traded, bar.symbol) == (100, True, "X")
    assert load_made(days("2024-01-01", 1), volume=None).bar(0).volume is None
    for wrong in (-1, 2):
        with pytest.raises(BadInput, match="must be from 0 to 1"):
            history.bar(wrong)


def test_columns_cannot_be_written_to_not_even_after_a_pickle() -> None:
    history = load_made(days("2024-01-01", 3))
    for one in (history, pickle.loads(pickle.dumps(history)), history.window(0, 2)):
        for name in ("times", "ends", "close", "traded"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(one, name)[0] = 0
    assert pickle.loads(pickle.dumps(history)).fingerprint == history.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"close": np.ones(2)},
        {"close": np.ones(3, np.float32)},
        {"times": np.array([0, 2, 1], np.int64)},
        {"ends": np.zeros(3, np.int64)},
        {"interval_ns": 0},
        {"times": np.zeros((3, 1), np.int64)},
    ],
)
def test_columns_that_do_not_fit_together_are_refused(change: dict) -> None:
    with pytest.raises(BadInput):
        replace(load_made(days("2024-01-01", 3)), **change)


def test_the_frame_has_utc_nanoseconds_and_is_ones_own() -> None:
    history = load_made(days("2024-01-01", 3))
    frame = history.frame
    assert frame.index.dtype == "datetime64[ns, UTC]"
    assert frame.index.name == "time"
    assert list(frame) == ["open", "high", "low", "close", "volume", "factor", "traded"]
    frame.loc[:, "close"] = 0.0
    assert history.close[0] == 11


def test_start_and_end_are_the_first_and_last_bar() -> None:
    history = load_made(minutes("2024-01-02T14:30", 3))
    assert history.start == datetime(2024, 1, 2, 14, 30, tzinfo=UTC)
    assert history.end == datetime(2024, 1, 2, 14, 32, tzinfo=UTC)
    assert history.bars == 3


def test_a_window_is_half_open_and_keeps_what_is_known() -> None:
    history = load_made(days("2024-01-01", 5), lot="1")
    part = history.window(1, 3)
    assert starts(part) == ["2024-01-02 00:00", "2024-01-03 00:00"]
    assert (part.instrument, part.report, part.periods_per_year) == (history.instrument, history.report, 365)
    assert not np.shares_memory(part.close, history.close)
    for first, stop in ((0, 0), (3, 2), (-1, 2), (0, 6)):
        with pytest.raises(BadInput, match="window"):
            history.window(first, stop)


def test_between_takes_whole_days_at_both_ends() -> None:
    history = load_made(days("2024-01-01", 5))
    assert starts(history.between("2024-01-02", date(2024, 1, 3))) == ["2024-01-02 00:00", "2024-01-03 00:00"]
    assert history.between().bars == 5
    assert starts(history.between(start="2024-01-05")) == ["2024-01-05 00:00"]
    with pytest.raises(BadInput, match="there are bars from 2024-01-01T00:00:00Z to 2024-01-05T00:00:00Z"):
        history.between("2025-01-01")


def test_between_reads_days_of_short_bars_in_the_market_zone() -> None:
    history = load_made(minutes("2024-01-02T00:00", 48, 60), calendar="NYSE")
    day = history.between("2024-01-02", "2024-01-02")
    assert (starts(day)[0], starts(day)[-1]) == ("2024-01-02 05:00", "2024-01-03 04:00")
    exact = history.between("2024-01-02T09:00", datetime(2024, 1, 2, 15, tzinfo=UTC))
    assert (starts(exact)[0], starts(exact)[-1]) == ("2024-01-02 14:00", "2024-01-02 15:00")


def test_the_fingerprint_sees_content_and_nothing_else() -> None:
    history = load_made(days("2024-01-01", 3), lot="1", tick="0.01")
    same: list[PriceHistory] = [
        load_made(days("2024-01-01", 3), lot="1.0", tick="0.010"),
        load_made([f"{day}T00:00:00Z" for day in days("2024-01-01", 3)], lot="1", tick="0.01"),
        load_made(days("2023-12-31", 4), lot="1", tick="0.01", start="2024-01-01"),
        replace(history, source="other", symbol="OTHER", notes=("a note",)),
    ]
    assert {one.fingerprint for one in same} == {history.fingerprint}
    other = [
        load_made(days("2024-01-01", 3), lot="1", tick="0.01", close=np.array([11, 11.01, 11])),
        load_made(days("2024-01-01", 3), lot="2", tick="0.01"),
        load_made(days("2024-01-01", 3), lot="1"),
        load_made(days("2024-01-01", 3), lot="1", tick="0.01", volume=None),
        load_made(days("2024-01-01", 3), lot="1", tick="0.01", calendar="24/7"),
        replace(history, instrument=Instrument("X", "INR", lot=Decimal(1), tick=Decimal("0.01"))),
        history.window(0, 2),
    ]
    assert len({one.fingerprint for one in other} | {history.fingerprint}) == len(other) + 1
    assert len(history.fingerprint) == 64


def test_the_fingerprint_takes_any_nan_for_unknown() -> None:
    history = load_made(days("2024-01-01", 2), volume=None)
    odd = np.array([0x7FF8000000000001, 0xFFF8000000000000], np.uint64).view(np.float64)
    assert replace(history, volume=odd).fingerprint == history.fingerprint


def test_the_columns_are_those_a_strategy_takes() -> None:
    columns = load_made(days("2024-01-01", 2)).columns
    assert set(columns) == {"times", "open", "high", "low", "close", "volume", "symbol"}
    assert isinstance(load_made(days("2024-01-01", 2)).frame, pd.DataFrame)
