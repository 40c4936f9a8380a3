"""Alert: what a sender's message asks for, in the words of this house, whatever the words it came in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from workbench.errors import BadInput
from workbench.model import MONEY_CONTEXT, Action, Direction, SizeRequest, iso
from workbench.signals.reading import above_zero, amount, one_of, said

BUY, SELL, SHORT, EXIT, EXIT_LONG, EXIT_SHORT = "buy", "sell", "short", "exit", "exit_long", "exit_short"
ACTIONS = {
    "buy": BUY, "long": BUY, "entry_long": BUY, "enter_long": BUY, "sell": SELL, "exit": EXIT, "close": EXIT,
    "flat": EXIT, "short": SHORT, "sell_short": SHORT, "sellshort": SHORT, "entry_short": SHORT, "enter_short": SHORT,
    "cover": EXIT, "exit_long": EXIT_LONG, "exit_short": EXIT_SHORT,
}  # fmt: skip
"""What an action may be called, and what it is: a plain sell closes what is long and opens nothing."""
POSITIONS = {
    "long": "long", "bullish": "long", "short": "short", "bearish": "short", "flat": "flat", "neutral": "flat",
    "none": "flat", "exit": "flat", "close": "flat",
}  # fmt: skip
_EXITS = (EXIT, EXIT_LONG, EXIT_SHORT)
_AMOUNTS = ("quantity", "price", "stop", "target")


@dataclass(frozen=True, slots=True)
class Alert:
    """What an alert says: the ticker as it was sent, what to do, and what identifies it.

    `action` is buy, sell, short, exit, exit_long or exit_short; `position` (long, short, flat) is where the sender's
    strategy stands afterwards, and where given it decides. `quantity` is in units of the instrument; `size` is a size
    rule instead, as in percent:10. `stop` and `target` are percent of the entry price. `fired_at` (ISO 8601, UTC) is
    when the sender made it, where its form says so without doubt; `strategy` is which one the sender names.
    """

    ticker: str
    action: str
    position: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    time: str | None = None
    alert_id: str | None = None
    order_id: str | None = None
    comment: str | None = None
    size: str | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    fired_at: str | None = None
    strategy: str | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            if self.quantity is not None:
                raise BadInput("alert size", self.size, f"is given beside the quantity {self.quantity}")
            SizeRequest.parse(self.size)

    @property
    def key(self) -> str | None:
        """What makes it unique: its id, else ticker, time, action and order id; None where it has neither."""
        if self.alert_id:
            return self.alert_id
        if self.time:
            return "|".join((self.ticker, self.time, self.action, self.position or "", self.order_id or ""))
        return None

    @property
    def meaning(self) -> str:
        """A hash of what it asks for, whenever it was sent: two alerts of one id must agree in it."""
        asked: tuple[str | None, ...] = (self.ticker, self.action, self.position, _plain(self.quantity))
        if self.size or self.stop is not None or self.target is not None or self.strategy:
            asked = (*asked, self.size, _plain(self.stop), _plain(self.target), self.strategy)
        return hashlib.sha256(repr(asked).encode()).hexdigest()

    @property
    def is_exit(self) -> bool:
        """Whether it can only close: it asks to be flat, or to leave a side; a plain sell counts where it is alone."""
        if self.position is not None:
            return self.position == "flat"
        return self.action in (*_EXITS, SELL)

    def to_dict(self) -> dict[str, Any]:
        """The alert as JSON values; what was not said is left out."""
        found = zip(_NAMES, _VALUES(self), strict=True)
        return {k: str(v) if isinstance(v, Decimal) else v for k, v in found if v is not None}

    @staticmethod
    def of_dict(doc: Mapping[str, Any]) -> Alert:
        """The alert that `to_dict` wrote."""
        amounts = {name: Decimal(doc[name]) for name in _AMOUNTS if name in doc}
        return Alert(**(dict(doc) | amounts))


_NAMES = tuple(Alert.__dataclass_fields__)
_VALUES = attrgetter(*_NAMES)


def make_alert(fields: Mapping[str, str]) -> Alert:
    """An alert of what its sender said, each field as text under the name it has in `Alert`; '' where it said nothing.

    Raises BadInput, naming the field, for anything whose meaning is not certain.
    """
    ticker, action = fields.get("ticker", ""), fields.get("action", "")
    if not ticker:
        raise BadInput("alert ticker", "", "is missing", "say what to trade")
    position = one_of("position", fields["position"], POSITIONS) if fields.get("position") else None
    if not action and position is None:
        raise BadInput("alert action", "", "is missing", "say buy, sell, short or exit")
    read = one_of("action", action, ACTIONS) if action else {"long": BUY, "short": SHORT}.get(position or "", EXIT)
    if read in _EXITS and position not in (None, "flat"):
        raise BadInput("alert action", action, f"contradicts the position {position}", "send one of the two")
    quantity = amount("quantity", fields.get("quantity", ""))
    if quantity is not None and quantity <= 0:
        if position != "flat" and read not in _EXITS:
            raise BadInput(
                "alert quantity", fields["quantity"], "must be above 0", "leave it out for the strategy's own size"
            )
        quantity = None
    words = {n: fields.get(n) or None for n in ("time", "alert_id", "order_id", "comment", "size")}
    return Alert(
        ticker, read, position, quantity, above_zero("price", fields.get("price", "")),
        stop=above_zero("stop", fields.get("stop", "")), target=above_zero("target", fields.get("target", "")),
        strategy=fields.get("strategy") or None, fired_at=instant(fields.get("fired_at", "")), **words,
    )  # fmt: skip


SPELLINGS = {
    "action": ("action", "side", "order_action"),
    "position": ("market_position", "position", "sentiment"),
    "quantity": ("quantity", "contracts", "qty"),
    "price": ("price", "close"),
    "time": ("time", "timestamp", "timenow"),
    "alert_id": ("alert_id", "alertId", "id"),
    "order_id": ("order_id", "orderId"),
    "comment": ("comment", "message"),
    "fired_at": ("timenow",),
}
"""The names under which each field is found in a JSON alert; the ticker has its own."""
_STRATEGY = ("strategy", "strategy_name")  # TradingView's own message has an object of the first name


def alert_of(fields: Mapping[str, Any]) -> Alert:
    """An alert of a JSON object under the usual names; unknown fields are passed over."""
    given = fields.keys()
    found = {
        name: "" if given.isdisjoint(names) else said(fields, *names, must=name == "action")
        for name, names in SPELLINGS.items()
    }
    found["strategy"] = next((said(fields, name) for name in _STRATEGY if isinstance(fields.get(name), str)), "")
    return make_alert(found | {"ticker": said(fields, "ticker", "symbol", "instrument", must=True)})


def instant(text: str) -> str | None:
    """ISO 8601 in UTC of a time that says its zone; None for anything else: it may be a label of the sender's own."""
    try:
        found = datetime.fromisoformat(text)
        return None if found.tzinfo is None else iso(found)
    except (ValueError, OverflowError):  # no time, or one whose zone takes it out of the years there are
        return None


