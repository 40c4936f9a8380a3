"""Overfit: the figures together, what is said where one is missing, and noise called noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from workbench_plugins.gate_rules import OverfittingGate

from workbench import Workbench, open_workbench
from workbench.errors import BadInput
from workbench.research import (
    Overfit,
    cross_validate,
    deflated_sharpe_ratio,
    judge,
    min_track_record_length,
    probabilistic_sharpe_ratio,
    shape_of,
)
from workbench.research.overfit import FIGURES, coarser

GRID = ["fast=4:12:4", "slow=20:40:10"]


def noise(sets: int = 40, bars: int = 600, seed: int = 0, edge: float = 0.0) -> np.ndarray:
    found = np.random.default_rng(seed).normal(0, 0.01, (bars, sets))
    found[:, 0] += edge
    return found


def judged(table: np.ndarray, column: int, **keywords: Any) -> Overfit:
    sharpes = table.mean(axis=0) / table.std(axis=0, ddof=1) * np.sqrt(252)
    return judge(
        table[:, column], 252.0, trials=table.shape[1], table=table, sharpes=sharpes,
        trade_returns=table[:60, column].tolist(), **keywords,
    )  # fmt: skip


def test_each_figure_is_that_of_the_plain_function() -> None:
    table = noise(edge=0.002)
    found, shape = judged(table, 0), shape_of(table[:, 0])
    spread = (table.mean(axis=0) / table.std(axis=0, ddof=1)).std(ddof=1)
    assert found["psr"] == probabilistic_sharpe_ratio(shape.sharpe, 600, shape.skew, shape.kurtosis)
    assert found["dsr"] == pytest.approx(
        deflated_sharpe_ratio(shape.sharpe, 600, shape.skew, shape.kurtosis, spread, 40), rel=1e-12
    )
    assert found["min_track_record"] == min_track_record_length(shape.sharpe, shape.skew, shape.kurtosis)
    assert found["pbo"] == cross_validate(table).pbo
    assert found["sharpe"] == pytest.approx(shape.sharpe * np.sqrt(252))
    assert found["sharpe_low"] < found["sharpe"] < found["sharpe_high"]


def test_the_best_of_noise_is_called_luck_and_an_edge_is_not() -> None:
    pure = noise(seed=1)
    best = int((pure.mean(axis=0) / pure.std(axis=0)).argmax())
    luck, real = judged(pure, best), judged(noise(edge=0.003, seed=2), 0)
    assert luck["psr"] > 0.95, "on its own it looks good"
    assert luck["dsr"] < 0.9
    assert min(luck["spa_p"], luck["reality_check_p"]) > 0.1
    assert luck["pbo"] > 0.2
    assert real["dsr"] > 0.99
    assert max(real["spa_p"], real["reality_check_p"], real["pbo"]) < 0.02


@pytest.mark.parametrize(
    ("returns", "keywords", "missing", "words"),
    [
        (np.zeros(100), {}, ("sharpe", "psr", "dsr", "min_track_record", "spa_p"), "never moved"),
        (noise(1)[:, 0] - 0.01, {}, ("min_track_record", "min_backtest_years"), "no length shows"),
        (noise(1)[:, 0], {}, ("pbo", "pbo_loss", "pbo_slope"), "no other set"),
        (noise(1)[:, 0], {}, ("permutation_p",), "not asked for"),
        (noise(1)[:, 0], {"trade_returns": [0.1]}, ("trade_permutation_p", "drawdown_p95"), "too few"),
        (noise(1)[:, 0], {"missing": {"pbo": "nothing on file"}}, ("pbo",), "nothing on file"),
        (noise(1)[:2, 0], {}, ("sharpe", "spa_p"), ""),
        (noise(1)[:, 0], {"resample": False}, ("spa_p", "reality_check_p"), "overfit alone"),
    ],
)
def test_a_figure_that_is_missing_says_why_and_none_is_nan(
    returns: np.ndarray, keywords: dict[str, Any], missing: tuple[str, ...], words: str
) -> None:
    found = judge(returns, 252.0, trials=3, **keywords)
    for name in missing:
        assert found[name] is None, name
        assert words in found.undefined[name], name
    json.dumps(found.to_dict(), allow_nan=False)
    assert set(found.undefined) == {name for name in FIGURES if found[name] is None}


def test_longer_periods_compound_the_shorter_ones() -> None:
    table = noise(3, 101)
    found = coarser(table, 3 * 20)
    assert found.size <= 60
    assert np.allclose(np.prod(1 + found, axis=0), np.prod(1 + table[101 % 6 :], axis=0))
    assert coarser(table, 10**6) is table


# ---- with a home -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return open_workbench(tmp_path_factory.mktemp("home"))


def test_a_sweep_a_backtest_and_a_walk_forward_are_judged_by_what_was_searched(bench: Workbench) -> None:
    alone = bench.backtest("ema_cross", "sample:IBM")
    lonely = bench.overfit(alone, permutations=0)
    assert lonely["pbo"] is None
    assert "on file" in lonely.undefined["pbo"]
    assert lonely["trials"] == 1
    assert lonely["dsr"] == lonely["psr"]
    sweep = bench.sweep("ema_cross", "sample:IBM", grid=GRID)
    found = bench.overfit(sweep.run_id, permutations=9)
    assert found.subject["sets"] == 9
    assert found["trials"] == 10, "every set that was ever tried counts"
    assert found.subject["params"] == dict(sweep.sets[int(sweep.order()[0])].params)
    assert found["permutation_p"] >= 0.1
    again = bench.overfit(alone, permutations=9)
    assert again["pbo"] == found["pbo"], "the backtest is held against the search beside it"
    assert again["permutation_p"] >= found["permutation_p"]
    walked = bench.walk_forward("ema_cross", "sample:IBM", train="3y", test="1y", grid=GRID)
    kept = bench.registry.get(walked.run_id).metrics["overfit"]
    ofwalk = bench.overfit(walked, permutations=0)
    assert ofwalk["sharpe"] == pytest.approx(walked.metrics["sharpe"])
    assert (kept["psr"], kept["dsr"], kept["pbo"]) == (ofwalk["psr"], ofwalk["dsr"], ofwalk["pbo"])
    run = bench.registry.get(found.run_id)
    assert (run.kind, run.metrics["pbo"]) == ("overfit", found["pbo"])
    assert bench.rerun(found.run_id)["same"]


def test_trials_count_whether_a_result_is_kept_or_not(tmp_path: Path) -> None:
    bench = open_workbench(tmp_path)
    family = "sma_cross"
    bench.backtest("sma_cross", "sample:IBM", record=False)
    assert bench.registry.trials(family) == 1
    bench.sweep("sma_cross", "sample:IBM", grid=["fast=5:15:5"], record=False)
    bench.sweep("sma_cross", "sample:IBM", grid=["fast=5:15:5"], record=False)
    counted = bench.registry.trials(family)
    assert counted in (3, 4)  # one of them may be the default
    kinds = [run.kind for run in bench.registry.find()]
    assert kinds == ["trials", "trials"], "the third looked at nothing new"
    bench.sweep("sma_cross", "sample:IBM", grid=["fast=5:15:5"], record=False, fill_at="close")
    assert bench.registry.trials(family) == counted + 3, "where signals fill is a choice too"


def test_what_cannot_be_judged_is_refused(bench: Workbench, tmp_path: Path) -> None:
    proof = bench.prove("buy_and_hold", "sample:FB")
    with pytest.raises(BadInput, match="is a proof"):
        bench.overfit(proof.run_id)
    prices = pd.DataFrame({"close": [10.0, 11, 12, 11, 12, 13, 14] * 8})
    prices.index = pd.date_range("2024-01-01", periods=56, name="time")
    for name in ("open", "high", "low"):
        prices[name] = prices["close"]
    file = tmp_path / "p.csv"
    prices.to_csv(file)
    run = bench.backtest("buy_and_hold", f"csv:{file}")
    prices.loc[prices.index[-1], ["open", "high", "low", "close"]] = 15.0
    prices.to_csv(file)
    with pytest.raises(BadInput, match="other prices"):
        bench.overfit(run.run_id)


def test_the_gate_counts_the_trials_of_today() -> None:
    from tests.unit.plugins.test_gates import evidence

    found = judged(noise(edge=0.0016, seed=3), 0, resample=False).to_dict()
    gate = OverfittingGate()
    passed = gate.judge(evidence("walkforward", {"overfit": found}, trials=40))
    assert passed.passed, passed.reason
    many = gate.judge(evidence("walkforward", {"overfit": found}, trials=10**6))
    assert not many.passed
    assert "1000000 trials" in many.reason


def test_a_small_search_beside_a_large_one_does_not_hide_it(tmp_path: Path) -> None:
    bench = open_workbench(tmp_path)
    large = bench.sweep("sma_cross", "sample:IBM", grid=["fast=4:20:2", "slow=30:90:20"])
    bench.sweep("sma_cross", "sample:IBM", {"fast": 5}, grid=["slow=50,51"])
    found = bench.overfit(bench.backtest("sma_cross", "sample:IBM"), permutations=0)
    assert found.subject["sets"] == len(large)
    walked = bench.walk_forward("sma_cross", "sample:IBM", {"fast": 5}, train=900, test=300, grid=["slow=50,51"])
    kept = bench.registry.get(walked.run_id).metrics["overfit"]
    assert kept["sharpes_known"] == 2
    assert kept["sharpe_std"] >= np.sqrt(252 / kept["bars"]), "of so many trials two tell nothing of the spread"
    assert any("known here" in note for note in kept["notes"])


def test_a_result_is_judged_as_its_run_id_is_and_constraints_and_objectives_are_kept(bench: Workbench) -> None:
    sweep = bench.sweep("sma_cross", "sample:IBM", grid=["fast=4:12:4", "slow=20:40:10"])
    found = bench.overfit(sweep, permutations=0)
    assert bench.registry.get(found.run_id).family == "sma_cross", "not that of a class typed in a notebook"
    job: dict[str, Any] = {"train": 600, "test": 300, "grid": ["fast=4:20:4", "slow=30:90:30"]}
    walked = bench.walk_forward("sma_cross", "sample:IBM", constraints=["slow >= 10 * fast"], **job)
    assert bench.overfit(walked, permutations=0).subject["sets"] == walked.windows[0].tried < 15
    own = bench.walk_forward("sma_cross", "sample:IBM", metric=lambda figures: figures["sharpe"], **job)
    assert bench.overfit(own, permutations=2).metric == "sharpe"
    loose = bench.sweep("sma_cross", "sample:IBM", grid=["fast=4:12:4"], record=False)
    assert loose.trials is not None
    with pytest.raises(BadInput, match="was not recorded"):
        bench.overfit(loose)
