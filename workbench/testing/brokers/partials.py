"""Partials: an order that fills in pieces, in a world that can trade less than it asks for."""

from __future__ import annotations

from decimal import Decimal

from workbench.model import Order, OrderState
from workbench.testing.brokers.desk import Desk
from workbench.testing.brokers.record import case


class Partials:
    """Pieces, what is left of an order, and what each does to positions."""

    def _part(self, desk: Desk, size: int = 4) -> Order:
        """A limit order for ten lots of which so many have filled."""
        desk.world(lambda: desk.rig.liquidity(desk.lots(size)))
        order = desk.send(desk.limit())
        desk.quote(-3)
        desk.until("a part filled", lambda: sum(f.size for f in desk.told_fills(order)) >= desk.lots(size))
        desk.settle()
        return order

    @case
    def test_a_piece_is_told_with_its_size_and_the_rest_goes_on_working(self, desk: Desk) -> None:
        order = self._part(desk)
        assert [f.size for f in desk.told_fills(order)] == [desk.lots(4)]
        assert desk.state(order) in (OrderState.PARTIAL, OrderState.ACKED)

    @case
    def test_the_list_says_how_much_has_filled(self, desk: Desk) -> None:
        order = self._part(desk)
        listed = desk.listed(order)
        assert listed is not None
        assert listed.filled in (None, desk.lots(4))
        assert listed.size == order.size

    @case
    def test_the_rest_fills_later_and_the_pieces_sum_to_the_order(self, desk: Desk) -> None:
        order = self._part(desk)
        desk.quote(-3)
        desk.until("two pieces", lambda: len(desk.told_fills(order)) >= 2)
        desk.rig.liquidity(None)
        desk.quote(-3)
        pieces = desk.filled(order)
        assert sum((p.size for p in pieces), Decimal(0)) == order.size
        assert len({p.fill_id for p in pieces}) == len(pieces), "two pieces share an id"

    @case
    def test_pieces_of_the_same_size_and_price_have_ids_of_their_own(self, desk: Desk) -> None:
        order = self._part(desk, 5)
        desk.quote(-3)
        pieces = desk.filled(order)
        assert [p.size for p in pieces] == [desk.lots(5)] * 2
        assert len({p.fill_id for p in pieces}) == 2
        assert {f.fill_id for f in desk.fills(order)} == {p.fill_id for p in pieces}

    @case
    def test_a_cancel_of_the_rest_keeps_what_has_filled(self, desk: Desk) -> None:
        order = self._part(desk)
        desk.cancel(order)
        desk.until("cancelled", lambda: desk.state(order) is OrderState.CANCELLED)
        desk.quote(-3)
        desk.settle()
        assert desk.held() == desk.lots(4)
        assert sum(f.size for f in desk.fills(order)) == desk.lots(4)

    @case
    def test_each_piece_moves_the_position(self, desk: Desk) -> None:
        order = self._part(desk)
        assert desk.held() == desk.lots(4)
        desk.quote(-3)
        desk.until("two pieces", lambda: len(desk.told_fills(order)) >= 2)
        assert desk.held() == desk.lots(8)

    @case
    def test_what_has_filled_never_falls_from_report_to_report(self, desk: Desk) -> None:
        order = self._part(desk)
        desk.rig.liquidity(None)
        desk.quote(-3)
        desk.filled(order)
        desk.settle()
        told = [o.filled for o in desk.told_of(order) if o.filled is not None]
        assert told == sorted(told), f"filled went back: {told}"

    @case
    def test_an_order_is_not_told_to_be_filled_before_its_last_piece(self, desk: Desk) -> None:
        order = self._part(desk)
        assert OrderState.FILLED not in [o.state for o in desk.told_of(order)]
