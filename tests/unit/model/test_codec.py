"""Values of the model written as JSON values and read back are the same, to the last digit."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import BadInput
from workbench.model import (
    Action,
    Direction,
    Fill,
    Instrument,
    Order,
    OrderState,
    OrderType,
    Position,
    Protection,
    Side,
    Signal,
    SizeRequest,
    SizeRule,
    from_json,
    to_json,
)

D = Decimal
NOW = datetime(2024, 1, 2, tzinfo=UTC)

texts = st.text(max_size=12)
names = st.text(min_size=1, max_size=12)
seconds = st.timedeltas(timedelta(days=-20_000), timedelta(days=20_000))
times = st.builds(
    lambda since, hours: (NOW + since).astimezone(timezone(timedelta(hours=hours))), seconds, st.integers(-12, 14)
)
"""Any instant, to the microsecond, in any zone."""
amounts = st.one_of(
    st.decimals(min_value=0, max_value=10**15, places=20),
    st.decimals(min_value=0, max_value=10**15, places=8),
    st.sampled_from([D("1E+3"), D("1E-8"), D("0E-20"), D("100.00"), D("0.30")]),
)
above_zero = amounts.filter(lambda value: value > 0)
percents = st.none() | st.decimals(min_value="0.0001", max_value="99.9999", places=4)
protections = st.builds(Protection, percents, percents, percents)


@st.composite
def sizes(draw: st.DrawFn) -> SizeRequest:
    rule = draw(st.sampled_from(SizeRule))
    if rule is SizeRule.ALL:
        return SizeRequest()
    most = 100 if rule in (SizeRule.PERCENT, SizeRule.RISK) else 10**15
    return SizeRequest(rule, draw(st.decimals(min_value="0.000001", max_value=most, places=6)))


@st.composite
def orders(draw: st.DrawFn) -> Order:
    kind, reduce_only, size = draw(st.sampled_from(OrderType)), draw(st.booleans()), draw(above_zero)
    return Order(
        signal_id=draw(texts),
        client_order_id=draw(texts),
        strategy=draw(texts),
        account=draw(texts),
        symbol=draw(texts),
        side=draw(st.sampled_from(Side)),
        size=size,
        created_at=draw(times),
        type=kind,
        reduce_only=reduce_only,
        protection=draw(protections),
        parent_id=draw(st.none() | texts),
        group=draw(st.none() | texts),
        level=None if kind is OrderType.MARKET else draw(above_zero),
        epoch=draw(st.integers(0, 10**6)),
        flattens=reduce_only and draw(st.booleans()),
        expires_at=draw(st.none() | times),
        state=draw(st.sampled_from(OrderState)),
        filled=draw(st.sampled_from([D(0), size])),
        reason=draw(texts),
    )


@st.composite
def signals(draw: st.DrawFn) -> Signal:
    seen = draw(times)
    return Signal(
        source=draw(names),
        key=draw(names),
        strategy=draw(names),
        account=draw(names),
        symbol=draw(names),
        action=draw(st.sampled_from(Action)),
        direction=draw(st.sampled_from(Direction)),
        bar_time=seen,
        available_at=seen + draw(st.timedeltas(timedelta(0), timedelta(days=9))),
        reference_price=draw(above_zero),
        factor=draw(above_zero),
        size=draw(sizes()),
        protection=draw(protections),
        data_fingerprint=draw(texts),
    )


fills = st.builds(
    Fill, texts, texts, texts, texts, texts, st.sampled_from(Side), above_zero, above_zero, amounts, times, texts
)
signed = st.builds(lambda value, negative: -value if negative else value, amounts, st.booleans())
positions = st.builds(Position, texts, texts, texts, signed, amounts, signed)
symbols = st.text(
    st.characters(codec="utf-8", exclude_categories=("Z", "C"), exclude_characters=","), min_size=1, max_size=8
)
lots = st.none() | st.sampled_from([D(1), D("0.001"), D("1E+2")])
instruments = st.one_of(
    st.builds(Instrument, symbols, texts, st.none() | st.sampled_from([D("0.01"), D("0.05"), D("1E-8")]), lots),
    st.builds(Instrument, symbols, texts, st.none(), lots, st.just(True), texts),
)
values = st.one_of(orders(), signals(), fills, positions, instruments, protections)


@given(values)
def test_what_is_written_is_json_and_comes_back_as_it_was(value: Any) -> None:
    doc = json.loads(json.dumps(to_json(value), allow_nan=False))
    assert from_json(type(value), doc) == value
    assert to_json(from_json(type(value), doc)) == doc


def test_amounts_are_texts_without_exponents_and_times_are_utc() -> None:
    bought = datetime(2024, 1, 2, 10, tzinfo=timezone(timedelta(hours=2)))
    doc = to_json(Fill("f", "o", "a", "s", "X", Side.BUY, D("1E+2"), D("1E-8"), D("0.10"), bought))
    assert (doc["size"], doc["price"], doc["fee"], doc["time"]) == ("100", "0.00000001", "0.10", "2024-01-02T08:00:00Z")
    assert type(doc["side"]) is str


def test_a_signals_size_is_a_rule_and_an_orders_an_amount() -> None:
    signal = Signal(
        "t", "k", "s", "a", "X", Action.ENTRY, Direction.LONG, NOW, NOW, D(1), size=SizeRequest.parse("risk:1.50")
    )
    assert to_json(signal)["size"] == "risk:1.5"
    assert to_json(Order("g", "c", "s", "a", "X", Side.SELL, D("7.0"), NOW))["size"] == "7.0"


def test_what_the_models_own_checks_refuse_is_refused_on_the_way_back() -> None:
    doc = to_json(Order("g", "c", "s", "a", "X", Side.SELL, D(7), NOW))
    for change in ({"filled": "8"}, {"created_at": "2024-01-02T00:00:00"}, {"level": "5"}, {"flattens": True}):
        with pytest.raises(BadInput):
            from_json(Order, doc | change)
