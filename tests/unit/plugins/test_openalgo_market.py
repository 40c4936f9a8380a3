"""What OpenAlgo tells of the market: contracts, last prices by question and by stream, order books; never a guess."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date
from decimal import Decimal
from typing import Any

import pytest
from workbench_plugins.openalgo_broker import OpenAlgoBroker

from workbench.bootstrap.broker_board import Deaf
from workbench.errors import BadInput, Refused, UnknownName
from workbench.ports import Market
from workbench.testing.openalgo import OpenAlgoServer

D = Decimal


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAlgoServer]:
    with OpenAlgoServer() as running:
        monkeypatch.setenv("MARKET_KEY", running.api_key)
        running.exchange.set_quote("SBIN", "NSE", "799.95", "800.05", 800)
        yield running


@pytest.fixture
def market(server: OpenAlgoServer) -> Iterator[Market]:
    """Without a stream: every price is asked for."""
    broker = OpenAlgoBroker(url=server.url, ws_url="", api_key_env="MARKET_KEY")
    yield broker.market
    broker.close()


def test_a_contract_is_what_the_symbol_master_says(market: Market) -> None:
    found = market.instrument("NFO:NIFTY31DEC30FUT")
    assert (found.lot, found.tick, found.currency, found.expiry) == (65, D("0.1"), "INR", date(2030, 12, 31))
    with pytest.raises(UnknownName, match="symbol NSE:NOPE"):
        market.instrument("NSE:NOPE")
    with pytest.raises(BadInput, match="does not say its exchange"):
        market.instrument("SBIN")


def test_the_last_price_is_asked_for_where_there_is_no_stream(server: OpenAlgoServer, market: Market) -> None:
    assert market.price("NSE:SBIN").price == 800
    server.exchange.set_quote("SBIN", "NSE", "801", "801.05", "801.05")
    found = market.price("NSE:SBIN")
    assert (found.symbol, found.price, found.at.tzinfo) == ("NSE:SBIN", D("801.05"), UTC)


def test_an_order_book_is_told_level_by_level_and_may_have_one_side(server: OpenAlgoServer, market: Market) -> None:
    server.exchange.set_depth("SBIN", "NSE", [("799.95", 40), ("799.9", 10)], [("800.05", 6)])
    found = market.depth("NSE:SBIN")
    assert [(level.price, level.size) for level in found.bids] == [(D("799.95"), 40), (D("799.9"), 10)]
    assert [(level.price, level.size) for level in found.asks] == [(D("800.05"), 6)]
    server.exchange.set_depth("SBIN", "NSE", [("799.95", 40)], [])
    assert market.depth("NSE:SBIN").asks == ()


def test_what_has_no_price_is_refused_and_never_zero(market: Market) -> None:
    with pytest.raises(Refused, match="NSE:INFY has no price yet"):
        market.price("NSE:INFY")
    assert market.depth("NSE:INFY").middle is None


def test_a_book_that_crosses_is_refused(server: OpenAlgoServer, market: Market) -> None:
    server.exchange.set_depth("SBIN", "NSE", [("800.05", 40)], [("799.95", 6)])  # as before the market opens
    with pytest.raises(Refused, match="NSE:SBIN has no order book to trade on"):
        market.depth("NSE:SBIN")


@pytest.mark.parametrize("how", ["500_after", "garbage", "drop_after"])
@pytest.mark.parametrize("question", ["quotes", "depth", "symbol"])
def test_a_question_that_fails_is_refused(server: OpenAlgoServer, market: Market, question: str, how: str) -> None:
    asked: dict[str, Callable[[str], Any]] = {
        "quotes": market.price,
        "depth": market.depth,
        "symbol": market.instrument,
    }
    server.fail(question, how)
    with pytest.raises(Refused, match="NSE:SBIN"):
        asked[question]("NSE:SBIN")
    asked[question]("NSE:SBIN")  # the next answer counts


def test_a_symbol_asked_for_once_is_heard_on_the_stream(server: OpenAlgoServer) -> None:
    broker = OpenAlgoBroker(url=server.url, ws_url=server.ws_url, api_key_env="MARKET_KEY")
    try:
        broker.connect(Deaf())
        assert broker.market.price("NSE:SBIN").price == 800
        end, price = time.monotonic() + 10, 800
        while broker.last("NSE:SBIN") is None:
            assert time.monotonic() < end, "no tick within 10 s"
            price += 1
            server.exchange.set_quote("SBIN", "NSE", price, price + 1, price)
            time.sleep(0.05)
        server.fail("quotes", "500_before", 100)  # nothing is asked any more while ticks are fresh
        assert broker.market.price("NSE:SBIN").price > 800
    finally:
        broker.close()
