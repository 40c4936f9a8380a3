"""Panic: what happens behind a raised fence. Cancel, list, flatten, until the broker twice shows nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from workbench.model import MONEY_CONTEXT, Action, OrderState, Position, Signal
from workbench.trading.order_manager import OrderManager
from workbench.trading.settling import take_over

_FATE_UNKNOWN = (OrderState.UNKNOWN, OrderState.QUARANTINED)
QUIET = 2
"""How often in a row the broker must show neither orders nor positions."""


@dataclass
class Flattening:
    """Brings one account to nothing, a step at a time; `done` once the broker has twice shown nothing.

    A step cancels what still works, then closes what is held. A close that was refused is sent again by a later step,
    under another attempt. What has an unknown fate is waited for: nothing is done. A position that the broker shows
    and the books have not is taken over as others' doing, on record, and closed like any other.
    """

    manager: OrderManager
    account: str
    epoch: int
    quiet: int = 0
    attempt: int = 0
    stray: dict[str, Decimal] = field(default_factory=dict)

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
        # what contradicts itself waits for a person, and is nothing the broker shows
        working = [o for o in repository.open_orders(self.account) if o.state is not OrderState.QUARANTINED]
        positions, odd = self._compared()
        if odd:  # a fill may not have been told yet
            for fill in broker.fills():
                if fill.account == self.account:
                    self.manager.answers.on_fill(fill)
            positions, odd = self._compared()
        if positions or ledger.positions(self.account) or working:
            self.quiet = 0
            if not working:
                self._take_over(positions, odd)
            self._close(odd)
        else:
            self.quiet += 1
        return self.done

    def _compared(self) -> tuple[list[Position], dict[str, Decimal]]:
        """The broker's positions, and by how much they differ from the books."""
        positions = [p for p in self.manager.broker.positions() if p.account == self.account and p.size != 0]
        odd: dict[str, Decimal] = {}
        with localcontext(MONEY_CONTEXT):
            for found, sign in ((positions, 1), (self.manager.ledger.positions(self.account), -1)):
                for p in found:
                    odd[p.symbol] = odd.get(p.symbol, Decimal(0)) + sign * p.size
        return positions, {symbol: size for symbol, size in odd.items() if size}

    def _take_over(self, positions: list[Position], odd: dict[str, Decimal]) -> None:
        """Book what the broker twice shows otherwise than the books."""
        prices = {p.symbol: p.entry_price for p in positions}
        for symbol, size in odd.items():
            price = self.manager.ledger.mark_of(symbol, prices.get(symbol, Decimal(0)))
            if self.stray.get(symbol) == size and price > 0:
                self.attempt += 1
                key = f"panic {self.epoch}|{symbol}|{self.attempt}|{self.manager.now.isoformat()}"
                words = "a panic takes over what the broker shows; the books had it otherwise"
                take_over(self.manager, self.account, symbol, size, price, words, key)
        self.stray = odd

    def _close(self, odd: dict[str, Decimal]) -> None:
        """Close what is held, where books and broker agree on how much that is: no more is sold than is there."""
        repository = self.manager.repository
        for position in self.manager.ledger.positions(self.account):
            if position.symbol in odd:
                continue
            closing = [
                order
                for order in repository.open_orders(self.account, position.symbol)
                if order.reduce_only
                and not order.protects
                and order.strategy == position.strategy
                and order.state is not OrderState.QUARANTINED
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
