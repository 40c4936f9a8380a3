"""Addresses: where the app may listen. Kept apart, so that a refusal does not wait for heavy imports."""

from __future__ import annotations

import errno
import socket

from workbench.errors import BadInput

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def check_address(host: str, port: int) -> None:
    """Raise BadInput unless a host is this machine's own loopback and the port is free: no users are told apart yet."""
    if host not in LOOPBACK:
        raise BadInput("host", host, "refused until users exist", f"use one of {', '.join(LOOPBACK)}")
    if not 1 <= port <= 65_535:
        raise BadInput("port", str(port), "is not between 1 and 65535")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise cannot_listen(port, error) from None


def cannot_listen(port: int, error: OSError) -> BadInput:
    """What to say where a port cannot be listened on."""
    problem = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be listened on ({error.strerror or error})"
    return BadInput("port", str(port), problem, "give another with --port")
