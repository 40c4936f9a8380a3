"""The engine over real files: sessions begin and end with the stages, and a panic ends only when all is flat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.support import scripted, stand
from tests.unit.trading.test_live_session import FIRST, START, Clock, Room, bars
from workbench.data import PriceHistory
from workbench.errors import BadInput, LeaseLost, Refused
from workbench.model import OrderState, Side, Stage
from workbench.ports import Standing
from workbench.store import (
    FenceBook,
    Inbox,
    Lease,
    SessionBook,
    SqlOrderRepository,
    SqlRequestBook,
    SqlStageBook,
    TradingDatabase,
)
from workbench.trading import Engine, LiveSession


class House:
    """An engine over the files of a folder; each strategy's session is made by what `makers` says, or trades alerts."""

    def __init__(self, folder: Path, lease: Lease | None = None) -> None:
        self.folder, self.clock = folder, Clock()
        self.database = TradingDatabase(folder / "trading.db")
        self.lease = Lease(self.database, "engine", seconds=600, holder=lease.holder if lease else "")
        self.lease.take()
        self.stages, self.inbox, self.fence = (
            SqlStageBook(self.database),
            Inbox(self.database),
            FenceBook(self.database),
        )
        self.requests = SqlRequestBook(self.database)
        self.book, self.repository = SessionBook(self.database), SqlOrderRepository(self.database, self.lease)
        self.rooms: dict[str, Room] = {}
        self.makers: dict[str, Callable[[], dict[str, Any]]] = {}
        self.asked: list[tuple[str, Stage]] = []
        self.keep_due: Callable[[], bool] = bool
        self.engine = Engine(
            self.stages, self.inbox, self.requests, self.fence, self.book, self.lease, self.make, self.holds,
            self.database.change_counter(), self.clock, keep_due=lambda: self.keep_due(),
        )  # fmt: skip

    def make(self, account: str, standing: Standing | None) -> LiveSession:
        assert standing is not None
        self.asked.append((standing.strategy, standing.stage))
        name = standing.strategy
        self.book.begin(name, standing.account, {"symbols": ["X"]})
        given = self.makers.get(name, dict)()
        room = Room(
            self.folder,
            name=name,
            database=self.database,
            lease=self.lease,
            clock=self.clock,
            **({"stop": "50"} | given),
        )
        self.rooms[name] = room
        return room.session

    def close(self) -> None:
        self.database.close()

    def holds(self, account: str, strategy: str | None) -> bool:
        if self.repository.open_orders(account):
            return True
        held = sum(fill.side.sign * fill.size for fill in self.repository.fills(account))
        return held != 0

    def stand(self, stage: Stage, *names: str) -> None:
        for name in names:
            stand(self.database, name, f"paper:{name}", stage)

    def bar(self, count: int = 1) -> None:
        """Let so many bars of every session happen."""
        for _ in range(count):
            self.clock.seconds += 1
            assert self.engine.step()

    def look(self) -> None:
        """Step the engine with no bar due."""
        self.engine.step()

    def alert(self, name: str, **said: str) -> tuple[str, str]:
        """Send an alert and step the engine: its status and reason."""
        waiting = self.rooms[name].keep(**said)
        self.look()
        row = next(row for row in self.inbox.rows() if row.signal_id == waiting.signal_id)
        return row.status, row.reason

    def state(self, name: str) -> tuple[str, str]:
        return next((row.state, row.reason) for row in self.book.all() if row.strategy == name)

    def bars(self, name: str) -> int:
        return next(row.bars for row in self.book.all() if row.strategy == name)

    def running(self) -> list[str]:
        return sorted(session.name for session in self.engine.sessions)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def test_only_strategies_on_paper_live_or_paused_have_a_session(house: House) -> None:
    for name, stage in zip("rbwplz", (*list(Stage)[:5], Stage.RETIRED), strict=True):
        house.stand(stage, name)
    house.stand(Stage.PAPER, "q")
    house.stand(Stage.PAUSED, "q")
    house.look()
    assert house.running() == ["l", "p", "q"]
    assert [house.state(name) for name in "lpq"] == [("running", "")] * 2 + [("blocked", "the strategy is paused")]
    house.bar(3)
    assert [house.bars(name) for name in "lpq"] == [3, 3, 3]


