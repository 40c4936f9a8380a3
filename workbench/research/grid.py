"""Grid: every combination of parameter values to try."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from workbench.errors import BadInput, UnknownName
from workbench.model import decimal
from workbench.strategy import Strategy

MOST = 100_000
"""The largest grid that is laid out."""


def parse_axis(strategy: type[Strategy], text: str) -> tuple[str, list[Any]]:
    """One axis from `name=low:high:step` (both ends included) or `name=a,b,c`. Raises BadInput naming what is wrong."""
    name, equals, rest = text.partition("=")
    name = name.strip()
    declared = strategy.declared()
    if not equals or not rest.strip():
        raise BadInput("grid", text, "is no axis", "write name=low:high:step or name=a,b,c")
    if name not in declared:
        raise UnknownName(f"grid parameter of {strategy.__name__}", name, declared)
    param = declared[name]
    if ":" not in rest:
        return name, [param.parse(part) for part in rest.split(",")]
    parts = rest.split(":")
    if len(parts) not in (2, 3) or param.type not in (int, float):
        raise BadInput("grid", text, "is no range", "write name=low:high:step, of numbers")
    low, high = decimal(f"grid {name} low", parts[0]), decimal(f"grid {name} high", parts[1])
    step = decimal(f"grid {name} step", parts[2]) if len(parts) == 3 else Decimal(str(param.step or 1))
    if step <= 0:
        raise BadInput(f"grid {name} step", step, "must be above 0")
    if high < low:
        raise BadInput(f"grid {name} high", str(high), f"is below low, {low}")
    count = int((high - low) / step) + 1
    if count > MOST:
        raise BadInput("grid", text, f"has {count} values, more than {MOST}", "take a larger step")
    return name, [param.parse(format((low + i * step).normalize(), "f")) for i in range(count)]


def combinations(
    strategy: type[Strategy], params: Mapping[str, Any], axes: Mapping[str, Sequence[Any]]
) -> list[Strategy]:
    """The strategy at every combination of the axes' values that its own cross-check allows, in their order.

    Parameters that no axis names have the values of `params`, or their defaults.

    Raises BadInput for too large a grid, or where no combination is allowed.
    """
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > MOST:
        raise BadInput("grid", f"{count} combinations", f"more than {MOST}", "take larger steps")
    declared = strategy.declared()
    for name, values in axes.items():
        if name not in declared:
            raise UnknownName(f"grid parameter of {strategy.__name__}", name, declared)
        for value in values:
            declared[name].check(value)
    found: list[Strategy] = []
    refused = ""
    for values in itertools.product(*axes.values()):
        try:
            found.append(strategy(**{**params, **dict(zip(axes, values, strict=True))}))
        except BadInput as error:
            refused = str(error)
    if not found:
        raise BadInput("grid", f"{count} combinations", f"none is allowed ({refused})", "change the ranges")
    return found
