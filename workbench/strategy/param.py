"""Param: a typed, bounded, documented parameter of a strategy."""

from __future__ import annotations

import math
from typing import Any, Generic, Self, TypeVar, overload

import numpy as np

from workbench.errors import BadInput

T = TypeVar("T", int, float, bool, str)


class Param(Generic[T]):
    """A class attribute that becomes a parameter: its type is its default's; `low` and `high` are inclusive.

    `choices` lists what a text may be; `step` is the natural step of a grid or slider; `doc` one line on what it does.
    A default that is itself out of bounds raises BadInput when the class is made.
    """

    name: str = "?"

    def __init__(
        self,
        default: T,
        *,
        low: T | None = None,
        high: T | None = None,
        step: T | None = None,
        choices: tuple[T, ...] | None = None,
        doc: str = "",
    ) -> None:
        if not isinstance(default, (bool, int, float, str)):
            raise BadInput("Param default", default, "must be an int, a float, a bool or a text")
        self.default: T = default
        self.low: T | None = low
        self.high: T | None = high
        self.step: T | None = step
        self.choices: tuple[T, ...] | None = choices
        self.doc = doc
        self.type: type[T] = type(default)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Self | T:
        if instance is None:
            return self
        value: T = instance.__dict__["params"][self.name]  # only where the instance's own value was deleted
        return value

    def check(self, value: Any) -> T:
        """A value of this parameter's type within its bounds. Raises BadInput that says what is allowed."""
        number: Any = value.item() if isinstance(value, np.generic) else value
        value = number
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            number = float(value)
        elif self.type is int and isinstance(value, float) and value.is_integer():
            number = int(value)
        if type(number) is not self.type:
            raise BadInput(f"parameter {self.name}", value, f"is no {self.type.__name__}", self.allowed())
        if isinstance(number, float) and not math.isfinite(number):
            raise BadInput(f"parameter {self.name}", value, "is not finite", self.allowed())
        if (
            (self.low is not None and number < self.low)
            or (self.high is not None and number > self.high)
            or (self.choices is not None and number not in self.choices)
        ):
            raise BadInput(f"parameter {self.name}", value, "is out of range", self.allowed())
        return number

    def parse(self, text: str) -> T:
        """A value from text, as the shell gives it. Raises BadInput."""
        text = text.strip()
        try:
            if self.type is bool:
                return self.check(
                    {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]
                )
            return self.check(self.type(text))
        except (ValueError, KeyError):
            raise BadInput(f"parameter {self.name}", text, f"is no {self.type.__name__}", self.allowed()) from None

    def allowed(self) -> str:
        """What may be given, in words."""
        if self.choices is not None:
            return f"allowed: one of {', '.join(map(str, self.choices))}"
        if self.low is None and self.high is None:
            return f"allowed: any {self.type.__name__}"
        low = "…" if self.low is None else self.low
        return f"allowed: {self.type.__name__} from {low} to {'…' if self.high is None else self.high}"
