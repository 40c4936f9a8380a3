"""Axes and constraints: automatic ranges, and what may be said about parameters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench_strategies.crosses import SmaCross

from workbench import Bars, Param, Signals, Strategy
from workbench.errors import BadInput
from workbench.research import Constraint, automatic_axes, first_set, grid_sets, parse_axis, sampled_sets


class Mixed(Strategy):
    """One parameter of each kind."""

    n = Param(20, low=16, high=60)
    few = Param(2, low=1)
    share = Param(0.5, low=0.0, high=0.6)
    zero = Param(0)
    on = Param(True)
    kind = Param("a", choices=("a", "b"))
    text = Param("free")

    def signals(self, bars: Bars) -> Signals:
        return Signals()


def test_an_automatic_range_is_the_default_and_30_percent_to_both_sides_within_the_bounds() -> None:
    found = automatic_axes(Mixed)
    assert found["n"] == [16, 18, 20, 22, 24, 26]
    assert found["few"] == [1, 2, 3], "whole numbers once each"
    assert found["share"] == pytest.approx([0.35, 0.4, 0.45, 0.5, 0.55, 0.6])
    assert set(found) == {"n", "few", "share"}, "no yes or no, no text, and nothing around 0"
    assert set(automatic_axes(Mixed, ["n"])) == {"few", "share"}
    assert parse_axis(Mixed, "on=auto") == ("on", [False, True])
    assert parse_axis(Mixed, "kind=auto") == ("kind", ["a", "b"])


@pytest.mark.parametrize(("text", "words"), [("zero=auto", "default 0"), ("text=auto", "without choices")])
def test_what_has_no_automatic_range_says_why(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        parse_axis(Mixed, text)


def test_constraints_leave_sets_out_and_count_them() -> None:
    rules = [Constraint("slow >= 3 * fast"), Constraint("not (fast == 4 and slow < 32)")]
    axes: dict[str, Any] = {"fast": [2, 4, 8], "slow": [8, 16, 32]}
    sets, left_out = grid_sets(SmaCross, {}, axes, rules)
    assert [(s.fast, s.slow) for s in sets] == [(2, 8), (2, 16), (2, 32), (4, 32), (8, 32)]
    assert left_out == 4
    assert first_set(SmaCross, {}, axes, rules).params["slow"] == 8
    drawn, _ = sampled_sets(SmaCross, {}, axes, 200, 1, constraints=rules)
    assert {(s.fast, s.slow) for s in drawn} == {(s.fast, s.slow) for s in sets}
    with pytest.raises(BadInput, match="does not hold"):
        grid_sets(SmaCross, {}, axes, [Constraint("slow < fast")])


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 9))
def test_a_constraint_says_what_python_says(a: int, b: int, c: int) -> None:
    for text in ("a + c * 2 <= b - 1", "a < b <= 40 or not a >= c", "-a / c != b", "1 <= c and a == a"):
        wanted = eval(text, {}, {"a": a, "b": b, "c": c})
        try:
            Constraint(text).check({"a": a, "b": b, "c": c})
            held = True
        except BadInput:
            held = False
        assert held is bool(wanted), text


@pytest.mark.parametrize(
    "text",
    ["", "a +", "a = b", "f(a) < 1", "a.b < 1", "a[0] < 1", "[a] < [1]", "a ** 9 > 1", "lambda: a", "a < 1; b", "5",
     "a if a else b", "a in (1, 2)", "a < nowhere", "__import__('os') == 1", "a < 'x'", "a / 0 > 1", "-'x' < a"],
)  # fmt: skip
def test_nothing_but_comparisons_of_parameters_is_worked_out(text: str) -> None:
    with pytest.raises(BadInput):
        Constraint(text).check({"a": 1, "b": 2})
