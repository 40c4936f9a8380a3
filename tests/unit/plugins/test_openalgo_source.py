"""OpenAlgo's symbols and history: round trips, ambiguity refused, bars that are closed, days of India."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench_plugins.openalgo_api import Api, Key, Line
from workbench_plugins.openalgo_source import OpenAlgoSource
from workbench_plugins.openalgo_symbols import EXCHANGES, Symbols
from workbench_plugins.openalgo_wire import Unreadable

from tests.unit.plugins.openalgo_desk import D
from workbench.errors import BadInput, DataFault, UnknownName
from workbench.model import Instrument
from workbench.ports import DataRequest, DataSource
from workbench.testing.openalgo import OpenAlgoServer

FRIDAY_NOON = datetime(2026, 1, 30, 6, 32, 30, tzinfo=UTC)  # 12:02:30 in India


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    with OpenAlgoServer() as running:
        monkeypatch.setenv("OPENALGO_URL", running.url)
        monkeypatch.setenv("OPENALGO_API_KEY", running.api_key)
        running.exchange.set_quote("SBIN", "NSE", "99.95", "100.05", "100")
        yield running


@pytest.fixture
def source(server: OpenAlgoServer) -> Any:
    made = OpenAlgoSource(clock=lambda: FRIDAY_NOON)
    yield made
    if made._api is not None:
        made._api.close()


def api(server: OpenAlgoServer) -> Api:
    return Api(server.url, Key(server.api_key), Line())


# ---- symbols ---------------------------------------------------------------------------------------------------------


@given(st.sampled_from(EXCHANGES), st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30))
def test_symbols_round_trip_and_are_good_for_an_instrument(exchange: str, name: str) -> None:
    symbols = Symbols()
    text = symbols.to_text(exchange, name)
    assert symbols.to_wire(text) == (exchange, name)
    assert Instrument(text).symbol == text


def test_odd_symbols_round_trip() -> None:
    symbols = Symbols()
    for name in ("M&M", "BAJAJ-AUTO", "NIFTY 50", "A,B", "100%", "%20", "USDINR28NOV24FUT", "NIFTY28MAR2420800CE"):
        assert symbols.to_wire(symbols.to_text("NSE", name)) == ("NSE", name)


@pytest.mark.parametrize(
    "bad", ["RELIANCE", "", ":", "NSE:", ":X", "nse:X", "NYSE:IBM", "NSE: X", "NSE:a%b", "NSE:a b"]
)
def test_a_symbol_that_is_not_in_its_one_form_is_refused(bad: str) -> None:
    with pytest.raises(BadInput, match="symbol"):
        Symbols().to_wire(bad)


def test_names_of_ones_own_go_both_ways_and_the_other_name_is_refused() -> None:
    symbols = Symbols({"RIL": "NSE:RELIANCE"})
    assert symbols.to_wire("RIL") == ("NSE", "RELIANCE")
    assert symbols.to_text("NSE", "RELIANCE") == "RIL"
    assert symbols.to_text("BSE", "RELIANCE") == "BSE:RELIANCE"
    with pytest.raises(BadInput, match="is called RIL here"):
        symbols.to_wire("NSE:RELIANCE")


def test_a_contract_has_its_lot_tick_expiry_and_strike(server: OpenAlgoServer) -> None:
    symbols, asked = Symbols(), api(server)
    option = symbols.contract(asked, "NFO:NIFTY31DEC3025000CE")
    assert (option.lot, option.tick, option.expiry, option.strike, option.freeze, option.kind) == (
        65, D("0.05"), date(2030, 12, 31), 25_000, 1800, "CE")  # fmt: skip
    assert option.instrument == Instrument(
        "NFO:NIFTY31DEC3025000CE", "INR", tick=D("0.05"), lot=D(65), venue="NFO", expiry=date(2030, 12, 31)
    )
    share = symbols.contract(asked, "NSE:SBIN")
    assert (share.lot, share.expiry, share.strike, share.freeze) == (1, None, None, None)
    asked.close()


def test_what_is_listed_twice_is_ambiguous_and_both_are_named(server: OpenAlgoServer) -> None:
    symbols, asked = Symbols(), api(server)
    with pytest.raises(BadInput, match=r"SBIN: is listed more than once: NSE:SBIN, BSE:SBIN; name the exchange too"):
        symbols.resolve(asked, "SBIN")
    assert symbols.resolve(asked, "NIFTY31DEC30FUT").exchange == "NFO"
    with pytest.raises(UnknownName, match="symbol NOPE"):
        symbols.resolve(asked, "NOPE")
    with pytest.raises(UnknownName, match="known: BSE:SBIN, NSE:SBIN"):
        symbols.contract(asked, "NSE:SBI")
    asked.close()


def test_an_answer_for_another_symbol_is_never_taken() -> None:
    class Wrong:
        def ask(self, *_: Any, **__: Any) -> dict[str, Any]:
            return {"data": {"symbol": "SBIN", "exchange": "BSE", "lotsize": 1, "tick_size": 0.05}}

    with pytest.raises(Unreadable, match="asked for NSE:SBIN, told of BSE:SBIN"):
        Symbols().contract(Wrong(), "NSE:SBIN")  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"expiry": "soon"}, {"lotsize": -1}, {"tick_size": "x"}, {"exchange": "NYSE"}])
def test_a_row_of_the_master_that_is_not_understood_raises(change: dict[str, Any]) -> None:
    good = {"symbol": "SBIN", "exchange": "NSE", "lotsize": 1, "tick_size": "0.05", "expiry": "28-MAR-2024"}
    assert Symbols().read(good).expiry == date(2024, 3, 28)
    with pytest.raises(Unreadable):
        Symbols().read(good | change)


# ---- history ---------------------------------------------------------------------------------------------------------


def test_it_is_a_data_source_that_lists_nothing(source: OpenAlgoSource) -> None:
    assert isinstance(source, DataSource)
    assert source.symbols() == []


def test_daily_bars_have_their_dates_and_todays_is_left_out_while_it_forms(source: OpenAlgoSource) -> None:
    table = source.load(DataRequest("NSE:SBIN@D@2026-01-19..2026-01-30"))
    days = [time.date() for time in table.frame["time"]]
    assert days == [date(2026, 1, d) for d in (19, 20, 21, 22, 23, 26, 27, 28, 29)]
    assert table.frame["time"].dt.tz is None
    assert list(table.frame.columns) == ["time", "open", "high", "low", "close", "volume"]
    assert table.instrument == Instrument("NSE:SBIN", "INR", tick=D("0.05"), lot=D(1), venue="NSE")
    assert (table.calendar, table.volume_counts, table.as_of) == ("NSE", True, date(2026, 1, 30))
    after = OpenAlgoSource(clock=lambda: FRIDAY_NOON + timedelta(hours=5))
    assert after.load(DataRequest("NSE:SBIN@D@2026-01-30")).frame["time"].iloc[-1] == pd.Timestamp("2026-01-30")
    assert after._api is not None
    after._api.close()


def test_intraday_bars_are_starts_in_utc_and_the_forming_one_is_left_out(source: OpenAlgoSource) -> None:
    table = source.load(DataRequest("NSE:SBIN@5m@2026-01-30..2026-01-30"))
    times = list(table.frame["time"])
    assert times[0] == pd.Timestamp("2026-01-30 03:45", tz="UTC")
    assert times[-1] == pd.Timestamp("2026-01-30 06:25", tz="UTC")  # 11:55 in India; 12:00 ends at 12:05
    assert str(table.frame["time"].dt.tz) == "UTC"


def test_long_stretches_are_asked_for_in_pieces_and_joined(server: OpenAlgoServer, source: OpenAlgoSource) -> None:
    table = source.load(DataRequest("NSE:SBIN"))
    asked = [body for endpoint, body in server.requests if endpoint == "history"]
    assert len(asked) == 5
    assert asked[0]["start_date"] == "2025-01-31" or asked[0]["start_date"] < asked[1]["start_date"]
    assert table.frame["time"].is_monotonic_increasing
    assert table.frame["time"].is_unique
    assert len(table.frame) > 1200


def test_an_index_has_no_volume_that_counts_and_other_markets_keep_their_own_hours(source: OpenAlgoSource) -> None:
    assert not source.load(DataRequest("NSE_INDEX:NIFTY@D@2026-01-19..2026-01-23")).volume_counts
    assert source.load(DataRequest("CRYPTO:BTCUSDT@1h@2026-01-29..2026-01-29")).calendar == "always"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("NSE:NOPE", "NSE:NOPE"), ("SBIN", "more than once"), ("NSE:SBIN@2m", "unknown; known: 10m"),
        ("NSE:SBIN@W", "interval W"), ("NSE:SBIN@D@soon", "dates soon"),
        ("NSE:SBIN@D@2026-02-01..2026-01-01", "cannot"),
        ("NSE:SBIN@D@2026-01-01@x", "cannot be read"), ("NSE:SBIN@D@2026-01-24..2026-01-25", "has no D bars"),
        ("no-such-symbol", "no-such-symbol"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_met_names_what_and_why(source: OpenAlgoSource, words: str, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        source.load(DataRequest(words))


@pytest.mark.parametrize("how", ["drop_before", "504_before", "garbage", "expired", "cut"])
def test_a_server_that_does_not_answer_is_an_error_and_never_no_bars(
    server: OpenAlgoServer, source: OpenAlgoSource, how: str
) -> None:
    server.fail("history", how)
    with pytest.raises(BadInput, match="cannot be loaded: OpenAlgo history"):
        source.load(DataRequest("NSE:SBIN@D@2026-01-19..2026-01-23"))


def test_bars_told_twice_with_other_numbers_are_a_fault(
    source: OpenAlgoSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"timestamp": 1769040000, "open": 1, "high": 2, "low": 1, "close": close, "volume": 3} for close in (1, 2)]
    connected = source._connected()
    ask = connected.ask
    monkeypatch.setattr(
        connected, "ask", lambda end, *a, **k: {"data": rows} if end == "history" else ask(end, *a, **k)
    )
    with pytest.raises(DataFault, match="is told twice, with other numbers"):
        source.load(DataRequest("NSE:SBIN@D@2026-01-19..2026-01-23"))


def test_without_a_key_it_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENALGO_API_KEY", raising=False)
    with pytest.raises(BadInput, match="OPENALGO_API_KEY: is not set"):
        OpenAlgoSource().load(DataRequest("NSE:SBIN"))


def test_its_records_resolve() -> None:
    from workbench_plugins import openalgo
    from workbench_plugins.openalgo_broker import OpenAlgoBroker

    assert [record.resolve() for record in openalgo.workbench_brokers()] == [OpenAlgoBroker]
    assert [record.resolve() for record in openalgo.workbench_data_sources()] == [OpenAlgoSource]
    assert {record.name for record in (*openalgo.workbench_brokers(), *openalgo.workbench_data_sources())} == {
        "openalgo"
    }
