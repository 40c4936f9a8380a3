"""Legs: orders that belong together, sent in turn, and unwound where one of them cannot be had."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from workbench.model import FINAL, Action, Direction, OnFailure, Order, OrderState, Side, Signal, SizeRequest, SizeRule
from workbench.trading.transitions import TRANSITIONS, OrderEvent

if TYPE_CHECKING:
    from workbench.trading.order_manager import OrderManager

_LOOKS_BACK = timedelta(days=7)


def in_turn(signals: list[Signal], legs: str, on_failure: OnFailure) -> list[Signal]:
    """Signals of one order of several legs with their turns: what buys goes first, since it lowers the margin of what
    sells; each turn begins when the one before has filled.
    """
    found = []
    for signal in sorted(signals, key=lambda s: s.direction is not Direction.LONG):
        rank = 0 if signal.direction is Direction.LONG or not any(s.direction is Direction.LONG for s in signals) else 1
        handling = replace(signal.ticket.handling, legs=legs, rank=rank, on_failure=on_failure)
        found.append(replace(signal, ticket=replace(signal.ticket, handling=handling)))
    return found


class Legs:
    """Tells when a leg may go, and closes what was had where a leg failed and the order says so."""

    def __init__(self, manager: OrderManager) -> None:
        self._manager = manager
        self._broken: dict[str, Order] = {}

    def recall(self, account: str) -> None:
        """After a restart: find the orders of which a leg failed. Unwinding one again does nothing."""
        for order in self._manager.repository.orders_since(account, self._manager.now - _LOOKS_BACK):
            self.note(order)

    def note(self, order: Order) -> None:
        """Remember an order one of whose legs ended without all it was to have."""
        group = order.handling.legs
        if group is not None and order.state in FINAL and order.state is not OrderState.FILLED:
            self._broken.setdefault(group, order)

    def may_go(self, order: Order) -> bool:
        """Whether all legs of earlier turns have filled, or the order goes on without them."""
        earlier = [leg for leg in self._of(order) if leg.handling.rank < order.handling.rank]
        if all(leg.state is OrderState.FILLED for leg in earlier):
            return True
        goes_on = order.handling.on_failure is OnFailure.KEEP
        return goes_on and all(leg.state in FINAL for leg in earlier)

    def unwind(self) -> bool:
        """Where a leg failed: cancel the others, and once all have ended close what they had; whether anything was."""
        moved = False
        for group, failed in list(self._broken.items()):
            if failed.handling.on_failure is OnFailure.KEEP:
                del self._broken[group]
                continue
            legs = self._of(failed)
            words = f"leg {failed.symbol} was {failed.state}: {failed.reason}"
            for leg in legs:
                if leg.state is OrderState.HELD or (leg.state, OrderEvent.ASK_CANCEL) in TRANSITIONS:
                    self._manager.cancel(leg.order_id, words)
            legs = self._of(failed)
            if all(leg.state in FINAL for leg in legs):
                del self._broken[group]
                moved = any(self._close(group, leg) for leg in legs if leg.filled and not leg.reduce_only) or moved
        return moved

    def _close(self, group: str, leg: Order) -> bool:
        manager = self._manager
        held = manager.ledger.position(leg.account, leg.strategy, leg.symbol)
        size = min(leg.filled, max(held.size * leg.side.sign, Decimal(0)))  # some of it may have been closed since
        if size == 0:
            return False
        made = manager.handle(
            Signal(
                source="legs",
                key=f"{group}|unwind|{leg.order_id}",
                strategy=leg.strategy,
                account=leg.account,
                symbol=leg.symbol,
                action=Action.TRADE,
                direction=Direction.SHORT if leg.side is Side.BUY else Direction.LONG,
                bar_time=manager.now,
                available_at=manager.now,
                reference_price=manager.ledger.mark_of(leg.symbol, held.entry_price),
                size=SizeRequest(SizeRule.SHARES, size),
            )
        )
        return bool(made)

    def _of(self, order: Order) -> list[Order]:
        """All legs of the order one leg belongs to; they were decided at one instant."""
        since = self._manager.repository.orders_since(order.account, order.created_at)
        return [o for o in since if o.handling.legs == order.handling.legs]
