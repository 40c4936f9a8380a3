"""OpenAlgo behind the real order manager: an entry, its protection, an exit, and an order whose fate is unknown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from workbench_plugins.openalgo_broker import OpenAlgoBroker

from tests.unit.plugins.openalgo_desk import KEY, D
from workbench.model import Action, Direction, Instrument, Order, OrderState, Protection, Signal
from workbench.ports import RiskContext, Verdict
from workbench.testing.openalgo import OpenAlgoServer
from workbench.trading import Ledger, MemoryRepository, OrderManager

START = datetime(2026, 1, 2, tzinfo=UTC)


class Ten:
    """Allows ten of everything."""

    def judge(self, context: RiskContext) -> Verdict:
        return Verdict("ten", "allow", size=D(10))


class Room:
    """A manager, its ledger and its broker at a loopback server."""

    def __init__(self, server: OpenAlgoServer, **settings: Any) -> None:
        from workbench.risk import RiskChain

        self.server = server
        self.broker = OpenAlgoBroker(
            url=server.url, ws_url=server.ws_url, api_key_env=KEY, account="a", answer_within=1.0, **settings
        )
        self.ledger = Ledger()
        self.ledger.open_account("a", D(10_000_000))
        instruments = {"NSE:SBIN": Instrument("NSE:SBIN", "INR", tick=D("0.05"), lot=D(1))}
        chain = RiskChain([("ten", Ten())])
        self.manager = OrderManager(MemoryRepository(), self.broker, chain, self.ledger, instruments, START)
        self.count = 0

    def signal(self, action: Action, **more: Any) -> Order:
        self.count += 1
        now = datetime.now(UTC)
        [order] = self.manager.handle(
            Signal("test", f"k{self.count}", "s", "a", "NSE:SBIN", action, Direction.LONG, now, now, D(100), **more)
        )
        return order

    def now(self, order: Order) -> Order:
        return self.manager.repository.order(order.order_id)

    def until(self, is_so: Callable[[], Any]) -> None:
        ends = time.monotonic() + 5
        while not is_so():
            assert time.monotonic() < ends, self.broker.health()
            self.broker.deliver()
            time.sleep(0.005)

    def held(self) -> Any:
        return self.ledger.position("a", "s", "NSE:SBIN").size


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    with OpenAlgoServer() as server:
        monkeypatch.setenv(KEY, server.api_key)
        server.exchange.set_quote("SBIN", "NSE", "99.95", "100.05", "100")
        made = Room(server)
        try:
            yield made
        finally:
            made.broker.close()


def test_an_entry_and_its_exit_go_through_and_the_books_agree(room: Room) -> None:
    entry = room.signal(Action.ENTRY, protection=Protection(stop=D(10)))
    room.until(lambda: room.now(entry).state is OrderState.FILLED)
    assert room.held() == 10
    [stop] = [o for o in room.manager.repository.open_orders("a", "NSE:SBIN") if o.reduce_only]
    assert stop.state is OrderState.HELD  # OpenAlgo's orders end with the day: protection stays here
    leave = room.signal(Action.EXIT)
    room.until(lambda: room.now(leave).state is OrderState.FILLED)
    assert (room.held(), room.broker.positions()) == (0, [])
    assert len(room.server.taken) == 2


def test_an_order_whose_answer_was_lost_is_unknown_and_never_sent_again(room: Room) -> None:
    room.server.fail("placeorder", "drop_after")
    entry = room.signal(Action.ENTRY)
    assert room.now(entry).state is OrderState.UNKNOWN
    assert "whether it was taken is unknown" in room.now(entry).reason
    room.until(lambda: len(room.manager.repository.fills("a")) == 1)
    [other] = [one for one in room.manager.repository.orders() if one.order_id != entry.order_id]
    assert (other.strategy, other.broker_id) == ("external", room.server.taken[0].orderid)  # for a person to match
    assert room.now(entry).state is OrderState.UNKNOWN
    assert (len(room.server.taken), room.held()) == (1, 0)


def test_an_order_that_nobody_listened_for_stays_ready(room: Room) -> None:
    room.server.stop()
    entry = room.signal(Action.ENTRY)
    assert room.now(entry).state is OrderState.READY
    room.server.start()
    room.manager.send(room.now(entry))
    room.until(lambda: room.now(entry).state is OrderState.FILLED)
    assert len(room.server.taken) == 1


def test_a_refusal_is_rejected_with_the_servers_words(room: Room) -> None:
    room.server.exchange.session_expired = True
    entry = room.signal(Action.ENTRY)
    assert room.now(entry).state is OrderState.REJECTED
    assert "log in to the broker again in OpenAlgo" in room.now(entry).reason
