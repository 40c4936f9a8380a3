"""What a person settles: a lost order that was found, one that will never be known, what the broker says it holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.doubles import execution, report, request
from tests.unit.trading.test_reconcile import Room
from workbench.errors import BadInput, Refused, UnknownName
from workbench.model import Booking, BookingKind, Order, OrderState, OrderType, Position, Protection, Side
from workbench.ports import BrokerOrder, Execution
from workbench.trading.panic import Flattening
from workbench.trading.settling import Settling, take_over

D = Decimal
S = OrderState


class Office(Room):
    """A room with a person in it."""

    def __init__(self, **capabilities: Any) -> None:
        super().__init__(**capabilities)
        self.reconciler.start()
        self.settling = Settling(self.manager, "a", self.drifts)

    def found(self, size: int = 10, state: str = "acked", symbol: str = "X", side: Side = Side.BUY) -> Order:
        """An order at the broker that nobody here knows."""
        known = {o.order_id for o in self.repository.orders()}
        self.lists(BrokerOrder("a", symbol, side, D(size), S(state), broker_id=f"b{len(known)}"))
        self.run(32)
        return next(o for o in self.repository.orders() if o.order_id not in known)

    def fill_found(self, order: Order, fill_id: str, size: int, price: int = 100, fee: str = "1") -> None:
        self.manager.answers.on_fill(
            Execution(fill_id, "a", order.symbol, order.side, D(size), D(price), D(fee), order.created_at,
                      broker_id=order.broker_id)
        )  # fmt: skip

    def match(self, lost: Order, found: Order) -> list[Order]:
        return self.settling.match(request("match", {"order_id": lost.order_id, "external_id": found.order_id}))

    def decide(self, order: Order, reason: str = "looked at the terminal") -> list[Order]:
        return self.settling.rule(request("rule", {"order_id": order.order_id, "reason": reason}))

    def accept(self, about: str, **more: Any) -> list[Order]:
        return self.settling.accept(request("accept", {"about": about, "reason": "as the statement says"} | more))

    def theirs(self) -> Decimal:
        return self.ledger.position("a", "external", "X").size


@pytest.fixture
def office() -> Office:
    return Office()


# ---- matching --------------------------------------------------------------------------------------------------------


def test_a_lost_order_that_was_found_works_on_under_the_brokers_name(office: Office) -> None:
    lost, found = office.lose(), office.found()
    assert office.enter() == []
    assert [o.order_id for o in office.match(lost, found)] == [lost.order_id]
    after = office.now(lost)
    assert (after.state, after.broker_id) == (S.ACKED, found.broker_id)
    assert office.now(found).state is S.CANCELLED
    assert office.drifts.open("a") == []
    office.manager.answers.on_order(report(lost, "cancelled", broker_id=found.broker_id, reason="by hand"))
    assert office.now(lost).state is S.CANCELLED
    assert len(office.enter()) == 1


def test_the_fills_of_the_order_found_become_the_strategys_at_their_price_and_cost(office: Office) -> None:
    lost = office.lose()
    found = office.found()
    for nth, (size, price) in enumerate(((4, 100), (6, 110))):
        office.fill_found(found, f"f{nth}", size, price)
    cash = office.ledger.cash("a")
    assert (office.theirs(), cash) == (10, 10_000 - 1060 - 2)
    office.match(lost, found)
    assert (office.theirs(), office.held(), office.ledger.cash("a")) == (0, 10, cash)
    assert office.ledger.position("a", "s", "X").entry_price == 106
    assert (office.now(lost).state, office.now(lost).filled) == (S.FILLED, 10)
    assert office.ledger.realised("a", "external") == 0


def test_what_fills_after_the_match_is_the_strategys(office: Office) -> None:
    lost, found = office.lose(), office.found()
    office.fill_found(found, "f1", 4)
    office.match(lost, found)
    office.fill_found(found, "f2", 6)
    office.fill_found(found, "f1", 4)  # told again
    assert (office.held(), office.theirs(), office.now(lost).state) == (10, 0, S.FILLED)


def test_a_matched_entry_is_protected_as_any_other() -> None:
    office = Office(protection=True)
    office.broker.on_submit = lambda order: (_ for _ in ()).throw(TimeoutError())
    [lost] = office.enter(protection=Protection(stop=D(10)))
    office.broker.on_submit = lambda order: office.report(order)
    found = office.found()
    office.fill_found(found, "f1", 10)
    office.match(lost, found)
    [stop] = office.repository.open_orders("a")
    assert (stop.type, stop.level, stop.size, stop.state) == (OrderType.STOP, 90, 10, S.ACKED)


def test_the_books_are_the_same_after_a_match_and_a_restart(office: Office) -> None:
    lost, found = office.lose(), office.found()
    office.fill_found(found, "f1", 10)
    office.match(lost, found)
    again = type(office.ledger).rebuilt({"a": D(10_000)}, office.repository.books("a"))
    assert again.cash("a") == office.ledger.cash("a")
    assert sorted(again.positions("a"), key=str) == sorted(office.ledger.positions("a"), key=str)


@pytest.mark.parametrize("other", [{"size": 9}, {"symbol": "Y"}, {"side": Side.SELL}])
def test_orders_that_are_not_alike_are_not_matched_and_the_difference_is_named(
    office: Office, other: dict[str, Any]
) -> None:
    lost, found = office.lose(), office.found(**other)
    with pytest.raises(Refused, match=f"is {found.side} {found.size} {found.symbol}, not buy 10 X"):
        office.match(lost, found)
    assert (office.now(lost).state, office.now(found).state) == (S.UNKNOWN, S.EXTERNAL)


def test_only_a_lost_order_is_matched_and_only_with_one_found_here(office: Office) -> None:
    found = office.found()
    office.drifts.resolve("a", f"order:{found.order_id}", "me", "known")
    office.manager.drifts = {}
    working = office.trade("buy", 10)[0]
    with pytest.raises(Refused, match=f"order {working.order_id} is acked, not unknown: there is nothing to match"):
        office.match(working, found)
    lost = office.lose()
    with pytest.raises(Refused, match=f"order {working.order_id} was not found at the broker of account a"):
        office.match(lost, working)
    with pytest.raises(UnknownName, match="order nope"):
        office.settling.match(request("match", {"order_id": lost.order_id, "external_id": "nope"}))


@pytest.mark.parametrize("end", ["cancelled", "rejected", "expired"])
def test_a_lost_order_found_at_its_end_is_matched_and_at_that_end(office: Office, end: str) -> None:
    lost, found = office.lose(), office.found()
    office.lists(BrokerOrder("a", "X", Side.BUY, D(10), S(end), broker_id=found.broker_id, reason="so it was"))
    office.run(4)
    assert office.now(found).state is S(end)
    office.match(lost, found)
    office.run(4)
    assert office.now(lost).state is S(end)


# ---- ruling ----------------------------------------------------------------------------------------------------------


def test_a_ruling_ends_an_order_in_doubt_and_lets_new_risk_in(office: Office) -> None:
    lost = office.lose()
    [after] = office.decide(lost)
    assert (after.state, after.reason) == (S.CANCELLED, "looked at the terminal (ruled by ann)")
    assert len(office.enter()) == 1


def test_a_ruling_ends_an_order_that_contradicted_itself(office: Office) -> None:
    order = office.limit()
    office.fill(order, 7)
    office.fill(order, 7)
    assert office.now(order).state is S.QUARANTINED
    assert office.decide(order)[0].state is S.CANCELLED


def test_a_fill_that_comes_after_a_ruling_is_counted(office: Office) -> None:
    lost = office.lose()
    office.decide(lost)
    office.fill(lost, 4)
    assert (office.now(lost).state, office.now(lost).filled, office.held()) == (S.CANCELLED, 4, 4)


def test_a_ruling_on_an_order_of_others_lifts_its_block_and_leaves_it_working(office: Office) -> None:
    found = office.found()
    assert office.enter() == []
    office.decide(found, "my own, on the phone")
    assert office.now(found).state is S.EXTERNAL
    assert office.drifts.open("a") == []
    assert len(office.enter()) == 1


def test_a_ruling_on_an_order_of_others_stands_at_the_next_look(office: Office) -> None:
    found = office.found()
    office.decide(found, "my own, on the phone")
    office.run(60)
    assert office.drifts.open("a") == [], "what a person has looked at is asked of them again"


def test_a_ruling_needs_a_reason_and_a_doubt(office: Office) -> None:
    lost, working = office.lose(), office.trade("buy", 1, symbol="Y")[0]
    with pytest.raises(BadInput, match=r"reason .*is missing; say what was seen at the broker"):
        office.decide(lost, "  ")
    with pytest.raises(Refused, match=f"order {working.order_id} is acked, not in doubt"):
        office.decide(working)
    assert office.now(lost).state is S.UNKNOWN


@pytest.mark.parametrize("kind", ["rule", "match"])
def test_an_order_of_another_account_is_not_settled_here(office: Office, kind: str) -> None:
    lost = office.lose()
    elsewhere = Settling(office.manager, "b", office.drifts)
    body = {"order_id": lost.order_id, "external_id": lost.order_id, "reason": "wrong room"}
    with pytest.raises((Refused, BadInput)):
        getattr(elsewhere, kind)(request(kind, body, account="b"))
    assert office.now(lost).state is S.UNKNOWN


# ---- accepting -------------------------------------------------------------------------------------------------------


def test_a_difference_in_cash_is_taken_over_as_a_correction(office: Office) -> None:
    office.broker.money = D("9987.65")
    office.run(32)
    assert office.accept("cash") == []
    assert office.ledger.cash("a") == D("9987.65")
    [booking] = office.repository.books("a")
    assert isinstance(booking, Booking)
    assert (booking.kind, booking.amount, booking.by) == (BookingKind.CORRECTION, D("-12.35"), "ann")
    assert booking.reason == "as the statement says"
    assert (office.drifts.open("a"), office.manager.drifts) == ([], {})
    office.run(60)
    assert office.drifts.open("a") == []


@pytest.mark.parametrize("size", [3, -3])
def test_a_difference_in_a_position_is_taken_over_as_others_doing(office: Office, size: int) -> None:
    office.broker.held = [Position("a", "", "X", D(size), D(90))]
    office.run(32)
    [order] = office.accept("position:X", price="95.5")
    assert (order.strategy, order.state, order.filled, order.size) == ("external", S.FILLED, 3, 3)
    assert (office.theirs(), office.held()) == (size, 0)
    assert office.ledger.cash("a") == 10_000 - size * D("95.5")
    assert office.drifts.open("a") == []
    assert len(office.enter()) == 1


def test_what_a_strategy_no_longer_holds_at_the_broker_is_sold_by_it_no_more(office: Office) -> None:
    """Somebody closed the strategy's position by hand; the person says so. Its next exit must not sell it again."""
    office.hold()
    office.broker.held = []
    office.broker.money = office.ledger.cash("a")
    office.run(32)
    office.accept("position:X", price=100)
    sent = len(office.broker.sent)
    office.exit()
    assert office.broker.sent[sent:] == []


