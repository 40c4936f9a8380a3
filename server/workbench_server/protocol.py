"""The HTTP protocol of the server: uvicorn's, with limits on how long and how large a request may be on the wire."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
"""How long a connection may take to send the head of its next request, once it has begun."""
BODY_SECONDS = 5.0
"""How long a body may take after its head; senders of alerts give up earlier."""
HEAD_BYTES = 65_536
"""The largest head."""
MESSAGE_BYTES = 524_288
"""The most a request may be, with all that frames its body; the largest body, a few bytes a chunk, fits in."""
LOOK_EVERY = 0.5
"""Seconds between two looks at all connections; a timer for each request would cost each its share."""

_HEAD, _BODY, _DONE = 0, 1, 2
_TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class GuardedProtocol(HttpToolsProtocol):
    """Closes connections that send a request a byte at a time, or without end: uvicorn waits for those for ever.

    Also for the rest of a request that was answered before it was all there. What stands behind a chunked body
    (trailers) is not taken for headers.
    """

    _at, _since, _bytes = _HEAD, 0.0, 0

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._begin()
        _connections.add(self)
        _watch(self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        _connections.discard(self)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of a request."""
        super().on_message_begin()
        if self._at != _HEAD:
            self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; not one behind the body, where a sender could put what only proxies may say."""
        if self._at == _HEAD:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._at, self._since = _BODY, self.loop.time()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is there."""
        self._at = _DONE
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Count what comes before a request is complete."""
        super().data_received(data)
        if self._at != _DONE:
            self._bytes += len(data)
            if self._bytes > (HEAD_BYTES if self._at == _HEAD else MESSAGE_BYTES):
                self._close(_TOO_LARGE if self._at == _HEAD else b"")
        elif self.timeout_keep_alive_task is None and self.cycle is not None and self.cycle.response_complete:
            self._begin()  # line ends between requests: they ended uvicorn's own waiting, and begin nothing

    def look(self, now: float) -> None:
        """Close it where it is late."""
        if self._at == _HEAD and now - self._since > HEAD_SECONDS:
            self._close(b"")
        elif self._at == _BODY and now - self._since > BODY_SECONDS:
            # what was answered already, or waits behind another request, is not answered (again)
            self._close(b"" if self.cycle.response_complete or self.pipeline else _TOO_LATE)

    def _begin(self) -> None:
        self._at, self._since, self._bytes = _HEAD, self.loop.time(), 0

    def _close(self, answer: bytes) -> None:
        self._at = _DONE
        if not self.transport.is_closing():
            if answer and (self.cycle is None or not self.cycle.response_started or self.cycle.response_complete):
                self.transport.write(answer)
            self.transport.close()


_connections: weakref.WeakSet[GuardedProtocol] = weakref.WeakSet()
_watched: list[asyncio.AbstractEventLoop] = []
"""The loops whose connections are looked at."""


def _watch(loop: asyncio.AbstractEventLoop) -> None:
    if loop not in _watched:
        _watched.append(loop)
        loop.call_later(LOOK_EVERY, _look, loop)


def _look(loop: asyncio.AbstractEventLoop) -> None:
    """Look at a loop's connections, and again in a while as long as there are any."""
    mine = [protocol for protocol in list(_connections) if protocol.loop is loop]
    for protocol in mine:
        protocol.look(loop.time())
    if mine:
        loop.call_later(LOOK_EVERY, _look, loop)
    else:
        _watched.remove(loop)
