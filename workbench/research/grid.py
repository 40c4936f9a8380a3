"""Grid: the parameter sets to try, every combination of some values or draws from them."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.errors import BadInput, UnknownName
from workbench.research.axes import MOST, Constraint
from workbench.strategy import Strategy


def combinations(
    strategy: type[Strategy],
    params: Mapping[str, Any],
    axes: Mapping[str, Sequence[Any]],
    constraints: Sequence[Constraint] = (),
) -> list[Strategy]:
    """The strategy at every combination of the axes' values that its own cross-check allows, in their order.

    Parameters that no axis names have the values of `params`, or their defaults.

    Raises BadInput for too large a grid, or where no combination is allowed.
    """
    return grid_sets(strategy, params, axes, constraints)[0]


def first_set(
    strategy: type[Strategy],
    params: Mapping[str, Any],
    axes: Mapping[str, Sequence[Any]],
    constraints: Sequence[Constraint] = (),
) -> Strategy:
    """The first combination that is allowed. Raises BadInput where none of the first 100,000 is."""
    _check_axes(strategy, axes)
    rows = itertools.islice(itertools.product(*axes.values()), MOST)
    refused = ""
    for values in rows:
        try:
            return made_set(strategy, params, list(axes), values, constraints)
        except BadInput as error:
            refused = str(error)
    raise BadInput("grid", "its combinations", f"none is allowed ({refused})", "change the ranges")


def grid_sets(
    strategy: type[Strategy],
    params: Mapping[str, Any],
    axes: Mapping[str, Sequence[Any]],
    constraints: Sequence[Constraint] = (),
) -> tuple[list[Strategy], int]:
    """As `combinations`, and how many the cross-check and the constraints left out."""
    count = math.prod(len(values) for values in axes.values())
    if count > MOST:
        raise BadInput("grid", f"{count} combinations", f"more than {MOST}", "take larger steps, or --search random")
    _check_axes(strategy, axes)
    return _allowed(strategy, params, list(axes), itertools.product(*axes.values()), count, constraints)


def sampled_sets(
    strategy: type[Strategy],
    params: Mapping[str, Any],
    axes: Mapping[str, Sequence[Any]],
    trials: int,
    seed: int,
    *,
    stratified: bool = False,
    constraints: Sequence[Constraint] = (),
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
    return _allowed(strategy, params, list(axes), drawn, len(drawn), constraints)


def _check_axes(strategy: type[Strategy], axes: Mapping[str, Sequence[Any]]) -> None:
    declared = strategy.declared()
    for name, values in axes.items():
        if name not in declared:
            raise UnknownName(f"grid parameter of {strategy.__name__}", name, declared)
        if not len(values):
            raise BadInput(f"grid {name}", "no value", "is given", "write name=low:high:step")
        for value in values:
            declared[name].check(value)


def made_set(
    strategy: type[Strategy], params: Mapping[str, Any], names: Sequence[str], values: Sequence[Any],
    constraints: Sequence[Constraint],
) -> Strategy:  # fmt: skip
    """One set. Raises BadInput where the cross-check or a constraint refuses it."""
    made = strategy(**{**params, **dict(zip(names, values, strict=True))})
    for constraint in constraints:
        constraint.check(made.params)
    return made


def _allowed(
    strategy: type[Strategy], params: Mapping[str, Any], names: Sequence[str], rows: Iterable[Sequence[Any]],
    count: int, constraints: Sequence[Constraint],
) -> tuple[list[Strategy], int]:  # fmt: skip
    found: list[Strategy] = []
    refused, left_out = "", 0
    for values in rows:
        try:
            found.append(made_set(strategy, params, names, values, constraints))
        except BadInput as error:
            refused, left_out = str(error), left_out + 1
    if not found:
        raise BadInput("grid", f"{count} combinations", f"none is allowed ({refused})", "change the ranges")
    return found, left_out
