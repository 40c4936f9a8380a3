"""Grid: every combination of parameter values to try."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Mapping, Sequence
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
    return grid_sets(strategy, params, axes)[0]


def grid_sets(
    strategy: type[Strategy], params: Mapping[str, Any], axes: Mapping[str, Sequence[Any]]
) -> tuple[list[Strategy], int]:
    """As `combinations`, and how many the cross-check left out."""
    count = math.prod(len(values) for values in axes.values())
    if count > MOST:
        raise BadInput("grid", f"{count} combinations", f"more than {MOST}", "take larger steps")
    _check_axes(strategy, axes)
    return _allowed(strategy, params, list(axes), itertools.product(*axes.values()), count)


def sampled_sets(
    strategy: type[Strategy],
    params: Mapping[str, Any],
    axes: Mapping[str, Sequence[Any]],
    trials: int,
    seed: int,
    *,
    stratified: bool = False,
) -> tuple[list[Strategy], int]:
    """The strategy at so many draws from the axes' values, each set once, and how many the cross-check left out.

    Every value is as likely; `stratified` is a Latin hypercube: over all draws each axis goes evenly through its values
    (McKay, Beckman and Conover, Technometrics 21 (1979)). The same seed draws the same sets. Raises BadInput for no
    axis, a number of trials that is not from 1 to 100,000, or where no set is allowed.
    """
    if not axes:
        raise BadInput("grid", "no axis", "is given to draw from", "write name=low:high:step")
    if not 1 <= trials <= MOST:
        raise BadInput("trials", trials, f"must be from 1 to {MOST}")
    _check_axes(strategy, axes)
    rng = random.Random(seed)
    columns = []
    for values in axes.values():
        if stratified:  # draw i of n lies in the i-th of n equal parts of the axis, in an order of its own
            parts = [(i + rng.random()) / trials for i in range(trials)]
            rng.shuffle(parts)
            columns.append([values[int(part * len(values))] for part in parts])
        else:
            columns.append([rng.choice(values) for _ in range(trials)])
    drawn = list(dict.fromkeys(zip(*columns, strict=True)))
    return _allowed(strategy, params, list(axes), drawn, len(drawn))


def _check_axes(strategy: type[Strategy], axes: Mapping[str, Sequence[Any]]) -> None:
    declared = strategy.declared()
    for name, values in axes.items():
        if name not in declared:
            raise UnknownName(f"grid parameter of {strategy.__name__}", name, declared)
        if not len(values):
            raise BadInput(f"grid {name}", "no value", "is given", "write name=low:high:step")
        for value in values:
            declared[name].check(value)


def _allowed(
    strategy: type[Strategy], params: Mapping[str, Any], names: Sequence[str], rows: Iterable[Sequence[Any]], count: int
) -> tuple[list[Strategy], int]:
    found: list[Strategy] = []
    refused, left_out = "", 0
    for values in rows:
        try:
            found.append(strategy(**{**params, **dict(zip(names, values, strict=True))}))
        except BadInput as error:
            refused, left_out = str(error), left_out + 1
    if not found:
        raise BadInput("grid", f"{count} combinations", f"none is allowed ({refused})", "change the ranges")
    return found, left_out
