"""Standings: what the promotion page reads of the board and of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workbench.bootstrap import Workbench
from workbench.bootstrap.views import answer_dict
from workbench.model import Stage
from workbench.ports import RunRecord, Standing
from workbench.promotion import version_of
from workbench_apps.records import MOST_RUNS

COLUMNS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("research", ("research",)),
    ("backtested", ("backtested",)),
    ("walk-forward", ("walk-forward",)),
    ("paper", ("paper",)),
    ("live", ("live",)),
    ("paused and retired", ("paused", "retired")),
)
"""The board's columns: title and the stages in it."""
_EVIDENCE = {"backtested": "backtest", "walk-forward": "walkforward", "paper": "proof"}
"""The kind of run people usually name when they promote to a stage."""


@dataclass(frozen=True)
class Place:
    """A strategy on the board; `standing` is None where it never left research, `runs` are its newest first."""

    strategy: str
    stage: str
    params: Mapping[str, Any]
    data: str
    standing: Mapping[str, Any] | None
    runs: Sequence[RunRecord]

    @property
    def next(self) -> str:
        """The stage it can be promoted to."""
        if self.stage == Stage.RESEARCH:
            return Stage.BACKTESTED.value
        found = self.standing and self.standing["next"]
        return str(found) if found else Stage.RESEARCH.value if self.stage == Stage.RETIRED else ""

    @property
    def usual_run(self) -> str | None:
        """The newest run of the kind that is usually named for the next stage, else the newest of all."""
        kind = _EVIDENCE.get(self.next)
        fitting = [run.run_id for run in self.runs if run.kind == kind] or [run.run_id for run in self.runs]
        return fitting[0] if fitting else None


def places(bench: Workbench) -> list[Place]:
    """Every strategy that has a run or a standing, by name; fingerprints are worked out anew."""
    runs: dict[str, list[RunRecord]] = {}
    for run in bench.registry.find(limit=MOST_RUNS):
        runs.setdefault(run.strategy, []).append(run)
    standings = {standing["strategy"]: standing for standing in bench.trading.stages()}
    found = []
    for name in sorted({*runs, *standings}):
        mine, standing = runs.get(name, []), standings.get(name)
        if standing is not None:
            at = (standing["stage"], standing["params"], standing["data"])
        else:
            at = ("research", mine[0].params, str(mine[0].spec.get("data", "")))
        found.append(Place(name, *at, standing, mine))
    return found


def outlook(bench: Workbench, place: Place, run: RunRecord | None) -> tuple[str, list[dict[str, Any]]]:
    """The next stage, and what its gates say: of the standing, in research of the version a run would make it."""
    if place.stage != Stage.RESEARCH:
        return place.next, list(place.standing["gates"]) if place.standing else []
    if run is None:
        return place.next, []
    would_be = Standing(place.strategy, Stage.RESEARCH, version_of(run), "", datetime.now(UTC))
    to, answers = bench.trading.board.outlook(would_be)
    return to.value if to else "", [answer_dict(answer) for answer in answers]