def test_a_strategy_that_comes_to_paper_while_the_engine_runs_begins(house: House) -> None:
    house.look()
    assert house.running() == []
    house.stand(Stage.PAPER, "s")
    house.look()
    house.bar()
    assert (house.running(), house.bars("s")) == (["s"], 1)


def test_a_session_that_cannot_be_made_is_blocked_and_named_and_the_others_go_on(house: House) -> None:
    def fail() -> dict[str, Any]:
        raise BadInput("csv file", "x.csv", "does not exist")

    house.makers["bad"] = fail
    house.stand(Stage.PAPER, "bad", "good", "other")
    house.look()
    house.bar(2)
    assert house.running() == ["good", "other"]
    assert house.state("bad") == ("blocked", "csv file x.csv: does not exist")
    assert [house.bars(name) for name in ("bad", "good", "other")] == [0, 2, 2]
    assert house.alert("good", action="buy") == ("ordered", "")
    assert len(house.asked) == 3, "a session that cannot be made is tried at every look"
    del house.makers["bad"]
    house.stand(Stage.PAUSED, "bad")
    house.stand(Stage.PAPER, "bad")
    house.look()
    assert house.running() == ["bad", "good", "other"]
    assert house.state("bad") == ("running", "")


def test_a_strategy_that_raises_takes_no_other_along(house: House) -> None:
    class Liar(Exception):
        pass

    def breaks() -> dict[str, Any]:
        history = bars()
        strategy = scripted([history], {"entries": {FIRST}})
        type(strategy).signals = lambda self, bars: (_ for _ in ()).throw(Liar("no"))  # type: ignore[method-assign]
        return {"history": history, "strategy": strategy}

    house.makers["bad"] = breaks
    house.stand(Stage.PAPER, "bad", "good")
    house.look()
    house.bar(3)
    assert house.state("bad")[0] == "failed"
    assert "raised Liar: no" in house.state("bad")[1]
    assert house.state("good") == ("running", "")
    assert [house.bars(name) for name in ("bad", "good")] == [3, 3]


def test_alerts_go_to_the_session_of_their_strategy_in_order_and_others_are_refused(house: House) -> None:
    house.stand(Stage.PAPER, "a", "b")
    house.look()
    house.bar()
    for name, action in (("a", "buy"), ("b", "short"), ("a", "exit")):
        house.rooms[name].keep(action=action)
    for room in house.rooms.values():
        room.wall = max(row.received_at for row in house.inbox.rows())
    house.look()
    assert [row.status for row in house.inbox.rows()] == ["ordered", "ordered", "ignored"]
    house.bar()
    assert (house.rooms["a"].held(), house.rooms["b"].held()) == (0, -10)
    house.stand(Stage.BACKTESTED, "a")
    assert house.alert("a", action="buy") == ("refused", "strategy a has no running session")


def test_more_alerts_than_are_taken_at_once_are_all_taken(house: House) -> None:
    house.stand(Stage.PAPER, "s")
    house.look()
    house.bar()
    for _ in range(101):
        house.rooms["s"].keep(action="exit")
    house.look()
    house.look()
    assert {row.status for row in house.inbox.rows()} == {"ignored"}


def test_a_demoted_strategy_closes_what_it_holds_and_its_session_ends(house: House) -> None:
    house.stand(Stage.PAPER, "s", "other")
    house.look()
    house.bar()
    house.alert("s", action="buy")
    house.bar()
    assert house.rooms["s"].held() == 10
    house.stand(Stage.BACKTESTED, "s")
    house.look()
    assert house.running() == ["other", "s"]
    house.bar()
    assert house.rooms["s"].fills()[-1][1] is Side.SELL
    assert house.running() == ["other"]
    assert house.state("s") == ("ended", "the strategy went to stage backtested")
    assert house.state("other") == ("running", "")
    house.stand(Stage.PAPER, "s")  # on the same account, behind promotion's back: it begins again where it was
    house.look()
    house.bar()
    assert house.bars("s") == 4


