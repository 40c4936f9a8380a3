"""Values of the model as JSON values and back, exactly: amounts as text, times as ISO 8601 in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from workbench.model.booking import BookingKind
from workbench.model.order import OrderState, Side
from workbench.model.signal import Action, Caps, Direction, Protection, SizeRequest
from workbench.model.ticket import Handling, OnFailure, OrderType, Ticket, Validity
from workbench.model.times import iso

V = TypeVar("V")

_TIMES = ("created_at", "expires_at", "bar_time", "available_at", "time", "good_till", "at", "revoked_at", "armed_at")
_AMOUNTS = (
    "size", "price", "fee", "reference_price", "factor", "stop", "target", "trail", "filled", "level", "tick", "lot",
    "entry_price", "realised", "extreme", "limit", "display", "slice_size", "slice_pause", "average_price", "amount",
    "ratio", "most_size", "most_value", "price_within",
)  # fmt: skip
_ENUMS = {
    "side": Side,
    "entry": Side,
    "type": OrderType,
    "action": Action,
    "direction": Direction,
    "state": OrderState,
    "validity": Validity,
    "on_failure": OnFailure,
    "kind": BookingKind,
}
_NESTED = {"protection": Protection, "handling": Handling, "ticket": Ticket, "caps": Caps}


def to_json(value: Any) -> dict[str, Any]:
    """A frozen value of the model (Order, Fill, Signal, Instrument, Position, Protection) as JSON values."""
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def from_json(kind: type[V], doc: Mapping[str, Any]) -> V:
    """The value that `to_json` was given. Raises what the value's own checks raise."""
    return kind(**{name: _read(name, value) for name, value in doc.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, SizeRequest):
        return str(value)
    if is_dataclass(value):
        return to_json(value)
    return str(value) if isinstance(value, str) else value  # enums are texts, and kept as such


def _read(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "size" and isinstance(value, str) and not value[:1].isdigit() and value[:1] != "-":
        return SizeRequest.parse(value)  # a signal's size is a rule, an order's an amount
    if name in _AMOUNTS:
        return Decimal(value)
    if name in _TIMES:
        return datetime.fromisoformat(value)
    if name == "expiry":
        return date.fromisoformat(value)
    if name in _ENUMS:
        return _ENUMS[name](value)
    return from_json(_NESTED[name], value) if name in _NESTED else value
