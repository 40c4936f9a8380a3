"""JSON values: what a run's mappings may hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from workbench.errors import BadInput


def json_value(name: str, value: Any) -> Any:
    """Copy a value as plain dicts, lists, texts, numbers, booleans and None; tuples become lists.

    `name` is the value's dotted path. Raises BadInput, with the path of the culprit, for NaN, infinities, keys that
    are no text, and anything JSON does not have.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadInput(name, value, "is not finite", "leave it out, or give None with the reason beside it")
        return value
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise BadInput(name, key, f"is a key of type {type(key).__name__}", "use text as keys")
        return {key: json_value(f"{name}.{key}", item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(f"{name}[{index}]", item) for index, item in enumerate(value)]
    raise BadInput(
        name, value, f"is of type {type(value).__name__}, which JSON does not have", "convert it to text or a number"
    )
