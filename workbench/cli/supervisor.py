"""The supervisor: starts the processes of a home, starts again what ends, and stops them all."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from workbench.errors import BadInput, Refused, WorkbenchError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
READY_SECONDS = 60.0
STOP_SECONDS = 10.0
LONG_ENOUGH = 120.0
"""Seconds after which a process that runs counts as sound again."""
LONGEST_PAUSE = 30.0
"""Seconds between two starts of a process that keeps ending."""


@dataclass
class _Child:
    """One process: how it is started, and its state."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    ready: threading.Event = field(default_factory=threading.Event)
    address: str = ""
    starts: int = 0
    started: float = 0.0
    again_at: float = 0.0


class Supervisor:
    """Runs engine, server and app of one home, each in a process of its own that ends with this one.

    Children read their standard input and end when it closes, which it does however this process ends.
    """

    def __init__(self, home: Path, *, host: str, port: int, app_port: int | None) -> None:
        if host not in LOOPBACK:
            raise Refused(f"--host {host}: refused until users exist; without passwords only 127.0.0.1 is served")
        self.home, self.host, self.port, self.app_port = home, host, port, app_port
        common = ["--home", str(home), "--until-stdin-closes"]
        address = [*common, "--host", host]
        python = [sys.executable, "-m"]
        self._children = [
            _Child("engine", [*python, "workbench", "engine", *common]),
            _Child("server", [*python, "workbench_server", *address, "--port", str(port)]),
        ]
        if app_port is not None:
            self._children.append(_Child("app", [*python, "workbench_apps", *address, "--port", str(app_port)]))

    @contextlib.contextmanager
    def running(self) -> Iterator[Supervisor]:
        """Everything started and ready; stopped at the end. Raises Refused for a second one on the home."""
        with only_one(self.home / "serve.lock"):
            ports = [("--port", self.port), ("--app-port", self.app_port)]
            if self.port == self.app_port:
                raise BadInput("--app-port", self.app_port, "is the server's too", "choose two ports")
            for name, port in ports:
                if port is not None:
                    check_free(name, self.host, port)
            try:
                for child in self._children:
                    self._start(child)
                self._wait_until_ready()
                yield self
            finally:
                self.stop()

    @property
    def addresses(self) -> dict[str, str]:
        """Where the server and the app can be reached."""
        return {child.name: child.address for child in self._children if child.address.startswith("http")}

    def watch(self) -> None:
        """Start again whatever ended, until this is interrupted."""
        while True:
            self.look()
            time.sleep(0.2)

    def look(self) -> None:
        """Start again what ended; one that keeps ending waits longer each time."""
        now = time.monotonic()
        for child in self._children:
            if child.process is None or child.process.poll() is None:
                if child.process is not None and now - child.started > LONG_ENOUGH:
                    child.starts = 1
                continue
            if child.again_at == 0.0:
                pause = min(LONGEST_PAUSE, 0.5 * 2 ** min(child.starts, 10))
                child.again_at = now + pause
                _tell(f"{child.name} ended with code {child.process.returncode}; started again in {pause:.0f} s")
            elif now >= child.again_at:
                child.again_at = 0.0
                self._start(child)

    def stop(self) -> None:
        """End every process: by closing its standard input, then by force."""
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            with contextlib.suppress(OSError):
                if process.stdin is not None:
                    process.stdin.close()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, child: _Child) -> None:
        child.ready.clear()
        child.starts += 1
        child.started = time.monotonic()
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        child.process = subprocess.Popen(
            child.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        assert child.process.stdout is not None
        threading.Thread(target=_read, args=(child, child.process.stdout), daemon=True).start()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        for child in self._children:
            assert child.process is not None
            while not child.ready.wait(0.05):
                if child.process.poll() is not None and not child.ready.wait(0.2):
                    raise WorkbenchError(f"{child.name} did not start (code {child.process.returncode}); see above")
                if time.monotonic() > deadline:
                    raise WorkbenchError(f"{child.name} was not ready within {READY_SECONDS:.0f} s")


def _read(child: _Child, output: IO[bytes]) -> None:
    """Take the line that says a process is ready; pass on the rest."""
    with output:
        for line in output:
            text = line.decode(errors="replace").rstrip()
            name, _, rest = text.partition(": ")
            if name == child.name and not child.ready.is_set():
                child.address = rest
                child.ready.set()
            else:
                _tell(text)


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def check_free(name: str, host: str, port: int) -> None:
    """Raises BadInput for a port that is taken, or is none."""
    if not 0 < port < 65_536:
        raise BadInput(name, port, "must be from 1 to 65535")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadInput(name, port, f"is taken ({error.strerror})", "choose another") from None


def free_port(host: str, wanted: int) -> int:
    """The wanted port where it is free, else one that is."""
    with contextlib.suppress(BadInput):
        check_free("port", host, wanted)
        return wanted
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold a home's lock file; it is let go however the process ends. Raises Refused where another holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            if sys.platform == "win32":
                import msvcrt

                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused(
                f"workbench serve runs already for {path.parent}; stop it, or choose another home with WORKBENCH_HOME"
            ) from None
        yield
