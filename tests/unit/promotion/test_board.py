"""The board: a strategy stands where evidence of its very version put it, and every attempt is on file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from workbench.errors import BadInput, Refused, UnknownName
from workbench.model import Stage
from workbench.ports import Evidence, Figure, GateAnswer, RunRecord, StageEvent, Standing, Version
from workbench.promotion import LADDER, Board, Guard, version_of
from workbench.store import SqlStageBook, TradingDatabase

START = datetime(2024, 3, 1, tzinfo=UTC)
R, B, W, P, L = LADDER
PAUSED, RETIRED = Stage.PAUSED, Stage.RETIRED


class Runs:
    """A run registry in memory; evidence can be taken away."""

    def __init__(self) -> None:
        self.kept: list[RunRecord] = []
        self.made = 0

    def put(self, kind: str = "backtest", **changes: Any) -> str:
        """Keep a run, a minute after the one before."""
        self.made += 1
        options = {"fees": "5", "size": "all", "start": f"any {self.made}"} | changes.pop("options", {})
        run = RunRecord(
            run_id=f"{kind}-{self.made}",
            kind=kind,
            strategy="s",
            family="s@1",
            spec={"strategy": "library:s", "data": "sample:X", "options": options},
            params={"n": 1},
            data={},
            data_fingerprint="prices",
            code_fingerprint="code",
            environment={},
            environment_fingerprint="e",
            metrics={},
            started_at=START + timedelta(minutes=self.made),
            seconds=1.0,
        )
        self.kept.append(replace(run, **changes))
        return self.kept[-1].run_id

    def add(self, run: RunRecord, artifacts: Any = (), trials: Any = ()) -> None:
        self.kept.append(run)

    def get(self, run_id: str) -> RunRecord:
        for run in self.kept:
            if run.run_id == run_id:
                return run
        raise UnknownName("run", run_id, [run.run_id for run in self.kept])

    def find(
        self, *, kind: str | None = None, strategy: str | None = None, limit: int | None = None
    ) -> Sequence[RunRecord]:
        found = [r for r in reversed(self.kept) if kind in (None, r.kind) and strategy in (None, r.strategy)]
        return found[:limit]

    def artifact(self, run_id: str, name: str) -> bytes:
        raise UnknownName("artifact", name, ())

    def trials(self, family: str) -> int:
        return 7


class Needs:
    """A gate that wants a run of a kind that passed; its `mood` makes it fail, raise or answer nonsense."""

    def __init__(self, kind: str) -> None:
        self.kind, self.mood = kind, "judge"
        self.seen: list[Evidence] = []

    def judge(self, evidence: Evidence) -> Any:
        self.seen.append(evidence)
        if self.mood == "raise":
            raise RuntimeError("broken gate")
        if self.mood == "exit":
            raise SystemExit(0)
        if self.mood == "nonsense":
            return True
        if self.mood == "truthy":
            return GateAnswer("g", "yes")  # type: ignore[arg-type]
        run = evidence.runs.get(self.kind)
        passed = self.mood != "refuse" and run is not None and run.passed is not False
        figures = (Figure("kind", self.kind, "there", passed),)
        return GateAnswer("whatever it calls itself", passed, figures=figures, run_id=run and run.run_id)


class Desk:
    """A board over a real book, with a gate before every stage."""

    def __init__(self, folder: Path) -> None:
        self.database = TradingDatabase(folder / "trading.db")
        self.book, self.runs = SqlStageBook(self.database), Runs()
        self.gates = {B: Needs("backtest"), W: Needs("walkforward"), P: Needs("proof"), L: Needs("replay")}
        self.guards = [Guard(stage, f"{stage} gate", gate) for stage, gate in self.gates.items()]
        self.changed = ""
        self.minutes = 0
        self.board = self.board_with(self.guards)

    def board_with(self, guards: Sequence[Guard]) -> Board:
        return Board(self.book, self.runs, guards, lambda version: self.changed, self.clock)

    def clock(self) -> datetime:
        self.minutes += 1
        return START + timedelta(days=1, minutes=self.minutes)

    def all_evidence(self, **changes: Any) -> str:
        """A run of each kind; the backtest's id."""
        for kind in ("walkforward", "proof", "replay"):
            self.runs.put(kind, **changes)
        return self.runs.put("backtest", **changes)

    def promote(self, run_id: str, to: Stage, strategy: str = "s") -> StageEvent:
        return self.board.promote(strategy, run_id, to, " because ", "me")

    def demote(self, to: Stage, strategy: str = "s") -> StageEvent:
        return self.board.demote(strategy, to, "because", "me")

    def climb(self, to: Stage) -> str:
        """Put the strategy into a stage, step by step, on evidence; the backtest's id."""
        run_id = self.all_evidence()
        for stage in LADDER[1 : LADDER.index(to) + 1]:
            assert self.promote(run_id, stage).accepted
        return run_id

    def stage(self, strategy: str = "s") -> Stage:
        standing = self.board.standing(strategy)
        return standing.stage if standing else R


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.database.close()


