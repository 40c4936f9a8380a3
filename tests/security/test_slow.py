"""Slow senders: heads and bodies a byte at a time, connections that say nothing; others are served meanwhile."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import workbench_server.protocol as protocol

from tests.security.fort import Fort, until
from tests.security.inside import served_inside
from tests.security.wire import alert, answers, connection, is_closed_within, request


class Dripping:
    """Says something a part at a time until the other side hangs up, in a thread of its own; keeps what it hears."""

    def __init__(self, fort: Fort, start: bytes, part: bytes, pause: float) -> None:
        self.took, self.raw = 0.0, b""
        self._work = threading.Thread(target=self._drip, args=(fort.port, start, part, pause), daemon=True)
        self._work.start()

    def _drip(self, port: int, start: bytes, part: bytes, pause: float) -> None:
        began = time.monotonic()
        with connection(port, "127.0.5.1", pause) as made:
            try:
                made.sendall(start)
                while time.monotonic() - began < 30:
                    try:
                        heard = made.recv(65_536)
                    except TimeoutError:
                        made.sendall(part)
                        continue
                    if not heard:
                        break
                    self.raw += heard
            except ConnectionError:
                pass
        self.took = time.monotonic() - began

    def statuses(self) -> list[int]:
        """What was answered, once it is over."""
        self._work.join(40)
        assert not self._work.is_alive(), "nobody hung up"
        return [answer.status for answer in answers(self.raw)]


def slow_ways(fort: Fort) -> dict[str, tuple[bytes, bytes]]:
    """How to be slow: what is said at once, and what is said again and again."""
    known, unknown = fort.door("wide"), "/hooks/" + "s" * 43
    head = b" HTTP/1.1\r\nHost: d\r\n"
    length, chunks = b"Content-Length: 60000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"
    live = request("/health/live", b"", "GET", {"Content-Length": ""}, close=False)
    return {
        "head": (b"POST /hooks/x HTTP/1.1\r\n", b"a"),
        "path": (b"POST /", b"a"),
        "line ends": (b"", b"\r\n"),
        "line ends after a request": (live, b"\r\n"),
        "head after a request": (live + b"GET /", b"a"),
        "body": (b"POST " + known.encode() + head + length + b"{", b" "),
        "chunked body": (b"POST " + known.encode() + head + chunks, b"1\r\na\r\n"),
        "trailers": (b"POST " + known.encode() + head + chunks + b"2\r\n{}\r\n0\r\n", b"a: b\r\n"),
        "body nobody waits for": (b"POST " + unknown.encode() + head + length + b"{", b" "),
        "body nobody asked for": (b"GET /health/live" + head + length, b" "),
    }


def check_slow(fort: Fort, ways: dict[str, tuple[bytes, bytes]], pause: float, head: float, body: float) -> None:
    """Whoever is slow is hung up on in time, with 408 where a body was waited for, and is answered once."""
    dripping = {name: Dripping(fort, start, part, pause) for name, (start, part) in ways.items()}
    told = {name: one.statuses() for name, one in dripping.items()}
    took = {name: one.took for name, one in dripping.items()}
    for name in ways:
        assert took[name] < (body if "body" in name or name == "trailers" else head), (name, took)
    assert told["head"] in ([], [408])
    assert told["path"] in ([], [408])
    assert told["line ends"] in ([], [408])
    assert told["line ends after a request"] == [200]
    assert told["head after a request"] in ([200], [200, 408])
    for name in ("body", "chunked body", "trailers"):
        assert told[name] in ([408], []), (name, told)
    assert told["body"] == [408]
    assert told["body nobody waits for"] == [404], "one answer to one request"
    assert told["body nobody asked for"] == [200], "one answer to one request"


@pytest.fixture
def hasty(build: Callable[..., Fort], monkeypatch: pytest.MonkeyPatch) -> Iterator[Fort]:
    """A server inside that waits a tenth as long."""
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "LOOK_EVERY"):
        if hasattr(protocol, name):
            monkeypatch.setattr(protocol, name, getattr(protocol, name) / 10)
    with served_inside(build({"wide": {}})) as inside:
        yield inside


def test_whoever_sends_a_byte_at_a_time_is_hung_up_on_in_time(hasty: Fort) -> None:
    check_slow(hasty, slow_ways(hasty), 0.05, 1.6, 1.1)
    assert hasty.is_served("after slow ones")


def test_a_server_that_waits_for_ever_is_found_out(hasty: Fort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 60.0)
    monkeypatch.setattr(protocol, "BODY_SECONDS", 60.0)
    ways = {name: way for name, way in slow_ways(hasty).items() if name in ("head", "body")}
    with ExitStack() as stack:
        held = [stack.enter_context(connection(hasty.port)) for _ in ways]
        for made, (start, _) in zip(held, ways.values(), strict=True):
            made.sendall(start)
        assert not any(is_closed_within(made, 1.2) for made in held)


def test_a_body_that_comes_in_time_in_parts_is_taken(hasty: Fort) -> None:
    raw = request(hasty.door("wide"), b'{"ticker": "AAPL", "action": "buy", "alert_id": "parts"}')
    with connection(hasty.port) as made:
        for at in range(0, len(raw), 40):
            made.sendall(raw[at : at + 40])
            time.sleep(0.01)
        assert answers(made.recv(65_536))[0].status == 202


@pytest.mark.slow
def test_slow_senders_are_hung_up_on_after_the_real_times_and_others_are_served_meanwhile(fort: Fort) -> None:
    stop = threading.Event()
    served: list[bool] = []

    def others() -> None:
        while not stop.wait(0.2):
            served.append(fort.is_served(f"meanwhile {len(served)}", "127.0.5.9"))

    other = threading.Thread(target=others)
    other.start()
    try:
        check_slow(fort, slow_ways(fort), 1.0, 12.0, 7.0)
    finally:
        stop.set()
        other.join()
    assert len(served) > 20
    assert all(served)


def test_hundreds_of_idle_connections_hold_nobody_up_and_are_closed(fort: Fort) -> None:
    before = fort.handles()
    with ExitStack() as stack:
        for number in range(400):
            stack.enter_context(connection(fort.port, f"127.0.6.{number % 250 + 1}"))
        until(lambda: fort.handles() >= before + 400, what="that all are connected")
        assert all(fort.is_served(f"idle {i}") for i in range(5))
    until(lambda: fort.handles() < before + 5, what="that all are gone")


def test_more_connections_than_are_allowed_are_told_so_and_the_server_goes_on(fort: Fort) -> None:
    """The one answer above 499 there may be: it is full, and says so instead of growing."""
    before = fort.handles()
    with ExitStack() as stack:
        held: list[socket.socket] = []
        for number in range(1_010):
            held.append(stack.enter_context(connection(fort.port, f"127.0.7.{number % 250 + 1}")))
        until(lambda: fort.handles() >= before + 1_010, what="that all are connected")
        assert fort.ask("/health/live", method="GET").status == 503
    until(lambda: fort.handles() < before + 5, what="that all are gone")
    assert fort.is_served("after the crowd")


def test_idle_connections_are_closed_by_the_server_itself(hasty: Fort) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(connection(hasty.port)) for _ in range(20)]
        assert hasty.send("wide", alert("first")).status == 202
        assert all(is_closed_within(made, 2.0) for made in held)
