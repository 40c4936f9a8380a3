"""Bodies: bombs, floods and malformed messages; each is refused, nothing breaks, and the memory stays bounded."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count

import pytest
from workbench_plugins.webhooks.tradingview import TradingView

from tests.security.fort import FORMATS, Fort
from tests.security.wire import alert, answers, connection, heard, request, said
from workbench.errors import BadInput
from workbench.signals import Incoming, TurnedAway

MEGABYTES = 60.0
"""What the server's memory may grow by in a test here; a bomb that goes off takes hundreds."""
_key = count()


@pytest.fixture(autouse=True)
def standing(fort: Fort) -> Iterator[None]:
    """The server stands afterwards, serves others, and is not much larger than before."""
    before = fort.memory()
    yield
    assert fort.is_alive()
    assert fort.is_served(f"after {next(_key)}")
    assert fort.memory() - before < MEGABYTES
    assert b"Traceback" not in fort.errors()
    assert b"could not be handled" not in fort.errors()


# ---- bombs -----------------------------------------------------------------------------------------------------------

BOMB = gzip.compress(b'{"ticker": "AAPL", "action": "buy", "x": "' + b"a" * 30_000_000 + b'"}')


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "GZIP", "gzip, gzip", "identity, gzip", "x"])
def test_a_compressed_body_is_refused_and_never_decompressed(fort: Fort, encoding: str) -> None:
    assert len(BOMB) < 65_536
    body = zlib.compress(b"a" * 30_000_000) if encoding == "deflate" else BOMB
    began = time.monotonic()
    found = fort.send("open", body, {"Content-Encoding": encoding})
    assert (found.status, "compressed" in found.json()["detail"]) == (415, True)
    assert time.monotonic() - began < 0.5