def refused(event: StageEvent) -> str:
    """Why an attempt was refused, by the gates that refused it."""
    assert not event.accepted
    return "; ".join(f"{answer.gate}: {answer.reason}" for answer in event.answers if not answer.passed)


def test_a_strategy_climbs_a_step_at_a_time_and_every_step_is_on_file(desk: Desk) -> None:
    run_id = desk.climb(L)
    standing = desk.board.standing("s")
    assert standing is not None
    assert (standing.stage, standing.account, standing.version) == (L, "paper:s", version_of(desk.runs.get(run_id)))
    assert list(desk.board.standings()) == [standing]
    events = desk.board.history("s")
    assert [(e.before, e.after, e.accepted) for e in events] == [(R, B, True), (B, W, True), (W, P, True), (P, L, True)]
    assert {(e.by, e.reason, e.run_id) for e in events} == {("me", "because", run_id)}
    assert [[a.gate for a in e.answers] for e in events] == [
        [f"{stage} gate" for stage in LADDER[1 : n + 2]] for n in range(4)
    ]  # every gate up to the stage was asked again, and answers under its registered name
    assert standing.since > events[-2].at


def test_a_run_that_does_not_exist_or_is_another_strategys_is_bad_input_and_leaves_no_trace(desk: Desk) -> None:
    other = desk.runs.put(strategy="other")
    with pytest.raises(UnknownName, match="nope"):
        desk.promote("nope", B)
    with pytest.raises(BadInput, match="is a run of other, not of s"):
        desk.promote(other, B)
    desk.climb(P)
    with pytest.raises(BadInput, match="is a run of other, not of s"):
        desk.board.demote("s", R, "why", "me", other)
    assert len(desk.board.history()) == 3
    assert desk.stage() is P


def test_the_first_step_on_a_walk_forward_is_refused_since_it_names_no_parameters(desk: Desk) -> None:
    desk.all_evidence()
    walk = desk.runs.put("walkforward")
    event = desk.promote(walk, B)
    assert refused(event).startswith("run: it is a walk-forward, which tries many parameters")
    assert desk.board.standing("s") is None
    assert list(desk.board.history("s")) == [event]
    desk.climb(B)
    assert desk.promote(walk, W).accepted  # for the second step it is the evidence


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"code_fingerprint": "newer"}, "the code differs"),
        ({"data_fingerprint": "newer"}, "the prices differ"),
        ({"params": {"n": 2}}, "the parameters differ: {'n': 2}, not {'n': 1}"),
        ({"options": {"fees": "0"}}, "fees differs: 0, not 5"),
        ({"options": {"slippage": "1"}}, "slippage differs: 1, not None"),
        ({"options": {"stop": "2"}}, "stop differs: 2, not None"),
        ({"options": {"shared_cash": "true"}}, "shared_cash differs: true, not None"),
    ],
)
def test_a_run_of_another_version_is_no_evidence_for_the_next_step(desk: Desk, change: Any, said: str) -> None:
    desk.climb(B)
    before = desk.board.standing("s")
    assert before is not None
    event = desk.promote(desk.runs.put(**change), W)
    assert refused(event) == f"run: it is of another version: {said}"
    assert desk.board.standing("s") == before
    assert event.version == before.version


