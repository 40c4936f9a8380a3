"""One request is sent once: what is NotSent, what is Lost, and that every wait ends."""

from __future__ import annotations

import socket
import struct
import time

import pytest

from tests.unit.gateway.peer import Peer, answer, read_request
from workbench.errors import BadInput, NotSent
from workbench.gateway import Http, Lost
from workbench.gateway.wire import Wire

GOOD = answer(b'{"status":"success"}')


def post(http: Http, **more: object) -> bytes:
    return http.send("POST", "/x", b'{"secret":"key"}', **more).body  # type: ignore[arg-type]


def test_a_whole_answer_comes_with_status_kind_and_stages() -> None:
    with Peer().says(answer(b"no", "404 NOT FOUND")) as peer:
        told = Http(peer.url + "/base/").send("POST", "/api", b"body", {"X-One": "1"})
    assert (told.status, told.body, told.kind) == (404, b"no", "application/json")
    stages = told.elapsed
    assert min(stages.connect, stages.send, stages.wait) > 0
    assert stages.read >= 0
    assert stages.total == pytest.approx(stages.connect + stages.send + stages.wait + stages.read)
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /base/api HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-One: 1" in head
    assert body == b"body"


def test_nobody_listening_is_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(NotSent, match=r"no connection \(Connection refused\); nothing was sent"):
        post(Http(f"http://127.0.0.1:{port}"))


def test_a_name_without_an_address_is_not_sent() -> None:
    with pytest.raises(NotSent, match="no connection"):
        post(Http("http://nowhere.invalid"))


def test_a_server_that_does_not_speak_tls_is_not_sent() -> None:
    with Peer().says(b"HTTP/1.1 200 OK\r\n\r\n") as peer, pytest.raises(NotSent, match="no connection"):
        post(Http(peer.url.replace("http:", "https:"), connect_within=2))


def test_a_handshake_that_hangs_ends_and_is_not_sent() -> None:
    with Peer(lambda connection: time.sleep(2)) as peer:
        began = time.monotonic()
        with pytest.raises(NotSent, match="no time left"):
            post(Http(peer.url.replace("http:", "https:"), connect_within=0.2))
        assert time.monotonic() - began < 1


WHOLE = answer(b'{"status":"success","orderid":"1"}')


@pytest.mark.parametrize("cut", [0, 1, 9, 16, 40, len(WHOLE) - 30, len(WHOLE) - 1])
def test_an_answer_that_hangs_at_any_byte_ends_at_the_deadline_as_lost(cut: int) -> None:
    with Peer().hangs(WHOLE[:cut]) as peer:
        began = time.monotonic()
        with pytest.raises(Lost, match="whether it was taken is unknown"):
            post(Http(peer.url), within=0.15)
        assert time.monotonic() - began < 1
        assert len(peer.requests) == 1


def test_an_answer_that_drips_for_ever_ends_at_the_deadline() -> None:
    with Peer().hangs(WHOLE, drip=0.02) as peer:
        began = time.monotonic()
        with pytest.raises(Lost, match=r"the answer broke off \(no time left\)"):
            post(Http(peer.url), within=0.3)
        assert time.monotonic() - began < 1


@pytest.mark.parametrize("cut", [0, 1, 16, 40, len(WHOLE) - 30, len(WHOLE) - 1])
def test_an_answer_cut_at_any_byte_is_lost_and_never_sent_again(cut: int) -> None:
    with Peer().says(WHOLE[:cut]) as peer:
        with pytest.raises(Lost):
            post(Http(peer.url))
        time.sleep(0.05)
        assert (len(peer.requests), peer.connections) == (1, 1)


@pytest.mark.parametrize(
    "said",
    [b"garbage\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"\x16\x03\x01\x00\x00",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"],
)  # fmt: skip
def test_what_is_no_http_is_lost(said: bytes) -> None:
    with Peer().says(said) as peer, pytest.raises(Lost):
        post(Http(peer.url), within=1)


def test_a_reset_after_the_request_is_lost() -> None:
    def reset(connection: socket.socket) -> None:
        read_request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with Peer(reset) as peer, pytest.raises(Lost, match="no byte of an answer"):
        post(Http(peer.url))


