"""The loopback server: OpenAlgo's HTTP on one port, its WebSocket on another, faults on demand."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, cast

from workbench.testing.openalgo.answers import INVALID_KEY, Answer, error
from workbench.testing.openalgo.exchange import Exchange
from workbench.testing.openalgo.faults import Fault, FaultQueue, Limiter
from workbench.testing.openalgo.schemas import SCHEMAS
from workbench.testing.openalgo.stream import Stream
from workbench.testing.openalgo.values import Quirks, Taken
from workbench.testing.openalgo.wire import answer

HOST = "127.0.0.1"
PREFIX = "/api/v1/"
ORDER_LIMITED = ("placeorder", "modifyorder", "cancelorder")
"""What ORDER_RATE_LIMIT guards; basket, split, cancel-all and close count as the rest (docs/api/rate-limiting.md)."""


class OpenAlgoServer:
    """A server that speaks OpenAlgo's wire in threads of this process, as a context manager or by start and stop.

    `url` is the root that `/api/v1` hangs from, `ws_url` the stream's address, `api_key` the one key that opens both.
    `exchange` is the market and broker behind it, `quirks` its switches, `requests` every call as (endpoint, body
    without the key), `taken` every order it ever took. Port 0 takes a free one and keeps it over restarts.
    """

    def __init__(self, quirks: Quirks | None = None, *, port: int = 0, ws_port: int = 0, api_key: str = "") -> None:
        self.quirks = quirks or Quirks()
        self.api_key = api_key or secrets.token_hex(32)
        self.exchange = Exchange(self.quirks)
        self.stream = Stream(self.exchange, self.api_key, HOST, ws_port)
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.faults = FaultQueue()
        self.limiter = Limiter()
        self._port = port
        self._http: _Http | None = None
        self._released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def ws_url(self) -> str:
        return f"ws://{HOST}:{self.stream.port}"

    @property
    def taken(self) -> list[Taken]:
        return list(self.exchange.taken)

    def start(self) -> OpenAlgoServer:
        """Listen, on the ports of last time if there was one."""
        self._released = threading.Event()
        self.limiter.forget()
        self._http = _Http(self, self._port)
        self._port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.02,), name="openalgo-http", daemon=True).start()
        self.stream.start()
        return self

    def stop(self) -> None:
        """Drop every connection and stop listening; the exchange lives on."""
        self.stream.stop()
        if self._http is not None:
            self._http.shutdown()
            self._http.drop()
            self._http.server_close()
            self._http = None
        # Only now: what hangs must find its connection gone, not send its answer.
        self._released.set()

    def restart(self, *, forget: bool = False) -> None:
        """Drop every connection and come back on the same ports, with or without today's orders."""
        self.stop()
        if forget:
            self.exchange.forget()
        self.start()

    def fail(self, endpoint: str, how: str, times: int = 1) -> None:
        """Let the next request (or so many) to an endpoint, or to "*", go wrong; see `faults.FAULTS`.

        Faults named *_before, "429" and "expired" spare the work. The others do it, "garbage" and "slow:SECONDS" too,
        and then spoil the answer: an order was taken.
        """
        if endpoint != "*" and endpoint not in SCHEMAS:
            raise ValueError(f"no endpoint {endpoint!r}; there are {', '.join(SCHEMAS)}")
        for _ in range(times):
            self.faults.add(Fault.read(endpoint, how))

    def release(self) -> None:
        """Let the requests that hang now be answered."""
        released, self._released = self._released, threading.Event()
        released.set()

    def __enter__(self) -> OpenAlgoServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()

    def limit(self, endpoint: str) -> int:
        """How many requests a second an endpoint takes from an address."""
        if endpoint in ORDER_LIMITED:
            return self.quirks.orders_a_second
        return self.quirks.smart_orders_a_second if endpoint == "placesmartorder" else self.quirks.others_a_second

    def answer(self, endpoint: str, raw: bytes, address: str, fault: Fault | None) -> Answer:
        """What a request is answered, up to the fault that may spoil it."""
        try:
            body = json.loads(raw)
        except ValueError:
            # request.json raises inside the endpoint's try, so that bad JSON reads as the server's own failure.
            return error(500, "An unexpected error occurred in the API endpoint")
        shown = {k: v for k, v in body.items() if k != "apikey"} if isinstance(body, dict) else {}
        self.requests.append((endpoint, shown))
        limit = self.limit(endpoint)
        if (fault and fault.how == "429") or not self.limiter.allows(address, endpoint, limit):
            # Flask-Limiter's own words pass through flask-restx: no status, no Retry-After.
            return Answer(429, {"message": f"{limit} per 1 second"})
        if fault and fault.how == "expired":
            return INVALID_KEY
        if fault and fault.spares_the_work:
            return error(500, "An unexpected error occurred in the API endpoint")
        return answer(self.exchange, self.api_key, endpoint, body)

    def wait(self) -> None:
        """Hang until released, or until the server stops."""
        self._released.wait()


class _Http(ThreadingHTTPServer):
    """Threads that die with the process, and connections that can be dropped."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, owner: OpenAlgoServer, port: int) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((HOST, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def drop(self) -> None:
        """Break every open connection."""
        with self._lock:
            for connection in self._open:
                _break(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about connections that broke, which is what this server is for; tell what else went wrong."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection, kept alive between requests as OpenAlgo's server keeps it."""

    protocol_version = "HTTP/1.1"
    server_version = "OpenAlgo-loopback"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer one request, or spoil it."""
        owner = cast(_Http, self.server).owner
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        endpoint = self.path.removeprefix(PREFIX).strip("/")
        if not self.path.startswith(PREFIX) or endpoint not in SCHEMAS:
            self._send(404, json.dumps({"message": "The requested URL was not found on the server."}).encode())
            return
        fault = owner.faults.take(endpoint)
        told = owner.answer(endpoint, raw, self.client_address[0], fault)
        how = fault.how if fault else ""
        if how == "hang":
            owner.wait()
        if how == "slow" and fault:
            time.sleep(fault.seconds)
        if how.startswith("drop"):
            self.close_connection = True
            _break(self.connection)
        elif how.startswith("504"):
            self._send(504, b"<html><head><title>504 Gateway Time-out</title></head></html>", "text/html")
        elif how == "500_after":
            self._send(
                500, json.dumps({"status": "error", "message": "Failed to place order due to internal error"}).encode()
            )
        elif how.startswith("garbage"):
            self._send(200, b"<!doctype html><html><title>OpenAlgo</title></html>", "text/html; charset=utf-8")
        else:
            self._send(told.code, json.dumps(told.body).encode(), cut=how == "cut")

    def do_GET(self) -> None:
        self._send(405, json.dumps({"message": "The method is not allowed for the requested URL."}).encode())

    def _send(self, code: int, body: bytes, kind: str = "application/json", *, cut: bool = False) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True
            _break(self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep no access log: `requests` is one."""


def _break(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
