"""Reconciliation for as long as a session runs: what is asked when, what absence proves, and what blocks new risk."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.doubles import MemoryDrifts, execution, report
from tests.unit.trading.test_order_manager import NOW, Desk
from workbench.errors import NotSent
from workbench.model import Fill, Order, OrderState, OrderType, Position, Side
from workbench.ports import BrokerOrder, Execution
from workbench.trading import Reconciler

D = Decimal
T, S = OrderType, OrderState
LIMITS = frozenset({T.MARKET, T.LIMIT})


class Room(Desk):
    """A desk whose broker is looked at as the seconds pass."""

    def __init__(self, **capabilities: Any) -> None:
        super().__init__(**({"types": LIMITS, "modify": True} | capabilities))
        self.seconds, self.drifts = 0.0, MemoryDrifts()
        self.asked: list[float] = []
        self.reconciler = Reconciler(self.manager, "a", self.drifts, lambda: self.seconds)
        orders = self.broker.orders

        def count() -> Any:
            self.asked.append(self.seconds)
            return orders()

        self.broker.orders = count  # type: ignore[method-assign]

    def restart(self) -> None:
        self.begin()
        self.reconciler = Reconciler(self.manager, "a", self.drifts, lambda: self.seconds)
        self.reconciler.start()

    def agree(self) -> None:
        """Let the broker's books be ours."""
        self.broker.held = [replace(p, strategy="") for p in self.ledger.positions("a")]
        self.broker.money = self.ledger.cash("a")

    def run(self, seconds: float, every: float = 0.5) -> None:
        for _ in range(round(seconds / every)):
            self.seconds += every
            self.manager.now += timedelta(seconds=every)
            self.reconciler.step()

    def lose(self, side: str = "buy") -> Order:
        """An order whose sending was answered by nothing."""
        taken, self.broker.on_submit = self.broker.on_submit, lambda order: (_ for _ in ()).throw(TimeoutError())
        [order] = self.trade(side, 10)
        self.broker.on_submit = taken
        assert order.state is S.UNKNOWN
        return order

    def limit(self) -> Order:
        [order] = self.trade("buy", 10, T.LIMIT, limit=90)
        assert order.state is S.ACKED
        return order

    def lists(self, *orders: BrokerOrder) -> None:
        self.broker.listed = list(orders)


@pytest.fixture
def room() -> Room:
    made = Room()
    made.reconciler.start()
    made.asked.clear()
    return made


def foreign(symbol: str = "X", size: int = 3, state: str = "acked", **more: Any) -> BrokerOrder:
    return BrokerOrder("a", symbol, Side.BUY, D(size), S(state), broker_id="theirs", **more)


def theirs(fill_id: str = "t1", size: int = 3, symbol: str = "X", **more: Any) -> Execution:
    names = {"broker_id": "theirs"} | more
    return Execution(fill_id, "a", symbol, Side.BUY, D(size), D(100), D(0), NOW, **names)


# ---- when ------------------------------------------------------------------------------------------------------------


def test_with_nothing_open_only_the_books_are_looked_at_every_thirty_seconds(room: Room) -> None:
    room.run(95)
    assert room.asked == [30, 60, 90]


def test_orders_that_work_are_looked_at_every_ten_seconds(room: Room) -> None:
    order = room.limit()
    room.lists(report(order))
    room.run(25)
    assert room.asked == [10, 20]


def test_an_order_that_waits_for_an_answer_is_looked_at_every_two_seconds(room: Room) -> None:
    room.lose()
    room.run(6.5)
    assert room.asked == [2, 4, 6]


def test_looks_after_a_long_pause_are_not_made_up_for(room: Room) -> None:
    room.lose()
    room.run(100, every=100)
    assert room.asked == [100]


def test_fills_the_broker_only_hinted_at_are_asked_for_and_then_no_more(room: Room) -> None:
    order = room.limit()
    room.manager.answers.on_order(report(order, filled=D(3)))
    room.lists(report(order, "partial", filled=D(3)))
    room.broker.made = [execution(order, "f1", 3, 90)]
    room.run(2.5)
    assert (room.asked, room.now(order).filled) == ([2], 3)
    room.agree()
    room.run(6)
    assert room.asked == [2], "what was hinted at came, and is asked for still"


