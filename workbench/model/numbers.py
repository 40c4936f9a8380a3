"""The one place where outside numbers become `Decimal`, and the explicit rounding to a grid."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation, localcontext
from enum import Enum

from workbench.errors import BadInput

MONEY_CONTEXT = Context(prec=60)
"""Digits kept in money arithmetic: prices and sizes have at most 20 each, so products and sums of them are exact."""


class Rounding(Enum):
    """Which neighbour on a grid a number takes."""

    DOWN = ROUND_FLOOR
    UP = ROUND_CEILING
    NEAREST = ROUND_HALF_EVEN


def decimal(name: str, value: Decimal | int | float | str) -> Decimal:
    """Turn a number into a finite Decimal; floats by their shortest text, so 0.1 becomes 0.1.

    Raises BadInput for NaN, infinities, booleans and text that is no number.
    """
    if isinstance(value, bool):
        raise BadInput(name, value, "not a number")
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except (InvalidOperation, ValueError):
        raise BadInput(name, value, "not a number") from None
    if not number.is_finite():
        raise BadInput(name, value, "not finite")
    return number


def positive(name: str, value: Decimal) -> Decimal:
    """Pass a Decimal that is finite and above zero; BadInput otherwise."""
    if not isinstance(value, Decimal):
        raise BadInput(name, value, f"a {type(value).__name__}, not a Decimal", "convert with workbench.model.decimal")
    if not value.is_finite() or value <= 0:
        raise BadInput(name, value, "must be finite and above 0")
    return value


def not_negative(name: str, value: Decimal) -> Decimal:
    """Pass a Decimal that is finite and not below zero; BadInput otherwise."""
    if not isinstance(value, Decimal):
        raise BadInput(name, value, f"a {type(value).__name__}, not a Decimal", "convert with workbench.model.decimal")
    if not value.is_finite() or value < 0:
        raise BadInput(name, value, "must be finite and not below 0")
    return value


def to_grid(value: Decimal, step: Decimal, rounding: Rounding) -> Decimal:
    """Round a value to a whole multiple of `step` (> 0), in the direction given."""
    with localcontext(MONEY_CONTEXT):
        return (value / step).to_integral_value(rounding=rounding.value) * step


def on_grid(value: Decimal, step: Decimal) -> bool:
    """Whether a value is a whole multiple of `step` (> 0), exactly."""
    with localcontext(MONEY_CONTEXT):
        return value % step == 0
