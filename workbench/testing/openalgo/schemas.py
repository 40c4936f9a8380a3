"""What each endpoint accepts, and the words with which it refuses.

Read in restx_api/schemas.py, data_schemas.py and account_schema.py: marshmallow schemas that refuse unknown fields,
take numbers as numbers or texts, and answer an object of lists of sentences.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from workbench.testing.openalgo.values import ZERO

EXCHANGES = (  # utils/constants.py
    "NSE", "NFO", "CDS", "BSE", "BFO", "BCD", "MCX", "NCDEX", "NCO", "NSE_INDEX", "BSE_INDEX", "MCX_INDEX",
    "GLOBAL_INDEX", "CRYPTO",
)  # fmt: skip
EXPIRING = ("NFO", "BFO", "MCX", "CDS", "NCO", "BCD", "NCDEX", "CRYPTO")
ACTIONS = ("BUY", "SELL", "buy", "sell")
PRICETYPES = ("MARKET", "LIMIT", "SL", "SL-M")
PRODUCTS = ("MIS", "NRML", "CNC")

Errors = dict[Any, Any]
Schema = dict[str, "Field"]
_REQUIRED = object()


class SchemaError(ValueError):
    """A body that a schema refuses; `errors` is the object the wire shows."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(str(errors))
        self.errors = errors


