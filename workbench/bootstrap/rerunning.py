"""Rerunning: a recorded run made again, and what differs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.recording import as_json, code_of
from workbench.errors import BadInput
from workbench.ports import ProgressCallback, no_progress

if TYPE_CHECKING:
    from workbench.bootstrap.desk import Workbench


OF_TRIALS = ("trials", "dsr", "sharpe_std", "expected_max_sharpe", "min_backtest_years", "notes")


def rerun(bench: Workbench, run_id: str, progress: ProgressCallback = no_progress) -> dict[str, Any]:
    """Make a recorded run again and say whether code, data, environment and figures are the same; not recorded."""
    from workbench.research import environment

    old = bench.registry.get(run_id)
    spec = dict(old.spec)
    if spec["strategy"] == old.strategy and old.family.startswith("notebook:"):
        raise BadInput("run", run_id, f"its strategy {old.strategy} was typed in a notebook", "run the notebook again")
    job: dict[str, Any] = {
        "strategy": spec.pop("strategy"), "data": spec.pop("data"), "params": spec.pop("params"),
        "progress": progress, **spec.pop("options"),
    }  # fmt: skip
    data: Mapping[str, Any]
    if old.kind == "backtest":
        result = bench.backtest(**job, record=False)
        figures, data = result.metrics.to_dict(), result.data_dict()
    elif old.kind == "walkforward":
        job["params"] = {name: value for name, value in job["params"].items() if name not in spec["grid"]}
        walked = bench.walk_forward(**job, **spec, record=False)
        figures, data = walked.figures(), walked.data_dict()
        # how likely luck is hangs on how many trials there are by now, so it is no figure of the run alone
        old = replace(old, metrics={name: value for name, value in old.metrics.items() if name != "overfit"})
    elif old.kind == "sweep":
        job["params"] = {name: value for name, value in job["params"].items() if name not in spec["grid"]}
        searched = bench.sweep(**job, **spec, log=_Forgetful(), record=False)
        figures, data = searched.figures(), searched.data_dict()
    elif old.kind == "crossvalidation":
        job["params"] = {name: value for name, value in job["params"].items() if name not in spec["grid"]}
        job.pop("progress")
        across = bench.cross_validate(**job, **spec, record=False)
        figures, data = across.figures(), old.data
    elif old.kind == "overfit":
        judged = bench.overfit(spec["of"], record=False, progress=progress, **spec.get("how", {}))
        figures, data = judged.to_dict(), old.data
        if judged["trials"] != old.metrics.get("trials"):  # these hang on how many there are by now
            figures = {name: value for name, value in figures.items() if name not in OF_TRIALS}
            kept = {name: value for name, value in old.metrics.items() if name not in OF_TRIALS}
            old = replace(old, metrics=kept)
    elif old.kind == "proof":
        proofs = bench.prove(**job, record=False)
        figures, data = proofs.to_dict(), proofs.data
    else:
        played = bench.replay(**job, **spec, record=False)
        figures, data = played.summary(), played.data
    chosen = bench.strategy(job["strategy"], old.params)
    compared = {
        "code": (old.code_fingerprint, code_of(chosen)),
        "data": (old.data_fingerprint, data["fingerprint"]),
        **{f"environment {k}": (old.environment.get(k), v) for k, v in environment().items()},
        **_figures(old.metrics, json.loads(as_json(figures))),
    }
    differences = [
        {"what": what, "recorded": a, "now": b} for what, (a, b) in compared.items() if a != b and what != "run_id"
    ]
    same = not any(d["what"].startswith("figure ") for d in differences)
    return {"run_id": old.run_id, "kind": old.kind, "same": same, "differences": differences, "metrics": figures}


class _Forgetful:
    """A search log of one run: made again, a search evaluates every set."""

    def __init__(self) -> None:
        self._kept: dict[str, list[dict[str, Any]]] = {}

    def read(self, study: str, first: int) -> list[dict[str, Any]]:
        return self._kept.get(study, [])[first:]

    def append(self, study: str, entries: Sequence[Mapping[str, Any]]) -> None:
        self._kept.setdefault(study, []).extend(dict(entry) for entry in entries)


def _figures(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "figure ") -> dict[str, tuple[Any, Any]]:
    """Every figure of two runs, side by side, nested ones with a dotted name."""
    found: dict[str, tuple[Any, Any]] = {}
    for key in sorted(old.keys() | new.keys()):
        a, b = old.get(key), new.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found.update(_figures(a, b, f"{path}{key}."))
        elif key != "run_id":
            found[f"{path}{key}"] = a, b
    return found
