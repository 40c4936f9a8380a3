"""Webhooks: how many alerts a second are taken, and how long each waits, against the same server without the disk.

`python benchmarks/webhooks.py [--seconds S] [--rounds N] [--connections C] [--json]`. wrk posts signed alerts, each
with an id of its own, on loopback: to our server with all that an alert goes through (durable, SQLite with
synchronous=FULL), to the same server with an inbox that keeps nothing (bare: parse, validate, HMAC), and to a server
with an ORM session a request. Rounds alternate; the figures are those of the median round. The disk's own fdatasync
stands beside them: no server answers faster than its disk.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench import open_workbench
from workbench.signals import signature

HERE = Path(__file__).resolve().parent
KINDS = ("bare", "durable", "orm")
_LUA = """
local thread_number = 0
function setup(thread) thread:set("id", thread_number); thread_number = thread_number + 1 end
function init(args)
  bodies, count, at = {}, 0, 0
  local nth = 0
  for line in io.lines(args[1]) do
    if nth % tonumber(args[2]) == id then count = count + 1; bodies[count] = line end
    nth = nth + 1
  end
end
function request()
  at = at % count + 1
  local sign, body = bodies[at]:match("^(%S+) (.*)$")
  return wrk.format("POST", nil, {["Content-Type"] = "application/json", ["X-Signature"] = sign}, body)
end
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('\\n{"requests": %d, "us": %d, "p50": %d, "p95": %d, "p99": %d, "most": %d, "failed": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
    latency.max, errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
"""


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing; install it (as by: apt-get install wrk) and run this again")
    rounds: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    syncs = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for kind in KINDS if number % 2 == 0 else KINDS[::-1]:
                syncs.append(fdatasync_ms(Path(folder)))
                found = measure(kind, Path(folder) / f"{kind}{number}", options.seconds, options.connections)
                rounds[kind].append(found)
                sys.stderr.write(f"{kind:8} {found['rps']:8.0f} a second, p99 {found['p99_ms']:.1f} ms\n")
    middle = {kind: sorted(found, key=lambda one: one["rps"])[len(found) // 2] for kind, found in rounds.items()}
    told = {
        "bare_rps": middle["bare"]["rps"],
        "durable_sqlite_rps": middle["durable"]["rps"],
        "orm_rps": middle["orm"]["rps"],
        "ratio_durable": middle["durable"]["rps"] / middle["bare"]["rps"],
        "ratio_orm": middle["durable"]["rps"] / middle["orm"]["rps"],
        "p50_ms": middle["durable"]["p50_ms"],
        "p95_ms": middle["durable"]["p95_ms"],
        "p99_ms": middle["durable"]["p99_ms"],
        "most_ms": middle["durable"]["most_ms"],
        "orm_p95_ms": middle["orm"]["p95_ms"],
        "fdatasync_p50_ms": statistics.median(syncs),
        "connections": options.connections,
    }
    if options.json:
        sys.stdout.write(json.dumps({name: round(value, 4) for name, value in told.items()}, indent=2) + "\n")
    else:
        for name, value in told.items():
            sys.stdout.write(f"{name:20} {value:12,.3f}\n")


def measure(kind: str, home: Path, seconds: float, connections: int) -> dict[str, float]:
    """Requests a second and latencies of one server, and whether all it said it kept is there."""
    home.mkdir()
    (home / "workbench.toml").write_text("alerts_a_minute = 1000000\n")
    bench = open_workbench(home)
    hook = bench.trading.webhooks.create_hook(
        "load", "sma_cross", rules={"signed": True, "a_minute": 1_000_000, "age": None}
    )
    key = bytes.fromhex(hook["signed_key"])
    file = home / "alerts.txt"
    with file.open("wb") as alerts:
        for number in range(int(seconds * 14_000)):
            body = json.dumps({
                "ticker": "NASDAQ:AAPL", "action": "buy", "market_position": "long", "quantity": "10",
                "price": "189.95", "time": "2026-01-05T14:30:00Z", "order_id": "Long", "alert_id": f"AAPL {number}",
            }).encode()  # fmt: skip
            alerts.write(signature(key, body).encode() + b" " + body + b"\n")
    script = home / "alerts.lua"
    script.write_text(_LUA)
    with serving(kind, home) as address:
        url = f"{address}/hooks/{hook['token']}"
        wrk = ["wrk", "-t2", f"-c{connections}", "--timeout", "10s", "-s", str(script), url]
        load(wrk, 1.0, file)  # its first second is spent on imports, and is not counted
        found = load(wrk, seconds, file, first=2)
    if found["failed"]:
        sys.exit(f"{kind}: {found['failed']} requests failed")
    if kind == "durable" and not bench.trading.inbox.rows(1):
        sys.exit("durable: nothing was kept")
    bench.trading.database.close()
    return {
        "rps": found["requests"] / found["us"] * 1e6,
        **{f"{name}_ms": found[name] / 1000 for name in ("p50", "p95", "p99", "most")},
    }


def load(wrk: list[str], seconds: float, file: Path, first: int = 0) -> dict[str, float]:
    """Run wrk: half of the alerts are for warming up, so that none is a repeat."""
    rest = file.with_suffix(f".{first}")
    lines = file.read_bytes().splitlines(keepends=True)
    cut = len(lines) // 7
    rest.write_bytes(b"".join(lines[:cut] if not first else lines[cut:]))
    os.sync()  # else the kernel writes it down beside the alerts, and their commits wait for it
    done = subprocess.run(
        [*wrk[:-1], f"-d{seconds:g}s", wrk[-1], "--", str(rest), "2"], capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


@contextmanager
def serving(kind: str, home: Path) -> Iterator[str]:
    """A server in a process of its own: its address."""
    command = [sys.executable, str(HERE / "webhook_apps.py"), kind, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(30)


def fdatasync_ms(folder: Path) -> float:
    """The median of 300 times: append a page, have it on disk."""
    took = []
    file = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        for _ in range(300):
            os.write(file, b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(file)
            took.append((time.perf_counter() - began) * 1000)
    finally:
        os.close(file)
    return statistics.median(took)


if __name__ == "__main__":
    main()
