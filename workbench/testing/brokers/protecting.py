"""Protecting: reduce-only orders, and the stop, target and trail of a position, where a broker holds them; shorts."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from workbench.errors import Refused
from workbench.model import Order, OrderState, OrderType, Protection, Side
from workbench.testing.brokers.desk import BUY, SELL, Desk
from workbench.testing.brokers.record import case

HELD = pytest.mark.parametrize("side", [BUY, SELL], ids=["long", "short"])


class Protecting:
    """What may never happen: an exit that opens, a stop and a target that both sell."""

    def _child(self, desk: Desk, kind: OrderType, percent: float, held: Side = BUY, **more: Any) -> Order:
        """A child of a position, its level so many percent away in the position's favour, sent."""
        away = Side.SELL if held is BUY else Side.BUY
        level = desk.price(percent * held.sign)
        return desk.send(
            desk.order(away, type=kind, level=level, reduce_only=True, group="conformance-group", parent_id="p", **more)
        )

    def _position(self, desk: Desk, held: Side = BUY) -> None:
        desk.proves("protection", *(["shorts"] if held is SELL else []))
        desk.hold(10, held)

    @case
    def test_an_exit_is_cut_to_the_position(self, desk: Desk) -> None:
        self._position(desk)
        order = desk.send(desk.order(SELL, 15, reduce_only=True))
        desk.quote(0)
        desk.until("flat", lambda: desk.held() == 0)
        desk.settle()
        assert sum(f.size for f in desk.fills(order)) == desk.lots(10)
        assert desk.held() == 0

    @case
    def test_an_exit_without_a_position_comes_to_nothing_for_a_reason(self, desk: Desk) -> None:
        desk.proves("protection")
        order = desk.order(SELL, 5, reduce_only=True)
        with suppress(Refused):
            desk.submit(order)
            desk.quote(0)
            desk.until("it is over", lambda: desk.has_ended(order))
            assert desk.told_of(order)[-1].reason, "it ended without a reason"
        assert desk.held() == 0, "an exit opened a position"

    @HELD
    @case
    def test_a_stop_ends_the_position_and_its_target(self, desk: Desk, side: Side) -> None:
        self._position(desk, side)
        stop, target = (self._child(desk, OrderType.STOP, -3, side), self._child(desk, OrderType.TARGET, 3, side))
        desk.quote(-4 * side.sign)
        desk.filled(stop)
        desk.until("its sibling ended", lambda: desk.state(target) is OrderState.CANCELLED)
        desk.quote(4 * side.sign)
        desk.settle()
        assert desk.held() == 0
        assert not desk.fills(target), "stop and target both traded"

    @HELD
    @case
    def test_a_target_ends_the_position_and_its_stop(self, desk: Desk, side: Side) -> None:
        self._position(desk, side)
        stop, target = (self._child(desk, OrderType.STOP, -3, side), self._child(desk, OrderType.TARGET, 3, side))
        desk.quote(4 * side.sign)
        desk.filled(target)
        desk.until("its sibling ended", lambda: desk.state(stop) is OrderState.CANCELLED)
        desk.quote(-4 * side.sign)
        desk.settle()
        assert desk.held() == 0
        assert not desk.fills(stop), "stop and target both traded"

    @HELD
    @case
    def test_neither_trades_while_the_price_is_between_them(self, desk: Desk, side: Side) -> None:
        self._position(desk, side)
        both = (self._child(desk, OrderType.STOP, -3, side), self._child(desk, OrderType.TARGET, 3, side))
        for percent in (-2, 2, 0):
            desk.quote(percent)
        desk.settle()
        assert [desk.state(order) for order in both] == [OrderState.ACKED] * 2
        assert abs(desk.held()) == desk.lots(10)

    @HELD
    @case
    def test_a_trail_follows_in_favour_and_holds_when_the_price_comes_back(self, desk: Desk, side: Side) -> None:
        self._position(desk, side)
        trail = self._child(desk, OrderType.TRAILING_STOP, -3, side, protection=Protection(trail=Decimal(3)))
        for percent in (4, 8):
            desk.quote(percent * side.sign)
        desk.settle()
        assert not desk.fills(trail)
        desk.quote(4 * side.sign)  # still in favour of the entry, and through the trail of the best price
        desk.filled(trail)
        assert desk.held() == 0

    @case
    def test_an_exit_at_the_market_ends_what_protected_the_position(self, desk: Desk) -> None:
        self._position(desk)
        stop = self._child(desk, OrderType.STOP, -3)
        desk.trade(desk.order(SELL, 10, reduce_only=True))
        desk.until("the stop ended", lambda: desk.state(stop) is OrderState.CANCELLED)
        desk.quote(-4)
        desk.settle()
        assert desk.held() == 0, "a stop sold what was gone"

    @case
    def test_a_cancelled_target_leaves_the_stop_in_place(self, desk: Desk) -> None:
        self._position(desk)
        stop, target = self._child(desk, OrderType.STOP, -3), self._child(desk, OrderType.TARGET, 3)
        desk.cancel(target)
        desk.until("cancelled", lambda: desk.state(target) is OrderState.CANCELLED)
        desk.quote(4)
        desk.settle()
        assert desk.held() == desk.lots(10)
        desk.quote(-4)
        desk.filled(stop)

    @case
    def test_protection_is_known_to_a_new_client(self, desk: Desk) -> None:
        self._position(desk)
        stop, target = self._child(desk, OrderType.STOP, -3), self._child(desk, OrderType.TARGET, 3)
        desk.restart()
        desk.quote(-4)
        desk.filled(stop)
        desk.until("its sibling ended", lambda: desk.state(target) is OrderState.CANCELLED)
        assert desk.held() == 0

    # ---- shorts ------------------------------------------------------------------------------------------------------

    @case
    def test_a_sale_of_what_is_not_held_makes_a_negative_position(self, desk: Desk) -> None:
        desk.proves("shorts")
        desk.hold(6, SELL)
        assert desk.held() == -desk.lots(6)

    @case
    def test_a_short_that_is_bought_back_is_flat(self, desk: Desk) -> None:
        desk.proves("shorts")
        desk.hold(6, SELL)
        desk.hold(6, BUY)
        assert desk.held() == 0

    @case
    def test_a_sale_of_more_than_is_held_turns_the_position(self, desk: Desk) -> None:
        desk.proves("shorts")
        desk.hold(5)
        desk.hold(8, SELL)
        assert desk.held() == -desk.lots(3)

    @case
    def test_a_sale_of_what_is_not_held_comes_to_nothing_where_shorts_are_not_claimed(self, desk: Desk) -> None:
        if desk.can.shorts:
            desk.skip("claimed: shorts")
        order = desk.order(SELL)
        with suppress(Refused):
            desk.submit(order)
            desk.quote(0)
            desk.until("it is over", lambda: desk.has_ended(order))
        assert desk.held() >= 0, "it sold short and does not claim to"
