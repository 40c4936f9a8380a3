"""Record: which cases of a contract ran, which were skipped and why, and which claims they have proven."""

from __future__ import annotations

import functools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import pytest

from workbench.ports import BrokerCapabilities
from workbench.testing.brokers.claims import claims_of
from workbench.testing.brokers.desk import Desk

Group = TypeVar("Group")
More = ParamSpec("More")


@dataclass
class Record:
    """The cases of one contract in one run; `proven` names, for each claim, a case that proved it.

    Where pytest-xdist spreads the cases over processes, a file that they share holds what each of them saw.
    """

    name: str = ""
    ran: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    proven: dict[str, str] = field(default_factory=dict)

    @property
    def counted(self) -> int:
        """How many cases are known to have ended."""
        return len(self.ran) + len(self.skipped) + len(self.failed)

    def note(self, outcome: str, case: str, why: str = "", claims: Iterable[str] = ()) -> None:
        """Keep how a case ended: ran, skipped or failed."""
        self._count(outcome, case, why, claims)
        shared = self._shared()
        if shared is not None:
            with shared.open("a", encoding="utf-8") as file:  # one write, so that lines do not mix
                file.write(json.dumps([outcome, case, why, list(claims)]) + "\n")

    def gather(self, wanted: int, within: float = 120.0) -> None:
        """Wait until the processes together have seen so many cases, and count theirs too; alone, do nothing."""
        shared, ends = self._shared(), time.monotonic() + within
        if shared is None:
            return
        lines: list[str] = []
        while len(lines) < wanted and time.monotonic() < ends:
            time.sleep(0.05)
            lines = shared.read_text(encoding="utf-8").splitlines() if shared.exists() else []
        for kept in (self.ran, self.skipped, self.failed, self.proven):
            kept.clear()
        for line in lines:
            self._count(*json.loads(line))
        shared.unlink(missing_ok=True)

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

    def _count(self, outcome: str, case: str, why: str, claims: Iterable[str]) -> None:
        if outcome == "skipped":
            self.skipped[case] = why
        elif outcome == "failed":
            self.failed.append(case)
        else:
            self.ran.append(case)
            for claim in claims:
                self.proven.setdefault(claim, case)

    def _shared(self) -> Path | None:
        """The file that the processes of one run share, None where there is one process."""
        run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
        if not run or not self.name:
            return None
        return Path(tempfile.gettempdir()) / f"workbench-contract-{run}-{self.name}.jsonl"


def case(
    body: Callable[Concatenate[Group, Desk, More], None],
) -> Callable[Concatenate[Group, Desk, More], None]:
    """Mark a test function as a case: its outcome is recorded, and what it proved where it passed."""

    @functools.wraps(body)
    def run(self: Group, /, desk: Desk, *args: More.args, **more: More.kwargs) -> None:
        record: Record = getattr(type(self), "record", None) or Record()
        name = desk.name or body.__name__
        try:
            body(self, desk, *args, **more)
        except pytest.skip.Exception as skipped:
            record.note("skipped", name, str(skipped))
            raise
        except BaseException:
            record.note("failed", name)
            raise
        record.note("ran", name, claims=desk.proving)

    run.is_case = True  # type: ignore[attr-defined]
    return run  # type: ignore[return-value]
