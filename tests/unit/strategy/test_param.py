"""Parameters: types, bounds, choices, text, and where a wrong one is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import BadInput, UnknownName
from workbench.strategy import Bars, Param, Signals, Strategy


class Sample(Strategy):
    whole = Param(10, low=2, high=60, step=2, doc="Bars.")
    ratio = Param(1.5, low=0.5, high=5.0, doc="A width.")
    flag = Param(False, doc="A switch.")
    mode = Param("fast", choices=("fast", "slow"), doc="Which.")
    free = Param(0, doc="Anything.")

    def check(self) -> None:
        if self.whole == 13:
            raise ValueError("whole must not be 13")

    def signals(self, bars: Bars) -> Signals:
        return Signals()


def test_defaults_are_kept_with_their_types() -> None:
    made = Sample()
    assert made.params == {"whole": 10, "ratio": 1.5, "flag": False, "mode": "fast", "free": 0}
    assert [type(v) for v in made.params.values()] == [int, float, bool, str, int]
    assert repr(made) == "Sample(whole=10, ratio=1.5, flag=False, mode='fast', free=0)"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("whole", 2, 2),
        ("whole", 60, 60),
        ("whole", 30.0, 30),
        ("ratio", 2, 2.0),
        ("ratio", 0.5, 0.5),
        ("flag", True, True),
        ("mode", "slow", "slow"),
        ("free", -(10**9), -(10**9)),
    ],
)
def test_a_value_within_bounds_is_taken_in_the_parameters_type(name: str, value: Any, expected: Any) -> None:
    made = getattr(Sample(**{name: value}), name)
    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("whole", 1, "1: is out of range; allowed: int from 2 to 60"),
        ("whole", 61, "61: is out of range; allowed: int from 2 to 60"),
        ("whole", 10.5, "10.5: is no int; allowed: int from 2 to 60"),
        ("whole", True, "True: is no int"),
        ("whole", "10", "10: is no int"),
        ("whole", None, "None: is no int"),
        ("whole", float("nan"), "nan: is no int"),
        ("whole", float("inf"), "inf: is no int"),
        ("ratio", float("nan"), "nan: is not finite"),
        ("ratio", float("inf"), "inf: is not finite"),
        ("ratio", 0.49, "0.49: is out of range; allowed: float from 0.5 to 5.0"),
        ("ratio", True, "True: is no float"),
        ("ratio", "1.5", "1.5: is no float"),
        ("flag", 1, "1: is no bool"),
        ("flag", "true", "true: is no bool"),
        ("mode", "medium", "medium: is out of range; allowed: one of fast, slow"),
        ("mode", 3, "3: is no str"),
        ("free", 0.5, "0.5: is no int; allowed: any int"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_name_and_what_is_allowed(
    name: str, value: Any, problem: str
) -> None:
    with pytest.raises(BadInput) as caught:
        Sample(**{name: value})
    assert str(caught.value).startswith(f"parameter {name} {problem}")
    assert "allowed: " in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("whole", " 12 ", 12),
        ("ratio", "2", 2.0),
        ("ratio", "5e-1", 0.5),
        ("mode", "slow ", "slow"),
        *[("flag", text, True) for text in ("true", "True", "1", "YES")],
        *[("flag", text, False) for text in ("false", "0", "no")],
    ],
)
def test_text_is_read_in_the_parameters_type(name: str, text: str, expected: Any) -> None:
    made = Sample.declared()[name].parse(text)
    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("whole", ""),
        ("whole", "ten"),
        ("whole", "10.5"),
        ("whole", "1"),
        ("ratio", "nan"),
        ("ratio", "inf"),
        ("ratio", "wide"),
        ("ratio", "9"),
        ("flag", "maybe"),
        ("flag", ""),
        ("mode", "medium"),
    ],
)
def test_text_that_cannot_be_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(BadInput, match=rf"parameter {name} .*allowed: "):
        Sample.declared()[name].parse(text)


@given(st.integers(2, 60), st.floats(0.5, 5.0))
@settings(deadline=None, max_examples=50)
def test_a_value_written_out_reads_back_as_itself(whole: int, ratio: float) -> None:
    declared = Sample.declared()
    assert declared["whole"].parse(str(whole)) == whole
    assert declared["ratio"].parse(repr(ratio)) == ratio


@pytest.mark.parametrize("default", [None, [1], (1,), object(), 1j, b"x"])
def test_a_default_of_no_parameter_type_is_refused(default: Any) -> None:
    with pytest.raises(BadInput, match=r"Param default .*must be an int, a float, a bool or a text"):
        Param(default)


@pytest.mark.parametrize(
    "param",
    [
        lambda: Param(1, low=2),
        lambda: Param(9, high=8),
        lambda: Param("x", choices=("a", "b")),
        lambda: Param(float("nan")),
        lambda: Param(float("inf")),
    ],
)
def test_a_default_out_of_its_own_bounds_is_bad_input(param: Any) -> None:
    with pytest.raises(BadInput, match=r"allowed: "):
        type("Odd", (Strategy,), {"x": param()})


def test_a_parameter_is_fixed_once_the_strategy_is_made() -> None:
    made = Sample()
    with pytest.raises(AttributeError, match=r"parameter whole is fixed .*replace\(\)"):
        made.whole = 20  # type: ignore[misc]
    other = made.replace(whole=20)
    assert (made.whole, other.whole, other.ratio) == (10, 20, 1.5)


def test_an_unknown_parameter_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"parameter of Sample hole: unknown; known: .*did you mean whole\?"):
        Sample(hole=3)


def test_parameters_that_do_not_go_together_are_refused_with_all_values() -> None:
    with pytest.raises(BadInput, match=r"parameters of Sample whole=13, .*: whole must not be 13; change one of them"):
        Sample(whole=13)


def test_a_subclass_inherits_overrides_and_drops_parameters() -> None:
    class Less(Sample):
        ratio = Param(2.5)
        free = 7  # no parameter any more

    assert list(Less.declared()) == ["whole", "ratio", "flag", "mode"]
    assert (Less().ratio, Less().free, Sample().ratio) == (2.5, 7, 1.5)


def test_on_the_class_a_parameter_is_itself() -> None:
    assert isinstance(Sample.whole, Param)
    assert (Sample.whole.low, Sample.whole.high, Sample.whole.step, Sample.whole.name) == (2, 60, 2, "whole")


@pytest.mark.parametrize(
    ("name", "value"), [("whole", np.int64(12)), ("ratio", np.float64(2.5)), ("flag", np.True_), ("whole", np.int32(4))]
)
def test_numbers_of_a_numpy_range_are_taken_in_the_parameters_type(name: str, value: Any) -> None:
    made = getattr(Sample(**{name: value}), name)
    assert made == value
    assert type(made) in (int, float, bool)
