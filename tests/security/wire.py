"""Wire: what an attacker says to the server, byte for byte, from whichever address of the loopback network."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HERE = "127.0.0.1"
SECONDS = 15.0
"""How long an answer may take."""


@dataclass(frozen=True)
class Answer:
    """An answer: its status (0 where the connection was closed without one), its head without the date, its body."""

    status: int
    head: bytes
    body: bytes

    @property
    def whole(self) -> bytes:
        return self.head + b"\r\n\r\n" + self.body

    def header(self, name: str) -> str:
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            found, _, value = line.partition(": ")
            if found.lower() == name.lower():
                return value
        return ""

    def json(self) -> Any:
        return json.loads(self.body)


CLOSED = Answer(0, b"", b"")


@contextlib.contextmanager
def connection(port: int, source: str = HERE, seconds: float = SECONDS) -> Iterator[socket.socket]:
    """A connection from an address."""
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.settimeout(seconds)
        made.bind((source, 0))
        made.connect((HERE, port))
        yield made


def request(
    path: str, body: bytes = b"", method: str = "POST", headers: Mapping[str, str] | None = None, *, close: bool = True
) -> bytes:
    """A request as bytes."""
    given = {"Host": "desk", "Content-Length": str(len(body))} | dict(headers or {})
    if close:
        given["Connection"] = "close"
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items() if value)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def heard(made: socket.socket) -> bytes:
    """All that comes until the other side closes, or is silent too long."""
    parts = []
    with contextlib.suppress(OSError):
        while part := made.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def answers(raw: bytes) -> list[Answer]:
    """The answers in what was heard."""
    found = []
    while raw:
        head, gap, rest = raw.partition(b"\r\n\r\n")
        if not gap or not head.startswith(b"HTTP/1.1 "):
            break
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"date:")]
        length = next((int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), len(rest))
        found.append(Answer(int(head[9:12]), b"\r\n".join(lines), rest[:length]))
        raw = rest[length:]
    return found


def said(port: int, raw: bytes | Sequence[bytes], source: str = HERE, seconds: float = SECONDS) -> list[Answer]:
    """The answers to raw bytes; none where the connection was closed without."""
    with connection(port, source, seconds) as made:
        with contextlib.suppress(OSError):  # it may be closed before all is said
            for part in (raw,) if isinstance(raw, bytes) else raw:
                made.sendall(part)
        return answers(heard(made))


def ask(
    port: int,
    path: str,
    body: bytes | Mapping[str, Any] = b"",
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    source: str = HERE,
) -> Answer:
    """One request and its answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = said(port, request(path, data, method, headers), source)
    return found[0] if found else CLOSED


def is_closed_within(made: socket.socket, seconds: float) -> bool:
    """Whether the other side closes a connection within some time, whatever it still says before."""
    until = time.monotonic() + seconds
    with contextlib.suppress(ConnectionError):
        while (left := until - time.monotonic()) > 0:
            made.settimeout(left)
            try:
                if not made.recv(65_536):
                    return True
            except TimeoutError:
                return False
        return False
    return True


def alert(key: str, action: str = "buy", **more: Any) -> dict[str, Any]:
    """A good alert."""
    return {"ticker": "NASDAQ:AAPL", "action": action, "alert_id": key, **more}
