"""Changes: cancelling and modifying orders that work, each asked for on file before the broker hears of it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from workbench.errors import BadInput, NotSent, Refused
from workbench.model import FINAL, Order, OrderState, positive
from workbench.trading.tickets import refusal
from workbench.trading.transitions import TRANSITIONS, OrderEvent

if TYPE_CHECKING:
    from workbench.trading.order_manager import OrderManager

_WAITS_HERE = (OrderState.READY, OrderState.HELD, OrderState.AWAITING_APPROVAL)


class Changes:
    """Asks a broker to cancel or modify. What is asked for is kept first; the answer comes as any report does."""

    def __init__(self, manager: OrderManager) -> None:
        self._manager = manager

    def ask_cancel(self, order_id: str, reason: str = "") -> list[str]:
        """Keep that an order is to be cancelled: the ids the broker has to be asked about. A crash forgets none."""
        manager = self._manager
        order = manager.repository.order(order_id)
        if order.state in _WAITS_HERE:
            pieces = manager.repository.pieces_of(order) if order.handling.pieces else ()
            asked = [name for piece in pieces if piece.state not in FINAL for name in self.ask_cancel(piece.order_id)]
            manager.step(order.but(reason=reason or order.reason), OrderEvent.CANCEL)
            return asked
        if (order.state, OrderEvent.ASK_CANCEL) in TRANSITIONS:
            manager.step(order, OrderEvent.ASK_CANCEL)
            return [order_id]
        if order.state not in FINAL and order.state is not OrderState.CANCEL_PENDING:
            manager.repository.note("not_cancelled", order_id, manager.now, reason=f"the order is {order.state}")
        return []

    def cancel_at_broker(self, order_id: str) -> None:
        """Ask the broker, once more where it was asked before. Not heard or in doubt: it is asked again later."""
        manager = self._manager
        order = manager.repository.order(order_id)
        if order.state is not OrderState.CANCEL_PENDING:
            return
        try:
            manager.broker.cancel(order)
        except Exception as error:  # noqa: BLE001 - a refusal leaves it working, anything else leaves the answer open
            self._not_changed(order_id, OrderState.CANCEL_PENDING, error)

    def modify(self, order_id: str, size: Decimal | None, limit: Decimal | None, level: Decimal | None) -> Order:
        """Change what is given. The size may only fall, and not below what has filled.

        Raises BadInput where nothing is asked for, the order has no such price, or the price is off the grid, and
        Refused where it does not work any more or the broker cannot change orders.
        """
        manager = self._manager
        order = manager.repository.order(order_id)
        changed = self._changed(order, size, limit, level)
        if order.state is OrderState.HELD:
            return manager.step(changed, OrderEvent.MODIFY)
        if (order.state, OrderEvent.ASK_MODIFY) not in TRANSITIONS:
            raise Refused(f"order {order_id} is {order.state} and cannot be changed")
        if not manager.broker.capabilities.modify:
            raise Refused("this broker cannot change orders: cancel it, and place another once it is cancelled")
        manager.repository.note(
            "modify", order_id, manager.now,
            size=str(changed.size), limit=str(changed.limit), level=str(changed.level),
        )  # fmt: skip
        manager.step(order, OrderEvent.ASK_MODIFY)
        try:
            manager.broker.modify(changed)
        except Exception as error:  # noqa: BLE001 - as for a cancel
            self._not_changed(order_id, OrderState.MODIFY_PENDING, error)
        return manager.repository.order(order_id)

    def _changed(self, order: Order, size: Decimal | None, limit: Decimal | None, level: Decimal | None) -> Order:
        """The order as it is to be."""
        if (size, limit, level) == (None, None, None):
            raise BadInput("modify", order.order_id, "changes nothing", "give a size, a limit or a level")
        for name, value, has in (("limit", limit, order.type.has_limit), ("level", level, order.type.has_level)):
            if value is not None and not has:
                raise BadInput(name, value, f"a {order.type} order has none")
        for name, value in (("order limit", limit), ("order level", level)):
            if value is not None:
                positive(name, value)
        if size is not None and not size.is_finite():
            raise BadInput("size", size, "must be finite")
        if size is not None and not order.filled < size <= order.size:
            remedy = "place another order for more" if size > order.size else "cancel it to have no more"
            raise BadInput("size", size, f"must be above {order.filled:f} and at most {order.size:f}", remedy)
        given = {name: v for name, v in (("size", size), ("limit", limit), ("level", level)) if v is not None}
        changed = order.but(**given)
        if changed == order:
            raise BadInput("modify", order.order_id, "changes nothing", "the order has these values already")
        manager = self._manager
        if order.symbol not in manager.instruments:
            raise Refused(f"order {order.order_id} cannot be changed: {order.symbol} is not traded here")
        words = refusal(changed, manager.instruments[order.symbol], manager.hours, manager.broker.capabilities)
        words = words or manager.broker.check(changed)
        if words:
            raise BadInput("modify", order.order_id, words)
        return changed

    def _not_changed(self, order_id: str, state: OrderState, error: Exception) -> None:
        """A request that failed: refused, it works on as it was; else the next look at the broker will tell."""
        manager = self._manager
        order = manager.repository.order(order_id)
        words = f"{type(error).__name__}: {error}"
        if order.state is not state:
            return
        if isinstance(error, Refused) or (isinstance(error, NotSent) and state is OrderState.MODIFY_PENDING):
            event = OrderEvent.REFUSE_CHANGE_PARTIAL if order.filled else OrderEvent.REFUSE_CHANGE
            manager.step(order.but(reason=words), event)
        else:
            manager.repository.note("not_heard", order_id, manager.now, reason=words)
