"""Cancelling and modifying: in every state an order may be in, and whatever the broker answers."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.trading.test_order_manager import NOW, Desk
from workbench.errors import BadInput, NotSent, Refused
from workbench.model import Order, OrderState, OrderType, Side
from workbench.ports import BrokerOrder
from workbench.trading import FINAL

D = Decimal
T, S = OrderType, OrderState
KINDS = {"types": frozenset({T.MARKET, T.LIMIT, T.STOP_LIMIT}), "modify": True}


@pytest.fixture
def desk() -> Desk:
    return Desk(tick="0.5", **KINDS)


def limit(desk: Desk, size: Any = 10) -> Order:
    [order] = desk.trade("buy", size, T.LIMIT, limit=90)
    assert order.state is S.ACKED
    return order


def put(desk: Desk, order: Order, state: OrderState) -> None:
    desk.repository.change_order(replace(desk.now(order), state=state), "by hand", NOW)


def fail(error: Exception) -> Any:
    def do(order: Order) -> None:
        raise error

    return do


def events(desk: Desk, order: Order) -> list[str]:
    return [e["event"] for e in desk.repository.journal() if e["subject"] == order.order_id and "event" in e]


# ---- cancelling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(OrderState))
def test_a_cancel_in_every_state_ends_asks_or_leaves_and_never_throws(desk: Desk, state: OrderState) -> None:
    order = limit(desk)
    put(desk, order, state)
    desk.manager.cancel(order.order_id)
    after = desk.now(order).state
    asked = state in (S.ACKED, S.PARTIAL, S.MODIFY_PENDING, S.EXTERNAL)
    here = state in (S.READY, S.HELD, S.AWAITING_APPROVAL)
    assert after is (S.CANCELLED if asked or here else state)
    assert desk.broker.cancelled == ([order.order_id] if asked else [])
    noted = [line for line in desk.repository.journal() if line["kind"] == "not_cancelled"]
    quiet = asked or here or state in FINAL or state is S.CANCEL_PENDING
    assert len(noted) == (not quiet)


def test_a_cancel_is_on_file_before_the_broker_hears_of_it(desk: Desk) -> None:
    order = limit(desk)
    seen = []
    desk.broker.on_cancel = lambda asked: seen.append(desk.now(order).state)
    desk.manager.cancel(order.order_id)
    assert seen == [S.CANCEL_PENDING]


@pytest.mark.parametrize(("filled", "state"), [(0, S.ACKED), (4, S.PARTIAL)])
def test_a_refused_cancel_leaves_it_working_with_the_reason(desk: Desk, filled: int, state: OrderState) -> None:
    order = limit(desk)
    if filled:
        desk.fill(order, filled)
    desk.broker.on_cancel = fail(Refused("too late"))
    desk.manager.cancel(order.order_id)
    assert (desk.now(order).state, desk.now(order).reason) == (state, "Refused: too late")


@pytest.mark.parametrize("error", [TimeoutError("cut off"), NotSent("the line is down"), ValueError("odd")])
def test_a_cancel_in_doubt_stays_asked_for(desk: Desk, error: Exception) -> None:
    order = limit(desk)
    desk.broker.on_cancel = fail(error)
    desk.manager.cancel(order.order_id)
    assert desk.now(order).state is S.CANCEL_PENDING
    assert desk.repository.journal()[-1]["kind"] == "not_heard"
    assert str(error) in desk.repository.journal()[-1]["reason"]
    desk.manager.cancel(order.order_id)
    assert len(desk.broker.cancelled) == 1, "a second cancel was asked for beside the first"


def test_a_cancel_asked_again_reaches_the_broker_again(desk: Desk) -> None:
    order = limit(desk)
    taken, desk.broker.on_cancel = desk.broker.on_cancel, fail(TimeoutError())
    desk.manager.cancel(order.order_id)
    desk.broker.on_cancel = taken
    desk.manager.changes.cancel_at_broker(order.order_id)
    assert desk.now(order).state is S.CANCELLED
    desk.manager.changes.cancel_at_broker(order.order_id)
    assert len(desk.broker.cancelled) == 2


def test_a_cancel_that_failed_after_the_broker_had_answered_keeps_the_answer(desk: Desk) -> None:
    order = limit(desk)

    def answer_then_fail(asked: Order) -> None:
        desk.report(asked, "cancelled", reason="done")
        raise TimeoutError

    desk.broker.on_cancel = answer_then_fail
    desk.manager.cancel(order.order_id)
    assert (desk.now(order).state, desk.now(order).reason) == (S.CANCELLED, "done")


def test_an_order_that_fills_while_its_cancel_is_asked_for_is_filled(desk: Desk) -> None:
    order = limit(desk)
    desk.broker.on_cancel = lambda asked: desk.fill(asked)
    desk.manager.cancel(order.order_id)
    assert (desk.now(order).state, desk.held()) == (S.FILLED, 10)


# ---- modifying -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "size", "price"),
    [({"limit": D(91)}, 10, 91), ({"size": D(4)}, 4, 90), ({"size": D(4), "limit": D(91)}, 4, 91)],
)
def test_a_change_the_broker_takes_is_the_orders(desk: Desk, asked: dict[str, Decimal], size: int, price: int) -> None:
    order = limit(desk)
    seen: list[Order] = []
    taken = desk.broker.on_modify

    def look(changed: Order) -> None:
        seen.append(desk.now(order))
        taken(changed)

    desk.broker.on_modify = look
    after = desk.manager.modify(order.order_id, **asked)
    assert (seen[0].state, seen[0].limit, seen[0].size) == (S.MODIFY_PENDING, 90, 10)
    assert (after.state, after.size, after.limit) == (S.ACKED, size, price)
    assert desk.broker.modified[0].order_id == order.order_id


@pytest.mark.parametrize(
    ("places", "told", "limit_after"),
    [
        (2, "90.00", "90.0025"),
        (2, "90.01", "90.01"),
        (None, "90.00", "90.00"),
        (2, "90.0075", "90.0025"),
        (2, "90.008", "90.008"),
    ],
)
def test_what_a_broker_rounds_when_it_tells_it_is_no_change(places: int | None, told: str, limit_after: str) -> None:
    desk = Desk(**KINDS, places=places, tick="0.0025")
    [order] = desk.trade("buy", 10, T.LIMIT, limit=D("90.0025"))
    desk.manager.answers.on_order(
        BrokerOrder("a", "X", Side.BUY, D("10.004"), S.ACKED, order.client_order_id, order.broker_id, T.LIMIT, D(told))
    )
    assert desk.now(order).limit == D(limit_after)
    assert desk.now(order).size == (10 if places else D("10.004"))


def test_a_change_of_an_order_filled_in_part_keeps_what_filled(desk: Desk) -> None:
    order = limit(desk)
    desk.fill(order, 4)
    after = desk.manager.modify(order.order_id, size=D(6))
    assert (after.state, after.size, after.filled) == (S.PARTIAL, 6, 4)


@pytest.mark.parametrize("state", list(OrderState))
def test_a_change_in_every_state_is_made_or_refused_by_name(desk: Desk, state: OrderState) -> None:
    order = limit(desk)
    put(desk, order, state)
    if state in (S.ACKED, S.PARTIAL, S.HELD):
        assert desk.manager.modify(order.order_id, limit=D(91)).limit == 91
        return
    with pytest.raises(Refused, match=f"order {order.order_id} is {state} and cannot be changed"):
        desk.manager.modify(order.order_id, limit=D(91))
    assert (desk.broker.modified, desk.now(order).state) == ([], state)


def test_an_order_kept_here_is_changed_here(desk: Desk) -> None:
    [order] = desk.trade("sell", 3, T.TARGET, level=110)
    assert desk.manager.modify(order.order_id, level=D(120), size=D(2)).level == 120
    assert desk.broker.modified == []
    desk.look(119)
    assert desk.broker.sent == []
    desk.look(120)
    assert desk.broker.sent[0].size == 2


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "changes nothing; give a size, a limit or a level"),
        ({"level": D(80)}, "level Decimal('80'): a limit order has none"),
        ({"size": D(11)}, "must be above 4 and at most 10; place another order for more"),
        ({"size": D(4)}, "must be above 4 and at most 10; cancel it to have no more"),
        ({"size": D(0)}, "cancel it to have no more"),
        ({"size": D(-1)}, "cancel it to have no more"),
        ({"limit": D("90.3")}, "limit 90.3 is off the tick grid of X; give a multiple of 0.5"),
        ({"limit": D(0)}, "order limit"),
        ({"limit": D("NaN")}, "order limit"),
        ({"size": D("NaN")}, "size"),
        ({"size": D("Infinity")}, "size"),
    ],
)
def test_a_change_that_cannot_be_names_parameter_bound_and_remedy(
    desk: Desk, asked: dict[str, Decimal], words: str
) -> None:
    order = limit(desk)
    desk.fill(order, 4)
    before = desk.now(order)
    with pytest.raises(BadInput) as caught:
        desk.manager.modify(order.order_id, **asked)
    assert words in str(caught.value)
    assert (desk.now(order), desk.broker.modified) == (before, [])


def test_a_change_to_what_it_is_already_is_told_to_change_nothing(desk: Desk) -> None:
    order = limit(desk)
    with pytest.raises(BadInput, match="changes nothing"):
        desk.manager.modify(order.order_id, limit=D(90), size=D(10))
    assert desk.now(order).state is S.ACKED


def test_a_change_at_a_broker_that_cannot_is_refused_with_what_to_do_instead() -> None:
    desk = Desk(**(KINDS | {"modify": False}))
    order = limit(desk)
    with pytest.raises(Refused, match="cannot change orders: cancel it, and place another once it is cancelled"):
        desk.manager.modify(order.order_id, limit=D(91))
    assert desk.now(order).state is S.ACKED


def test_a_change_the_broker_would_refuse_is_refused_with_its_words_before_it_is_asked(desk: Desk) -> None:
    order = limit(desk)
    desk.broker.objects = "price band 80 to 85"
    with pytest.raises(BadInput, match="price band 80 to 85"):
        desk.manager.modify(order.order_id, limit=D(91))
    assert desk.now(order).state is S.ACKED


@pytest.mark.parametrize("error", [Refused("not now"), NotSent("the line is down")])
@pytest.mark.parametrize(("filled", "state"), [(0, S.ACKED), (4, S.PARTIAL)])
def test_a_change_that_was_refused_or_never_left_leaves_it_as_it_was(
    desk: Desk, error: Exception, filled: int, state: OrderState
) -> None:
    order = limit(desk)
    if filled:
        desk.fill(order, filled)
    desk.broker.on_modify = fail(error)
    after = desk.manager.modify(order.order_id, limit=D(91))
    assert (after.state, after.limit, after.size) == (state, 90, 10)
    assert str(error) in after.reason


def test_a_change_in_doubt_stays_asked_for_and_its_late_answer_counts(desk: Desk) -> None:
    order = limit(desk)
    desk.broker.on_modify = fail(TimeoutError())
    assert desk.manager.modify(order.order_id, limit=D(91)).state is S.MODIFY_PENDING
    desk.report(desk.now(order), limit=D(91))
    assert (desk.now(order).state, desk.now(order).limit) == (S.ACKED, 91)


def test_an_order_that_fills_while_a_change_is_asked_for_is_filled(desk: Desk) -> None:
    order = limit(desk)
    desk.broker.on_modify = lambda changed: desk.fill(order)
    assert desk.manager.modify(order.order_id, limit=D(91)).state is S.FILLED


def test_an_order_that_fills_beyond_the_size_asked_for_is_no_contradiction(desk: Desk) -> None:
    """The change to 4 crossed a fill of 6: the broker's answer cannot be below what has filled."""
    order = limit(desk)

    def crossed(changed: Order) -> None:
        desk.fill(order, 6)
        desk.report(changed, size=D(4))

    desk.broker.on_modify = crossed
    desk.manager.modify(order.order_id, size=D(4))
    assert (desk.now(order).filled, desk.now(order).state is S.QUARANTINED) == (6, False)


def test_a_change_may_be_cancelled_while_it_is_asked_for(desk: Desk) -> None:
    order = limit(desk)
    desk.broker.on_modify = lambda changed: None
    desk.manager.modify(order.order_id, limit=D(91))
    desk.manager.cancel(order.order_id)
    assert desk.now(order).state is S.CANCELLED
    assert events(desk, order)[-3:] == ["ask_modify", "ask_cancel", "cancel"]


def test_an_order_of_others_in_a_symbol_nobody_here_trades_is_refused_and_not_an_accident(desk: Desk) -> None:
    desk.manager.answers.on_order(BrokerOrder("a", "ZZ", Side.BUY, D(1), S.ACKED, broker_id="9"))
    [order] = desk.repository.orders()
    with pytest.raises(Refused, match="cannot be changed"):
        desk.manager.modify(order.order_id, size=D("0.5"))
