"""Calendars: sessions, bars a year, and the bars there should be."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from workbench.data import DAY_NS, Calendar
from workbench.errors import UnknownName

HOUR, MINUTE = DAY_NS // 24, DAY_NS // 1440


def ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


def texts(times: np.ndarray) -> list[str]:
    return [f"{datetime.fromtimestamp(t / 1e9, UTC):%Y-%m-%d %H:%M}" for t in times.tolist()]


def test_always_has_a_session_every_day_from_midnight_to_midnight_utc() -> None:
    sessions = Calendar("always").sessions(date(2024, 2, 28), date(2024, 3, 1))
    assert texts(sessions.opens) == ["2024-02-28 00:00", "2024-02-29 00:00", "2024-03-01 00:00"]
    assert (sessions.closes - sessions.opens == DAY_NS).all()
    assert Calendar("always").zone == "UTC"


def test_nyse_sessions_follow_summer_time_half_days_and_holidays() -> None:
    sessions = Calendar("NYSE").sessions(date(2012, 7, 2), date(2012, 7, 5))
    assert texts(sessions.labels) == ["2012-07-02 00:00", "2012-07-03 00:00", "2012-07-05 00:00"]
    assert texts(sessions.closes) == ["2012-07-02 20:00", "2012-07-03 17:00", "2012-07-05 20:00"]
    after = Calendar("NYSE").sessions(date(2012, 11, 21), date(2012, 11, 23))
    assert texts(after.opens) == ["2012-11-21 14:30", "2012-11-23 14:30"]
    assert texts(after.closes) == ["2012-11-21 21:00", "2012-11-23 18:00"]
    assert Calendar("NYSE").zone == "America/New_York"


def test_a_span_without_sessions_is_empty() -> None:
    sessions = Calendar("NYSE").sessions(date(2012, 7, 7), date(2012, 7, 8))
    assert len(sessions.labels) == 0
    assert sessions.closes_of(np.array([0], np.int64)).tolist() == [-1]
    assert sessions.labels_of(np.array([0], np.int64)) is None
    assert sessions.trades_in(np.array([0], np.int64), HOUR).tolist() == [False]


def test_nse_knows_the_hour_of_muhurat_trading_and_the_day_it_stayed_open_late() -> None:
    diwali = Calendar("NSE").sessions(date(2018, 11, 7), date(2018, 11, 8))
    assert (texts(diwali.opens), texts(diwali.closes)) == (["2018-11-07 12:00"], ["2018-11-07 13:00"])
    outage = Calendar("NSE").sessions(date(2021, 2, 24), date(2021, 2, 24))
    assert texts(outage.closes) == ["2021-02-24 11:30"]


@pytest.mark.parametrize(
    ("name", "interval", "periods"),
    [
        ("always", DAY_NS, 365),
        ("always", HOUR, 8760),
        ("always", 7 * DAY_NS, 365 / 7),
        ("always", 31 * DAY_NS, 12),
        ("NYSE", DAY_NS, 252),
        ("XNYS", DAY_NS, 252),
        ("NYSE", HOUR, 252 * 7),
        ("NYSE", 30 * MINUTE, 252 * 13),
        ("NYSE", MINUTE, 252 * 390),
        ("NYSE", 12 * HOUR, 252),
        ("NYSE", 7 * DAY_NS, 52),
        ("NYSE", 31 * DAY_NS, 12),
        ("NYSE", 92 * DAY_NS, 4),
        ("NYSE", 365 * DAY_NS, 1),
        ("NSE", DAY_NS, 247),
        ("NSE", MINUTE, 247 * 375),
        ("JPX", HOUR, 245 * 6),
    ],
)
def test_periods_per_year(name: str, interval: int, periods: float) -> None:
    assert Calendar(name).periods_per_year(interval) == pytest.approx(periods, rel=0, abs=1e-9)


def test_names_ignore_case_and_an_unknown_one_offers_the_nearest() -> None:
    assert (Calendar("nyse").name, Calendar("Always").name) == ("NYSE", "always")
    with pytest.raises(UnknownName, match=r"^calendar NYCE: unknown; known: .*NYSE.*; did you mean NYSE\?$"):
        Calendar("NYCE")
    with pytest.raises(UnknownName, match="any name of pandas_market_calendars will do"):
        Calendar("qqqqqqqqqq")


def test_expected_minutes_stop_at_the_close_of_a_half_day_and_skip_the_holiday() -> None:
    minutes = Calendar("NYSE").expected_starts(ns("2012-07-03T16:58"), ns("2012-07-05T13:31"), MINUTE)
    assert texts(minutes) == ["2012-07-03 16:58", "2012-07-03 16:59", "2012-07-05 13:30", "2012-07-05 13:31"]


def test_expected_hours_count_from_the_open_or_from_the_clock() -> None:
    span = ns("2012-07-03T00:00"), ns("2012-07-03T23:00")
    assert texts(Calendar("NYSE").expected_starts(*span, HOUR)) == [f"2012-07-03 {h}:30" for h in (13, 14, 15, 16)]
    on_the_clock = Calendar("NYSE").expected_starts(*span, HOUR, on_the_clock=True)
    assert texts(on_the_clock) == [f"2012-07-03 {h}:00" for h in (13, 14, 15, 16)]
    indian = Calendar("NSE").expected_starts(ns("2019-01-01"), ns("2019-01-01T05:00"), HOUR, on_the_clock=True)
    assert texts(indian) == ["2019-01-01 03:30", "2019-01-01 04:30"]  # 9:00 and 10:00 in India


def test_expected_hours_leave_out_the_lunch_break() -> None:
    hours = Calendar("JPX").expected_starts(ns("2019-01-04"), ns("2019-01-04T23:00"), HOUR)
    assert texts(hours) == [f"2019-01-04 {t}" for t in ("00:00", "01:00", "02:00", "03:30", "04:30", "05:30")]


@pytest.mark.parametrize(("monday", "opens"), [("2012-03-12", "13:30"), ("2012-11-05", "14:30")])
def test_expected_starts_move_with_the_clocks_of_new_york(monday: str, opens: str) -> None:
    starts = Calendar("NYSE").expected_starts(ns(monday), ns(monday) + DAY_NS, MINUTE)
    assert texts(starts)[0] == f"{monday} {opens}"
    assert len(starts) == 390


def test_expected_days_are_labels() -> None:
    days = Calendar("NYSE").expected_starts(ns("2012-11-21"), ns("2012-11-26"), DAY_NS)
    assert texts(days) == ["2012-11-21 00:00", "2012-11-23 00:00", "2012-11-26 00:00"]


def test_a_bar_that_overlaps_the_open_trades_and_one_at_the_close_does_not() -> None:
    sessions = Calendar("NYSE").sessions(date(2012, 7, 2), date(2012, 7, 3))
    bars = np.array([ns(f"2012-07-02T{t}") for t in ("12:30", "13:00", "19:00", "20:00")])
    assert sessions.trades_in(bars, HOUR).tolist() == [False, True, True, False]
