"""Prices between bars: what is held is watched, and what cannot be had is said, not guessed; exits that are refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.doubles import report
from tests.support import scripted
from tests.unit.trading.test_live_session import bars, begun
from tests.unit.trading.test_order_manager import NOW, Desk
from workbench.errors import BadInput, Refused, UnknownName
from workbench.model import Action, Depth, Direction, Instrument, Order, OrderState, OrderType, Protection
from workbench.ports import LastPrice
from workbench.trading import Hours
from workbench.trading.leaving import Leaving
from workbench.trading.monitor import PriceRange
from workbench.trading.price_watch import BUDGET, LONGEST_REST, PriceWatch

D = Decimal
S, T = OrderState, OrderType


class Market:
    """Tells prices by symbol; a symbol in `broken` raises, after it took `slow` seconds."""

    def __init__(self, clock: list[float]) -> None:
        self.clock = clock
        self.prices = {"X": D(100), "Y": D(50), "Z": D(10)}
        self.broken: dict[str, Exception] = {}
        self.slow = 0.0
        self.asked: list[str] = []

    def instrument(self, symbol: str) -> Instrument:
        if symbol not in self.prices:
            raise UnknownName("symbol", symbol, self.prices)
        return Instrument(symbol, "INR" if symbol == "Z" else "USD", lot=D(1))

    def price(self, symbol: str) -> LastPrice:
        self.asked.append(symbol)
        self.clock[0] += self.slow
        if symbol in self.broken:
            raise self.broken[symbol]
        return LastPrice(symbol, NOW, self.prices[symbol])

    def depth(self, symbol: str) -> Depth:
        raise NotImplementedError


class Watched(Desk):
    """A desk whose symbols are watched; nothing but X is known at first."""

    def __init__(self, **capabilities: Any) -> None:
        super().__init__(**({"types": frozenset({T.MARKET, T.LIMIT})} | capabilities))
        self.seconds = [0.0]
        self.market = Market(self.seconds)
        del self.manager.instruments["Y"]
        self.watch = PriceWatch(self.market, self.manager, "a", "USD", lambda: self.seconds[0])

    def look_at(self, after: float = 1.0) -> dict[str, PriceRange]:
        self.seconds[0] += after
        return self.watch.look()


@pytest.fixture
def desk() -> Watched:
    return Watched()


def test_a_symbol_is_learned_as_it_is_asked_for_and_marked_at_its_price(desk: Watched) -> None:
    assert desk.watch.price("Y").price == 50
    assert desk.manager.instruments["Y"].lot == 1
    assert desk.ledger.mark_of("Y", D(1)) == 50
    [order] = desk.trade("buy", 2, symbol="Y")
    assert order.state is S.ACKED
    with pytest.raises(UnknownName, match="symbol NOPE"):
        desk.watch.price("NOPE")
    with pytest.raises(BadInput, match="symbol Z: trades in INR, and the account in USD"):
        desk.watch.price("Z")


def test_what_is_held_or_works_is_looked_at_every_second_and_nothing_else(desk: Watched) -> None:
    assert desk.look_at() == {}
    desk.trade("sell", 3, T.STOP, level=90)
    assert desk.look_at(0.5) == {}
    assert desk.look_at() == {"X": PriceRange(D(100), D(100), D(100))}
    desk.market.prices["X"] = D(89)
    assert desk.manager.monitor.look("a", desk.look_at())
    assert desk.broker.sent[0].type is T.MARKET


def test_a_price_that_cannot_be_had_is_said_once_and_held_orders_wait(desk: Watched) -> None:
    desk.trade("sell", 3, T.STOP, level=90)
    desk.market.broken["X"] = Refused("X has no price yet")
    for _ in range(3):
        assert desk.look_at() == {}
    assert desk.watch.trouble == "no price of X: X has no price yet"
    assert [line["reason"] for line in desk.repository.journal() if line["kind"] == "no_price"] == [
        "X has no price yet"
    ]
    del desk.market.broken["X"]
    assert desk.look_at()
    assert desk.watch.trouble == ""


def test_a_market_that_hangs_is_left_alone_ever_longer(desk: Watched) -> None:
    desk.trade("sell", 3, T.STOP, level=90)
    desk.market.broken["X"], desk.market.slow = Refused("no answer"), 3.0
    gaps, last = [], None
    for _ in range(2_000):
        before = len(desk.market.asked)
        desk.look_at(0.1)
        if len(desk.market.asked) > before:
            if last is not None:
                gaps.append(round(desk.seconds[0] - 3.0 - last))
            last = desk.seconds[0]
    assert gaps[:5] == [2, 4, 8, 16, 30]
    assert max(gaps) <= LONGEST_REST + 1


def test_a_slow_market_is_looked_at_in_turns(desk: Watched) -> None:
    desk.watch.learn("Y")
    for symbol in ("X", "Y"):
        desk.trade("sell", 3, T.STOP, level=1, symbol=symbol)
    desk.market.slow = 1.5 * BUDGET
    seen = [set(desk.look_at()) for _ in range(4)]
    assert seen == [{"X"}, {"Y"}, {"X"}, {"Y"}]


def test_after_a_restart_contracts_are_learned_again_and_one_that_is_gone_stops_nothing(desk: Watched) -> None:
    desk.watch.learn("Y")
    desk.trade("buy", 2, T.LIMIT, limit=40, symbol="Y")
    desk.begin()
    del desk.manager.instruments["Y"]
    watch = PriceWatch(desk.market, desk.manager, "a", "USD", lambda: 0.0)
    watch.recall()
    assert "Y" in desk.manager.instruments
    del desk.market.prices["Y"], desk.manager.instruments["Y"]
    watch.recall()
    assert [line["subject"] for line in desk.repository.journal() if line["kind"] == "no_contract"] == ["Y"]


# ---- levels and bars -------------------------------------------------------------------------------------------------


def test_an_order_younger_than_a_bar_sees_its_close_alone(desk: Watched) -> None:
    desk.manager.now = NOW + timedelta(hours=4)
    [order] = desk.trade("sell", 3, T.STOP, level=90)
    morning = PriceRange(D(80), D(120), D(100), since=NOW)
    assert not desk.manager.monitor.look("a", {"X": morning})
    assert desk.now(order).state is S.HELD
    assert desk.manager.monitor.look("a", {"X": PriceRange(D(80), D(120), D(90), since=NOW)})


# ---- exits a broker refuses ------------------------------------------------------------------------------------------


def protected(**more: Any) -> tuple[Watched, Order]:
    """A desk that holds 10 with a stop held here at 90."""
    desk = Watched()
    if more:
        desk.begin(**more)
    [entry] = desk.trade("buy", 10, protection=Protection(stop=D(10)))
    desk.fill(entry, 10, 100)
    [stop] = [o for o in desk.repository.open_orders("a") if o.protects]
    assert (stop.state, stop.level) == (S.HELD, 90)
    return desk, stop


def refuse(order: Order) -> None:
    raise Refused("market closed")


def test_protection_whose_exit_is_refused_is_held_again_and_tried_ever_more_rarely() -> None:
    desk, stop = protected()
    taken, desk.broker.on_submit = desk.broker.on_submit, refuse
    tries = []
    for second in range(40):
        desk.manager.now = NOW + timedelta(seconds=second)
        before = len(desk.broker.sent)
        desk.manager.monitor.look("a", {"X": PriceRange(D(89), D(89), D(89))})
        if len(desk.broker.sent) > before:
            tries.append(second)
    assert tries == [0, 2, 6, 14, 30]
    [again] = desk.repository.open_orders("a")
    assert (again.state, again.type, again.level, again.size) == (S.HELD, T.STOP, 90, 10)
    assert "was refused: market closed" in again.reason
    assert len({order.client_order_id for order in desk.broker.sent[1:]}) == len(tries)
    desk.broker.on_submit = taken
    desk.manager.now = NOW + timedelta(minutes=5)
    desk.manager.monitor.look("a", {"X": PriceRange(D(89), D(89), D(89))})
    assert desk.broker.sent[-1].size == 10
    assert desk.now(stop).state is S.REJECTED


def test_a_triggered_exit_waits_for_the_market_to_open() -> None:
    is_open = [True]
    desk, stop = protected(hours=Hours(ZoneInfo("UTC"), lambda at: is_open[0]))
    is_open[0] = False
    assert not desk.manager.monitor.look("a", {"X": PriceRange(D(80), D(80), D(80))})
    assert desk.now(stop).state is S.HELD
    is_open[0] = True
    assert desk.manager.monitor.look("a", {"X": PriceRange(D(80), D(80), D(80))})


def leaving(desk: Desk, *, shared: bool = True) -> Leaving:
    made = Leaving(desk.manager, "a", "s", lambda symbol: None, shared=shared)
    made.leave("retired")
    return made


def test_a_strategy_that_leaves_does_not_hammer_a_broker_that_refuses(desk: Watched) -> None:
    [entry] = desk.trade("buy", 10)
    desk.fill(entry, 10, 100)
    desk.broker.on_submit = refuse
    leaves, sent = leaving(desk), len(desk.broker.sent)
    for second in range(100):
        desk.manager.now = NOW + timedelta(seconds=second)
        leaves.close_held()
    assert len(desk.broker.sent) - sent == 6  # after 0, 2, 6, 14, 30 and 62 seconds
    assert not leaves.is_over


def test_in_a_shared_account_it_closes_what_is_its_own_alone(desk: Watched) -> None:
    [entry] = desk.trade("buy", 10)
    desk.fill(entry, 10, 100)
    desk.manager.handle(desk.signal(Action.ENTRY, Direction.LONG, strategy="other"))
    other = desk.broker.sent[-1]
    desk.fill(other, other.size, 100)
    leaves = leaving(desk)
    leaves.close_held()
    closing = desk.broker.sent[-1]
    assert (closing.strategy, closing.reduce_only) == ("s", True)
    desk.broker.listener.on_order(report(closing))
    desk.fill(closing, 10, 100)
    assert leaves.is_over
    assert desk.ledger.position("a", "other", "X").size > 0


# ---- bars that come late ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "behind", "entered"), [("paper", True, False), ("paper", False, True), ("", True, True)]
)
def test_at_a_broker_an_entry_of_a_bar_that_another_followed_is_too_late(
    tmp_path: Path, mode: str, behind: bool, entered: bool
) -> None:
    history = bars()
    room = begun(tmp_path, history, scripted([history], {"entries": {20}}))
    room.session._mode = mode
    room.feed.is_behind = behind
    room.to(22)
    assert (room.held() > 0) is entered
    assert bool(room.notes("late")) is (not entered)
    room.close()


def test_an_exit_is_never_too_late(tmp_path: Path) -> None:
    history = bars()
    room = begun(tmp_path, history, scripted([history], {"entries": {20}, "exits": {22}}))
    room.to(21)
    assert room.held() > 0
    room.session._mode, room.feed.is_behind = "paper", True
    room.to(23)
    assert room.held() == 0
    room.close()
