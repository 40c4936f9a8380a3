"""The fault harness in short: brokers that misbehave, lives that end anywhere; and what is broken is found out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

SEEDS = int(os.environ.get("DOUBT_SEEDS", "11"))
"""Seeds at each of the three kinds of broker, in each of three parts; `./wb faults` runs more."""


def harness(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--json", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert not found["broken"], found["broken"]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("part", range(3))
def test_nothing_is_doubled_and_nothing_lost_whatever_the_broker_and_the_machine_do(part: int) -> None:
    found = harness("--seeds", str(SEEDS), "--first-seed", str(part * SEEDS))
    assert (found["duplicates"], found["lost"]) == (0, 0), found["bad"]
    by = found["by_capability"]
    assert all(counts["kills"] > SEEDS / 3 and counts["orders"] > 2 * SEEDS for counts in by.values()), by
    assert by["blind"]["unresolved"] > 0, "a blind broker that never leaves a doubt: the harness did not try"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mutant", "mode", "what"),
    [
        ("save-after-send", "blind", ("duplicates",)),
        ("shrug-at-disk", "searchable", ("lost",)),
        ("retry", "searchable", ("duplicates",)),
        ("send-again", "searchable", ("duplicates",)),
        ("silence-is-refusal", "dedupes", ("lost",)),
        ("silence-is-nothing", "searchable", ("lost",)),
        ("count-twice", "dedupes", ("lost",)),
        ("never-look", "dedupes", ("lost",)),
        ("impatient", "searchable", ("duplicates", "lost")),
        ("forget-sending", "dedupes", ("lost",)),
    ],
)
def test_an_order_path_broken_on_purpose_is_found_out(mutant: str, mode: str, what: tuple[str, ...]) -> None:
    common = ("--mutant", mutant, "--mode", mode)
    found = harness("--seeds", "200", *(word for name in what for word in ("--until", name)), *common)
    assert any(found[name] for name in what), f"the harness takes {mutant} for sound at {mode} brokers"
