"""Axes: which values of which parameters a search tries, and what must hold between them."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from workbench.errors import BadInput, UnknownName
from workbench.model import decimal
from workbench.strategy import Param, Strategy

MOST = 100_000
"""The largest grid that is laid out."""
_TENTHS = range(7, 14)
"""An automatic range: from 0.7 to 1.3 of the default, in steps of a tenth of it."""


def parse_axis(strategy: type[Strategy], text: str) -> tuple[str, list[Any]]:
    """One axis from `name=low:high:step` (both ends included), `name=a,b,c` or `name=auto`.

    Raises BadInput naming what is wrong.
    """
    name, equals, rest = text.partition("=")
    name = name.strip()
    declared = strategy.declared()
    if not equals or not rest.strip():
        raise BadInput("grid", text, "is no axis", "write name=low:high:step or name=a,b,c")
    if name not in declared:
        raise UnknownName(f"grid parameter of {strategy.__name__}", name, declared)
    param = declared[name]
    if rest.strip().lower() == "auto":
        return name, automatic_values(param)
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


def automatic_values(param: Param[Any]) -> list[Any]:
    """The default ± 30 % in steps of 10 %, within the bounds and of the type; all choices of a yes or no, or of a list.

    Raises BadInput for a default of 0, and for a text without choices.
    """
    if param.type is bool:
        return [False, True]
    if param.choices is not None:
        return list(param.choices)
    if param.type is str:
        raise BadInput(f"grid {param.name}", "auto", "is a text without choices", f"write {param.name}=a,b,c")
    if param.default == 0:
        raise BadInput(f"grid {param.name}", "auto", "has the default 0: 30 % of it are nothing", "write low:high:step")
    whole, found = Decimal(str(param.default)), []
    for tenths in _TENTHS:
        value: Any = whole * tenths / 10
        value = int(value.to_integral_value()) if param.type is int else float(value)
        if (param.low is None or value >= param.low) and (param.high is None or value <= param.high):
            found.append(value)
    return list(dict.fromkeys(found))


def automatic_axes(strategy: type[Strategy], given: Sequence[str] = ()) -> dict[str, list[Any]]:
    """An automatic axis for each number among the parameters that is not `given` and whose default is not 0.

    Raises BadInput where there is none.
    """
    axes = {
        name: automatic_values(param)
        for name, param in strategy.declared().items()
        if param.type in (int, float) and param.choices is None and param.default != 0 and name not in given
    }
    if not axes:
        raise BadInput("grid", "auto", f"finds no number to vary in {strategy.__name__}", "write name=a,b,c")
    return axes


@dataclass(frozen=True)
class Constraint:
    """What must hold between parameters, as in "slow >= 2 * fast"; sets that break it are left out.

    Names of parameters, numbers, texts, + - * /, comparisons, and, or, not. Raises BadInput for anything else.
    """

    text: str

    def __post_init__(self) -> None:
        try:
            tree = ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError) as error:
            raise BadInput("constraint", self.text, f"cannot be read ({error})", _EXAMPLE) from None
        if not isinstance(tree, (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Name)):
            raise BadInput("constraint", self.text, "is neither true nor false", _EXAMPLE)
        object.__setattr__(self, "_tree", tree)

    def check(self, params: Mapping[str, Any]) -> None:
        """Raise BadInput where it does not hold, and for a name that is no parameter."""
        if not self._value(getattr(self, "_tree"), params):  # noqa: B009 - set past the guard of a frozen class
            raise BadInput("constraint", self.text, "does not hold")

    def _value(self, node: ast.AST, params: Mapping[str, Any]) -> Any:
        match node:
            case ast.Constant(value=int() | float() | str() as value):
                return value
            case ast.Name(id=name):
                if name not in params:
                    raise UnknownName(f"parameter in the constraint {self.text!r}", name, params)
                return params[name]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                try:
                    return _ARITHMETIC[type(op)](self._value(left, params), self._value(right, params))
                except (TypeError, ZeroDivisionError) as error:
                    raise BadInput("constraint", self.text, f"cannot be worked out ({error})") from None
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                try:
                    return -self._value(operand, params)
                except TypeError as error:
                    raise BadInput("constraint", self.text, f"cannot be worked out ({error})") from None
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self._value(operand, params)
            case ast.BoolOp(op=op, values=values):
                found = (bool(self._value(value, params)) for value in values)
                return all(found) if isinstance(op, ast.And) else any(found)
            case ast.Compare(left=left, ops=ops, comparators=rest) if all(type(op) in _COMPARE for op in ops):
                values = [self._value(part, params) for part in (left, *rest)]
                try:
                    return all(_COMPARE[type(op)](a, b) for op, a, b in zip(ops, values, values[1:], strict=False))
                except TypeError as error:
                    raise BadInput("constraint", self.text, f"cannot be compared ({error})") from None
        raise BadInput("constraint", self.text, f"holds {ast.unparse(node)}, which is not allowed", _EXAMPLE)


_EXAMPLE = "as in slow >= 2 * fast"
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip
