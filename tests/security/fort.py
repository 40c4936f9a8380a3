"""Fort: a home with a hook of each kind, and the server process in front of it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.security.wire import HERE, Answer, alert, ask
from workbench import open_workbench
from workbench.bootstrap.trading_desk import TradingDesk

ROOT = Path(__file__).resolve().parents[2]
PROXY, INNER = "127.0.0.9", "127.0.0.10"
"""Addresses of the loopback network that are taken for reverse proxies."""
LISTED = "127.0.0.50"
"""The one address that the listed hook takes alerts from."""
CUSTOM = {"template": {"ticker": "$.ticker", "action": "$.action", "comment": "$.comment", "alert_id": "$.alert_id"}}
FORMATS: dict[str, dict[str, Any]] = {
    "tradingview": {},
    "traderspost": {},
    "chartink": {"action": "buy"},
    "threecommas": {},
    "tickerly": {},
    "autoview": {},
    "custom": CUSTOM,
}
KINDS: dict[str, dict[str, Any]] = {
    "open": {},
    "secret": {"secret": "long-and-secret-enough"},
    "signed": {"rules": {"signed": True}},
    "sealed": {"rules": {"sealed": True}},
    "listed": {"rules": {"addresses": [LISTED]}},
    "limited": {"rules": {"a_minute": 3}},
    "daily": {"rules": {"a_day": 3}},
    "flooded": {"secret": True},
    "capped": {"rules": {"symbols": ["AAPL"], "most_size": "5"}},
    "chartink": {"format": "chartink", "settings": {"action": "buy"}},
    "revoked": {},
    "rotated": {},
    "overlapping": {},
    "wide": {"rules": {"a_minute": 1_000_000}},
}
"""Hooks, each with what is given when it is made."""


def until(done: Callable[[], Any], seconds: float = 20.0, what: str = "it") -> Any:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while True:
        found = done()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} is not so after {seconds:g} s"
        time.sleep(0.02)


class Fort:
    """A home, its hooks as they were told once, and its server; `module` is what is run as the server."""

    def __init__(
        self,
        path: Path,
        kinds: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        module: str = "workbench_server",
        settings: str = "",
    ) -> None:
        self.path, self.module = path, module
        path.mkdir(parents=True, exist_ok=True)
        (path / "workbench.toml").write_text(settings)
        self.hooks = {name: self.make(name, **given) for name, given in (KINDS if kinds is None else kinds).items()}
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.said: list[bytes] = []

    @cached_property
    def desk(self) -> TradingDesk:
        """The home's desk inside this process."""
        return open_workbench(self.path).trading

    def make(self, name: str, **given: Any) -> dict[str, Any]:
        """Make a hook: what was told of it, this once."""
        return self.desk.webhooks.create_hook(name, **({"strategy": "sma_cross"} | given))

    # ---- the process -------------------------------------------------------------------------------------------------

    def start(self) -> Fort:
        """Start the server; what it writes goes into files."""
        command = [sys.executable, "-m", self.module, "--home", str(self.path), "--port", "0", "--until-stdin-closes"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")}
        with (self.path.parent / f"{self.path.name}.err").open("ab") as errors:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith(b"server: http"), (line, self.errors())
        self.port = int(line.rpartition(b":")[2])
        threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True).start()
        until(lambda: self.ask("/health/live", method="GET").status == 200, what="the server's start")
        return self

    def _listen(self, output: Any) -> None:
        for line in output:
            self.said.append(line)

    def errors(self) -> bytes:
        """What the server wrote to its standard error."""
        file = self.path.parent / f"{self.path.name}.err"
        return file.read_bytes() if file.exists() else b""

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def is_alive(self) -> bool:
        """Whether the process runs and answers."""
        assert self.process is not None
        return self.process.poll() is None and self.ask("/health/live", method="GET").status == 200

    def memory(self) -> float:
        """Megabytes the process has in memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def handles(self) -> int:
        """Files and connections the process has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def kill(self) -> None:
        """End the server as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self._gone()

    def stop(self) -> None:
        """End the server as its supervisor would."""
        if self.process is None:
            return
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._gone()

    def _gone(self) -> None:
        assert self.process is not None
        self.process.wait(20)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process = None

    def close(self) -> None:
        """End everything."""
        self.stop()
        self.desk.database.close()

    # ---- asking ------------------------------------------------------------------------------------------------------

    def door(self, name: str) -> str:
        """The path of a hook."""
        return f"/hooks/{self.hooks[name]['token']}"

    def ask(self, path: str, body: Any = b"", method: str = "POST", headers: Any = None, source: str = HERE) -> Answer:
        """One request from an address, and its answer."""
        return ask(self.port, path, body, method, headers, source)

    def send(self, name: str, body: Any, headers: Any = None, source: str = HERE) -> Answer:
        """Send a message to a hook."""
        return self.ask(self.door(name), body, headers=headers, source=source)

    def is_served(self, key: str, source: str = "127.0.1.1") -> bool:
        """Whether a good alert of somebody else is taken at once."""
        began = time.monotonic()
        found = self.send("wide", alert(key), source=source)
        return found.status == 202 and time.monotonic() - began < 2.0

    # ---- looking -----------------------------------------------------------------------------------------------------

    def rows(self, name: str, status: str = "") -> list[tuple[Any, ...]]:
        """Alerts of a hook on file: key, status, reason, body, repeats."""
        query = "select key, status, reason, body, repeats from alerts where source = ? and status like ? order by seq"
        return self.query(query, f"webhook:{name}", status or "%")

    def query(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        file = sqlite3.connect(self.path / "trading.db")
        try:
            return file.execute(query, values).fetchall()
        finally:
            file.close()

    def accepted(self, name: str) -> Counter[str]:
        """How often each key of a hook became an alert."""
        return Counter(row[0] for row in self.rows(name, "accepted"))
