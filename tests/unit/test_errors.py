"""Errors: one line that names parameter, value, limit and remedy, and that survives a process boundary."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import errors
from workbench.errors import (
    BadInput,
    DataFault,
    IllegalTransition,
    PluginFault,
    Refused,
    StrategyFault,
    UnknownName,
    WorkbenchError,
)

EVERY = [
    BadInput("fast", 300, "must not be above 100", "give 100 or less"),
    UnknownName("strategy", "ema_cros", ["ema_cross", "sma_cross"]),
    UnknownName("symbol", "ZZZ", [], "list them with workbench data"),
    DataFault("prices", "ROCKET", "run backwards"),
    StrategyFault("strategy Mine", "entries", "holds text", "give true and false"),
    Refused("no"),
    PluginFault("broken"),
    IllegalTransition("not now"),
    WorkbenchError("inside"),
]


@pytest.mark.parametrize(
    ("kind", "parent", "code"),
    [
        (WorkbenchError, Exception, 3),
        (BadInput, WorkbenchError, 2),
        (UnknownName, BadInput, 2),
        (DataFault, BadInput, 2),
        (StrategyFault, BadInput, 2),
        (Refused, WorkbenchError, 1),
        (PluginFault, WorkbenchError, 3),
        (IllegalTransition, WorkbenchError, 3),
    ],
)
def test_the_tree_and_its_exit_codes(kind: type[WorkbenchError], parent: type[Exception], code: int) -> None:
    assert kind.__bases__ == (parent,)
    assert kind.exit_code == code
    assert kind.__doc__
    assert kind.__name__ in (errors.__doc__ or "")


def test_the_message_names_parameter_value_problem_and_remedy() -> None:
    error = BadInput("fast", 300, "must not be above 100", "give 100 or less")
    assert str(error) == "fast 300: must not be above 100; give 100 or less"
    assert (error.parameter, error.value, error.problem, error.remedy) == (
        "fast",
        300,
        "must not be above 100",
        "give 100 or less",
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [("abc", "abc"), ("", "''"), (None, "None"), (1.5, "1.5"), ([1, 2], "[1, 2]"), (True, "True"), (b"x", "b'x'")],
)
def test_a_value_is_shown_so_that_it_can_be_seen(value: Any, shown: str) -> None:
    assert str(BadInput("x", value, "is wrong")) == f"x {shown}: is wrong"


@given(st.text(), st.text() | st.integers() | st.none(), st.text(), st.text())
@settings(deadline=None, max_examples=100)
def test_a_message_is_one_line_whatever_is_in_it(parameter: str, value: Any, problem: str, remedy: str) -> None:
    assert len(str(BadInput(parameter, value, problem, remedy)).splitlines()) <= 1


def test_an_unknown_name_lists_what_there_is_and_the_nearest() -> None:
    error = UnknownName("strategy", "ema_cros", ["sma_cross", "ema_cross", "buy_and_hold"], "see the list")
    assert str(error) == (
        "strategy ema_cros: unknown; known: buy_and_hold, ema_cross, sma_cross; did you mean ema_cross?"
    )


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ([], "known: none"),
        (["b", "a"], "known: a, b"),
        ({"b": 1, "a": 2}, "known: a, b"),
        ((f"n{i:02d}" for i in range(25)), "n19 and 5 more"),
    ],
)
def test_an_unknown_name_without_a_near_one_shows_the_remedy(known: Any, shown: str) -> None:
    text = str(UnknownName("symbol", "!!!", known, "list them first"))
    assert shown in text
    assert text.endswith("; list them first")


@pytest.mark.parametrize("error", EVERY, ids=lambda e: type(e).__name__)
def test_an_error_survives_pickling_and_copying(error: WorkbenchError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)


def fail() -> None:
    raise UnknownName("strategy", "ema_cros", ["ema_cross"])


def test_an_error_in_a_worker_process_arrives_as_itself() -> None:
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(UnknownName, match=r"ema_cross"),
    ):
        pool.submit(fail).result(timeout=60)
