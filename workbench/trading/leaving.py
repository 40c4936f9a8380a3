"""Leaving: a strategy that takes no more risk in an account and closes what it holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from workbench.model import Action, OrderState, Signal
from workbench.trading.answers import EXTERNAL
from workbench.trading.monitor import FIRST_PAUSE, LONGEST_PAUSE
from workbench.trading.order_manager import OrderManager
from workbench.trading.price_watch import Last

_REFUSED = (OrderState.REJECTED, OrderState.DENIED)


class Leaving:
    """Takes a strategy's entries back, and once told to leave closes what it holds, by exits like any other.

    In an account of its own it closes all that is ours, in a `shared` one what is the strategy's alone. `last` gives
    the last price of its bars, None for a symbol it has none of.
    """

    def __init__(
        self, manager: OrderManager, account: str, name: str, last: Callable[[str], Last | None], *, shared: bool
    ) -> None:
        self._manager, self._account, self._name = manager, account, name
        self._last, self._shared = last, shared
        self._closed_at: datetime | None = None
        self._again: dict[str, tuple[datetime, timedelta]] = {}
        """After a refused exit: when a symbol is tried again, and how long after that the next time."""
        self.reason = ""
        """Why it leaves; empty while it stays."""

    def leave(self, reason: str) -> None:
        """Begin to leave; the first reason stands."""
        if not self.reason:
            self.reason = reason
            self._manager.repository.note("leaving", self._name, self._manager.now, reason=reason)

    @property
    def is_over(self) -> bool:
        """Whether it leaves, holds nothing and has nothing working."""
        open_orders = self._manager.repository.open_orders(self._account)
        working = [o for o in open_orders if o.state is not OrderState.QUARANTINED and self._closes(o.strategy)]
        held = [p for p in self._manager.ledger.positions(self._account) if self._closes(p.strategy)]
        return bool(self.reason) and not working and not held

    def take_entries_back(self, reason: str) -> None:
        """Cancel what would open a position."""
        for order in self._manager.repository.open_orders(self._account):
            if not order.reduce_only and order.strategy == self._name:
                self._manager.cancel(order.order_id, reason)

    def close_held(self) -> None:
        """Cancel what enters and close what is held; once an instant."""
        manager = self._manager
        if self._closed_at == manager.now:
            return
        self._closed_at = manager.now
        self.take_entries_back(manager.blocked or self.reason)
        for position in manager.ledger.positions(self._account):
            if position.direction is None or not self._closes(position.strategy):
                continue
            if not self._may_try(position.symbol):
                continue
            last = self._last(position.symbol)
            made = manager.handle(
                Signal(
                    source="stage",
                    key=f"{self._account}|{position.strategy}|{position.symbol}|{manager.now.isoformat()}|{self.reason}",
                    strategy=position.strategy,
                    account=self._account,
                    symbol=position.symbol,
                    action=Action.EXIT,
                    direction=position.direction,
                    bar_time=last.at if last else manager.now,
                    available_at=max(manager.now, last.at) if last else manager.now,
                    reference_price=manager.ledger.mark_of(position.symbol, position.entry_price),
                    factor=last.factor if last else Decimal(1),
                )
            )
            if any(order.state in _REFUSED for order in made):
                _, pause = self._again.get(position.symbol, (manager.now, FIRST_PAUSE))
                self._again[position.symbol] = manager.now + pause, min(2 * pause, LONGEST_PAUSE)

    def _may_try(self, symbol: str) -> bool:
        """Whether an exit may go now: the market is open, as far as is known, and none was refused just now."""
        manager = self._manager
        if manager.hours is not None and manager.hours.is_open(manager.now) is False:
            return False
        return symbol not in self._again or manager.now >= self._again[symbol][0]

    def _closes(self, strategy: str) -> bool:
        """Whether leaving closes what a strategy holds."""
        return strategy == self._name if self._shared else strategy != EXTERNAL
