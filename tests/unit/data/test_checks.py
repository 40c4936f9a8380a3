"""Checks: each fault is found, counted, placed in time, and refused or told."""

from datetime import UTC, datetime

import numpy as np
import pytest

from tests.unit.data.tables import days, kinds, load_made, minutes
from workbench.data import DataReport, Finding
from workbench.errors import DataFault

NAN, INF = float("nan"), float("inf")


def column(count: int, usual: float, **changed: float) -> np.ndarray:
    values = np.full(count, float(usual))
    for row, value in changed.items():
        values[int(row.removeprefix("at"))] = value
    return values


@pytest.mark.parametrize(
    ("columns", "kind", "count"),
    [
        ({"open": column(6, 10, at2=NAN)}, "price missing or not finite", 1),
        ({"close": column(6, 11, at2=INF, at3=NAN)}, "price missing or not finite", 2),
        ({"low": column(6, 9, at2=0, at4=-1)}, "price not above 0", 2),
        ({"low": column(6, 9, at2=4e-9)}, "price not above 0", 1),
        ({"high": column(6, 12, at2=9e9)}, "price too high", 1),
        ({"high": column(6, 12, at2=8.5)}, "high below low", 1),
        ({"high": column(6, 12, at2=10.5)}, "open or close outside low to high", 1),
        ({"low": column(6, 9, at2=10.5)}, "open or close outside low to high", 1),
        ({"volume": column(6, 100, at2=-1)}, "volume below 0 or not a number", 1),
        ({"volume": column(6, 100, at2=NAN)}, "volume below 0 or not a number", 1),
        ({"volume": column(6, 100, at2=INF)}, "volume below 0 or not a number", 1),
    ],
)
def test_a_faulty_bar_refuses_the_load_and_is_named(columns: dict, kind: str, count: int) -> None:
    with pytest.raises(DataFault) as caught:
        load_made(days("2024-01-01", 6), **columns)
    message = str(caught.value)
    assert message.startswith(f"data made:X: {kind} × {count} (first 2024-01-03T00:00:00Z: ")
    assert "; divide all prices" in message if kind == "price too high" else "--start" in message
    assert "\n" not in message


@pytest.mark.parametrize("factor", [0.0, -1.0, NAN, INF])
def test_a_factor_that_cannot_adjust_is_told_once(factor: float) -> None:
    with pytest.raises(
        DataFault, match=r"^data made:X: factor not above 0 × 1 \(first 2024-01-02.*correct the factors$"
    ):
        load_made(days("2024-01-01", 4), adjusted=True, factor=column(4, 0.5, at1=factor))


def test_every_kind_of_error_is_named_in_one_line() -> None:
    low = column(6, 9, at1=-1)
    with pytest.raises(DataFault, match=r"price missing.*× 1 .*2024-01-01.*price not above 0 × 1 .*2024-01-02.*volume"):
        load_made(days("2024-01-01", 6), low=low, open=column(6, 10, at0=NAN), volume=column(6, 1, at5=-2))


def test_times_out_of_order_and_repeated_times_are_refused() -> None:
    dates = days("2024-01-01", 6)
    with pytest.raises(DataFault, match=r"time out of order × 1 \(first 2024-01-03.*data row 3.*sort the rows"):
        load_made([dates[0], dates[3], dates[2], dates[4], dates[5]])
    with pytest.raises(DataFault, match=r"duplicate time × 1 \(first 2024-01-02.*data row 3.*keep one"):
        load_made([dates[0], dates[1], dates[1], dates[2]])
    with pytest.raises(DataFault, match=r"time out of order × 1 .*duplicate time × 1 "):
        load_made([dates[0], dates[1], dates[2], dates[1], dates[3]])


def test_errors_count_inside_the_span_asked_for_but_order_counts_everywhere() -> None:
    dates = days("2024-01-01", 6)
    assert load_made(dates, open=column(6, 10, at0=NAN), start="2024-01-02").bars == 5
    with pytest.raises(DataFault, match="time out of order"):
        load_made([dates[1], dates[0], *dates[2:]], start="2024-01-04")


def test_missing_days_are_a_warning_by_the_calendar() -> None:
    week = ["2012-07-02", "2012-07-03", "2012-07-05", "2012-07-06"]
    assert kinds(load_made(week, calendar="NYSE")) == {}
    history = load_made([*week[:1], *week[2:]], calendar="NYSE")
    (gap,) = history.report.warnings
    assert (gap.kind, gap.count, gap.first) == ("gap", 1, "2012-07-03T00:00:00Z")
    assert kinds(load_made(week)) == {"gap": 1}  # 4 July, on a calendar that never closes


def test_missing_minutes_are_counted_with_their_stretches() -> None:
    bars = minutes("2024-01-02T14:30", 60)
    kept = bars[:10] + bars[12:30] + bars[31:]
    (gap,) = load_made(kept, calendar="NYSE").report.findings
    assert (gap.count, gap.first) == (3, "2024-01-02T14:40:00Z")
    assert "2 stretch" in gap.detail
    assert load_made(kept).report.findings[0].count == 3


def test_hours_from_the_clock_or_from_the_open_leave_no_gap() -> None:
    for first in ("2024-01-02T14:00", "2024-01-02T14:30"):
        assert (
            kinds(load_made(minutes(first, 7, 60) + minutes(first.replace("02T", "03T"), 7, 60), calendar="NYSE")) == {}
        )


