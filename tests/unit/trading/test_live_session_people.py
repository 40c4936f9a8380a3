"""A live session with people beside it: their requests, their own orders at the broker, and prices from before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from workbench_plugins.paper_broker import PaperBroker

from tests.doubles import execution, report
from tests.support import scripted
from tests.unit.trading.test_engine import House
from tests.unit.trading.test_live_session import FIRST, START, Room, Silent, bars, begun
from workbench.model import Order, OrderState, Side, Stage
from workbench.ports import BrokerCapabilities, BrokerListener, Request

D = Decimal
S = OrderState
PLACE = {"legs": [{"symbol": "X", "side": "buy", "size": "3"}]}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = begun(tmp_path)
    yield made
    made.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def ask(room: Room, kind: str, body: Any, key: str | None = None, age: float = 1.0) -> Request:
    """A request as it waits; the wall clock is so many seconds later when it is come to."""
    number = len(room.requests.all())
    kept = room.requests.keep("app", key or f"r{number}", room.account, kind, body, "ann")
    room.wall = kept.received_at + timedelta(seconds=age)
    return kept


def others_trade(folder: Path, symbol: str, *, trades: bool = True) -> None:
    """Somebody else buys three of a symbol with the account of a session that is closed."""
    stray = PaperBroker(book=folder / "s.db")
    stray.connect(Silent())
    history = bars(symbol=symbol)
    stray.open_account("paper:s", D(1), [history.instrument])
    stray.submit(Order("g", f"stray {symbol}", "theirs", "paper:s", symbol, Side.BUY, D(3), START))
    if trades:
        stray.trade_bars({symbol: history.bar(FIRST)})


# ---- requests --------------------------------------------------------------------------------------------------------


def test_a_persons_order_trades_beside_the_strategys_and_is_their_own(room: Room) -> None:
    room.to(21)
    done = room.session.carry_out(ask(room, "place", PLACE))
    assert done.status == "done"
    room.step()
    assert (room.held(), room.ledger.position(room.account, "manual", "X").size) == (0, 3)
    assert room.ledger.cash(room.account) == room.broker.cash(room.account)


@pytest.mark.parametrize(("age", "status"), [(60.0, "done"), (60.5, "refused")])
def test_a_request_too_old_when_it_is_come_to_is_refused(room: Room, age: float, status: str) -> None:
    room.to(21)
    assert room.session.carry_out(ask(room, "place", PLACE, age=age)).status == status
    assert len(room.orders()) == (status == "done")


def test_an_order_asked_for_before_a_panic_is_refused_after_it(room: Room) -> None:
    room.to(21)
    waiting = ask(room, "place", PLACE)
    epoch = room.fence.halt("test", "me")
    room.fence.set_flat(epoch)
    room.fence.resume("me")
    done = room.session.carry_out(waiting)
    assert (done.status, done.reason) == ("refused", "panic: it was asked for before a panic")
    assert room.session.carry_out(ask(room, "place", PLACE)).status == "done"


def test_a_session_that_leaves_takes_no_order_and_still_cancels_and_closes(room: Room) -> None:
    room.to(21)
    room.alert(action="buy")
    room.step()
    room.session.leaving.leave("retired")
    assert room.session.carry_out(ask(room, "place", PLACE)).reason == "retired"
    assert room.session.carry_out(ask(room, "close-all", {})).status == "done"
    room.step()
    assert room.held() == 0


@pytest.mark.parametrize(
    "body", [{"legs": []}, {"legs": [None]}, {"legs": [{"symbol": "X", "side": "buy", "size": "1", "type": "limit",
                                                        "limit": "1e300"}]}],
)  # fmt: skip
def test_a_request_of_another_shape_is_refused_and_ends_no_session(house: House, body: dict[str, Any]) -> None:
    house.stand(Stage.PAPER, "s")
    house.look()
    house.bar()
    ask(house.rooms["s"], "place", body)
    house.look()
    [row] = house.requests.all()
    assert row.status == "refused"
    assert house.running() == ["s"]


def test_requests_go_to_the_session_of_their_account_and_others_are_refused(house: House) -> None:
    house.stand(Stage.PAPER, "a", "b")
    house.look()
    house.bar()
    ask(house.rooms["a"], "place", PLACE)
    house.requests.keep("app", "nobody", "paper:z", "place", PLACE, "ann")
    house.look()
    assert [(r.status, r.reason) for r in house.requests.all()] == [
        ("done", ""),
        ("refused", "account paper:z has no running session; running: paper:a, paper:b"),
    ]
    assert [o.account for o in house.repository.orders()] == ["paper:a"]


def test_more_requests_than_are_taken_at_once_are_all_taken(house: House) -> None:
    house.stand(Stage.PAPER, "s")
    house.look()
    house.bar()
    for _ in range(101):
        ask(house.rooms["s"], "cancel-all", {})
    house.look()
    house.look()
    assert {row.status for row in house.requests.all()} == {"done"}


# ---- what others do with the account ---------------------------------------------------------------------------------


def test_a_trade_of_others_in_a_symbol_the_session_has_not_leaves_it_running(tmp_path: Path) -> None:
    begun(tmp_path).close()
    others_trade(tmp_path, "ZZ")
    room = begun(tmp_path)
    room.finish()
    assert room.row().bars == 10
    room.close()


def test_a_pause_leaves_the_orders_of_others_and_of_people_working(tmp_path: Path) -> None:
    begun(tmp_path).close()
    others_trade(tmp_path, "X", trades=False)
    room = begun(tmp_path)
    [theirs] = room.orders()
    assert theirs.state is S.EXTERNAL
    room.session.let_in("the strategy is paused")
    assert room.repository.order(theirs.order_id).state is S.EXTERNAL
    room.close()


def test_a_strategy_that_leaves_is_gone_though_others_hold_something(tmp_path: Path) -> None:
    begun(tmp_path).close()
    others_trade(tmp_path, "X")
    room = begun(tmp_path)
    room.to(21)
    room.session.leaving.leave("retired")
    for _ in range(3):
        room.session.leaving.close_held()
        room.step()
    room.session.leaving.close_held()
    assert room.session.leaving.is_over
    room.close()


def test_an_alert_looks_at_the_strategys_own_orders_alone(room: Room) -> None:
    room.to(21)
    limit = {"legs": [{"symbol": "X", "side": "buy", "size": "3", "type": "limit", "limit": "50"}]}
    assert room.session.carry_out(ask(room, "place", limit)).status == "done"
    status, reason = room.alert(action="exit")
    assert (status, reason.rpartition(": ")[2]) == ("ignored", "flat already")


# ---- prices from before ----------------------------------------------------------------------------------------------


class Quick(PaperBroker):
    """A broker that holds no protection and fills what is sent at once, as one far away may."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self.capabilities = BrokerCapabilities()
        self.room, self.made = room, 0

    def connect(self, listener: BrokerListener) -> None:
        self.listener = listener

    def check(self, order: Order) -> str:
        return ""

    def submit(self, order: Order) -> None:
        self.made += 1
        self.listener.on_order(report(order))
        self.listener.on_fill(execution(order, f"q{self.made}", price=100, time=self.room.manager.now))


def test_the_range_of_a_bar_from_before_an_entry_does_not_stop_it_out(tmp_path: Path) -> None:
    """The entry is decided at the close of a bar whose low lies below the stop the entry is to have."""
    history = bars(b22=(100, 100, 90, 100))
    room = begun(tmp_path, history, scripted([history], {"entries": {22}}), stop="5")
    quick = Quick(room)
    quick.connect(room.manager.answers)
    room.manager.broker = quick
    room.manager._intents._broker = quick
    room.to(22)
    assert room.held() == 10, "stopped out by a price from before it was held"
    room.close()
