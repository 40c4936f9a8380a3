"""OpenAlgo's books: text numbers, times in India, partial fills, stable ids, and failures that never mean "none"."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench_plugins import openalgo_wire as wire
from workbench_plugins.openalgo_api import Unanswered
from workbench_plugins.openalgo_books import Books
from workbench_plugins.openalgo_symbols import Symbols
from workbench_plugins.openalgo_tags import Tags
from workbench_plugins.openalgo_wire import Unreadable

from tests.unit.plugins.openalgo_desk import BUY, DAY, SELL, D, desk, order
from workbench.errors import UnknownName
from workbench.model import OrderState, OrderType
from workbench.testing.openalgo import Quirks

NOW = datetime(2026, 1, 30, 4, 0, tzinfo=UTC)  # 09:30 in India


class Told:
    """Stands in for the server: answers what a test wrote down."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def ask(self, endpoint: str, fields: Any = None, within: float | None = None) -> dict[str, Any]:
        return {"status": "success", "data": self.answers[endpoint]}


def books(**answers: Any) -> tuple[Books, Told]:
    told = Told(**({"tradebook": []} | answers))
    clock: Callable[[], datetime] = lambda: NOW  # noqa: E731
    return Books(told, "a", Symbols(clock=clock), Tags("x"), clock=clock), told  # type: ignore[arg-type]


def trade(**more: Any) -> dict[str, Any]:
    return {"action": "BUY", "symbol": "SBIN", "exchange": "NSE", "orderid": "1", "product": "MIS", "quantity": 5,
            "average_price": 100.05, "trade_value": 500.25, "timestamp": "09:15:00"} | more  # fmt: skip


def row(**more: Any) -> dict[str, Any]:
    return {"action": "BUY", "symbol": "SBIN", "exchange": "NSE", "orderid": "1", "product": "MIS", "price": 0.0,
            "trigger_price": 0.0, "pricetype": "MARKET", "order_status": "open", "quantity": 10.0,
            "timestamp": "2026-01-30 09:15:00"} | more  # fmt: skip


# ---- against the server ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["zerodha", "angel"])
@pytest.mark.parametrize("sandbox", [False, True])
def test_every_book_is_read_in_each_dialect_and_mode(
    monkeypatch: pytest.MonkeyPatch, dialect: Any, sandbox: bool
) -> None:
    with desk(monkeypatch, Quirks(dialect=dialect), sandbox=sandbox, ws_url="", product="CNC") as at:
        began = datetime.now(UTC)
        at.submit(size=10)
        at.submit(type=OrderType.STOP_LIMIT, limit="111", level="110")
        filled, waiting = sorted(at.broker.orders(), key=lambda one: one.broker_id)
        assert (filled.state, filled.size, filled.filled) == (OrderState.FILLED, 10, 10)
        assert (waiting.state, waiting.filled, waiting.limit, waiting.level) == (OrderState.ACKED, 0, 111, 110)
        [fill] = at.broker.fills()
        assert (fill.size, fill.price, fill.fee, fill.symbol) == (10, D("100.05"), 0, "NSE:SBIN")
        for told in (fill.time, filled.at, waiting.at):
            assert told is not None
            assert -2 < (told - began).total_seconds() < 30
        [held] = at.broker.positions()
        assert (held.symbol, held.size, held.entry_price) == ("NSE:SBIN", 10, D("100.05"))
        assert 0 < at.broker.cash("a") < 10_000_000
        assert at.broker.health().mode == ("sandbox" if sandbox else "live")


@pytest.mark.parametrize("trade_ids", [False, True])
def test_partial_fills_are_told_apart_even_when_alike_and_keep_their_ids(
    monkeypatch: pytest.MonkeyPatch, trade_ids: bool
) -> None:
    with desk(monkeypatch, Quirks(trade_ids=trade_ids)) as at:
        at.server.exchange.liquidity = 4
        at.submit(size=10, type=OrderType.LIMIT, limit="100.05")
        at.until(lambda: "partial" in at.states)
        before = at.broker.fills()
        at.server.exchange.set_quote("SBIN", "NSE", "99.95", "100.05", "100")
        at.server.exchange.set_quote("SBIN", "NSE", "99.95", "100.05", "100")
        at.until(lambda: "filled" in at.states and len(at.fills) == 3)
        after = at.broker.fills()
        assert [fill.size for fill in after] == [4, 4, 2]
        assert len({fill.fill_id for fill in after}) == 3
        assert before[0] in after
        assert {fill.fill_id for fill in at.fills} == {fill.fill_id for fill in after}
        assert "tradebook" not in at.broker.health().trouble