# ---- orders in doubt -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resend", ["blind", "searchable", "dedupes"])
def test_an_unknown_order_the_broker_has_is_taken_as_it_is_there(resend: str) -> None:
    room = Room(resend=resend)
    room.reconciler.start()
    order = room.lose()
    room.lists(report(order, "acked"))
    room.run(2)
    assert room.now(order).state is S.ACKED
    assert len(room.broker.sent) == 1


@pytest.mark.parametrize(
    ("listed", "state"), [("cancelled", S.CANCELLED), ("rejected", S.REJECTED), ("expired", S.EXPIRED)]
)
def test_an_unknown_order_that_ended_at_the_broker_has_ended(room: Room, listed: str, state: OrderState) -> None:
    order = room.lose()
    room.lists(report(order, listed, reason="no margin"))
    room.run(2)
    assert (room.now(order).state, room.now(order).reason) == (state, "no margin")


def test_an_unknown_order_that_filled_is_filled_with_its_fills(room: Room) -> None:
    order = room.lose()
    room.lists(report(order, "filled"))
    room.broker.made = [execution(order, "f1", 4), execution(order, "f2", 6)]
    room.run(2)
    assert (room.now(order).state, room.held()) == (S.FILLED, 10)
    room.run(30)
    assert (room.held(), len(room.repository.fills())) == (10, 2)


def test_at_a_blind_broker_absence_proves_nothing_ever(room: Room) -> None:
    order = room.lose()
    room.run(600, every=2)
    assert (room.now(order).state, len(room.broker.sent)) == (S.UNKNOWN, 1)
    assert room.enter() == []


@pytest.mark.parametrize("resend", ["searchable", "dedupes"])
def test_an_unknown_order_proven_absent_is_sent_again_once_under_its_id(resend: str) -> None:
    room = Room(resend=resend, listed_within=5.0)
    room.reconciler.start()
    order = room.lose()
    room.run(6.5)
    assert len(room.broker.sent) == 1, "sent again before absence proved anything"
    room.run(3)
    assert [o.client_order_id for o in room.broker.sent] == [order.client_order_id] * 2
    assert room.now(order).state is S.ACKED


def test_an_order_listed_in_time_is_not_sent_again() -> None:
    room = Room(resend="searchable", listed_within=5.0)
    room.reconciler.start()
    order = room.lose()
    room.run(4.5)
    room.lists(report(order))
    room.run(10)
    assert (len(room.broker.sent), room.now(order).state) == (1, S.ACKED)


def test_an_absent_order_whose_time_has_passed_is_not_sent_again() -> None:
    room = Room(resend="searchable")
    room.begin(intent_life=timedelta(seconds=5))
    room.reconciler = Reconciler(room.manager, "a", room.drifts, lambda: room.seconds)
    room.reconciler.start()
    order = room.lose()
    room.manager.now += timedelta(seconds=10)
    room.run(2)
    assert (room.now(order).state, len(room.broker.sent)) == (S.EXPIRED, 1)


def test_an_absent_order_from_before_a_panic_is_not_sent_again() -> None:
    room = Room(resend="searchable")
    room.reconciler.start()
    order = room.lose()
    room.repository.halt("fire")
    room.repository.resume()
    room.run(2)
    assert (room.now(order).state, len(room.broker.sent)) == (S.CANCELLED, 1)


def test_an_order_that_worked_and_is_listed_no_more_is_for_a_person_once_the_time_has_passed() -> None:
    room = Room(listed_within=5.0)
    room.reconciler.start()
    order = room.limit()
    room.run(14)
    assert room.now(order).state is S.ACKED
    room.run(10)
    assert room.now(order).state is S.QUARANTINED
    assert room.now(order).reason == "the broker does not know it any more"


def test_a_query_that_fails_never_means_that_there_is_nothing() -> None:
    room = Room(resend="searchable")
    room.reconciler.start()
    order = room.lose()
    room.broker.silent = ConnectionError("reset")
    room.run(120)
    assert (room.now(order).state, len(room.broker.sent)) == (S.UNKNOWN, 1)


def test_a_cancel_the_broker_never_heard_is_asked_again(room: Room) -> None:
    order = room.limit()
    room.lists(report(order))
    room.broker.on_cancel = lambda asked: (_ for _ in ()).throw(TimeoutError())
    room.manager.cancel(order.order_id)
    room.run(4)
    assert len(room.broker.cancelled) == 3
    room.lists(report(order, "cancelled", reason="asked for"))
    room.run(2)
    assert room.now(order).state is S.CANCELLED


