"""Validities and products: how long an order stays, and how it is margined."""

from __future__ import annotations

import pytest

from workbench.errors import Refused
from workbench.model import Handling, OrderState, Validity
from workbench.testing.brokers.desk import Desk
from workbench.testing.brokers.record import case

ENDED = (OrderState.CANCELLED, OrderState.EXPIRED)


class Validities:
    """Day, until cancelled, at once or not at all; products; what is shown and what waits for the open."""

    @pytest.mark.parametrize("validity", [Validity.DAY, Validity.GTC], ids=str)
    @case
    def test_an_order_that_stays_is_working_later_in_its_day(self, desk: Desk, validity: Validity) -> None:
        desk.proves(f"validity:{validity}")
        order = desk.send(desk.limit(validity=validity))
        for percent in (0, 1, 0):
            desk.quote(percent)
        desk.settle()
        assert desk.state(order) is OrderState.ACKED
        desk.quote(-3)
        desk.filled(order)

    @case
    def test_an_order_for_the_day_ends_with_it(self, desk: Desk) -> None:
        desk.proves("validity:day")
        order = desk.send(desk.limit(validity=Validity.DAY))
        desk.quote(0)
        desk.world(desk.rig.end_day)
        desk.quote(-3)
        desk.until("it is over", lambda: desk.state(order) in ENDED)
        assert not desk.fills(order), "it traded on the day after"

    @case
    def test_an_order_until_cancelled_outlives_its_day(self, desk: Desk) -> None:
        desk.proves("validity:gtc")
        order = desk.send(desk.limit(validity=Validity.GTC))
        desk.quote(0)
        desk.world(desk.rig.end_day)
        desk.quote(0)
        desk.settle()
        assert desk.state(order) is OrderState.ACKED
        desk.quote(-3)
        desk.filled(order)

    @case
    def test_an_order_at_once_that_finds_nothing_ends_and_never_rests(self, desk: Desk) -> None:
        desk.proves("validity:ioc")
        order = desk.limit(validity=Validity.IOC)
        desk.submit(order)
        desk.quote(0)
        desk.until("it is over", lambda: desk.state(order) in ENDED)
        desk.quote(-3)
        desk.settle()
        assert not desk.fills(order), "it rested, and traded later"
        assert desk.told_of(order)[-1].reason, "it ended without a reason"

    @case
    def test_an_order_at_once_that_finds_its_price_fills(self, desk: Desk) -> None:
        desk.proves("validity:ioc")
        order = desk.limit(percent=2, validity=Validity.IOC)
        desk.submit(order)
        desk.quote(0)
        desk.filled(order)

    @case
    def test_an_order_at_once_keeps_what_it_got_and_drops_the_rest(self, desk: Desk) -> None:
        desk.proves("validity:ioc")
        desk.world(lambda: desk.rig.liquidity(desk.lots(4)))
        order = desk.limit(percent=2, validity=Validity.IOC)
        desk.submit(order)
        desk.quote(0)
        desk.until("it is over", lambda: desk.state(order) in ENDED)
        assert sum(f.size for f in desk.fills(order)) == desk.lots(4)

    @pytest.mark.parametrize("validity", list(Validity), ids=str)
    @case
    def test_a_validity_that_is_not_claimed_is_refused_before_it_is_sent(self, desk: Desk, validity: Validity) -> None:
        if validity in desk.can.validities:
            desk.skip(f"claimed: validity:{validity}")
        order = desk.limit(validity=validity)
        assert str(validity) in desk.broker.check(order), "check() does not name the validity"

    @case
    def test_every_product_claimed_is_taken_or_named_as_not_for_this_instrument(self, desk: Desk) -> None:
        desk.proves("products")
        for number, product in enumerate(desk.can.products):
            order = desk.order(handling=Handling(validity=desk.validity, product=product))
            words = desk.broker.check(order)
            if words:
                assert number, f"the default product {product} is refused: {words}"
                assert product in words, f"refused without naming the product {product}: {words}"
            else:
                desk.trade(order)

    @case
    def test_a_product_that_is_not_claimed_is_refused_by_name(self, desk: Desk) -> None:
        order = desk.order(handling=Handling(validity=desk.validity, product="NO-SUCH-PRODUCT"))
        before = desk.taken()
        assert "NO-SUCH-PRODUCT" in desk.broker.check(order)
        with pytest.raises(Refused):
            desk.submit(order)
        assert desk.taken() == before

    @case
    def test_an_order_that_shows_a_part_trades_whole_as_one_order(self, desk: Desk) -> None:
        desk.proves("iceberg")
        order = desk.limit(percent=2, handling=Handling(validity=desk.validity, display=desk.lots(2)))
        desk.send(order)
        for _ in range(6):
            desk.quote(0)
        desk.filled(order)
        assert len(desk.taken()) == 1, "the pieces were sent as orders of their own"

    @case
    def test_an_order_given_after_the_market_closed_trades_on_the_next_day(self, desk: Desk) -> None:
        desk.proves("after_market")
        desk.world(desk.rig.end_day)
        order = desk.send(desk.order(handling=Handling(validity=desk.validity, after_market=True)))
        desk.settle()
        assert not desk.fills(order)
        desk.quote(0)
        desk.filled(order)
