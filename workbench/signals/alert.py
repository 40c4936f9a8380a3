"""Alert: what a sender's message asks for, read strictly where money hangs on it and leniently elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from workbench.errors import BadInput, UnknownName
from workbench.model import MONEY_CONTEXT, Action, Direction, decimal

MOST_CHARACTERS = 512
"""The longest text of one field."""

BUY, SELL, EXIT = "buy", "sell", "exit"
_ACTIONS = {
    "buy": BUY, "long": BUY, "entry_long": BUY, "sell": SELL, "exit": EXIT, "close": EXIT, "flat": EXIT,
    "short": "short", "sell_short": "short", "sellshort": "short", "cover": EXIT,
}  # fmt: skip
_POSITIONS = {
    "long": "long", "bullish": "long", "short": "short", "bearish": "short", "flat": "flat", "neutral": "flat",
    "none": "flat", "exit": "flat", "close": "flat",
}  # fmt: skip
_NAMES = {
    "ticker": ("ticker", "symbol", "instrument"),
    "action": ("action", "side", "order_action"),
    "position": ("market_position", "position", "sentiment"),
    "quantity": ("quantity", "contracts", "qty"),
    "price": ("price", "close"),
    "time": ("time", "timestamp", "timenow"),
    "alert_id": ("alert_id", "alertId", "id"),
    "order_id": ("order_id", "orderId"),
    "comment": ("comment", "message"),
}


@dataclass(frozen=True, slots=True)
class Alert:
    """What an alert says: the ticker as it was sent, what to do, and what identifies it.

    `action` is buy, sell, short or exit; `position` (long, short, flat) is where the sender's strategy stands
    afterwards, and where given it decides. `quantity` is in units of the instrument.
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
        asked = (
            self.ticker,
            self.action,
            self.position,
            None if self.quantity is None else str(self.quantity.normalize(MONEY_CONTEXT)),
        )
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """The alert as JSON values; what was not said is left out."""
        return {k: str(v) if isinstance(v, Decimal) else v for k, v in asdict(self).items() if v is not None}

    @staticmethod
    def of_dict(doc: Mapping[str, Any]) -> Alert:
        """The alert that `to_dict` wrote."""
        amounts = {name: Decimal(doc[name]) for name in ("quantity", "price") if name in doc}
        return Alert(**(dict(doc) | amounts))