@pytest.mark.parametrize(
    "change",
    [{"code_fingerprint": "x"}, {"data_fingerprint": "x"}, {"params": {"n": 2}}, {"options": {"min_fee": "1"}}],
)
def test_runs_beside_the_named_one_count_only_where_they_are_of_its_version(desk: Desk, change: Any) -> None:
    run_id = desk.climb(B)
    desk.runs.kept = [run for run in desk.runs.kept if run.kind == "backtest"]
    desk.runs.put("walkforward", **change)
    event = desk.promote(run_id, W)
    assert "walk-forward gate: refused without a reason" in refused(event)


@pytest.mark.parametrize(
    ("grid", "covers"),
    [({"n": [0, 2, 4]}, True), ({"n": [1]}, True), ({"n": [2, 4]}, False), ({"n": [-3, 0]}, False), ({}, False)],
)
def test_a_walk_forward_counts_where_its_search_covers_the_versions_parameters(
    desk: Desk, grid: dict[str, list[int]], covers: bool
) -> None:
    run_id = desk.climb(B)
    desk.runs.kept = [run for run in desk.runs.kept if run.kind == "backtest"]
    options = dict(desk.runs.kept[-1].spec["options"])
    spec = {"strategy": "library:s", "data": "sample:X", "options": options, "grid": grid}
    desk.runs.put("walkforward", params={"n": 2}, spec=spec)
    assert desk.promote(run_id, W).accepted is covers


def test_other_cash_is_other_evidence_and_another_span_of_the_same_prices_is_not(desk: Desk) -> None:
    desk.climb(B)
    assert "cash differs" in refused(desk.promote(desk.runs.put(options={"cash": "1"}), W))
    assert desk.promote(desk.runs.put(options={"end": "some day"}), W).accepted


def test_a_strategy_typed_in_a_notebook_is_refused_with_the_remedy(desk: Desk) -> None:
    run_id = desk.all_evidence(family="notebook:abc")
    assert "typed in a notebook; save it to a file" in refused(desk.promote(run_id, B))


def test_the_newest_proof_counts_even_where_an_older_one_that_passed_is_named(desk: Desk) -> None:
    desk.climb(W)
    passed = next(run.run_id for run in desk.runs.kept if run.kind == "proof")
    failed = desk.runs.put("proof", passed=False)
    event = desk.promote(passed, P)
    assert "paper gate" in refused(event)
    assert next(a.run_id for a in event.answers if not a.passed) == failed
    desk.runs.put("proof", passed=False, params={"n": 2})  # of another version, it says nothing
    newest = desk.runs.put("proof", passed=True)
    assert desk.promote(passed, P).accepted
    assert desk.gates[P].seen[-1].runs["proof"].run_id == newest


def test_of_other_kinds_the_named_run_counts(desk: Desk) -> None:
    good = desk.all_evidence()
    desk.runs.put("backtest", passed=False)
    assert desk.promote(good, B).accepted
    assert desk.gates[B].seen[-1].runs["backtest"].run_id == good
    assert desk.gates[B].seen[-1].trials == 7
    walk = next(run.run_id for run in desk.runs.kept if run.kind == "walkforward")
    assert "backtested gate" in refused(desk.promote(walk, W))  # now the newest backtest counts, which failed


def test_a_stage_without_any_gate_is_no_open_door(desk: Desk) -> None:
    desk.climb(B)
    board = desk.board_with([guard for guard in desk.guards if guard.stage is not W])
    run_id = desk.all_evidence()
    assert (
        refused(board.promote("s", run_id, W, "", "me"))
        == "gates: stage walk-forward has no gate; load the plugin gates"
    )
    desk.promote(run_id, W)
    event = board.promote("s", run_id, P, "", "me")  # nor is it one on the way up to another
    assert "stage walk-forward has no gate" in refused(event)
    assert desk.stage() is W


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        ("raise", "backtested gate: raised RuntimeError: broken gate"),
        ("exit", "backtested gate: raised SystemExit: 0"),
        ("nonsense", "backtested gate: answered True, not a GateAnswer"),
        ("truthy", "backtested gate: answered GateAnswer"),
        ("refuse", "backtested gate: refused without a reason"),
    ],
)
def test_a_gate_that_raises_or_answers_nonsense_refuses(desk: Desk, mood: str, said: str) -> None:
    run_id = desk.all_evidence()
    desk.gates[B].mood = mood
    assert refused(desk.promote(run_id, B)).startswith(said)
    assert desk.board.standing("s") is None
    assert not desk.board.history("s")[-1].accepted


