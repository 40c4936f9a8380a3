"""The fault harness: `python -m tests.faults --seeds N --first-seed K [--mutant NAME] [--json]`.

For each seed and each kind of broker: a few lives of the order path, each killed or troubled in some way while the
broker misbehaves; then all is left alone until nothing waits for an answer, and the books are compared with the broker.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.lives import Life, Parts, Trouble
from tests.faults.mutants import MUTANTS
from workbench.gateway import Http
from workbench.store import TradingDatabase

MODES = ("dedupes", "searchable", "blind")
COUNTS = ("signals", "orders", "kills", "duplicates", "lost", "unresolved", "unsurfaced")
RATE = 0.25


@contextmanager
def exchange() -> Iterator[int]:
    """The broker in a process of its own: its port."""
    command = [sys.executable, "-m", "tests.faults.exchange"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait()


def tell(port: int, path: str, **body: Any) -> Any:
    """Say something to the broker behind the scenes."""
    http = Http(f"http://127.0.0.1:{port}", answer_within=10)
    return json.loads(http.send("POST", path, json.dumps(body).encode()).body)


def live(folder: Path, seed: int, port: int, mode: str, trouble: Trouble, parts: Parts, *, last: bool) -> int:
    """One life in a process of its own: its wait status."""
    child = os.fork()
    if child == 0:
        try:
            life = Life(folder, seed, port, mode, trouble, parts)
            if last:
                life.settle()
                (folder / "facts.json").write_text(json.dumps(life.facts()))
            else:
                life.run()
            os._exit(0)
        except BaseException:
            (folder / "error.txt").write_text(traceback.format_exc())
            os._exit(3)
    return os.waitpid(child, 0)[1]


def plan(seed: int, mode: str) -> list[Trouble]:
    """What befalls a seed's lives."""
    rng = random.Random(f"{seed} {mode}")
    found = []
    for _ in range(rng.randrange(1, 4)):
        kind = rng.choice(("kill", "kill", "kill", "busy", "full", "sync", "sync at send", "jump", "calm"))
        kill_at = rng.randrange(1, 90)
        found.append(
            {
                "kill": Trouble(kill_at=kill_at),
                "busy": Trouble(kill_at=kill_at, busy=True),
                "full": Trouble(full=True),
                "sync": Trouble(syncs_fail_at=kill_at),
                "sync at send": Trouble(syncs_fail_at_send=1 + kill_at % 4),
                "jump": Trouble(kill_at=kill_at, jump=rng.uniform(1, 30)),
                "calm": Trouble(),
            }[kind]
        )
    return found


def judge(facts: dict[str, Any], truth: dict[str, Any], mode: str) -> Counter[str]:
    """What went wrong: books against the broker's own."""
    found: Counter[str] = Counter(signals=facts["signals"], orders=len(truth["taken"]))
    # what the broker forgot before anything of it filled is dead: that it comes again doubles nothing
    dead = {name for name, order in truth["orders"].items() if order["forgotten"] and not order["filled"]}
    times = Counter(intent for name, intent in truth["taken"] if name not in dead)
    found["duplicates"] = sum(count - 1 for count in times.values() if count > 1)
    doubtful = [o for o in facts["orders"] if o["state"] in ("unknown", "quarantined")]
    found["unresolved"] = len(doubtful)
    surfaced = {o["symbol"] for o in doubtful} | {d["symbol"] for d in facts["drifts"]}
    surfaced |= {o["symbol"] for o in facts["orders"] if o["state"] == "external"}
    by_intent = {o["client_id"]: o for o in facts["orders"]}
    found["lost"] += sum(i in by_intent and not by_intent[i]["sent"] for i in times)  # sent before that was on file
    for name, intent in truth["taken"]:
        if name in dead and intent in times:
            continue  # its successor counts
        ours, theirs = by_intent.get(intent), truth["orders"][name]
        matches = ours is not None and ours["filled"] == theirs["filled"] and (ours["final"] or not theirs["filled"])
        if not matches and theirs["symbol"] not in surfaced and not (mode == "blind" and _external(facts, name)):
            found["lost"] += 1
    for order in facts["orders"]:
        if order["state"] in ("ready", "sending", "received") and mode != "blind":
            found["lost"] += 1  # never sent, and nobody is told
        if (
            order["state"] in ("filled", "acked", "partial")
            and order["client_id"] not in {intent for _, intent in truth["taken"]}
            and (order["strategy"] != "external")
        ):
            found["lost"] += 1  # believed to be at a broker that never took it
    books = truth["books"]
    held = {symbol: size for symbol, size in books["positions"].items() if size}
    mine = {symbol: size for symbol, size in facts["positions"].items() if size}
    for symbol in held.keys() | mine.keys():
        if held.get(symbol, 0) != mine.get(symbol, 0) and symbol not in surfaced:
            found["unsurfaced"] += 1
    if books["cash"] != facts["cash"] and not surfaced and not any(d["symbol"] == "" for d in facts["drifts"]):
        found["unsurfaced"] += 1
    if not facts["balanced"]:
        found["unsurfaced"] += 1
    found["lost"] += found["unsurfaced"]
    return found


