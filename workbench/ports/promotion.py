"""Promotion ports: versions, evidence, gates, and where standings are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from workbench.model import Stage
from workbench.ports.runs import RunRecord


@dataclass(frozen=True, slots=True)
class Version:
    """What exactly is promoted: a strategy's code, parameters and data, by fingerprint, and the options it runs under.

    `reference` finds the strategy again; `data` is SOURCE:SYMBOLS. Evidence counts for one version only.
    """

    strategy: str
    reference: str
    family: str
    code_fingerprint: str
    params: Mapping[str, Any]
    data: str
    data_fingerprint: str
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a strategy stands, since when (UTC), as which version, and the account it trades from stage paper on."""

    strategy: str
    stage: Stage
    version: Version
    account: str
    since: datetime
    paused_from: Stage | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure a gate looked at: its value, the limit in words (as in "at least 10"), and whether it is kept.

    `value` None means that there is no such figure; the gate's reason says why.
    """

    name: str
    value: float | int | str | None
    limit: str
    passed: bool


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """What a gate says: every figure with its limit, and in words what fell short (empty where it passed)."""

    gate: str
    passed: bool
    reason: str = ""
    figures: tuple[Figure, ...] = ()
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a gate may look at: the version, and for each kind of run the one that counts for it, if there is one.

    `trials` is how many parameter sets the strategy's family was tried with. `live_account` and `approved_by` are
    there only where a live account was named and somebody approved.
    """

    version: Version
    runs: Mapping[str, RunRecord]
    trials: int = 0
    live_account: str | None = None
    approved_by: str | None = None


class Gate(Protocol):
    """One condition of entering a stage. An exception in it refuses."""

    def judge(self, evidence: Evidence) -> GateAnswer:
        """Look at the evidence; the answer names every figure and what is missing."""


@dataclass(frozen=True, slots=True)
class StageEvent:
    """One attempt to move a strategy, accepted or refused, with the gates' answers; kept for ever."""

    strategy: str
    before: Stage
    after: Stage
    accepted: bool
    at: datetime
    by: str
    reason: str
    run_id: str | None
    version: Version
    answers: tuple[GateAnswer, ...] = ()


class StageBook(Protocol):
    """Where standings and the history of every attempt are kept."""

    def get(self, strategy: str) -> Standing | None:
        """Where a strategy stands; None where it never left research."""

    def all(self) -> Sequence[Standing]:
        """Every strategy that ever left research, by name."""

    def record(self, event: StageEvent, standing: Standing | None, expected: Standing | None) -> bool:
        """Keep an attempt and, where it was accepted, the new standing, together.

        False, and nothing kept, when the strategy no longer stands as `expected`.
        """

    def events(self, strategy: str | None = None) -> Sequence[StageEvent]:
        """Attempts, oldest first."""
