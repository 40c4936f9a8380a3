"""What people ask for: every kind of request, given twice, and given wrong; nothing is half done."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.doubles import MemoryDrifts, request
from tests.unit.trading.test_order_manager import NOW, Desk
from workbench.model import BookingKind, Fill, Order, OrderState, OrderType, Position, Protection, Side
from workbench.ports import BrokerOrder, Request
from workbench.trading.desk_orders import DeskOrders, Done
from workbench.trading.price_watch import Last

D = Decimal
T, S = OrderType, OrderState
ALL = frozenset(OrderType)


class Counter(Desk):
    """A desk at which a person stands; the last close of every symbol is 100."""

    def __init__(self, **capabilities: Any) -> None:
        super().__init__(**({"types": ALL, "modify": True, "lot": "1", "tick": "0.05"} | capabilities))
        self.drifts = MemoryDrifts()
        self.priced = {"X", "Y"}
        self.orders = DeskOrders(self.manager, "a", self.drifts, self.last_price)
        self.number = 0

    def last_price(self, symbol: str) -> Last | None:
        return Last(NOW - timedelta(days=1), D(100)) if symbol in self.priced else None

    def ask(self, kind: str, body: Any, again: Request | None = None) -> Done:
        self.number += 1
        self.last = again or request(kind, body, f"r{self.number}")
        return self.orders.carry_out(self.last)

    def place(self, **leg: Any) -> Done:
        return self.ask("place", {"legs": [{"symbol": "X", "side": "buy", "size": "10"} | leg]})

    def order(self, done: Done, nth: int = 0) -> Order:
        return self.repository.order(done.answer["orders"][nth]["order_id"])

    def mine(self) -> Decimal:
        return self.ledger.position("a", "manual", "X").size


@pytest.fixture
def desk() -> Counter:
    return Counter()


# ---- placing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leg", "kind", "limit", "level"),
    [
        ({}, T.MARKET, None, None),
        ({"type": "limit", "limit": "99.95"}, T.LIMIT, D("99.95"), None),
        ({"type": "STOP", "level": 105}, T.STOP, None, 105),
        ({"type": "stop-limit", "limit": "106", "level": "105"}, T.STOP_LIMIT, 106, 105),
        ({"type": "target", "level": "95"}, T.TARGET, None, 95),
        ({"type": "limit_if_touched", "limit": "96", "level": "95"}, T.LIMIT_IF_TOUCHED, 96, 95),
        ({"type": "trailing_stop", "trailing": "5"}, T.TRAILING_STOP, None, 105),
        ({"gtt": True, "level": "105"}, T.STOP, None, 105),
        ({"gtt": True, "level": "95"}, T.TARGET, None, 95),
        ({"gtt": True, "level": "95", "side": "sell"}, T.STOP, None, 95),
        ({"gtt": True, "level": "105", "side": "sell"}, T.TARGET, None, 105),
        ({"gtt": True, "level": "105", "limit": "106"}, T.STOP_LIMIT, 106, 105),
        ({"gtt": True, "level": "95", "limit": "96"}, T.LIMIT_IF_TOUCHED, 96, 95),
    ],
)
def test_an_order_of_every_type_is_placed_as_asked(
    desk: Counter, leg: dict[str, Any], kind: OrderType, limit: Any, level: Any
) -> None:
    done = desk.place(**leg)
    assert (done.status, done.reason) == ("done", "")
    order = desk.order(done)
    assert (order.type, order.limit, order.level, order.size) == (kind, limit, level, 10)
    assert (order.strategy, order.account, order.state) == ("manual", "a", S.ACKED)
    assert done.answer["orders"][0]["state"] == "acked"


def test_a_request_given_again_is_answered_with_the_same_orders(desk: Counter) -> None:
    first = desk.place()
    again = desk.ask("place", {}, desk.last)
    assert again == first
    assert len(desk.broker.sent) == 1


def test_a_bracket_is_an_entry_with_its_levels(desk: Counter) -> None:
    done = desk.place(stop="5", target="10")
    assert desk.order(done).protection == Protection(stop=D(5), target=D(10))
    desk.fill(desk.order(done))
    assert {o.type for o in desk.repository.open_orders("a")} == {T.STOP, T.TARGET}


@pytest.mark.parametrize(
    ("held", "side", "size", "orders"),
    [
        (0, "buy", "4", [("buy", 4, False)]),
        (10, "buy", "4", [("sell", 6, True)]),
        (10, "buy", "14", [("buy", 4, False)]),
        (10, "sell", "4", [("sell", 10, True), ("sell", 4, False)]),
        (10, "buy", "0", [("sell", 10, True)]),
        (10, "sell", "0", [("sell", 10, True)]),
    ],
)
def test_a_smart_order_goes_to_the_position_asked_for(
    desk: Counter, held: int, side: str, size: str, orders: list[tuple[str, int, bool]]
) -> None:
    if held:
        desk.fill(desk.order(desk.place(size=str(held))))
    before = len(desk.broker.sent)
    done = desk.place(side=side, size=size, to_position=True)
    assert done.status == "done"
    assert [(o.side, o.size, o.reduce_only) for o in desk.broker.sent[before:]] == orders


def test_a_smart_order_that_is_there_already_has_nothing_to_do(desk: Counter) -> None:
    desk.fill(desk.order(desk.place(size="4")))
    done = desk.place(size="4", to_position=True)
    assert (done.status, done.reason) == ("refused", "the position is 4 already")


def test_a_smart_order_while_one_works_is_refused_and_names_it(desk: Counter) -> None:
    working = desk.order(desk.place(type="limit", limit="90"))
    done = desk.place(size="4", to_position=True)
    assert done.status == "refused"
    assert done.reason == f"order {working.order_id} is acked in X: wait or cancel it"


def test_a_smart_order_is_not_kept_by_what_protects_the_position(desk: Counter) -> None:
    desk.fill(desk.order(desk.place(stop="5")))
    done = desk.place(size="4", to_position=True)
    assert done.status == "done", done.reason


def test_a_trade_through_nothing_closes_and_opens(desk: Counter) -> None:
    desk.fill(desk.order(desk.place()))
    done = desk.place(side="sell", size="15")
    assert [(row["side"], row["size"]) for row in done.answer["orders"]] == [("sell", "10"), ("sell", "5")]


def test_legs_are_decided_together_and_go_in_turn(desk: Counter) -> None:
    legs = [{"symbol": "X", "side": "sell", "size": "5"}, {"symbol": "Y", "side": "buy", "size": "5"}]
    done = desk.ask("place", {"legs": legs})
    assert {row["symbol"]: row["state"] for row in done.answer["orders"]} == {"Y": "acked", "X": "held"}


def test_a_basket_is_orders_side_by_side(desk: Counter) -> None:
    legs = [{"symbol": "X", "side": "sell", "size": "5"}, {"symbol": "Y", "side": "buy", "size": "5"}]
    done = desk.ask("place", {"legs": legs, "basket": True})
    assert {row["state"] for row in done.answer["orders"]} == {"acked"}


def test_legs_of_which_one_is_denied_are_refused_as_nothing_was_sent(desk: Counter) -> None:
    legs = [
        {"symbol": "X", "side": "sell", "size": "5", "product": "NOPE"},
        {"symbol": "Y", "side": "buy", "size": "5"},
    ]
    done = desk.ask("place", {"legs": legs})
    assert desk.broker.sent == []
    assert done.status == "refused"
    assert "product NOPE is unknown" in done.reason


def test_legs_of_which_one_may_take_no_risk_are_refused_with_the_reason(desk: Counter) -> None:
    desk.manager.drifts = {"X": "drift: position in X"}
    legs = [{"symbol": "X", "side": "sell", "size": "5"}, {"symbol": "Y", "side": "buy", "size": "5"}]
    done = desk.ask("place", {"legs": legs})
    assert desk.broker.sent == []
    assert done.status == "refused"
    assert "drift: position in X" in done.reason


def test_an_order_denied_by_risk_is_refused_with_the_rule_and_its_reason(desk: Counter) -> None:
    desk.rule.reason = "too much"
    done = desk.place()
    assert (done.status, done.reason) == ("refused", "rule: too much")
    assert done.answer["orders"][0]["state"] == "denied"


def test_an_order_behind_a_panic_is_refused_with_its_reason(desk: Counter) -> None:
    desk.repository.halt("fire")
    done = desk.place()
    assert (done.status, done.reason, done.answer) == ("refused", "panic: fire", {"orders": []})


@pytest.mark.parametrize(
    ("leg", "words"),
    [
        ({"symbol": "NOPE"}, "symbol NOPE: unknown; known: X, Y"),
        ({"side": "hold"}, "side hold: unknown; known: buy, sell"),
        ({"size": "ten"}, "size"),
        ({"size": "0"}, "size"),
        ({"size": "-1"}, "size"),
        ({"size": "NaN"}, "size"),
        ({"size": "1e400"}, "size"),
        ({"size": "0.5"}, "is no whole lot of X; give a multiple of 1"),
        ({"type": "magic"}, "type magic: unknown; known: limit, limit_if_touched, market"),
        ({"type": "limit"}, "a limit order has a limit"),
        ({"limit": "5"}, "a market order has no limit"),
        ({"type": "limit", "limit": "99.99"}, "limit 99.99 is off the tick grid of X; give a multiple of 0.05"),
        ({"type": "limit", "limit": "1e300"}, ""),
        ({"type": "limit", "limit": "1e5000"}, ""),
        ({"type": "limit", "limit": "1e-5000"}, ""),
        ({"type": "trailing_stop"}, "a trailing_stop order has a trail"),
        ({"trailing": "5"}, "a market order has no trail"),
        ({"gtt": True}, "an order good till triggered needs one"),
        ({"stop": "100"}, "stop"),
        ({"validity": "week"}, "validity week: unknown; known: day, gtc, ioc"),
        ({"product": "NOPE"}, "product NOPE is unknown"),
        ({"good_till": "soon"}, "place: ValueError"),
        ({"good_till": "2024-01-01T00:00:00"}, "good_till"),
        ({"good_till": 5}, "place: TypeError"),
        ({"slice": "0"}, "slice"),
        ({"slice": "3", "display": "3"}, "exclude each other"),
        ({"slice": "0.5"}, "slice"),
        ({"display": "2.5"}, "display"),
        ({"pause": "-1", "slice": "3"}, "slice_pause"),
        ({"colour": "red"}, "order field colour: unknown"),
        ({"size": None}, "size"),
        ({"size": [1]}, "size"),
        ({"size": {"n": 1}}, "size"),
    ],
)
def test_an_order_that_cannot_be_is_refused_by_name_and_nothing_is_sent(
    desk: Counter, leg: dict[str, Any], words: str
) -> None:
    done = desk.place(**leg)
    assert done.status == "refused"
    assert words in done.reason
    assert desk.broker.sent == []


@pytest.mark.parametrize(
    "body",
    [{}, {"legs": []}, {"legs": None}, {"legs": "XY"}, {"legs": {"symbol": "X"}}, {"legs": [None]}, {"legs": [5]},
     {"legs": [[]]}, {"legs": [{}]}, {"legs": [{"symbol": "X"}]}, {"legs": 5},
     {"legs": [{"symbol": ["X"], "side": 1}]}],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["place", "modify", "cancel", "match", "rule", "accept", "book"])
def test_a_body_of_another_shape_is_refused_and_never_raised(desk: Counter, kind: str, body: dict[str, Any]) -> None:
    done = desk.ask(kind, body)
    assert (done.status, bool(done.reason), done.answer) == ("refused", True, {"orders": []})


def test_a_kind_nobody_knows_is_refused_with_those_that_are(desk: Counter) -> None:
    done = desk.ask("explode", {})
    assert done.status == "refused"
    assert "request explode: unknown; known: accept, book, cancel" in done.reason


def test_a_symbol_without_a_price_is_refused(desk: Counter) -> None:
    desk.priced = {"Y"}
    assert desk.place().reason == "X has no price yet"


def test_a_basket_of_which_one_cannot_be_says_what_was_placed(desk: Counter) -> None:
    legs = [{"symbol": "X", "side": "buy", "size": "5"}, {"symbol": "Y", "side": "buy", "size": "0.5"}]
    done = desk.ask("place", {"legs": legs, "basket": True})
    listed = [row["order_id"] for row in done.answer["orders"]]
    assert [order.order_id for order in desk.broker.sent] == listed, "refused, with an order at the broker"


def test_a_close_to_nothing_is_on_the_tick_grid_as_any_order(desk: Counter) -> None:
    desk.fill(desk.order(desk.place()))
    before = len(desk.broker.sent)
    done = desk.place(size="0", to_position=True, type="limit", limit="99.99")
    assert (done.status, len(desk.broker.sent)) == ("refused", before)
    assert "off the tick grid" in done.reason


# ---- changing and ending ---------------------------------------------------------------------------------------------


def test_an_order_is_modified_and_cancelled(desk: Counter) -> None:
    order = desk.order(desk.place(type="limit", limit="90"))
    done = desk.ask("modify", {"order_id": order.order_id, "limit": "91", "size": 4})
    assert (done.status, desk.now(order).limit, desk.now(order).size) == ("done", 91, 4)
    done = desk.ask("cancel", {"order_id": order.order_id})
    assert (done.status, done.answer["orders"][0]["state"]) == ("done", "cancelled")
    assert desk.ask("cancel", {"order_id": order.order_id}).status == "done"
    assert len(desk.broker.cancelled) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"size": "11"}, "place another order for more"),
        ({"level": "5"}, "a limit order has none"),
        ({"limit": "91.01"}, "off the tick grid"),
        ({"limit": "x"}, "limit"),
        ({"size": "NaN"}, "size"),
        ({}, "changes nothing"),
    ],
)
def test_a_change_that_cannot_be_is_refused_by_name(desk: Counter, body: dict[str, Any], words: str) -> None:
    order = desk.order(desk.place(type="limit", limit="90"))
    done = desk.ask("modify", {"order_id": order.order_id} | body)
    assert done.status == "refused"
    assert words in done.reason
    assert desk.now(order).limit == 90


@pytest.mark.parametrize("kind", ["modify", "cancel"])
def test_an_order_of_another_account_or_of_none_is_refused(desk: Counter, kind: str) -> None:
    other = Order("g", "c", "s", "b", "X", Side.BUY, D(1), NOW, type=T.LIMIT, limit=D(9), state=S.ACKED)
    desk.repository.add_order(other, [], NOW)
    for order_id in (other.order_id, "nope"):
        done = desk.ask(kind, {"order_id": order_id, "limit": "8"})
        assert done.status == "refused"
        assert f"order {order_id}: unknown" in done.reason
    assert desk.now(other) == other


@pytest.mark.parametrize("state", [S.UNKNOWN, S.QUARANTINED, S.SENDING])
def test_an_order_in_doubt_is_settled_and_not_cancelled(desk: Counter, state: OrderState) -> None:
    order = Order("g", "c", "s", "a", "X", Side.BUY, D(1), NOW, state=state)
    desk.repository.add_order(order, [], NOW)
    done = desk.ask("cancel", {"order_id": order.order_id})
    assert done.reason == f"order {order.order_id} is {state}: what became of it has to be settled first"


def test_cancel_all_leaves_what_protects_unless_told_otherwise(desk: Counter) -> None:
    desk.fill(desk.order(desk.place(stop="5", target="10")))
    mine, other = (desk.order(desk.place(type="limit", limit="90", symbol=s)) for s in ("X", "Y"))
    done = desk.ask("cancel-all", {"symbol": "Y"})
    assert [row["order_id"] for row in done.answer["orders"]] == [other.order_id]
    desk.ask("cancel-all", {})
    assert desk.now(mine).state is S.CANCELLED
    assert len(desk.repository.open_orders("a")) == 2
    desk.ask("cancel-all", {"protection": True})
    assert desk.repository.open_orders("a") == []


def test_close_all_takes_entries_back_and_closes_each_under_its_strategy(desk: Counter) -> None:
    desk.hold()
    desk.fill(desk.order(desk.place(size="4")))
    waiting = desk.order(desk.place(type="limit", limit="90"))
    before = len(desk.broker.sent)
    done = desk.ask("close-all", {})
    assert done.status == "done"
    assert desk.now(waiting).state is S.CANCELLED
    closing = desk.broker.sent[before:]
    assert sorted((o.strategy, o.size, o.side) for o in closing) == [("manual", 4, "sell"), ("s", 10, "sell")]
    assert desk.ask("close-all", {}, desk.last).status == "done"
    assert len(desk.broker.sent) == before + 2


def test_close_all_closes_what_it_can_though_others_hold_a_symbol_nobody_trades_here(desk: Counter) -> None:
    desk.ledger.apply(Fill("z", "o", "a", "external", "ZZ", Side.BUY, D(1), D(5), D(0), NOW))
    desk.ledger.mark("ZZ", D(5))
    desk.hold()
    desk.ask("close-all", {})
    assert desk.broker.sent[-1].side is Side.SELL


def test_close_all_of_one_symbol_leaves_the_others(desk: Counter) -> None:
    for symbol in ("X", "Y"):
        desk.fill(desk.order(desk.place(symbol=symbol)))
    desk.ask("close-all", {"symbol": "Y"})
    assert [o.symbol for o in desk.broker.sent[2:]] == ["Y"]


# ---- books -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "cash"),
    [
        ({"kind": "deposit", "amount": "500"}, 10_500),
        ({"kind": "withdrawal", "amount": "-500"}, 9_500),
        ({"kind": "charge", "amount": "-1.25"}, D("9998.75")),
        ({"kind": "interest", "amount": "3"}, 10_003),
        ({"kind": "correction", "amount": "-7", "reason": "the statement"}, 9_993),
    ],
)
def test_a_booking_is_put_into_the_books_once(desk: Counter, body: dict[str, Any], cash: Any) -> None:
    assert desk.ask("book", body).status == "done"
    desk.ask("book", body, desk.last)
    assert desk.ledger.cash("a") == cash
    [booking] = desk.repository.books("a")
    assert (booking.kind, booking.by) == (BookingKind(body["kind"]), "ann")  # type: ignore[union-attr]


def test_a_booking_in_another_currency_is_in_that_currency(desk: Counter) -> None:
    desk.ask("book", {"kind": "deposit", "amount": "500", "currency": "EUR"})
    assert (desk.ledger.cash("a"), desk.ledger.cash("a", "EUR")) == (10_000, 500)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"kind": "gift", "amount": "1"}, "kind gift: unknown; known: bust, charge"),
        ({"kind": "deposit", "amount": "-1"}, "a deposit must be above 0"),
        ({"kind": "withdrawal", "amount": "1"}, "a withdrawal must be below 0"),
        ({"kind": "correction", "amount": "1"}, "a correction needs one"),
        ({"kind": "split", "ratio": "2"}, "a split needs one"),
        ({"kind": "split", "symbol": "X"}, "a split needs new units for one old"),
        ({"kind": "bust", "subject": "nope", "reason": "r"}, "fill nope: unknown"),
        ({"kind": "deposit", "amount": "much"}, "amount"),
    ],
)
def test_a_booking_that_cannot_be_is_refused_and_nothing_is_kept(
    desk: Counter, body: dict[str, Any], words: str
) -> None:
    done = desk.ask("book", body)
    assert done.status == "refused"
    assert words in done.reason
    assert desk.ledger.cash("a") == 10_000


# ---- settling through requests ---------------------------------------------------------------------------------------


def test_settling_is_asked_for_by_requests_too(desk: Counter) -> None:
    desk.broker.on_submit = lambda order: (_ for _ in ()).throw(TimeoutError())
    lost = desk.order(desk.place())
    assert lost.state is S.UNKNOWN
    desk.manager.answers.on_order(BrokerOrder("a", "X", Side.BUY, D(10), S.ACKED, broker_id="b"))
    found = desk.repository.orders()[-1]
    done = desk.ask("match", {"order_id": lost.order_id, "external_id": found.order_id})
    assert (done.status, desk.now(lost).state) == ("done", S.ACKED)
    assert desk.ask("rule", {"order_id": lost.order_id, "reason": "x"}).status == "refused"
    desk.drifts.see("a", "position:X", "X", "differs")
    desk.broker.held = [Position("a", "", "X", D(3), D(90))]
    done = desk.ask("accept", {"about": "position:X", "reason": "mine", "price": "90"})
    assert (done.status, desk.drifts.open("a")) == ("done", [])