def test_code_or_prices_that_changed_since_refuse_and_are_named(desk: Desk) -> None:
    run_id = desk.climb(B)
    desk.changed = "the code has changed since"
    assert refused(desk.promote(run_id, W)) == "current: the code has changed since"
    desk.changed = ""
    assert desk.promote(run_id, W).accepted


def test_a_step_the_stages_do_not_allow_is_on_file_with_what_would_be(desk: Desk) -> None:
    run_id = desk.all_evidence()
    for to in (R, W, P, L, PAUSED, RETIRED):
        assert refused(desk.promote(run_id, to)) == (
            f"stage: promotion to {to}: from research it can be promoted to backtested only"
        )
    assert desk.board.standing("s") is None
    assert len(desk.board.history("s")) == 6


class Racing(SqlStageBook):
    """A book in which somebody else moves the strategy between the look and the record."""

    meanwhile: Standing | None = None

    def record(self, event: StageEvent, standing: Standing | None, expected: Standing | None) -> bool:
        if self.meanwhile is not None:
            moved, self.meanwhile = self.meanwhile, None
            assert super().record(replace(event, by="somebody else"), moved, expected)
        return super().record(event, standing, expected)


@pytest.mark.parametrize("refuse", [False, True])
def test_a_move_by_somebody_else_meanwhile_is_detected_and_nothing_of_ours_is_kept(desk: Desk, refuse: bool) -> None:
    run_id = desk.climb(W)
    standing = desk.board.standing("s")
    assert standing is not None
    racing = Racing(desk.database)
    board = Board(racing, desk.runs, desk.guards, lambda version: "changed" if refuse else "", desk.clock)
    racing.meanwhile = replace(standing, stage=R, since=desk.clock())
    with pytest.raises(Refused, match="was moved by somebody else meanwhile"):
        board.promote("s", run_id, P, "", "me")
    assert desk.stage() is R
    assert desk.board.history("s")[-1].by == "somebody else"
    racing.meanwhile = replace(standing, stage=B, since=desk.clock())
    with pytest.raises(Refused, match="was moved by somebody else meanwhile"):
        board.demote("s", RETIRED, "", "me")
    assert desk.stage() is B


def test_each_time_a_strategy_comes_to_paper_it_gets_an_account_of_its_own(desk: Desk) -> None:
    run_id = desk.climb(P)
    accounts = []
    for _ in range(3):
        standing = desk.board.standing("s")
        assert standing is not None
        accounts.append(standing.account)
        desk.demote(PAUSED)
        assert desk.promote(run_id, P).accepted
        returned = desk.board.standing("s")
        assert returned is not None
        assert returned.account == standing.account
        desk.demote(W)
        assert desk.promote(run_id, P).accepted
    assert accounts == ["paper:s", "paper:s:2", "paper:s:3"]


def test_a_paused_strategy_returns_only_to_where_it_was_paused_and_through_its_gates(desk: Desk) -> None:
    run_id = desk.climb(P)
    desk.demote(PAUSED)
    assert "from paused it can be promoted to paper only" in refused(desk.promote(run_id, L))
    desk.gates[B].mood = "refuse"
    assert "backtested gate" in refused(desk.promote(run_id, P))
    assert desk.stage() is PAUSED
    desk.gates[B].mood = "judge"
    assert desk.promote(run_id, P).accepted


