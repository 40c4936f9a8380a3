"""A socket under one deadline, which knows whether a byte of the request was handed over."""

from __future__ import annotations

import io
import select
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class Wire:
    """A connected socket whose every step ends by the deadline, however slowly bytes come.

    `handed` is whether the operating system may have taken a byte since `begin`; `first_byte` when the first byte of
    the answer came, on the clock given, None before; `ended` whether the other side has said its last. It stands in
    for a socket in `http.client.HTTPResponse`.
    """

    def __init__(self, sock: socket.socket, clock: Callable[[], float]) -> None:
        self._sock, self._clock = sock, clock
        self._deadline = 0.0
        self.handed = False
        self.first_byte: float | None = None
        self.ended = False
        self.rested_at = clock()

    def begin(self, deadline: float) -> None:
        """Start a request that must have its whole answer by an instant of the clock."""
        self._deadline, self.handed, self.first_byte, self.ended = deadline, False, None, False

    def sendall(self, data: bytes) -> None:
        """Hand over all bytes; TimeoutError at the deadline."""
        view = memoryview(data)
        # A TLS record may be partly out when its call fails, so there the attempt counts; plain TCP says what it took.
        self.handed = isinstance(self._sock, ssl.SSLSocket)
        while view:
            self._sock.settimeout(self._left())
            taken = self._sock.send(view)
            self.handed = True
            view = view[taken:]

    def makefile(self, mode: str = "rb") -> io.BufferedReader:
        """A reader of the answer, under the deadline."""
        return io.BufferedReader(_Reader(self))

    def read_into(self, buffer: Any) -> int:
        """Read what is there; TimeoutError at the deadline."""
        self._sock.settimeout(self._left())
        count = self._sock.recv_into(buffer)
        if count == 0:
            self.ended = True
        elif self.first_byte is None:
            self.first_byte = self._clock()
        return count

    def is_quiet(self) -> bool:
        """Whether a resting connection still stands: one that has something to read was closed, or is out of step."""
        try:
            readable, _, broken = select.select([self._sock], [], [self._sock], 0)
        except (OSError, ValueError):
            return False
        return not readable and not broken

    def close(self) -> None:
        """Close the socket."""
        with suppress(OSError):
            self._sock.close()

    def _left(self) -> float:
        left = self._deadline - self._clock()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


class _Reader(io.RawIOBase):
    """The raw side of a buffered reader."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.read_into(buffer)


def dial(host: str, port: int, tls: ssl.SSLContext | None, deadline: float, clock: Callable[[], float]) -> Wire:
    """Connect, and shake hands where `tls` is given, by a deadline; OSError where that fails.

    Every address of the name is tried in turn. The look-up of a name itself has no deadline: the system's resolver
    has its own.
    """
    problem: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        left = deadline - clock()
        if left <= 0:
            raise TimeoutError("no connection in time")
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(left)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                sock = tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
                sock.settimeout(max(deadline - clock(), 0.001))
                sock.do_handshake()
            return Wire(sock, clock)
        except OSError as error:
            sock.close()
            problem = error
    raise problem
