"""Identity: a client order id is refused twice, or comes back, or does neither; whichever is claimed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from workbench.errors import Refused
from workbench.model import OrderState, new_id
from workbench.testing.brokers.desk import BUY, Desk
from workbench.testing.brokers.record import case

KNOWS = ("dedupes", "searchable")


class Identity:
    """What a broker does with our name for an order; resending after a crash stands on it."""

    def _proves(self, desk: Desk, *ways: str) -> None:
        """Prove the way that is claimed, where it is one of these."""
        desk.proves(f"resend:{desk.can.resend}" if desk.can.resend in ways else f"resend:{ways[0]}")

    @case
    def test_the_way_of_resending_is_one_that_there_is(self, desk: Desk) -> None:
        assert desk.can.resend in ("dedupes", "searchable", "blind")

    @case
    def test_an_id_is_refused_while_its_order_works(self, desk: Desk) -> None:
        self._proves(desk, "dedupes")
        order = desk.send(desk.limit())
        with pytest.raises(Refused):
            desk.submit(order)
        assert len(desk.taken()) == 1, "it claims to dedupe, and took one id twice"

    @case
    def test_an_id_is_refused_after_its_order_filled(self, desk: Desk) -> None:
        self._proves(desk, "dedupes")
        order = desk.order()
        desk.trade(order)
        with pytest.raises(Refused):
            desk.submit(order)
        desk.quote(0)
        assert desk.held() == order.size

    @case
    def test_an_id_is_refused_after_its_order_was_cancelled(self, desk: Desk) -> None:
        self._proves(desk, "dedupes")
        order = desk.send(desk.limit())
        desk.cancel(order)
        desk.until("cancelled", lambda: desk.has_ended(order))
        with pytest.raises(Refused):
            desk.submit(order)

    @case
    def test_an_id_is_refused_in_another_order_of_other_size_and_name(self, desk: Desk) -> None:
        self._proves(desk, "dedupes")
        order = desk.send(desk.limit())
        other = replace(desk.limit(BUY, -3, 4), client_order_id=order.client_order_id, order_id=new_id())
        with pytest.raises(Refused):
            desk.submit(other)
        assert len(desk.taken()) == 1

    @case
    def test_an_id_is_refused_by_a_new_client_too(self, desk: Desk) -> None:
        self._proves(desk, "dedupes")
        order = desk.send(desk.limit())
        desk.restart()
        with pytest.raises(Refused):
            desk.submit(order)
        assert len(desk.taken()) == 1

    @case
    def test_the_first_of_two_with_one_id_is_left_as_it_was(self, desk: Desk) -> None:
        self._proves(desk, "dedupes")
        order = desk.send(desk.limit())
        with suppress(Refused):
            desk.submit(replace(order, limit=desk.price(-5)))
        listed = desk.listed(order)
        assert listed is not None
        assert (listed.limit, listed.state) == (order.limit, OrderState.ACKED)

    @case
    def test_the_id_comes_back_in_the_list_of_orders(self, desk: Desk) -> None:
        self._proves(desk, *KNOWS[::-1])
        orders = [desk.send(desk.limit()), desk.send(desk.limit(percent=-3))]
        assert {o.client_order_id for o in desk.broker.orders()} == {o.client_order_id for o in orders}

    @case
    def test_the_id_comes_back_to_a_client_that_never_knew_it(self, desk: Desk) -> None:
        self._proves(desk, *KNOWS[::-1])
        order = desk.send(desk.limit())
        desk.restart()
        assert [o.client_order_id for o in desk.broker.orders()] == [order.client_order_id]

    @case
    def test_the_id_comes_back_of_an_order_whose_answer_was_lost(self, desk: Desk) -> None:
        self._proves(desk, *KNOWS[::-1])
        order = desk.limit()
        desk.fail("drop_after")
        with suppress(Exception):
            desk.submit(order)
        desk.rig.mend()
        desk.until("it is listed", lambda: desk.broker.orders())
        assert [o.client_order_id for o in desk.broker.orders()] == [order.client_order_id]

    @case
    def test_a_fill_of_an_order_whose_answer_was_lost_can_be_told_to_be_its(self, desk: Desk) -> None:
        self._proves(desk, *KNOWS[::-1])
        order = desk.limit()
        desk.fail("drop_after")
        with suppress(Exception):
            desk.submit(order)
        desk.rig.mend()
        desk.quote(-3)
        desk.until("it filled", lambda: desk.broker.fills())
        [listed] = desk.broker.orders()
        for fill in desk.broker.fills():
            assert fill.client_order_id == order.client_order_id or fill.broker_id == listed.broker_id

    @case
    def test_a_blind_brokers_orders_bear_our_id_rightly_or_not_at_all(self, desk: Desk) -> None:
        self._proves(desk, "blind")
        orders = [desk.send(desk.limit()), desk.send(desk.limit(percent=-3))]
        right = {desk.now(o).broker_id: o.client_order_id for o in orders}
        assert len(right) == 2, "two orders have one name"
        for listed in desk.broker.orders():
            assert listed.broker_id in right, "an order that nobody can find again"
            assert listed.client_order_id in ("", right[listed.broker_id]), "an id was made up"

    @case
    def test_a_blind_brokers_orders_are_found_again_by_its_own_names(self, desk: Desk) -> None:
        self._proves(desk, "blind")
        order = desk.send(desk.limit())
        desk.restart()
        assert [o.broker_id for o in desk.broker.orders()] == [order.broker_id]
