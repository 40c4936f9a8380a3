"""SIGKILL at commit points: nothing doubled, nothing lost, and everything as if nothing had happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEEDS = int(os.environ.get("FAULT_SEEDS", "12"))
"""How many seeds in all; each is killed at one to three random points, one life after the other."""
EVERY = int(os.environ.get("FAULT_EVERY", "36"))
"""Of one run every so manieth point is killed at; 1 takes some minutes."""
PARTS = 2


def run(first: int, count: int, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.faults.kill_runner", str(first), str(count), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_anywhere_it_ends_as_if_it_had_run_through(part: int) -> None:
    count = SEEDS // PARTS
    found = run(part * count, count)
    assert found["duplicates"] == 0
    assert found["different"] == []
    assert found["kills"] > count
    assert found["fills"] > 5 * count


@pytest.mark.slow
def test_killed_at_points_all_along_one_run_it_ends_the_same() -> None:
    found = run(1, 1, "--every", str(EVERY))
    assert found["kills"] == -(-found["points"] // EVERY)
    assert found["points"] > 100
    assert (found["duplicates"], found["different"]) == (0, [])


@pytest.mark.slow
def test_an_order_manager_that_saves_after_sending_is_found_out() -> None:
    found = run(101, 2, "--broken")
    # doubled, or found at the broker although the file says that it never left, and put before a person
    assert found["duplicates"] or found["different"]
