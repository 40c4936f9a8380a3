"""What the paper broker knows of accounts and of the children of positions."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from workbench.errors import Refused
from workbench.fills import Levels
from workbench.model import Direction, Order, OrderType, Position, Side, from_json, iso, to_json


@dataclass
class Account:
    """What the broker knows of one account; a position of each strategy by itself, as in a sub-account."""

    name: str
    cash: Decimal
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)

    def position(self, strategy: str, symbol: str) -> Position:
        return self.positions.get((strategy, symbol)) or Position(self.name, strategy, symbol)

    def available(self) -> Decimal:
        """Cash that may back a new position: the proceeds of shorts do not, and as much again is held for them."""
        shorts = (p for p in self.positions.values() if p.direction is Direction.SHORT)
        return self.cash - 2 * sum((-p.size * p.entry_price for p in shorts), Decimal(0))

    def to_doc(self) -> dict[str, Any]:
        """The account as JSON values."""
        return {"cash": f"{self.cash:f}", "positions": [to_json(position) for position in self.positions.values()]}

    @staticmethod
    def of_doc(name: str, doc: dict[str, Any], only: str) -> "Account":
        """The account of a document; in books of version 0.1 positions named no strategy, there was one: `only`."""
        held = [from_json(Position, position) for position in doc["positions"]]
        named = [p if p.strategy else replace(p, strategy=only) for p in held]
        return Account(name, Decimal(doc["cash"]), {(p.strategy, p.symbol): p for p in named})


@dataclass
class Protected:
    """The one-cancels-other children of one position, their levels together, and the last bar they were tried in."""

    children: dict[OrderType, str]
    levels: Levels
    tried: datetime | None = None

    @staticmethod
    def of_position(position: Position) -> "Protected":
        """No children yet; a trail would hang from the position's entry price."""
        entry = Side.BUY if position.size > 0 else Side.SELL
        return Protected({}, Levels(entry, None, None, None, position.entry_price))

    def attach(self, child: Order) -> None:
        """File a child. Raises Refused where there is one of its type."""
        if child.type in self.children:
            raise Refused(f"the position in {child.symbol} has a {child.type} order already")
        self.children[child.type] = child.order_id
        if child.type is OrderType.STOP:
            self.levels = replace(self.levels, stop=child.level)
        elif child.type is OrderType.TARGET:
            self.levels = replace(self.levels, target=child.level)
        else:
            self.levels = replace(self.levels, trail=child.protection.trail)

    def detach(self, order_id: str) -> bool:
        """Take a child off; False when it is not one of these."""
        kind = next((kind for kind, child in self.children.items() if child == order_id), None)
        if kind is None:
            return False
        del self.children[kind]
        name = {OrderType.STOP: "stop", OrderType.TARGET: "target"}.get(kind, "trail")
        gone: dict[str, Any] = {name: None}
        self.levels = replace(self.levels, **gone)
        return True

    def to_doc(self, account: str, strategy: str, symbol: str) -> dict[str, Any]:
        """The group as JSON values."""
        return {
            "account": account,
            "strategy": strategy,
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