def test_a_demoted_strategy_that_still_holds_is_closed_by_an_engine_that_begins_later(house: House) -> None:
    house.stand(Stage.PAPER, "s")
    house.look()
    house.alert("s", action="buy")
    house.bar()
    house.stand(Stage.RETIRED, "s")
    later = House(house.folder, house.lease)
    later.look()
    assert later.running() == ["s"]
    later.bar()
    assert (later.running(), later.holds("paper:s", None)) == ([], False)
    assert later.state("s") == ("ended", "the strategy went to stage retired")
    later.close()


def test_a_paused_strategy_goes_on_without_entries_and_takes_them_again_afterwards(house: House) -> None:
    house.stand(Stage.PAPER, "s")
    house.look()
    house.alert("s", action="buy")
    house.bar()
    house.stand(Stage.PAUSED, "s")
    assert house.alert("s", action="exit") == ("ordered", "")
    house.bar()
    assert house.alert("s", action="buy") == ("refused", "the strategy is paused")
    house.stand(Stage.PAPER, "s")
    assert house.alert("s", action="buy") == ("ordered", "")
    assert [stage for _, stage in house.asked] == [Stage.PAPER], "the same session goes on"


def test_a_lost_lease_ends_the_engine_and_nothing_more_is_sent(house: House) -> None:
    house.stand(Stage.PAPER, "s")
    house.look()
    house.bar()
    house.lease.release()
    other = Lease(house.database, "engine", seconds=600)
    other.take()
    with pytest.raises(LeaseLost):
        house.alert("s", action="buy")  # before its own renewal comes round, authorising finds out
    assert [order.state for order in house.repository.orders()] == [OrderState.READY]
    house.clock.seconds += 150
    with pytest.raises(LeaseLost):
        house.engine.step()
    with pytest.raises(LeaseLost):
        house.engine.run(Event())


def test_the_lease_is_renewed_long_before_it_runs_out(house: House) -> None:
    house.look()
    house.clock.seconds += 149
    house.lease.release()
    house.look()
    house.clock.seconds += 1
    with pytest.raises(LeaseLost):
        house.look()


def test_told_to_stop_it_stops(house: House) -> None:
    stop = Event()
    stop.set()
    house.engine.run(stop)


# ---- panic -----------------------------------------------------------------------------------------------------------


def positions(house: House) -> dict[str, int]:
    return {name: int(room.held()) for name, room in house.rooms.items()}


def test_a_panic_flattens_every_account_and_only_then_can_be_lifted(house: House) -> None:
    house.stand(Stage.PAPER, "a", "b", "c", "d")
    house.look()
    for name, action in (("a", "buy"), ("b", "short")):
        house.alert(name, action=action)
    house.bar()
    house.alert("c", action="buy")  # its entry still waits
    assert positions(house) == {"a": 10, "b": -10, "c": 0, "d": 0}
    epoch = house.fence.halt("fire", "me")
    house.look()
    assert [o.state for o in house.rooms["c"].orders()] == [OrderState.CANCELLED]
    closing = [o for o in house.repository.orders() if o.flattens]
    assert {(o.account, o.side) for o in closing} == {("paper:a", Side.SELL), ("paper:b", Side.BUY)}
    for _ in range(5):  # nothing trades, whatever is asked: the closes wait for a bar
        house.clock.seconds += 0.1
        house.look()
        assert not house.fence.is_flat()
    assert len([o for o in house.repository.orders() if o.flattens]) == 2, "a close that works is sent once"
    with pytest.raises(Refused, match="has not flattened everything yet"):
        house.fence.resume("me")
    assert house.alert("d", action="buy") == ("refused", "panic: fire")
    house.bar()
    assert positions(house) == {"a": 0, "b": 0, "c": 0, "d": 0}
    assert not house.fence.is_flat(), "once is not twice"
    for _ in range(2):
        house.clock.seconds += 0.1
        house.look()
    assert house.fence.is_flat()
    house.fence.resume("me")
    house.look()
    assert house.alert("d", action="buy") == ("ordered", "")
    assert house.fence.now().epoch == epoch
    assert not any(order.state is OrderState.READY for order in house.repository.orders())