def test_positions_are_netted_over_products_and_holdings_count_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, ws_url="") as at:
        at.submit(size=10)
        at.submit(size=30, handling=DAY)
        at.server.exchange.hold("INFY", "NSE", 7, "1500")
        assert [(p.symbol, p.size) for p in at.broker.positions()] == [("NSE:SBIN", 40)]
        at.submit(SELL, 40)
        assert at.broker.positions() == []
    with desk(monkeypatch, ws_url="", holdings=True) as at:
        at.server.exchange.hold("INFY", "NSE", 7, "1500")
        [held] = at.broker.positions()
        assert (held.symbol, held.size, held.entry_price) == ("NSE:INFY", 7, 1500)


FAULTS = ["drop_before", "hang", "cut", "504_before", "500_before", "garbage", "429", "expired"]


@pytest.mark.parametrize("how", FAULTS)
def test_a_question_that_fails_raises_and_never_means_none(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    with desk(monkeypatch, ws_url="", poll_every=60, answer_within=0.3) as at:
        at.until(lambda: at.broker._watch.looks)  # the watch's own first look is over
        ask_cash: Callable[[], Any] = lambda: at.broker.cash("a")  # noqa: E731
        for endpoint, ask in (("orderbook", at.broker.orders), ("tradebook", at.broker.fills),
                              ("positionbook", at.broker.positions), ("funds", ask_cash)):  # fmt: skip
            at.server.fail(endpoint, how)
            with pytest.raises(Unanswered, match=endpoint):
                ask()
            if how == "429":
                at.broker._line.budget._barred.clear()
            ask()


def test_cash_of_another_account_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(monkeypatch, ws_url="") as at, pytest.raises(UnknownName, match="account b"):
        at.broker.cash("b")


# ---- shapes ----------------------------------------------------------------------------------------------------------


def test_a_book_of_another_shape_raises_and_names_the_field() -> None:
    for answer in (None, [], "x", {"orders": None}, {"orders": ["x"]}, {}):
        with pytest.raises(Unreadable, match="orderbook"):
            books(orderbook=answer)[0].orders()
    for answer in (None, {}, "x", ["x"]):
        with pytest.raises(Unreadable, match="tradebook"):
            books(tradebook=answer)[0].fills()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"order_status": "mysterious"}, "order_status 'mysterious' is not known"),
        ({"order_status": None}, "order_status is None"),
        ({"orderid": ""}, "an order with the id ''"),
        ({"quantity": "many"}, "quantity is 'many', not a number"),
        ({"quantity": float("nan")}, "quantity is nan"),
        ({"quantity": True}, "quantity is True"),
        ({"pricetype": "ICEBERG"}, "pricetype 'ICEBERG' is not known"),
        ({"action": "HOLD"}, "action is 'HOLD'"),
        ({"exchange": "NYSE"}, "exchange 'NYSE' is not known"),
        ({"symbol": None}, "symbol is None"),
        ({"timestamp": "yesterday"}, "timestamp 'yesterday' is in no known format"),
    ],
)
def test_an_order_row_that_is_not_understood_raises(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        books(orderbook={"orders": [row(**change)]})[0].orders()


@pytest.mark.parametrize(
    ("change", "words"),
    [({"quantity": 0.0}, "a trade of 0 at 100.05"), ({"average_price": 0}, "both must be above 0"),
     ({"timestamp": ""}, "without a timestamp"), ({"orderid": None}, "a trade of the order None")],
)  # fmt: skip
def test_a_trade_that_is_not_understood_raises(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        books(tradebook=[trade(**change)])[0].fills()


def test_trades_alike_in_all_are_counted_and_ids_do_not_depend_on_the_books_order() -> None:
    rows = [trade(), trade(quantity="5"), trade(average_price=100.1), trade(orderid=2)]
    first = {fill.fill_id for fill in books(tradebook=rows)[0].fills()}
    assert first == {"1-09:15:00-5-100.05-1", "1-09:15:00-5-100.05-2", "1-09:15:00-5-100.1-1", "2-09:15:00-5-100.05-1"}
    assert {fill.fill_id for fill in books(tradebook=rows[::-1])[0].fills()} == first


def test_a_trade_book_that_rewrites_a_trade_raises_and_one_that_forgets_an_order_does_not() -> None:
    asked, told = books(tradebook=[trade(quantity=5)])
    asked.fills()
    told.answers["tradebook"] = [trade(quantity=10)]  # summed up: counting both would sell too much
    with pytest.raises(Unreadable, match=r"no longer tells fill 1-09:15:00-5-100\.05-1 of order 1"):
        asked.fills()
    told.answers["tradebook"] = []
    assert asked.fills() == []


@pytest.mark.parametrize(
    ("status", "traded", "state", "filled"),
    [
        ("open", 0, OrderState.ACKED, 0),
        ("trigger pending", 0, OrderState.ACKED, 0),
        ("trigger_pending", 0, OrderState.ACKED, 0),
        ("open", 5, OrderState.PARTIAL, 5),
        ("open", 10, OrderState.FILLED, 10),
        ("complete", 5, OrderState.FILLED, 10),
        ("cancelled", 5, OrderState.CANCELLED, 5),
        ("REJECTED", 0, OrderState.REJECTED, 0),
        ("expired", 0, OrderState.EXPIRED, 0),
    ],
)
def test_a_status_and_the_trades_make_a_state(status: str, traded: int, state: OrderState, filled: int) -> None:
    trades = [trade(quantity=traded)] if traded else []
    [one] = books(orderbook={"orders": [row(order_status=status)]}, tradebook=trades)[0].orders()
    assert (one.state, one.filled) == (state, filled)
    assert one.reason or state is not OrderState.REJECTED


def test_an_order_told_twice_counts_once_and_a_contradiction_raises() -> None:
    assert len(books(orderbook={"orders": [row(), row()]})[0].orders()) == 1
    with pytest.raises(Unreadable, match="tells order 1 twice, with other numbers"):
        books(orderbook={"orders": [row(), row(order_status="complete")]})[0].orders()


def test_products_that_pull_apart_are_netted() -> None:
    held = [{"symbol": "SBIN", "exchange": "NSE", "product": p, "quantity": q, "average_price": a}
            for p, q, a in (("MIS", "-30", "110.00"), ("CNC", 10, 100.0), ("NRML", 0, 0))]  # fmt: skip
    [one] = books(positionbook=held)[0].positions()
    assert (one.size, one.entry_price) == (-20, 110)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4))
