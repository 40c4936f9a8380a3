"""An account at the paper broker: its cash, its positions by strategy, and what of both is not settled yet."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from workbench.model import Direction, Position, Side, from_json, iso, to_json

Holding = tuple[str, str]
"""A strategy and a symbol."""


@dataclass
class Account:
    """What the broker knows of one account; a position of each strategy by itself, as in a sub-account.

    `products` and `opened` (UTC) say under which product each position was opened, and when; `due_cash` is what sales
    brought that is settled on a later day, `due_sizes` what was bought and is delivered later. Without a margin table,
    square-off or settlement these four stay empty. `is_called` says that a margin call is open.
    """

    name: str
    cash: Decimal
    positions: dict[Holding, Position] = field(default_factory=dict)
    products: dict[Holding, str] = field(default_factory=dict)
    opened: dict[Holding, datetime] = field(default_factory=dict)
    due_cash: list[tuple[date, Decimal]] = field(default_factory=list)
    due_sizes: dict[Holding, list[tuple[date, Decimal]]] = field(default_factory=dict)
    is_called: bool = False

    def position(self, strategy: str, symbol: str) -> Position:
        """What a strategy holds of a symbol; flat where nothing was ever traded."""
        return self.positions.get((strategy, symbol)) or Position(self.name, strategy, symbol)

    def available(self) -> Decimal:
        """Cash that may back a new position: the proceeds of shorts do not, and as much again is held for them."""
        shorts = (p for p in self.positions.values() if p.direction is Direction.SHORT)
        return self.cash - 2 * sum((-p.size * p.entry_price for p in shorts), Decimal(0))

    def unsettled(self, on: date) -> Decimal:
        """Proceeds that are settled after a day."""
        return sum((amount for day, amount in self.due_cash if day > on), Decimal(0))

    def settled_size(self, strategy: str, symbol: str, on: date) -> Decimal:
        """How much of a long position has been delivered by a day."""
        due = sum((size for day, size in self.due_sizes.get((strategy, symbol), ()) if day > on), Decimal(0))
        return max(self.position(strategy, symbol).size - due, Decimal(0))

    def settle_later(self, holding: Holding, side: Side, size: Decimal, amount: Decimal, on: date, today: date) -> None:
        """Note a trade that settles on a later day: a sale's proceeds, or what a purchase brought."""
        if side is Side.SELL:
            if amount > 0:
                self.due_cash = [due for due in self.due_cash if due[0] > today] + [(on, amount)]
            held = max(self.position(*holding).size, Decimal(0))
            due = self.due_sizes.get(holding, [])
            over = sum((s for _, s in due), Decimal(0)) - held  # more sold than was delivered: what comes next is gone
            kept = []
            for day, part in due:
                cut = min(part, max(over, Decimal(0)))
                over -= cut
                if part > cut:
                    kept.append((day, part - cut))
            self.due_sizes[holding] = kept
        else:
            due = [part for part in self.due_sizes.get(holding, []) if part[0] > today]
            self.due_sizes[holding] = [*due, (on, size)]

    def to_doc(self) -> dict[str, Any]:
        """The account as JSON values."""
        doc: dict[str, Any] = {
            "cash": f"{self.cash:f}",
            "positions": [to_json(position) for position in self.positions.values()],
        }
        if self.products:
            doc["products"] = [[*holding, product] for holding, product in self.products.items()]
            doc["opened"] = [[*holding, iso(at)] for holding, at in self.opened.items()]
        if self.due_cash or self.due_sizes:
            doc["due_cash"] = [[day.isoformat(), f"{amount:f}"] for day, amount in self.due_cash]
            doc["due_sizes"] = [
                [*holding, day.isoformat(), f"{size:f}"] for holding, due in self.due_sizes.items() for day, size in due
            ]
        if self.is_called:
            doc["is_called"] = True
        return doc

    @staticmethod
    def of_doc(name: str, doc: dict[str, Any], only: str) -> "Account":
        """The account of a document; in books of version 0.1 positions named no strategy, there was one: `only`."""
        held = [from_json(Position, position) for position in doc["positions"]]
        named = [p if p.strategy else replace(p, strategy=only) for p in held]
        account = Account(name, Decimal(doc["cash"]), {(p.strategy, p.symbol): p for p in named})
        account.products = {(s, symbol): product for s, symbol, product in doc.get("products", ())}
        account.opened = {(s, symbol): datetime.fromisoformat(at) for s, symbol, at in doc.get("opened", ())}
        account.due_cash = [(date.fromisoformat(day), Decimal(amount)) for day, amount in doc.get("due_cash", ())]
        for strategy, symbol, day, size in doc.get("due_sizes", ()):
            account.due_sizes.setdefault((strategy, symbol), []).append((date.fromisoformat(day), Decimal(size)))
        account.is_called = doc.get("is_called", False)
        return account
