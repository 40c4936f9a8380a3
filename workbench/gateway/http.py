"""One HTTP request, sent exactly once: no retries, no redirects, no proxies from the environment."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from urllib.parse import urlsplit

from workbench.errors import BadInput, NotSent, WorkbenchError
from workbench.gateway.wire import Wire, dial

MOST = 32 * 1024 * 1024
"""The largest answer that is read, in bytes."""
RESTS = 1.5
"""Seconds after which a resting connection is not used again: servers close theirs after two or more."""


class Lost(WorkbenchError):
    """A request that was sent, or may have been, without an answer that can be read: its fate is unknown."""


@dataclass(frozen=True, slots=True)
class Stages:
    """How long each stage took, in seconds: connecting (0 on a kept connection), sending, waiting for the first byte,
    reading the rest."""

    connect: float
    send: float
    wait: float
    read: float

    @property
    def total(self) -> float:
        """From the first step to the last byte."""
        return self.connect + self.send + self.wait + self.read


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that came whole; what it means is the caller's to judge."""

    status: int
    body: bytes
    kind: str
    elapsed: Stages


class Http:
    """A client of one server, for one thread; it keeps a connection for requests that say they may share one.

    `url` is the server's root, http or https, without a query. `connect_within` and `answer_within` are seconds: for
    the connection, and for everything together. `tls` is for a server with a certificate of its own.
    """

    def __init__(
        self,
        url: str,
        *,
        connect_within: float = 3.0,
        answer_within: float = 10.0,
        most: int = MOST,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise BadInput("url", url, "must read http://HOST:PORT or https://HOST")
        if parts.username or parts.password:
            raise BadInput("url", f"{parts.scheme}://…@{parts.hostname}", "must not hold a password")
        for name, value in (("connect_within", connect_within), ("answer_within", answer_within)):
            if not 0 < value <= 600:
                raise BadInput(name, value, "must be above 0 and at most 600 seconds")
        self.url = url.rstrip("/")
        self._host, self._port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        self._authority = parts.netloc
        self._root = parts.path.rstrip("/")
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._connect_within, self._answer_within, self._most = connect_within, answer_within, most
        self._clock = clock
        self._kept: Wire | None = None

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        fresh: bool = True,
        within: float | None = None,
    ) -> Answer:
        """Send one request once and read its whole answer, within seconds of the start of this call.

        Raises NotSent where not one byte was handed over, and Lost where one was and no whole answer came. With
        `fresh` it opens a connection of its own: on a kept one, a server that closed it meanwhile still lets the write
        succeed and only the read fails, and then nobody knows whether the request was taken. So whatever changes
        something goes fresh; questions may use the kept connection, once it has been seen to stand.
        """
        what = f"{method} {self.url}{path}"
        data = self._request(method, path, body, headers or {}, keep=not fresh)
        started = self._clock()
        deadline = started + (self._answer_within if within is None else within)
        wire = None if fresh else self._take()
        try:
            if wire is None:
                opened_by = min(deadline, started + self._connect_within)
                wire = dial(self._host, self._port, self._tls, opened_by, self._clock)
        except (OSError, UnicodeError) as error:
            raise NotSent(f"{what}: no connection ({_words(error)}); nothing was sent") from None
        connected = self._clock()
        keep = False
        try:
            wire.begin(deadline)
            wire.sendall(data)
            sent = self._clock()
            response = HTTPResponse(wire, method=method)  # type: ignore[arg-type]  # it asks for makefile alone
            try:
                response.begin()
                if wire.ended:
                    # http.client takes a head that breaks off for a whole one; a whole one is read before any end
                    raise HTTPException("the head of the answer broke off")
                content = self._content(response)
                keep = not fresh and not response.will_close
                status, kind = response.status, response.headers.get_content_type()
            finally:
                response.close()
        except (OSError, HTTPException, ValueError) as error:
            if not wire.handed:
                raise NotSent(f"{what}: the connection broke before anything was sent ({_words(error)})") from None
            stage = "sent, and no byte of an answer" if wire.first_byte is None else "the answer broke off"
            raise Lost(f"{what}: {stage} ({_words(error)}); whether it was taken is unknown") from None
        finally:
            if keep:
                wire.rested_at, self._kept = self._clock(), wire
            else:
                wire.close()
        done = self._clock()
        first = wire.first_byte if wire.first_byte is not None else done
        return Answer(status, content, kind, Stages(connected - started, sent - connected, first - sent, done - first))

    def close(self) -> None:
        """Close the kept connection, if there is one."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _take(self) -> Wire | None:
        """The kept connection, where it was used just now and still stands."""
        wire, self._kept = self._kept, None
        if wire is None:
            return None
        if self._clock() - wire.rested_at < RESTS and wire.is_quiet():
            return wire
        wire.close()
        return None

    def _request(self, method: str, path: str, body: bytes, headers: Mapping[str, str], *, keep: bool) -> bytes:
        """The request's bytes, in one piece, so that head and body cannot part."""
        if not path.startswith("/") or any(c <= " " or c > "~" for c in method + path):
            raise BadInput("path", path, "must begin with / and hold printable ASCII alone")
        lines = {
            "Host": self._authority,
            "User-Agent": "workbench",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "keep-alive" if keep else "close",
            "Content-Length": str(len(body)),
            **headers,
        }
        for name, value in lines.items():
            if not name.isascii() or not value.isascii() or any(c in name + value for c in "\r\n\0"):
                raise BadInput("header", name, "must be one line of ASCII")
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {self._root}{path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body

    def _content(self, response: HTTPResponse) -> bytes:
        """The whole body; ValueError where it is too long, HTTPException where it ends early."""
        announced = response.length
        if announced is not None and announced > self._most:
            raise ValueError(f"an answer of {announced} bytes is above {self._most}")
        content = response.read(self._most + 1)
        if len(content) > self._most:
            raise ValueError(f"an answer above {self._most} bytes")
        if announced is not None and len(content) < announced:
            raise HTTPException(f"{len(content)} of {announced} bytes came")
        return content


def _words(error: BaseException) -> str:
    """An exception in words, without what the server sent: that is not for a log."""
    if isinstance(error, TimeoutError):
        return "no time left"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, HTTPException) and type(error) is not HTTPException:
        return type(error).__name__
    return str(error) or type(error).__name__