def test_a_change_the_broker_does_not_show_was_not_taken_after_ten_seconds(room: Room) -> None:
    order = room.limit()
    room.lists(report(order))
    room.broker.on_modify = lambda changed: (_ for _ in ()).throw(TimeoutError())
    room.manager.modify(order.order_id, limit=D(91))
    room.run(10)
    assert room.now(order).state is S.MODIFY_PENDING
    room.run(4)
    assert (room.now(order).state, room.now(order).limit) == (S.ACKED, 90)


def test_a_change_the_broker_shows_was_taken(room: Room) -> None:
    order = room.limit()
    room.broker.on_modify = lambda changed: (_ for _ in ()).throw(TimeoutError())
    room.manager.modify(order.order_id, limit=D(91))
    room.lists(report(order, limit=D(91)))
    room.run(2)
    assert (room.now(order).state, room.now(order).limit) == (S.ACKED, 91)


@pytest.mark.parametrize("looks", [1, 2])
def test_an_order_that_ended_here_and_works_there_at_two_looks_contradicts_itself(room: Room, looks: int) -> None:
    order = room.limit()
    room.manager.cancel(order.order_id)
    room.lists(report(order))
    room.run(30 * looks)
    assert room.now(order).state is (S.CANCELLED if looks == 1 else S.QUARANTINED)


def test_a_stale_list_after_a_change_and_a_cancel_is_no_contradiction_at_once(room: Room) -> None:
    """It waited as a change first: that look is none of the two after its end."""
    order = room.limit()
    room.lists(report(order))
    room.broker.on_modify = lambda changed: None
    room.manager.modify(order.order_id, limit=D(91))
    room.run(2)
    room.manager.cancel(order.order_id)
    assert room.now(order).state is S.CANCELLED
    room.run(28)
    assert room.now(order).state is S.CANCELLED


def test_orders_of_other_accounts_are_none_of_ours(room: Room) -> None:
    room.lists(replace(foreign(), account="b"))
    room.broker.made = [replace(theirs(), account="b")]
    room.broker.held = [Position("b", "", "X", D(3), D(100))]
    room.run(60)
    assert (room.repository.orders(), room.drifts.rows) == ([], [])


# ---- a restart -------------------------------------------------------------------------------------------------------


def test_orders_that_were_being_sent_are_unknown_after_a_restart_and_what_was_decided_goes_out() -> None:
    room = Room()
    [order] = room.trade("buy", 10)
    room.repository.change_order(replace(room.now(order), state=S.SENDING, broker_id=""), "by hand", NOW)
    decided = replace(order, order_id="d", client_order_id="d", symbol="Y", state=S.READY)
    room.repository.add_order(decided, [], NOW)
    room.restart()
    assert room.now(order).state is S.UNKNOWN
    assert room.repository.order("d").state is S.ACKED


def test_with_a_drift_only_what_reduces_goes_out_at_a_start() -> None:
    room = Room()
    room.hold()
    for name, reduces in (("opens", False), ("closes", True)):
        order = Order("g", name, "s", "a", "X", Side.SELL, D(5), NOW, reduce_only=reduces, state=S.READY, order_id=name)
        room.repository.add_order(order, [], NOW)
    room.agree()
    room.broker.held = [Position("a", "", "X", D(12), D(100))]
    room.restart()
    assert room.repository.order("closes").state is S.ACKED
    assert room.repository.order("opens").state is S.CANCELLED


def test_a_broker_that_cannot_be_asked_at_a_start_stops_it() -> None:
    room = Room()
    room.broker.silent = ConnectionError("reset")
    with pytest.raises(Exception, match="the broker does not answer: ConnectionError: reset"):
        room.reconciler.start()


# ---- a silent broker -------------------------------------------------------------------------------------------------


def test_a_silent_broker_is_asked_ever_more_rarely_and_said_once(room: Room) -> None:
    room.lose()
    room.broker.silent = ConnectionError("reset")
    room.run(130)
    gaps = [b - a for a, b in zip(room.asked, room.asked[1:], strict=False)]
    assert gaps[:5] == [2, 4, 8, 16, 30]
    assert max(gaps) == 30
    assert room.reconciler.trouble == "the broker does not answer: ConnectionError: reset"
    assert room.drifts.last_look[0] == room.reconciler.trouble
    assert len([line for line in room.repository.journal() if line["kind"] == "broker_silent"]) == 1
    room.broker.silent = None
    room.run(31)
    assert room.reconciler.trouble == ""


