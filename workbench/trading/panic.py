"""Panic: what happens behind a raised fence. Cancel, list, flatten, until the broker twice shows nothing."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.model import Action, OrderState, OrderType, Signal
from workbench.trading.order_manager import OrderManager

_FATE_UNKNOWN = (OrderState.UNKNOWN, OrderState.QUARANTINED)
QUIET = 2
"""How often in a row the broker must show neither orders nor positions."""


@dataclass
class Flattening:
    """Brings one account to nothing, a step at a time; `done` once the broker has twice shown nothing.

    A step cancels what still works, then closes what is held. A close that was refused is sent again by a later step,
    under another attempt. What has an unknown fate is waited for: nothing is done.
    """

    manager: OrderManager
    account: str
    epoch: int
    quiet: int = 0
    attempt: int = 0

    @property
    def done(self) -> bool:
        """Whether the account is flat, on the broker's word."""
        return self.quiet >= QUIET

    def step(self) -> bool:
        """Cancel, list and flatten once; the same as `done`. A broker that cannot be asked never means flat."""
        repository, broker, ledger = self.manager.repository, self.manager.broker, self.manager.ledger
        for order in repository.open_orders(self.account):
            if not order.flattens and order.state not in _FATE_UNKNOWN:
                self.manager.cancel(order.order_id)
        positions = [p for p in broker.positions() if p.account == self.account and p.size != 0]
        # what contradicts itself waits for a person, and is nothing the broker shows
        working = [o for o in repository.open_orders(self.account) if o.state is not OrderState.QUARANTINED]
        if positions or ledger.positions(self.account) or working:
            self.quiet = 0
            self._close()
        else:
            self.quiet += 1
        return self.done

    def _close(self) -> None:
        repository = self.manager.repository
        for position in self.manager.ledger.positions(self.account):
            closing = [
                order
                for order in repository.open_orders(self.account, position.symbol)
                if order.reduce_only and order.type is OrderType.MARKET and order.state is not OrderState.QUARANTINED
            ]
            if position.direction is None or closing:  # under way, or of a fate nobody knows yet: never sold twice
                continue
            self.attempt += 1
            self.manager.handle(
                Signal(
                    source="panic",
                    key=f"{self.epoch}|{self.account}|{position.strategy}|{position.symbol}|{self.manager.now.isoformat()}|{self.attempt}",
                    strategy=position.strategy,
                    account=self.account,
                    symbol=position.symbol,
                    action=Action.EXIT,
                    direction=position.direction,
                    bar_time=self.manager.now,
                    available_at=self.manager.now,
                    reference_price=self.manager.ledger.mark_of(position.symbol, position.entry_price),
                ),
                flattens=True,
            )
