"""Records: what the research page reads of recorded runs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.bootstrap import Workbench
from workbench.data import PriceHistory
from workbench.errors import WorkbenchError
from workbench.ports import RunRecord
from workbench.research import RunSpec
from workbench.research.metrics import drawdown_of
from workbench_apps.theme import clock, params_text, yes_no

MOST_RUNS = 1_000
"""So many of the newest runs are listed."""
COLUMNS = (
    "run_id", "kind", "strategy", "symbols", "params", "when", "return", "sharpe", "drawdown", "trades", "passed",
)  # fmt: skip
CURVED = ("backtest", "walkforward")
"""Kinds of runs that keep an equity curve."""


def runs_frame(runs: Iterable[RunRecord]) -> pd.DataFrame:
    """Runs as rows; figures a run does not have are missing."""
    rows = []
    for run in runs:
        figures = figures_of(run)
        rows.append(
            {
                "run_id": run.run_id,
                "kind": run.kind,
                "strategy": run.strategy,
                "symbols": symbols_of(run),
                "params": params_text(params_of(run)),
                "when": clock(run.started_at, zone=False),
                "return": _total_return(figures),
                "sharpe": figures.get("sharpe"),
                "drawdown": figures.get("max_drawdown"),
                "trades": figures.get("trades"),
                "passed": yes_no(run.passed),
            }
        )
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("return", "sharpe", "drawdown", "trades"):
        frame[name] = pd.to_numeric(frame[name])
    return frame


def figures_of(run: RunRecord) -> Mapping[str, Any]:
    """A run's own figures; of a sweep those of its best set."""
    found: Mapping[str, Any] = run.metrics.get("best") or {} if run.kind == "sweep" else run.metrics
    return found


def params_of(run: RunRecord) -> Mapping[str, Any]:
    """A run's parameters; of a sweep those of its best set."""
    found: Mapping[str, Any] = figures_of(run).get("params") or run.params if run.kind == "sweep" else run.params
    return found


def symbols_of(run: RunRecord) -> str:
    """The symbols a run was made on."""
    return ", ".join(map(str, run.data.get("symbols", ()))) or str(run.spec.get("data", ""))


def label_of(run: RunRecord) -> str:
    """A run in one line, short enough for a menu."""
    return f"{run.kind} {clock(run.started_at)} · {symbols_of(run)} · {params_text(run.params)} · {run.run_id[-6:]}"


def equity_of(bench: Workbench, run: RunRecord) -> pd.Series:
    """A run's equity after each bar, in currency, over UTC times."""
    return pd.read_parquet(io.BytesIO(bench.registry.artifact(run.run_id, "equity.parquet")))["equity"]


def drawdown(run: RunRecord, equity: pd.Series) -> pd.Series:
    """How far below its peak the equity is, as a fraction."""
    start = float(run.metrics.get("start_cash", equity.iloc[0]))
    return pd.Series(drawdown_of(equity.to_numpy(), start), equity.index)


def result_of(bench: Workbench, run: RunRecord) -> Mapping[str, Any]:
    """A run's whole result as it was kept."""
    found: Mapping[str, Any] = json.loads(bench.registry.artifact(run.run_id, "result.json"))
    return found


def sweep_of(bench: Workbench, run: RunRecord) -> pd.DataFrame:
    """A recorded sweep: a row a set, with what was searched, its figures, and how good its neighbours are."""
    return pd.read_parquet(io.BytesIO(bench.registry.artifact(run.run_id, "sweep.parquet")))


def luck_of(bench: Workbench, run: RunRecord) -> RunRecord | None:
    """The newest judgement of a run."""
    found = bench.registry.find(kind="overfit", strategy=run.strategy)
    return next((judgement for judgement in found if judgement.spec.get("of") == run.run_id), None)


def judgement_of(bench: Workbench, run: RunRecord) -> tuple[Mapping[str, Any], Mapping[str, Any], RunRecord | None]:
    """A recorded judgement: its figures, the random outcomes that were kept, and the run it judged."""
    with np.load(io.BytesIO(bench.registry.artifact(run.run_id, "drawn.npz"))) as kept:
        drawn = {name: kept[name] for name in kept.files}
    try:
        judged = bench.registry.get(str(run.spec.get("of", "")))
    except WorkbenchError:
        judged = None
    return run.metrics, drawn, judged


def prices_of(bench: Workbench, run: RunRecord) -> Sequence[PriceHistory]:
    """The prices of a run, loaded again and checked."""
    spec = run.spec
    return bench.histories(RunSpec(spec["strategy"], spec["data"], spec["params"], spec.get("options", {})))


def proof_of(bench: Workbench, run: RunRecord) -> RunRecord | None:
    """The newest proof of the same code, parameters and prices; the run itself where it is a proof."""
    if run.kind == "proof":
        return run
    mine = (run.code_fingerprint, run.data_fingerprint, dict(run.params))
    for proof in bench.registry.find(kind="proof", strategy=run.strategy):
        if (proof.code_fingerprint, proof.data_fingerprint, dict(proof.params)) == mine:
            return proof
    return None


def proof_rows(proof: RunRecord) -> list[tuple[str, bool, str]]:
    """What was proved: the name of each proof, whether it passed, and in words what it looked at or why it failed."""
    figures = proof.metrics
    ahead, warm, parity = (figures.get(name, {}) for name in ("lookahead", "warmup", "parity"))
    needed, declared = warm.get("bars_needed"), warm.get("declared")
    same = f"{parity.get('compared_fills')} fills and {parity.get('compared_trades')} trades the same bar by bar"
    return [
        ("no look-ahead", bool(ahead.get("passed")), ahead.get("reason") or ahead.get("coverage", "")),
        ("warm-up", bool(warm.get("passed")), warm.get("reason") or f"{needed} bars needed, {declared} declared"),
        ("parity", bool(parity.get("passed")), parity.get("reason") or same),
    ]


def _total_return(figures: Mapping[str, Any]) -> float | None:
    if "total_return" in figures:
        found: float | None = figures["total_return"]
        return found
    if figures.get("end_equity") and figures.get("start_cash"):
        return float(figures["end_equity"]) / float(figures["start_cash"]) - 1
    return None
