"""OpenAlgo's stream and watch: updates, ticks, cuts and silence, tags that come back, and a key that never shows."""

from __future__ import annotations

import logging
import math
import pickle
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from workbench_plugins.openalgo_api import Api, Key, Line
from workbench_plugins.openalgo_stream import Stream
from workbench_plugins.openalgo_symbols import Symbols
from workbench_plugins.openalgo_tags import Tags

from tests.unit.plugins.openalgo_desk import D, desk, order
from workbench.errors import BadInput, NotSent, WorkbenchError
from workbench.model import OrderType
from workbench.testing.openalgo import OpenAlgoServer, Quirks

# ---- the stream ------------------------------------------------------------------------------------------------------


def test_a_fill_far_from_any_order_of_ours_is_told_within_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, poll_every=60) as at:
        at.submit(type=OrderType.LIMIT, limit="90")
        at.until(lambda: at.broker._watch.looks >= 2)
        time.sleep(0.2)
        began = time.monotonic()
        at.server.exchange.set_quote("SBIN", "NSE", "89", "90")
        at.until(lambda: at.fills)
        assert time.monotonic() - began < 2
        assert at.fills[0].price == 90


def test_a_cut_stream_comes_back_and_what_was_missed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, poll_every=60) as at:
        stream = at.broker._stream
        assert stream is not None
        at.submit(type=OrderType.LIMIT, limit="90")
        at.until(lambda: at.broker._watch.looks >= 2)
        at.server.stream.stop()
        at.until(lambda: not stream.carries_orders)
        at.server.exchange.set_quote("SBIN", "NSE", "89", "90")
        at.server.stream.start()
        at.until(lambda: stream.carries_orders and at.fills)
        assert stream.connections == 2
        at.until(lambda: "stream" not in at.broker.health().trouble)


def test_a_stream_that_is_up_and_mute_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, ws_url="") as probe:
        probe.submit(type=OrderType.LIMIT, limit="90")
        probe.server.exchange.set_quote("SBIN", "NSE", "89", "90")
        probe.until(lambda: probe.fills)
    with desk(monkeypatch) as at:
        at.broker._watch._rarely = 0.3
        at.server.stream.silent = True
        at.submit(type=OrderType.LIMIT, limit="90")
        at.server.exchange.set_quote("SBIN", "NSE", "89", "90")
        at.until(lambda: at.fills)


def test_updates_told_twice_make_one_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch) as at:
        at.server.stream.twice = True
        at.submit()
        at.until(lambda: "filled" in at.states)
        time.sleep(0.4)
        at.broker.deliver()
        assert (len(at.fills), at.states.count("filled")) == (1, 1)


def test_a_restart_of_the_server_that_forgets_the_day_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch) as at:
        at.submit()
        at.until(lambda: "filled" in at.states)
        at.server.restart(forget=True)
        assert at.broker.orders() == []
        at.submit()
        at.until(lambda: len(at.fills) == 2)


def test_ticks_come_in_the_callers_thread_and_age(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []
    with desk(monkeypatch) as at:
        at.broker.subscribe(["NSE:SBIN", "BSE:INFY"], heard.append)
        stream = at.broker._stream
        assert stream is not None
        assert stream.age("NSE:SBIN") == math.inf
        at.until(lambda: (at.server.exchange.set_quote("SBIN", "NSE", "101", "102", "101.5"), heard)[1])
        tick = heard[-1]
        assert (tick.symbol, tick.price) == ("NSE:SBIN", D("101.5"))
        assert abs((tick.at - datetime.now(UTC)).total_seconds()) < 10
        assert 0 <= stream.age("NSE:SBIN") < 5
        assert 0 <= stream.age() < 5
        assert at.broker.last("NSE:SBIN") == stream.last("NSE:SBIN")
        assert at.broker.last("BSE:INFY") is None
        at.server.stream.cut()
        at.until(lambda: stream.connections == 2)
        heard.clear()
        at.until(lambda: (at.server.exchange.set_quote("SBIN", "NSE", "103", "104", "103.5"), heard)[1])
        with pytest.raises(BadInput, match="does not say its exchange"):
            at.broker.subscribe(["SBIN"])


def test_without_a_stream_prices_cannot_be_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, ws_url="") as at:
        with pytest.raises(BadInput, match="ws_url"):
            at.broker.subscribe(["NSE:SBIN"])
        assert at.broker.last("NSE:SBIN") is None


