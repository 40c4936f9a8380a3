"""What the order manager makes of fills: counting, late and impossible ones, and the children of an entry."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.test_order_manager import LEVELS, NOW, Desk
from workbench.errors import Refused
from workbench.model import (
    Action,
    Direction,
    Instrument,
    Order,
    OrderState,
    OrderType,
    Protection,
    Side,
    Signal,
    Validity,
)
from workbench.ports import BrokerOrder, Execution
from workbench.trading import client_order_id

D = Decimal
NAMES = st.text("ab|:\\/ ", min_size=1, max_size=5)


@pytest.fixture
def desk() -> Desk:
    return Desk()


STOPS_THERE = frozenset({OrderType.MARKET, OrderType.STOP})


@pytest.fixture
def protecting() -> Desk:
    """A desk at a broker that holds all that protects a position."""
    return Desk(protection=True)


def children(desk: Desk, entry: Order) -> dict[OrderType, Order]:
    return {o.type: o for o in desk.repository.orders() if o.parent_id == entry.order_id}


def signal(source: str, key: str, account: str) -> Signal:
    return Signal(source, key, "s", account, "X", Action.ENTRY, Direction.LONG, NOW, NOW + timedelta(days=1), D(100))


# ---- counting --------------------------------------------------------------------------------------------------------


def test_fills_in_pieces_make_partial_and_then_filled(desk: Desk) -> None:
    [entry] = desk.enter()
    desk.fill(entry, 4)
    assert (desk.now(entry).state, desk.now(entry).filled) == (OrderState.PARTIAL, 4)
    desk.fill(entry, 6)
    assert (desk.now(entry).state, desk.now(entry).filled) == (OrderState.FILLED, 10)
    assert desk.held() == 10


def test_a_fill_reported_twice_is_counted_once_everywhere(desk: Desk) -> None:
    [entry] = desk.enter()
    fill = desk.fill(entry, 4)
    desk.manager.answers.on_fill(fill)
    assert (desk.now(entry).filled, desk.held(), len(desk.repository.fills())) == (4, 4, 1)
    assert desk.ledger.cash("a") == 9_600


def test_more_filled_than_asked_for_is_quarantined_and_still_in_the_ledger(desk: Desk) -> None:
    [entry] = desk.enter()
    desk.fill(entry, 7)
    desk.fill(entry, 7)
    order = desk.now(entry)
    assert (order.state, order.reason) == (OrderState.QUARANTINED, "filled 14 of 10")
    assert desk.held() == 14
    desk.fill(entry, 1)
    assert desk.now(entry).state is OrderState.QUARANTINED
    assert desk.held() == 15


@pytest.mark.parametrize("end", ["cancelled", "expired"])
def test_a_late_fill_after_the_end_is_counted_in_order_and_ledger(desk: Desk, end: str) -> None:
    [entry] = desk.enter()
    desk.report(entry, end, reason="gone")
    desk.fill(entry, 3)
    assert (desk.now(entry).state, desk.now(entry).filled, desk.held()) == (OrderState(end), 3, 3)
    desk.fill(entry, 7)
    assert (desk.now(entry).state, desk.held()) == (OrderState.FILLED, 10)


def test_a_fill_of_a_refused_order_is_counted_and_left_to_a_person(desk: Desk) -> None:
    def refuse(order: Order) -> None:
        raise Refused("no")

    desk.broker.on_submit = refuse
    [entry] = desk.enter()
    desk.fill(entry)
    assert (desk.now(entry).state, desk.held()) == (OrderState.QUARANTINED, 10)


def test_a_fill_is_evidence_about_an_unknown_order(desk: Desk) -> None:
    desk.broker.on_submit = lambda order: (_ for _ in ()).throw(TimeoutError())
    [entry] = desk.enter()
    desk.fill(entry)
    assert (desk.now(entry).state, desk.held()) == (OrderState.FILLED, 10)


def test_a_fill_that_crosses_a_cancel_is_counted(desk: Desk) -> None:
    desk.broker.on_cancel = lambda order: None
    [entry] = desk.enter()
    desk.manager.cancel(entry.order_id)
    assert desk.now(entry).state is OrderState.CANCEL_PENDING
    desk.fill(entry, 4)
    assert desk.now(entry).state is OrderState.CANCEL_PENDING
    desk.report(entry, "cancelled", reason="asked for")
    assert (desk.now(entry).state, desk.now(entry).filled, desk.held()) == (OrderState.CANCELLED, 4, 4)


def test_closed_orders_keep_the_brokers_reason(desk: Desk) -> None:
    [entry] = desk.enter()
    desk.report(entry, "rejected", reason="no margin")
    assert (desk.now(entry).state, desk.now(entry).reason) == (OrderState.REJECTED, "no margin")
    assert len(desk.enter()) == 1  # its end makes room for another


# ---- protection ------------------------------------------------------------------------------------------------------


def test_children_hang_from_the_fill_price_and_not_from_the_signals(protecting: Desk) -> None:
    desk = protecting
    [entry] = desk.enter(protection=LEVELS)
    assert children(desk, entry) == {}
    desk.fill(entry, price=200)
    made = children(desk, entry)
    assert {kind: child.level for kind, child in made.items()} == {
        OrderType.STOP: 180,
        OrderType.TARGET: 240,
        OrderType.TRAILING_STOP: 190,
    }
    for child in made.values():
        assert (child.side, child.size, child.reduce_only, child.state) == (Side.SELL, 10, True, OrderState.ACKED)
    assert made[OrderType.TRAILING_STOP].protection == Protection(trail=D(5))
    assert len({o.client_order_id for o in desk.repository.orders()}) == 4


def test_children_of_a_short_are_mirrored_and_rounded_to_the_worse_and_harder_tick(desk: Desk) -> None:
    desk.manager.instruments = {"X": Instrument("X", tick=D("0.5"))}
    [entry] = desk.enter(Direction.SHORT, protection=LEVELS)
    desk.fill(entry, price="101.5")
    made = children(desk, entry)
    assert made[OrderType.STOP].level == 112  # 111.65 up
    assert made[OrderType.TARGET].level == 81  # 81.2 down
    assert made[OrderType.STOP].side is Side.BUY


def test_an_entry_without_levels_has_no_children(desk: Desk) -> None:
    assert children(desk, desk.hold()) == {}


def test_what_a_broker_does_not_hold_is_kept_here_and_its_stop_rests_there() -> None:
    desk = Desk(types=STOPS_THERE)
    states = {kind: child.state for kind, child in children(desk, desk.hold(protection=LEVELS)).items()}
    held = dict.fromkeys((OrderType.TARGET, OrderType.TRAILING_STOP), OrderState.HELD)
    assert states == {OrderType.STOP: OrderState.ACKED} | held
    assert [order.type for order in desk.broker.sent] == [OrderType.MARKET, OrderType.STOP]


def test_a_stop_that_would_not_outlive_the_day_at_the_broker_is_kept_here() -> None:
    desk = Desk(types=STOPS_THERE, validities=frozenset({Validity.DAY}))
    assert {c.state for c in children(desk, desk.hold(protection=LEVELS)).values()} == {OrderState.HELD}


@pytest.mark.parametrize(
    ("kind", "price"), [(OrderType.STOP, 90), (OrderType.TARGET, 120), (OrderType.TRAILING_STOP, 95)]
)
def test_one_child_filled_cancels_the_others_where_the_broker_does_not(kind: OrderType, price: int) -> None:
    desk = Desk(types=STOPS_THERE)
    entry = desk.hold(protection=LEVELS)
    made = children(desk, entry)
    if kind is not OrderType.STOP:  # kept here: its price comes, the stop is taken back, and then it is sent
        for _ in range(2):
            desk.look(price)
        assert desk.broker.sent[-1].order_id == made[kind].order_id
        assert desk.now(made[OrderType.STOP]).state is OrderState.CANCELLED
    desk.fill(made[kind], price=price)
    assert desk.held() == 0
    for order_id in (made[other].order_id for other in made if other is not kind):
        assert desk.repository.order(order_id).state is OrderState.CANCELLED
    assert desk.now(made[kind]).state is OrderState.FILLED
    assert desk.broker.cancelled == ([] if kind is OrderType.STOP else [made[OrderType.STOP].order_id])


def test_a_broker_that_holds_protection_is_left_to_cancel_the_others_itself(protecting: Desk) -> None:
    desk = protecting
    made = children(desk, desk.hold(protection=LEVELS))
    desk.fill(made[OrderType.STOP])
    assert desk.broker.cancelled == []


def test_an_exit_that_fills_cancels_the_children(desk: Desk) -> None:
    entry = desk.hold(protection=LEVELS)
    [closing] = desk.exit()
    desk.fill(closing)
    assert {child.state for child in children(desk, entry).values()} == {OrderState.CANCELLED}


def test_children_of_another_strategy_are_left_alone() -> None:
    desk = Desk(types=STOPS_THERE)
    mine, theirs = desk.hold(protection=LEVELS), desk.hold(protection=LEVELS, strategy="t")
    desk.fill(children(desk, mine)[OrderType.STOP])
    assert {child.state for child in children(desk, mine).values()} == {OrderState.FILLED, OrderState.CANCELLED}
    assert {child.state for child in children(desk, theirs).values()} == {OrderState.ACKED, OrderState.HELD}


def test_a_stop_filled_for_one_piece_of_an_entry_cancels_that_pieces_target() -> None:
    desk = Desk(types=STOPS_THERE)
    [entry] = desk.enter(protection=Protection(stop=D(10), target=D(20)))
    desk.fill(entry, 4, price=100)
    desk.fill(entry, 6, price=90)
    stop, target = (
        next(o for o in desk.repository.orders() if o.type is kind and o.size == 4)
        for kind in (OrderType.STOP, OrderType.TARGET)
    )
    desk.fill(stop, price=90)
    assert desk.held() == 6
    working = [o for o in desk.repository.open_orders("a", "X") if o.type is OrderType.TARGET]
    assert sum(o.remaining for o in working) <= 6, "targets would sell more than is held"
    assert desk.now(target).state is OrderState.CANCELLED


def test_a_child_of_unknown_fate_does_not_break_the_fill_of_its_sibling() -> None:
    desk = Desk(types=STOPS_THERE)
    [entry] = desk.enter(protection=LEVELS)

    def lose_stops(order: Order) -> None:
        if order.type is OrderType.STOP:
            raise TimeoutError
        desk.report(order)

    desk.broker.on_submit = lose_stops
    desk.fill(entry)
    made = children(desk, entry)
    assert made[OrderType.STOP].state is OrderState.UNKNOWN
    desk.look(120)
    assert desk.now(made[OrderType.TARGET]).state is OrderState.HELD  # the stop may work: never both
    [closing] = desk.exit()
    assert closing.state is OrderState.HELD
    desk.fill(made[OrderType.STOP], price=90)
    assert desk.held() == 0
    for other in (made[OrderType.TARGET], made[OrderType.TRAILING_STOP], closing):
        assert desk.now(other).state is OrderState.CANCELLED


def test_a_trail_that_moved_at_the_broker_is_kept(protecting: Desk) -> None:
    desk = protecting
    trail = children(desk, desk.hold(protection=LEVELS))[OrderType.TRAILING_STOP]
    desk.report(trail, level=D(97))
    assert (desk.now(trail).level, desk.now(trail).state) == (97, OrderState.ACKED)


# ---- ids -------------------------------------------------------------------------------------------------------------


def test_the_client_order_id_of_a_signal_stays_the_same_for_ever() -> None:
    one = signal("source", "key", "account")
    made = client_order_id(one, "open")
    assert uuid.UUID(made).version == 5
    assert made == client_order_id(replace(one, signal_id="other", reference_price=D(5)), "open")
    assert made != client_order_id(one, "close")
    assert made != client_order_id(one, "open", attempt=2)
    assert made != client_order_id(replace(one, account="b"), "open")


@given(st.tuples(NAMES, NAMES, NAMES), st.tuples(NAMES, NAMES, NAMES))
@settings(deadline=None, max_examples=100)
def test_signals_that_differ_carry_ids_that_differ(a: tuple[str, str, str], b: tuple[str, str, str]) -> None:
    assert (client_order_id(signal(*a), "open") == client_order_id(signal(*b), "open")) == (a == b)


def test_a_bar_in_a_key_does_not_make_two_signals_one() -> None:
    assert client_order_id(signal("a|b", "c", "d"), "open") != client_order_id(signal("a", "b|c", "d"), "open")
    assert client_order_id(signal("a", "b|c", "d"), "open") != client_order_id(signal("a", "b", "c|d"), "open")


# ---- what a broker does by itself -----------------------------------------------------------------------------------


def test_a_broker_that_squares_off_closes_the_strategys_own_position_and_what_protected_it() -> None:
    desk = Desk(types=STOPS_THERE)
    desk.hold(protection=Protection(stop=D(10)))
    stop = children(desk, desk.repository.orders()[0])[OrderType.STOP]
    squared = BrokerOrder("a", "X", Side.SELL, D(10), OrderState.ACKED, broker_id="sq", strategy="s")
    desk.manager.answers.on_order(squared)
    desk.manager.answers.on_fill(
        Execution("q1", "a", "X", Side.SELL, D(10), D(101), D(0), NOW, broker_id="sq", strategy="s")
    )
    assert desk.held() == 0
    assert desk.ledger.position("a", "external", "X").size == 0
    assert desk.now(stop).state is OrderState.CANCELLED
    assert desk.manager.answers.adopted == set(), "nobody has to look at it"


def test_an_order_that_names_a_strategy_and_closes_nothing_of_it_is_others_doing(desk: Desk) -> None:
    desk.manager.answers.on_order(
        BrokerOrder("a", "X", Side.SELL, D(10), OrderState.ACKED, broker_id="sq", strategy="s")
    )
    [order] = desk.repository.orders()
    assert (order.strategy, order.state) == ("external", OrderState.EXTERNAL)
