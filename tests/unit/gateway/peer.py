"""A peer on loopback that answers each connection with bytes that a test wrote down."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType

Script = Callable[[socket.socket], None]


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def read_request(connection: socket.socket) -> bytes:
    """One whole request, or what came before the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += (more := connection.recv(65536))
        if not more:
            return data
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")), 0)
    while len(body) < length:
        body += (more := connection.recv(65536))
        if not more:
            break
    return head + b"\r\n\r\n" + body


class Peer:
    """Plays one script a connection, the last one for all that follow; `requests` is every whole request it read."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.requests: list[bytes] = []
        self.connections = 0
        self.ended = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def says(self, data: bytes, *, times: int = 1, then_close: bool = True) -> Peer:
        """Read a request and say this, so many times on a connection."""

        def script(connection: socket.socket) -> None:
            for _ in range(times):
                request = read_request(connection)
                if not request:
                    return
                self.requests.append(request)
                connection.sendall(data)
            if not then_close:
                self.ended.wait(5)

        self.scripts.append(script)
        return self

    def hangs(self, data: bytes, *, drip: float = 0.0) -> Peer:
        """Read a request, say this, a byte every `drip` seconds where that is given, and never more."""

        def script(connection: socket.socket) -> None:
            self.requests.append(read_request(connection))
            for i in range(len(data)) if drip else ():
                connection.sendall(data[i : i + 1])
                if self.ended.wait(drip):
                    return
            if not drip:
                connection.sendall(data)
            self.ended.wait(5)

        self.scripts.append(script)
        return self

    def __enter__(self) -> Peer:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, at: TracebackType | None
    ) -> None:
        self.ended.set()
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                script = self.scripts[min(self.connections, len(self.scripts) - 1)]
                self.connections += 1
                threading.Thread(target=self._play, args=(script, connection), daemon=True).start()

    def _play(self, script: Script, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            script(connection)