def parse_alert(body: bytes) -> Alert:
    """Read a message as TradingView sends it: JSON, whatever its content type says.

    Unknown fields are passed over. Raises BadInput, naming the field, for anything whose meaning is not certain.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput("alert", "body", "is not UTF-8") from None
    if not text.strip():
        raise BadInput("alert", "body", "is empty", 'send JSON, as in {"ticker": "AAPL", "action": "buy"}')
    fields = _json_object(text)
    said = {name: _text(fields, name, spellings) for name, spellings in _NAMES.items()}
    ticker, action = said["ticker"], said["action"]
    if not ticker:
        raise BadInput("alert ticker", "", "is missing", 'add "ticker": "{{ticker}}"')
    position = _position(said["position"])
    if not action and position is None:
        raise BadInput("alert action", "", "is missing", 'add "action": "{{strategy.order.action}}"')
    read = (
        _ACTIONS.get(action.casefold()) if action else {"long": BUY, "short": "short", "flat": EXIT}[position or "flat"]
    )
    if read is None:
        raise BadInput("alert action", action, f"is none of {', '.join(sorted(_ACTIONS))}")
    if read == EXIT and position not in (None, "flat"):
        raise BadInput("alert action", action, f"contradicts the position {position}", "send one of the two")
    quantity = _amount("quantity", said["quantity"])
    if quantity is not None and quantity <= 0:
        if position != "flat" and read != EXIT:
            raise BadInput(
                "alert quantity", said["quantity"], "must be above 0", "leave it out for the strategy's own size"
            )
        quantity = None
    price = _amount("price", said["price"])
    if price is not None and price <= 0:
        raise BadInput("alert price", said["price"], "must be above 0")
    return Alert(
        ticker=ticker,
        action=read,
        position=position,
        quantity=quantity,
        price=price,
        time=said["time"] or None,
        alert_id=said["alert_id"] or None,
        order_id=said["order_id"] or None,
        comment=said["comment"] or None,
    )


def symbol_of(ticker: str, symbols: Iterable[str]) -> str:
    """The symbol a ticker names among those a strategy trades: without exchange prefix, whatever its case.

    Raises UnknownName for one that is not among them.
    """
    traded = {symbol.casefold(): symbol for symbol in symbols}
    _, _, bare = ticker.strip().rpartition(":")
    found = traded.get(ticker.strip().casefold()) or traded.get(bare.casefold())
    if found is None:
        raise UnknownName("alert ticker", ticker, traded.values(), "the hook's strategy trades only these")
    return found


def wish(alert: Alert, held: Direction | None) -> tuple[Action, Direction] | str:
    """What an alert asks for, given what is held; or in words why there is nothing to do."""
    if alert.position == "flat" or (alert.position is None and alert.action == EXIT):
        return (Action.EXIT, held) if held is not None else "flat already"
    if alert.position is not None:
        side = Direction.LONG if alert.position == "long" else Direction.SHORT
        if (alert.action in (SELL, "short")) is (side is Direction.LONG) and alert.action != EXIT:
            return f"a {alert.action} that leaves the position {alert.position}: parts of exits are not carried out"
        return Action.ENTRY, side
    if alert.action == BUY:
        return Action.ENTRY, Direction.LONG
    if alert.action == "short":
        return Action.ENTRY, Direction.SHORT
    return (
        (Action.EXIT, Direction.LONG) if held is Direction.LONG else f"a sell without a long position: {held or 'flat'}"
    )


def template() -> dict[str, str]:
    """What to paste into the message field of an alert on a TradingView strategy."""
    return {
        "ticker": "{{ticker}}",
        "action": "{{strategy.order.action}}",
        "market_position": "{{strategy.market_position}}",
        "quantity": "{{strategy.order.contracts}}",
        "price": "{{close}}",
        "time": "{{timenow}}",
        "order_id": "{{strategy.order.id}}",
        "alert_id": "{{ticker}} {{strategy.order.id}} {{strategy.order.action}} {{timenow}}",
    }


def _json_object(text: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise BadInput("alert field", ascii(twice), "is given twice")
        return found

    try:
        fields = json.loads(text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=unique)
    except RecursionError:
        raise BadInput("alert", "body", "is nested too deeply") from None
    except ValueError as error:
        raise BadInput("alert", "body", f"is no JSON ({error})", "check quotes and commas") from None
    if not isinstance(fields, dict):
        raise BadInput("alert", "body", "is no JSON object", 'send {"ticker": …, "action": …}')
    return fields


def _text(fields: Mapping[str, Any], name: str, spellings: Iterable[str]) -> str:
    """A field under whichever of its names was used; empty where there is none."""
    given = [spelling for spelling in spellings if fields.get(spelling) not in (None, "")]
    if not given:
        return ""
    value = fields[given[0]]
    if not isinstance(value, str):
        raise BadInput(f"alert {given[0]}", type(value).__name__, "must be a text or a number")
    value = value.strip()
    if len(value) > MOST_CHARACTERS:
        raise BadInput(f"alert {given[0]}", value[:20] + "…", f"is longer than {MOST_CHARACTERS} characters")
    if any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in value):
        raise BadInput(f"alert {given[0]}", ascii(value), "holds control characters or halves of characters")
    if "{{" in value:  # a placeholder the sender had nothing for says nothing, unless something must be said
        if name in ("ticker", "action"):
            raise BadInput(f"alert {given[0]}", value, "is a placeholder that the sender did not fill in")
        return ""
    return value


def _position(text: str) -> str | None:
    if not text:
        return None
    found = _POSITIONS.get(text.casefold())
    if found is None:
        raise BadInput("alert position", text, f"is none of {', '.join(sorted(_POSITIONS))}")
    return found


def _amount(name: str, text: str) -> Decimal | None:
    if not text:
        return None
    if len(text) > 40:
        raise BadInput(f"alert {name}", text[:20] + "…", "has more than 40 digits")
    if not text.isascii() or "_" in text:
        raise BadInput(f"alert {name}", text, "not a number")
    number = decimal(f"alert {name}", text)
    if number and not Decimal("1e-12") <= number.copy_abs() <= Decimal("1e15"):
        raise BadInput(f"alert {name}", text, "is not between 1e-12 and 1e15")
    return number
