"""SearchAsked: a sweep or a walk-forward as it was filled in, ready to be handed to the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.bootstrap import Workbench
from workbench.errors import BadInput, UnknownName
from workbench.ports import ProgressCallback
from workbench.research import OPTIONS

SWEEP, WALK = "sweep", "walk-forward"


@dataclass(frozen=True)
class SearchAsked:
    """What is searched, on what, and how: `how` are the keywords of `bench.sweep` or `bench.walk_forward`."""

    kind: str
    strategy: str
    data: str
    params: Mapping[str, str] = field(default_factory=dict)
    how: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The job in words."""
        return f"{self.kind.capitalize()} of {self.strategy} on {self.data}"

    def run(self, bench: Workbench, progress: ProgressCallback, cancelled: Callable[[], bool]) -> Any:
        """Do it: a Sweep or a WalkForward, recorded."""
        act: Any = bench.sweep if self.kind == SWEEP else bench.walk_forward
        return act(self.strategy, self.data, self.params, progress=progress, cancelled=cancelled, **self.how)


def lines_of(text: str) -> list[str]:
    """What stands in each line that has something in it."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def pairs_of(name: str, text: str) -> dict[str, str]:
    """Lines of NAME=VALUE. Raises BadInput for one that is none, and for a name that is there twice."""
    found: dict[str, str] = {}
    for line in lines_of(text):
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key or not value:
            raise BadInput(name, line, "is no NAME=VALUE", "write one a line")
        if key in found:
            raise BadInput(name, key, "is given twice", "leave one of the two out")
        found[key] = value
    return found


def options_of(text: str, taken: Mapping[str, Any]) -> dict[str, str]:
    """Further options of a run, one a line. Raises BadInput for one that has a field of its own in the form."""
    found = pairs_of("option", text)
    for name in found:
        if name not in OPTIONS:
            raise UnknownName("option", name, OPTIONS)
        if name in taken:
            raise BadInput("option", name, "has a field of its own above", "fill it in there")
    return found


def whole(name: str, text: str) -> int | None:
    """A whole number, None for nothing. Raises BadInput."""
    if not text:
        return None
    try:
        return int(text.replace(",", "").replace("_", ""))
    except ValueError:
        raise BadInput(name, text, "is no whole number") from None
