"""The loopback OpenAlgo server: each oddity of the real wire once, and each fault."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from workbench.testing.openalgo import OpenAlgoServer, Quirks

SBIN: dict[str, Any] = {"strategy": "tag-1", "symbol": "SBIN", "exchange": "NSE", "action": "BUY", "quantity": 10}
LIMIT = SBIN | {"pricetype": "LIMIT", "price": "99.50"}


class Client:
    """Posts bodies with the key and keeps its connection."""

    def __init__(self, server: OpenAlgoServer) -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.url, timeout=5, trust_env=False)

    def post(self, endpoint: str, body: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
        return self.http.post(f"/api/v1/{endpoint}", json={"apikey": self.server.api_key} | (body or {}) | more)

    def ask(self, endpoint: str, body: dict[str, Any] | None = None, **more: Any) -> Any:
        """The answer of a call that succeeds."""
        answer = self.post(endpoint, body, **more)
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "success"
        return answer.json()

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["orderid"]: row for row in self.ask("orderbook")["data"]["orders"]}


@pytest.fixture
def server() -> Iterator[OpenAlgoServer]:
    with OpenAlgoServer() as made:
        made.exchange.set_quote("SBIN", "NSE", bid="99.95", ask="100.05", ltp=100, volume=5000)
        yield made


@pytest.fixture
def client(server: OpenAlgoServer) -> Iterator[Client]:
    made = Client(server)
    with made.http:
        yield made


def test_a_wrong_key_and_an_expired_session_answer_the_same_403(server: OpenAlgoServer, client: Client) -> None:
    wrong = client.post("funds", apikey="wrong")
    server.exchange.session_expired = True
    expired = client.post("funds")
    assert wrong.status_code == expired.status_code == 403
    assert wrong.json() == expired.json() == {"status": "error", "message": "Invalid openalgo apikey"}
    assert client.post("search", query="SBIN").status_code == 200, "looking up symbols needs the key alone"


def test_an_unknown_field_is_refused_as_an_object_by_reads_and_as_printed_python_by_orders(client: Client) -> None:
    read, order = client.post("orderbook", more=1), client.post("placeorder", SBIN, client_order_id="x")
    assert (read.status_code, order.status_code) == (400, 400)
    assert read.json() == {"status": "error", "message": {"more": ["Unknown field."]}}
    assert order.json() == {"status": "error", "message": "{'client_order_id': ['Unknown field.']}"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"quantity": "ten"}, "Not a valid number."),
        ({"quantity": "1.5"}, "Fractional quantity (1.5) is not allowed for non-crypto exchanges."),
        ({"quantity": 0}, "Quantity must be a positive number."),
        ({"quantity": "nan"}, "Special numeric values (nan or infinity) are not permitted."),
        ({"pricetype": "GTC"}, "Must be one of: MARKET, LIMIT, SL, SL-M."),
        ({"strategy": None}, "Field may not be null."),
    ],
)
def test_a_wrong_value_is_refused_with_the_schemas_sentence(client: Client, change: Any, sentence: str) -> None:
    answer = client.post("placeorder", SBIN | change)
    assert answer.status_code == 400
    assert sentence in answer.json()["message"]
    assert not client.server.taken


def test_a_body_that_is_no_json_reads_as_the_servers_failure(client: Client) -> None:
    assert client.http.post("/api/v1/placeorder", content=b"{").status_code == 500
    assert client.http.post("/api/v1/nothing", json={}).status_code == 404
    assert client.http.get("/api/v1/funds").status_code == 405


def test_the_eleventh_order_of_a_second_gets_429_without_status_and_without_retry_after(client: Client) -> None:
    codes = [client.post("placeorder", SBIN).status_code for _ in range(10)]
    refused = client.post("placeorder", SBIN)
    assert codes == [200] * 10
    assert refused.status_code == 429
    assert refused.json() == {"message": "10 per 1 second"}
    assert "retry-after" not in refused.headers
    assert client.post("orderbook").status_code == 200, "limits count each endpoint"
    assert len(client.server.taken) == 10
    time.sleep(1.05)
    assert client.post("placeorder", SBIN).status_code == 200


def test_market_orders_fill_at_the_touch_and_the_live_book_hides_it(client: Client) -> None:
    bought = client.ask("placeorder", SBIN, quantity="10")["orderid"]
    sold = client.ask("placeorder", SBIN, action="sell", quantity=4, product="MIS")["orderid"]
    row = client.rows()[bought]
    assert (row["order_status"], row["price"], row["quantity"]) == ("complete", 0.0, 10.0)
    assert not {"strategy", "filled_quantity", "average_price", "rejection_reason"} & set(row)
    datetime.strptime(row["timestamp"], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
    trades = client.ask("tradebook")["data"]
    assert [(t["orderid"], t["quantity"], t["average_price"]) for t in trades] == [
        (bought, 10, 100.05),
        (sold, 4, 99.95),
    ]
    assert "tradeid" not in trades[0]
    assert client.ask("orderstatus", strategy="any", orderid=bought)["data"]["average_price"] == 100.05
    [held] = client.ask("positionbook")["data"]
    assert (held["quantity"], held["average_price"], held["pnl"]) == (6, "100.05", -0.7)
    assert client.ask("openposition", **{k: SBIN[k] for k in ("strategy", "symbol", "exchange")}, product="MIS") == {
        "status": "success",
        "quantity": 6,
    }


def test_quirks_echo_the_tag_give_trade_ids_and_speak_texts(server: OpenAlgoServer, client: Client) -> None:
    orderid = client.ask("placeorder", SBIN)["orderid"]
    server.quirks.echo_tag = server.quirks.trade_ids = True
    server.quirks.dialect = "angel"
    row, [trade] = client.rows()[orderid], client.ask("tradebook")["data"]
    assert (row["strategy"], row["quantity"]) == ("tag-1", "10")
    datetime.strptime(row["timestamp"], "%d-%b-%Y %H:%M:%S")  # noqa: DTZ007
    assert trade["tradeid"]
    assert len(trade["timestamp"]) == len("09:15:00")


def test_a_resting_limit_fills_at_its_price_when_the_market_reaches_it(server: OpenAlgoServer, client: Client) -> None:
    resting = client.ask("placeorder", LIMIT)["orderid"]
    marketable = client.ask("placeorder", LIMIT, price=101)["orderid"]
    assert {k: v["order_status"] for k, v in client.rows().items()} == {resting: "open", marketable: "complete"}
    server.exchange.set_quote("SBIN", "NSE", bid=99, ask="99.10", ltp=99)
    assert [t["average_price"] for t in client.ask("tradebook")["data"]] == [100.05, 99.5]


def test_stops_wait_as_trigger_pending_and_trigger_on_the_last_price(server: OpenAlgoServer, client: Client) -> None:
    stop = client.ask("placeorder", SBIN, action="SELL", pricetype="SL-M", trigger_price=99)["orderid"]
    limited = client.ask("placeorder", SBIN, action="SELL", pricetype="SL", trigger_price=99, price="98.90")["orderid"]
    assert {row["order_status"] for row in client.rows().values()} == {"trigger pending"}
    server.exchange.set_quote("SBIN", "NSE", bid="98.80", ask="98.85", ltp="98.95")
    assert {k: v["order_status"] for k, v in client.rows().items()} == {stop: "complete", limited: "open"}
    server.exchange.set_quote("SBIN", "NSE", bid="98.95", ask=99, ltp="98.95")
    assert client.rows()[limited]["order_status"] == "complete"


def test_partial_fills_show_in_trades_alone_and_the_status_tells_the_first_price(
    server: OpenAlgoServer, client: Client
) -> None:
    server.exchange.liquidity = 4
    orderid = client.ask("placeorder", SBIN)["orderid"]
    status = client.ask("orderstatus", strategy="x", orderid=orderid)["data"]
    assert (status["order_status"], status["average_price"]) == ("open", 0.0)
    for ask in (101, 102):
        server.exchange.set_quote("SBIN", "NSE", bid=100, ask=ask)
    assert [(t["quantity"], t["average_price"]) for t in client.ask("tradebook")["data"]] == [
        (4, 100.05),
        (4, 101.0),
        (2, 102.0),
    ]
    status = client.ask("orderstatus", strategy="x", orderid=orderid)["data"]
    assert (status["order_status"], status["average_price"]) == ("complete", 100.05)


@pytest.mark.parametrize(
    "change",
    [
        LIMIT | {"price": "99.52"},
        SBIN | {"product": "CNC", "action": "SELL"},
        SBIN | {"product": "NRML"},
        SBIN | {"quantity": 900_000},
        SBIN | {"symbol": "NIFTY31DEC30FUT", "exchange": "NFO", "product": "NRML", "quantity": 66},
    ],
    ids=["tick", "delivery", "product", "funds", "lot"],
)
def test_what_the_broker_refuses_is_taken_first_and_rejected_in_the_book(client: Client, change: Any) -> None:
    orderid = client.ask("placeorder", change)["orderid"]
    assert client.rows()[orderid]["order_status"] == "rejected"
    assert not client.ask("tradebook")["data"]
    client.server.quirks.late_rejections = False
    assert client.post("placeorder", change).status_code == 400


def test_delivery_sells_need_shares_that_are_not_yet_for_sale(server: OpenAlgoServer, client: Client) -> None:
    server.exchange.hold("SBIN", "NSE", 10, 90)
    sell = LIMIT | {"product": "CNC", "action": "SELL", "price": 101}
    first, second = (client.ask("placeorder", sell)["orderid"] for _ in range(2))
    assert {k: v["order_status"] for k, v in client.rows().items()} == {first: "open", second: "rejected"}
    [held] = client.ask("holdings")["data"]["holdings"]
    assert (held["quantity"], held["pnl"]) == (10, 100.0)


def test_modify_wants_every_field_and_cancel_refuses_what_is_done(server: OpenAlgoServer, client: Client) -> None:
    orderid = client.ask("placeorder", LIMIT)["orderid"]
    short = client.post("modifyorder", strategy="tag-1", orderid=orderid, price=99)
    assert short.status_code == 400
    assert short.json()["message"].count("Missing data for required field.") == 8
    full = LIMIT | {
        "product": "MIS",
        "disclosed_quantity": 0,
        "trigger_price": 0,
        "price": "100.05",
        "orderid": orderid,
    }
    assert client.ask("modifyorder", full) == {"status": "success", "orderid": orderid}
    assert client.rows()[orderid]["order_status"] == "complete"
    assert client.post("modifyorder", full).status_code == 400
    assert client.post("cancelorder", strategy="x", orderid=orderid).status_code == 500
    for endpoint in ("cancelorder", "orderstatus"):
        unknown = client.post(endpoint, strategy="x", orderid="none")
        assert unknown.status_code == 404
        assert unknown.json()["message"] == "Order none not found"


def test_a_smart_order_trades_to_its_target_and_then_answers_without_an_order_id(client: Client) -> None:
    smart = SBIN | {"position_size": "7", "product": "MIS"}
    assert "orderid" in client.ask("placesmartorder", smart)
    assert client.server.taken[-1].quantity == 7
    assert client.ask("placesmartorder", smart) == {
        "status": "success",
        "message": "Positions Already Matched. No Action needed.",
    }
    assert "orderid" in client.ask("placesmartorder", smart, position_size=-3)
    assert [(o.action, int(o.quantity)) for o in client.server.taken] == [("BUY", 7), ("SELL", 10)]


def test_a_basket_succeeds_at_the_top_with_a_failed_leg_and_puts_buys_first(client: Client) -> None:
    leg = {k: v for k, v in SBIN.items() if k != "strategy"}
    legs = [leg | {"action": "SELL"}, leg | {"symbol": "NOWHERE"}, leg | {"quantity": "5"}]
    results = client.ask("basketorder", strategy="b", orders=legs)["results"]
    assert [(r["symbol"], r["status"]) for r in results] == [
        ("NOWHERE", "error"),
        ("SBIN", "success"),
        ("SBIN", "success"),
    ]
    assert [order.action for order in client.server.taken] == ["BUY", "SELL"]
    refused = client.post("basketorder", strategy="b", orders=[leg | {"x": 1}])
    assert refused.json()["message"] == "{'orders': {0: {'x': ['Unknown field.']}}}"


def test_a_split_order_comes_in_pieces(client: Client) -> None:
    results = client.ask("splitorder", SBIN, quantity=25, splitsize=10)["results"]
    assert [(r["order_num"], r["quantity"], r["status"]) for r in results] == [
        (1, 10, "success"),
        (2, 10, "success"),
        (3, 5, "success"),
    ]


def test_cancel_all_and_close_position_reach_every_strategys_orders(client: Client) -> None:
    client.ask("placeorder", SBIN)
    resting = client.ask("placeorder", LIMIT, strategy="another")["orderid"]
    assert client.ask("cancelallorder", strategy="mine")["canceled_orders"] == [resting]
    assert client.ask("closeposition", strategy="mine")["message"] == "All Open Positions Squared Off"
    assert [row["quantity"] for row in client.ask("positionbook")["data"]] == [0]
    assert client.server.taken[-1].strategy == "Squareoff"


def test_the_sandbox_says_its_mode_counts_in_numbers_and_tells_more(client: Client) -> None:
    assert client.ask("funds")["data"]["availablecash"] == "10000000.00"
    assert client.ask("analyzer/toggle", mode=True)["data"]["mode"] == "analyze"
    placed = client.ask("placeorder", LIMIT)
    assert placed["mode"] == "analyze"
    assert client.ask("funds")["data"]["availablecash"] == 9_999_801.0
    row = client.rows()[placed["orderid"]]
    assert (row["strategy"], row["filled_quantity"], row["pending_quantity"]) == ("tag-1", 0, 10)
    status = client.ask("orderstatus", strategy="x", orderid=placed["orderid"])
    assert (status["mode"], status["data"]["price_type"]) == ("analyze", "LIMIT")
    refused = client.post("placeorder", SBIN, product="CNC", action="SELL")
    assert refused.status_code == 400
    assert client.rows()[refused.json()["orderid"]]["order_status"] == "rejected", "refused, and yet in the book"
    change = LIMIT | {"product": "MIS", "disclosed_quantity": 0, "trigger_price": 0, "orderid": placed["orderid"]}
    client.ask("modifyorder", change, pricetype="MARKET", price=0)
    assert client.rows()[placed["orderid"]]["pricetype"] == "LIMIT", "a changed price type is accepted and ignored"
    assert not client.server.exchange.live.orders


def test_semi_automatic_mode_queues_orders_and_blocks_changes(server: OpenAlgoServer, client: Client) -> None:
    server.exchange.semi_auto = True
    queued = client.ask("placeorder", SBIN)
    assert "orderid" not in queued
    assert queued["mode"] == "semi_auto"
    assert client.post("cancelorder", strategy="x", orderid="1").status_code == 403
    assert not server.taken
    server.exchange.approve(queued["pending_order_id"])
    assert [order.strategy for order in server.taken] == ["tag-1"]


def test_market_data_has_quotes_depth_bars_and_the_master(server: OpenAlgoServer, client: Client) -> None:
    where = {"symbol": "SBIN", "exchange": "NSE"}
    quote = client.ask("quotes", where)["data"]
    assert (quote["bid"], quote["ask"], quote["ltp"], quote["volume"]) == (99.95, 100.05, 100, 5000)
    results = client.ask("multiquotes", symbols=[where, where | {"symbol": "GONE"}])["results"]
    assert "data" in results[0]
    assert "error" in results[1]
    server.exchange.set_depth("SBIN", "NSE", bids=[(99, 5)], asks=[(101, 6), (102, 7)])
    depth = client.ask("depth", where)["data"]
    assert (len(depth["bids"]), depth["totalbuyqty"], depth["totalsellqty"]) == (5, 5, 13)
    bars = client.ask("history", where, interval="1h", start_date="2026-01-30", end_date="2026-02-01")["data"]
    assert bars[0]["timestamp"] == 1_769_744_700, "09:15 in India as epoch seconds"
    assert {"open", "high", "low", "close", "volume", "oi"} <= set(bars[0])
    assert (
        client.post("history", where, interval="7m", start_date="2026-01-30", end_date="2026-01-30").status_code == 400
    )
    assert "1m" in client.ask("intervals")["data"]["minutes"]
    assert client.post("symbol", symbol="GONE", exchange="NSE").status_code == 404
    future = client.ask("symbol", symbol="NIFTY31DEC30FUT", exchange="NFO")["data"]
    assert (future["lotsize"], future["expiry"], future["tick_size"]) == (65, "31-DEC-30", 0.1)
    assert len(client.ask("search", query="nifty", exchange="NFO")["data"]) == 3
    assert client.ask("expiry", symbol="NIFTY", exchange="NFO", instrumenttype="options")["data"] == ["31-DEC-30"]
    assert client.ask("ping")["data"]["message"] == "pong"


def test_margin_wants_texts_and_some_brokers_do_not_have_it(server: OpenAlgoServer, client: Client) -> None:
    row = {k: v for k, v in SBIN.items() if k != "strategy"} | {"product": "MIS", "pricetype": "MARKET"}
    assert client.post("margin", positions=[row]).status_code == 400
    row["quantity"] = "10"
    assert client.ask("margin", positions=[row])["data"]["total_margin_required"] == 200.0
    server.quirks.margin_supported = False
    assert client.post("margin", positions=[row]).status_code == 501


def test_coins_trade_in_fractions_that_the_book_rounds_away(server: OpenAlgoServer, client: Client) -> None:
    server.exchange.set_quote("BTCUSDT", "CRYPTO", 60_000, 60_001)
    coin = SBIN | {"symbol": "BTCUSDT", "exchange": "CRYPTO", "quantity": 0.001, "product": "NRML"}
    orderid = client.ask("placeorder", coin)["orderid"]
    assert client.rows()[orderid]["quantity"] == 0.0
    assert client.ask("tradebook")["data"][0]["quantity"] == 0.001


@pytest.mark.parametrize(
    ("how", "taken"),
    [("drop_before", 0), ("drop_after", 1), ("cut", 1)],
)
def test_a_broken_connection_tells_nothing_of_whether_the_order_was_taken(client: Client, how: str, taken: int) -> None:
    client.server.fail("placeorder", how)
    with pytest.raises(httpx.TransportError):
        client.post("placeorder", SBIN)
    assert len(client.server.taken) == taken
    client.ask("placeorder", SBIN)
    assert [path for path, _ in client.server.requests] == ["placeorder"] * 2
    assert "apikey" not in client.server.requests[0][1]


@pytest.mark.parametrize(
    ("how", "code", "taken"),
    [
        ("504_before", 504, 0),
        ("504_after", 504, 1),
        ("500_before", 500, 0),
        ("500_after", 500, 1),
        ("429", 429, 0),
        ("expired", 403, 0),
        ("garbage", 200, 1),
        ("garbage_before", 200, 0),
        ("slow:0.2", 200, 1),
    ],
)
def test_a_spoilt_answer_comes_once_to_the_endpoint_it_was_meant_for(
    client: Client, how: str, code: int, taken: int
) -> None:
    client.server.fail("placeorder", how)
    assert client.ask("funds")
    began = time.monotonic()
    answer = client.post("placeorder", SBIN)
    assert answer.status_code == code
    assert len(client.server.taken) == taken
    assert (time.monotonic() - began > 0.19) == how.startswith("slow")
    if how.startswith("garbage"):
        assert answer.text.startswith("<!doctype html>")
    assert client.post("placeorder", SBIN).json()["status"] == "success"


def test_faults_come_in_order_and_a_wrong_name_says_which_there_are(client: Client) -> None:
    client.server.fail("*", "500_before")
    client.server.fail("funds", "429")
    assert [client.post("funds").status_code for _ in range(3)] == [500, 429, 200]
    for endpoint, how in (("funds", "flood"), ("funds", "slow"), ("fund", "429")):
        with pytest.raises(ValueError, match="there are"):
            client.server.fail(endpoint, how)


def test_a_request_that_hangs_was_processed_and_is_answered_when_released(
    server: OpenAlgoServer, client: Client
) -> None:
    server.fail("placeorder", "hang")
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}/api/v1/placeorder", json=SBIN | {"apikey": server.api_key}, timeout=0.3)
    assert len(server.taken) == 1
    server.fail("placeorder", "hang")
    codes: list[int] = []
    asking = threading.Thread(target=lambda: codes.append(client.post("placeorder", SBIN).status_code))
    asking.start()
    while len(server.taken) < 2:
        time.sleep(0.01)
    server.release()
    asking.join(5)
    assert codes == [200]


def test_a_restart_drops_connections_keeps_ports_and_may_forget_the_day(server: OpenAlgoServer, client: Client) -> None:
    client.ask("placeorder", SBIN)
    url, ws_url = server.url, server.ws_url
    server.fail("funds", "hang")
    broken: list[BaseException] = []

    def wait_for_funds() -> None:
        try:
            httpx.post(f"{url}/api/v1/funds", json={"apikey": server.api_key}, timeout=5, trust_env=False)
        except httpx.TransportError as error:
            broken.append(error)

    waiting = threading.Thread(target=wait_for_funds)
    waiting.start()
    while len(server.faults):
        time.sleep(0.01)
    server.restart()
    waiting.join(5)
    assert len(broken) == 1, "what hung was dropped, not answered"
    assert (server.url, server.ws_url) == (url, ws_url)
    assert len(client.rows()) == 1
    server.restart(forget=True)
    assert not client.rows()
    assert len(client.ask("positionbook")["data"]) == 1
    assert len(server.taken) == 1
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_many_clients_at_once_get_as_many_orders_as_answers() -> None:
    with OpenAlgoServer(Quirks(orders_a_second=1000)) as server:
        server.exchange.set_quote("SBIN", "NSE", 100, 101)
        ids: list[str] = []

        def trade() -> None:
            client = Client(server)
            with client.http:
                ids.extend(client.ask("placeorder", SBIN)["orderid"] for _ in range(10))

        threads = [threading.Thread(target=trade) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(ids)) == len(server.taken) == 80
        assert server.exchange.live.position("SBIN", "NSE", "MIS").quantity == 800


def say(stream: ClientConnection, message: Any) -> Any:
    stream.send(json.dumps(message))
    return hear(stream)


def hear(stream: ClientConnection) -> Any:
    return json.loads(stream.recv(timeout=5))


def test_the_stream_wants_authentication_and_tells_ticks_in_three_modes(server: OpenAlgoServer) -> None:
    asked = {"action": "subscribe", "symbols": [{"symbol": "SBIN", "exchange": "NSE"}], "mode": "LTP"}
    with connect(server.ws_url) as stream:
        assert say(stream, asked)["code"] == "NOT_AUTHENTICATED"
        assert say(stream, {"action": "authenticate", "api_key": "wrong"})["code"] == "AUTHENTICATION_ERROR"
        assert say(stream, {"action": "authenticate", "api_key": server.api_key})["type"] == "auth"
        assert say(stream, asked | {"request_id": "r"})["request_id"] == "r"
        server.exchange.set_quote("SBIN", "NSE", 101, 102, ltp="101.5")
        tick = hear(stream)
        assert (tick["type"], tick["mode"], tick["data"]["ltp"]) == ("market_data", 1, 101.5)
        assert set(tick["data"]) == {"ltp", "timestamp"}
        assert abs(tick["data"]["timestamp"] - time.time() * 1000) < 60_000
        assert say(stream, asked | {"mode": "depth"})["subscriptions"][0]["mode"] == "Depth"
        server.exchange.set_quote("SBIN", "NSE", 103, 104)
        assert [hear(stream)["mode"], hear(stream)["data"]["depth"]["buy"][0]["price"]] == [1, 103.0]
        assert say(stream, asked | {"symbols": [{"symbol": "X", "exchange": "NSE"}]})["status"] == "partial"
        assert say(stream, {"action": "ping"})["type"] == "pong"
        assert say(stream, {"action": "dance"})["code"] == "INVALID_ACTION"


def test_order_updates_come_from_open_to_complete_and_cease_when_cut(server: OpenAlgoServer, client: Client) -> None:
    with connect(server.ws_url) as stream:
        say(stream, {"action": "authenticate", "api_key": server.api_key})
        assert say(stream, {"action": "subscribe_orders"})["type"] == "subscribe_orders"
        server.exchange.liquidity = 6
        orderid = client.ask("placeorder", SBIN)["orderid"]
        server.exchange.set_quote("SBIN", "NSE", 100, 101)
        heard = [hear(stream) for _ in range(3)]
        assert {(u["type"], u["orderid"], u["mode"]) for u in heard} == {("order_update", orderid, "live")}
        assert [(u["order_status"], u["filled_quantity"]) for u in heard] == [
            ("open", 0),
            ("open", 6),
            ("complete", 10),
        ]
        rejected = client.ask("placeorder", LIMIT, price="99.52")["orderid"]
        last = hear(stream)
        assert (last["orderid"], last["order_status"]) == (rejected, "rejected")
        assert "tick size" in last["rejection_reason"]
        server.stream.silent = True
        client.ask("placeorder", SBIN)
        with pytest.raises(TimeoutError):
            stream.recv(timeout=0.1)
        server.stream.silent, server.stream.twice = False, True
        client.ask("placeorder", LIMIT)
        assert hear(stream) == hear(stream)
        server.stream.cut()
        with pytest.raises(ConnectionClosed):
            stream.recv(timeout=5)
        assert server.stream.clients == 0
