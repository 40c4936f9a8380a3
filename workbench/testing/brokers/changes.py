"""Changes: a working order takes a new size, limit or level, and nothing is told of a change that was not made."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from workbench.errors import WorkbenchError
from workbench.model import Order, OrderState, OrderType
from workbench.testing.brokers.desk import BUY, Desk
from workbench.testing.brokers.order_types import typed
from workbench.testing.brokers.record import case


class Changes:
    """What `modify` does, for brokers that claim it, and that it is refused by those that do not."""

    def _changed(self, desk: Desk, order: Order, **more: object) -> Order:
        """Change an order and wait until the list shows it."""
        changed = replace(desk.now(order), **more)  # type: ignore[arg-type]
        desk.modify(changed)

        def is_shown() -> bool:
            found = desk.listed(order)
            return found is not None and (found.size, found.limit, found.level) == (
                changed.size, changed.limit, changed.level)  # fmt: skip

        desk.until("the list shows the change", is_shown)
        return changed

    @case
    def test_a_smaller_size_is_taken_and_is_what_trades(self, desk: Desk) -> None:
        desk.proves("modify")
        changed = self._changed(desk, desk.send(desk.limit()), size=desk.lots(4))
        desk.quote(-3)
        assert sum(f.size for f in desk.filled(changed)) == desk.lots(4)

    @case
    def test_a_nearer_limit_trades_where_the_old_one_would_not(self, desk: Desk) -> None:
        desk.proves("modify")
        changed = self._changed(desk, desk.send(desk.limit(percent=-6)), limit=desk.price(-2))
        desk.quote(-3)
        for fill in desk.filled(changed):
            assert fill.price <= desk.price(-2)

    @case
    def test_a_farther_limit_does_not_trade_where_the_old_one_would(self, desk: Desk) -> None:
        desk.proves("modify")
        changed = self._changed(desk, desk.send(desk.limit(percent=-2)), limit=desk.price(-6))
        desk.quote(-4)
        desk.settle()
        assert not desk.fills(changed)

    @case
    def test_a_stops_new_level_is_the_one_it_waits_for(self, desk: Desk) -> None:
        desk.proves("modify", "type:stop")
        changed = self._changed(desk, desk.send(typed(desk, OrderType.STOP, BUY)), level=desk.price(6))
        desk.quote(4)
        desk.settle()
        assert not desk.fills(changed), "it triggered at its old level"
        desk.quote(7)
        desk.filled(changed)

    @case
    def test_a_changed_order_keeps_its_name_and_stays_one_order(self, desk: Desk) -> None:
        desk.proves("modify")
        order = desk.send(desk.limit())
        before = desk.taken()
        self._changed(desk, order, limit=desk.price(-3))
        assert len(desk.taken()) == len(before), "the change was made as another order"
        assert desk.state(order) is OrderState.ACKED

    @case
    def test_a_change_is_told_to_the_listener_with_the_new_numbers(self, desk: Desk) -> None:
        desk.proves("modify")
        order = desk.send(desk.limit())
        self._changed(desk, order, size=desk.lots(6), limit=desk.price(-3))
        desk.until(
            "the change was told",
            lambda: (desk.told_of(order)[-1].size, desk.told_of(order)[-1].limit) == (desk.lots(6), desk.price(-3)),
        )

    @case
    def test_a_change_of_one_order_leaves_another_alone(self, desk: Desk) -> None:
        desk.proves("modify")
        other, order = desk.send(desk.limit(percent=-4)), desk.send(desk.limit())
        self._changed(desk, order, limit=desk.price(-3))
        listed = desk.listed(other)
        assert listed is not None
        assert (listed.limit, listed.size) == (other.limit, other.size)

    @case
    def test_a_size_not_above_what_has_filled_trades_no_more(self, desk: Desk) -> None:
        desk.proves("modify")
        desk.world(lambda: desk.rig.liquidity(desk.lots(6)))
        order = desk.send(desk.limit())
        desk.quote(-3)
        desk.until("a part filled", lambda: desk.fills(order))
        try:
            desk.modify(replace(order, size=desk.lots(5)))
        except WorkbenchError:  # refused: it works on as it was
            desk.settle()
            assert not desk.has_ended(order)
        else:  # taken to mean that no more is wanted
            desk.quote(-3)
            desk.until("it is over", lambda: desk.has_ended(order))
        listed = desk.listed(order)
        assert listed is not None
        assert listed.size >= desk.lots(6), f"a size of {listed.size} is listed, below what has filled"
        assert sum(f.size for f in desk.fills(order)) == desk.lots(6)

    @pytest.mark.parametrize("end", ["filled", "cancelled"])
    @case
    def test_a_change_of_an_order_that_has_ended_is_not_taken(self, desk: Desk, end: str) -> None:
        desk.proves("modify")
        order = desk.send(desk.limit(percent=-2))
        if end == "filled":
            desk.quote(-3)
            desk.filled(order)
        else:
            desk.cancel(order)
            desk.until("cancelled", lambda: desk.has_ended(order))
        with pytest.raises(WorkbenchError):
            desk.modify(replace(order, limit=desk.price(-4)))
        desk.settle()
        assert desk.state(order) == OrderState(end)

    @case
    def test_a_change_of_an_order_that_was_never_sent_is_not_taken(self, desk: Desk) -> None:
        desk.proves("modify")
        before = desk.taken()
        with pytest.raises(WorkbenchError):
            desk.modify(desk.limit())
        assert desk.taken() == before

    @pytest.mark.parametrize("how", ["refuse", "drop_before", "before_bytes"])
    @case
    def test_a_change_that_was_not_made_is_not_told(self, desk: Desk, how: str) -> None:
        desk.proves("modify")
        order = desk.send(desk.limit())
        desk.fail(how)
        with pytest.raises(Exception, match=r".*"):
            desk.modify(replace(order, limit=desk.price(-3)))
        desk.rig.mend()
        desk.settle()
        listed = desk.listed(order)
        assert listed is not None
        assert listed.limit == order.limit
        assert all(o.limit == order.limit for o in desk.told_of(order)), "a change was told that the broker never made"

    @case
    def test_a_change_whose_answer_was_lost_shows_in_the_list(self, desk: Desk) -> None:
        desk.proves("modify")
        order = desk.send(desk.limit())
        desk.fail("drop_after")
        with suppress(Exception):
            desk.modify(replace(order, limit=desk.price(-3)))
        desk.rig.mend()

        def is_shown() -> bool:
            found = desk.listed(order)
            return found is not None and found.limit == desk.price(-3)

        desk.until("the list shows it", is_shown)

    @case
    def test_a_change_is_refused_where_changes_are_not_claimed(self, desk: Desk) -> None:
        if desk.can.modify:
            desk.skip("claimed: modify")
        order = desk.send(desk.limit())
        with pytest.raises(WorkbenchError):
            desk.modify(replace(order, limit=desk.price(-3)))
        assert desk.state(order) is OrderState.ACKED
