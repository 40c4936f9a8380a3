"""Refusals: what a broker cannot take it says beforehand, naming the field, and a refused order leaves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from workbench.errors import NotSent, Refused
from workbench.model import Order, OrderState, OrderType
from workbench.testing.brokers.desk import BUY, Desk
from workbench.testing.brokers.order_types import typed
from workbench.testing.brokers.record import case


def _unknown_symbol(desk: Desk) -> Order:
    return replace(desk.order(), symbol=f"{desk.rig.instrument.symbol}-NOT")


def _other_account(desk: Desk) -> Order:
    return replace(desk.order(), account="somebody-else")


def _no_size(desk: Desk) -> Order:
    return replace(desk.order(), state=OrderState.RECEIVED, size=Decimal(0))


def _part_of_a_lot(desk: Desk) -> Order:
    if desk.rig.instrument.lot is None:
        desk.skip("the rig's instrument has no lot")
    return replace(desk.order(), size=desk.rig.instrument.lot * Decimal("1.5"))


def _limit_off_tick(desk: Desk) -> Order:
    return replace(desk.limit(), limit=_off(desk, desk.price(-2)))


def _level_off_tick(desk: Desk) -> Order:
    if OrderType.STOP not in desk.can.types:
        desk.skip("not claimed: type:stop")
    return replace(typed(desk, OrderType.STOP, BUY), level=_off(desk, desk.price(2)))


def _off(desk: Desk, price: Decimal) -> Decimal:
    if desk.rig.instrument.tick is None:
        desk.skip("the rig's instrument has no tick")
    return price + desk.rig.instrument.tick / 2


BAD: dict[str, tuple[Callable[[Desk], Order], str]] = {
    "an unknown symbol": (_unknown_symbol, "symbol"),
    "another account": (_other_account, "account"),
    "no size": (_no_size, "size"),
    "a part of a lot": (_part_of_a_lot, "size"),
    "a limit off the ticks": (_limit_off_tick, "limit"),
    "a level off the ticks": (_level_off_tick, "level"),
}
"""Orders that nobody can take, with the field that must be named."""
BAD_ORDERS = pytest.mark.parametrize("what", list(BAD))


class Refusals:
    """Orders that cannot be, and orders that the broker does not want."""

    @staticmethod
    def _refusal(desk: Desk, order: Order) -> str | None:
        """Send an order: why it was refused, None where it was taken."""
        try:
            desk.submit(order)
        except (Refused, NotSent) as refusal:
            return str(refusal)
        return None

    @BAD_ORDERS
    @case
    def test_the_check_names_what_is_wrong_and_sends_nothing(self, desk: Desk, what: str) -> None:
        make, field = BAD[what]
        order = make(desk)
        before = desk.taken()
        words = desk.broker.check(order)
        assert field in words, f"check() of an order with {what} must name its {field}, and says {words!r}"
        given = getattr(order, field)
        value = given if isinstance(given, str) else f"{given.normalize():f}"
        assert value in words, f"check() must name the {field} {value} it was given, and says {words!r}"
        assert desk.taken() == before

    @BAD_ORDERS
    @case
    def test_one_that_is_sent_all_the_same_comes_to_nothing_for_a_reason(self, desk: Desk, what: str) -> None:
        order = BAD[what][0](desk)
        refusal = self._refusal(desk, order)
        assert refusal != "", "refused without a reason"
        if refusal is None:  # some brokers take first and refuse later
            desk.quote(0)
            desk.until("it is over", lambda: desk.has_ended(order))
            assert desk.state(order) is OrderState.REJECTED
            desk.until("its end was told", lambda: desk.told_of(order)[-1].state is OrderState.REJECTED)
            assert desk.told_of(order)[-1].reason, "rejected without a reason"
        desk.quote(-3)
        desk.settle()
        assert desk.held() == 0
        assert not desk.fills(order)

    @case
    def test_the_check_of_a_good_order_is_silent_and_sends_nothing(self, desk: Desk) -> None:
        before = desk.taken()
        assert desk.broker.check(desk.order()) == ""
        assert desk.broker.check(desk.limit()) == ""
        assert desk.taken() == before
        assert not desk.ear.told

    @case
    def test_the_brokers_own_refusal_is_refused_in_words_and_leaves_nothing(self, desk: Desk) -> None:
        before = desk.taken()
        desk.fail("refuse")
        order = desk.limit()
        with pytest.raises(Refused) as caught:
            desk.submit(order)
        desk.rig.mend()
        assert str(caught.value), "refused without a reason"
        desk.settle()
        assert desk.taken() == before, "Refused was raised for an order that the broker took"
        assert desk.listed(order) is None or desk.has_ended(order)

    @case
    def test_an_order_after_a_refused_one_is_taken(self, desk: Desk) -> None:
        desk.fail("refuse")
        with pytest.raises(Refused):
            desk.submit(desk.limit())
        desk.rig.mend()
        desk.hold(3)
        assert desk.held() == desk.lots(3)

    @case
    def test_an_order_beyond_all_means_is_refused_rejected_or_cut_for_a_reason(self, desk: Desk) -> None:
        many = int(desk.rig.cash / desk.rig.price / desk.lots(1)) * 20 + 1
        order = desk.order(BUY, many)
        refusal = self._refusal(desk, order)
        assert refusal != "", "refused without a reason"
        if refusal is not None:
            return
        desk.quote(0)
        desk.until("it is over", lambda: desk.has_ended(order))
        assert desk.state(order) is not OrderState.FILLED
        desk.until("its end was told", lambda: desk.told_of(order)[-1].state is desk.state(order))
        assert desk.told_of(order)[-1].reason, "it came to nothing, or to less, without a reason"
        if desk.can.exact_cash:
            assert desk.broker.cash(desk.rig.account) >= 0
