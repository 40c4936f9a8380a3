"""Lots: what is held of one symbol, at average cost and first in, first out at once."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal, localcontext

from workbench.model import MONEY_CONTEXT, Fill, Position

_FINEST = Decimal("1e-20")
"""Costs are split down to this, and the rest stays with what is left: nothing is ever lost to a division."""


@dataclass(slots=True)
class Lot:
    """What one fill opened and nothing has closed yet: a signed size, and what it cost (negative for a short)."""

    size: Decimal
    cost: Decimal

    @property
    def price(self) -> Decimal:
        """Its price a unit."""
        with localcontext(MONEY_CONTEXT):
            return self.cost / self.size


class Holding:
    """One strategy's holding of one symbol in one account; changed by the ledger alone.

    `cost` is the exact cost of what is open at average cost, `gain` what closing it has made, before fees.
    """

    __slots__ = (
        "_events", "_position", "account", "cost", "currency", "fifo_gain", "gain", "lots", "size", "strategy",
        "symbol",
    )  # fmt: skip

    def __init__(self, account: str, strategy: str, symbol: str) -> None:
        self.account, self.strategy, self.symbol = account, strategy, symbol
        self.currency = ""
        self.size = self.cost = self.gain = self.fifo_gain = Decimal(0)
        self.lots: deque[Lot] = deque()
        self._position: Position | None = None
        self._events: list[tuple[str, Decimal, Decimal]] = []
        """All that ever changed it: a fill's id with its signed size and cost, or a split's ratio."""

    @property
    def position(self) -> Position:
        """The holding as a position at average cost."""
        if self._position is None:
            with localcontext(MONEY_CONTEXT):
                entry = self.cost / self.size if self.size else Decimal(0)
            self._position = Position(self.account, self.strategy, self.symbol, self.size, entry.copy_abs(), self.gain)
        return self._position

    def trade(self, fill: Fill) -> tuple[Decimal, Decimal]:
        """Count a fill: by how much the cost of what is held changed, and what was gained at average cost."""
        self.currency = fill.currency
        size = fill.side.sign * fill.size
        self._events.append((fill.fill_id, size, size * fill.price))
        return self._change(size, size * fill.price)

    def without(self, fill: Fill) -> tuple[Decimal, Decimal]:
        """Take a fill out, as if it had never been: by how much cost and gain change."""
        cost, gain, events = self.cost, self.gain, self._events
        self.size = self.cost = self.gain = self.fifo_gain = Decimal(0)
        self.lots, self._events = deque(), [event for event in events if event[0] != fill.fill_id]
        for name, size, paid in self._events:
            if name:
                self._change(size, paid)
            else:
                self._split(size)
        self._position = None
        return self.cost - cost, self.gain - gain

    def split(self, ratio: Decimal) -> None:
        """Turn every unit into `ratio` units at the same cost."""
        self._events.append(("", ratio, Decimal(0)))
        self._split(ratio)

    def _split(self, ratio: Decimal) -> None:
        with localcontext(MONEY_CONTEXT):
            self.size *= ratio
            for lot in self.lots:
                lot.size *= ratio
        self._position = None

    def _change(self, size: Decimal, paid: Decimal) -> tuple[Decimal, Decimal]:
        """`size` more (or less) units for `paid`, both signed alike: the change in cost, and the gain."""
        self._position = None
        if self.size * size >= 0:
            self.size, self.cost = self.size + size, self.cost + paid
            self.lots.append(Lot(size, paid))
            return paid, Decimal(0)
        closed = -self.size if abs(size) >= abs(self.size) else size
        proceeds = paid if closed == size else _share(paid, closed, size)
        released = self.cost if closed == -self.size else _share(self.cost, -closed, self.size)
        gain = -proceeds - released
        self.gain += gain
        self.fifo_gain += -proceeds - self._release(-closed)
        rest, rest_paid = size - closed, paid - proceeds
        self.size, self.cost = self.size + size, self.cost - released + rest_paid
        if rest:
            self.lots.append(Lot(rest, rest_paid))
        return rest_paid - released, gain

    def _release(self, size: Decimal) -> Decimal:
        """Take a size out of the oldest lots: what it had cost."""
        released = Decimal(0)
        while size:
            lot = self.lots[0]
            if abs(lot.size) <= abs(size):
                size -= lot.size
                released += lot.cost
                self.lots.popleft()
            else:
                cost = _share(lot.cost, size, lot.size)
                lot.size, lot.cost = lot.size - size, lot.cost - cost
                released += cost
                size = Decimal(0)
        return released


def _share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """The share of an amount that goes with a part of a whole, at the finest step."""
    return (amount * part / whole).quantize(_FINEST)