def _external(facts: dict[str, Any], broker_id: str) -> bool:
    """Whether an order is on file as one found at the broker."""
    return any(o["broker_id"] == broker_id and o["strategy"] == "external" for o in facts["orders"])


def run_seed(base: Path, seed: int, port: int, mode: str, parts: Parts) -> tuple[Counter[str], str]:
    """A seed at one kind of broker: counts, and what went wrong with the harness itself."""
    folder = base / f"{seed}-{mode}"
    folder.mkdir()
    shutil.copy(base / "template.db", folder / "trading.db")
    forgets = seed % 10 == 9  # a broker that loses orders it had taken: that is for a person, and allowed to stay open
    tell(port, "/reset", seed=seed, mode=mode, faults=RATE, forgets=forgets, lag=parts.lag)
    kills = 0
    for trouble in plan(seed, mode):
        status = live(folder, seed, port, mode, trouble, parts, last=False)
        kills += os.WIFSIGNALED(status) or status != 0
    tell(port, "/heal")
    status = live(folder, seed, port, mode, Trouble(), parts, last=True)
    truth = tell(port, "/truth")
    if status != 0:
        words = (folder / "error.txt").read_text() if (folder / "error.txt").exists() else f"status {status}"
        shutil.rmtree(folder)
        return Counter(kills=kills, lost=1), f"seed {seed} {mode}: {words}"
    found = judge(json.loads((folder / "facts.json").read_text()), truth, mode)
    found["kills"] = kills
    if mode != "blind" and not forgets and found["unresolved"]:
        found["lost"] += found["unresolved"]  # what can be found out has to be
    shutil.rmtree(folder)
    return found, ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="workbench faults")
    parser.add_argument("--seeds", type=int, default=20, metavar="N")
    parser.add_argument("--first-seed", type=int, default=0, metavar="K")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="an order path broken on purpose: to be found out")
    parser.add_argument("--until", choices=("duplicates", "lost"), action="append", default=[],
                        help="stop at the first seed where there is one")  # fmt: skip
    parser.add_argument("--mode", choices=MODES, action="append", help="only this kind of broker")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    parts = MUTANTS[options.mutant] if options.mutant else Parts()
    by: dict[str, Counter[str]] = {mode: Counter() for mode in options.mode or MODES}
    bad, broken = [], []
    base = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        TradingDatabase(base / "template.db").close()
        with exchange() as port:
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                for mode in by:
                    found, words = run_seed(base, seed, port, mode, parts)
                    by[mode] += found
                    if words:
                        broken.append(words)
                    if found["duplicates"] or found["lost"]:
                        bad.append({"seed": seed, "mode": mode, **found})
                if any(counts[name] for counts in by.values() for name in options.until):
                    break
                if not options.json and sys.stderr.isatty():
                    sys.stderr.write(f"\rseed {seed}")
    finally:
        shutil.rmtree(base)
    total = sum(by.values(), Counter[str]())
    answer = {
        "seeds": options.seeds, "first_seed": options.first_seed, "mutant": options.mutant,
        **{name: total[name] for name in COUNTS},
        "by_capability": {mode: {name: counts[name] for name in COUNTS} for mode, counts in by.items()},
        "bad": bad[:20], "broken": broken[:5],
    }  # fmt: skip
    sys.stdout.write(json.dumps(answer, indent=2) + "\n" if options.json else _table(answer))
    is_bad = bool(total["duplicates"] or total["lost"])
    return 1 if broken or is_bad is (options.mutant is None) else 0


def _table(answer: dict[str, Any]) -> str:
    lines = ["".join(f"{name:>12}" for name in ("broker", *COUNTS))]
    for mode, counts in answer["by_capability"].items():
        lines.append("".join(f"{value:>12}" for value in (mode, *(counts[name] for name in COUNTS))))
    lines += [f"bad: {bad}" for bad in answer["bad"]] + list(answer["broken"])
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
