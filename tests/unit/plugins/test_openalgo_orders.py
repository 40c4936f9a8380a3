"""OpenAlgo orders: sent once, and each answer means what it may mean: taken, refused, not sent, or unknown."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from workbench_plugins.openalgo_api import Parked
from workbench_plugins.openalgo_broker import OpenAlgoBroker

from tests.unit.plugins.openalgo_desk import BUY, DAY, KEY, SELL, D, Desk, desk, order
from workbench.errors import BadInput, NotSent, Refused
from workbench.gateway import Lost
from workbench.model import Handling, OrderType, Validity
from workbench.ports import Broker
from workbench.testing.openalgo import Quirks


def test_it_is_a_broker_and_says_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "k")
    broker = OpenAlgoBroker(api_key_env=KEY, product="CNC")
    can = broker.capabilities
    assert isinstance(broker, Broker)
    assert can.types == {OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT}
    assert (can.resend, can.validities, can.products) == ("blind", {Validity.DAY}, ("CNC", "MIS", "NRML"))
    assert (can.modify, can.protection, can.shorts, can.exact_cash) == (True, False, True, False)
    assert can.listed_within > 120  # OpenAlgo talks to its broker for up to 120 s


def test_a_market_order_is_acknowledged_filled_and_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch) as at:
        taken = at.submit()
        assert at.server.requests.count(("placeorder", {
            "symbol": "SBIN", "exchange": "NSE", "action": "BUY", "quantity": 10, "pricetype": "MARKET",
            "product": "MIS", "price": 0, "trigger_price": 0, "disclosed_quantity": 0, "strategy": "workbench",
        })) == 1  # fmt: skip
        at.until(lambda: "filled" in at.states)
        [fill] = at.fills
        assert (fill.broker_id, fill.size, fill.price, fill.side) == (taken.broker_id, 10, D("100.05"), BUY)
        assert at.told.index(fill) < len(at.told) - 1, "filled was told before its fill"
        time.sleep(0.5)
        at.broker.deliver()
        assert (len(at.fills), len(at.server.taken)) == (1, 1)


@pytest.mark.parametrize(
    ("kind", "prices", "wire"),
    [
        (OrderType.LIMIT, {"limit": "90.5"}, ("LIMIT", 90.5, 0)),
        (OrderType.STOP, {"level": "110.05"}, ("SL-M", 0, 110.05)),
        (OrderType.STOP_LIMIT, {"limit": "111", "level": "110"}, ("SL", 111, 110)),
    ],
)
def test_each_type_has_its_name_on_the_wire_and_is_read_back(
    monkeypatch: pytest.MonkeyPatch, kind: OrderType, prices: dict[str, str], wire: Any
) -> None:
    with desk(monkeypatch, ws_url="") as at:
        taken = at.submit(type=kind, **prices)
        body = next(body for endpoint, body in at.server.requests if endpoint == "placeorder")
        assert (body["pricetype"], body["price"], body["trigger_price"]) == wire
        [listed] = at.broker.orders()
        assert (listed.broker_id, listed.type, listed.limit, listed.level) == (
            taken.broker_id, kind, taken.limit, taken.level)  # fmt: skip
        assert (listed.state.value, listed.filled, listed.client_order_id) == ("acked", 0, "")
        assert listed.at is not None
        assert abs(listed.at.timestamp() - time.time()) < 60


UNKNOWN = ["drop_before", "drop_after", "hang", "cut", "504_before", "504_after", "500_before", "500_after", "garbage",
           "garbage_before", "slow:1.0"]  # fmt: skip


@pytest.mark.parametrize("how", UNKNOWN)
def test_what_cannot_be_known_is_lost_and_the_order_was_taken_once_at_most(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    with desk(monkeypatch, answer_within=0.5) as at:
        at.server.fail("placeorder", how)
        began = time.monotonic()
        with pytest.raises(Lost):
            at.broker.submit(order())
        assert time.monotonic() - began < 1.5
        at.server.release()
        time.sleep(0.1)
        assert len(at.server.taken) == (0 if how.endswith("_before") else 1)
        assert sum(endpoint == "placeorder" for endpoint, _ in at.server.requests) == 1
        if not how.endswith("_before"):
            at.until(lambda: at.fills)  # the watch finds what it led to
            assert at.fills[0].broker_id == at.server.taken[0].orderid


def test_a_server_that_is_down_is_not_sent_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch) as at:
        at.server.stop()
        with pytest.raises(NotSent, match="nothing was sent"):
            at.broker.submit(order())
        assert not at.broker.health().is_connected
        assert "no connection" in at.broker.health().trouble
        at.server.start()
        at.submit()
        at.until(lambda: "filled" in at.states)
        at.until(lambda: not at.broker.health().trouble)
        assert at.broker.health().is_connected


def test_a_broker_that_finds_nobody_connects_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "k")
    broker = OpenAlgoBroker(api_key_env=KEY, url="http://127.0.0.1:9", ws_url="ws://127.0.0.1:9", account="a")
    at = Desk(None, broker)  # type: ignore[arg-type]
    broker.connect(at)
    try:
        with pytest.raises(NotSent):
            broker.submit(order())
        assert broker.health().mode == "live"
    finally:
        broker.close()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("429", r"not taken, rate limit \(10 per 1 second\)"),
        ("expired", r"refused \(403\): session expired|the API key is good"),
    ],
)
def test_a_definite_refusal_says_so_in_the_servers_words(
    monkeypatch: pytest.MonkeyPatch, spoil: str, words: str
) -> None:
    with desk(monkeypatch) as at:
        at.server.fail("placeorder", spoil)
        with pytest.raises(Refused, match=words):
            at.broker.submit(order())
        assert not at.server.taken


def test_after_a_429_nothing_goes_out_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch) as at:
        at.server.fail("placeorder", "429")
        with pytest.raises(Refused, match="nothing more goes out for 1 s"):
            at.broker.submit(order())
        assert at.broker.health().budget == 0
        with pytest.raises(NotSent, match=r"no room for .* and orders wait 0.5 s at most"):
            at.broker.submit(order())
        time.sleep(1.05)
        at.submit()


def test_an_expired_session_and_a_wrong_key_are_told_apart_with_their_remedies(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch) as at:
        at.server.exchange.session_expired = True
        with pytest.raises(
            Refused, match=r"session expired \(the API key is good\): log in to the broker again in Open"
        ):
            at.broker.submit(order())
        assert "log in to the broker again" in at.broker.health().trouble
        at.server.exchange.session_expired = False
        at.submit()
        at.until(lambda: "log in" not in at.broker.health().trouble, 20)  # its books are read by a thread of its own
    with desk(monkeypatch, ws_url="") as at:
        at.server.api_key = "another"
        with pytest.raises(Refused, match="the API key is wrong: export the one that OpenAlgo shows"):
            at.broker.submit(order())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"pricetype": "NONSENSE"}, "Must be one of"),
        ({"nonsense": 1}, "Unknown field"),
        ({"quantity": -1}, "Quantity must be a positive number"),
    ],
)
def test_a_schema_error_is_refused_with_its_sentences(
    monkeypatch: pytest.MonkeyPatch, body: dict[str, Any], words: str
) -> None:
    with desk(monkeypatch, ws_url="") as at:
        change = at.broker._api.change
        at.broker._api.change = lambda endpoint, fields, **more: change(endpoint, fields | body)  # type: ignore[method-assign]
        with pytest.raises(Refused, match=rf"refused \(400\): .*{words}"):
            at.broker.submit(order())


def test_an_unknown_symbol_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, ws_url="") as at, pytest.raises(Refused, match="Symbol NOPE not found on NSE"):
        at.broker.submit(order(symbol="NSE:NOPE"))


def test_a_late_rejection_is_told_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch) as at:
        at.submit(size=10_000_000)
        at.until(lambda: "rejected" in at.states)
        told = at.told[-1]
        assert not isinstance(told, type(None))
        assert "gives no reason" in told.reason  # type: ignore[union-attr]


def test_an_order_that_waits_for_a_person_is_unknown_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch) as at:
        at.server.exchange.semi_auto = True
        with pytest.raises(Parked, match=r"holds the order as number 1 of its Action Center") as caught:
            at.broker.submit(order())
        assert isinstance(caught.value, Lost)
        assert at.states == []
        with pytest.raises(Refused, match="not allowed in Semi-Auto mode"):
            at.broker.cancel(order(broker_id="1"))
        at.server.exchange.approve(1)
        at.until(lambda: at.fills)


def test_a_success_without_an_order_id_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, ws_url="") as at:
        for told in ({"status": "success"}, {"status": "success", "orderid": None}, {"orderid": "None"}):
            at.broker._api.change = lambda *a, told=told, **k: told  # type: ignore[method-assign]
            with pytest.raises(Lost, match="success without an order id"):
                at.broker.submit(order())


def test_a_modified_order_has_every_field_and_its_new_numbers_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch) as at:
        mine = order(type=OrderType.LIMIT, limit="90")
        at.broker.submit(mine)
        mine = replace(mine, broker_id=at.told[-1].broker_id, limit=D("91.5"), size=D(7))
        at.broker.modify(mine)
        told = at.told[-1]
        assert (told.state.value, told.size, told.limit) == ("acked", 7, D("91.5"))  # type: ignore[union-attr]
        body = next(body for endpoint, body in at.server.requests if endpoint == "modifyorder")
        assert set(body) == {"strategy", "orderid", "symbol", "exchange", "action", "product", "pricetype", "price",
                             "quantity", "disclosed_quantity", "trigger_price"}  # fmt: skip
        [listed] = at.broker.orders()
        assert (listed.size, listed.limit) == (7, D("91.5"))
        at.server.fail("modifyorder", "504_after")
        with pytest.raises(Lost):
            at.broker.modify(mine)
        with pytest.raises(Refused, match="not found"):
            at.broker.modify(replace(mine, broker_id="77"))


def test_a_cancel_is_told_when_the_book_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch) as at:
        mine = order(type=OrderType.LIMIT, limit="90")
        at.broker.submit(mine)
        mine = replace(mine, broker_id=at.told[-1].broker_id)
        at.broker.cancel(mine)
        at.until(lambda: "cancelled" in at.states)
        with pytest.raises(Lost, match="Cannot cancel order in cancelled status"):
            at.broker.cancel(mine)  # a live broker's refusal arrives as 500: the book decides
        with pytest.raises(Refused, match="has no broker id"):
            at.broker.cancel(order())


def test_cancels_have_room_when_orders_have_used_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, ws_url="", patience=0.0) as at:
        sent = []
        for _ in range(7):
            sent.append(order(type=OrderType.LIMIT, limit="90"))
            at.broker.submit(sent[-1])
            sent[-1] = replace(sent[-1], broker_id=at.told[-1].broker_id)
        with pytest.raises(NotSent, match="rate limit"):
            at.broker.submit(order())
        for one in sent[:3]:
            at.broker.cancel(one)
        assert len(at.server.taken) == 7


def test_bursts_wait_a_little_and_are_never_refused_for_their_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, ws_url="", patience=2.0) as at:
        for _ in range(12):
            at.submit(type=OrderType.LIMIT, limit="90")
        assert len(at.server.taken) == 12


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"symbol": "SBIN"}, "symbol SBIN: does not say its exchange"),
        ({"symbol": "NYSE:IBM"}, "exchange 'NYSE' is none of"),
        ({"symbol": "NSE_INDEX:NIFTY"}, "an index cannot be traded"),
        ({"type": OrderType.LIMIT, "limit": 90, "handling": replace(DAY, validity=Validity.IOC)}, "validity ioc: Open"),
        ({"handling": replace(DAY, product="BO")}, "product BO: OpenAlgo knows MIS, NRML, CNC"),
        ({"handling": replace(DAY, product="NRML")}, "product NRML: NSE shares are traded as CNC"),
        ({"symbol": "NFO:NIFTY31DEC30FUT", "size": 65, "handling": replace(DAY, product="CNC")}, "product CNC: NFO"),
        ({"size": "1.5"}, "size 1.5: OpenAlgo takes whole quantities only on NSE"),
        ({"symbol": "NFO:NIFTY31DEC30FUT", "size": 100}, "size 100: must be a multiple of the lot of 65"),
        ({"symbol": "NFO:NIFTY31DEC30FUT", "size": 1820}, "size 1820: is above the freeze quantity 1800"),
        ({"type": OrderType.LIMIT, "limit": "90.01"}, "limit 90.01: must be a multiple of the tick of 0.05 NSE:SBIN"),
        ({"type": OrderType.STOP, "level": "110.02"}, "level 110.02: must be a multiple of the tick"),
        ({"type": OrderType.LIMIT, "limit": "90.000000000000000001"}, "more digits than OpenAlgo's wire carries"),
        ({"symbol": "NSE:SBI"}, "symbol NSE:SBI: unknown; known: BSE:SBIN, NSE:SBIN"),
    ],
)
def test_what_would_be_refused_is_known_before_and_names_field_value_and_limit(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], words: str
) -> None:
    with desk(monkeypatch, ws_url="") as at:
        told = at.broker.check(order(**change))
        assert words in told
        if "unknown; known" not in words:
            with pytest.raises(Refused) as caught:
                at.broker.submit(order(**change))
            assert words in str(caught.value)
        assert not at.server.taken


def test_what_waits_here_passes_the_check_and_is_refused_only_when_it_is_sent_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with desk(monkeypatch, ws_url="") as at:
        gtc = Handling()
        assert "validity gtc: OpenAlgo has no such field" in at.broker.check(
            order(type=OrderType.LIMIT, limit=90, handling=gtc)
        )
        target = order(SELL, type=OrderType.TARGET, level=120, handling=gtc)
        stop = order(SELL, type=OrderType.STOP, level=90, handling=gtc, reduce_only=True, group="g")
        slices = order(size=3640, symbol="NFO:NIFTY31DEC30FUT", handling=replace(DAY, slice_size=D(1755)))
        assert [at.broker.check(one) for one in (target, stop, slices)] == ["", "", ""]
        with pytest.raises(Refused, match="type target: OpenAlgo takes limit, market, stop, stop_limit"):
            at.broker.submit(target)
        at.submit(type=OrderType.LIMIT, limit=90, handling=gtc)  # one that was kept here until its price came


def test_what_was_read_before_a_change_is_not_told_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, ws_url="", poll_every=60) as at:
        at.until(lambda: at.broker._watch.looks)
        mine = order(type=OrderType.LIMIT, limit="90")
        at.broker.submit(mine)
        mine = replace(mine, broker_id=at.told[-1].broker_id, limit=D("91.5"))
        looks = at.broker._watch.looks
        ends = time.monotonic() + 3
        while at.broker._watch.looks == looks and time.monotonic() < ends:
            time.sleep(0.01)  # the watch has read the order, and nobody was told yet
        at.broker.modify(mine)
        at.until(lambda: at.broker._watch.looks > looks + 1)
        at.broker.deliver()
        limits = [one.limit for one in at.told]  # type: ignore[union-attr]
        assert limits == [90, D("91.5"), D("91.5")]


def test_what_fits_passes_the_check_whatever_a_market_orders_validity(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, ws_url="") as at:
        for fits in (order(), order(handling=Handling()), order(SELL, 130, "NFO:NIFTY31DEC30FUT"),
                     order(size="0.005", symbol="CRYPTO:BTCUSDT")):  # fmt: skip
            assert at.broker.check(fits) == ""
        assert "account b" in at.broker.check(replace(order(), account="b"))
        asked = sum(endpoint == "symbol" for endpoint, _ in at.server.requests)
        at.broker.check(order())
        assert sum(endpoint == "symbol" for endpoint, _ in at.server.requests) == asked == 3
        at.server.stop()
        assert at.broker.check(order(symbol="NSE:INFY")) == ""  # cannot be asked: not checked
        at.server.start()


def test_an_expired_contract_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    late = datetime(2031, 1, 2, tzinfo=UTC)
    with desk(monkeypatch, ws_url="", clock=lambda: late) as at:
        future = order(size=65, symbol="NFO:NIFTY31DEC30FUT")
        assert "the contract expired on 2030-12-31" in at.broker.check(future)
        with pytest.raises(Refused, match="expired"):
            at.broker.submit(future)


def test_the_other_mode_than_expected_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, ws_url="", expected_mode="sandbox", poll_every=60) as at:
        assert at.broker.health().mode == "live"
        with pytest.raises(NotSent, match="OpenAlgo is in live mode and sandbox is expected: no order goes out"):
            at.broker.submit(order())
        at.server.exchange.analyze = True
        time.sleep(1.1)  # the mode is asked anew when nothing told it for a second
        at.submit()
        assert (at.broker.health().mode, at.server.taken[0].mode) == ("sandbox", "analyze")
        at.broker._watch.stop()  # its answers would tell the mode
        at.broker._line.mode = ""
        at.server.fail("analyzer", "500_before")
        with pytest.raises(NotSent, match="mode is not known and sandbox is expected"):
            at.broker.submit(order())
        assert len(at.server.taken) == 1


def test_an_order_the_sandbox_books_and_rejects_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, sandbox=True) as at:
        with pytest.raises(Refused, match="Cannot sell 10 shares of SBIN in CNC"):
            at.broker.submit(order(SELL, handling=replace(DAY, product="CNC")))
        at.until(lambda: "rejected" in at.states)


def test_early_refusals_of_a_live_broker_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        desk(monkeypatch, Quirks(late_rejections=False), ws_url="") as at,
        pytest.raises(Refused, match="Insufficient"),
    ):
        at.broker.submit(order(size=900_000))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"product": "BO"}, "product BO"),
        ({"expected_mode": "paper"}, "expected_mode paper"),
        ({"poll_every": 0}, "poll_every"),
        ({"api_key_env": "NOT_SET_ANYWHERE"}, "api_key_env NOT_SET_ANYWHERE: is not set in the environment"),
        ({"tag_limit": 5}, "tag_limit 5"),
        ({"strategy": ""}, "strategy"),
        ({"url": "localhost:5000"}, "url localhost:5000"),
        ({"symbols": {"X": "NSE:SBIN", "Y": "NSE:SBIN"}}, "symbols Y: names NSE:SBIN, as X does"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], words: str
) -> None:
    monkeypatch.setenv(KEY, "k")
    with pytest.raises(BadInput, match=words):
        OpenAlgoBroker(**({"api_key_env": KEY} | settings))


def test_an_order_before_connect_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "k")
    with pytest.raises(BadInput, match="call connect before the first order"):
        OpenAlgoBroker(api_key_env=KEY, account="a").submit(order())
