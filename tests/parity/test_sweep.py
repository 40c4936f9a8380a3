"""A sweep gives the figures a backtest of each set gives: on random runs that stress every row of the rule for fills.

`SWEEP_SEEDS=20000` runs more than CI does.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import njit

from tests.parity.made_up import Case, make_case
from tests.support import make_history, make_terms, scripted
from workbench.fills import measure
from workbench.research import Sweep, backtest, sweep
from workbench.research.measured import FIGURES

SEEDS = int(os.environ.get("SWEEP_SEEDS", "240"))
PARTS = 4


def swept(case: Case, symbols: int) -> Sweep:
    return sweep("twin", [case.strategy], case.histories[:symbols], case.terms, axes={})


def differs(case: Case, symbols: int) -> str:
    """In what a sweep's figures differ from the backtest's by more than a part in 1e9; empty where in nothing."""
    found = swept(case, symbols)
    honest = backtest("twin", case.strategy, case.histories[:symbols], case.terms)
    for name in FIGURES:
        ours, theirs = found.column(name)[0], honest.metrics[name]
        if theirs is None:
            if not np.isnan(ours):
                return f"{name}: {ours}, and the backtest has no answer ({honest.metrics.reasons[name]})"
        elif not abs(ours - theirs) <= 1e-9 * max(1.0, abs(theirs)):
            return f"{name}: {ours!r} and {theirs!r}"
    return ""


@pytest.mark.parametrize("part", range(PARTS))
def test_random_runs_of_one_symbol_have_the_backtests_figures(part: int) -> None:
    trades = 0.0
    for seed in range(part, SEEDS, PARTS):
        case = make_case(seed)
        assert not (words := differs(case, 1)), f"seed {seed}: {words}"
        trades += swept(case, 1).column("trades")[0]
    assert trades > SEEDS / PARTS * 2, "the made-up runs hardly trade: they would show nothing"


@pytest.mark.slow
def test_random_runs_cut_into_tiles_of_eight_bars_have_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Usually a run fits into one tile; what a set is in the middle of has to come through the edge, wherever it is."""
    monkeypatch.setattr(measure, "TILE", 8)
    monkeypatch.setattr(measure, "measure", njit(nogil=True)(measure.measure.py_func))
    for seed in range(SEEDS):
        assert not (words := differs(make_case(seed), 1)), f"seed {seed}: {words}"


def test_random_runs_of_several_symbols_have_the_backtests_figures() -> None:
    for seed in range(120):
        case = make_case(seed)
        assert not (words := differs(case, 3)), f"seed {seed}: {words}"


def test_many_sets_in_one_pass_are_those_of_one_set_each() -> None:
    """Flags, levels and sizes of different sets stand side by side in one compiled call; none leaks into another."""
    draw = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(draw.normal(0, 0.02, 300)))
    history = make_history([(c, c * 1.01, c * 0.99, c) for c in close.round(2)], lot="1", tick="0.01")
    sets = []
    for k in range(150):
        told = {"entries": draw.random(300) < 0.1, "exits": draw.random(300) < 0.1}
        if k % 3 == 0:
            told |= {"short_entries": draw.random(300) < 0.1, "short_exits": draw.random(300) < 0.1}
        if k % 4 == 0:
            told["stop"] = np.where(draw.random(300) < 0.5, np.nan, 3.0)
        if k % 5 == 0:
            told["size"] = np.where(draw.random(300) < 0.5, np.nan, 7.0)
        sets.append(scripted([history], told))
    terms = make_terms(fees="10", slippage="5", target="8")
    for pool, workers in ((None, 1), (ThreadPoolExecutor(2), 2)):
        found = sweep("many", sets, [history], terms, axes={}, executor=pool, workers=workers)
        for i, one in enumerate(sets):
            honest = backtest("one", one, [history], terms).metrics
            assert found.column("trades")[i] == honest["trades"], i
            assert found.column("end_equity")[i] == pytest.approx(honest["end_equity"], rel=1e-12), i
        if pool is not None:
            pool.shutdown()


def test_a_pass_that_breaks_one_row_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of the test: a stop that never fires."""
    seeds = [s for s in range(60) if (c := make_case(s)).terms.stop is not None and len(c.histories) >= 1]
    real = measure.measure

    def broken(*arguments: object) -> None:
        given = list(arguments)
        given[10] = np.zeros_like(given[10])  # type: ignore[call-overload]
        real(*given)

    monkeypatch.setattr(measure, "measure", broken)
    assert any(differs(make_case(seed), 1) for seed in seeds)
