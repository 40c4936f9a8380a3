"""OpenAlgo's fields, read strictly: what is not known raises, naming the field; nothing is guessed."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from workbench.errors import WorkbenchError
from workbench.model import PRICE_STEP, OrderState, OrderType, Rounding, Side, to_grid

IST = timezone(timedelta(hours=5, minutes=30), "IST")
"""India's time, which has no summer time: all times on the wire are in it, without saying so."""

PRICETYPES = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "SL-M",
    OrderType.STOP_LIMIT: "SL",
}
TYPES = {text: kind for kind, text in PRICETYPES.items()}
STATES = {
    "open": OrderState.ACKED,
    "trigger pending": OrderState.ACKED,
    "complete": OrderState.FILLED,
    "rejected": OrderState.REJECTED,
    "cancelled": OrderState.CANCELLED,
    # what mappings of single brokers let through of their own
    "pending": OrderState.ACKED,
    "open pending": OrderState.ACKED,
    "validation pending": OrderState.ACKED,
    "put order req received": OrderState.ACKED,
    "modify pending": OrderState.ACKED,
    "modified": OrderState.ACKED,
    "cancel pending": OrderState.ACKED,
    "partially filled": OrderState.ACKED,
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
    "lapsed": OrderState.EXPIRED,
}
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
PRODUCTS = ("MIS", "NRML", "CNC")
FORMATS = (
    "%d-%b-%Y %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d-%b-%y %H:%M:%S", "%d-%b-%Y %H:%M",
    "%H:%M:%S %d-%m-%Y", "%H:%M:%S %d-%b-%Y",
)  # fmt: skip
"""How brokers write times, beside ISO 8601 and bare epochs."""

_NUMBER = re.compile(r"[+-]?([0-9][0-9,]*(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


class Unreadable(WorkbenchError):
    """An answer of OpenAlgo's in a shape that is not known: nothing is concluded from it."""


def row(value: Any, what: str) -> Mapping[str, Any]:
    """An object."""
    if not isinstance(value, Mapping):
        raise Unreadable(f"OpenAlgo {what}: a {type(value).__name__} where an object should be")
    return value


def rows(value: Any, what: str) -> list[Mapping[str, Any]]:
    """A list of objects."""
    if not isinstance(value, list):
        raise Unreadable(f"OpenAlgo {what}: a {type(value).__name__} where a list should be")
    return [row(one, what) for one in value]


def text(fields: Mapping[str, Any], name: str, what: str) -> str:
    """A text that is there and not empty."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise Unreadable(f"OpenAlgo {what}: {name} is {value!r}, not a text")
    return value.strip()


def identity(fields: Mapping[str, Any], name: str) -> str:
    """An id as text, empty where there is none; some servers write None as a word."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    found = str(value).strip()
    return "" if found.lower() in ("", "none", "null", "0") else found


def number(fields: Mapping[str, Any], name: str, what: str) -> Decimal:
    """A finite number, sent as a number or as text, with or without thousands' commas; on the grid of 1e-8."""
    value = fields.get(name)
    found: Decimal | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = Decimal(str(value))
    elif isinstance(value, str) and value.strip() and _NUMBER.fullmatch(value.strip()):
        try:
            found = Decimal(value.strip().replace(",", ""))
        except InvalidOperation:
            found = None
    if found is None or not found.is_finite() or abs(found) >= Decimal(10) ** 15:
        raise Unreadable(f"OpenAlgo {what}: {name} is {value!r}, not a number")
    return plain(to_grid(found, PRICE_STEP, Rounding.NEAREST))


def optional(fields: Mapping[str, Any], name: str, what: str) -> Decimal | None:
    """A number, None where it is missing, empty or 0."""
    if fields.get(name) in (None, ""):
        return None
    return number(fields, name, what) or None


def plain(value: Decimal) -> Decimal:
    """A number without needless places: 10.00 becomes 10."""
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()


def side(fields: Mapping[str, Any], what: str) -> Side:
    """BUY or SELL."""
    found = SIDES.get(text(fields, "action", what).upper())
    if found is None:
        raise Unreadable(f"OpenAlgo {what}: action is {fields.get('action')!r}, not BUY or SELL")
    return found


def state(fields: Mapping[str, Any], what: str) -> OrderState:
    """Where an order stands, from its status."""
    told = text(fields, "order_status" if "order_status" in fields else "status", what)
    found = STATES.get(told.lower().replace("_", " "))
    if found is None:
        raise Unreadable(f"OpenAlgo {what}: order_status {told!r} is not known; known: {', '.join(STATES)}")
    return found


def order_type(fields: Mapping[str, Any], what: str) -> OrderType:
    """The type; the sandbox calls the field price_type in one of its answers."""
    told = text(fields, "pricetype" if "pricetype" in fields else "price_type", what).upper()
    if told not in TYPES:
        raise Unreadable(f"OpenAlgo {what}: pricetype {told!r} is not known; known: {', '.join(TYPES)}")
    return TYPES[told]


def instant(told: Any, what: str, now: datetime) -> datetime | None:
    """A time on the wire as UTC: a text in India's time, or an epoch in seconds or milliseconds; None where empty.

    A time without a date is today's in India at `now`, or yesterday's where it would lie ahead. Raises Unreadable for
    any other shape.
    """
    if told is None or (isinstance(told, str) and not told.strip()):
        return None
    if isinstance(told, int | float) and not isinstance(told, bool):
        told = str(int(told))
    if not isinstance(told, str):
        raise Unreadable(f"OpenAlgo {what}: timestamp is {told!r}, not a time")
    told = told.strip()
    if re.fullmatch(r"[0-9]{10}|[0-9]{13}", told):
        return datetime.fromtimestamp(int(told) / (1000 if len(told) == 13 else 1), UTC)
    if re.fullmatch(r"[0-2][0-9]:[0-5][0-9]:[0-5][0-9]", told):
        today = now.astimezone(IST).date()
        found = datetime.fromisoformat(f"{today.isoformat()}T{told}").replace(tzinfo=IST)
        return (found - timedelta(days=1) if found > now + timedelta(minutes=10) else found).astimezone(UTC)
    readers: tuple[Callable[[str], datetime], ...] = (datetime.fromisoformat, *(_format(one) for one in FORMATS))
    for reader in readers:
        try:
            found = reader(told)
        except ValueError:
            continue
        return (found if found.tzinfo else found.replace(tzinfo=IST)).astimezone(UTC)
    raise Unreadable(f"OpenAlgo {what}: timestamp {told!r} is in no known format")


def _format(pattern: str) -> Callable[[str], datetime]:
    return lambda told: datetime.strptime(told, pattern).replace(tzinfo=IST)


def wire_number(value: Decimal, what: str) -> int | float:
    """A number for the wire, exactly; Unreadable where a float cannot carry it."""
    if value == value.to_integral_value():
        return int(value)
    if Decimal(repr(float(value))) != value:
        raise Unreadable(f"{what} {value} has more digits than OpenAlgo's wire carries")
    return float(value)
