"""Loading: times and their zones, labels, spans, columns, adjustment."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.data.tables import Made, days, kinds, load_made, minutes, starts, table_frame
from workbench.data import DAY_NS, load_history
from workbench.errors import BadInput, DataFault, UnknownName
from workbench.model import Instrument
from workbench.ports import DataRequest, PriceTable

NEW_YORK = "America/New_York"


def clock(*spans: tuple[str, str]) -> list[str]:
    """Local minutes of several sessions as naive text."""
    moments = [pd.date_range(first, last, freq="min") for first, last in spans]
    return [f"{moment:%Y-%m-%d %H:%M:%S}" for span in moments for moment in span]


# ---- zones -----------------------------------------------------------------------------------------------------------


def test_times_without_a_zone_are_refused_with_the_way_out() -> None:
    with pytest.raises(DataFault) as caught:
        load_made(["2024-01-02 09:30", "2024-01-02 09:31"])
    assert str(caught.value) == "data made:X: time has no zone; pass --tz ZONE, for example --tz America/New_York"
    with pytest.raises(DataFault, match="time has no zone"):
        load_made(pd.date_range("2024-01-02 09:30", periods=3, freq="min"))


def test_a_new_york_minute_file_is_right_on_both_sides_of_both_clock_changes() -> None:
    sessions = ["2012-03-09", "2012-03-12", "2012-11-02", "2012-11-05"]
    texts = clock(*((f"{day} 09:30", f"{day} 15:59") for day in sessions))
    history = load_made(texts, zone=NEW_YORK, calendar="NYSE")
    opens = [start for start in starts(history) if start.endswith(("13:30", "14:30"))]
    for opening in ("2012-03-09 14:30", "2012-03-12 13:30", "2012-11-02 13:30", "2012-11-05 14:30"):
        assert opening in opens
    part = load_made(texts[:780], zone=NEW_YORK, calendar="NYSE")
    assert kinds(part) == {}  # a spring weekend without a gap
    assert part.interval_ns == 60 * 10**9


def test_an_hour_that_comes_twice_is_told_by_the_order_of_rows() -> None:
    texts = ["2012-11-04 00:30", "2012-11-04 01:00", "2012-11-04 01:30", "2012-11-04 01:00", "2012-11-04 01:30"]
    history = load_made([*texts, "2012-11-04 02:00"], zone=NEW_YORK)
    assert starts(history) == [f"2012-11-04 {t}" for t in ("04:30", "05:00", "05:30", "06:00", "06:30", "07:00")]


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (
            ["2012-03-11 01:30", "2012-03-11 02:30"],
            "data row 2: 2012-03-11 02:30:00 does not exist in America/New_York",
        ),
        (["2012-11-04 00:30", "2012-11-04 01:30"], "data row 2: 2012-11-04 01:30:00 comes twice in America/New_York"),
    ],
)
def test_a_local_time_that_is_not_one_instant_is_named(texts: list[str], problem: str) -> None:
    with pytest.raises(DataFault, match=problem):
        load_made(texts, zone=NEW_YORK)


@pytest.mark.parametrize(
    "times",
    [
        ["2024-07-01T09:30:00-04:00", "2024-07-01T09:31:00-04:00"],
        ["2024-07-01 13:30:00Z", "2024-07-01 13:31:00Z"],
        ["2024-07-01T13:30:00.000+00:00", "2024-07-01T13:31:00.000+00:00"],
        ["2024-07-01T19:00+0530", "2024-07-01T19:01+0530"],
        [datetime.fromisoformat("2024-07-01T13:30Z"), datetime.fromisoformat("2024-07-01T15:31+02:00")],
        pd.date_range("2024-07-01 09:30", periods=2, freq="min", tz=NEW_YORK),
        pd.date_range("2024-07-01 09:30", periods=2, freq="min", tz=NEW_YORK).as_unit("ms"),
    ],
)
def test_zoned_times_become_utc_whatever_their_form(times: Any) -> None:
    history = load_made(times, zone="Asia/Tokyo")  # the table's zone is for times without one
    assert starts(history) == ["2024-07-01 13:30", "2024-07-01 13:31"]
    assert history.times.dtype == np.int64
    assert history.times[0] == 1719840600 * 10**9


def test_a_zone_that_does_not_exist_is_refused() -> None:
    for name in ("Mars/Olympus", "../etc", "America"):
        with pytest.raises(BadInput, match=f"^tz {name}: is no time zone"):
            load_made(days("2024-01-01", 2), request=DataRequest("X", zone=name))


def test_the_zone_of_a_history_is_the_requested_then_the_tables_then_the_markets() -> None:
    bars = minutes("2024-01-02T14:30", 3)
    assert load_made(bars, calendar="NYSE").zone == NEW_YORK
    assert load_made(bars, calendar="NYSE", zone="Asia/Kolkata").zone == "Asia/Kolkata"
    assert load_made(bars, zone="Asia/Kolkata", request=DataRequest("X", zone="Asia/Tokyo")).zone == "Asia/Tokyo"
    assert load_made(bars).zone == "UTC"


# ---- texts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    ["01/02/2024", "2024-1-2", "2024-02-30", "20240102", "2024-01-02T25:00Z", "yesterday", "2024-01", "2024-01-02x"],
)
def test_a_time_that_cannot_be_read_is_named_with_its_row(bad: str) -> None:
    other = "2024-01-01T00:00Z" if "T" in bad else "2024-01-01"
    with pytest.raises(DataFault, match=rf"^data made:X: data row 2: time {bad} cannot be read.*write ISO 8601"):
        load_made([other, bad])


@pytest.mark.parametrize("empty", ["", None, pd.NaT, float("nan")])
def test_an_empty_time_is_named_with_its_row(empty: Any) -> None:
    with pytest.raises(DataFault, match="data row 2: an empty time cannot be read"):
        load_made(["2024-01-01", empty])
    with pytest.raises(DataFault, match="data row 2: an empty time cannot be read"):
        load_made(pd.DatetimeIndex(["2024-01-01", None]))


def test_numbers_are_no_times_for_their_unit_is_a_guess() -> None:
    with pytest.raises(DataFault, match=r"time is a number \(1719840600\)"):
        load_made([1719840600, 1719840660])


def test_years_far_away_are_refused() -> None:
    for text in ("1066-10-14", "2999-01-01"):
        with pytest.raises(DataFault, match=r"data row 2: time .* is not between 1900-01-01 and 2200-01-01"):
            load_made(["2024-01-01", text])


def test_kinds_of_times_do_not_mix() -> None:
    with pytest.raises(DataFault, match="mixes times with a zone and without: data row 2 is 2024-01-02 09:31"):
        load_made(["2024-01-02 09:30Z", "2024-01-02 09:31"], zone=NEW_YORK)
    with pytest.raises(DataFault, match="mixes dates alone and times: data row 2 is 2024-01-02 09:31"):
        load_made(["2024-01-02", "2024-01-02 09:31"], zone=NEW_YORK)


# ---- daily labels ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [days("2012-07-02", 2), [date(2012, 7, 2), date(2012, 7, 3)]])
def test_dates_alone_are_labels_and_need_no_zone(times: Any) -> None:
    history = load_made(times, calendar="NYSE")
    assert starts(history) == ["2012-07-02 00:00", "2012-07-03 00:00"]
    assert f"{pd.Timestamp(history.ends[1])}" == "2012-07-03 17:00:00"  # the half day's close
    assert (history.interval_ns, history.periods_per_year) == (DAY_NS, 252)


def test_a_daily_bar_on_always_ends_a_day_later() -> None:
    history = load_made(days("2024-01-01", 2))
    assert (history.ends - history.times).tolist() == [DAY_NS, DAY_NS]


@pytest.mark.parametrize("written", ["new_york", "utc", "text"])
def test_midnights_in_new_york_become_dates_across_a_clock_change(written: str) -> None:
    index = pd.DatetimeIndex(["2012-03-08", "2012-03-09", "2012-03-12", "2012-03-13"]).tz_localize(NEW_YORK)
    times = {"new_york": index, "utc": index.tz_convert("UTC"), "text": [moment.isoformat() for moment in index]}[
        written
    ]
    history = load_made(times, calendar="NYSE")
    assert starts(history) == ["2012-03-08 00:00", "2012-03-09 00:00", "2012-03-12 00:00", "2012-03-13 00:00"]
    assert kinds(history) == {}


def test_midnights_become_dates_by_the_requested_zone_on_always() -> None:
    index = pd.date_range("2024-01-01", periods=3, tz="Asia/Kolkata").tz_convert("UTC")
    assert starts(load_made(index, request=DataRequest("X", zone="Asia/Kolkata")))[0] == "2024-01-01 00:00"
    assert starts(load_made(index))[0] == "2023-12-31 18:30"  # no zone says that these are midnights


def test_daily_bars_stamped_with_the_open_take_their_sessions_date() -> None:
    opens = ["2012-03-08T14:30Z", "2012-03-09T14:30Z", "2012-03-12T13:30Z", "2012-03-13T13:30Z"]
    history = load_made(opens, calendar="NYSE")
    assert starts(history)[2:] == ["2012-03-12 00:00", "2012-03-13 00:00"]
    futures = load_made(["2019-01-02T23:00Z", "2019-01-03T23:00Z"], calendar="CME_Equity")
    assert starts(futures) == ["2019-01-03 00:00", "2019-01-04 00:00"]


def test_daily_bars_at_no_known_hour_of_a_market_are_refused() -> None:
    times = [f"{day}T18:00Z" for day in days("2024-01-02", 3)]
    with pytest.raises(DataFault, match="no midnight and no open of NYSE; pass the --tz of their midnights"):
        load_made(times, calendar="NYSE")
    assert load_made(times).bars == 3


def test_a_few_days_around_a_weekend_are_daily() -> None:
    assert load_made(["2024-01-05", "2024-01-08"], calendar="NYSE").interval_ns == DAY_NS
    assert load_made(["2024-01-05"], calendar="NYSE").interval_ns == DAY_NS


def test_longer_bars_end_where_the_next_starts() -> None:
    history = load_made(["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"], calendar="NYSE")
    assert (history.ends[:-1] == history.times[1:]).all()
    assert history.periods_per_year == 12


# ---- spans -----------------------------------------------------------------------------------------------------------


def test_start_and_end_are_included() -> None:
    history = load_made(days("2024-01-01", 5), start="2024-01-02", end=date(2024, 1, 4))
    assert starts(history) == ["2024-01-02 00:00", "2024-01-03 00:00", "2024-01-04 00:00"]
    bars = load_made(minutes("2024-01-02T14:30", 5), start="2024-01-02T14:31Z", end="2024-01-02T14:33Z")
    assert starts(bars) == ["2024-01-02 14:31", "2024-01-02 14:32", "2024-01-02 14:33"]


def test_a_day_of_short_bars_is_a_day_of_the_market() -> None:
    bars = minutes("2024-01-02T00:00", 48, 60)
    history = load_made(bars, calendar="NYSE", start="2024-01-02", end="2024-01-02")
    assert (starts(history)[0], starts(history)[-1], history.bars) == ("2024-01-02 05:00", "2024-01-03 04:00", 24)
    india = load_made(bars, request=DataRequest("X", zone="Asia/Kolkata"), start="2024-01-03", end="2024-01-03")
    assert starts(india)[0] == "2024-01-02 19:00"


def test_a_day_of_clock_change_has_its_own_length() -> None:
    bars = minutes("2024-03-09T00:00", 96, 60)
    assert load_made(bars, calendar="NYSE", start="2024-03-10", end="2024-03-10").bars == 23


def test_a_span_that_cannot_be_is_refused() -> None:
    dates = days("2024-01-01", 5)
    with pytest.raises(BadInput, match=r"^end 2024-01-01: is before start 2024-01-03"):
        load_made(dates, start="2024-01-03", end="2024-01-01")
    for name in ("start", "end"):
        for bad in ("last week", "2024-13-01", "20240101", "2024"):
            with pytest.raises(BadInput, match=f"^{name} {bad}: is no date; write 2012-12-31"):
                load_made(dates, **{name: bad})
    with pytest.raises(BadInput, match=r"^start 2030-01-01: no bars in that range; there are bars from 2024-01-01T"):
        load_made(dates, start="2030-01-01")
    with pytest.raises(BadInput, match=r"^end 1999-01-01: no bars in that range"):
        load_made(dates, end="1999-01-01")


def test_a_span_cuts_the_same_bars_out_of_the_whole() -> None:
    whole = load_made(days("2024-01-01", 9))
    part = load_made(days("2024-01-01", 9), start="2024-01-03", end="2024-01-06")
    assert whole.between("2024-01-03", "2024-01-06").fingerprint == part.fingerprint == whole.window(2, 6).fingerprint


# ---- columns ---------------------------------------------------------------------------------------------------------


def test_a_missing_column_is_named_with_those_found_and_needed() -> None:
    with pytest.raises(DataFault) as caught:
        load_made(days("2024-01-01", 2), close=None)
    assert (
        "column close is missing; found time, open, high, low, volume; needed are time, open, high, low, close"
        in str(caught.value)
    )
    with pytest.raises(DataFault, match="column factor is missing"):
        load_made(days("2024-01-01", 2), adjusted=True)


def test_a_table_without_bars_is_refused() -> None:
    with pytest.raises(DataFault, match="data made:X: holds no bars"):
        load_made([])


def test_a_price_that_is_no_number_is_named_with_its_row() -> None:
    with pytest.raises(DataFault, match=r"data row 2: close '1,234.5' is no number"):
        load_made(days("2024-01-01", 3), close=["11", "1,234.5", "11"])
    assert load_made(days("2024-01-01", 3), close=["11", "11.5", "11"]).close.tolist() == [11, 11.5, 11]
    assert load_made(days("2024-01-01", 1), close=[Decimal("11.25")]).close.tolist() == [11.25]


def test_prices_are_rounded_to_the_price_grid() -> None:
    history = load_made(days("2024-01-01", 1), close=np.array([11.123456789]))
    assert history.close[0] == 11.12345679


def test_research_prices_are_raw_times_factor() -> None:
    history = load_made(days("2024-01-01", 2), adjusted=True, factor=np.array([0.25, 1 / 3]))
    assert history.close.tolist() == [2.75, 3.66666667]
    assert history.factor.tolist() == [0.25, 1 / 3]
    plain = load_made(days("2024-01-01", 2), factor=np.array([0.25, 0.5]))
    assert (plain.close.tolist(), plain.factor.tolist()) == ([11, 11], [1, 1])


def test_a_bar_of_one_price_stays_in_order_after_adjustment() -> None:
    factors = np.random.default_rng(1).uniform(0.01, 3, 500)
    same = np.full(500, 10.07)
    history = load_made(
        days("2020-01-01", 500), adjusted=True, factor=factors, open=same, high=same, low=same, close=same
    )
    assert (history.high == history.low).all()


# ---- the source ------------------------------------------------------------------------------------------------------


def test_the_requested_calendar_wins_over_the_tables() -> None:
    history = load_made(days("2024-01-02", 3), calendar="NYSE", request=DataRequest("X", calendar="nse"))
    assert history.calendar == "NSE"
    with pytest.raises(UnknownName, match=r"^calendar Moon"):
        load_made(days("2024-01-02", 3), request=DataRequest("X", calendar="Moon"))


def test_what_the_source_knows_is_kept() -> None:
    table = PriceTable(
        table_frame(days("2024-01-01", 2)), Instrument("X"), as_of=date(2024, 1, 1), notes=("from a test",)
    )
    history = load_history("made", Made(table), DataRequest("anything"))
    assert (history.source, history.symbol, history.as_of, history.notes) == (
        "made", "X", date(2024, 1, 1), ("from a test",),
    )  # fmt: skip


def test_a_source_that_breaks_is_named() -> None:
    class Broken(Made):
        def load(self, request: DataRequest) -> PriceTable:
            raise KeyError("nothing there")

    table = PriceTable(table_frame(days("2024-01-01", 2)), Instrument("X"))
    with pytest.raises(DataFault, match=r"^data broken:Y: the source failed \(KeyError: 'nothing there'\)"):
        load_history("broken", Broken(table), DataRequest("Y"))


def test_now_must_have_a_zone() -> None:
    with pytest.raises(BadInput, match=r"now .*has no time zone"):
        load_made(days("2024-01-01", 2), now=datetime(2024, 2, 1))  # noqa: DTZ001 - the fault under test