BODIES: dict[str, bytes] = {
    "nested objects": b'{"a":' * 13_000,
    "nested arrays": b"[" * 65_000,
    "nested arrays in a field": b'{"ticker":"A","action":"buy","x":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "nested just not too deeply": b'{"ticker":"A","action":"buy","x":' + b"[" * 950 + b"]" * 950 + b"}",
    "many keys": json.dumps({f"{i:x}": 1 for i in range(6_000)}).encode(),
    "many keys, the last twice": json.dumps({f"{i:x}": 1 for i in range(5_000)}).encode()[:-1] + b',"1387":1}',
    "a huge number": b'{"ticker":"A","action":"buy","quantity":' + b"9" * 60_000 + b"}",
    "a huge number nobody reads": b'{"ticker":"A","action":"buy","alert_id":"n","x":' + b"9" * 60_000 + b"}",
    "a huge exponent": b'{"ticker":"A","action":"buy","quantity":1e999999}',
    "a tiny number": b'{"ticker":"A","action":"buy","quantity":1e-999999}',
    "a long fraction": b'{"ticker":"A","action":"buy","quantity":0.' + b"3" * 60_000 + b"}",
    "no number": b'{"ticker":"A","action":"buy","quantity":NaN}',
    "without end": b'{"ticker":"A","action":"buy","quantity":-Infinity}',
    "a key twice": b'{"ticker":"A","action":"buy","action":"sell"}',
    "a key twice, in escapes": b'{"ticker":"A","action":"buy","\\u0061ction":"sell"}',
    "half a character": b'{"ticker":"A\\ud800","action":"buy"}',
    "half a character nobody reads": b'{"ticker":"A","action":"buy","alert_id":"half","x":"\\ud800\\udc00\\udfff"}',
    "half a character in a name": b'{"ticker":"A","action":"buy","\\ud800":1,"\\ud800":2}',
    "NUL in a field": b'{"ticker":"A\\u0000","action":"buy"}',
    "NUL bytes": b"\0" * 60_000,
    "NUL among words": b"buy\0AAPL",
    "UTF-16": '{"ticker":"A","action":"buy"}'.encode("utf-16"),
    "UTF-32": '{"ticker":"A","action":"buy"}'.encode("utf-32"),
    "no UTF-8": b'{"ticker":"\xc0\xaf","action":"buy"}',
    "half of UTF-8": b'{"ticker":"A","action":"buy\xe2\x82',
    "surrogates as UTF-8": b'{"ticker":"\xed\xa0\x80","action":"buy"}',
    "no JSON": b'{"ticker":',
    "only blanks": b" " * 60_000,
    "nothing": b"",
    "not an object": b'"buy"',
    "words that turn round": "buy \u202eLPAA 10".encode(),
    "a date before all": b'{"ticker":"A","action":"buy","price":"1","time":"0000-00-00"}',
    "colons": b":" * 60_000,
    "brackets": b"(" * 60_000,
    "orders": b":order buy @ " * 4_500,
    "equal signs": b"a=b " * 15_000,
    "a size of a million digits": b'{"ticker":"A","action":"buy","quantityType":"risk_percent","quantity":"1e999999"}',
}
SECONDS = 1.0
"""How long one of them may keep the server; alone it takes some milliseconds."""


@pytest.fixture(scope="module")
def forms(fort: Fort) -> dict[str, str]:
    """A hook of each format: its path."""
    made = {name: fort.make(f"form {name}", format=name, settings=given) for name, given in FORMATS.items()}
    return {name: f"/hooks/{hook['token']}" for name, hook in made.items()}


@pytest.mark.parametrize("name", BODIES)
def test_a_malformed_message_is_refused_by_every_format_and_soon(fort: Fort, forms: dict[str, str], name: str) -> None:
    for form, path in forms.items():
        began = time.monotonic()
        found = fort.ask(path, BODIES[name], source="127.0.4.1")
        took = time.monotonic() - began
        assert found.status in (422, 202, 200), (form, found)
        assert took < SECONDS, (form, took)
        assert len(found.whole) < 6_000, f"{form} answers {len(found.whole)} bytes"
        if name not in ("a huge number nobody reads", "half a character nobody reads", "nested just not too deeply",
                        "a huge exponent", "a tiny number", "a long fraction", "no number", "without end", "many keys",
                        "a date before all", "a size of a million digits", "a huge number"):  # fmt: skip
            assert found.status == 422, (form, found)


@pytest.mark.parametrize("name", ["a huge exponent", "a tiny number", "a long fraction", "no number", "a huge number"])
def test_a_number_that_is_none_is_refused_where_it_is_read(fort: Fort, name: str) -> None:
    found = fort.send("open", BODIES[name])
    assert found.status == 422
    assert "quantity" in found.json()["detail"]


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_at_the_edge_of_the_calendar_is_refused_or_passed_over(fort: Fort, stamp: str) -> None:
    """Asked of the door itself: a 500 would spoil what is asked of the shared server's log."""
    door = fort.desk.webhooks.doors.find(fort.hooks["open"]["token"])
    assert door is not None
    with suppress(TurnedAway):
        door.receive(Incoming(json.dumps(alert("edge", timenow=stamp)).encode(), "", datetime.now(UTC)))


def test_a_long_word_does_not_keep_the_server() -> None:
    """Its time grows with the square: the 64 KB a body may have keep the server for two minutes."""
    began = time.process_time()
    with pytest.raises(BadInput):
        TradingView().read("a" * 4_000, datetime.now(UTC))
    assert time.process_time() - began < 0.2


def test_a_sentence_with_many_blanks_does_not_keep_the_server() -> None:
    text = "x" + " " * 12_000 + "y: order buy @ 1 filled on AAPL. New strategy position is 1"
    began = time.process_time()
    with pytest.raises(BadInput):
        TradingView().read(text, datetime.now(UTC))
    TradingView().read(text.replace(" " * 12_000, " " * 1_900), datetime.now(UTC))
    assert time.process_time() - began < 0.2


# ---- sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", ["65537", "1000000000000", "99999999999999999999999"])
def test_a_body_announced_too_large_is_refused_before_it_comes(fort: Fort, length: str) -> None:
    found = said(fort.port, request(fort.door("open"), headers={"Content-Length": length}))
    assert [answer.status for answer in found] in ([413], [400])
    assert found[0].header("connection") == "close"


def test_the_largest_body_is_read_and_one_byte_more_is_not(fort: Fort) -> None:
    whole = json.dumps(alert("largest", x="")).encode()
    largest = whole[:-2] + b"a" * (65_536 - len(whole)) + whole[-2:]
    assert fort.send("open", largest).status == 202
    assert fort.send("open", largest[:-2] + b"a" + largest[-2:]).status == 413


def chunked(path: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


def test_a_chunked_body_is_read_up_to_the_limit_and_refused_beyond(fort: Fort) -> None:
    body = json.dumps(alert("in chunks")).encode()
    raw = chunked(fort.door("open")) + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    with connection(fort.port) as made:
        made.sendall(raw)
        assert answers(made.recv(65_536))[0].status == 202
    found = endless(fort, fort.door("open"), b"10000\r\n" + b"a" * 65_536 + b"\r\n")
    assert found[:1] == [413]


def endless(fort: Fort, path: str, part: bytes, head: bytes | None = None, most: int = 30_000_000) -> list[int]:
    """Say the same without end: the statuses that were answered until the other side hung up, which it has to."""
    with connection(fort.port, "127.0.4.2") as made:
        sent = 0
        try:
            made.sendall(chunked(path) if head is None else head)
            while sent < most:
                made.sendall(part)
                sent += len(part)
        except (ConnectionError, TimeoutError):
            pass
        made.settimeout(1)
        raw = heard(made)
    assert sent < most, f"{sent} bytes were taken"
    return [answer.status for answer in answers(raw)]


@pytest.mark.parametrize("where", ["known", "unknown", "health"])
@pytest.mark.parametrize(
    "part",
    [
        pytest.param(b"1000\r\n" + b"a" * 4096 + b"\r\n", id="chunks"),
        pytest.param(b"1\r\na\r\n" * 1000, id="chunks of a byte"),
        pytest.param(b"1;" + b"x" * 8000 + b"\r\na\r\n", id="chunk extensions"),
    ],
)
def test_a_chunked_body_without_end_is_not_listened_to_for_ever(fort: Fort, where: str, part: bytes) -> None:
    paths = {"known": fort.door("open"), "unknown": "/hooks/" + "e" * 43, "health": "/health/live"}
    assert all(status < 500 for status in endless(fort, paths[where], part))


@pytest.mark.parametrize("where", ["known", "unknown"])
def test_what_comes_behind_a_chunked_body_without_end_is_not_listened_to_for_ever(fort: Fort, where: str) -> None:
    path = fort.door("open") if where == "known" else "/hooks/" + "t" * 43
    before = fort.memory()
    endless(fort, path, b"a: b\r\n" * 1000, chunked(path) + b"2\r\n{}\r\n0\r\n")
    assert fort.memory() - before < 20


def test_a_head_without_end_is_refused_or_hung_up_on(fort: Fort) -> None:
    start = f"POST {fort.door('open')} HTTP/1.1\r\nHost: d\r\n".encode()
    for part in (b"X-A: " + b"a" * 1000 + b"\r\n", b"a" * 1000, b"X:\r\n" * 250):
        assert set(endless(fort, "", part, start)) <= {431, 400}
    assert set(endless(fort, "", b"a" * 1000, b"POST /")) <= {431, 400, 414}


@pytest.mark.parametrize("size", [100, 5_000])
def test_thousands_of_headers_are_refused_or_passed_over(fort: Fort, size: int) -> None:
    many = {f"X-{i}": "a" * 5 for i in range(size)}
    found = said(fort.port, request(fort.door("open"), json.dumps(alert(f"headers {size}")).encode(), headers=many))
    assert [answer.status for answer in found] in ([202], [431], [400], [])


def test_a_path_of_a_megabyte_is_refused_or_hung_up_on(fort: Fort) -> None:
    for path in ("/hooks/" + "p" * 1_000_000, "/" * 1_000_000, "/hooks/" + "%41" * 300_000, "/?" + "q" * 1_000_000):
        found = said(fort.port, request(path, b"{}"), "127.0.4.3")
        assert [answer.status for answer in found] in ([], [404], [414], [431], [400])


# ---- requests within requests ----------------------------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_their_order_and_each_once(fort: Fort) -> None:
    bodies = [json.dumps(alert(f"pipe {i}")).encode() for i in range(50)]
    raw = b"".join(request(fort.door("open"), body, close=i == 49) for i, body in enumerate(bodies))
    found = said(fort.port, raw)
    assert [answer.status for answer in found] == [202] * 50
    on_file = {key: n for key, n in fort.accepted("open").items() if key.startswith("pipe ")}
    assert on_file == {f"pipe {i}": 1 for i in range(50)}


INNER = b'{"ticker":"AAPL","action":"buy","alert_id":"smuggled"}'


def smuggled(path: str) -> dict[str, bytes]:
    inner = request(path, INNER)
    start = f"POST {path} HTTP/1.1\r\nHost: d\r\n".encode()
    chunks = b"0\r\n\r\n"
    both = chunks + inner
    return {
        "two lengths": start + b"Content-Length: 2\r\nContent-Length: %d\r\n\r\n{}" % (2 + len(inner)) + inner,
        "two lengths in one": start + b"Content-Length: 2, %d\r\n\r\n{}" % len(inner) + inner,
        "length, then chunked": start + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % len(both) + both,
        "chunked, then length": start + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + both,
        "chunked, but not last": start + b"Transfer-Encoding: chunked, identity\r\n\r\n" + both,
        "chunked, spelled oddly": start + b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n" + both,
        "a blank before the colon": start + b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n" + both,
        "a folded header": start + b"X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: -1\r\n\r\n" + both,
        "a length below zero": start + b"Content-Length: -2\r\n\r\n" + inner,
        "a length with a plus": start + b"Content-Length: +0\r\n\r\n" + inner,
        "a length in hex": start + b"Content-Length: 0x0\r\n\r\n" + inner,
        "bare line feeds": start.replace(b"\r\n", b"\n") + b"Content-Length: 2\nTransfer-Encoding: chunked\n\n" + both,
        "a chunk's length overflows": start + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + inner,
        "a line feed in a chunk's length": start + b"Transfer-Encoding: chunked\r\n\r\n0\n\n" + inner,
    }


@pytest.mark.parametrize("way", smuggled("/"))
def test_a_request_that_can_be_read_in_two_ways_is_refused_whole(fort: Fort, way: str) -> None:
    found = said(fort.port, smuggled(fort.door("open"))[way], seconds=3)
    assert found == [] or found[0].status == 400, found
    assert len(found) <= 1
    assert "smuggled" not in fort.accepted("open")


MALFORMED: dict[str, bytes] = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 50,
    "HTTP/0.9": b"GET /health\r\n\r\n",
    "HTTP/9.9": b"GET /health HTTP/9.9\r\n\r\n",
    "an unknown method": b"HACK /hooks/x HTTP/1.1\r\nHost: d\r\n\r\n",
    "CONNECT": b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
    "an address as path": b"POST http://example.com/hooks/x HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n",
    "bytes in the path": b"POST /hooks/\xff\xfe HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n",
    "NUL in the path": b"POST /hooks/\0 HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n",
    "NUL in a header": b"GET /health/live HTTP/1.1\r\nHost: d\r\nX: a\0b\r\n\r\n",
    "a header without a name": b"GET /health/live HTTP/1.1\r\nHost: d\r\n: x\r\n\r\n",
    "line ends": b"\r\n" * 30_000,
    "blanks": b" " * 60_000,
    "a star": b"OPTIONS * HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n",
    "a web socket": b"GET /hooks/x HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" + b"\x81\xff" * 50,
    "another upgrade": b"POST /hooks/x HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n{}",
    "waits to go on": b"POST /hooks/x HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_request_is_refused_and_breaks_nothing(fort: Fort, name: str) -> None:
    found = said(fort.port, MALFORMED[name], "127.0.4.4", seconds=1)
    assert all(answer.status < 500 for answer in found), found


def test_connections_that_are_reset_in_the_middle_leave_nothing_open(fort: Fort) -> None:
    raw = request(fort.door("open"), json.dumps(alert("reset")).encode())
    before = fort.handles()
    for cut in range(1, len(raw), 5):
        with connection(fort.port, "127.0.4.5") as made:
            made.sendall(raw[:cut])
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    fort.is_served("after resets")
    assert fort.handles() - before < 5
