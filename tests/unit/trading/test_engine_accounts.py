"""The engine's accounts at brokers: who has a session, and who leaves, whatever happens between two looks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.support import stand
from workbench.errors import BadInput
from workbench.model import Stage
from workbench.ports import Standing
from workbench.store import FenceBook, Inbox, Lease, SessionBook, SqlRequestBook, SqlStageBook, TradingDatabase
from workbench.trading import Engine, LiveSession

PEOPLE = "manual"


class Leaves:
    def __init__(self) -> None:
        self.reason, self.is_over = "", False

    def leave(self, reason: str) -> None:
        self.reason = self.reason or reason

    def close_held(self) -> None: ...


class Session:
    """Stands for a session: who trades in it, whether it was let go, and what it was told."""

    def __init__(self, account: str, name: str) -> None:
        self.account, self.name, self.leaving = account, name, Leaves()
        self.is_closed, self.blocked = False, "not told"

    def start(self) -> None: ...

    def let_in(self, blocked: str) -> None:
        self.blocked = blocked

    def step(self) -> bool:
        assert not self.is_closed
        return False

    def flatten(self, epoch: int) -> bool:
        return True

    def close(self) -> None:
        self.is_closed = True


class Clock:
    seconds = 0.0

    def elapsed(self) -> float:
        return self.seconds


class House:
    """An engine with the accounts `one` and `two` configured."""

    def __init__(self, folder: Path) -> None:
        self.database = TradingDatabase(folder / "trading.db")
        self.lease = Lease(self.database, "engine", seconds=600)
        self.lease.take()
        self.book, self.clock, self.fence = SessionBook(self.database), Clock(), FenceBook(self.database)
        self.broken: set[str] = set()
        self.holding: set[tuple[str, str]] = set()
        self.made: list[Session] = []
        self.begin()

    def begin(self) -> None:
        self.engine = Engine(
            SqlStageBook(self.database), Inbox(self.database), SqlRequestBook(self.database), self.fence, self.book,
            self.lease, self.make, self.holds, object, cast("Any", self.clock), ["one", "two"],
        )  # fmt: skip

    def make(self, account: str, standing: Standing | None) -> LiveSession:
        name = PEOPLE if standing is None else standing.strategy
        if name in self.broken:
            raise BadInput("data", name, "cannot be had")
        self.book.begin(name, account, {})
        self.made.append(Session(account, name))
        return cast("LiveSession", self.made[-1])

    def holds(self, account: str, strategy: str | None) -> bool:
        return any(a == account and strategy in (None, s) for a, s in self.holding)

    def stand(self, stage: Stage, strategy: str, account: str) -> None:
        stand(self.database, strategy, account, stage)

    def look(self, times: int = 1) -> dict[str, tuple[str, str]]:
        """Step the engine: who is in each account, and why it leaves."""
        for _ in range(times):
            self.clock.seconds += 60
            self.engine.step()
        running = cast("list[Session]", self.engine.sessions)
        return {session.account: (session.name, session.leaving.reason) for session in running}

    def of(self, account: str) -> Session:
        return next(s for s in reversed(self.made) if s.account == account and not s.is_closed)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.database.close()


def test_people_have_every_configured_account_until_a_strategy_comes_and_after_it_went(house: House) -> None:
    assert house.look() == {"one": (PEOPLE, ""), "two": (PEOPLE, "")}
    people = house.of("one")
    house.stand(Stage.PAPER, "s", "one")
    assert house.look() == {"one": ("s", ""), "two": (PEOPLE, "")}
    assert people.is_closed
    house.stand(Stage.RETIRED, "s", "one")
    assert house.look()["one"] == ("s", "the strategy went to stage retired")
    house.of("one").leaving.is_over = True
    assert house.look(2)["one"] == (PEOPLE, "")


def test_a_strategy_that_went_long_ago_puts_nobody_out(house: House) -> None:
    house.stand(Stage.PAPER, "z", "one")
    house.stand(Stage.RETIRED, "z", "one")
    house.stand(Stage.PAPER, "b", "one")
    assert house.look()["one"] == ("b", "")
    assert house.look(3)["one"] == ("b", ""), "the one that went takes the place of the one that trades"


def test_one_strategy_goes_and_another_comes_between_two_looks(house: House) -> None:
    house.stand(Stage.PAPER, "a", "one")
    house.look()
    first = house.of("one")
    house.holding = {("one", "a")}
    house.stand(Stage.RETIRED, "a", "one")
    house.stand(Stage.PAPER, "b", "one")
    assert house.look()["one"] == ("a", "the strategy trades another account now")
    assert house.look(2)["one"][0] == "a", "it still holds"
    house.holding = set()
    first.leaving.is_over = True
    assert house.look(2)["one"] == ("b", "")
    assert first.is_closed


def test_leaving_an_account_for_another_outlives_the_engine(house: House) -> None:
    house.stand(Stage.LIVE, "s", "one")
    house.look()
    house.holding = {("one", "s")}
    house.stand(Stage.PAPER, "s", "paper:s")  # demoted: it trades paper again
    house.begin()  # the engine was killed before it saw that
    found = house.look()
    assert found["one"] == ("s", "the strategy trades another account now")
    assert found["paper:s"] == ("s", "")
    house.of("one").leaving.is_over = True
    house.holding = set()
    found = house.look(2)
    assert (found["one"], found["paper:s"]) == ((PEOPLE, ""), ("s", ""))


def test_people_stay_where_a_strategy_cannot_be_made_and_it_is_tried_again(house: House) -> None:
    house.look()
    people = house.of("one")
    house.broken = {"s"}
    house.stand(Stage.PAPER, "s", "one")
    assert house.look()["one"] == (PEOPLE, "")
    assert not people.is_closed
    state = next(row for row in house.book.all() if row.account == "one")
    assert (state.state, state.reason) == ("running", "s cannot trade here: data s: cannot be had")
    house.broken = set()
    assert house.look()["one"] == ("s", "")
    assert people.is_closed


def test_after_a_restart_people_have_the_account_of_a_strategy_that_cannot_be_made(house: House) -> None:
    house.stand(Stage.PAPER, "s", "one")
    house.look()
    house.broken = {"s"}
    house.begin()
    assert house.look()["one"] == (PEOPLE, "")


def test_a_panic_is_not_over_while_an_account_has_no_session(house: House) -> None:
    house.broken = {PEOPLE}
    house.fence.halt("test", "me")
    house.look(3)
    assert not house.fence.is_flat()
    house.broken = set()
    house.look(3)
    assert house.fence.is_flat()


def test_every_session_is_let_go_when_the_engine_ends(house: House) -> None:
    from threading import Event

    house.look()
    stop = Event()
    stop.set()
    house.engine.run(stop)
    assert all(session.is_closed for session in house.made)
