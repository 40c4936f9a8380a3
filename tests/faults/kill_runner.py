"""Runs seeds of the world, each killed again and again at chosen points, and tells what went wrong.

`python -m tests.faults.kill_runner FIRST COUNT [--broken] [--every N]` prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.faults.world import SavesAfterSending, World, settled
from workbench.store import TradingDatabase
from workbench.trading import OrderManager

MOST_LIVES = 400


def uninterrupted(folder: Path, seed: int) -> tuple[dict[str, Any], int]:
    """What a seed leads to when nothing goes wrong, and how many points it passes."""
    world = World(folder, seed)
    world.run()
    found = world.facts(), world.killer.passed
    world.database.close()
    return found


def fresh(folder: Path, template: Path) -> Path:
    """A folder with an empty database in it: migrating one from nothing takes longer than a life."""
    folder.mkdir()
    shutil.copy(template, folder / "trading.db")
    return folder


def life(folder: Path, seed: int, kill_at: int | None, manager: type[OrderManager]) -> int:
    """One life in a process of its own: its wait status."""
    child = os.fork()
    if child == 0:
        try:
            World(folder, seed, kill_at, manager).run()
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"seed {seed}, killed at {kill_at}: {type(error).__name__}: {error}\n")
            os._exit(3)
    return os.waitpid(child, 0)[1]


def killed(folder: Path, seed: int, kills: list[int], manager: type[OrderManager]) -> tuple[dict[str, Any], int]:
    """A seed killed at each of some points in turn, then left alone; its facts, and how many lives it took."""
    lives = 0
    for kill_at in [*kills, None]:
        lives += 1
        status = life(folder, seed, kill_at, manager)
        if status == 0:
            break
        if not os.WIFSIGNALED(status):
            return {"broken": f"a life ended with status {status}", "duplicates": []}, lives
    world = World(folder, seed)
    facts = world.facts()
    world.database.close()
    return facts, lives


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--broken", action="store_true", help="with the manager that saves after sending")
    parser.add_argument("--every", type=int, metavar="N", help="each N-th point of each seed in turn, one kill a run")
    options = parser.parse_args()
    manager = SavesAfterSending if options.broken else OrderManager
    found: dict[str, Any] = {
        "seeds": 0,
        "runs": 0,
        "kills": 0,
        "duplicates": 0,
        "different": [],
        "fills": 0,
        "points": 0,
    }
    base = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        TradingDatabase(base / "template.db").close()
        for seed in range(options.first, options.first + options.count):
            expected, points = uninterrupted(fresh(base / f"{seed}-whole", base / "template.db"), seed)
            rng = random.Random(seed)
            plans = (
                [[k] for k in range(1, points + 1, options.every)]
                if options.every
                else [[rng.randrange(1, points // 2) for _ in range(rng.randrange(1, 4))]]
            )
            for nth, plan in enumerate(plans):
                folder = fresh(base / f"{seed}-{nth}", base / "template.db")
                facts, lives = killed(folder, seed, plan, manager)
                shutil.rmtree(folder)
                found["runs"] += 1
                found["kills"] += lives - 1
                found["duplicates"] += len(facts["duplicates"])
                if settled(facts) != settled(expected):
                    names = [name for name in expected if settled(facts).get(name) != settled(expected).get(name)]
                    found["different"].append({"seed": seed, "kills": plan, "in": names})
            found["seeds"] += 1
            found["points"] += points
            found["fills"] += len(expected["fills"])
    finally:
        shutil.rmtree(base)
    print(json.dumps(found))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
