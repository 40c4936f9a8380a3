"""A strategy's answer: what is taken, and what is refused with the strategy's name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.errors import BadInput, StrategyFault
from workbench.strategy import Bars, Signals, Strategy

NAN = float("nan")
FLAGS = ["entries", "exits", "short_entries", "short_exits"]
NUMBERS = ["size", "stop", "target", "trail"]


def columns(**told: Any) -> Any:
    return Signals(**told).columns(3, "Mine")


class Answers(Strategy):
    """Returns or raises what it is given."""

    told: Any = None

    def signals(self, bars: Bars) -> Signals:
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


def answer(told: Any) -> Any:
    prices = [1.0, 2.0, 3.0]
    return type("Mine", (Answers,), {"told": told})().answer(Bars([0, 1, 2], prices, prices, prices, prices))


def test_nothing_told_is_no_flag_and_no_number() -> None:
    made = columns()
    assert len(made) == 3
    assert not made.any().any()
    assert all(np.isnan(getattr(made, name)).all() for name in NUMBERS)


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize(
    "flags",
    [
        np.array([False, True, False]),
        [False, True, False],
        [0, 1, 0],
        np.array([0.0, 1.0, NAN]),
        pd.Series([False, True, False], index=[7, 8, 9]),
        pd.Series([None, True, False], dtype=object),
        pd.Series([False, True, None], dtype="boolean"),
        pd.DataFrame({"x": [False, True, False]}),
        np.array([[False], [True], [False]]),
    ],
)
def test_flags_are_taken_in_every_usual_shape_and_unknown_is_false(name: str, flags: Any) -> None:
    made = getattr(columns(**{name: flags}), name)
    assert made.dtype == np.bool_
    assert made.tolist() == [False, True, False]


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize(
    "flags",
    [
        [True],
        [True] * 4,
        True,
        np.ones((3, 2), bool),
        np.ones((1, 3), bool),
        [0, 2, 0],
        [0.0, 0.5, 1.0],
        [0.0, float("inf"), 0.0],
        ["a", "b", "c"],
        pd.Series(["yes", "no", None], dtype=object),
        pd.Series([0.5, 2, None], dtype=object),
        [[True], [True, False], [True]],
        pd.date_range("2024-01-01", periods=3),
        {},
    ],
)
def test_flags_of_a_wrong_shape_or_kind_are_refused_with_strategy_and_name(name: str, flags: Any) -> None:
    with pytest.raises(StrategyFault, match=rf"strategy Mine {name}: "):
        answer(Signals(**{name: flags}))


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (5, [5, 5, 5]),
        ([1, NAN, 3], [1, NAN, 3]),
        (np.float64(2.5), [2.5] * 3),
        (pd.Series([1.0, 2.0, 3.0], index=[5, 6, 7]), [1, 2, 3]),
        ([1, None, 2], [1, NAN, 2]),
        (NAN, [NAN] * 3),
    ],
)
def test_numbers_are_taken_one_a_bar_or_one_for_all(name: str, told: Any, expected: list[float]) -> None:
    made = getattr(columns(**{name: told}), name)
    assert made.dtype == np.float64
    np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "told",
    [0, -1, float("inf"), [1, 2], [1, 2, -float("inf")], [1, 0, 1], "many", ["a", "b", "c"], np.ones((3, 2)), {}],
)
def test_numbers_that_cannot_be_are_refused_with_strategy_and_name(name: str, told: Any) -> None:
    with pytest.raises(StrategyFault, match=rf"strategy Mine {name}: "):
        answer(Signals(**{name: told}))


@pytest.mark.parametrize("name", ["stop", "trail"])
def test_a_level_of_the_whole_price_is_refused_and_a_target_of_it_taken(name: str) -> None:
    with pytest.raises(StrategyFault, match=rf"{name}: holds 100.0 percent; keep it below 100"):
        columns(**{name: [5, 100, 5]})
    assert columns(target=150).target[0] == 150


def test_the_checked_answer_is_a_copy_of_what_was_told() -> None:
    flags, sizes = np.array([True, False, True]), np.array([1.0, 2.0, 3.0])
    made = columns(entries=flags, size=sizes)
    flags[:], sizes[:] = False, 9.0
    assert made.entries.tolist() == [True, False, True]
    assert made.size.tolist() == [1, 2, 3]


@pytest.mark.parametrize("told", [None, True, np.zeros(3, bool), {"entries": [True] * 3}, (1, 2)])
def test_an_answer_that_is_no_signals_is_refused_by_name(told: Any) -> None:
    with pytest.raises(StrategyFault, match=r"strategy Mine .*was returned; return workbench\.Signals"):
        answer(told)


def test_whatever_a_strategy_raises_is_told_with_its_name_and_the_bars() -> None:
    with pytest.raises(StrategyFault, match=r"strategy Mine on 3 bars: raised ZeroDivisionError: by nothing"):
        answer(ZeroDivisionError("by nothing"))
    with pytest.raises(BadInput, match=r"sma n 0"):
        answer(BadInput("sma n", 0, "too low"))


def test_what_a_strategy_keeps_on_itself_does_not_leak_into_its_next_answer() -> None:
    class Counts(Strategy):
        def signals(self, bars: Bars) -> Signals:
            self.calls = getattr(self, "calls", 0) + 1
            return Signals(entries=np.full(len(bars), self.calls > 1))

    made, bars = Counts(), Bars([0], [1.0], [1.0], [1.0], [1.0])
    assert [made.answer(bars).entries[0] for _ in range(3)] == [False] * 3


def test_the_first_difference_is_the_earliest_row_and_numbers_count_at_entries_alone() -> None:
    one = columns(entries=[0, 1, 0], size=[1, 2, 3])
    assert one.first_difference(columns(entries=[0, 1, 0], size=[9, 2, 9])) is None
    assert one.first_difference(columns(entries=[0, 1, 0], size=[1, 5, 3])) == (1, "size")
    assert one.first_difference(columns(entries=[0, 1, 1], exits=[1, 0, 0], size=[1, 2, 3])) == (0, "exits")
    assert one.first_difference(columns(entries=[0, 1, 0], size=[1, 2.0001, 3]), tolerance=1e-3) is None
    assert one.first_difference(columns(entries=[0, 1, 0])) == (1, "size")


def test_rows_cut_every_column_alike() -> None:
    made = columns(entries=[1, 0, 1], size=[1, 2, 3]).rows(1, 3)
    assert (len(made), made.entries.tolist(), made.size.tolist()) == (2, [False, True], [2, 3])
