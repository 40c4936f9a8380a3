"""Run ports: what a recorded run is, and where runs are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file kept with a run."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One backtest, walk-forward, sweep, proof or replay as it is kept for ever.

    `spec` is all that is needed to run it again. `family` groups the trials of one strategy whatever its
    parameters. `passed` is the answer of a proof, None where there is no yes or no. Mappings hold JSON values.
    """

    run_id: str
    kind: str
    strategy: str
    family: str
    spec: Mapping[str, Any]
    params: Mapping[str, Any]
    data: Mapping[str, Any]
    data_fingerprint: str
    code_fingerprint: str
    environment: Mapping[str, str]
    environment_fingerprint: str
    metrics: Mapping[str, Any]
    started_at: datetime
    seconds: float
    passed: bool | None = None
    artifacts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """One evaluated parameter set on one data set."""

    params_fingerprint: str
    data_fingerprint: str
    run_id: str


class SearchLog(Protocol):
    """Where a search that learns from its trials keeps what it has seen, a log for each study; only ever appended."""

    def read(self, study: str, first: int) -> Sequence[dict[str, Any]]:
        """The entries of a study from a number on, in their order."""

    def append(self, study: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Add entries to a study, all or nothing."""


class RunRegistry(Protocol):
    """Where runs, their artifacts and the trials of a strategy family are kept."""

    def add(self, run: RunRecord, artifacts: Sequence[Artifact] = (), trials: Iterable[Trial] = ()) -> None:
        """Keep a run with its artifacts and the trials it made, all or nothing."""

    def get(self, run_id: str) -> RunRecord:
        """One run by its id or an unambiguous beginning of it. Raises UnknownName."""

    def find(
        self, *, kind: str | None = None, strategy: str | None = None, limit: int | None = None
    ) -> Sequence[RunRecord]:
        """Runs, newest first."""

    def artifact(self, run_id: str, name: str) -> bytes:
        """One artifact's content. Raises UnknownName; BadInput when the file no longer matches its hash."""

    def trials(self, family: str, more: Iterable[Trial] = ()) -> int:
        """How many distinct (parameters, data) a family was evaluated on, with `more` that are not on file yet."""