def test_numbers_are_the_same_as_text_and_as_number(value: Decimal) -> None:
    as_text = wire.number({"x": f"{value:,f}"}, "x", "test")
    assert as_text == value
    if abs(value) < 10**9:
        assert wire.number({"x": float(value)}, "x", "test") == value


@pytest.mark.parametrize(
    "bad", ["", " ", "1.2.3", "NaN", "inf", "1e999", "0x10", "١٢", None, [], {}, 1e300, "--1", "."]
)
def test_what_is_no_number_raises(bad: Any) -> None:
    with pytest.raises(Unreadable, match="x is"):
        wire.number({"x": bad}, "x", "test")


@pytest.mark.parametrize(
    "told",
    ["2026-01-30 09:15:00", "30-Jan-2026 09:15:00", "30-01-2026 09:15:00", "09:15:00 30-01-2026", "09:15:00",
     "2026-01-30T09:15:00+05:30", "2026-01-30T03:45:00Z", "1769744700", 1769744700, 1769744700000,
     "30/01/2026 09:15:00"],
)  # fmt: skip
def test_times_are_indias_and_become_utc(told: Any) -> None:
    assert wire.instant(told, "test", NOW) == datetime(2026, 1, 30, 3, 45, tzinfo=UTC)


def test_a_time_without_a_date_that_lies_ahead_was_yesterday() -> None:
    assert wire.instant("15:29:59", "test", NOW) == datetime(2026, 1, 29, 9, 59, 59, tzinfo=UTC)
    assert wire.instant("", "test", NOW) is None
    for bad in ("soon", [1], "2026-13-01 00:00:00", True):
        with pytest.raises(Unreadable, match="timestamp"):
            wire.instant(bad, "test", NOW)


def test_both_sides_are_known() -> None:
    assert order().side is BUY
    [one] = books(tradebook=[trade(action="sell")])[0].fills()
    assert one.side is SELL
