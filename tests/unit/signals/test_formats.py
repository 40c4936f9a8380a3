"""Webhook formats: what messages of each sender become, and which part of a bad one is at fault."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workbench_plugins.webhooks import workbench_webhook_formats

from workbench.errors import BadInput
from workbench.signals import Alert, WebhookFormat

D = Decimal
NOW = datetime(2026, 1, 5, 9, 4, tzinfo=UTC)  # 14:34 in India
SETTINGS: dict[str, dict[str, Any]] = {
    "chartink": {"action": "buy", "scans": {"Breakdown": "short"}},
    "custom": {
        "template": {
            "ticker": "@.sym", "action": {"path": "@.side", "map": {"B": "buy", "S": "sell"}},
            "quantity": "@.legs[0].qty", "comment": "desk", "alert_id": "@.id",
        },
        "each": "$.orders",
    },
}  # fmt: skip


def form(name: str, **settings: Any) -> WebhookFormat:
    record = next(record for record in workbench_webhook_formats() if record.name == name)
    module, _, attribute = record.factory.partition(":")
    made: WebhookFormat = getattr(importlib.import_module(module), attribute)(**(settings or SETTINGS.get(name, {})))
    return made


def read(name: str, message: str | Mapping[str, Any]) -> list[Alert]:
    text = message if isinstance(message, str) else json.dumps(message)
    return list(form(name).read(text, NOW))


READ: list[tuple[str, str, str | Mapping[str, Any], list[Alert]]] = [
    (
        "tradingview", "its default sentence",
        "EMA Cross (12, 48): order buy @ 10 filled on AAPL. New strategy position is 10",
        [Alert("AAPL", "buy", "long", D(10), strategy="EMA Cross")],
    ),
    (
        "tradingview", "its default sentence, flat afterwards",
        "My strategy: order sell @ 2.5 filled on BTCUSD. New strategy position is 0",
        [Alert("BTCUSD", "sell", "flat", D("2.5"), strategy="My strategy")],
    ),
    (
        "tradingview", "its default sentence, short afterwards, without a name",
        "order sell @ 1 filled on NQ1!. New strategy position is -1", [Alert("NQ1!", "sell", "short", D(1))],
    ),
    ("tradingview", "words", "BUY NASDAQ:AAPL 10 @ 189.5", [Alert("NASDAQ:AAPL", "buy", None, D(10), D("189.5"))]),
    ("tradingview", "two words", "exit AAPL\n", [Alert("AAPL", "exit")]),
    (
        "tradingview", "pairs", "ticker=AAPL action=sell, qty=3 id=a1",
        [Alert("AAPL", "sell", quantity=D(3), alert_id="a1")],
    ),
    (
        "tradingview", "curly quotes", "{\u201cticker\u201d: \u201cAAPL\u201d, \u201caction\u201d: \u201cbuy\u201d}",
        [Alert("AAPL", "buy")],
    ),
    (
        "tradingview", "the time it was made", {"ticker": "AAPL", "action": "buy", "timenow": "2026-01-05T09:03:59Z"},
        [Alert("AAPL", "buy", time="2026-01-05T09:03:59Z", fired_at="2026-01-05T09:03:59Z")],
    ),
    (
        "traderspost", "a bracket in percent",
        {"ticker": "AMZN", "action": "buy", "sentiment": "bullish", "quantity": 3, "signalPrice": "120.5",
         "stopLoss": {"type": "stop", "percent": 2}, "takeProfit": {"percent": "5.5"}, "extra": {"a": 1}},
        [Alert("AMZN", "buy", "long", D(3), D("120.5"), stop=D(2), target=D("5.5"))],
    ),
    (
        "traderspost", "percent of the equity",
        {"ticker": "AMZN", "action": "sell", "sentiment": "short", "quantity": 10, "quantityType": "percent_of_equity"},
        [Alert("AMZN", "sell", "short", size="percent:10")],
    ),
    ("traderspost", "an exit", {"ticker": "AMZN", "action": "exit"}, [Alert("AMZN", "exit")]),
    (
        "chartink", "several stocks",
        {"stocks": "SEPOWER, ASTEC ,EDUCOMP", "trigger_prices": "3.75,541.8,2.1", "triggered_at": "2:34 pm",
         "scan_name": "Short term breakouts", "webhook_url": "http://x"},
        [
            Alert(name, "buy", price=D(price), alert_id=f"Short term breakouts|2026-01-05 14:34 IST|{name}",
                  comment="Short term breakouts")
            for name, price in (("SEPOWER", "3.75"), ("ASTEC", "541.8"), ("EDUCOMP", "2.1"))
        ],
    ),
    (
        "chartink", "a scan with a side of its own, on the 24-hour clock",
        {"stocks": "INFY", "trigger_prices": "1500", "triggered_at": "14:34", "scan_name": "breakdown"},
        [Alert("INFY", "short", price=D(1500), alert_id="breakdown|2026-01-05 14:34 IST|INFY", comment="breakdown")],
    ),
    (
        "threecommas", "an entry in the quote currency",
        {"secret": "x", "max_lag": "300", "timestamp": "2026-01-05T09:00:00Z", "trigger_price": "61000",
         "tv_instrument": "BTCUSDT", "action": "enter_long", "order": {"amount": "100", "currency_type": "quote"}},
        [Alert("BTCUSDT", "buy", price=D(61000), time="2026-01-05T09:00:00Z", fired_at="2026-01-05T09:00:00Z",
               size="value:100")],
    ),
    ("threecommas", "an exit", {"tv_instrument": "BTCUSDT", "action": "exit_short"}, [Alert("BTCUSDT", "exit_short")]),
    (
        "threecommas", "a strategy's alert",
        {"tv_exchange": "BINANCE", "tv_instrument": "BTCUSDT", "action": "sell",
         "strategy_info": {"market_position": "flat"}, "order": {"amount": "3", "currency_type": "base"}},
        [Alert("BINANCE:BTCUSDT", "sell", "flat")],
    ),
    ("autoview", "a bar between commands", "s=AAPL b=buy | s=MSFT c=position", [
        Alert("AAPL", "buy"), Alert("MSFT", "exit")]),
    (
        "chartink", "a full date",
        {"stocks": "INFY", "triggered_at": "2026-01-05 14:34:10", "scan_name": "x"},
        [Alert("INFY", "buy", alert_id="x|2026-01-05 14:34 IST|INFY", comment="x")],
    ),
    (
        "tickerly", "a sell after long closes it",
        {"ticker": "AAPL", "action": "sell", "prev_position": "long", "quantity": "5"}, [Alert("AAPL", "exit_long")],
    ),
    (
        "tickerly", "a sell from flat goes short",
        {"ticker": "AAPL", "action": "sell", "prev_position": "flat", "quantity": "5"},
        [Alert("AAPL", "short", quantity=D(5))],
    ),
    (
        "tickerly", "a reversal says where it ends",
        {"ticker": "AAPL", "action": "buy", "prev_position": "short", "market_position": "long", "quantity": "5"},
        [Alert("AAPL", "buy", "long", D(5))],
    ),
    (
        "autoview", "two lines and a comment",
        "# two\ne=nasdaq s=AAPL b=buy q=10% t=market sl=2% tp=4%\ns=MSFT c=position",
        [Alert("nasdaq:AAPL", "buy", size="percent:10", stop=D(2), target=D(4)), Alert("MSFT", "exit")],
    ),
    ("autoview", "a side closed", "s=AAPL b=long c=position q=100%", [Alert("AAPL", "exit_long")]),
    ("autoview", "a short", "s=AAPL b=sell q=7", [Alert("AAPL", "short", quantity=D(7))]),
    (
        "custom", "an alert for each element",
        {"orders": [{"sym": "X", "side": "B", "legs": [{"qty": 2}], "id": 1}, {"sym": "Y", "side": "S", "id": "2"}]},
        [
            Alert("X", "buy", quantity=D(2), comment="desk", alert_id="1"),
            Alert("Y", "sell", comment="desk", alert_id="2"),
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "message", "alerts"), [(c[0], *c[2:]) for c in READ], ids=[f"{c[0]}: {c[1]}" for c in READ]
)
def test_a_message_is_read_as_what_it_says(name: str, message: str | Mapping[str, Any], alerts: list[Alert]) -> None:
    assert read(name, message) == alerts


REFUSED: list[tuple[str, str, str | Mapping[str, Any], str]] = [
    ("tradingview", "a sentence that could mean anything", "AAPL looks good, buy some", "alert body"),
    ("tradingview", "a quantity that is not a number", "buy AAPL ten", "alert body"),
    ("tradingview", "two options of quotes", '{"ticker": \u201cAAPL", "action": buy}', "alert body"),
    ("tradingview", "a name given twice", "action=buy action=sell ticker=AAPL", "alert field"),
    ("traderspost", "cancel", {"ticker": "A", "action": "cancel"}, "alert action"),
    ("traderspost", "add", {"ticker": "A", "action": "add"}, "alert action"),
    ("traderspost", "an option", {"ticker": "A", "action": "buy", "optionType": "call"}, "alert optionType"),
    ("traderspost", "a stop by price", {"ticker": "A", "action": "buy", "stopLoss": {"stopPrice": 9}}, "alert stopL"),
    (
        "traderspost", "a trailing stop",
        {"ticker": "A", "action": "buy", "stopLoss": {"type": "trailing_stop", "percent": 1}}, "alert stopLoss type",
    ),
    ("traderspost", "a rule nobody knows", {"ticker": "A", "action": "buy", "quantityType": "lots"}, "alert quanti"),
    ("chartink", "no stocks", {"stocks": " , ", "scan_name": "x"}, "alert stocks"),
    ("chartink", "prices that do not match", {"stocks": "A,B", "trigger_prices": "1"}, "alert trigger_prices"),
    ("chartink", "a stock named twice", {"stocks": "A,A", "trigger_prices": "1,1"}, "alert stocks"),
    ("chartink", "a price that is no number", {"stocks": "A", "trigger_prices": "NaN"}, "alert price"),
    ("chartink", "a time that is none", {"stocks": "A", "triggered_at": "25:00"}, "alert triggered_at"),
    ("chartink", "thirteen in the afternoon", {"stocks": "A", "triggered_at": "13:00 pm"}, "alert triggered_at"),
    ("threecommas", "an action nobody knows", {"tv_instrument": "A", "action": "disable"}, "alert action"),
    (
        "threecommas", "later than it allows",
        {"tv_instrument": "A", "action": "enter_long", "max_lag": "60", "timestamp": "2026-01-05T09:00:00Z"},
        "alert timestamp",
    ),
    (
        "threecommas", "a limit order",
        {"tv_instrument": "A", "action": "enter_long", "order": {"order_type": "limit", "amount": 1}},
        "alert order_type",
    ),
    (
        "threecommas", "half of an exit",
        {"tv_instrument": "A", "action": "exit_long", "order": {"amount": "50", "currency_type": "position_percent"}},
        "alert order amount",
    ),
    ("tickerly", "no position before", {"ticker": "A", "action": "sell"}, "alert prev_position"),
    (
        "tickerly", "a position before that nobody filled in",
        {"ticker": "A", "action": "sell", "prev_position": "{{strategy.prev_market_position}}"}, "alert prev_position",
    ),
    ("traderspost", "a limit order", {"ticker": "A", "action": "buy", "orderType": "limit"}, "alert orderType limit"),
    ("traderspost", "a limit", {"ticker": "A", "action": "buy", "limitPrice": 5}, "alert limitPrice"),
    ("traderspost", "half of an exit", {"ticker": "A", "action": "exit", "quantity": 5}, "alert quantity"),
    ("tickerly", "a position nobody knows", {"ticker": "A", "action": "buy", "prev_position": "up"}, "alert prev_pos"),
    ("autoview", "a limit order", "s=A b=buy t=limit p=5", "alert t"),
    ("autoview", "a letter nobody knows", "s=A b=buy d=1", "alert d=1"),
    ("autoview", "a letter given twice", "s=A b=buy b=sell", "alert b=sell"),
    ("autoview", "no side", "s=A q=1", "alert b"),
    ("autoview", "half of an exit", "s=A c=position q=50%", "alert q"),
    ("autoview", "nothing but a comment", "# buy", "alert body"),
    ("custom", "no array", {"orders": {}}, "alert $.orders"),
    ("custom", "a word nobody listed", {"orders": [{"sym": "X", "side": "b"}]}, "alert @.side"),
    ("custom", "an object for a text", {"orders": [{"sym": {}, "side": "B"}]}, "alert @.sym"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "message", "words"), [(c[0], *c[2:]) for c in REFUSED], ids=[f"{c[0]}: {c[1]}" for c in REFUSED]
)
def test_a_message_whose_meaning_is_not_certain_is_refused(
    name: str, message: str | Mapping[str, Any], words: str
) -> None:
    with pytest.raises(BadInput) as error:
        read(name, message)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("chartink", {}, "chartink action"),
        ("chartink", {"action": "hold"}, "alert action hold"),
        ("custom", {"template": {"ticker": "$.s"}}, "custom template action: is missing"),
        ("custom", {"template": {"ticker": "$.s", "action": "buy", "lots": "1"}}, "custom template field lots"),
        ("custom", {"template": {"ticker": "$..s", "action": "buy"}}, "custom template ticker"),
        ("custom", {"template": {"ticker": "@.s", "action": "buy"}}, "custom template ticker @.s: begins with @"),
        ("custom", {"template": {"ticker": "$", "action": {"path": "b", "map": {"a": "b"}}}}, "custom template action"),
        ("custom", {"template": '{"ticker": "$.s", "action": "buy"', "each": ""}, "alert body"),
    ],
)  # fmt: skip
def test_settings_of_a_format_are_checked_when_the_hook_is_made(name: str, options: dict[str, Any], words: str) -> None:
    record = next(record for record in workbench_webhook_formats() if record.name == name)
    with pytest.raises(BadInput) as error:
        record.resolve()(**options)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize("name", [record.name for record in workbench_webhook_formats()])
def test_its_own_sample_is_read_as_a_buy_at_the_price(name: str) -> None:
    made = form(name)
    [alert] = made.read(made.sample("AAPL", "189.5"), NOW)
    assert (alert.ticker, alert.action) == ("AAPL", "buy")
    assert alert.price in (None, D("189.5"))
    assert isinstance(made.paste(), str | Mapping)


@pytest.mark.parametrize("name", [record.name for record in workbench_webhook_formats()])
@given(
    st.one_of(
        st.text(max_size=80),
        st.dictionaries(
            st.sampled_from(["ticker", "action", "stocks", "trigger_prices", "orders", "order", "sentiment", "quantity",
                             "stopLoss", "tv_instrument", "max_lag", "prev_position", "sym", "triggered_at"]),
            st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
                         lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3)),
            max_size=6,
        ).map(json.dumps),
    )
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_any_text_is_alerts_or_bad_input_and_nothing_else(name: str, text: str) -> None:
    try:
        alerts = form(name).read(text, NOW)
    except BadInput:
        return
    assert alerts
    assert all(Alert.of_dict(alert.to_dict()) == alert for alert in alerts)
