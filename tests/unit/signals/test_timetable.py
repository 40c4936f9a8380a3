"""Timetable: signals of scheduled algos, each once, over crashes and beside another engine; what was missed is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from workbench.model import Algo
from workbench.signals import Timetable
from workbench.store import HookBook, Inbox, TradingDatabase
from workbench.store.signal_tables import algos

MINUTE = timedelta(minutes=1)
TRADED = {"s": ["AAPL"], "new": []}


class Desk:
    """A database, algos on file, and a clock that timetables go by."""

    def __init__(self, folder: Path) -> None:
        self.database = TradingDatabase(folder / "trading.db")
        self.book, self.inbox = HookBook(self.database), Inbox(self.database)
        self.now = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=1)
        self.seconds = 0.0

    def timetable(self) -> Timetable:
        """As an engine makes it when it starts."""
        scheduled, keep = self.book.scheduled, self.inbox.keep_unknown
        return Timetable(scheduled, keep, TRADED.__getitem__, lambda: self.now, lambda: self.seconds, MINUTE)

    def at(self, minutes: float, what: str = "buy AAPL") -> str:
        """A line for every day, so many minutes from now."""
        return f"{self.now + minutes * MINUTE:%H:%M} UTC {what}"

    def keep(self, *times: str, name: str = "a", new: bool = True, **fields: object) -> None:
        algo = Algo(name, **({"strategy": "s", "active": True, "trigger": "scheduled", "times": times} | fields))  # type: ignore[arg-type]
        self.book.keep_algo(algo, new=new)

    def wait(self, minutes: float) -> None:
        self.now += minutes * MINUTE
        self.seconds += minutes * 60

    def kept(self) -> list[tuple[str, str]]:
        return [(row.source, row.status) for row in self.inbox.alerts()]

    def signals(self) -> list[tuple[str, str, str]]:
        return [(row.algo, row.alert["action"], row.alert["ticker"]) for row in self.inbox.rows()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.database.close()


def test_a_time_that_has_come_makes_one_signal_of_the_algo_however_often_is_looked(desk: Desk) -> None:
    desk.keep(desk.at(1), desk.at(3, "exit AAPL"), priority=4)
    running = desk.timetable()
    assert running.keep_due() is False
    assert desk.inbox.alerts() == []
    desk.wait(1)
    assert running.keep_due() is True
    for _ in range(5):
        desk.wait(0.02)
        running.keep_due()
    [row] = desk.inbox.rows()
    assert (row.source, row.strategy, row.algo, row.priority, row.status) == ("algo:a", "s", "a", 4, "received")
    assert row.alert["time"] == f"{desk.now - 0.1 * MINUTE:%Y-%m-%dT%H:%M:%S}Z"
    [alert] = desk.inbox.alerts()
    assert alert.repeats == 0
    desk.wait(1.9)
    running.keep_due()
    assert desk.signals() == [("a", "buy", "AAPL"), ("a", "exit", "AAPL")]


def test_it_looks_at_the_file_once_a_second_and_at_the_very_time(desk: Desk) -> None:
    desk.keep(desk.at(1))
    running, looks = desk.timetable(), []
    scheduled = running._scheduled
    running._scheduled = lambda: (looks.append(desk.now), scheduled())[1]  # type: ignore[func-returns-value]
    start = desk.now
    desk.wait(57.7 / 60)
    for _ in range(30):
        running.keep_due()
        desk.wait(0.1 / 60)
    assert [round((at - start).total_seconds(), 1) for at in looks] == [57.7, 58.7, 59.7, 60.0]
    assert len(desk.signals()) == 1


def test_an_engine_that_starts_again_or_runs_beside_another_makes_no_second_one(desk: Desk) -> None:
    desk.keep(desk.at(1))
    one, other = desk.timetable(), desk.timetable()
    one.keep_due()
    other.keep_due()
    desk.wait(1.2)
    assert (one.keep_due(), other.keep_due(), desk.timetable().keep_due()) == (True, False, False)
    assert desk.signals() == [("a", "buy", "AAPL")]
    desk.wait(24 * 60 - 0.2)
    assert desk.timetable().keep_due() is True  # the next day's
    assert len(desk.signals()) == 2


def test_an_engine_that_died_before_it_was_on_file_makes_it_when_it_starts_again_soon_enough(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.keep(desk.at(1))
    dying = desk.timetable()
    dying.keep_due()
    desk.wait(1)

    def die(receipts: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(desk.inbox, "keep", die)
        with pytest.raises(SystemExit):
            dying.keep_due()
    desk.wait(0.9)
    assert desk.timetable().keep_due() is True
    assert desk.signals() == [("a", "buy", "AAPL")]


def test_what_nobody_was_there_for_is_told_once_and_not_acted_on(desk: Desk) -> None:
    desk.keep(desk.at(1), desk.at(2, "exit AAPL"))
    desk.wait(3.5)
    for _ in range(3):
        desk.timetable().keep_due()
        desk.wait(2)
    assert desk.kept() == [("algo:a", "refused")] * 2
    assert desk.inbox.rows() == []
    assert "was missed: no engine looked for 150 s, at most 60 s (alert_age)" in desk.inbox.alerts()[0].reason
    running = desk.timetable()
    running.keep_due()
    desk.keep(desk.at(1), name="b")
    running.keep_due()
    desk.wait(30)  # a machine that slept
    running.keep_due()
    assert desk.kept() == [("algo:a", "refused")] * 2 + [("algo:b", "refused")]


def test_what_lay_before_an_algo_was_made_or_switched_on_is_not_its(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.store.hooks.wall", lambda: desk.now)
    running = desk.timetable()
    running.keep_due()
    desk.wait(0.5)
    desk.keep(desk.at(-0.4), desk.at(2))
    desk.keep(desk.at(2), name="off", active=False)
    for timetable in (running, desk.timetable()):
        timetable.keep_due()
    desk.wait(2.2)
    running.keep_due()
    assert desk.signals() == [("a", "buy", "AAPL")]
    desk.keep(desk.at(-0.2), name="off", new=False)
    desk.wait(0.1)
    for timetable in (running, desk.timetable()):
        timetable.keep_due()
    assert len(desk.signals()) == 1


def test_a_change_at_the_very_time_costs_no_signal_of_a_line_that_stayed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.store.hooks.wall", lambda: desk.now)
    desk.keep(desk.at(1))
    running = desk.timetable()
    running.keep_due()
    due = desk.at(1)
    desk.wait(1.01)
    desk.keep(due, new=False, about="other words")
    running.keep_due()
    assert len(desk.signals()) == 1


def test_what_was_due_before_an_algo_did_something_else_is_not_acted_on_by_a_running_engine(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.store.hooks.wall", lambda: desk.now)
    running = desk.timetable()
    line = desk.at(1)
    desk.keep(line)
    desk.keep(line, name="gone")
    desk.keep(line, name="same")
    running.keep_due()
    desk.wait(1.1)  # it was busy
    desk.keep(line, new=False, active=False)
    desk.keep(line, new=False, quantity="shares:1000")
    desk.book.remove_algo("gone")
    desk.keep(line, name="gone", strategy="new")
    desk.keep(line, name="same", new=False, about="other words", priority=2)
    running.keep_due()
    desk.timetable().keep_due()
    assert desk.signals() == [("same", "buy", "AAPL")]


def test_a_harmless_change_does_not_hide_what_was_missed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.store.hooks.wall", lambda: desk.now)
    line = desk.at(1)
    desk.keep(line)
    desk.wait(30)
    desk.keep(line, new=False, about="other words")
    desk.timetable().keep_due()
    assert desk.kept() == [("algo:a", "refused")]


def test_a_clock_that_was_ahead_and_is_put_right_costs_nothing_that_comes_after(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.store.hooks.wall", lambda: desk.now)
    desk.keep(desk.at(200))
    desk.wait(180)
    desk.keep(desk.at(-165), name="c")
    running = desk.timetable()
    running.keep_due()
    desk.now -= 180 * MINUTE
    desk.keep(desk.at(10), name="b")
    desk.wait(9.995)
    desk.wait(0.01)  # the first look since is just after the time
    running.keep_due()
    for _ in range(200):
        desk.wait(1)
        running.keep_due()
    assert sorted(desk.signals()) == [("a", "buy", "AAPL"), ("b", "buy", "AAPL"), ("c", "buy", "AAPL")]


def test_a_clock_that_leaps_far_ahead_tells_of_one_day(desk: Desk) -> None:
    desk.keep(desk.at(1))
    running = desk.timetable()
    running.keep_due()
    desk.wait(3 * 365 * 24 * 60)
    running.keep_due()
    assert desk.kept() == [("algo:a", "refused")]


def test_an_algo_that_cannot_be_read_is_told_once_and_holds_up_no_other(desk: Desk) -> None:
    desk.keep(desk.at(1))
    desk.keep(desk.at(1), name="b")
    running = desk.timetable()
    for doc in ({"times": ["09:30 Nowhere/Gone buy AAPL"]}, {"zone": 5}, {"unheard": "of"}, {"name": None}):
        with desk.database.transaction() as connection:
            kept = connection.scalar(select(algos.c.doc).where(algos.c.name == "a"))
            connection.execute(update(algos).where(algos.c.name == "a").values(doc=kept | doc))
        for timetable in (running, running, desk.timetable()):
            desk.seconds += 2
            timetable.keep_due()
    assert [row.source for row in desk.inbox.alerts()] == ["algo:a"] * 4
    assert "algo a: cannot be read, and none of its times is acted on" in desk.inbox.alerts()[0].reason
    desk.wait(1)
    running.keep_due()
    assert desk.signals() == [("b", "buy", "AAPL")]


def test_at_one_instant_the_highest_priority_goes_first(desk: Desk) -> None:
    for name, priority in (("a", 0), ("b", 10), ("c", 5)):
        desk.keep(desk.at(1), name=name, priority=priority)
    running = desk.timetable()
    running.keep_due()
    desk.wait(1)
    running.keep_due()
    assert [algo for algo, _, _ in desk.signals()] == ["b", "c", "a"]


def test_what_the_algo_itself_does_not_take_is_in_the_log_with_the_reason(desk: Desk) -> None:
    desk.keep(desk.at(1, "short AAPL"), name="long only", sides="long")
    desk.keep(desk.at(1, "buy INFY"), name="unknown")
    desk.keep(desk.at(1, "buy INFY"), name="yet unknown", strategy="new")
    desk.keep(desk.at(1, "buy APPLE"), name="twice", aliases={"APPLE": "AAPL"}, conditions=("ticker = APPLE",))
    desk.keep(desk.at(1, "sell APPLE"), name="turned", actions={"sell": "exit"}, aliases={"APPLE": "AAPL"})
    running = desk.timetable()
    running.keep_due()
    desk.wait(1)
    running.keep_due()
    reasons = {row.source: row.reason for row in desk.inbox.alerts() if row.status == "refused"}
    assert reasons == {
        "algo:long only": "algo long only: it takes no short entries",
        "algo:twice": "algo twice: not ticker = APPLE",  # by then it is AAPL
        "algo:unknown": "alert ticker INFY: unknown; known: AAPL; the strategy trades only these",
    }
    assert sorted(desk.signals()) == [("turned", "exit", "AAPL"), ("yet unknown", "buy", "INFY")]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=4, unique=True),
    st.lists(st.tuples(st.floats(0.01, 5), st.booleans()), min_size=1, max_size=12),
)
def test_however_time_goes_on_and_engines_come_and_go_each_time_is_on_file_once(
    tmp_path_factory: pytest.TempPathFactory, minutes: list[int], steps: list[tuple[float, bool]]
) -> None:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    try:
        start = desk.now
        desk.keep(*(desk.at(minute) for minute in minutes))
        running = desk.timetable()
        running.keep_due()
        for passed, again in steps:
            desk.wait(passed)
            running = desk.timetable() if again else running
            running.keep_due()
            desk.timetable().keep_due()
        due = sorted(start + m * MINUTE for m in minutes if start + m * MINUTE <= desk.now)
        alerts = sorted(desk.inbox.alerts(), key=lambda row: row.came_at)
        assert [row.came_at for row in alerts] == due
        for row in alerts:
            late = (row.status == "refused") is (row.kept_at is not None and "missed" in row.reason)
            assert late, row.reason
        assert len(desk.inbox.rows()) == sum(row.status == "accepted" for row in alerts)
    finally:
        desk.database.close()
