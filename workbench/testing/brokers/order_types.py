"""Order types: each one claimed rests until its price comes, trades then, and never worse than its limit."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.errors import Refused
from workbench.model import Handling, Order, OrderState, OrderType, Side
from workbench.testing.brokers.desk import BUY, SELL, Desk
from workbench.testing.brokers.record import case

SIDES = pytest.mark.parametrize("side", [BUY, SELL], ids=str)
KINDS = pytest.mark.parametrize("kind", [kind for kind in OrderType if kind is not OrderType.MARKET], ids=str)
_RISING = {OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP}
"""Types of which a buy waits for a rise; the others wait for a fall."""
_PRICES: dict[OrderType, dict[str, float]] = {
    OrderType.LIMIT: {"limit": -2},
    OrderType.STOP: {"level": 2},
    OrderType.STOP_LIMIT: {"level": 2, "limit": 5},
    OrderType.TRAILING_STOP: {"level": 2},
    OrderType.TARGET: {"level": -2},
    OrderType.LIMIT_IF_TOUCHED: {"level": -2, "limit": 1},
}
"""Prices of a buy, in percent away from the market; a sell's are mirrored."""


def typed(desk: Desk, kind: OrderType, side: Side, **more: Any) -> Order:
    """An order of a type that waits for the market to move by two percent."""
    prices: dict[str, Any] = {n: desk.price(p * side.sign) for n, p in _PRICES.get(kind, {}).items()}
    if kind is OrderType.TRAILING_STOP:
        more["handling"] = Handling(
            validity=desk.validity, trail=(prices["level"] / desk.rig.price - 1).copy_abs() * 100
        )
    return desk.order(side, type=kind, **prices, **more)


def towards(kind: OrderType, side: Side) -> int:
    """+1 where the order waits for a rise, -1 for a fall."""
    return side.sign if kind in _RISING else -side.sign


class OrderTypes:
    """What an order waits for, and at what price it trades."""

    @SIDES
    @KINDS
    @case
    def test_it_rests_while_its_price_has_not_come(self, desk: Desk, kind: OrderType, side: Side) -> None:
        desk.proves(f"type:{kind}")
        desk.cover(side)
        order = desk.send(typed(desk, kind, side))
        for percent in (1.5, 0, -1.5) if kind is not OrderType.TRAILING_STOP else (1.5, 0):
            desk.quote(percent * towards(kind, side))
            assert not desk.fills(order), f"traded at {percent} percent, and waits for 2"
        desk.settle()
        assert not desk.fills(order), "traded while the market was not where it waits for"
        assert desk.state(order) is OrderState.ACKED

    @SIDES
    @KINDS
    @case
    def test_it_trades_when_its_price_has_come(self, desk: Desk, kind: OrderType, side: Side) -> None:
        desk.proves(f"type:{kind}")
        desk.cover(side)
        order = desk.send(typed(desk, kind, side))
        desk.quote(0)
        desk.quote(3 * towards(kind, side))
        desk.quote(3 * towards(kind, side))  # one that its level turned into a limit order may need a second look
        fills = desk.filled(order)
        for fill in fills:
            if order.limit is not None:
                worse = (fill.price - order.limit) * side.sign
                assert worse <= 0, f"{side} at {fill.price}, worse than its limit {order.limit}"
            assert abs(fill.price - desk.price(3 * towards(kind, side))) <= desk.rig.price * 2 / 100
        assert sum(f.size for f in desk.fills(order)) == order.size

    @SIDES
    @case
    def test_a_limit_the_market_is_through_already_trades_at_once_and_no_worse(self, desk: Desk, side: Side) -> None:
        desk.proves("type:limit")
        desk.cover(side)
        order = desk.send(desk.limit(side, 2 * side.sign))
        desk.quote(0)
        for fill in desk.filled(order):
            assert order.limit is not None
            assert (fill.price - order.limit) * side.sign <= 0, f"{side} at {fill.price}, worse than {order.limit}"

    @SIDES
    @case
    def test_a_stop_limit_jumped_over_does_not_trade_worse_than_its_limit(self, desk: Desk, side: Side) -> None:
        desk.proves("type:stop_limit")
        desk.cover(side)
        order = desk.send(typed(desk, OrderType.STOP_LIMIT, side))
        desk.quote(9 * side.sign)  # beyond level and limit at once
        desk.settle()
        assert not desk.fills(order), "it traded beyond its limit"
        desk.quote(4 * side.sign)  # back between level and limit: it was triggered, and trades as a limit order
        desk.quote(4 * side.sign)
        for fill in desk.filled(order):
            assert order.limit is not None
            assert (fill.price - order.limit) * side.sign <= 0

    @SIDES
    @case
    def test_a_trailing_stop_follows_the_price_and_never_loosens(self, desk: Desk, side: Side) -> None:
        desk.proves("type:trailing_stop")
        desk.cover(side)
        order = desk.send(typed(desk, OrderType.TRAILING_STOP, side))
        for percent in (-4, -8):
            desk.quote(percent * side.sign)
        desk.settle()
        assert not desk.fills(order)
        desk.quote(-5 * side.sign)  # three percent back from its best: through the trail of two
        desk.quote(-5 * side.sign)
        desk.filled(order)

    @pytest.mark.parametrize("kind", list(OrderType), ids=str)
    @case
    def test_a_type_that_is_not_claimed_is_refused(self, desk: Desk, kind: OrderType) -> None:
        if kind in desk.can.types:
            desk.skip(f"claimed: type:{kind}")
        before = desk.taken()
        with pytest.raises(Refused):
            desk.submit(typed(desk, kind, BUY))
        assert desk.taken() == before
