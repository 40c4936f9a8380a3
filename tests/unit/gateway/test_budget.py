"""The rate budget: never above the limit in any window, the reserve is there, penalties grow and end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import BadInput, UnknownName
from workbench.gateway import Limit, RateBudget


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def budget(count: int = 10, reserve: int = 3, **more: Any) -> tuple[RateBudget, Clock]:
    clock = Clock()
    return RateBudget({"orders": Limit(count, 1.0, reserve)}, clock=clock, **more), clock


@given(
    count=st.integers(1, 12),
    share=st.floats(0, 0.99),
    steps=st.lists(st.tuples(st.floats(0, 0.7), st.booleans()), max_size=120),
)
@settings(deadline=None, max_examples=200)
def test_no_window_holds_more_than_the_limit_and_the_reserve_is_there(count: int, share: float, steps: Any) -> None:
    reserve = min(int(count * share), count - 1)
    rates, clock = budget(count, reserve)
    sent: list[tuple[float, bool]] = []
    for pause, urgent in steps:
        clock.now += pause
        before = [one for one in sent if one[0] > clock.now - 1.0]
        wait = rates.take("orders", urgent=urgent)
        assert wait >= 0
        if wait == 0:
            sent.append((clock.now, urgent))
        elif urgent:
            slack = [one for one in sent if one[0] > clock.now - 1.0 - 0.05 - 1e-9]
            assert sum(u for _, u in slack) >= reserve, "an urgent one did not find its reserve"
        window = [one for one in sent if one[0] > clock.now - 1.0]
        assert len(window) <= count
        assert len([one for one in window if not one[1]]) <= count - reserve or reserve == 0
        assert len(window) <= len(before) + 1


@given(st.integers(1, 10), st.integers(0, 9), st.booleans())
def test_waiting_as_long_as_told_is_enough(count: int, reserve: int, urgent: bool) -> None:
    rates, clock = budget(count, min(reserve, count - 1))
    for _ in range(30):
        wait = rates.take("orders", urgent=urgent)
        if wait:
            clock.now += wait + 1e-9
            assert rates.take("orders", urgent=urgent) == 0


def test_ordinary_ones_leave_the_reserve_and_urgent_ones_take_it() -> None:
    rates, clock = budget()
    assert [rates.take("orders") for _ in range(7)] == [0.0] * 7
    assert rates.take("orders") == pytest.approx(1.05)
    assert rates.free == pytest.approx(0.3)
    assert [rates.take("orders", urgent=True) for _ in range(3)] == [0.0] * 3
    assert rates.take("orders", urgent=True) == pytest.approx(1.05)
    assert rates.free == 0
    clock.now += 1.06
    assert rates.free == 1


def test_penalties_double_up_to_the_cap_and_a_good_answer_ends_that() -> None:
    rates, clock = budget(cap=5.0)
    assert [rates.penalty("orders") for _ in range(5)] == [1, 2, 4, 5, 5]
    assert rates.take("orders", urgent=True) == 5
    assert rates.free == 0
    clock.now += 5
    assert rates.take("orders") == 0
    rates.relief("orders")
    assert rates.penalty("orders") == 1
    assert rates.penalty("orders", 3600) == 5


def test_a_shorter_penalty_does_not_end_a_longer_one() -> None:
    rates, _ = budget()
    rates.penalty("orders", 30)
    rates.relief("orders")
    rates.penalty("orders", 1)
    assert rates.take("orders") == 30


def test_kinds_are_counted_apart_and_unknown_ones_refused() -> None:
    clock = Clock()
    rates = RateBudget({"orders": Limit(1), "questions": Limit(2)}, clock=clock)
    assert rates.take("orders") == 0
    assert rates.take("questions") == 0
    assert (rates.free_of("orders"), rates.free_of("questions"), rates.free) == (0, 0.5, 0)
    with pytest.raises(UnknownName, match="kind of request nope"):
        rates.take("nope")


@pytest.mark.parametrize(("count", "seconds", "reserve"), [(0, 1, 0), (1, 0, 0), (3, 1, 3), (3, 1, -1)])
def test_limits_that_make_no_sense_are_refused(count: int, seconds: float, reserve: int) -> None:
    with pytest.raises(BadInput):
        Limit(count, seconds, reserve)