def test_a_retired_strategy_returns_to_research_alone_and_may_then_climb_as_another_version(desk: Desk) -> None:
    run_id = desk.climb(P)
    desk.demote(RETIRED)
    for to in (B, W, P, L, PAUSED):
        assert "from retired it can be promoted to research only" in refused(desk.promote(run_id, to))
    assert desk.promote(run_id, R).accepted
    newer = desk.all_evidence(code_fingerprint="newer")
    assert desk.promote(newer, B).accepted
    standing = desk.board.standing("s")
    assert standing is not None
    assert standing.version.code_fingerprint == "newer"
    assert "the code differs" in refused(desk.promote(run_id, W))


def test_what_never_left_research_cannot_be_demoted(desk: Desk) -> None:
    for to in Stage:
        with pytest.raises(Refused):
            desk.demote(to)
    assert list(desk.board.standings()) == list(desk.board.history()) == []


def test_a_reason_too_long_to_read_is_refused_by_name(desk: Desk) -> None:
    run_id = desk.all_evidence()
    with pytest.raises(BadInput, match=r"reason .*longer than 1000 characters"):
        desk.board.promote("s", run_id, B, "x" * 1001, "me")
    assert desk.board.promote("s", run_id, B, "x" * 1000, "me").accepted


def test_the_outlook_names_the_next_stage_and_what_is_missing_and_records_nothing(desk: Desk) -> None:
    desk.climb(B)
    desk.runs.kept = [run for run in desk.runs.kept if run.kind != "walkforward"]
    standing = desk.board.standing("s")
    assert standing is not None
    to, answers = desk.board.outlook(standing)
    assert (to, [(a.gate, a.passed) for a in answers]) == (W, [("walk-forward gate", False)])
    assert desk.board.outlook(replace(standing, stage=L)) == (None, ())
    assert desk.board.outlook(replace(standing, stage=PAUSED, paused_from=P)) == (P, ())
    assert len(desk.board.history()) == 1


# ---- whatever is tried, in whatever order ----------------------------------------------------------------------------

KINDS = {B: "backtest", W: "walkforward", P: "proof", L: "replay"}
MOODS = st.sampled_from(["judge", "judge", "judge", "refuse", "raise", "exit", "nonsense", "truthy"])