def test_a_weekly_file_with_a_week_missing_has_a_gap() -> None:
    mondays = ["2024-01-01", "2024-01-08", "2024-01-22", "2024-01-29"]
    assert kinds(load_made(mondays, calendar="NYSE")) == {"gap": 1}
    assert kinds(load_made(["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01"])) == {}


def test_bars_while_the_market_is_closed_are_a_warning() -> None:
    saturday = load_made(["2024-01-04", "2024-01-05", "2024-01-06", "2024-01-08"], calendar="NYSE")
    assert kinds(saturday) == {"bar outside the sessions": 1}
    early = load_made(minutes("2024-01-02T14:25", 20), calendar="NYSE")
    assert kinds(early) == {"bar outside the sessions": 5}


def test_a_muhurat_session_is_inside_the_calendar() -> None:
    bars = minutes("2018-11-07T12:00", 60)
    assert kinds(load_made(bars, calendar="NSE")) == {}


def test_prices_off_the_tick_are_a_warning_and_only_where_there_is_a_tick() -> None:
    close = column(4, 11, at1=11.005, at3=11.003)
    assert kinds(load_made(days("2024-01-01", 4), close=close)) == {}
    (finding,) = load_made(days("2024-01-01", 4), close=close, tick="0.01").report.warnings
    assert (finding.kind, finding.count, finding.first) == ("price off the tick", 2, "2024-01-02T00:00:00Z")
    assert kinds(load_made(days("2024-01-01", 4), close=column(4, 11.05), tick="0.05")) == {}


def test_a_last_bar_that_still_forms_is_left_out_and_told() -> None:
    bars = minutes("2024-01-02T14:30", 5)
    history = load_made(bars, now=datetime(2024, 1, 2, 14, 34, 59, tzinfo=UTC))
    assert (history.bars, kinds(history)) == (4, {"forming bar": 1})
    assert load_made(bars, now=datetime(2024, 1, 2, 14, 35, tzinfo=UTC)).bars == 5


def test_a_daily_bar_forms_until_its_session_closes() -> None:
    dates = ["2012-07-02", "2012-07-03"]
    assert load_made(dates, calendar="NYSE", now=datetime(2012, 7, 3, 16, 59, tzinfo=UTC)).bars == 1
    assert load_made(dates, calendar="NYSE", now=datetime(2012, 7, 3, 17, 0, tzinfo=UTC)).bars == 2


def test_a_fault_in_the_forming_bar_is_no_fault() -> None:
    now = datetime(2024, 1, 2, 14, 34, 30, tzinfo=UTC)
    assert load_made(minutes("2024-01-02T14:30", 5), now=now, open=column(5, 10, at4=NAN)).bars == 4


def test_bars_in_the_future_are_told_and_kept_since_they_cannot_be_forming() -> None:
    history = load_made(minutes("2024-01-02T14:30", 5), now=datetime(2024, 1, 2, 14, 32, tzinfo=UTC))
    assert history.bars == 5
    assert kinds(history) == {"bar in the future": 2}
    assert "check --tz and this machine's clock" in history.report.summary()


def test_a_file_of_one_forming_bar_has_nothing_to_load() -> None:
    with pytest.raises(DataFault, match="holds no closed bar"):
        load_made(days("2024-01-01", 1), now=datetime(2024, 1, 1, 12, tzinfo=UTC))


def test_bars_of_no_volume_are_untraded_where_volume_counts() -> None:
    volume = column(4, 100, at1=0, at2=0)
    history = load_made(days("2024-01-01", 4), volume=volume)
    assert history.traded.tolist() == [True, False, False, True]
    assert kinds(history) == {"untraded bar": 2}
    silent = load_made(days("2024-01-01", 4), volume=volume, volume_counts=False)
    assert (silent.traded.all(), kinds(silent)) == (True, {})


def test_unknown_volume_is_no_fault_where_it_does_not_count() -> None:
    history = load_made(days("2024-01-01", 2), volume=column(2, NAN), volume_counts=False)
    assert np.isnan(history.volume).all()
    none = load_made(days("2024-01-01", 2), volume=None)
    assert (np.isnan(none.volume).all(), none.traded.all()) == (True, True)


def test_a_stray_short_bar_is_told_and_ends_where_the_next_starts() -> None:
    bars = minutes("2024-01-02T14:30", 6)
    history = load_made([bars[0], bars[1], "2024-01-02T14:31:30Z", *bars[2:]])
    assert kinds(history) == {"short bar": 2}
    assert (history.ends[:-1] <= history.times[1:]).all()


def test_daily_bars_at_midnights_of_an_unnamed_zone_are_told() -> None:
    times = [f"2024-03-{day:02}T05:00Z" for day in (7, 8, 9, 10)] + [f"2024-03-{day:02}T04:00Z" for day in (11, 12)]
    assert kinds(load_made(times)) == {"changed hour": 2}


def test_a_report_tells_errors_from_warnings() -> None:
    error = Finding("a", "error", 1, "2024-01-01T00:00:00Z", "x")
    warning = Finding("b", "warning", 2, "2024-01-02T00:00:00Z", "y")
    report = DataReport((error, warning))
    assert (report.errors, report.warnings, report.ok) == ((error,), (warning,), False)
    assert report.summary() == "a × 1 (first 2024-01-01T00:00:00Z: x); b × 2 (first 2024-01-02T00:00:00Z: y)"
    assert report.to_dict()["findings"][1] == {
        "kind": "b", "severity": "warning", "count": 2, "first": "2024-01-02T00:00:00Z", "detail": "y",
    }  # fmt: skip
    assert (DataReport().ok, DataReport().summary()) == (True, "no fault found")
