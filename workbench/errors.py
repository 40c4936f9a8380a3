"""The one tree of errors, and how each reaches a user.

WorkbenchError                 exit 3: something inside went wrong
├── BadInput                   exit 2: what the user gave cannot be used
│   ├── UnknownName            a strategy, source, symbol, run, … that does not exist
│   ├── DataFault              prices that failed the checks on the way in
│   └── StrategyFault          a strategy that cannot be loaded or answered wrongly
├── Refused                    exit 1: the answer is "no"
├── NotSent                    nothing left this machine: it may be sent again
├── PluginFault                a plugin that broke a rule of the door
├── LeaseLost                  another engine trades this home now
└── IllegalTransition          an order event that its state does not allow
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class WorkbenchError(Exception):
    """Base of every error this package raises on purpose."""

    exit_code = 3


class BadInput(WorkbenchError):
    """What the user gave cannot be used: names the parameter, its value, what is allowed and the remedy."""

    exit_code = 2

    def __init__(self, parameter: str, value: object, problem: str, remedy: str = "") -> None:
        self.parameter, self.value, self.problem, self.remedy = parameter, value, problem, remedy
        shown = value if isinstance(value, str) and value else repr(value)
        text = f"{parameter} {shown}: {problem}"
        super().__init__(" ".join((f"{text}; {remedy}" if remedy else text).split()))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by what was said, so that an error raised in a worker process arrives as it was."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[BadInput], arguments: tuple[Any, ...], state: dict[str, Any]) -> BadInput:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error


class UnknownName(BadInput):
    """A name that nothing answers to; lists what there is and the nearest spelling."""

    def __init__(self, parameter: str, value: str, known: Iterable[str], remedy: str = "") -> None:
        names = sorted(known)
        near = get_close_matches(value, names, n=1)
        hint = f"did you mean {near[0]}?" if near else remedy
        listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
        super().__init__(parameter, value, f"unknown; known: {listed or 'none'}", hint)


class DataFault(BadInput):
    """Prices that failed the checks on the way in."""


class StrategyFault(BadInput):
    """A strategy that cannot be loaded, or whose answer cannot be used."""


class Refused(WorkbenchError):
    """The answer is "no": a proof failed, a gate refused."""

    exit_code = 1


class NotSent(WorkbenchError):
    """An order of which not one byte left this machine, so that it may be sent again."""


class PluginFault(WorkbenchError):
    """A plugin broke a rule of the door; the message names the plugin and its distribution."""


class IllegalTransition(WorkbenchError):
    """An order event that the transition table does not allow in the order's state."""


class LeaseLost(WorkbenchError):
    """The lease under which this process may send orders is held by another, or ran out."""
