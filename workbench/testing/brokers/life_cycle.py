"""Life cycle: an order is taken, trades or is cancelled, and each of these is told once, in order, by name."""

from __future__ import annotations

import time
from contextlib import suppress
from decimal import Decimal

import pytest

from workbench.errors import WorkbenchError
from workbench.model import FINAL, OrderState, Side
from workbench.ports import Execution
from workbench.testing.brokers.desk import BUY, SELL, Desk
from workbench.testing.brokers.record import case

SIDES = pytest.mark.parametrize("side", [BUY, SELL], ids=str)
WORKS = (OrderState.ACKED, OrderState.PARTIAL)


class LifeCycle:
    """Orders from their first answer to their last."""

    @SIDES
    @case
    def test_a_market_order_fills_whole_near_the_market(self, desk: Desk, side: Side) -> None:
        desk.proves("type:market")
        desk.cover(side)
        order = desk.order(side)
        fills = desk.trade(order)
        assert sum(f.size for f in fills) == order.size
        for fill in fills:
            assert (fill.side, fill.symbol, fill.account) == (side, order.symbol, order.account)
            assert desk.price(-1) <= fill.price <= desk.price(1), (
                f"filled at {fill.price}, the market is {desk.price(0)}"
            )

    @case
    def test_an_order_is_acknowledged_no_later_than_it_fills(self, desk: Desk) -> None:
        order = desk.order()
        desk.submit(order)
        desk.quote(0)
        desk.filled(order)
        told = [one for one in desk.ear.told if desk.is_of(order, one)]
        first_fill = next(i for i, one in enumerate(told) if isinstance(one, Execution))
        before = [one.state for one in told[:first_fill] if not isinstance(one, Execution)]
        assert OrderState.FILLED not in before, "it was told to be filled before its fill was"
        assert before, "its first fill was told before it was acknowledged"

    @case
    def test_the_first_answer_to_an_order_names_it_by_our_id(self, desk: Desk) -> None:
        order = desk.send(desk.order())
        first = desk.ear.orders[0]
        assert first.client_order_id == order.client_order_id, "nobody could tell which order was taken"
        assert first.broker_id, "it gives the broker's own name, by which a blind broker's order is found again"

    @case
    def test_every_report_names_an_order_its_account_symbol_and_side(self, desk: Desk) -> None:
        bought = desk.order()
        desk.trade(bought)
        sold = desk.order(SELL, 4)
        desk.trade(sold)
        for one in desk.ear.told:
            owner = [o for o in (bought, sold) if desk.is_of(o, one)]
            assert len(owner) == 1, f"it names no order, or several: {one}"
            assert (one.account, one.symbol, one.side) == (owner[0].account, owner[0].symbol, owner[0].side)

    @case
    def test_fill_ids_are_unique_over_orders_that_are_alike(self, desk: Desk) -> None:
        for _ in range(3):
            desk.trade(desk.order(BUY, 5))
        ids = [fill.fill_id for fill in desk.ear.fills]
        assert len(ids) == len(set(ids)) >= 3, f"an id stands for two fills: {ids}"
        assert all(ids), "a fill has no id"

    @case
    def test_fills_that_are_listed_again_are_the_same_fills(self, desk: Desk) -> None:
        desk.hold(5)
        first = list(desk.broker.fills())
        desk.quote(1)
        desk.settle()
        again = {fill.fill_id: fill for fill in desk.broker.fills()}
        for fill in first:
            assert again.get(fill.fill_id) == fill, "a fill changed its id or its numbers between two lists"
        assert len(again) == len(first), "a list of the same fills has more ids than before"

    @case
    def test_what_is_told_and_what_is_listed_are_the_same_fills(self, desk: Desk) -> None:
        desk.hold(5)
        desk.hold(7)
        told = {fill.fill_id: (fill.size, fill.price, fill.side) for fill in desk.ear.fills}
        listed = {fill.fill_id: (fill.size, fill.price, fill.side) for fill in desk.broker.fills()}
        assert told == listed

    @case
    def test_fills_are_told_once_each(self, desk: Desk) -> None:
        desk.hold(5)
        desk.settle()
        desk.quote(0)
        desk.settle()
        assert len(desk.ear.fills) == len({f.fill_id for f in desk.ear.fills}), "a fill was told twice"
        assert sum(f.size for f in desk.ear.fills) == desk.lots(5), "more was told to have filled than was asked for"

    @case
    def test_the_fills_of_an_order_sum_to_what_it_says_has_filled(self, desk: Desk) -> None:
        order = desk.order(BUY, 7)
        desk.trade(order)
        listed = desk.listed(order)
        assert listed is not None
        assert listed.filled in (None, sum((f.size for f in desk.fills(order)), Decimal(0)))

    @SIDES
    @case
    def test_an_order_that_rests_is_listed_as_it_was_asked_for(self, desk: Desk, side: Side) -> None:
        desk.cover(side)
        order = desk.send(desk.limit(side, -2 * side.sign))
        listed = desk.listed(order)
        assert listed is not None, "an order that was acknowledged is not listed"
        assert (listed.side, listed.size, listed.limit, listed.type) == (side, order.size, order.limit, order.type)
        assert listed.state is OrderState.ACKED
        assert not listed.filled

    @SIDES
    @case
    def test_a_cancel_of_an_order_that_rests_ends_it_for_a_reason(self, desk: Desk, side: Side) -> None:
        desk.cover(side)
        order = desk.send(desk.limit(side, -2 * side.sign))
        desk.cancel(order)
        desk.until("cancelled was told", lambda: any(o.state is OrderState.CANCELLED for o in desk.told_of(order)))
        assert desk.state(order) is OrderState.CANCELLED

    @case
    def test_a_cancelled_order_does_not_trade_when_its_price_comes(self, desk: Desk) -> None:
        order = desk.send(desk.limit())
        desk.cancel(order)
        desk.until("cancelled", lambda: desk.has_ended(order))
        desk.quote(-4)
        desk.settle()
        assert not desk.fills(order)
        assert desk.held() == 0

    @case
    def test_a_cancel_of_a_filled_order_changes_nothing(self, desk: Desk) -> None:
        order = desk.order()
        desk.trade(order)
        with suppress(Exception):  # how it is refused differs; that it is not done is what counts
            desk.cancel(order)
        desk.settle()
        assert desk.state(order) is OrderState.FILLED
        assert OrderState.CANCELLED not in [o.state for o in desk.told_of(order)]
        assert desk.held() == order.size

    @case
    def test_a_second_cancel_of_one_order_harms_nothing(self, desk: Desk) -> None:
        other, order = desk.send(desk.limit(percent=-3)), desk.send(desk.limit())
        for _ in range(2):
            with suppress(Exception):
                desk.cancel(order)
            desk.until("cancelled", lambda: desk.has_ended(order))
        assert desk.state(order) is OrderState.CANCELLED
        assert desk.state(other) is OrderState.ACKED, "the second cancel hit another order"

    @case
    def test_a_cancel_of_an_order_that_was_never_sent_touches_no_other(self, desk: Desk) -> None:
        resting = desk.send(desk.limit())
        with pytest.raises(WorkbenchError):
            desk.cancel(desk.limit())
        desk.settle()
        assert desk.state(resting) is OrderState.ACKED

    @case
    def test_an_order_that_has_ended_stays_ended(self, desk: Desk) -> None:
        order = desk.send(desk.limit())
        desk.cancel(order)
        desk.until("cancelled was told", lambda: any(o.state is OrderState.CANCELLED for o in desk.told_of(order)))
        desk.hold(3)
        states = [o.state for o in desk.told_of(order)]
        ends = [i for i, state in enumerate(states) if state in FINAL]
        assert all(state in FINAL for state in states[ends[0] :]), f"it came back to life: {states}"

    @case
    def test_the_list_of_the_day_has_orders_that_ended_beside_those_that_work(self, desk: Desk) -> None:
        filled, gone, resting = desk.order(BUY, 3), desk.limit(), desk.limit(percent=-3)
        desk.trade(filled)
        desk.send(gone)
        desk.cancel(gone)
        desk.send(resting)
        desk.until("cancelled", lambda: desk.has_ended(gone))
        states = [desk.state(order) for order in (filled, gone, resting)]
        assert states == [OrderState.FILLED, OrderState.CANCELLED, OrderState.ACKED]

    @case
    def test_the_fills_of_two_orders_at_once_are_kept_apart(self, desk: Desk) -> None:
        small, large = desk.order(BUY, 3), desk.order(BUY, 8)
        for order in (small, large):
            desk.send(order)
        desk.quote(0)
        for order in (small, large):
            assert sum(f.size for f in desk.filled(order)) == order.size
            assert sum(f.size for f in desk.fills(order)) == order.size

    @case
    def test_the_listener_hears_only_inside_calls_and_in_the_callers_thread(self, desk: Desk) -> None:
        desk.hold(5)
        order = desk.send(desk.limit())
        time.sleep(0.05)  # an answer of a thread of its own would come now
        desk.quote(-3)
        time.sleep(0.05)
        desk.filled(order)
        assert not desk.ear.stray, f"the listener was told {desk.ear.stray[0]}"

    @case
    def test_deliver_does_not_wait_and_says_that_nothing_came(self, desk: Desk) -> None:
        desk.hold(5)
        desk.settle()
        began = time.monotonic()
        answers = [desk.broker.deliver() for _ in range(20)]
        assert not any(answers[1:]), "deliver() says that something came in, and nothing did"
        assert time.monotonic() - began < 1, "deliver() waits"
