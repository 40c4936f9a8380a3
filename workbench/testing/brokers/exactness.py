"""Exactness: exact Decimals on their grids, and instants in UTC that are when it happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from workbench.model import OrderState, Side, on_grid
from workbench.ports import BrokerOrder, Execution
from workbench.testing.brokers.desk import BUY, SELL, Desk
from workbench.testing.brokers.record import case

NEAR = timedelta(minutes=10)
ODD = pytest.mark.parametrize("percent", [-1.37, -2.93, -4.11])


class Exactness:
    """Prices, sizes, fees and times, as they are told and as they are listed."""

    def _all(self, desk: Desk) -> tuple[list[BrokerOrder], list[Execution]]:
        """Everything told and listed after a day with a bit of everything."""
        desk.hold(7)
        desk.send(desk.limit(percent=-1.37))
        desk.quote(-2)
        desk.send(desk.limit(percent=-6.43))
        desk.hold(3, SELL)
        desk.settle()
        return [*desk.ear.orders, *desk.broker.orders()], [*desk.ear.fills, *desk.broker.fills()]

    @case
    def test_every_number_is_a_finite_decimal(self, desk: Desk) -> None:
        orders, fills = self._all(desk)
        seen: list[tuple[str, object]] = [("cash", desk.broker.cash(desk.rig.account))]
        for order in orders:
            seen += [(name, getattr(order, name)) for name in ("size", "limit", "level", "filled")]
        for fill in fills:
            seen += [(name, getattr(fill, name)) for name in ("size", "price", "fee", "factor")]
        for position in desk.broker.positions():
            seen += [("position size", position.size), ("entry price", position.entry_price)]
        for name, value in seen:
            if value is None:
                continue
            assert isinstance(value, Decimal), f"{name} {value!r} is a {type(value).__name__}, no Decimal"
            assert value.is_finite(), f"{name} is {value}"

    @case
    def test_fill_prices_are_on_the_tick_grid_without_a_floats_tail(self, desk: Desk) -> None:
        _, fills = self._all(desk)
        for fill in fills:
            assert on_grid(fill.price, desk.rig.instrument.price_step), f"filled at {fill.price}"

    @case
    def test_sizes_are_whole_lots_to_the_last_digit(self, desk: Desk) -> None:
        orders, fills = self._all(desk)
        for size in (*(o.size for o in orders), *(f.size for f in fills), *(p.size for p in desk.broker.positions())):
            assert on_grid(abs(size), desk.rig.instrument.size_step), f"a size of {size}"

    @ODD
    @case
    def test_a_limit_with_odd_digits_comes_back_exactly(self, desk: Desk, percent: float) -> None:
        order = desk.send(desk.limit(percent=percent))
        listed = desk.listed(order)
        assert listed is not None
        assert listed.limit == order.limit
        assert all(o.limit in (None, order.limit) for o in desk.told_of(order))

    @ODD
    @case
    def test_a_fill_at_an_odd_limit_is_no_fraction_of_a_tick_worse(self, desk: Desk, percent: float) -> None:
        order = desk.send(desk.limit(percent=percent))
        desk.quote(percent - 1)
        for fill in desk.filled(order):
            assert order.limit is not None
            assert fill.price <= order.limit

    @case
    def test_every_time_is_in_utc_and_says_so(self, desk: Desk) -> None:
        orders, fills = self._all(desk)
        times: list[datetime] = [*(o.at for o in orders if o.at is not None), *(f.time for f in fills)]
        assert times
        for at in times:
            assert at.tzinfo is not None, f"{at} has no time zone"
            assert at.utcoffset() == timedelta(0), f"{at} is not in UTC"

    @pytest.mark.parametrize("side", [BUY, SELL], ids=str)
    @case
    def test_a_fill_is_timed_when_it_happened(self, desk: Desk, side: Side) -> None:
        desk.cover(side)
        order = desk.order(side)
        before = desk.rig.now()
        desk.trade(order)
        after = desk.rig.now()
        for fill in desk.fills(order):
            time = fill.time if fill.time.tzinfo else fill.time.replace(tzinfo=UTC)
            assert before - NEAR <= time <= after + NEAR, f"filled at {time}, and it was {after}: a zone taken for UTC?"

    @case
    def test_an_order_is_timed_when_it_was_taken(self, desk: Desk) -> None:
        before = desk.rig.now()
        order = desk.send(desk.limit())
        listed = desk.listed(order)
        assert listed is not None
        if listed.at is None:
            desk.skip("this broker does not say when it took an order")
        at = listed.at if listed.at.tzinfo else listed.at.replace(tzinfo=UTC)
        assert before - NEAR <= at <= desk.rig.now() + NEAR, f"taken at {at}, and it was {before}"

    @case
    def test_fills_of_one_order_after_another_are_not_timed_backwards(self, desk: Desk) -> None:
        first, second = desk.order(BUY, 2), desk.order(BUY, 3)
        desk.trade(first)
        desk.trade(second)
        assert max(f.time for f in desk.fills(first)) <= min(f.time for f in desk.fills(second))

    @case
    def test_a_listed_order_has_a_state_that_brokers_have(self, desk: Desk) -> None:
        orders, _ = self._all(desk)
        there = {OrderState.ACKED, OrderState.PARTIAL, OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED,
                 OrderState.REJECTED}  # fmt: skip
        assert {o.state for o in orders} <= there
