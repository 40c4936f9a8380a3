"""Record: which cases of a contract ran, which were skipped and why, and which claims they have proven."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, TypeVar

import pytest

from workbench.ports import BrokerCapabilities
from workbench.testing.brokers.claims import claims_of
from workbench.testing.brokers.desk import Desk

Group = TypeVar("Group")
More = ParamSpec("More")


@dataclass
class Record:
    """The cases of one contract in one run; `proven` names, for each claim, a case that proved it."""

    ran: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    proven: dict[str, str] = field(default_factory=dict)

    def lacks(self, can: BrokerCapabilities, floor: int) -> str:
        """What is missing for the contract to mean something; empty where nothing is."""
        found = []
        if len(self.ran) < floor:
            found.append(f"{len(self.ran)} cases ran, and {floor} are the floor")
        unproven = sorted(claims_of(can) - self.proven.keys())
        if unproven:
            found.append(f"claimed, and proven by no case that ran: {', '.join(unproven)}")
        skipped = "".join(f"\n  {name}: {why}" for name, why in self.skipped.items())
        return "; ".join(found) + (f"; skipped:{skipped}" if skipped else "") if found else ""


def case(
    body: Callable[Concatenate[Group, Desk, More], None],
) -> Callable[Concatenate[Group, Desk, More], None]:
    """Mark a test function as a case: its outcome is recorded, and what it proved where it passed."""

    @functools.wraps(body)
    def run(self: Group, /, desk: Desk, *args: More.args, **more: More.kwargs) -> None:
        record: Record | None = getattr(type(self), "record", None)
        name = desk.name or body.__name__
        try:
            body(self, desk, *args, **more)
        except pytest.skip.Exception as skipped:
            if record is not None:
                record.skipped[name] = str(skipped)
            raise
        except BaseException:
            if record is not None:
                record.failed.append(name)
            raise
        if record is not None:
            record.ran.append(name)
            for claim in desk.proving:
                record.proven.setdefault(claim, name)

    run.is_case = True  # type: ignore[attr-defined]
    return run  # type: ignore[return-value]