def test_a_body_above_the_limit_is_lost_however_it_is_framed() -> None:
    framed = answer(b"x" * 2000)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n"
    for said in (framed, chunked):
        with Peer().says(said) as peer, pytest.raises(Lost, match="above 1000"):
            post(Http(peer.url, most=1000))


def test_a_chunked_body_is_read() -> None:
    with Peer().says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n") as peer:
        assert post(Http(peer.url)) == b"ok"


def test_redirects_are_answers_like_others() -> None:
    with Peer().says(answer(b"", "302 FOUND", "Location: http://127.0.0.1:1/")) as peer:
        assert Http(peer.url).send("POST", "/x").status == 302
        assert peer.connections == 1


def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Peer().says(GOOD) as peer:
        assert post(Http(peer.url))


def test_questions_share_a_connection_and_what_changes_something_has_its_own() -> None:
    with Peer().says(GOOD, times=2, then_close=False).says(GOOD) as peer:
        http = Http(peer.url)
        post(http, fresh=False)
        post(http, fresh=False)
        assert peer.connections == 1
        post(http, fresh=True)
        assert peer.connections == 2
        assert b"Connection: keep-alive" in peer.requests[1]
        assert b"Connection: close" in peer.requests[2]
        http.close()


def test_a_kept_connection_that_the_server_closed_is_seen_before_a_byte_goes() -> None:
    with Peer().says(GOOD).says(GOOD) as peer:
        http = Http(peer.url)
        post(http, fresh=False)
        time.sleep(0.05)
        assert post(http, fresh=False)
        http.close()
        assert (peer.connections, len(peer.requests)) == (2, 2)


def test_a_kept_connection_that_breaks_on_the_request_is_lost_and_not_sent_again() -> None:
    def twice(connection: socket.socket) -> None:
        peer.requests.append(read_request(connection))
        connection.sendall(GOOD)
        peer.requests.append(read_request(connection))

    with Peer(twice).says(GOOD) as peer:
        http = Http(peer.url)
        post(http, fresh=False)
        with pytest.raises(Lost):
            post(http, fresh=False)
        assert (peer.connections, len(peer.requests)) == (1, 2)
        assert post(http, fresh=False)
        http.close()


def test_errors_name_where_it_went_and_never_what_was_said() -> None:
    with Peer().says(b"") as peer:
        with pytest.raises(Lost) as caught:
            post(Http(peer.url))
        assert f"POST {peer.url}/x" in str(caught.value)
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "words"),
    [("ftp://host", "must read http"), ("http://", "must read http"), ("host:5000", "must read http"),
     ("http://host/?a=b", "must read http"), ("http://me:pass@host", "must not hold a password")],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_refused_without_showing_a_password(url: str, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        Http(url)
    assert "pass@" not in str(caught.value)


def test_headers_and_paths_cannot_smuggle_lines() -> None:
    http = Http("http://127.0.0.1:1")
    with pytest.raises(BadInput, match="path"):
        http.send("POST", "/x HTTP/1.1\r\nY: z")
    with pytest.raises(BadInput, match="header X"):
        http.send("POST", "/x", b"", {"X": "a\r\nY: z"})
    with pytest.raises(BadInput, match="answer_within"):
        Http("http://h", answer_within=0)


class Broken(socket.socket):
    """A socket whose first sends are taken and whose next one fails."""

    takes = 0

    def send(self, data: object, flags: int = 0) -> int:  # type: ignore[override]
        if self.takes == 0:
            raise BrokenPipeError(32, "Broken pipe")
        self.takes -= 1
        return 1


@pytest.mark.parametrize(("takes", "error"), [(0, NotSent), (1, Lost), (5, Lost)])
def test_a_connection_that_breaks_is_not_sent_only_before_the_first_byte(
    monkeypatch: pytest.MonkeyPatch, takes: int, error: type[Exception]
) -> None:
    with Broken() as sock:
        sock.takes = takes
        monkeypatch.setattr("workbench.gateway.http.dial", lambda *_: Wire(sock, time.monotonic))
        with pytest.raises(error):
            post(Http("http://127.0.0.1:1"))
