"""Alerts: what messages as senders really write them ask for, and which part of a bad one is at fault."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from workbench_plugins.webhooks.tradingview import MESSAGE

from workbench.errors import BadInput, UnknownName
from workbench.model import Action, Direction
from workbench.signals import Alert, parse_alert, symbol_of, wish

D = Decimal
LONG, SHORT = Direction.LONG, Direction.SHORT


def sent(**fields: Any) -> bytes:
    """A message with a ticker and an action, and what is given; a field of None is left out."""
    whole = {"ticker": "AAPL", "action": "buy"} | fields
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()


# ---- messages that are read ------------------------------------------------------------------------------------------

READ: list[tuple[str, bytes, Alert]] = [
    (
        "a strategy's alert, all of it in texts",
        b"""{
          "ticker": "NASDAQ:AAPL", "action": "buy", "market_position": "long", "quantity": "12.5", "price": "189.95",
          "time": "2024-05-01T13:30:00Z", "order_id": "Long", "alert_id": "AAPL Long buy 1", "interval": "5",
          "strategy": {"position_size": "12.5"}, "comment": "fast over slow"
        }""",
        Alert(
            "NASDAQ:AAPL",
            "buy",
            "long",
            D("12.5"),
            D("189.95"),
            "2024-05-01T13:30:00Z",
            "AAPL Long buy 1",
            "Long",
            "fast over slow",
        ),
    ),
    (
        "numbers as numbers",
        sent(quantity=3, price=189.95, time=1714570200000),
        Alert("AAPL", "buy", quantity=D(3), price=D("189.95"), time="1714570200000"),
    ),
    (
        "other names of the fields",
        (
            b'{"symbol": "BTCUSDT", "side": "SELL", "contracts": "0.015", "close": 61000.5, "timenow": "t",'
            b' "orderId": "o", "alertId": "a", "message": "m", "sentiment": "flat"}'
        ),
        Alert("BTCUSDT", "sell", "flat", D("0.015"), D("61000.5"), "t", "a", "o", "m"),
    ),
    ("a byte order mark before it", b"\xef\xbb\xbf" + sent(), Alert("AAPL", "buy")),
    (
        "line ends and blanks around it",
        b" \r\n" + sent(ticker=" AAPL\n", action=" Buy ") + b"\r\n",
        Alert("AAPL", "buy"),
    ),
    (
        "letters beyond ASCII",
        '{"ticker": "AAPL", "action": "buy", "comment": "Kauf – größer"}'.encode(),
        Alert("AAPL", "buy", comment="Kauf – größer"),
    ),
    (
        "placeholders nobody filled in, where nothing must be said",
        sent(
            quantity="{{strategy.order.contracts}}", time="{{timenow}}", market_position="{{strategy.market_position}}"
        ),
        Alert("AAPL", "buy"),
    ),
    (
        "fields that are there and empty",
        sent(quantity="", price=" ", market_position="", alert_id=""),
        Alert("AAPL", "buy"),
    ),
    (
        "null where nothing was known",
        b'{"ticker": "AAPL", "action": "sell", "quantity": null, "symbol": null}',
        Alert("AAPL", "sell"),
    ),
    ("a position alone", b'{"ticker": "ES1!", "market_position": "short"}', Alert("ES1!", "short", "short")),
    ("flat alone", b'{"ticker": "ES1!", "position": "flat"}', Alert("ES1!", "exit", "flat")),
    (
        "nothing left to trade where it ends flat",
        sent(action="sell", market_position="flat", quantity="0"),
        Alert("AAPL", "sell", "flat"),
    ),
    (
        "thirty digits",
        sent(quantity="0.000123456789012345678901234567"),
        Alert("AAPL", "buy", quantity=D("0.000123456789012345678901234567")),
    ),
    (
        "a number of thirty digits",
        b'{"ticker": "AAPL", "action": "buy", "price": 1234567890.12345678901234567890}',
        Alert("AAPL", "buy", price=D("1234567890.12345678901234567890")),
    ),
    ("an exponent", b'{"ticker": "AAPL", "action": "buy", "quantity": 1e-7}', Alert("AAPL", "buy", quantity=D("1e-7"))),
    (
        "rubbish in fields nobody reads",
        sent(other=[[], {"a": [None]}], more="\u0000", half="\ud800"),
        Alert("AAPL", "buy"),
    ),
]


@pytest.mark.parametrize(("message", "alert"), [case[1:] for case in READ], ids=[case[0] for case in READ])
def test_a_message_is_read_as_what_it_says(message: bytes, alert: Alert) -> None:
    assert parse_alert(message) == alert


@pytest.mark.parametrize(
    ("word", "action"),
    [("buy", "buy"), ("Long", "buy"), ("ENTRY_LONG", "buy"), ("sell", "sell"), ("exit", "exit"), ("close", "exit"),
     ("flat", "exit"), ("cover", "exit"), ("short", "short"), ("sell_short", "short"), ("SellShort", "short")],
)  # fmt: skip
def test_actions_have_their_usual_names(word: str, action: str) -> None:
    assert parse_alert(sent(action=word)).action == action


@pytest.mark.parametrize(
    ("word", "position"),
    [("long", "long"), ("Bullish", "long"), ("short", "short"), ("bearish", "short"), ("FLAT", "flat"),
     ("neutral", "flat"), ("none", "flat"), ("exit", "flat"), ("close", "flat")],
)  # fmt: skip
def test_positions_have_their_usual_names(word: str, position: str) -> None:
    assert parse_alert(sent(market_position=word)).position == position


def test_our_own_template_once_filled_in_is_read() -> None:
    filled = {
        "ticker": "AAPL", "action": "buy", "market_position": "long", "quantity": "1", "price": "2", "time": "t",
        "order_id": "o", "alert_id": "AAPL o buy t",
    }  # fmt: skip
    assert MESSAGE.keys() == filled.keys()
    alert = parse_alert(json.dumps(filled).encode())
    assert all(getattr(alert, name) is not None for name in ("position", "quantity", "price", "time", "order_id"))
    with pytest.raises(BadInput, match="is a placeholder that the sender did not fill in"):
        parse_alert(json.dumps(MESSAGE).encode())


# ---- messages that are not -------------------------------------------------------------------------------------------

REFUSED: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "alert"),
    ("blanks", b" \n\t", "alert"),
    ("a byte order mark alone", b"\xef\xbb\xbf", "alert"),
    ("a text of words", b"buy AAPL", "alert"),
    ("a form", b"ticker=AAPL&action=buy", "alert"),
    ("JSON broken off", b'{"ticker": "AAPL", "action": "bu', "alert"),
    ("two objects", sent() + sent(), "alert"),
    ("an array of alerts", b"[" + sent() + b"]", "alert"),
    ("a text in JSON", b'"buy"', "alert"),
    ("a number", b"7", "alert"),
    ("null", b"null", "alert"),
    ("Latin-1", '{"ticker": "AAPL", "action": "buy", "comment": "größer"}'.encode("latin-1"), "alert"),
    ("UTF-16", sent().decode().encode("utf-16"), "alert"),
    ("a raw control character in a text", b'{"ticker": "AA\x00PL", "action": "buy"}', "alert"),
    ("arrays without end", b"[" * 100_000, "alert"),
    ("objects without end", b'{"a":' * 100_000, "alert"),
    ("deep nesting in a field nobody reads", b'{"ticker": "AAPL", "action": "buy", "x": ' + b"[" * 100_000, "alert"),
    ("a field given twice", b'{"ticker": "AAPL", "action": "buy", "action": "sell"}', "alert field"),
    ("a field given twice inside", b'{"ticker": "AAPL", "action": "buy", "x": {"y": 1, "y": 1}}', "alert field"),
    ("no ticker", b'{"action": "buy"}', "alert ticker"),
    ("an empty ticker", sent(ticker=" "), "alert ticker"),
    ("a ticker nobody filled in", sent(ticker="{{ticker}}"), "alert ticker"),
    ("a ticker of many", sent(ticker=["AAPL", "MSFT"]), "alert ticker"),
    ("a ticker with a control character", sent(ticker="AA\u0000PL"), "alert ticker"),
    ("a ticker with half a character", sent(ticker="\ud800"), "alert ticker"),
    ("a ticker too long", sent(ticker="A" * 513), "alert ticker"),
    ("neither action nor position", b'{"ticker": "AAPL"}', "alert action"),
    ("an action nobody knows", sent(action="hold"), "alert action"),
    ("an action nobody filled in", sent(action="{{strategy.order.action}}"), "alert action"),
    ("an action that is true", sent(action=True), "alert action"),
    ("an order in an object", sent(action={"side": "buy"}), "alert action"),
    ("a position nobody knows", sent(market_position="up"), "alert position"),
    ("a quantity that is no number", sent(quantity="all"), "alert quantity"),
    ("a quantity with a thousands comma", sent(quantity="1,000"), "alert quantity"),
    (
        "a quantity that is not a number, as a number",
        b'{"ticker": "A", "action": "buy", "quantity": NaN}',
        "alert quantity",
    ),
    ("a quantity without end", b'{"ticker": "A", "action": "buy", "quantity": -Infinity}', "alert quantity"),
    ("a quantity not a number, in a text", sent(quantity="sNaN"), "alert quantity"),
    ("a quantity of nothing", sent(quantity="0"), "alert quantity"),
    ("a quantity below nothing", sent(quantity=-5), "alert quantity"),
    ("a quantity too large", sent(quantity="1e16"), "alert quantity"),
    ("a quantity too small", sent(quantity="1e-13"), "alert quantity"),
    ("a quantity of false", sent(quantity=False), "alert quantity"),
    ("forty-one digits", sent(quantity="1" * 41), "alert quantity"),
    ("thousands of digits", b'{"ticker": "A", "action": "buy", "quantity": ' + b"9" * 5000 + b"}", "alert quantity"),
    ("a price of nothing", sent(price=0), "alert price"),
    ("a price below nothing", sent(price="-1"), "alert price"),
    ("a price that is no number", sent(price="n/a"), "alert price"),
    ("a comment with a bell", sent(comment="a\u0007b"), "alert comment"),
    ("a time in an array", sent(time=[1]), "alert time"),
    ("an id too long", sent(alert_id="x" * 513), "alert alert_id"),
]


@pytest.mark.parametrize(("message", "parameter"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_a_message_whose_meaning_is_not_certain_is_refused_by_the_part_at_fault(message: bytes, parameter: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_alert(message)
    assert error.value.parameter == parameter
    assert len(str(error.value)) < 700
    assert str(error.value).isprintable()


def test_the_longest_texts_are_read() -> None:
    alert = parse_alert(sent(ticker="A" * 512, alert_id="x" * 512, quantity="1" * 15 + "." + "1" * 24))
    assert len(alert.ticker) == len(alert.alert_id or "") == 512
    assert alert.quantity == D("1" * 15 + "." + "1" * 24)


# ---- what makes an alert unique, and what it means -------------------------------------------------------------------


def test_its_id_is_its_key_whatever_else_it_says() -> None:
    assert parse_alert(sent(alert_id="one", time="t", order_id="o")).key == "one"


def test_without_an_id_ticker_time_action_position_and_order_are_its_key() -> None:
    alert = parse_alert(sent(time="t", order_id="o", market_position="long"))
    assert alert.key == "AAPL|t|buy|long|o"
    others = [
        sent(time="t2", order_id="o", market_position="long"), sent(time="t", order_id="o2", market_position="long"),
        sent(time="t", order_id="o"), sent(time="t", order_id="o", market_position="flat", action="exit"),
        sent(time="t", order_id="o", market_position="long", ticker="MSFT"),
    ]  # fmt: skip
    assert len({parse_alert(other).key for other in others} | {alert.key}) == 6


def test_with_neither_id_nor_time_it_has_no_key() -> None:
    assert parse_alert(sent(order_id="o", price=7)).key is None


def test_two_deliveries_of_one_wish_mean_the_same_and_another_wish_does_not() -> None:
    first = parse_alert(sent(quantity="10", price="1", time="t", alert_id="one", comment="a"))
    again = parse_alert(sent(quantity=10.0, price="2", time="u", alert_id="two", order_id="o"))
    assert first.meaning == again.meaning
    others = [sent(quantity=11), sent(), sent(quantity=10, action="sell"), sent(quantity=10, ticker="MSFT"),
              sent(quantity=10, market_position="long")]  # fmt: skip
    assert len({parse_alert(other).meaning for other in others} | {first.meaning}) == 6


# ---- which symbol ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ticker", "symbol"),
    [("AAPL", "AAPL"), ("NASDAQ:AAPL", "AAPL"), ("nasdaq:aapl", "AAPL"), (" aapl ", "AAPL"), ("BRK.B", "BRK.B"),
     ("NSE:reliance", "Reliance"), ("X:Y:AAPL", "AAPL"), ("FX:EURUSD", "FX:EURUSD"), ("fx:eurusd", "FX:EURUSD")],
)  # fmt: skip
def test_a_ticker_names_the_symbol_without_its_exchange_and_whatever_its_case(ticker: str, symbol: str) -> None:
    assert symbol_of(ticker, ["AAPL", "BRK.B", "Reliance", "FX:EURUSD"]) == symbol


@pytest.mark.parametrize("ticker", ["APPL", "NASDAQ:MSFT", "AAPL:", "FXX:EURUSD", "AAPL1!"])
def test_a_ticker_the_strategy_does_not_trade_is_refused_and_what_it_trades_is_named(ticker: str) -> None:
    with pytest.raises(UnknownName, match="AAPL") as error:
        symbol_of(ticker, ["AAPL", "FX:EURUSD"])
    assert error.value.parameter == "alert ticker"


# ---- what is wished --------------------------------------------------------------------------------------------------

ENTER_LONG, ENTER_SHORT = (Action.ENTRY, LONG), (Action.ENTRY, SHORT)
EXIT_LONG, EXIT_SHORT = (Action.EXIT, LONG), (Action.EXIT, SHORT)
NOTHING = "nothing"
PARTS = "parts of exits are not carried out"

WISHES: dict[tuple[str, str | None], tuple[Any, Any, Any]] = {
    # action, position afterwards: wished when flat, long, short; what is held already is the order manager's to see
    ("buy", None): (ENTER_LONG, ENTER_LONG, ENTER_LONG),
    ("sell", None): (NOTHING, EXIT_LONG, NOTHING),
    ("short", None): (ENTER_SHORT, ENTER_SHORT, ENTER_SHORT),
    ("exit", None): (NOTHING, EXIT_LONG, EXIT_SHORT),
    ("buy", "long"): (ENTER_LONG, ENTER_LONG, ENTER_LONG),
    ("sell", "long"): (PARTS, PARTS, PARTS),
    ("short", "long"): (PARTS, PARTS, PARTS),
    ("buy", "short"): (PARTS, PARTS, PARTS),
    ("sell", "short"): (ENTER_SHORT, ENTER_SHORT, ENTER_SHORT),
    ("short", "short"): (ENTER_SHORT, ENTER_SHORT, ENTER_SHORT),
    **{(action, "flat"): (NOTHING, EXIT_LONG, EXIT_SHORT) for action in ("buy", "sell", "short", "exit")},
}


@pytest.mark.parametrize(("action", "position"), WISHES)
def test_what_is_wished_follows_from_the_alert_and_what_is_held(action: str, position: str | None) -> None:
    for held, expected in zip((None, LONG, SHORT), WISHES[action, position], strict=True):
        asked = wish(Alert("AAPL", action, position), held)
        if isinstance(expected, str):
            assert isinstance(asked, str)
            assert asked
            assert expected == NOTHING or expected in asked
        else:
            assert asked == expected


# ---- whatever comes in -----------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["AAPL", "NASDAQ:AAPL", "buy", "sell", "short", "exit", "flat", "long", "0", "-1", "1e15", "1e-12", "12.50", "NaN",
     "Infinity", "{{ticker}}", "", " ", "\x00", "\ud800", "9" * 41, "x" * 513, "1_0", "+3", "0x10"]
)  # fmt: skip
NAMES = st.sampled_from(
    ["ticker", "symbol", "action", "side", "market_position", "position", "quantity", "contracts", "price", "close",
     "time", "alert_id", "order_id", "comment", "other"]
)  # fmt: skip
VALUES = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
NEAR = st.dictionaries(NAMES, VALUES, max_size=8).map(lambda fields: json.dumps(fields).encode())
CLEAN = st.fixed_dictionaries(
    {"ticker": st.sampled_from(["AAPL", "NSE:Y"]), "action": st.sampled_from(["buy", "sell", "short", "close"])},
    optional={
        "market_position": st.sampled_from(["long", "short", "flat"]),
        "quantity": st.decimals("1e-12", "1e15", places=12).map(str),
        "price": st.floats(1e-6, 1e9),
        "time": st.text(max_size=10),
        "alert_id": st.text(max_size=10),
        "order_id": st.integers(),
        "comment": st.text(max_size=10),
    },
).map(lambda fields: json.dumps(fields).encode())
BROKEN = st.tuples(NEAR, st.integers(0, 200), st.binary(max_size=3)).map(lambda t: t[0][: t[1]] + t[2] + t[0][t[1] :])


@given(st.one_of(st.binary(max_size=60), NEAR, CLEAN, BROKEN))
@example(b'{"ticker": "AAPL", "action": "buy", "time": "\\ud83d\\ude00"}')
@settings(max_examples=600)
def test_any_bytes_are_an_alert_or_bad_input_and_nothing_else(body: bytes) -> None:
    try:
        alert = parse_alert(body)
    except BadInput:
        return
    assert alert.ticker
    assert alert.action in ("buy", "sell", "short", "exit")
    assert alert.position in (None, "long", "short", "flat")
    for amount in (alert.quantity, alert.price):
        assert amount is None or D("1e-12") <= amount <= D("1e15")
    kept = json.loads(json.dumps(alert.to_dict(), allow_nan=False))
    assert Alert.of_dict(kept) == alert
    assert len(alert.meaning) == 64
    assert alert.key is None or alert.key
    json.dumps(alert.to_dict(), ensure_ascii=False).encode()  # nothing in it that UTF-8 cannot hold
    for held in (None, LONG, SHORT):
        asked = wish(alert, held)
        assert isinstance(asked, str) or (isinstance(asked[0], Action) and isinstance(asked[1], Direction))
