"""The one-cancels-other children of a position, as the paper broker keeps them."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from workbench.errors import Refused
from workbench.fills import Levels
from workbench.model import Order, OrderType, Position, Side, from_json, iso, to_json

Place = tuple[str, str, str]
"""An account, a strategy and a symbol: where a position is."""


@dataclass
class Protected:
    """Children that cancel each other, their levels together, and the last bar or quote they were tried in.

    An entry that fills in pieces has a group for each piece, of the same `parent`.
    """

    place: Place
    name: str
    parent: str
    children: dict[OrderType, str]
    levels: Levels
    tried: datetime | None = None

    @staticmethod
    def of_position(position: Position, child: Order, price: Decimal) -> "Protected":
        """No children yet; a trail would hang from `price`."""
        entry = Side.BUY if position.size > 0 else Side.SELL
        place = child.account, child.strategy, child.symbol
        return Protected(place, child.group or "", child.parent_id or "", {}, Levels(entry, None, None, None, price))

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

    def to_doc(self) -> dict[str, Any]:
        """The group as JSON values."""
        account, strategy, symbol = self.place
        return {
            "account": account,
            "strategy": strategy,
            "symbol": symbol,
            "group": self.name,
            "parent": self.parent,
            "children": {kind.value: order_id for kind, order_id in self.children.items()},
            "levels": to_json(self.levels),
            "tried": None if self.tried is None else iso(self.tried),
        }

    @staticmethod
    def of_doc(doc: dict[str, Any], only: str) -> "Protected":
        """The group of a document; in books of version 0.1 it named no strategy, there was one: `only`."""
        place = doc["account"], doc.get("strategy", only), doc["symbol"]
        children = {OrderType(kind): order_id for kind, order_id in doc["children"].items()}
        tried = None if doc["tried"] is None else datetime.fromisoformat(doc["tried"])
        levels = from_json(Levels, doc["levels"])
        return Protected(place, doc.get("group", ""), doc.get("parent", ""), children, levels, tried)


class Groups:
    """The groups of all positions, in the order in which they were made."""

    def __init__(self) -> None:
        self._all: dict[Place, dict[str, Protected]] = {}

    def of(self, place: Place) -> list[Protected]:
        """The groups of one position."""
        return list(self._all.get(place, {}).values())

    def all(self) -> list[Protected]:
        """Every group there is."""
        return [group for groups in self._all.values() for group in groups.values()]

    def add(self, group: Protected) -> None:
        """Keep a group."""
        self._all.setdefault(group.place, {})[group.name] = group

    def remove(self, group: Protected) -> None:
        """Forget a group."""
        groups = self._all[group.place]
        del groups[group.name]
        if not groups:
            del self._all[group.place]

    def holding(self, order_id: str) -> Protected | None:
        """The group a child is in."""
        return next((group for group in self.all() if order_id in group.children.values()), None)

    def for_child(self, child: Order, position: Position, price: Decimal | None) -> Protected:
        """The group a new child belongs to: its own, or a new one; one that names none goes to the first there is.

        `price` is that of the piece it protects, where it is known. The group is not kept yet where it is new.
        """
        groups = self.of((child.account, child.strategy, child.symbol))
        own = next((group for group in groups if group.name == (child.group or "")), None)
        if own is not None:
            return own
        if groups and not child.group:
            return groups[0]
        return Protected.of_position(position, child, price if groups and price is not None else position.entry_price)
