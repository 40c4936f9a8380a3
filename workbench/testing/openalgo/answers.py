"""An answer on the wire, and the shapes that all services share."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Body = dict[str, Any]
BROKER = "loopback"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status code and the object that is sent as JSON."""

    code: int
    body: Body


def success(**more: Any) -> Answer:
    return Answer(200, {"status": "success", **more})


def error(code: int, message: Any, **more: Any) -> Answer:
    return Answer(code, {"status": "error", "message": message, **more})


INVALID_KEY = error(403, "Invalid openalgo apikey")
"""For a wrong key and for a missing or expired broker session alike (get_auth_token_broker tells no difference)."""


def two(value: Decimal) -> float:
    """A number as most services send it: rounded to two places, whatever it was."""
    return round(float(value), 2)


def plain(value: Decimal) -> int | float:
    """A number without needless decimals."""
    return int(value) if value == int(value) else float(value)
