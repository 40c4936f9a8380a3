"""Doubt: an answer that never came is neither a yes nor a no, and no order is lost or made twice over it."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from workbench.errors import NotSent, Refused, WorkbenchError
from workbench.model import FINAL, OrderState
from workbench.testing.brokers.desk import Desk
from workbench.testing.brokers.house import House
from workbench.testing.brokers.record import case

UNSURE = pytest.mark.parametrize("how", ["drop_before", "drop_after", "server_error", "hang"])
ALIVE = (OrderState.ACKED, OrderState.PARTIAL, OrderState.FILLED)


class Doubt:
    """One request, one fault, and what is known afterwards."""

    def _lose(self, desk: Desk, how: str) -> None:
        """Send an order whose answer is lost."""
        desk.fail(how)
        with suppress(Exception):
            desk.submit(desk.limit())
        desk.rig.mend()
        desk.settle()

    @UNSURE
    @case
    def test_a_lost_answer_is_neither_refused_nor_not_sent(self, desk: Desk, how: str) -> None:
        desk.fail(how)
        with pytest.raises(Exception, match=r".*") as caught:
            desk.submit(desk.limit())
        desk.rig.mend()
        assert not isinstance(caught.value, Refused | NotSent), f"{how} was told as {caught.value!r}, which is definite"

    @UNSURE
    @case
    def test_a_request_with_a_lost_answer_is_not_sent_again_by_the_client(self, desk: Desk, how: str) -> None:
        self._lose(desk, how)
        wanted = 0 if how == "drop_before" else 1
        assert len(desk.taken()) == wanted, f"after {how} the broker took {desk.taken()}"

    @UNSURE
    @case
    def test_the_core_ends_with_one_order_or_with_one_that_a_person_looks_at(self, desk: Desk, how: str) -> None:
        house = House(desk)
        desk.fail(how)
        order = house.ask()
        desk.rig.mend()
        house.rounds()
        self._one_order_or_unknown(desk, house, how)
        assert house.state(order) not in (OrderState.SENDING, OrderState.REJECTED, OrderState.CANCELLED)

    @pytest.mark.parametrize("how", ["drop_before", "drop_after"])
    @case
    def test_the_core_that_died_over_a_lost_answer_ends_no_worse(self, desk: Desk, how: str) -> None:
        house = House(desk)
        desk.fail(how)
        house.ask()
        desk.rig.mend()
        house.crash()
        house.rounds()
        self._one_order_or_unknown(desk, house, how)

    @staticmethod
    def _one_order_or_unknown(desk: Desk, house: House, how: str) -> None:
        """One order at brokers that know our ids; else one at most, and its fate is shown to be unknown."""
        [order] = [o for o in house.repository.orders() if o.strategy == "conformance"]
        if desk.can.resend == "blind":
            assert len(desk.taken()) <= 1, f"a duplicate: {desk.taken()}"
            assert order.state is OrderState.UNKNOWN, f"{how}: nobody can know, and it is {order.state}"
            if desk.taken():
                assert any("is not ours" in words for words in house.troubles), "an order nobody can place is not shown"
        else:
            assert len(desk.taken()) == 1, f"after {how} the broker has {len(desk.taken())} orders: {desk.taken()}"
            assert order.state in ALIVE, f"{how}: it is at the broker, and {order.state} here: {order.reason}"
            assert house.troubles == []

    @case
    def test_no_connection_is_not_sent_and_nothing_arrives(self, desk: Desk) -> None:
        desk.fail("before_bytes")
        with pytest.raises(NotSent):
            desk.submit(desk.limit())
        desk.rig.mend()
        desk.settle()
        assert desk.taken() == []

    @case
    def test_the_core_sends_again_what_was_not_sent_and_one_order_arrives(self, desk: Desk) -> None:
        house = House(desk)
        desk.fail("before_bytes")
        order = house.ask()
        assert house.state(order) is OrderState.READY
        desk.rig.mend()
        house.rounds()
        assert len(desk.taken()) == 1
        assert house.state(order) in ALIVE

    @case
    def test_the_core_never_sends_again_what_was_refused(self, desk: Desk) -> None:
        house = House(desk)
        desk.fail("refuse")
        order = house.ask()
        desk.rig.mend()
        house.rounds()
        assert house.state(order) is OrderState.REJECTED
        assert desk.taken() == []

    @case
    def test_while_the_fate_of_an_order_is_unknown_nothing_is_added(self, desk: Desk) -> None:
        house = House(desk)
        desk.fail("drop_before")
        order = house.ask()
        desk.rig.mend()
        assert house.state(order) is OrderState.UNKNOWN
        with pytest.raises(WorkbenchError, match="no new risk"):
            house.ask()

    @pytest.mark.parametrize("how", ["drop_before", "drop_after", "hang"])
    @case
    def test_a_cancel_whose_answer_was_lost_ends_the_order_all_the_same(self, desk: Desk, how: str) -> None:
        house = House(desk)
        order = house.ask()
        house.rounds(1)
        if house.state(order) in FINAL:
            desk.skip("not claimed: type:limit, and this case needs an order that rests")
        desk.fail(how)
        house.cancel(order)
        desk.rig.mend()
        house.rounds()
        assert house.state(order) is OrderState.CANCELLED
        assert len(desk.taken()) == 1

    @pytest.mark.parametrize("how", ["", "drop_after", "hang"])
    @case
    def test_an_order_that_was_taken_is_listed_within_the_time_claimed(self, desk: Desk, how: str) -> None:
        desk.proves("listed_within")
        if how:
            desk.fail(how)
        order = desk.limit()
        with suppress(Exception):
            desk.submit(order)
        ended = time.monotonic()
        desk.rig.mend()
        allowed = max(desk.can.listed_within, 0.1)
        while not desk.broker.orders():
            waited = time.monotonic() - ended
            assert waited < allowed, f"claims to list an order within {desk.can.listed_within:g} s, and does not"
            assert waited < desk.rig.patience, f"not listed within the rig's patience of {desk.rig.patience:g} s"
            time.sleep(0.01)
        assert len(desk.broker.orders()) == 1