@pytest.mark.parametrize("price", [None, 0, "-1", "x"])
def test_a_position_is_taken_over_at_a_price_above_nothing_alone(office: Office, price: Any) -> None:
    office.broker.held = [Position("a", "", "X", D(3), D(90))]
    office.run(32)
    with pytest.raises(BadInput, match="price"):
        office.accept("position:X", price=price)
    assert (office.theirs(), len(office.drifts.open("a"))) == (0, 1)


def test_only_an_open_drift_with_a_reason_is_accepted(office: Office) -> None:
    with pytest.raises(UnknownName, match="drift cash: unknown; known: none"):
        office.accept("cash")
    office.broker.money = D(9000)
    office.run(32)
    with pytest.raises(BadInput, match="reason"):
        office.accept("cash", reason=" ")
    found = office.found()
    with pytest.raises(Refused, match="is about an order: match it or rule on it"):
        office.accept(f"order:{found.order_id}")
    assert office.ledger.cash("a") == 10_000


def test_a_drift_accepted_twice_is_taken_over_once(office: Office) -> None:
    office.broker.money = D(9000)
    office.run(32)
    office.accept("cash")
    with pytest.raises(UnknownName):
        office.accept("cash")
    assert office.ledger.cash("a") == 9000


def test_one_drift_accepted_leaves_the_others_in_force(office: Office) -> None:
    office.broker.money = D(9000)
    office.broker.held = [Position("a", "", "X", D(3), D(90))]
    office.run(32)
    office.accept("cash")
    assert set(office.manager.drifts) == {"X"}


