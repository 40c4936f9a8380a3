"""The bundled gates: thresholds at, below and above their bounds, and evidence that is not there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from workbench_plugins.gate_rules import (
    ApprovalGate,
    BacktestGate,
    LiveAccountGate,
    LookAheadGate,
    OutOfSampleGate,
    OverfittingGate,
    ParityGate,
    WarmUpGate,
)
from workbench_plugins.gates import workbench_gates

from workbench.errors import BadInput
from workbench.model import Stage
from workbench.ports import Evidence, Gate, GateAnswer, RunRecord, Version

BACKTEST = {"trades": 10, "bars": 250, "max_drawdown": -0.75}
WALK = {"windows": 3, "trades": 10, "sharpe": 0.3, "max_drawdown": -0.5, "efficiency": 0.3}
LUCK = {
    "psr": 0.96, "sharpe": 1.2, "sharpe_std": 0.1, "bars": 1000, "skew": 0.0, "kurtosis": 3.0,
    "periods_per_year": 252.0, "trials": 5, "sharpes_known": 5, "pbo": 0.4, "pbo_loss": 0.2,
}  # fmt: skip
GATES: dict[str, Callable[..., Gate]] = {
    "backtest": BacktestGate, "out_of_sample": OutOfSampleGate, "overfitting": OverfittingGate,
}  # fmt: skip


def evidence(kind: str | None, metrics: Any = None, costs: dict[str, str] | None = None, **more: Any) -> Evidence:
    options = {"fees": "5"} if costs is None else costs
    version = Version("s", "library:s", "s", "c", {}, "sample:X", "d", options)
    runs = {}
    if kind is not None:
        runs[kind] = RunRecord(
            f"{kind}-1",
            kind,
            "s",
            "s",
            {},
            {},
            {},
            "d",
            "c",
            {},
            "e",
            metrics or {},
            datetime(2024, 1, 2, tzinfo=UTC),
            1.0,
        )
    return Evidence(version, runs, **more)


def judged(gate: Gate, given: Evidence) -> tuple[GateAnswer, dict[str, bool]]:
    answer = gate.judge(given)
    assert answer.passed is (answer.reason == "")
    assert answer.passed is all(f.passed for f in answer.figures) or not answer.figures
    return answer, {figure.name: figure.passed for figure in answer.figures}


@pytest.mark.parametrize(
    ("gate", "kind", "metrics"), [(BacktestGate(), "backtest", BACKTEST), (OutOfSampleGate(), "walkforward", WALK)]
)
def test_figures_exactly_at_their_bounds_pass(gate: Gate, kind: str, metrics: Any) -> None:
    answer, figures = judged(gate, evidence(kind, metrics))
    assert answer.passed
    assert all(figures.values())
    assert answer.run_id == f"{kind}-1"


@pytest.mark.parametrize(
    ("gate", "kind", "metrics", "name", "value", "said"),
    [
        (BacktestGate(), "backtest", BACKTEST, "trades", 9, "trades 9, must be at least 10"),
        (BacktestGate(), "backtest", BACKTEST, "bars", 249, "bars 249, must be at least 250"),
        (
            BacktestGate(),
            "backtest",
            BACKTEST,
            "max_drawdown",
            -0.7501,
            "maximum drawdown, % 75.01, must be at most 75",
        ),
        (OutOfSampleGate(), "walkforward", WALK, "windows", 2, "windows 2, must be at least 3"),
        (OutOfSampleGate(), "walkforward", WALK, "trades", 9, "trades out of sample 9, must be at least 10"),
        (OutOfSampleGate(), "walkforward", WALK, "sharpe", 0.29, "Sharpe out of sample 0.29, must be at least 0.3"),
        (OutOfSampleGate(), "walkforward", WALK, "sharpe", -2.0, "Sharpe out of sample -2.0, must be at least 0.3"),
        (OutOfSampleGate(), "walkforward", WALK, "max_drawdown", -0.51, "% 51.0, must be at most 50"),
        (
            OutOfSampleGate(),
            "walkforward",
            WALK,
            "efficiency",
            0.1,
            "walk-forward efficiency 0.1, must be at least 0.3",
        ),
    ],
)
def test_one_figure_beyond_its_bound_refuses_and_is_the_only_one_named(
    gate: Gate, kind: str, metrics: Any, name: str, value: Any, said: str
) -> None:
    answer, figures = judged(gate, evidence(kind, metrics | {name: value}))
    assert not answer.passed
    assert answer.reason.endswith(said)
    assert ";" not in answer.reason
    assert list(figures.values()).count(False) == 1


@pytest.mark.parametrize("value", [None, "12", float("nan"), "gone"])
@pytest.mark.parametrize(
    ("gate", "kind", "metrics"), [(BacktestGate(), "backtest", BACKTEST), (OutOfSampleGate(), "walkforward", WALK)]
)
def test_a_figure_that_is_missing_or_no_number_refuses(gate: Gate, kind: str, metrics: Any, value: Any) -> None:
    for name in metrics:
        given = dict(metrics)
        given[name] = value
        if value == "gone":
            del given[name]
        answer, figures = judged(gate, evidence(kind, given))
        assert not answer.passed
        assert list(figures.values()).count(False) == 1
        if value != value:  # NaN is shown as what it is
            continue
        assert "not known, must be" in answer.reason


@pytest.mark.parametrize(
    ("costs", "passed"),
    [
        ({}, False),
        ({"fees": "0", "slippage": "0", "per_share": "0", "min_fee": "0.00"}, False),
        ({"fees": "0", "min_fee": "0.01"}, True),
        ({"slippage": "1"}, True),
        ({"per_share": "0.005"}, True),
    ],
)
def test_a_backtest_without_any_costs_is_no_evidence(costs: dict[str, str], passed: bool) -> None:
    answer, figures = judged(BacktestGate(), evidence("backtest", BACKTEST, costs))
    assert (answer.passed, figures["costs"]) == (passed, passed)
    assert ("costs 0, must be above 0" in answer.reason) is not passed


@pytest.mark.parametrize(
    ("gate", "command"),
    [
        (BacktestGate(), "workbench backtest"),
        (OutOfSampleGate(), "workbench walkforward"),
        (LookAheadGate(), "workbench prove"),
        (WarmUpGate(), "workbench prove"),
        (ParityGate(), "workbench prove"),
    ],
)
def test_without_the_run_a_gate_refuses_and_says_which_command_makes_it(gate: Gate, command: str) -> None:
    answer, _ = judged(gate, evidence(None))
    assert answer.reason.startswith("there is no recorded run")
    assert answer.reason.endswith(f"run {command}")
    assert answer.run_id is None


@pytest.mark.parametrize(
    ("gate", "part"), [(LookAheadGate(), "lookahead"), (WarmUpGate(), "warmup"), (ParityGate(), "parity")]
)
def test_a_proof_passes_only_by_its_own_part_and_gives_that_parts_reason(gate: Gate, part: str) -> None:
    parts = {key: {"passed": False, "reason": "another part"} for key in ("lookahead", "warmup", "parity")}
    answer, _ = judged(gate, evidence("proof", parts | {part: {"passed": True}}))
    assert (answer.passed, answer.run_id) == (True, "proof-1")
    passed = {key: {"passed": True} for key in parts}
    for given, said in (
        ({"passed": False, "reason": "bar 7 differs"}, "bar 7 differs"),
        ({"passed": False}, f"the run has no answer on {part}"),
        ({"passed": "yes"}, f"the run has no answer on {part}"),
        ({"passed": 1}, f"the run has no answer on {part}"),
        (None, f"the run has no answer on {part}"),
    ):
        answer, _ = judged(gate, evidence("proof", passed | {part: given}))
        assert (answer.passed, answer.reason) == (False, said)
    answer, _ = judged(gate, evidence("proof", {name: value for name, value in passed.items() if name != part}))
    assert not answer.passed


@pytest.mark.parametrize(
    ("change", "passed", "words"),
    [
        ({}, True, ""),
        ({"psr": 0.94}, False, "probabilistic Sharpe ratio 0.94, must be at least 0.95"),
        ({"psr": None}, False, "probabilistic Sharpe ratio not known"),
        ({"sharpe_std": 0.9}, False, "deflated Sharpe ratio, 5 trials"),
        ({"skew": None}, False, "deflated Sharpe ratio, 5 trials not known"),
        ({"pbo": 0.51}, False, "probability of backtest overfitting 0.51"),
        ({"pbo": 0.9, "pbo_loss": 0.05}, True, ""),  # the sets are alike, and hardly any loses
        ({"pbo": None, "pbo_loss": None}, True, ""),  # nothing was searched
        ({"permutation_p": 0.15, "spa_p": 0.1}, True, ""),
        ({"permutation_p": 0.16}, False, "permutation of bars, p 0.16, must be at most 0.15"),
        ({"spa_p": 0.11}, False, "superior predictive ability, p 0.11, must be at most 0.1"),
    ],
)
def test_overfitting_is_judged_figure_by_figure(change: dict[str, Any], passed: bool, words: str) -> None:
    walked = evidence("walkforward", {"overfit": LUCK | change})
    assert judged(OverfittingGate(), walked)[0].passed is passed
    assert words in OverfittingGate().judge(walked).reason
    other = evidence("overfit", LUCK | change)
    both = replace(walked, runs={**evidence("walkforward", {"overfit": LUCK}).runs, **other.runs})
    answer = OverfittingGate().judge(both)
    assert answer.passed is passed, "a judgement that falls short refuses, whatever the walk-forward says"
    assert words.split(" 0.")[0].split(" not")[0] in answer.reason


def test_a_good_judgement_does_not_outweigh_a_poor_walk_forward() -> None:
    poor, good = evidence("walkforward", {"overfit": LUCK | {"psr": 0.1}}), evidence("overfit", LUCK)
    assert not OverfittingGate().judge(replace(poor, runs={**poor.runs, **good.runs})).passed
    assert not OverfittingGate().judge(good).passed, "without a walk-forward there is nothing out of sample"
    old = OverfittingGate().judge(evidence("walkforward", WALK))
    assert not old.passed
    assert "run workbench walkforward again" in old.reason


def test_where_few_of_the_trials_are_known_they_spread_as_noise_does() -> None:
    alike = LUCK | {"sharpe_std": 0.001, "sharpes_known": 2, "trials": 2, "psr": 0.99}
    assert OverfittingGate().judge(evidence("walkforward", {"overfit": alike}, trials=3)).passed
    many = OverfittingGate().judge(evidence("walkforward", {"overfit": alike}, trials=400))
    assert "deflated Sharpe ratio, 400 trials" in many.reason, "a search of two equal sets must not stand for 400"


@pytest.mark.parametrize(
    ("options", "fees", "passed"),
    [
        ({"fees": "0", "slippage": "0", "costs": "india_delivery:brokerage=0"}, 12.5, True),
        ({"fees": "0", "slippage": "0", "costs": "tiered:tiers=0=0/10000=0"}, 0.0, False),
        ({"fees": "0", "slippage": "spread:4", "costs": "crypto:maker=0,taker=0"}, 0.0, True),
    ],
)
def test_a_cost_model_is_paid_by_what_it_charged(options: dict[str, str], fees: float, passed: bool) -> None:
    answer, _ = judged(BacktestGate(), evidence("backtest", BACKTEST | {"fees": fees}, options))
    assert answer.passed is passed


def test_live_needs_an_account_and_a_person() -> None:
    assert "no live account" in judged(LiveAccountGate(), evidence(None))[0].reason
    assert "nobody approved" in judged(ApprovalGate(), evidence(None))[0].reason
    given = evidence(None, live_account="broker:1", approved_by="me")
    assert judged(LiveAccountGate(), given)[0].passed
    assert judged(ApprovalGate(), given)[0].passed


@pytest.mark.parametrize(
    ("gate", "name", "value"),
    [
        ("backtest", "min_trades", 0),
        ("backtest", "min_trades", "10"),
        ("backtest", "min_bars", True),
        ("backtest", "min_bars", None),
        ("backtest", "max_drawdown", 100.1),
        ("backtest", "max_drawdown", -1),
        ("backtest", "max_drawdown", float("nan")),
        ("out_of_sample", "min_windows", 0),
        ("out_of_sample", "min_trades", -1),
        ("out_of_sample", "min_sharpe", float("inf")),
        ("out_of_sample", "min_sharpe", -101),
        ("out_of_sample", "max_drawdown", 101),
        ("out_of_sample", "min_efficiency", [1]),
        ("overfitting", "min_psr", 1.1),
        ("overfitting", "max_pbo", "half"),
        ("overfitting", "max_permutation_p", -0.1),
    ],
)
def test_a_threshold_that_cannot_be_is_refused_by_its_name(gate: str, name: str, value: Any) -> None:
    with pytest.raises(BadInput) as error:
        GATES[gate](**{name: value})
    assert error.value.parameter == f"setting gates.{gate}.{name}"
    assert "must be a number from" in str(error.value)


def test_thresholds_that_are_set_count() -> None:
    assert BacktestGate(min_trades=5).judge(evidence("backtest", BACKTEST | {"trades": 5})).passed
    assert not BacktestGate(max_drawdown=50).judge(evidence("backtest", BACKTEST)).passed
    assert not OutOfSampleGate(min_sharpe=1).judge(evidence("walkforward", WALK)).passed
    assert OutOfSampleGate(min_efficiency=-1).judge(evidence("walkforward", WALK | {"efficiency": -0.5})).passed


def test_every_step_of_the_ladder_has_a_bundled_gate_that_can_be_made() -> None:
    records = list(workbench_gates())
    assert {Stage(record.stage) for record in records} == {
        Stage.BACKTESTED, Stage.WALK_FORWARD, Stage.PAPER, Stage.LIVE,
    }  # fmt: skip
    for record in records:
        answer = record.resolve()().judge(evidence(None))
        assert (answer.gate, answer.passed) == (record.name, False)
        assert answer.reason
