"""Recording: a run as it is kept, with which code, data and environment it was made."""

from __future__ import annotations

import dataclasses
import io
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.errors import StrategyFault
from workbench.model import new_id
from workbench.ports import Artifact, RunRecord, RunRegistry, Trial

if TYPE_CHECKING:
    from workbench.fills import Terms
    from workbench.research import Backtest, WalkForward
    from workbench.strategy import Strategy


@dataclass(frozen=True)
class Chosen:
    """A strategy ready to run: the name it goes by, how to find it again, its trial family, and the instance."""

    name: str
    reference: str
    family: str
    strategy: Strategy


def record(
    registry: RunRegistry,
    run_id: str,
    kind: str,
    chosen: Chosen,
    spec: Mapping[str, Any],
    data: Mapping[str, Any],
    figures: Mapping[str, Any],
    began: float,
    *,
    artifacts: Sequence[Artifact] = (),
    passed: bool | None = None,
    tried: Sequence[Strategy] = (),
    terms: Terms | None = None,
) -> None:
    """Keep a run: what was asked, with which code, data and environment, and what came of it."""
    from workbench.research import environment, fingerprint
    from workbench.strategy import source_of

    known, code = environment(), code_of(chosen)
    source = Artifact("strategy.py", "text/x-python", source_of(type(chosen.strategy)).encode())
    trials = trials_of(run_id, code, tried, terms, str(data["fingerprint"]))
    registry.add(
        RunRecord(
            run_id=run_id,
            kind=kind,
            strategy=chosen.name,
            family=chosen.family,
            spec=json.loads(as_json(spec)),
            params=dict(chosen.strategy.params),
            data=data,
            data_fingerprint=str(data["fingerprint"]),
            code_fingerprint=code,
            environment=known,
            environment_fingerprint=fingerprint(known),
            metrics=json.loads(as_json(figures)),
            started_at=datetime.now(UTC),
            seconds=round(time.perf_counter() - began, 3),
            passed=passed,
        ),
        [source, *artifacts],
        trials,
    )


def count(
    registry: RunRegistry,
    chosen: Chosen,
    spec: Mapping[str, Any],
    data: Mapping[str, Any],
    began: float,
    tried: Sequence[Strategy],
    terms: Terms,
) -> None:
    """Count the trials of a job whose result is not kept: looking at it counts, whether it is kept or not.

    Where they were counted before nothing is written; else a run of kind `trials` says what was tried.
    """
    run_id = new_id()
    new = trials_of(run_id, code_of(chosen), tried, terms, str(data["fingerprint"]))
    if registry.trials(chosen.family, new) > registry.trials(chosen.family):
        figures = {"sets": len(tried)}
        record(registry, run_id, "trials", chosen, spec, data, figures, began, tried=tried, terms=terms)


def trials_of(
    run_id: str, code: str, tried: Sequence[Strategy], terms: Terms | None, data_fingerprint: str
) -> list[Trial]:
    """What counts as a trial of each set: its parameters and code, its size rule and levels, on this data."""
    from workbench.research import fingerprint

    trials = []
    for strategy in tried:
        levels = terms.protection_for(strategy) if terms else None
        size = str(terms.size_for(strategy)) if terms else None
        evaluated = {
            **strategy.params,
            "·code": code,
            "·size": size,
            "·levels": levels and dataclasses.astuple(levels),
        }
        if terms and terms.at_close(strategy):  # named where it is not the usual: older trials have no word of it
            evaluated["·fill_at"] = "close"
        if terms and terms.shared_cash:
            evaluated["·cash"] = "shared"
        trials.append(Trial(fingerprint(evaluated), data_fingerprint, run_id))
    return trials


def equity_of(result: Backtest | WalkForward) -> Artifact:
    """Equity after each bar as Parquet."""
    buffer = io.BytesIO()
    result.equity.to_frame().to_parquet(buffer)
    return Artifact("equity.parquet", "application/vnd.apache.parquet", buffer.getvalue())


def code_of(chosen: Chosen) -> str:
    """Fingerprint of a strategy's code."""
    from workbench.strategy import code_fingerprint

    return code_fingerprint(type(chosen.strategy))


def as_json(values: Any) -> bytes:
    """JSON values as bytes; numbers that are not finite cannot be kept."""
    try:
        return json.dumps(values, allow_nan=False, default=str).encode()
    except ValueError as error:
        raise StrategyFault("result", "", f"holds a number that is not finite ({error})") from None