def test_bad_ticks_and_messages_are_dropped_and_counted_never_passed_on() -> None:
    stream = Stream("ws://x", Key("k"), Line(), Symbols(), lambda order_id, filled: None, lambda: None)
    good = {"type": "market_data", "symbol": "SBIN", "exchange": "NSE", "data": {"ltp": "100.5"}}
    bad: list[Any] = [{"ltp": None}, {"ltp": "NaN"}, {"ltp": 0}, {"ltp": -1}, {}, None, {"ltp": 1, "timestamp": "soon"}]
    for data in bad:
        stream._take(good | {"data": data})
    stream._take(good | {"exchange": "NYSE"})
    stream._take({"type": "something new"})
    assert (stream.drain(), stream.dropped) == ([], len(bad) + 1)
    stream._take(good)
    assert [tick.price for tick in stream.drain()] == [D("100.5")]


def test_an_update_that_is_not_understood_still_says_that_something_happened() -> None:
    told: list[Any] = []
    line = Line()
    stream = Stream("ws://x", Key("k"), line, Symbols(), lambda order_id, filled: told.append((order_id, filled)),
                    lambda: told.append("look"))  # fmt: skip
    stream._take({"type": "order_update", "orderid": 7, "filled_quantity": "5"})
    stream._take({"type": "order_update", "orderid": "7"})
    stream._take({"type": "order_update"})
    stream._take({"type": "order_update", "orderid": "7", "filled_quantity": "many"})
    assert told == [("7", 5), ("7", None), "look", "look"]


def test_a_watch_that_meets_a_bug_says_so_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, ws_url="", poll_every=0.1) as at:
        books = at.broker._watch._books
        both = books.both
        books.both = lambda: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        at.until(lambda: "ZeroDivisionError" in at.broker.health().trouble)
        books.both = both  # type: ignore[method-assign]
        at.submit()
        at.until(lambda: at.fills)
        at.until(lambda: not at.broker.health().trouble)


def test_an_older_server_without_order_updates_is_polled(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch) as at:
        stream = at.broker._stream
        assert stream is not None
        stream.carries_orders = False
        stream._take({"status": "error", "code": "INVALID_ACTION", "message": "Invalid action: subscribe_orders"})
        assert "pushes no order updates" in at.broker.health().trouble
        at.server.stream.silent = True
        at.submit(type=OrderType.LIMIT, limit="90")
        at.server.exchange.set_quote("SBIN", "NSE", "89", "90")
        at.until(lambda: at.fills)


def test_an_expired_session_shuts_the_stream_out_with_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch) as at:
        at.server.exchange.session_expired = True
        at.server.stream.cut()
        at.until(lambda: "not let in: No authentication token found" in at.broker.health().trouble)
        at.server.exchange.session_expired = False
        at.until(lambda: not at.broker.health().trouble, within=10)


def test_a_trade_book_that_lags_behind_is_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, ws_url="", poll_every=60) as at:
        at.until(lambda: at.broker._watch.looks)
        books, asked = at.broker._watch._books, []
        both = books.both

        def late() -> Any:
            orders, fills = both()
            asked.append(len(fills))
            return orders, fills if len(asked) > 3 else []

        books.both = late  # type: ignore[method-assign]
        at.submit()
        at.until(lambda: at.fills)
        assert at.states[-1] == "filled"


# ---- tags ------------------------------------------------------------------------------------------------------------


def test_an_echo_is_proven_on_the_running_server_and_then_orders_are_searchable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with desk(monkeypatch, Quirks(echo_tag=True), ws_url="", tag_orders=True) as at:
        assert at.broker.capabilities.resend == "blind"
        with pytest.raises(BadInput, match="holds no order of this process"):
            at.broker.verify_echo()
        at.submit(type=OrderType.LIMIT, limit="90", client_order_id="0190-abc")
        assert at.broker.verify_echo()
        assert at.broker.capabilities.resend == "searchable"
        assert [one.client_order_id for one in at.broker.orders()] == ["0190-abc"]
        assert at.server.taken[0].strategy == "wb-0190-abc"


def test_without_an_echo_it_stays_blind_and_a_claim_is_withdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, ws_url="", tag_orders=True) as at:
        at.submit(type=OrderType.LIMIT, limit="90")
        assert not at.broker.verify_echo()
        assert at.broker.capabilities.resend == "blind"
    with desk(monkeypatch, ws_url="", tag_echo_verified=True) as at:
        assert at.broker.capabilities.resend == "searchable"
        at.submit(type=OrderType.LIMIT, limit="90")
        at.broker.orders()  # a live order book that tells no strategy: absence would prove nothing
        assert at.broker.capabilities.resend == "blind"
        assert "not searchable any more" in at.broker.health().trouble


def test_an_order_without_a_tag_cannot_be_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, ws_url="") as at, pytest.raises(BadInput, match="orders carry no id; set tag_orders"):
        at.broker.verify_echo()


