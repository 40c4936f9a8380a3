"""Loading: from a source's table to a checked history."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from workbench.data.calendars import DAY_NS, Calendar, is_daily
from workbench.data.checks import (
    DataReport,
    Finding,
    check_calendar,
    check_closed,
    check_order,
    check_prices,
    check_tick,
    check_volume,
)
from workbench.data.history import PriceHistory, positions
from workbench.data.times import Times, read_times, to_ns, zone_of
from workbench.errors import DataFault, WorkbenchError
from workbench.model import from_ns, iso, utc
from workbench.ports import DataRequest, DataSource, PriceTable

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRICES = ("open", "high", "low", "close")


def load_history(
    source_name: str,
    source: DataSource,
    request: DataRequest,
    *,
    start: str | date | datetime | None = None,
    end: str | date | datetime | None = None,
    now: datetime | None = None,
) -> PriceHistory:
    """Load one symbol and check it.

    `start` and `end` are included; a date alone means the whole day: in UTC for bars of a day and more (their times
    are labels), in the request's, the table's or the calendar's zone for shorter ones. The order of times is checked
    over everything loaded, all else over what lies between start and end, and only that is told of. A last bar that
    has not closed by `now` (zoned; the present unless given) is left out, and the report says so.

    Raises DataFault, in one line, for every fault found; BadInput for a span, zone or calendar that cannot be used.
    """
    where = f"{source_name}:{request.symbol}"
    asked = zone_of(request.zone) if request.zone else None
    table = _table(where, source, request)
    calendar = Calendar(request.calendar or table.calendar)
    written_in = zone_of(table.zone) if table.zone else asked
    read = read_times(where, table.frame["time"], written_in)
    zone = asked or written_in or zone_of(calendar.zone)
    interval = _interval(read.utc)
    times, labelled = read.utc, False
    if interval >= DAY_NS - DAY_NS // 24:
        zones = dict.fromkeys(z for z in (asked, written_in, zone_of(calendar.zone)) if z is not None)
        times, labelled = _labels(where, read, list(zones), calendar, interval)
        interval = _interval(times, calendar) if labelled else interval
    report = DataReport(tuple(check_order(times)))
    if not report.ok:
        raise _refusal(where, report)
    begin, stop = positions(times, start, end, "UTC" if labelled else zone.key)
    ends = _ends(times, interval, calendar)[begin:stop]
    times = times[begin:stop]

    unclosed = check_closed(times, ends, to_ns(utc("now", now) if now else datetime.now(UTC)))
    count = len(times) - sum(finding.count for finding in unclosed if finding.kind == "forming bar")
    if not count:
        raise DataFault(
            "data", where, f"holds no closed bar: {unclosed[0]}", "wait for the close, or load from earlier"
        )
    times, ends = times[:count], ends[:count]

    def column(name: str) -> Floats:
        return _numbers(where, table.frame[name], begin, begin + count)

    raw = {name: column(name) for name in PRICES}
    factor = column("factor") if table.instrument.adjusted else np.ones(count)
    with np.errstate(invalid="ignore", over="ignore"):
        # Research prices, on the price grid; rounding keeps the order of low, open, close and high.
        prices = {name: np.round(values * factor, 8) for name, values in raw.items()}
    volume = column("volume") if "volume" in table.frame else np.full(count, np.nan)
    counts = table.volume_counts and "volume" in table.frame
    findings: list[Finding] = [
        *check_prices(times, prices, raw, factor),
        *check_volume(times, volume, counts),
        *check_tick(times, raw, table.instrument.tick),
        *check_calendar(times, interval, calendar),
        *unclosed,
    ]
    report = DataReport(tuple(findings))
    if not report.ok:
        raise _refusal(where, report)
    return PriceHistory(
        source=source_name,
        symbol=table.instrument.symbol,
        instrument=table.instrument,
        calendar=calendar.name,
        zone=zone.key,
        interval_ns=interval,
        periods_per_year=calendar.periods_per_year(interval),
        times=times.copy(),
        ends=ends.copy(),
        **prices,
        volume=volume,
        factor=factor,
        traded=(volume != 0) if counts else np.ones(count, np.bool_),
        report=report,
        notes=table.notes,
        as_of=table.as_of,
    )


def _table(where: str, source: DataSource, request: DataRequest) -> PriceTable:
    """What the source has, with the columns it takes."""
    try:
        table = source.load(request)
    except WorkbenchError:
        raise
    except Exception as error:
        raise DataFault("data", where, f"the source failed ({type(error).__name__}: {error})") from error
    needed = ["time", *PRICES, *(["factor"] if table.instrument.adjusted else [])]
    found = [str(name) for name in table.frame.columns]
    missing = [name for name in needed if name not in found]
    if missing:
        problem = f"column {', '.join(missing)} is missing; found {', '.join(found) or 'none'}"
        raise DataFault("data", where, problem, f"needed are {', '.join(needed)}")
    if not len(table.frame):
        raise DataFault("data", where, "holds no bars", "give at least one")
    return table


def _labels(where: str, read: Times, zones: list[ZoneInfo], calendar: Calendar, interval: int) -> tuple[Ints, bool]:
    """Starts of daily and longer bars, and whether they are labels: dates at 00:00 UTC.

    Labels come from midnights (see `Times.labels`) or, on a market's calendar, from the opens of its sessions. Other
    daily bars are instants on `always`, and refused on a market's calendar, whose sessions they cannot be told to be.
    """
    labels = read.labels(zones)
    if labels is None and not calendar.never_closes and is_daily(interval):
        labels = calendar.sessions_around(int(read.utc.min()), int(read.utc.max())).labels_of(read.utc)
        if labels is None:
            problem = (
                f"daily bars start at {iso(from_ns(int(read.utc[0])))}: no midnight and no open of {calendar.name}"
            )
            raise DataFault("data", where, problem, "pass the --tz of their midnights, or write dates alone")
    return (read.utc, False) if labels is None else (labels, True)


def _interval(times: Ints, calendar: Calendar | None = None) -> int:
    """The most common distance of neighbours, the shortest of equals; a day for a single bar.

    Labels of a market `calendar` two to five days apart are daily too: a few days around weekends or holidays.
    """
    apart = np.diff(np.unique(times))
    if not len(apart):
        return DAY_NS
    distances, counts = np.unique(apart, return_counts=True)
    interval = int(distances[np.argmax(counts)])
    few = calendar is not None and not calendar.never_closes and DAY_NS < interval <= 5 * DAY_NS
    return DAY_NS if few else interval


def _ends(times: Ints, interval: int, calendar: Calendar) -> Ints:
    """When each bar has closed: its start plus the interval, or the next start if that is earlier.

    A daily bar of a market closes with its session. Bars of several days vary in length, hence the next start; it
    never lies before the real close.
    """
    ends = times + interval
    ends[:-1] = np.minimum(ends[:-1], times[1:])
    if calendar.never_closes or not is_daily(interval):
        return ends
    closes = calendar.sessions_around(int(times[0]), int(times[-1])).closes_of(times)
    return np.where(closes > times, closes, ends)


def _numbers(where: str, column: pd.Series, begin: int, stop: int) -> Floats:
    """Rows `begin` to `stop` (excluded) as float64, NaN where empty. DataFault naming the row of any other text."""
    import pandas as pd

    part = column.iloc[begin:stop]
    numbers = np.array(pd.to_numeric(part, errors="coerce").to_numpy(np.float64, na_value=np.nan))
    wrong = np.isnan(numbers) & part.notna().to_numpy()
    if wrong.any():
        row = int(np.argmax(wrong))
        problem = f"data row {begin + row + 1}: {column.name} {part.iloc[row]!r} is no number"
        raise DataFault("data", where, problem, "write plain numbers, as in 1234.5, or leave it empty")
    return numbers


def _refusal(where: str, report: DataReport) -> DataFault:
    return DataFault("data", where, "; ".join(map(str, report.errors)), report.remedy)