@dataclass(frozen=True)
class Field:
    """One field: its kind, what is allowed, and the sentence said when a number is below `low`."""

    kind: Literal["text", "number", "integer", "flag", "date", "rows"] = "text"
    default: Any = _REQUIRED
    one_of: tuple[str, ...] = ()
    low: Decimal | None = None
    above: bool = False
    sentence: str = ""
    rows: Schema = field(default_factory=dict)

    def read(self, value: Any) -> Any:
        """The value as the server keeps it; a ValueError carries the sentence, a SchemaError those of rows."""
        if value is None:
            raise ValueError("Field may not be null.")
        read: Any = getattr(self, f"_{self.kind}")(value)
        if self.one_of and read not in self.one_of:
            raise ValueError(f"Must be one of: {', '.join(self.one_of)}.")
        if self.low is not None and (read <= self.low if self.above else read < self.low):
            raise ValueError(self.sentence)
        return read

    def _text(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("Not a valid string.")
        return value

    def _number(self, value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError("Not a valid number.")
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            raise ValueError("Not a valid number.") from None
        if not number.is_finite():
            raise ValueError("Special numeric values (nan or infinity) are not permitted.")
        return number

    def _integer(self, value: Any) -> int:
        try:
            return int(value) if not isinstance(value, bool) else int("no")
        except (TypeError, ValueError):
            raise ValueError("Not a valid integer.") from None

    def _flag(self, value: Any) -> bool:
        known = {True: True, False: False, "true": True, "false": False, "True": True, "False": False}
        if not isinstance(value, bool | str | int) or value not in known:
            raise ValueError("Not a valid boolean.")
        return known[value]

    def _date(self, value: Any) -> date:
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            raise ValueError("Not a valid date.") from None

    def _rows(self, value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list):
            raise ValueError("Not a valid list.")
        rows, errors = [], {}
        for number, row in enumerate(value):
            try:
                rows.append(load(self.rows, row))
            except SchemaError as error:
                errors[number] = error.errors
        if errors:
            raise SchemaError(errors)
        return rows


def load(schema: Schema, body: Any) -> dict[str, Any]:
    """A body read by a schema, defaults filled in; SchemaError with every field that is wrong."""
    if not isinstance(body, dict):
        raise SchemaError({"_schema": ["Invalid input type."]})
    read: dict[str, Any] = {}
    errors: Errors = {}
    for name, wanted in schema.items():
        if name not in body:
            if wanted.default is _REQUIRED:
                errors[name] = ["Missing data for required field."]
            elif wanted.default is not None:
                read[name] = wanted.default
            continue
        try:
            read[name] = wanted.read(body[name])
        except SchemaError as error:
            errors[name] = error.errors
        except ValueError as error:
            errors[name] = [str(error)]
    errors |= {name: ["Unknown field."] for name in body if name not in schema}
    quantity = read.get("quantity")
    if not errors and isinstance(quantity, Decimal) and quantity % 1 and read.get("exchange") != "CRYPTO":
        # Only after everything else is right: a post_load hook of the schema.
        errors["quantity"] = [f"Fractional quantity ({float(quantity)}) is not allowed for non-crypto exchanges."]
    if errors:
        raise SchemaError(errors)
    return read


TEXT = Field()
KEY = {"apikey": TEXT}
STRATEGY = KEY | {"strategy": TEXT}
WHERE = {"symbol": TEXT, "exchange": Field(one_of=EXCHANGES)}
LEG: Schema = {
    **WHERE,
    "action": Field(one_of=ACTIONS),
    "quantity": Field("number", low=ZERO, above=True, sentence="Quantity must be a positive number."),
    "pricetype": Field(default="MARKET", one_of=PRICETYPES),
    "product": Field(default="MIS", one_of=PRODUCTS),
    "price": Field("number", ZERO, low=ZERO, sentence="Price must be a non-negative number."),
    "trigger_price": Field("number", ZERO, low=ZERO, sentence="Trigger price must be a non-negative number."),
    "disclosed_quantity": Field("integer", 0, low=ZERO, sentence="Disclosed quantity must be a non-negative integer."),
}
ORDER = STRATEGY | LEG | {"underlying_ltp": Field("number", None)}
SMART = STRATEGY | LEG | {
    "quantity": Field("number", low=ZERO, sentence="Quantity must be a non-negative number."),
    "position_size": Field("number"),
}  # fmt: skip
MODIFY = STRATEGY | {"orderid": TEXT} | {
    name: Field(wanted.kind, one_of=wanted.one_of, low=wanted.low, above=wanted.above, sentence=wanted.sentence)
    for name, wanted in LEG.items()
}  # fmt: skip
SPLIT = STRATEGY | LEG | {
    "quantity": Field("number", low=ZERO, above=True, sentence="Total quantity must be a positive number."),
    "splitsize": Field("integer", low=Decimal(1), sentence="Split size must be a positive integer."),
}  # fmt: skip
# The margin calculator wants texts where the others take numbers; its service reads them.
MARGIN_ROW = WHERE | {
    "action": Field(one_of=ACTIONS),
    "quantity": TEXT,
    "product": Field(one_of=PRODUCTS),
    "pricetype": Field(one_of=PRICETYPES),
    "price": Field(default="0"),
    "trigger_price": Field(default="0"),
}

SCHEMAS: dict[str, Schema] = {
    "placeorder": ORDER,
    "placesmartorder": SMART,
    "basketorder": STRATEGY | {"orders": Field("rows", rows=LEG)},
    "splitorder": SPLIT,
    "modifyorder": MODIFY,
    "cancelorder": STRATEGY | {"orderid": TEXT},
    "cancelallorder": STRATEGY,
    "closeposition": STRATEGY,
    "orderstatus": STRATEGY | {"orderid": TEXT},
    "openposition": STRATEGY | {"symbol": TEXT, "exchange": TEXT, "product": Field(one_of=PRODUCTS)},
    "orderbook": KEY,
    "tradebook": KEY,
    "positionbook": KEY,
    "holdings": KEY,
    "funds": KEY,
    "quotes": KEY | WHERE,
    "multiquotes": KEY | {"symbols": Field("rows", rows=WHERE)},
    "depth": KEY | WHERE,
    "history": KEY | WHERE | {
        "interval": TEXT,
        "start_date": Field("date"),
        "end_date": Field("date"),
        "source": Field(default="api", one_of=("api", "db")),
    },
    "intervals": KEY,
    "symbol": KEY | WHERE,
    "search": KEY | {"query": TEXT, "exchange": Field(default=None, one_of=EXCHANGES)},
    "expiry": KEY | {
        "symbol": TEXT,
        "exchange": Field(one_of=EXPIRING),
        "instrumenttype": Field(one_of=("futures", "options")),
    },
    "ping": KEY,
    "analyzer": KEY,
    "analyzer/toggle": KEY | {"mode": Field("flag")},
    "margin": KEY | {"positions": Field("rows", rows=MARGIN_ROW)},
}  # fmt: skip

REFUSES_IN_TEXT = {
    "placeorder", "placesmartorder", "basketorder", "splitorder", "modifyorder", "cancelorder", "cancelallorder",
    "closeposition", "orderstatus", "openposition", "analyzer", "analyzer/toggle", "margin",
}  # fmt: skip
"""Endpoints whose message is the printed Python dict, not an object: they answer `str(err.messages)`."""
