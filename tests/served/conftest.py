"""A home as the demo leaves it, made once; each test serves a copy of its own on free ports."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.support import made_once
from workbench import open_workbench
from workbench.bootstrap.trading_desk import TradingDesk
from workbench.cli import main

OWN_PROCESS = ("demo", "engine", "serve")
"""Commands that start others, or take signals."""
ENVIRONMENT = {"WORKBENCH_SECONDS_PER_BAR": "0.2"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Home:
    """A home, the shell on it, and the processes that serve it."""

    path: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, **ENVIRONMENT, **self.environment, "WORKBENCH_HOME": str(self.path)}

    @cached_property
    def desk(self) -> TradingDesk:
        """The home's trading desk inside this process, quicker to ask than the shell."""
        return open_workbench(self.path).trading

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the shell: as a process of its own where it starts others, else inside this one."""
        if arguments[0] not in OWN_PROCESS:
            return self.inside(*arguments)
        command = [sys.executable, "-m", "workbench", *arguments]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, check=False, timeout=120)

    def inside(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the shell inside this process: Python by itself takes seconds to start."""
        out, err = io.StringIO(), io.StringIO()
        with patch.dict(os.environ, self.env), redirect_stdout(out), redirect_stderr(err):
            code = main(arguments)
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def serve(self, *more: str) -> None:
        """Start serving, without the app unless told, and wait until it answers."""
        options = more or ("--no-app",)
        command = [sys.executable, "-m", "workbench", "serve", "--port", str(self.port), *options]
        self.process = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("Ctrl-C"):
                return
        raise AssertionError(f"serve ended with {self.process.wait()}")

    def end(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    def hook(self, name: str = "tv") -> dict[str, Any]:
        found: dict[str, Any] = self.json(
            "hooks", "create", "--strategy", "ema_cross", "--name", name, "--port", str(self.port)
        )
        return found

    def wait(self, done: Callable[[], Any], seconds: float = 30) -> Any:
        """Until something is so; looks every tenth of a second."""
        deadline = time.monotonic() + seconds
        while True:
            found = done()
            if found:
                return found
            assert time.monotonic() < deadline, f"still not so after {seconds} s"
            time.sleep(0.1)


def post(
    url: str, body: bytes | Mapping[str, Any], content_type: str = "application/json"
) -> tuple[int, dict[str, Any]]:
    """Post an alert: the status and the answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def get(url: str) -> tuple[int, Any]:
    """Get a document: the status and the document."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The home the demo left, and what it told."""

    def run(folder: Path) -> None:
        told = Home(folder / "home").json("demo", "--exit")
        (folder / "told.json").write_text(json.dumps(told))

    folder = made_once(tmp_path_factory, "demo", run)
    return folder / "home", json.loads((folder / "told.json").read_text())


@pytest.fixture
def home(demo: tuple[Path, dict[str, Any]], tmp_path: Path) -> Iterator[Home]:
    """A copy of the demo's home; whatever serves it is ended."""
    made = Home(tmp_path / "home")
    shutil.copytree(demo[0], made.path)
    try:
        yield made
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            made.end(signal.SIGKILL)
        made.desk.database.close()