def wish(alert: Alert, held: Direction | None) -> tuple[Action, Direction] | str:
    """What an alert asks for, given what is held; or in words why there is nothing to do."""
    if alert.position == "flat" or (alert.position is None and alert.action == EXIT):
        return (Action.EXIT, held) if held is not None else "flat already"
    if alert.action in (EXIT_LONG, EXIT_SHORT):
        side = Direction.LONG if alert.action == EXIT_LONG else Direction.SHORT
        return (Action.EXIT, side) if held is side else f"no {side} position: {held or 'flat'}"
    if alert.position is not None:
        side = Direction.LONG if alert.position == "long" else Direction.SHORT
        if (alert.action in (SELL, SHORT)) is (side is Direction.LONG):
            return f"a {alert.action} that leaves the position {alert.position}: parts of exits are not carried out"
        return Action.ENTRY, side
    if alert.action == BUY:
        return Action.ENTRY, Direction.LONG
    if alert.action == SHORT:
        return Action.ENTRY, Direction.SHORT
    return (
        (Action.EXIT, Direction.LONG) if held is Direction.LONG else f"a sell without a long position: {held or 'flat'}"
    )


def _plain(number: Decimal | None) -> str | None:
    return None if number is None else str(number.normalize(MONEY_CONTEXT))
