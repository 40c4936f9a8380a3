"""Bars: every field that cannot be is refused by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from workbench.errors import BadInput
from workbench.model import Bar

D = Decimal
START = datetime(2024, 1, 2, tzinfo=UTC)
PRICES = st.decimals(min_value=D("0.01"), max_value=D(1000), places=2)


def bar(**changes: Any) -> Bar:
    fields: dict[str, Any] = {
        "symbol": "X",
        "start": START,
        "end": START + timedelta(days=1),
        "open": D(10),
        "high": D(12),
        "low": D(9),
        "close": D(11),
        "volume": D(100),
    }
    return Bar(**(fields | changes))


def test_a_sound_bar_is_taken_and_frozen() -> None:
    made = bar()
    assert (made.factor, made.traded) == (1, True)
    with pytest.raises(AttributeError):
        made.close = D(12)  # type: ignore[misc]


@pytest.mark.parametrize("field", ["open", "high", "low", "close", "factor"])
@pytest.mark.parametrize(
    "value", [D("NaN"), D("sNaN"), D("Infinity"), D("-Infinity"), D(0), D(-1), 10.0, 10, True, "10", None]
)
def test_a_price_or_factor_that_is_no_positive_decimal_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(BadInput, match=rf"^X {field} "):
        bar(**{field: value})


@pytest.mark.parametrize("volume", [D("NaN"), D("sNaN"), D("Infinity"), D(-1), 100.0, 100, True, "100"])
def test_a_volume_that_is_no_decimal_or_below_zero_is_refused_by_name(volume: Any) -> None:
    with pytest.raises(BadInput, match=r"^X volume "):
        bar(volume=volume)


@pytest.mark.parametrize("volume", [None, D(0), D("0.5")])
def test_a_volume_may_be_unknown_zero_or_a_fraction(volume: Decimal | None) -> None:
    assert bar(volume=volume).volume == volume


@given(PRICES, PRICES, PRICES, PRICES)
@settings(deadline=None, max_examples=200)
def test_open_and_close_outside_low_and_high_are_refused(a: Decimal, b: Decimal, c: Decimal, d: Decimal) -> None:
    sound = c <= min(a, d) and b >= max(a, d)
    if sound:
        assert bar(open=a, high=b, low=c, close=d).high == b
    else:
        with pytest.raises(BadInput, match=r"bar of X .*open and close must lie between low and high"):
            bar(open=a, high=b, low=c, close=d)


@given(PRICES, PRICES)
@settings(deadline=None, max_examples=50)
def test_a_bar_whose_prices_are_in_order_is_taken(a: Decimal, b: Decimal) -> None:
    assume(a != b)
    low, high = sorted((a, b))
    assert bar(open=low, high=high, low=low, close=high).low == low


@pytest.mark.parametrize("field", ["start", "end"])
def test_a_time_without_a_zone_is_refused_by_name(field: str) -> None:
    with pytest.raises(BadInput, match=rf"bar {field} .*has no time zone"):
        bar(**{field: datetime(2024, 1, 2, 12)})  # noqa: DTZ001


@pytest.mark.parametrize("field", ["start", "end"])
@pytest.mark.parametrize("value", ["2024-01-02", 1704153600, None, START.date()])
def test_a_time_that_is_no_datetime_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(BadInput, match=rf"bar {field} "):
        bar(**{field: value})


@pytest.mark.parametrize("length", [timedelta(0), timedelta(seconds=-1)])
def test_an_end_at_or_before_the_start_is_refused(length: timedelta) -> None:
    with pytest.raises(BadInput, match=r"bar end .*must be after its start"):
        bar(end=START + length)


def test_start_and_end_are_compared_as_instants_whatever_their_zones() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    # the clock goes back between the two: on the wall the end comes before the start
    start = datetime(2024, 10, 27, 2, 45, tzinfo=berlin, fold=0)
    end = datetime(2024, 10, 27, 2, 15, tzinfo=berlin, fold=1)
    assert bar(start=start, end=end).traded
    with pytest.raises(BadInput, match=r"bar end"):
        bar(start=START, end=START.astimezone(timezone(timedelta(hours=5))))


def test_start_and_end_given_in_another_zone_are_kept_in_utc() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    made = bar(start=START.astimezone(zone), end=(START + timedelta(days=1)).astimezone(zone))
    assert made.start.isoformat() == START.isoformat()
    assert made.end.tzinfo is UTC
