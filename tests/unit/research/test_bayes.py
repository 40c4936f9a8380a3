"""A search that learns: finds a peak, goes on where it was, and tells refused and failing sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import make_history, make_terms
from workbench import Bars, Param, Signals, Strategy
from workbench.errors import BadInput
from workbench.research import Constraint, Sweep, bayes
from workbench.store import SqlSearchLog, open_database

PRICES = 100 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.01, 80)))


class Peak(Strategy):
    """Holds for a bar that rises; how many of them hangs on how near its parameters are to a peak."""

    a = Param(0, low=0, high=40)
    b = Param(0, low=0, high=40)
    kind = Param("x", choices=("x", "y"))

    def signals(self, bars: Bars) -> Signals:
        if self.a == 40:
            raise ZeroDivisionError("forty")
        away = abs(self.a - 27) + abs(self.b - 8) + 10 * (self.kind == "x")
        entries = np.zeros(len(bars), bool)
        # always the same rising bars, fewer of them the further away; the rest of the time it is out
        rising = np.flatnonzero(np.diff(bars.close)[1:] > 0)[: max(1, 30 - away // 3)]
        entries[rising] = True
        return Signals(entries=entries, exits=~entries)


@pytest.fixture
def log(tmp_path: Path) -> SqlSearchLog:
    return SqlSearchLog(open_database(tmp_path / "research.db"))


def searched(log: SqlSearchLog, trials: int, **keywords: Any) -> Sweep:
    history = make_history([(p, p, p, p) for p in PRICES.round(4)])
    axes = {"a": list(range(41)), "b": list(range(41)), "kind": ["x", "y"]}
    given: dict[str, Any] = {"axes": axes, "study": "s", "metric": "total_return", "seed": 3} | keywords
    return bayes("peak", Peak, {}, [history], make_terms(), trials=trials, log=log, **given)


def test_it_finds_more_than_as_many_random_sets_would(log: SqlSearchLog) -> None:
    found = searched(log, 60)
    assert len(found) + len(found.failed) == 60
    best = found.sets[int(found.order()[0])]
    assert best.params["kind"] == "y"
    assert abs(best.params["a"] - 27) + abs(best.params["b"] - 8) < 12, "of 3,362 sets"
    tried = [(s.params["a"], s.params["b"], s.params["kind"]) for s in found.sets]
    assert len(tried) == len(set(tried)), "no set is evaluated twice"


def test_broken_off_it_goes_on_and_evaluates_nothing_again(log: SqlSearchLog) -> None:
    done: list[int] = []
    first = searched(log, 12, progress=lambda what, n, of: done.append(n), cancelled=lambda: len(done) >= 5)
    assert first.cancelled
    assert len(first) == 5
    again = searched(log, 12)
    assert len(again) == 12
    assert [s.params for s in again.sets[:5]] == [s.params for s in first.sets]
    assert np.array_equal(again.table[:5], first.table, equal_nan=True)
    fresh: list[int] = []
    whole = searched(log, 12, progress=lambda what, n, of: fresh.append(n))
    assert not fresh, "all of it is on file"
    assert np.array_equal(whole.table, again.table, equal_nan=True)
    assert len(searched(log, 4, study="another")) == 4


def test_refused_and_failing_sets_are_told_and_lose_nothing(log: SqlSearchLog) -> None:
    axes = {"a": [39, 40], "b": [0, 1, 2]}
    found = searched(log, 50, axes=axes, constraints=[Constraint("b != 1")])
    assert {(s.params["a"], s.params["b"]) for s in found.sets} == {(39, 0), (39, 2)}
    assert {(p["a"], p["b"]) for p, _ in found.failed} == {(40, 0), (40, 2)}
    assert "forty" in found.failed[0][1]
    assert found.left_out == 2
    assert not found.cancelled, "a small space is searched to its end"


def test_side_by_side_every_set_is_still_evaluated_once(log: SqlSearchLog) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as pool:
        found = searched(log, 20, executor=pool, workers=3)
    assert len({tuple(s.params.values()) for s in found.sets}) + len(found.failed) == 20


@pytest.mark.parametrize(
    ("keywords", "words"),
    [({"trials": 0}, "from 1"), ({"metric": "luck"}, "not measured"), ({"axes": {}}, "no axis"),
     ({"constraints": [Constraint("a > 99")]}, "none is allowed")],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused(log: SqlSearchLog, keywords: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        searched(log, **({"trials": 3} | keywords))