def test_that_a_broker_answers_again_is_said_with_the_first_answer(room: Room) -> None:
    room.lose()
    room.broker.silent = ConnectionError("reset")
    room.run(4)
    assert room.drifts.last_look[0] == room.reconciler.trouble != ""
    room.broker.silent = None
    room.run(4.5)  # the next look is one at orders in flight
    assert (room.reconciler.trouble, room.drifts.last_look[0]) == ("", "")


# ---- orders and fills of others --------------------------------------------------------------------------------------


def test_an_order_of_others_is_kept_and_blocks_its_symbol_alone(room: Room) -> None:
    room.lists(foreign())
    room.run(30)
    [order] = room.repository.orders()
    assert (order.state, order.strategy, order.broker_id, order.size) == (S.EXTERNAL, "external", "theirs", 3)
    assert room.enter() == []
    assert len(room.enter(symbol="Y")) == 1
    assert [d.about for d in room.drifts.open("a")] == [f"order:{order.order_id}"]
    room.run(60)
    assert len(room.repository.orders()) == 2
    assert len(room.drifts.rows) == 1
    assert len([line for line in room.repository.journal() if line["kind"] == "alert"]) == 1


def test_an_entry_that_works_is_taken_back_where_an_order_of_others_is_found_and_theirs_is_left(room: Room) -> None:
    mine = room.limit()
    room.lists(report(mine), foreign())
    room.run(10)
    assert room.broker.cancelled == [mine.order_id]


def test_a_fill_of_others_is_in_the_books_and_not_the_strategys(room: Room) -> None:
    room.lists(foreign(state="filled"))
    room.broker.made = [theirs()]
    room.broker.held, room.broker.money = [Position("a", "", "X", D(3), D(100))], D(9700)
    room.run(30)
    assert (room.held(), room.ledger.position("a", "external", "X").size, room.ledger.cash("a")) == (0, 3, 9700)
    [order] = room.repository.orders()
    assert order.state is S.FILLED


def test_an_order_of_others_that_fills_in_pieces_is_no_contradiction(room: Room) -> None:
    room.lists(foreign(size=10, state="partial"))
    room.broker.made = [theirs("t1", 3), theirs("t2", 2)]
    room.broker.held, room.broker.money = [Position("a", "", "X", D(5), D(100))], D(9500)
    room.run(30)
    [order] = room.repository.orders()
    assert (order.state, order.filled, order.size) == (S.EXTERNAL, 5, 10)


def test_a_fill_of_others_known_by_its_fills_alone_grows_with_each(room: Room) -> None:
    room.broker.made = [theirs("t1", 3), theirs("t2", 2)]
    room.broker.held, room.broker.money = [Position("a", "", "X", D(5), D(100))], D(9500)
    room.run(30)
    [order] = room.repository.orders()
    assert (order.filled, order.state is S.QUARANTINED) == (5, False)


def test_a_fill_of_others_tells_a_person_whether_or_not_its_order_still_works(room: Room) -> None:
    room.broker.made = [theirs()]
    room.broker.held, room.broker.money = [Position("a", "", "X", D(3), D(100))], D(9700)
    room.run(30)
    assert [d.symbol for d in room.drifts.open("a")] == ["X"], "a trade nobody here made went by unseen"


def test_a_fill_of_others_in_a_symbol_nobody_here_trades_leaves_the_account_valued(room: Room) -> None:
    room.broker.made = [theirs(symbol="ZZ")]
    room.broker.held, room.broker.money = [Position("a", "", "ZZ", D(3), D(100))], D(9700)
    room.run(30)
    assert room.ledger.equity("a") == 10_000


def test_an_order_the_broker_calls_by_a_client_id_alone_is_kept_once(room: Room) -> None:
    room.lists(replace(foreign(), broker_id="", client_order_id="from a phone"))
    room.run(95)
    assert len(room.repository.orders()) == 1


