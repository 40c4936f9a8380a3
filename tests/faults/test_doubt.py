"""The fault harness in short: brokers that misbehave, lives that end anywhere; and what is broken is found out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

SEEDS = int(os.environ.get("DOUBT_SEEDS", "5"))
"""Seeds at each of the three kinds of broker, in each part; `./wb faults` runs more."""


def harness(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--json", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert not found["broken"], found["broken"]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("part", range(int(os.environ.get("DOUBT_PARTS", "1"))))
def test_nothing_is_doubled_and_nothing_lost_whatever_the_broker_and_the_machine_do(part: int) -> None:
    found = harness("--seeds", str(SEEDS), "--first-seed", str(part * SEEDS))
    assert (found["duplicates"], found["lost"]) == (0, 0), found["bad"]
    by = found["by_capability"]
    assert all(counts["kills"] > SEEDS / 3 and counts["orders"] > SEEDS for counts in by.values()), by
    assert by["blind"]["unresolved"] > 0, "a blind broker that never leaves a doubt: the harness did not try"


MUTANTS: list[tuple[int, str, str, tuple[str, ...]]] = [
    (2, "save-after-send", "blind", ("duplicates",)),
    (8, "shrug-at-disk", "searchable", ("lost",)),
    (2, "retry", "searchable", ("duplicates",)),
    (7, "send-again", "searchable", ("duplicates",)),
    (2, "silence-is-refusal", "dedupes", ("lost",)),
    (6, "silence-is-nothing", "searchable", ("lost",)),
    (0, "count-twice", "dedupes", ("lost",)),
    (3, "never-look", "dedupes", ("lost",)),
    (2, "impatient", "searchable", ("duplicates", "lost")),
    (1, "forget-sending", "dedupes", ("lost",)),
]
USUAL = ("save-after-send", "shrug-at-disk", "retry", "silence-is-refusal", "count-twice")
"""Those of the usual run, one for each kind of fault; FAULT_MUTANTS=all has them all."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "mutant", "mode", "what"),
    [m for m in MUTANTS if m[1] in USUAL or os.environ.get("FAULT_MUTANTS") == "all"],
)
def test_an_order_path_broken_on_purpose_is_found_out(
    first: int, mutant: str, mode: str, what: tuple[str, ...]
) -> None:
    """From a seed on at which it is likely to be found soon; on another day it may take more of them."""
    common = ("--mutant", mutant, "--mode", mode)
    found = harness(
        "--seeds", "200", "--first-seed", str(first), *(word for name in what for word in ("--until", name)), *common
    )
    assert any(found[name] for name in what), f"the harness takes {mutant} for sound at {mode} brokers"