def test_during_a_panic_stops_are_withdrawn_and_signals_refused_with_its_reason(house: House) -> None:
    def enters() -> dict[str, Any]:
        history = bars()
        return {"history": history, "strategy": scripted([history], {"entries": {FIRST + 1}, "exits": {FIRST + 3}})}

    house.makers["s"] = enters
    house.stand(Stage.PAPER, "s")
    house.look()
    house.bar(3)
    room = house.rooms["s"]
    assert room.held() == 10
    assert len(room.repository.open_orders(room.account)) == 1
    house.fence.halt("fire", "me")
    house.bar(2)
    assert room.held() == 0
    assert room.repository.open_orders(room.account) == []
    assert "panic: fire" in room.notes("refused")
    assert [side for _, side, *_ in room.fills()] == [Side.BUY, Side.SELL]


def test_an_account_whose_session_cannot_be_made_keeps_the_panic_in_force_while_it_holds(house: House) -> None:
    house.stand(Stage.PAPER, "s")
    house.look()
    house.alert("s", action="buy")
    house.bar()

    def fail() -> dict[str, Any]:
        raise BadInput("prices", "X", "are gone")

    later = House(house.folder, house.lease)
    later.makers["s"] = fail
    epoch = house.fence.halt("fire", "me")
    for _ in range(10):
        later.clock.seconds += 0.1
        later.look()
    assert not house.fence.is_flat()
    assert house.state("s") == ("blocked", "prices X: are gone")
    house.stand(Stage.PAPER, "idle")
    for _ in range(10):
        later.clock.seconds += 0.1
        later.look()
    assert not house.fence.is_flat()
    assert house.fence.now().epoch == epoch
    later.close()


def test_a_second_panic_begins_anew(house: House) -> None:
    house.stand(Stage.PAPER, "s")
    house.look()
    house.fence.halt("one", "me")
    for _ in range(3):
        house.clock.seconds += 0.1
        house.look()
    assert house.fence.is_flat()
    house.fence.resume("me")
    house.alert("s", action="buy")
    house.bar()
    assert positions(house) == {"s": 10}
    house.fence.halt("two", "me")
    assert not house.fence.is_flat()
    house.look()
    house.bar()
    for _ in range(3):
        house.clock.seconds += 0.1
        house.look()
    assert house.fence.is_flat()
    assert positions(house) == {"s": 0}


def test_a_panic_with_nothing_to_flatten_is_flat_after_two_looks(house: House) -> None:
    house.stand(Stage.PAPER, "s")
    house.look()
    house.fence.halt("test", "me")
    house.look()
    assert not house.fence.is_flat()
    house.look()  # too early for another look at the broker
    assert not house.fence.is_flat()
    house.clock.seconds += 0.1
    house.look()
    assert house.fence.is_flat()


def test_time_of_the_session_is_that_of_its_bars(house: House) -> None:
    house.stand(Stage.PAPER, "s")
    house.look()
    house.bar(2)
    assert house.rooms["s"].manager.now == START + timedelta(days=FIRST + 2)
    assert isinstance(house.rooms["s"].histories[0], PriceHistory)


def test_a_session_that_fails_in_a_panic_keeps_no_other_from_being_flattened(house: House) -> None:
    house.stand(Stage.PAPER, "a", "b")
    house.look()
    for name in "ab":
        house.alert(name, action="buy")
    house.bar()

    def fails(*_: object) -> bool:
        raise ConnectionError("no answer")

    house.rooms["a"].session.flatten = fails  # type: ignore[method-assign]
    house.fence.halt("fire", "me")
    house.look()
    assert [o.account for o in house.repository.orders() if o.flattens] == ["paper:b"]
    assert not house.fence.is_flat()
