"""The board: where every strategy stands, and the one way to move it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from workbench.errors import BadInput, Refused
from workbench.model import Stage
from workbench.ports import (
    Evidence,
    Gate,
    GateAnswer,
    RunRecord,
    RunRegistry,
    StageBook,
    StageEvent,
    Standing,
    Version,
)
from workbench.promotion.stages import LADDER, check_demotion, check_promotion

KINDS = ("backtest", "walkforward", "overfit", "proof", "replay")
"""Kinds of runs that can be evidence."""
_SAME = ("fees", "slippage", "per_share", "min_fee", "cash", "size", "stop", "target", "trail", "shared_cash", "costs",
         "fill_at")  # fmt: skip
"""Options in which evidence must agree with the version: another cost is another strategy."""
LONGEST_REASON = 1_000


@dataclass(frozen=True, slots=True)
class Guard:
    """One gate before one stage, by its name."""

    stage: Stage
    name: str
    gate: Gate


class Board:
    """Moves strategies from stage to stage on stored evidence; every promotion tried is kept with the gates' answers.

    `check_current` answers, for a version, in which way code or prices differ from it now (empty: they do not);
    `account_for` names the account at a broker in which a strategy trades in a stage, None for a paper one of its own.
    """

    def __init__(
        self,
        book: StageBook,
        registry: RunRegistry,
        guards: Sequence[Guard],
        check_current: Callable[[Version], str],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        account_for: Callable[[str, Stage], str | None] = lambda strategy, stage: None,
    ) -> None:
        self._book, self._registry, self._guards = book, registry, tuple(guards)
        self._check_current, self._clock, self._account_for = check_current, clock, account_for

    def standing(self, strategy: str) -> Standing | None:
        """Where a strategy stands; None where it never left research."""
        return self._book.get(strategy)

    def standings(self) -> Sequence[Standing]:
        """Every strategy that ever left research, by name."""
        return self._book.all()

    def history(self, strategy: str | None = None) -> Sequence[StageEvent]:
        """Every attempt, oldest first."""
        return self._book.events(strategy)

    def promote(self, strategy: str, run_id: str, to: Stage, reason: str, by: str) -> StageEvent:
        """Try to move a strategy up on the evidence of a run and of all that agrees with it.

        The answer tells whether it was accepted, and every gate's figures. Raises BadInput for a run that is not the
        strategy's, Refused where another attempt came in between.
        """
        standing, run = self._book.get(strategy), self._registry.get(run_id)
        if run.strategy != strategy:
            raise BadInput("run", run_id, f"is a run of {run.strategy}, not of {strategy}")
        now = standing.stage if standing else Stage.RESEARCH
        version = version_of(run)
        answers: tuple[GateAnswer, ...] = ()
        if standing is not None and now is not Stage.RESEARCH:
            version = standing.version
        try:
            check_promotion(now, to, standing.paused_from if standing else None)
            if to is not Stage.RESEARCH:
                answers = self._judge(standing, run, version, to)
        except Refused as refusal:
            answers = (GateAnswer("stage", False, str(refusal), run_id=run.run_id),)
        failed = next((answer for answer in answers if not answer.passed), None)
        account = standing.account if standing else ""
        if to is Stage.PAPER and now is not Stage.PAUSED:
            account = self._account_for(strategy, to) or self._account(strategy)
        elif to is Stage.LIVE:
            account = self._account_for(strategy, to) or account
        after = None if failed else Standing(strategy, to, version, account, self._clock())
        return self._record(standing, after, to, reason, by, run.run_id, version, answers)

    def demote(self, strategy: str, to: Stage, reason: str, by: str, run_id: str | None = None) -> StageEvent:
        """Move a strategy down, pause or retire it. Raises Refused where the stages do not allow it."""
        standing = self._book.get(strategy)
        now = standing.stage if standing else Stage.RESEARCH
        check_demotion(now, to, standing.paused_from if standing else None)
        if run_id is not None:
            run = self._registry.get(run_id)
            if run.strategy != strategy:
                raise BadInput("run", run_id, f"is a run of {run.strategy}, not of {strategy}")
            run_id = run.run_id
        if standing is None:
            raise Refused(f"{strategy} never left research, there is nothing to demote")
        paused_from = now if to is Stage.PAUSED else None
        # on paper again it trades paper again, whatever account it had
        account = self._account_for(strategy, to) or self._account(strategy) if to is Stage.PAPER else standing.account
        after = replace(standing, stage=to, since=self._clock(), paused_from=paused_from, account=account)
        return self._record(standing, after, to, reason, by, run_id, standing.version, ())

    def outlook(self, standing: Standing) -> tuple[Stage | None, tuple[GateAnswer, ...]]:
        """The next stage of a strategy, and what its gates say of the evidence there is; nothing is recorded."""
        if standing.stage not in LADDER or standing.stage is LADDER[-1]:
            return standing.paused_from, ()
        to = LADDER[LADDER.index(standing.stage) + 1]
        return to, self._ask(self._evidence(standing.version, None), [to])

    # ---- judging -----------------------------------------------------------------------------------------------------

    def _judge(self, standing: Standing | None, run: RunRecord, version: Version, to: Stage) -> tuple[GateAnswer, ...]:
        """The answers of every gate up to a stage; of the run and the version first."""
        if run.family.startswith("notebook:"):
            return (_no("run", run, "its strategy was typed in a notebook; save it to a file, and run that"),)
        if standing is None or standing.stage is Stage.RESEARCH:
            if run.kind == "walkforward":
                why = "it is a walk-forward, which tries many parameters; name the backtest of those to promote"
                return (_no("run", run, why),)
        elif difference := _difference(version, run):
            return (_no("run", run, f"it is of another version: {difference}"),)
        if changed := self._check_current(version):
            return (_no("current", run, changed),)
        stages = LADDER[1 : LADDER.index(to) + 1]
        return self._ask(self._evidence(version, run), stages)

    def _ask(self, evidence: Evidence, stages: Sequence[Stage]) -> tuple[GateAnswer, ...]:
        answers = [_ask(guard, evidence) for stage in stages for guard in self._guards if guard.stage is stage]
        for stage in stages:  # plugins can be blocked: a stage without any gate is no open door
            if not any(guard.stage is stage for guard in self._guards):
                answers.append(GateAnswer("gates", False, f"stage {stage} has no gate; load the plugin gates"))
        return tuple(answers)

    def _evidence(self, version: Version, run: RunRecord | None) -> Evidence:
        """The newest run of each kind that agrees with a version; the one that was named counts for its kind.

        Of proofs and overfitting the newest counts in any case: an older one that passed does not outweigh it.
        """
        runs: dict[str, RunRecord] = {}
        for kind in KINDS:
            found = self._registry.find(kind=kind, strategy=version.strategy)
            newest = next((r for r in found if not _difference(version, r)), None)
            if newest is not None:
                runs[kind] = newest
        if run is not None and run.kind not in ("proof", "overfit") and not _difference(version, run):
            runs[run.kind] = run
        trials, live = self._registry.trials(version.family), self._account_for(version.strategy, Stage.LIVE)
        return Evidence(version, runs, trials, live_account=live)

    # ---- keeping -----------------------------------------------------------------------------------------------------

    def _account(self, strategy: str) -> str:
        """An account of its own for each time a strategy comes to paper: its books begin there."""
        before = sum(
            e.accepted and e.after is Stage.PAPER and e.before is not Stage.PAUSED for e in self._book.events(strategy)
        )
        return f"paper:{strategy}" if not before else f"paper:{strategy}:{before + 1}"

    def _record(
        self,
        before: Standing | None,
        after: Standing | None,
        to: Stage,
        reason: str,
        by: str,
        run_id: str | None,
        version: Version,
        answers: tuple[GateAnswer, ...],
    ) -> StageEvent:
        if len(reason) > LONGEST_REASON:
            raise BadInput("reason", reason[:20] + "…", f"is longer than {LONGEST_REASON} characters")
        event = StageEvent(
            strategy=version.strategy,
            before=before.stage if before else Stage.RESEARCH,
            after=to,
            accepted=after is not None,
            at=self._clock(),
            by=by,
            reason=reason.strip(),
            run_id=run_id,
            version=version,
            answers=answers,
        )
        if not self._book.record(event, after, before):
            raise Refused(f"{version.strategy} was moved by somebody else meanwhile; look again")
        return event


def version_of(run: RunRecord) -> Version:
    """The version a run is evidence of."""
    spec: Mapping[str, Any] = run.spec
    return Version(
        strategy=run.strategy,
        reference=str(spec["strategy"]),
        family=run.family,
        code_fingerprint=run.code_fingerprint,
        params=dict(run.params),
        data=str(spec["data"]),
        data_fingerprint=run.data_fingerprint,
        options=dict(spec.get("options", {})),
    )


def _difference(version: Version, run: RunRecord) -> str:
    """In which way a run is not evidence of a version; empty where it is. A walk-forward searches its parameters."""
    if run.code_fingerprint != version.code_fingerprint:
        return "the code differs"
    if run.data_fingerprint != version.data_fingerprint:
        return "the prices differ"
    if run.kind == "walkforward":
        if outside := _not_searched(version, run):
            return outside
    elif dict(run.params) != dict(version.params):
        return f"the parameters differ: {dict(run.params)}, not {dict(version.params)}"
    options = run.spec.get("options", {})
    for name in _SAME:
        if options.get(name) != version.options.get(name):
            return f"{name} differs: {options.get(name)}, not {version.options.get(name)}"
    return ""


def _not_searched(version: Version, run: RunRecord) -> str:
    """Which parameter of a version a walk-forward did not cover: outside its axis, or fixed at something else."""
    grid = run.spec.get("grid") or {}
    for name, value in version.params.items():
        axis = list(grid.get(name, ()))
        if axis and all(isinstance(v, int | float) and not isinstance(v, bool) for v in [*axis, value]):
            if not min(axis) <= value <= max(axis):
                return f"it searched {name} from {min(axis)} to {max(axis)}, not {value}"
        elif value not in (axis or [run.params.get(name)]):
            return f"it had {name} at {', '.join(map(str, axis)) or run.params.get(name)}, not {value}"
    return ""


def _ask(guard: Guard, evidence: Evidence) -> GateAnswer:
    """One gate's answer; whatever goes wrong inside it is a refusal."""
    try:
        answer: Any = guard.gate.judge(evidence)
        if not isinstance(answer, GateAnswer) or not isinstance(answer.passed, bool):
            return GateAnswer(guard.name, False, f"answered {answer!r}, not a GateAnswer")
        if not answer.passed and not answer.reason:
            answer = replace(answer, reason="refused without a reason")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a gate fails closed, whatever it raises
        return GateAnswer(guard.name, False, f"raised {type(error).__name__}: {error}")
    kept: GateAnswer = replace(answer, gate=guard.name)
    return kept


def _no(gate: str, run: RunRecord, reason: str) -> GateAnswer:
    return GateAnswer(gate, False, reason, run_id=run.run_id)