def test_a_lost_order_is_found_by_its_id_after_a_restart_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for limit, book in ((None, None), (20, tmp_path / "tags.jsonl")):
        settings: dict[str, Any] = {"ws_url": "", "tag_echo_verified": True, "tag_limit": limit, "tag_book": book}
        with desk(monkeypatch, Quirks(echo_tag=True), **settings) as at:
            at.server.fail("placeorder", "drop_after")
            with pytest.raises(WorkbenchError):
                at.broker.submit(order(client_order_id="0190-lost", type=OrderType.LIMIT, limit="90"))
            with monkeypatch.context():
                again = type(at.broker)(url=at.server.url, api_key_env="OPENALGO_TEST_KEY", account="a", **settings)
            assert again.capabilities.resend == "searchable"
            assert [one.client_order_id for one in again.orders()] == ["0190-lost"]
            again.close()
            assert len(at.server.taken[0].strategy) <= (limit or 99)


def test_a_tag_that_cannot_be_kept_is_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    book = tmp_path / "gone" / "tags"
    with desk(monkeypatch, ws_url="", tag_orders=True, tag_limit=20, tag_book=book) as at:
        with pytest.raises(NotSent, match="its tag cannot be kept"):
            at.broker.submit(order())
        assert not at.server.taken


def test_short_tags_are_on_disk_before_they_are_used_and_without_a_book_they_do_not_survive(tmp_path: Path) -> None:
    book = tmp_path / "tags"
    tags = Tags("x", on=True, limit=20, book=book)
    tag = tags.keep("client-1")
    assert len(tag) == 20
    assert tag == tags.keep("client-1") == tags.of("client-1")
    book.write_text(book.read_text() + '\n{"wb-broken')
    again = Tags("x", on=True, limit=20, book=book)
    assert again.client_order_id(tag) == "client-1"
    assert again.client_order_id("wb-other") == again.client_order_id("x") == again.client_order_id(None) == ""
    again.keep("client-2")
    assert Tags("x", on=True, limit=20, book=book).client_order_id(again.of("client-2")) == "client-2"
    assert not Tags("x", on=True, limit=20).survives
    assert Tags("x", on=True).survives
    assert (Tags("plain").keep("c"), Tags("plain").client_order_id("plain")) == ("plain", "")


# ---- the key ---------------------------------------------------------------------------------------------------------


def client_logs(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged on our side: the server of the test logs what it hears, at level DEBUG."""
    return [record.getMessage() for record in caplog.records if record.name != "websockets.server"]


def test_the_api_key_shows_in_no_error_repr_or_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    words: list[str] = []
    with desk(monkeypatch, answer_within=0.3) as at:
        key = at.server.api_key
        for how in ("drop_after", "hang", "cut", "504_after", "500_after", "garbage", "429", "expired"):
            at.server.fail("placeorder", how)
            at.broker._line.budget._barred.clear()
            with pytest.raises(WorkbenchError) as caught:
                at.broker.submit(order())
            error: BaseException | None = caught.value
            while error is not None:
                words += [repr(error), str(error)]
                error = error.__cause__
            at.server.fail("orderbook", how, times=5)  # the watch asks too
            with pytest.raises(WorkbenchError) as asked:
                at.broker.orders()
            words.append(str(asked.value))
            at.server.faults.clear()
        at.server.stop()
        with pytest.raises(WorkbenchError) as caught:
            at.broker.submit(order())
        words += [
            str(caught.value),
            repr(at.broker),
            repr(at.broker._api),
            repr(at.broker._key),
            str(at.broker.health()),
        ]
        words += [f"{at.broker.__dict__}", f"{at.broker._api.__dict__}"]
        at.server.start()
    words += [*client_logs(caplog), *capfd.readouterr()]
    assert len(key) > 20
    assert all(key not in text for text in words)


def test_a_server_that_says_the_key_back_does_not_get_it_into_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.gateway.peer import Peer, answer
    from workbench.errors import Refused

    with Peer().says(answer(b'{"status":"error","message":"bad key sesame-open"}', "400 BAD REQUEST")) as peer:
        api = Api(peer.url, Key("sesame-open"), Line())
        with pytest.raises(Refused, match="bad key …"):
            api.change("placeorder", {})
        with pytest.raises(WorkbenchError, match="bad key …"):
            api.ask("orderbook")
        api.close()


def test_a_key_is_not_pickled_and_must_be_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Key("secret"))
    monkeypatch.setenv("K", "secret\nmore")
    with pytest.raises(BadInput) as caught:
        Key.from_environment("K")
    assert "secret" not in str(caught.value)


def test_the_stream_says_the_key_to_its_server_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with OpenAlgoServer() as server:
        stream = Stream(server.ws_url, Key("wrong-key-here"), Line(), Symbols(), lambda o, f: None, lambda: None)
        stream.start()
        time.sleep(0.3)
        stream.stop()
        assert not stream.carries_orders
    assert all("wrong-key-here" not in text for text in client_logs(caplog))
