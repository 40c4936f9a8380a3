"""The long attack: `python -m tests.security.attack [--minutes M] [--rate R] [--part PART] [--json]`.

A home as the demo leaves it, with its engine and its server. For so many minutes so many messages a second come in:
good alerts, repeats, malformed ones, wrong tokens, oversized bodies and slow ones. Its memory and open files are
watched meanwhile; then what is on file is compared with what was answered. After that the tests of many copies and of
the schema run in their long versions.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.security.fort import ROOT, Fort
from tests.security.wire import alert, connection, is_closed_within

PARTS = ("flood", "copies", "schema")
MIX = {"good": 60, "repeat": 15, "malformed": 10, "wrong token": 7, "oversized": 5, "slow": 3}
"""Of a hundred messages, how many are of each kind."""
EXPECTED = {"good": {202}, "repeat": {200}, "malformed": {422}, "wrong token": {404}, "oversized": {413}, "slow": {0}}
"""What each kind is answered; 0 stands for a connection that was hung up on."""
WORKERS, MOST_SLOW = 8, 8
WARM = 0.2
"""The part of the time that memory and open files are not judged by."""
MORE_MEMORY, MORE_MEGABYTES, MORE_HANDLES = 0.05, 4.0, 4


class Flood:
    """Sends at an even rate, and keeps what was answered."""

    def __init__(self, fort: Fort, rate: float, seed: int = 1) -> None:
        self.fort, self.rate = fort, rate
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.accepted: dict[str, str] = {}
        self.wrong: list[str] = []
        self.late = 0.0
        self._random = random.Random(seed)
        self._keys: list[str] = []
        self._number = 0
        self._lock = threading.Lock()
        self._slow = threading.Semaphore(MOST_SLOW)

    def run(self, seconds: float) -> None:
        """Send for so long."""
        began = time.monotonic()
        threads = [threading.Thread(target=self._work, args=(began, seconds, i)) for i in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for _ in range(MOST_SLOW):
            self._slow.acquire()

    def _work(self, began: float, seconds: float, place: int) -> None:
        link = http.client.HTTPConnection("127.0.0.1", self.fort.port, timeout=20)
        kinds, weights = list(MIX), list(MIX.values())
        turn = 0
        while True:
            due = began + (place + turn * WORKERS) / self.rate
            turn += 1
            if due - began >= seconds:
                break
            pause = due - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            else:
                self.late = max(self.late, -pause)
            with self._lock:
                kind = self._random.choices(kinds, weights)[0]
            if kind == "slow":
                if self._slow.acquire(blocking=False):
                    threading.Thread(target=self._drip, daemon=True).start()
                continue
            path, body, key = self._message(kind)
            try:
                link.request("POST", path, body, {"Content-Type": "application/json"})
                answer = link.getresponse()
                told = json.loads(answer.read())
                if answer.will_close:
                    link.close()
                self._note(kind, answer.status, key, told)
            except (OSError, http.client.HTTPException, ValueError) as error:
                link.close()
                # what is too large may be hung up on before its answer is read
                self._note(kind, 413 if kind == "oversized" else -1, key, {"detail": repr(error)})
        link.close()

    def _message(self, kind: str) -> tuple[str, bytes, str]:
        path = self.fort.door("attack")
        with self._lock:
            if kind == "repeat" and self._keys:
                key = self._random.choice(self._keys)
            else:
                self._number += 1
                key = f"attack {self._number}"
            odd = self._random.choice([b"", b"{", b"[]", b"\xff", b'{"ticker": "AAPL"}', b'{"a":' * 5_000, b"buy"])
        if kind == "malformed":
            return path, odd, ""
        if kind == "wrong token":
            return f"/hooks/{self._number:043d}", b"{}", ""
        body = alert(key, "buy" if int(key.split()[1]) % 2 else "sell")
        if kind == "oversized":
            return path, json.dumps(body | {"x": "y" * 70_000}).encode(), ""
        return path, json.dumps(body).encode(), key

    def _note(self, kind: str, status: int, key: str, told: Any) -> None:
        with self._lock:
            if kind == "repeat" and key not in self.accepted:
                kind = "good"  # there was nothing to repeat yet
            self.statuses[kind, status] += 1
            if status == 202:
                self.accepted[key] = told["signal_id"]
                self._keys.append(key)
            elif status == 200 and self.accepted.get(key) != told["signal_id"]:
                self.wrong.append(f"{key} has another signal as a repeat")
            if status not in EXPECTED[kind]:
                self.wrong.append(f"{kind}: {status} {str(told)[:100]}")

    def _drip(self) -> None:
        try:
            with connection(self.fort.port) as made:
                head = f"POST {self.fort.door('attack')} HTTP/1.1\r\nHost: d\r\nContent-Length: 1000\r\n\r\n"
                made.sendall(head.encode())
                until = time.monotonic() + 15
                while time.monotonic() < until:
                    if is_closed_within(made, 1.0):
                        break
                    made.sendall(b" ")
                else:
                    self.wrong.append("a slow body was waited for, for 15 s")
        except OSError:
            pass
        finally:
            with self._lock:
                self.statuses["slow", 0] += 1
            self._slow.release()


def watch(fort: Fort, stop: threading.Event, every: float) -> list[tuple[float, float, int]]:
    """Samples of the server: seconds, megabytes, open files."""
    began, found = time.monotonic(), []
    while not stop.wait(every):
        found.append((time.monotonic() - began, fort.memory(), fort.handles()))
    return found


def growth(samples: list[tuple[float, float, int]]) -> dict[str, float]:
    """How memory and open files grew after the warm-up: the medians of its first and its last third."""
    warm = samples[int(len(samples) * WARM) :]
    third = max(len(warm) // 3, 1)
    first, last = warm[:third], warm[-third:]
    names = {"memory_mb": 1, "handles": 2}
    found: dict[str, float] = {}
    for name, at in names.items():
        found[f"{name}_first"] = round(statistics.median(sample[at] for sample in first), 1)
        found[f"{name}_last"] = round(statistics.median(sample[at] for sample in last), 1)
        found[f"{name}_most"] = round(max(sample[at] for sample in samples), 1)
    return found


def faults_of(flood: Flood, grown: dict[str, float], fort: Fort) -> list[str]:
    """What went wrong in the flood."""
    found = list(flood.wrong[:20])
    allowed = grown["memory_mb_first"] * (1 + MORE_MEMORY) + MORE_MEGABYTES
    if grown["memory_mb_last"] > allowed:
        found.append(f"memory grew from {grown['memory_mb_first']} to {grown['memory_mb_last']} MB")
    if grown["handles_last"] > grown["handles_first"] + MORE_HANDLES:
        found.append(f"open files grew from {grown['handles_first']:.0f} to {grown['handles_last']:.0f}")
    broken = sum(n for (_, status), n in flood.statuses.items() if status >= 500)
    if broken:
        found.append(f"{broken} answers above 499")
    kept = fort.accepted("attack")
    lost = [key for key in flood.accepted if key not in kept]
    doubled = [key for key, times in kept.items() if times != 1]
    unasked = [key for key in kept if key not in flood.accepted]
    ids = dict(fort.query("select key, signal_id from signals where source = 'webhook:attack'"))
    other = [key for key, signal in flood.accepted.items() if ids.get(key) != signal]
    for name, keys in (("lost", lost), ("doubled", doubled), ("kept unanswered", unasked), ("another signal", other)):
        if keys:
            found.append(f"{len(keys)} {name}: {keys[:3]}")
    if b"Traceback" in fort.errors() or b"could not be handled" in fort.errors():
        found.append("the server's log tells of an error inside")
    return found


def flood(minutes: float, rate: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Flood a server with its engine beside it: the figures, and what was wrong."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        say("making a home, as the demo does")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")}
        environment |= {"WORKBENCH_HOME": str(home), "WORKBENCH_SECONDS_PER_BAR": "1"}
        python = [sys.executable, "-m", "workbench"]
        subprocess.run([*python, "demo", "--exit", "--json"], env=environment, check=True, stdout=subprocess.DEVNULL)
        settings = "alerts_a_minute = 1000000\nseconds_per_bar = 1.0\n"
        kinds = {"attack": {"strategy": "ema_cross", "rules": {"a_minute": 1_000_000}}}
        fort = Fort(home, kinds, settings=settings)
        engine = subprocess.Popen(
            [*python, "engine", "--until-stdin-closes"], env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        stop, samples = threading.Event(), list[tuple[float, float, int]]()
        every = min(10.0, minutes * 60 / 24)
        watcher = threading.Thread(target=lambda: samples.extend(watch(fort, stop, every)))
        try:
            fort.start()
            say(f"flooding for {minutes:g} minutes with {rate:g} a second")
            made = Flood(fort, rate)
            watcher.start()
            made.run(minutes * 60)
            stop.set()
            watcher.join()
            grown = growth(samples)
            faults = faults_of(made, grown, fort)
            runs = engine.poll() is None
            done = fort.query("select status, count(*) from signals where source = 'webhook:attack' group by status")
        finally:
            stop.set()
            assert engine.stdin is not None
            engine.stdin.close()
            engine.wait(30)
            fort.close()
        return {
            "minutes": minutes, "rate": rate, "sent": sum(made.statuses.values()), "accepted": len(made.accepted),
            "by_kind": {f"{kind} {status}": n for (kind, status), n in sorted(made.statuses.items())},
            "signals": dict(done), "late_s": round(made.late, 2), **grown, "samples": len(samples),
            "faults": faults if runs else [*faults, "the engine ended"],
        }  # fmt: skip


def tests(names: list[str], say: Callable[[str], None], **environment: str) -> dict[str, Any]:
    """Run tests in their long version: seconds, and what failed."""
    say(f"running {' '.join(names)} with {environment}")
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "", *names]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    tail = [line for line in done.stdout.splitlines() if line.strip()]
    failed = [line for line in tail if line.startswith(("FAILED", "ERROR"))]
    return {
        "seconds": round(time.monotonic() - began, 1), **environment, "said": tail[-1] if tail else done.stderr[-200:],
        "faults": failed or ([] if done.returncode == 0 else [f"pytest ended with {done.returncode}"]),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="workbench attack")
    parser.add_argument("--minutes", type=float, default=30, metavar="N")
    parser.add_argument("--rate", type=float, default=50, metavar="N")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this part; may be given again")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    def say(text: str) -> None:
        sys.stderr.write(f"attack: {text}\n")
        sys.stderr.flush()

    here, found = "tests/security", {}
    for part in options.part or PARTS:
        if part == "flood":
            found[part] = flood(options.minutes, options.rate, say)
        elif part == "copies":
            found[part] = tests([f"{here}/test_crash.py"], say, ATTACK_COPIES="1000x100x32")
        else:
            found[part] = tests([f"{here}/test_schema.py"], say, ATTACK_EXAMPLES="1000", HYPOTHESIS_SEARCH="1")
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if options.json else _table(found))
    return 1 if any(part["faults"] for part in found.values()) else 0


def _table(found: dict[str, Any]) -> str:
    lines = []
    for part, told in found.items():
        lines.append(f"{part}: {'FAILED' if told['faults'] else 'passed'}")
        for name, value in told.items():
            rows = value.items() if isinstance(value, dict) else [("", value)]
            if name != "faults":
                lines += [f"  {f'{name} {row}'.strip():28}{told_value!s:>14}" for row, told_value in rows]
        lines += [f"  fault: {fault}" for fault in told["faults"]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
