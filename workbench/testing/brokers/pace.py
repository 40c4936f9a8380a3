"""Pace: too many requests, and a session that is over; both are said, and nothing is sent behind anyone's back."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from workbench.errors import NotSent, Refused, WorkbenchError
from workbench.model import Order, OrderState
from workbench.testing.brokers.desk import BUY, Desk
from workbench.testing.brokers.house import House
from workbench.testing.brokers.record import case

BURST = 14


class Pace:
    """Limits on requests, and logins that end."""

    @case
    def test_an_order_beyond_the_limit_is_refused_or_not_sent_in_words(self, desk: Desk) -> None:
        desk.fail("rate_limit")
        with pytest.raises((Refused, NotSent), match=r"(?i)limit|too many|429"):
            desk.submit(desk.limit())
        desk.rig.mend()

    @case
    def test_an_order_beyond_the_limit_is_not_sent_later_by_itself(self, desk: Desk) -> None:
        desk.fail("rate_limit")
        with suppress(Refused, NotSent):
            desk.submit(desk.limit())
        desk.rig.mend()
        desk.settle()
        desk.quote(0)
        desk.settle()
        assert desk.taken() == [], "an order that was told not to be taken arrived later"

    @case
    def test_the_next_order_goes_once_the_limit_has_room(self, desk: Desk) -> None:
        desk.fail("rate_limit")
        with suppress(Refused, NotSent):
            desk.submit(desk.limit())
        desk.rig.mend()
        ends = time.monotonic() + desk.rig.patience
        while True:
            try:
                desk.submit(desk.limit())
                break
            except (Refused, NotSent):
                assert time.monotonic() < ends, f"still no room after {desk.rig.patience:g} s"
                time.sleep(0.1)
        assert len(desk.taken()) == 1

    def _burst(self, desk: Desk) -> list[Order]:
        """As many orders as can be had at once, up to a number: those that were taken."""
        taken = []
        for number in range(BURST):
            order = desk.limit(BUY, -2 - number % 3, 1)
            try:
                desk.submit(order)
            except (Refused, NotSent):
                break
            taken.append(order)
        return taken

    @case
    def test_in_a_burst_each_order_is_taken_once_or_refused_and_no_fate_is_unknown(self, desk: Desk) -> None:
        sent = self._burst(desk)
        desk.settle()
        assert len(desk.taken()) == len(sent)
        assert sent, "not even the first was taken"

    @case
    def test_a_cancel_has_room_when_orders_have_used_theirs(self, desk: Desk) -> None:
        sent = self._burst(desk)
        desk.cancel(sent[0])
        desk.until("cancelled", lambda: desk.state(sent[0]) is OrderState.CANCELLED)

    @case
    def test_a_session_that_is_over_refuses_orders_and_says_what_to_do(self, desk: Desk) -> None:
        desk.fail("session_expired")
        with pytest.raises((Refused, NotSent), match=r"(?i)session|log ?in|expired"):
            desk.submit(desk.limit())
        desk.rig.mend()
        desk.settle()
        assert desk.taken() == []

    @case
    def test_a_session_that_is_over_is_trouble(self, desk: Desk) -> None:
        desk.fail("session_expired")
        with suppress(Exception):
            desk.submit(desk.limit())
        with suppress(Exception):
            desk.broker.orders()
        health = desk.broker.health()
        assert health.trouble or not health.is_connected

    @case
    def test_a_session_that_is_over_never_looks_like_an_empty_account(self, desk: Desk) -> None:
        desk.hold(3)
        desk.fail("session_expired")
        for question in (desk.broker.orders, desk.broker.fills, desk.broker.positions):
            with pytest.raises(Exception, match=r".*"):
                question()

    @case
    def test_after_a_new_login_orders_go_again(self, desk: Desk) -> None:
        desk.fail("session_expired")
        with suppress(Exception):
            desk.submit(desk.limit())
        desk.rig.mend()
        desk.hold(3)
        assert desk.held() == desk.lots(3)

    @case
    def test_the_core_rejects_what_the_limit_refused_or_sends_it_once(self, desk: Desk) -> None:
        house = House(desk)
        desk.fail("rate_limit")
        order = house.ask()
        desk.rig.mend()
        if house.state(order) is OrderState.READY:
            time.sleep(min(1.2, desk.rig.patience))  # room again, at most servers
        house.rounds()
        if house.state(order) is OrderState.REJECTED:
            assert desk.taken() == []
        else:
            assert house.state(order) in (OrderState.ACKED, OrderState.FILLED)
            assert len(desk.taken()) == 1

    @case
    def test_the_core_takes_no_silence_for_a_cancel(self, desk: Desk) -> None:
        house = House(desk)
        order = house.ask()
        desk.fail("session_expired")
        with suppress(WorkbenchError):
            house.cancel(order)
        assert house.state(order) is not OrderState.CANCELLED
        desk.rig.mend()
        assert desk.state(order) is OrderState.ACKED
