"""What the paper broker knows of accounts and of the children of positions."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from workbench.fills import Levels
from workbench.model import Direction, OrderType, Position, from_json, iso, to_json


@dataclass
class Account:
    """What the broker knows of one account."""

    name: str
    cash: Decimal
    positions: dict[str, Position] = field(default_factory=dict)

    def position(self, symbol: str) -> Position:
        return self.positions.get(symbol) or Position(self.name, "", symbol)

    def available(self) -> Decimal:
        """Cash that may back a new position: the proceeds of shorts do not, and as much again is held for them."""
        shorts = (p for p in self.positions.values() if p.direction is Direction.SHORT)
        return self.cash - 2 * sum((-p.size * p.entry_price for p in shorts), Decimal(0))

    def to_doc(self) -> dict[str, Any]:
        """The account as JSON values."""
        return {"cash": f"{self.cash:f}", "positions": [to_json(position) for position in self.positions.values()]}

    @staticmethod
    def of_doc(name: str, doc: dict[str, Any]) -> "Account":
        """The account of a document."""
        held = [from_json(Position, position) for position in doc["positions"]]
        return Account(name, Decimal(doc["cash"]), {position.symbol: position for position in held})


@dataclass
class Protected:
    """The one-cancels-other children of one position, their levels together, and the last bar they were tried in."""

    children: dict[OrderType, str]
    levels: Levels
    tried: datetime | None = None

    def to_doc(self, account: str, symbol: str) -> dict[str, Any]:
        """The group as JSON values."""
        return {
            "account": account,
            "symbol": symbol,
            "children": {kind.value: order_id for kind, order_id in self.children.items()},
            "levels": to_json(self.levels),
            "tried": None if self.tried is None else iso(self.tried),
        }

    @staticmethod
    def of_doc(doc: dict[str, Any]) -> "Protected":
        """The group of a document."""
        children = {OrderType(kind): order_id for kind, order_id in doc["children"].items()}
        return Protected(children, from_json(Levels, doc["levels"]), instant(doc["tried"]))


def instant(text: str | None) -> datetime | None:
    """A time of a document."""
    return None if text is None else datetime.fromisoformat(text)
