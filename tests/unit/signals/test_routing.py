"""Routing: which algos an alert goes to, what it becomes for each, and why none takes it."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from workbench_plugins.webhooks.chartink import ChartInk
from workbench_plugins.webhooks.tradingview import TradingView

from workbench.errors import BadInput
from workbench.model import Algo, Group, Hook, HookRules
from workbench.ports import Receipt
from workbench.signals import Alert, Door, HomeKey, Incoming, TurnedAway, symbol_of

NOW = datetime(2026, 1, 5, 9, 4, tzinfo=UTC)
TRADED = {"one": ["AAPL", "MSFT"], "two": ["AAPL"], "three": []}


def door(
    tmp_path: Path, *algos: Algo, form: Any = None, rules: HookRules | None = None, strategy: str = "", **group: Any
) -> Door:
    hook = Hook("id", "h", strategy, NOW, "" if strategy else "g", rules=rules or HookRules())
    names = tuple(algo.name for algo in algos)

    def traded(name: str) -> Collection[str]:
        return TRADED[name]

    made = None if strategy else Group("g", names, **group)
    return Door(hook, form or TradingView(), HomeKey(tmp_path / "key"), traded, made, algos)


def algo(name: str, strategy: str = "one", **fields: Any) -> Algo:
    return Algo(name, strategy, **({"active": True} | fields))


def receive(at: Door, **said: Any) -> Receipt:
    body = json.dumps({"ticker": "AAPL", "action": "buy"} | said)
    return at.receive(Incoming(body.encode(), "127.0.0.1", NOW))


def refused(at: Door, **said: Any) -> str:
    with pytest.raises(TurnedAway) as away:
        receive(at, **said)
    assert away.value.status == 422
    assert away.value.receipt is not None
    assert away.value.receipt.refused == away.value.reason
    return away.value.reason


def test_no_alert_reaches_an_algo_that_acts_by_the_clock_or_by_a_person(tmp_path: Path) -> None:
    timed = algo("timed", trigger="scheduled", times=("09:30 buy AAPL",))
    hand = algo("hand", trigger="manual")
    assert [one.algo for one in receive(door(tmp_path, timed, algo("a"), hand)).signals] == ["a"]
    words = refused(door(tmp_path, timed, hand))
    assert "timed: it is scheduled: alerts do not reach it" in words
    assert "hand: it is manual: alerts do not reach it" in words
    named = door(tmp_path, timed, algo("a"), recognise=True)
    assert "it is scheduled" in refused(named, comment="timed")


def test_an_alert_goes_to_every_active_algo_the_highest_priority_first(tmp_path: Path) -> None:
    made = door(tmp_path, algo("a"), algo("b", "two", priority=5), algo("c", "three"), algo("off", active=False))
    got = receive(made, quantity="3").signals
    assert [(one.algo, one.strategy, one.priority) for one in got] == [
        ("b", "two", 5),
        ("a", "one", 0),
        ("c", "three", 0),
    ]
    assert all(one.alert == {"ticker": "AAPL", "action": "buy", "quantity": "3"} for one in got)


def test_first_stops_at_the_first_that_takes_it(tmp_path: Path) -> None:
    made = door(tmp_path, algo("a", sides="short", priority=9), algo("b", "two", priority=5), algo("c"), route="first")
    assert [one.algo for one in receive(made).signals] == ["b"]


def test_what_an_algo_does_not_trade_or_allow_it_does_not_get_and_exits_pass_its_sides(tmp_path: Path) -> None:
    made = door(tmp_path, algo("a", sides="long"), algo("b", "two"))
    assert [one.algo for one in receive(made, ticker="MSFT").signals] == ["a"]
    assert [one.algo for one in receive(made, action="short").signals] == ["b"]
    assert [one.algo for one in receive(made, action="sell").signals] == ["a", "b"]
    assert [one.algo for one in receive(made, action="sell", market_position="flat").signals] == ["a", "b"]
    said = refused(door(tmp_path, algo("a", sides="long", conditions=("price > 5",))), action="short", price="6")
    assert "a: it takes no short entries" in said


def test_conditions_and_turned_actions_decide(tmp_path: Path) -> None:
    made = door(
        tmp_path, algo("cheap", conditions=("price < 100",)),
        algo("against", actions={"buy": "short", "sell": "exit_short"}),
        algo("deaf", actions={"buy": "ignore"}),
    )  # fmt: skip
    got = {one.algo: one.alert["action"] for one in receive(made, price="150", market_position="long").signals}
    assert got == {"against": "short"}
    assert "position" not in receive(made, price="150", market_position="long").signals[0].alert
    got = {one.algo: one.alert["action"] for one in receive(made, price="50", action="sell").signals}
    assert got == {"cheap": "sell", "against": "exit_short", "deaf": "sell"}


def test_aliases_are_put_in_place_of_what_the_sender_calls_it(tmp_path: Path) -> None:
    made = door(tmp_path, algo("a", aliases={"NASDAQ:APPLE": "AAPL"}))
    assert receive(made, ticker="nasdaq:apple").signals[0].alert["ticker"] == "AAPL"


def test_none_that_takes_it_is_a_refusal_with_each_reason(tmp_path: Path) -> None:
    assert "it has no active algo" in refused(door(tmp_path, algo("a", active=False)))
    said = refused(door(tmp_path, algo("a"), algo("b", "two", conditions=("price > 5",))), ticker="TSLA")
    assert "a: alert ticker TSLA: unknown" in said
    assert "b: not price > 5" in said
    assert "is inactive" in refused(door(tmp_path, algo("a"), active=False))


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({"strategy": "one"}, ["a", "b"]), ({"comment": "TWO: breakout"}, ["c"]), ({"order_id": "b long"}, ["b"]),
        ({"strategy": "A", "comment": "of one"}, ["a"]),
    ],
)  # fmt: skip
def test_the_strategy_that_the_text_names_is_recognised_where_the_group_allows_it(
    tmp_path: Path, said: dict[str, str], names: list[str]
) -> None:
    algos = (algo("a"), algo("b"), algo("c", "two"))
    assert [one.algo for one in receive(door(tmp_path, *algos, recognise=True), **said).signals] == names
    assert len(receive(door(tmp_path, *algos), **said).signals) == 3


@pytest.mark.parametrize("comment", ["", "nobody", "one and two", "oneself"])
def test_a_text_that_names_none_or_several_strategies_is_refused(tmp_path: Path, comment: str) -> None:
    made = door(tmp_path, algo("a"), algo("b", "two"), recognise=True)
    assert refused(made, comment=comment).startswith("alert text")


def test_several_stocks_become_several_signals_of_one_alert(tmp_path: Path) -> None:
    made = door(tmp_path, algo("a"), algo("b", "two"), form=ChartInk("buy"))
    body = json.dumps({"stocks": "AAPL,MSFT", "trigger_prices": "1,2", "triggered_at": "2:34 pm", "scan_name": "s"})
    some = door(tmp_path, algo("b", "two"), form=ChartInk("buy")).receive(Incoming(body.encode(), "", NOW))
    assert [one.alert["ticker"] for one in some.signals] == ["AAPL"]
    assert "b: alert ticker MSFT: unknown" in some.note
    with pytest.raises(TurnedAway, match=r"none is taken: .*TSLA.*; .*MSFT"):
        door(tmp_path, algo("b", "two"), form=ChartInk("buy")).receive(
            Incoming(body.replace("AAPL", "TSLA").encode(), "", NOW)
        )
    got = made.receive(Incoming(body.encode(), "", NOW))
    assert [(one.algo, one.alert["ticker"]) for one in got.signals] == [("a", "AAPL"), ("b", "AAPL"), ("a", "MSFT")]
    again = made.receive(Incoming(body.encode(), "", NOW + timedelta(seconds=20)))
    tomorrow = made.receive(Incoming(body.encode(), "", NOW + timedelta(days=1)))
    assert (got.key, got.meaning) == (again.key, again.meaning)
    assert got.key != tomorrow.key


def test_a_hook_without_a_group_drives_its_strategy(tmp_path: Path) -> None:
    [one] = receive(door(tmp_path, strategy="one")).signals
    assert (one.strategy, one.algo) == ("one", "")
    assert "TSLA" in refused(door(tmp_path, strategy="one"), ticker="TSLA")


@pytest.mark.parametrize(
    ("rules", "said", "words"),
    [
        (HookRules(symbols=("MSFT",)), {}, "alert ticker AAPL"),
        (HookRules(most_size=Decimal(5)), {"quantity": "6"}, "above the hook's cap of 5"),
        (HookRules(age=30.0), {"timenow": "2026-01-05T09:03:00Z"}, "is 60 s old, at most 30"),
        (HookRules(age=30.0), {"timenow": "2026-01-05T09:05:00Z"}, "is 60 s ahead"),
    ],
)
def test_caps_and_age_are_held_at_the_door(tmp_path: Path, rules: HookRules, said: dict[str, str], words: str) -> None:
    assert words in refused(door(tmp_path, strategy="one", rules=rules), **said)
    if "age" not in words and "old" not in words and "ahead" not in words:
        assert receive(door(tmp_path, strategy="one", rules=rules), action="exit", **said)


TICKERS = ["AAPL", "BRK.B", "BTC-USD", "NSE:INFY", "BSE:INFY", "M&M"]


@pytest.mark.parametrize(
    ("ticker", "symbol"),
    [
        ("NASDAQ_DL:AAPL", "AAPL"), ("nasdaq_dly:aapl", "AAPL"), ("BINANCE:BTCUSD", "BTC-USD"), ("btc/usd", "BTC-USD"),
        ("NSE:INFY", "NSE:INFY"), ("BSE_DLY:INFY", "BSE:INFY"), ("NSE:M&M", "M&M"),
    ],
)  # fmt: skip
def test_senders_spellings_of_a_symbol_are_known(ticker: str, symbol: str) -> None:
    assert symbol_of(ticker, TICKERS) == symbol


def test_a_ticker_that_could_be_several_symbols_is_refused() -> None:
    with pytest.raises(BadInput, match="could be NSE:INFY or BSE:INFY"):
        symbol_of("INFY", TICKERS)
    with pytest.raises(BadInput, match="unknown"):
        symbol_of("NYSE:INFY", TICKERS)
    assert symbol_of("INFY", TICKERS, {"infy": "NSE:INFY"}) == "NSE:INFY"


def test_an_alert_with_two_sizes_is_refused() -> None:
    with pytest.raises(BadInput, match="is given beside the quantity"):
        Alert("A", "buy", quantity=Decimal(1), size="percent:5")
