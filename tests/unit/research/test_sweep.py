"""Sweeps: what a set is, what becomes of one that fails, and that nothing done is lost."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from workbench_strategies.crosses import SmaCross

from tests.support import make_history, make_terms
from workbench import open_workbench
from workbench.errors import BadInput
from workbench.research import backtest, grid_sets, plateau_of, sampled_sets, sweep
from workbench.strategy import Bars, Param, Signals, Strategy, cross_above, cross_below

AXES = {"fast": [2, 4, 8, 16], "slow": [4, 8, 16, 32]}


def history(bars: int = 400, seed: int = 1) -> Any:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.02, bars)))
    return make_history([(c, c * 1.01, c * 0.99, c) for c in close.round(2)], lot="1", tick="0.01")


def test_every_set_has_the_figures_of_its_backtest_in_the_grids_order() -> None:
    made, terms = history(), make_terms(fees="10", slippage="5")
    sets, left_out = grid_sets(SmaCross, {}, AXES)
    assert (len(sets), left_out) == (10, 6)
    found = sweep("sma", sets, [made], terms, axes=AXES)
    assert [(s.fast, s.slow) for s in found.sets] == [(f, s) for f in AXES["fast"] for s in AXES["slow"] if f < s]
    for i, one in enumerate(sets):
        honest = backtest("sma", one, [made], terms).metrics
        for name in ("total_return", "sharpe", "max_drawdown", "trades", "win_rate", "exposure", "fees"):
            assert found.column(name)[i] == pytest.approx(honest[name], rel=1e-9), name
    assert found.row(int(found.order()[0]))["sharpe"] == np.nanmax(found.column("sharpe"))
    assert not found.cancelled


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_side_by_side_gives_the_same_table(pool: Any) -> None:
    made, terms = history(), make_terms()
    sets, _ = grid_sets(SmaCross, {}, {"fast": list(range(2, 20)), "slow": list(range(20, 40, 2))})
    alone = sweep("sma", sets, [made], terms, axes={})
    with pool(2) as executor:
        together = sweep("sma", sets, [made], terms, axes={}, executor=executor, workers=2)
    assert np.array_equal(alone.table, together.table, equal_nan=True)


class Moody(Strategy):
    """Raises, or answers nonsense, at some of its sets."""

    n = Param(1, low=1, high=20)

    def signals(self, bars: Bars) -> Signals:
        if self.n == 3:
            raise ZeroDivisionError("three")
        if self.n == 5:
            return Signals(entries=np.zeros(3, bool))
        if self.n == 7:
            return Signals(entries=np.full(len(bars), 2.0))
        if self.n == 9:
            return Signals()  # wants nothing
        if self.n == 11:  # pandas, lists and numbers are answers too
            return Signals(entries=(bars.frame["close"] > 100), exits=list(map(bool, bars.close < 100)), stop=3)
        return Signals(
            entries=cross_above(bars.close, bars.sma(self.n + 1)), exits=cross_below(bars.close, bars.sma(self.n + 1))
        )


def test_sets_that_fail_are_named_and_cost_no_other() -> None:
    made, terms = history(), make_terms()
    sets, _ = grid_sets(Moody, {}, {"n": list(range(1, 13))})
    found = sweep("moody", sets, [made], terms, axes={"n": range(1, 13)})
    assert [params["n"] for params, _ in found.failed] == [3, 5, 7]
    assert "raised ZeroDivisionError: three" in found.failed[0][1]
    assert [s.n for s in found.sets] == [1, 2, 4, 6, 8, 9, 10, 11, 12]
    nothing = found.row(5)
    assert (nothing["trades"], nothing["total_return"], nothing["sharpe"], nothing["win_rate"]) == (0, 0, None, None)
    for i, one in enumerate(found.sets):
        assert found.column("end_equity")[i] == pytest.approx(backtest("m", one, [made], terms).metrics["end_equity"])


def test_what_was_done_before_it_was_broken_off_is_kept() -> None:
    made, terms = history(), make_terms()
    sets, _ = grid_sets(SmaCross, {}, {"fast": list(range(2, 40)), "slow": list(range(50, 150))})
    told: list[int] = []

    def stop(stage: str, done: int, total: int) -> None:
        told.append(done)
        if done > 200:
            raise KeyboardInterrupt

    found = sweep("sma", sets, [made], terms, axes={}, progress=stop)
    assert found.cancelled
    assert 200 < len(found) < len(sets)
    calls = iter(range(10_000))
    found = sweep("sma", sets, [made], terms, axes={}, cancelled=lambda: next(calls) > 3)
    assert found.cancelled
    assert 0 < len(found) < len(sets)


def test_sets_without_an_answer_are_last_whatever_they_are_sorted_by() -> None:
    made, terms = history(), make_terms()
    sets, _ = grid_sets(Moody, {}, {"n": [9, 1, 2]})
    found = sweep("moody", sets, [made], terms, axes={}, metric="sharpe")
    assert found.order()[-1] == 0
    with pytest.raises(BadInput, match="metric luck: is not measured"):
        found.order("luck")


# ---- sets ------------------------------------------------------------------------------------------------------------


def test_a_latin_hypercube_goes_evenly_through_every_axis() -> None:
    axes = {"fast": list(range(2, 12)), "slow": list(range(20, 120, 10))}
    sets, left_out = sampled_sets(SmaCross, {}, axes, 10, 4, stratified=True)
    assert left_out == 0
    assert sorted(s.fast for s in sets) == axes["fast"]
    assert sorted(s.slow for s in sets) == axes["slow"]


def test_the_same_seed_draws_the_same_sets_and_none_twice() -> None:
    axes = {"fast": list(range(2, 12)), "slow": list(range(12, 40))}
    one, two, other = (sampled_sets(SmaCross, {}, axes, 50, seed)[0] for seed in (1, 1, 2))
    assert [s.params for s in one] == [s.params for s in two] != [s.params for s in other]
    assert len({tuple(s.params.values()) for s in one}) == len(one)


@pytest.mark.parametrize(
    ("axes", "trials", "words"),
    [({}, 5, "no axis: is given"), ({"fast": []}, 5, "no value"), ({"fast": [5]}, 0, "must be from 1"),
     ({"x": [1]}, 5, "x"), ({"fast": [100], "slow": [50]}, 5, "none is allowed")],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(axes: dict[str, list[int]], trials: int, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        sampled_sets(SmaCross, {}, axes, trials, 0)


def test_an_empty_sweep_is_refused() -> None:
    with pytest.raises(BadInput, match="no combination"):
        sweep("sma", [], [history()], make_terms(), axes={})
    with pytest.raises(BadInput, match="no value"):
        grid_sets(SmaCross, {}, {"fast": []})


class Sized(Strategy):
    """Its stop is a parameter, and may be one that cannot be."""

    percent = Param(2.0, low=0.0, high=200.0)

    @property
    def stop(self) -> float:  # type: ignore[override]
        return float(self.percent)

    def signals(self, bars: Bars) -> Signals:
        up = np.zeros(len(bars), bool)
        up[1:] = bars.close[1:] > bars.close[:-1]
        return Signals(entries=up, exits=~up)


@pytest.mark.parametrize("symbols", [1, 2])
def test_a_set_with_a_level_that_cannot_be_fails_alone(symbols: int) -> None:
    made = [history(seed=1)] if symbols == 1 else [history(seed=1), replace(history(seed=2), symbol="Y")]
    sets = [Sized(percent=p) for p in (2.0, 0.0, 5.0, 150.0)]
    found = sweep("sized", sets, made, make_terms(), axes={})
    assert [s.params["percent"] for s in found.sets] == [2.0, 5.0]
    assert [params["percent"] for params, _ in found.failed] == [0.0, 150.0]
    with pytest.raises(BadInput, match="stop"):
        sweep("sized", [sets[1], sets[3]], made, make_terms(), axes={})


def test_sets_drawn_from_a_huge_space_have_neighbours_without_a_table_of_it(tmp_path: Path) -> None:
    wide = {"a": list(range(20_000)), "b": list(range(20_000)), "c": list(range(20_000))}
    near = plateau_of(wide, [{"a": 1, "b": 1, "c": 1}, {"a": 900, "b": 2, "c": 2}, {"a": 15_000, "b": 9, "c": 9}],
                      np.array([1.0, 2.0, 3.0]), reach=0.1)  # fmt: skip
    assert near.tolist()[:2] == [2.0, 1.0]
    assert np.isnan(near[2])


class Trades(Strategy):
    """Has a parameter with the name of a figure."""

    trades = Param(3, low=1, high=9)

    def signals(self, bars: Bars) -> Signals:
        return Signals()


def test_a_parameter_named_like_a_figure_is_refused_before_the_work(tmp_path: Path) -> None:
    bench = open_workbench(tmp_path)
    with pytest.raises(BadInput, match="name of a figure"):
        bench.sweep(Trades, "sample:IBM", grid={"trades": [1, 2]})
    found = bench.sweep("sma_cross", "sample:IBM", grid={"fast": np.arange(5, 8)})
    assert bench.registry.get(found.run_id).spec["grid"] == {"fast": [5, 6, 7]}
    assert bench.rerun(found.run_id)["same"]


def test_a_study_is_of_its_own_prices_and_made_again_it_evaluates_everything(tmp_path: Path) -> None:
    bench = open_workbench(tmp_path)
    job = {"search": "bayes", "trials": 4, "study": "mine", "grid": ["fast=4:12:2"]}
    one, two = (bench.sweep("ema_cross", f"sample:{symbol}", **job) for symbol in ("AAPL", "IBM"))
    best = two.sets[int(two.order()[0])]
    honest = bench.backtest("ema_cross", "sample:IBM", dict(best.params), record=False).metrics["sharpe"]
    assert np.nanmax(two.column("sharpe")) == pytest.approx(honest, rel=1e-9)
    assert np.nanmax(one.column("sharpe")) != pytest.approx(honest)
    other = bench.sweep("ema_cross", "sample:IBM", **(job | {"grid": ["fast=4:6:1", "slow=30,40"]}))
    assert len(other) == 4
    assert bench.rerun(two.run_id)["same"]