def test_a_position_that_agrees_by_now_is_not_taken_over(office: Office) -> None:
    office.broker.held = [Position("a", "", "X", D(3), D(90))]
    office.run(32)
    office.broker.held = []
    with pytest.raises(Refused, match="books and broker agree"):
        office.accept("position:X", price=1)
    with pytest.raises(Refused, match="books and broker agree"):
        take_over(office.manager, "a", "X", D(0), D(1), "why", "key")


def test_a_booking_is_counted_once(office: Office) -> None:
    booking = Booking("a", BookingKind.DEPOSIT, office.manager.now, D(500))
    office.settling.book(booking)
    office.settling.book(booking)
    assert (office.ledger.cash("a"), len(office.repository.books("a"))) == (10_500, 1)


# ---- a panic takes over ----------------------------------------------------------------------------------------------


def halted(office: Office) -> Flattening:
    office.repository.halt("fire")
    return Flattening(office.manager, "a", 1)


def test_a_panic_closes_what_the_broker_has_and_the_books_have_not(office: Office) -> None:
    office.ledger.mark("X", D(90))
    office.broker.held = [Position("a", "", "X", D(3), D(90))]
    panic = halted(office)
    for _ in range(3):
        panic.step()
    [closing] = office.broker.sent
    assert (closing.side, closing.size, closing.strategy, closing.flattens) == (Side.SELL, 3, "external", True)
    office.broker.made = [execution(closing, "c1")]
    office.fill(closing, price=90)
    office.broker.held = []
    assert [panic.step() for _ in range(2)] == [False, True]


def test_a_panic_sells_nothing_the_broker_no_longer_holds(office: Office) -> None:
    """The strategy's position was closed by hand just before the panic: another sale would open a short."""
    office.hold()
    office.broker.held = []
    sent = len(office.broker.sent)
    panic = halted(office)
    for _ in range(4):
        panic.step()
    assert office.broker.sent[sent:] == []
