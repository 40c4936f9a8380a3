"""Holdings: positions have the sign and size of the fills, and cash is what the fills explain where that is claimed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from workbench.model import Side
from workbench.testing.brokers.desk import BUY, SELL, Desk
from workbench.testing.brokers.record import case


class Holdings:
    """What is held, and what it cost."""

    @case
    def test_what_was_bought_is_held_with_a_positive_sign(self, desk: Desk) -> None:
        desk.hold(5)
        [position] = desk.broker.positions()
        assert (position.symbol, position.account) == (desk.rig.instrument.symbol, desk.rig.account)
        assert position.size == desk.lots(5)

    @case
    def test_two_buys_add_up(self, desk: Desk) -> None:
        desk.hold(5)
        desk.hold(3)
        assert desk.held() == desk.lots(8)

    @case
    def test_a_part_that_is_sold_leaves_the_rest(self, desk: Desk) -> None:
        desk.hold(5)
        desk.hold(2, SELL)
        assert desk.held() == desk.lots(3)

    @case
    def test_a_position_that_is_closed_is_not_listed(self, desk: Desk) -> None:
        desk.hold(5)
        desk.hold(5, SELL)
        assert [p for p in desk.broker.positions() if p.size == 0] == [], "flat positions are listed"
        assert desk.held() == 0

    @case
    def test_an_order_that_rests_is_no_position(self, desk: Desk) -> None:
        desk.send(desk.limit())
        desk.quote(0)
        desk.settle()
        assert desk.held() == 0

    @case
    def test_the_position_is_the_sum_of_the_signed_fills(self, desk: Desk) -> None:
        for lots, side in ((6, BUY), (2, SELL), (3, BUY), (4, SELL)):
            desk.hold(lots, side)
        assert desk.held() == sum((f.side.sign * f.size for f in desk.broker.fills()), Decimal(0)) == desk.lots(3)

    @case
    def test_the_entry_price_lies_between_those_that_were_paid(self, desk: Desk) -> None:
        first, second = desk.order(BUY, 5), desk.order(BUY, 5)
        desk.trade(first)
        desk.send(second)
        desk.quote(2)
        paid = [f.price for f in (*desk.told_fills(first), *desk.filled(second))]
        [position] = desk.broker.positions()
        assert min(paid) <= position.entry_price <= max(paid)

    @pytest.mark.parametrize("side", [BUY, SELL], ids=["long", "short"])
    @case
    def test_closing_what_was_opened_ends_flat_from_both_sides(self, desk: Desk, side: Side) -> None:
        if side is SELL:
            desk.proves("shorts")
        desk.hold(4, side)
        desk.hold(4, SELL if side is BUY else BUY)
        assert desk.held() == 0

    @case
    def test_cash_of_an_account_that_is_not_there_raises(self, desk: Desk) -> None:
        with pytest.raises(Exception, match=r".*"):
            desk.broker.cash("somebody-else")

    @case
    def test_cash_before_the_first_trade_is_what_the_account_began_with(self, desk: Desk) -> None:
        desk.proves("exact_cash")
        assert desk.broker.cash(desk.rig.account) == desk.rig.cash

    @case
    def test_cash_after_a_buy_is_less_by_price_and_fee(self, desk: Desk) -> None:
        desk.proves("exact_cash")
        desk.hold(5)
        assert desk.broker.cash(desk.rig.account) == self._explained(desk)

    @case
    def test_cash_after_a_round_trip_is_what_the_fills_explain(self, desk: Desk) -> None:
        desk.proves("exact_cash")
        desk.hold(5)
        desk.quote(3)
        desk.hold(5, SELL)
        assert desk.broker.cash(desk.rig.account) == self._explained(desk)

    @case
    def test_cash_after_a_short_is_more_by_its_proceeds(self, desk: Desk) -> None:
        desk.proves("exact_cash", "shorts")
        desk.hold(5, SELL)
        assert desk.broker.cash(desk.rig.account) == self._explained(desk)

    @case
    def test_an_order_that_rests_takes_no_cash(self, desk: Desk) -> None:
        desk.proves("exact_cash")
        desk.send(desk.limit())
        desk.settle()
        assert desk.broker.cash(desk.rig.account) == desk.rig.cash

    @staticmethod
    def _explained(desk: Desk) -> Decimal:
        spent = (f.side.sign * f.size * f.price + f.fee for f in desk.broker.fills())
        return desk.rig.cash - sum(spent, Decimal(0))