class Moves(RuleBasedStateMachine):
    """Tries every move on evidence that comes and goes, and keeps an account of its own of what may be."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.desk = Desk(Path(self.folder.name))
        self.stage, self.paused_from = R, None
        self.code: str | None = None
        """The code of the version that stands; None in research."""
        self.attempts = 0

    def teardown(self) -> None:
        self.desk.database.close()
        self.folder.cleanup()

    @rule(kind=st.sampled_from(sorted(KINDS.values())), code=st.sampled_from("ab"), good=st.sampled_from([True, False]))
    def evidence_appears(self, kind: str, code: str, good: bool) -> None:
        self.desk.runs.put(kind, code_fingerprint=code, passed=good)

    @rule(code=st.sampled_from("ab"))
    def all_evidence_appears(self, code: str) -> None:
        self.desk.all_evidence(code_fingerprint=code, passed=True)

    @rule(data=st.data())
    def evidence_disappears(self, data: st.DataObject) -> None:
        if self.desk.runs.kept:
            self.desk.runs.kept.remove(data.draw(st.sampled_from(self.desk.runs.kept)))

    @rule(changed=st.sampled_from(["", "", "the code has changed"]))
    def code_changes(self, changed: str) -> None:
        self.desk.changed = changed

    @rule(stage=st.sampled_from(sorted(KINDS)), mood=MOODS)
    def a_gate_changes_its_mind(self, stage: Stage, mood: str) -> None:
        self.desk.gates[stage].mood = mood

    @rule(data=st.data(), to=st.sampled_from(Stage))
    def promote_anywhere(self, data: st.DataObject, to: Stage) -> None:
        self.promote(data, to)

    @rule(data=st.data())
    def promote_a_step(self, data: st.DataObject) -> None:
        self.promote(data, self.step() or L)

    def promote(self, data: st.DataObject, to: Stage) -> None:
        if not self.desk.runs.kept:
            return
        run = data.draw(st.sampled_from(self.desk.runs.kept))
        before, may = self.desk.board.standing("s"), self.may_enter(to, run)
        event = self.desk.promote(run.run_id, to)
        self.attempts += 1
        assert event.accepted is may
        assert self.desk.board.history("s")[-1] == event
        assert all(answer.passed for answer in event.answers) is may
        if may:
            if self.stage is R:
                self.code = run.code_fingerprint
            self.stage, self.paused_from = to, None
        else:
            assert self.desk.board.standing("s") == before

    def step(self) -> Stage | None:
        """Where a promotion may lead, by the table."""
        nexts = {R: B, B: W, W: P, P: L, L: None, RETIRED: R, PAUSED: self.paused_from}
        return nexts[self.stage]

    def may_enter(self, to: Stage, run: RunRecord) -> bool:
        """Whether the stages allow it and every gate up to there would say yes, worked out here."""
        if to is not self.step():
            return False
        if to is R:
            return True
        code = self.code
        if self.stage is R:
            code = run.code_fingerprint
            if run.kind == "walkforward":
                return False
        if run.code_fingerprint != code or self.desk.changed:
            return False
        for stage in LADDER[1 : LADDER.index(to) + 1]:
            fitting = [r for r in self.desk.runs.kept if r.kind == KINDS[stage] and r.code_fingerprint == code]
            counts = run if run.kind == KINDS[stage] != "proof" else fitting[-1] if fitting else None
            if self.desk.gates[stage].mood != "judge" or counts is None or counts.passed is False:
                return False
        return True

    @rule(to=st.sampled_from([*Stage, P, W, W, B]))
    def demote_anywhere(self, to: Stage) -> None:
        self.demote(to)

    def demote(self, to: Stage) -> None:
        known = self.desk.board.standing("s")
        place = self.paused_from if self.stage is PAUSED else self.stage
        lower = LADDER[: LADDER.index(place)] if place in LADDER else ()
        allowed = {
            *lower,
            *([PAUSED] if self.stage in (P, L) else []),
            *([RETIRED] if self.stage is not RETIRED else []),
        }
        if known is None or to not in allowed:
            with pytest.raises(Refused):
                self.desk.demote(to)
            assert self.desk.board.standing("s") == known
            return
        event = self.desk.demote(to)
        self.attempts += 1
        assert (event.before, event.after, event.accepted, event.answers) == (self.stage, to, True, ())
        self.paused_from = self.stage if to is PAUSED else None
        self.stage = to

    @rule(data=st.data())
    def all_is_mended_and_it_climbs(self, data: st.DataObject) -> None:
        self.desk.changed = ""
        for gate in self.desk.gates.values():
            gate.mood = "judge"
        self.desk.runs.kept.clear()
        self.desk.all_evidence(code_fingerprint=self.code or "a", passed=True)
        for _ in range(data.draw(st.integers(1, 3))):
            self.promote(data, self.step() or L)

    @rule()
    def retire(self) -> None:
        self.demote(RETIRED)

    @rule()
    def pause(self) -> None:
        self.demote(PAUSED)

    @invariant()
    def it_stands_where_the_last_accepted_move_put_it(self) -> None:
        standing = self.desk.board.standing("s")
        events = self.desk.board.history("s")
        assert len(events) == self.attempts
        accepted = [event for event in events if event.accepted]
        if standing is None:
            assert (self.stage, accepted) == (R, [])
            return
        assert (standing.stage, standing.paused_from) == (self.stage, self.paused_from) == (
            accepted[-1].after, self.paused_from,
        )  # fmt: skip
        assert standing.version == accepted[-1].version
        if self.stage is not R:
            assert standing.version.code_fingerprint == self.code
        if self.stage in (P, L, PAUSED):
            assert standing.account.startswith("paper:s")


TestMoves = Moves.TestCase
TestMoves.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)


def test_versions_compare_by_all_they_are_made_of() -> None:
    runs = Runs()
    version = version_of(runs.get(runs.put()))
    assert version == Version("s", "library:s", "s@1", "code", {"n": 1}, "sample:X", "prices", dict(version.options))
