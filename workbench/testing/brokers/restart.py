"""Restart: another client of the same account sees the same orders, fills, positions and cash."""

from __future__ import annotations

from workbench.model import OrderState
from workbench.testing.brokers.desk import SELL, Desk
from workbench.testing.brokers.house import House
from workbench.testing.brokers.record import case


class Restart:
    """What a process that died knows again when it comes back."""

    @case
    def test_orders_are_listed_again_as_they_stood(self, desk: Desk) -> None:
        filled, resting, gone = desk.order(), desk.limit(), desk.limit(percent=-3)
        desk.trade(filled)
        desk.send(resting)
        desk.send(gone)
        desk.cancel(gone)
        desk.until("cancelled", lambda: desk.has_ended(gone))
        before = {o.broker_id: (o.state, o.side, o.size, o.limit, o.filled) for o in desk.broker.orders()}
        desk.restart()
        after = {o.broker_id: (o.state, o.side, o.size, o.limit, o.filled) for o in desk.broker.orders()}
        assert after == before

    @case
    def test_fills_are_listed_again_under_the_same_ids(self, desk: Desk) -> None:
        desk.hold(5)
        desk.hold(3, SELL)
        before = {f.fill_id: (f.size, f.price, f.time, f.broker_id) for f in desk.broker.fills()}
        desk.restart()
        assert {f.fill_id: (f.size, f.price, f.time, f.broker_id) for f in desk.broker.fills()} == before

    @case
    def test_a_fill_that_is_told_again_has_the_id_it_had(self, desk: Desk) -> None:
        desk.hold(5)
        known = {f.fill_id for f in desk.broker.fills()}
        desk.restart()
        desk.quote(0)
        desk.settle()
        desk.settle()
        assert {f.fill_id for f in desk.ear.fills} <= known, "an old fill was told as a new one"

    @case
    def test_positions_are_the_same(self, desk: Desk) -> None:
        desk.hold(5)
        desk.hold(2, SELL)
        desk.restart()
        assert desk.held() == desk.lots(3)

    @case
    def test_cash_is_the_same(self, desk: Desk) -> None:
        desk.hold(5)
        desk.settle()
        before = desk.broker.cash(desk.rig.account)
        desk.restart()
        assert desk.broker.cash(desk.rig.account) == before

    @case
    def test_an_order_that_rests_can_be_cancelled_by_the_new_client(self, desk: Desk) -> None:
        order = desk.send(desk.limit())
        desk.restart()
        desk.cancel(order)
        desk.until("cancelled", lambda: desk.state(order) is OrderState.CANCELLED)

    @case
    def test_an_order_that_rests_trades_and_the_new_client_hears_of_it(self, desk: Desk) -> None:
        order = desk.send(desk.limit())
        desk.restart()
        desk.quote(-3)
        desk.filled(order)
        assert desk.held() == order.size

    @case
    def test_a_new_order_after_a_restart_gets_fill_ids_of_its_own(self, desk: Desk) -> None:
        desk.hold(5)
        known = {f.fill_id for f in desk.broker.fills()}
        desk.restart()
        order = desk.order()
        desk.trade(order)
        assert not {f.fill_id for f in desk.fills(order)} & known, "an id was used again"

    @case
    def test_the_core_comes_back_without_drift_and_counts_each_fill_once(self, desk: Desk) -> None:
        house = House(desk)
        held = house.ask(5, rests=False)
        desk.quote(0)
        house.rounds(2)
        resting = house.ask(4)
        house.crash()
        house.rounds(2)
        assert house.troubles == []
        assert house.state(held) is OrderState.FILLED
        assert house.state(resting) is OrderState.ACKED
        assert house.held() == desk.lots(5) == desk.held()

    @case
    def test_the_core_finds_what_traded_while_it_was_away(self, desk: Desk) -> None:
        house = House(desk)
        order = house.ask(4)
        desk.restart()
        desk.quote(-3)  # it trades, and the dead process does not hear of it
        desk.until("it traded", lambda: desk.held() == desk.lots(4))
        house.crash()
        house.rounds(2)
        assert house.state(order) is OrderState.FILLED
        assert house.held() == desk.lots(4)
        assert house.troubles == []