def test_a_fill_of_an_order_that_was_said_not_to_have_left_is_for_a_person_and_stops_nothing(room: Room) -> None:
    room.broker.on_submit = lambda order: (_ for _ in ()).throw(NotSent("the line is down"))
    [order] = room.trade("buy", 10)
    assert order.state is S.READY
    room.broker.made = [execution(order, "f1", 10)]
    room.broker.held, room.broker.money = [Position("a", "", "X", D(10), D(100))], D(9000)
    room.run(30)
    assert room.held() == 10
    assert room.now(order).state in (S.FILLED, S.QUARANTINED)


# ---- drifts ----------------------------------------------------------------------------------------------------------


def test_a_difference_counts_once_it_is_seen_twice(room: Room) -> None:
    room.broker.held = [Position("a", "", "X", D(3), D(100))]
    room.run(30)
    assert room.drifts.rows == []
    room.run(2)
    [drift] = room.drifts.open("a")
    assert (drift.about, drift.symbol) == ("position:X", "X")
    assert drift.words == "position in X: 0 on file, 3 at the broker"
    assert room.enter() == []
    assert len(room.enter(symbol="Y")) == 1


def test_a_difference_seen_once_and_gone_was_a_fill_on_its_way(room: Room) -> None:
    room.broker.held = [Position("a", "", "X", D(3), D(100))]
    room.run(30)
    room.broker.held = []
    room.run(60)
    assert room.drifts.rows == []


def test_at_a_start_a_difference_counts_at_once() -> None:
    room = Room()
    room.broker.money = D("9999.99")
    told = room.reconciler.start()
    assert told.drift == ("cash: 10000 on file, 9999.99 at the broker",)
    assert room.enter() == room.enter(symbol="Y") == []


@pytest.mark.parametrize(("money", "drifts"), [("10000.004", 0), ("10000.005", 1), ("9999.996", 0), ("9999.995", 1)])
def test_cash_is_the_same_to_the_cent(money: str, drifts: int) -> None:
    room = Room()
    room.broker.money = D(money)
    room.reconciler.start()
    assert len(room.drifts.rows) == drifts


def test_cash_that_fills_do_not_explain_is_not_compared() -> None:
    room = Room(exact_cash=False)
    room.broker.money = D(1)
    room.reconciler.start()
    assert room.drifts.rows == []


def test_a_drift_ends_with_the_evidence_and_lets_new_risk_in(room: Room) -> None:
    room.broker.held = [Position("a", "", "X", D(3), D(100))]
    room.run(32)
    assert room.enter() == []
    room.broker.held = []
    room.run(31)
    assert room.drifts.open("a") == []
    [drift] = room.drifts.rows
    assert (drift.resolved_by, drift.resolution) == ("evidence", "books and broker agree again")
    assert len(room.enter()) == 1


def test_exits_go_out_whatever_the_drift(room: Room) -> None:
    room.hold()
    room.run(60)
    assert room.drifts.open("a")
    [closing] = room.exit()
    assert closing.state is S.ACKED


def test_a_difference_in_cash_is_seen_though_the_account_trades_on(room: Room) -> None:
    """Both sides move with every fill; what they differ by does not."""
    room.broker.money = room.ledger.cash("a") - 50
    for _ in range(40):
        [order] = room.trade("buy", 1)
        room.fill(order)
        room.agree()
        room.broker.money -= 50
        room.run(2)
        if room.drifts.open("a"):
            break  # which takes no new risk from here on
    assert [d.about for d in room.drifts.open("a")] == ["cash"]


def test_an_entry_kept_here_is_taken_back_by_a_drift_in_its_symbol(room: Room) -> None:
    [mine] = room.trade("buy", 10, T.TARGET, level=90)
    [other] = room.trade("buy", 10, T.TARGET, level=90, symbol="Y")
    room.broker.held = [Position("a", "", "X", D(3), D(100))]
    room.run(32)
    assert (room.now(mine).state, room.now(other).state) == (S.CANCELLED, S.HELD)


def test_strategies_that_share_a_symbol_are_compared_together(room: Room) -> None:
    room.hold()
    [short] = room.enter(strategy="t", symbol="X")
    room.ledger.apply(Fill("z", short.order_id, "a", "t", "X", Side.SELL, D(4), D(100), D(0), NOW))
    room.broker.held, room.broker.money = [Position("a", "", "X", D(6), D(100))], room.ledger.cash("a")
    room.lists(report(short))
    room.run(62)
    assert room.drifts.rows == []
