"""Position: what is held of one symbol."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext

from workbench.errors import BadInput
from workbench.model.numbers import MONEY_CONTEXT, not_negative
from workbench.model.order import Side
from workbench.model.signal import Direction


@dataclass(frozen=True, slots=True)
class Position:
    """A signed size at an average entry price (0 when flat), with what it has realised before fees.

    `size` is above 0 when long and below 0 when short.
    """

    account: str
    strategy: str
    symbol: str
    size: Decimal = Decimal(0)
    entry_price: Decimal = Decimal(0)
    realised: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        for name in ("size", "realised"):
            value = getattr(self, name)
            if not isinstance(value, Decimal) or not value.is_finite():
                raise BadInput(f"position {name}", value, "must be a finite Decimal")
        not_negative("entry price", self.entry_price)

    @property
    def direction(self) -> Direction | None:
        """LONG, SHORT, or None when flat."""
        return None if self.size == 0 else Direction.LONG if self.size > 0 else Direction.SHORT

    def after(self, side: Side, traded: Decimal, price: Decimal) -> Position:
        """The position once a fill is counted: average cost; a fill through zero opens at its own price."""
        with localcontext(MONEY_CONTEXT):
            change = side.sign * traded
            size = self.size + change
            if self.size * change >= 0:
                cost = abs(self.size) * self.entry_price + traded * price
                return self._with(size, cost / abs(size), self.realised)
            closed = min(abs(self.size), traded)
            gain = closed * (price - self.entry_price) * (1 if self.size > 0 else -1)
            entry = self.entry_price if self.size * size > 0 else price if size else Decimal(0)
            return self._with(size, entry, self.realised + gain)

    def _with(self, size: Decimal, entry_price: Decimal, realised: Decimal) -> Position:
        return Position(self.account, self.strategy, self.symbol, size, entry_price, realised)
