"""Loading: from a source's table to a checked history."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.data.calendars import DAY_NS, Calendar
from workbench.data.checks import DataReport, Finding, check_calendar, check_order, check_prices, forming
from workbench.data.history import PriceHistory
from workbench.data.times import daily_labels, read_bound, read_times, zone_of
from workbench.errors import BadInput, DataFault, WorkbenchError
from workbench.model import from_ns, iso
from workbench.ports import DataRequest, DataSource, PriceTable

if TYPE_CHECKING:
    import pandas as pd

NEEDED = ("time", "open", "high", "low", "close")


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

    `start` and `end` are inclusive; a date alone means the whole day, in UTC for daily bars (their times are labels)
    and in the request's or the calendar's zone for shorter ones. The order of times is checked over everything loaded,
    the rest over what lies between start and end. A last bar that has not closed by `now` is left out, and the report
    says so. Raises DataFault naming every fault found, BadInput for a span or zone that cannot be used.
    """
    where = f"data {source_name}:{request.symbol}"
    zone = zone_of(request.zone)
    try:
        table = source.load(request)
    except WorkbenchError:
        raise
    except Exception as error:
        raise DataFault(where, type(error).__name__, f"the source failed: {error}") from error
    _refuse_incomplete(where, table)
    calendar = Calendar(request.calendar or table.calendar)
    times, labels = read_times(where, table.frame["time"], zone or zone_of(table.zone))
    if not labels:
        zones = [z for z in (zone, zone_of(table.zone), zone_of(calendar.zone)) if z is not None]
        relabelled = daily_labels(times, zones)
        if relabelled is not None:
            times, labels = relabelled, True
    wrong = check_order(times)
    if wrong:
        raise _refused(where, DataReport(tuple(wrong)))
    interval = _interval(times)
    bounds = zone_of("UTC") if labels else (zone or zone_of(calendar.zone))
    assert bounds is not None
    first, last = read_bound("start", start, bounds, last=False), read_bound("end", end, bounds, last=True)
    if first is not None and last is not None and last < first:
        raise BadInput("end", str(end), f"is before start, {start}")
    kept = np.ones(len(times), np.bool_)
    if first is not None:
        kept &= times >= first
    if last is not None:
        kept &= times <= last
    if not kept.any():
        span = f"{iso(from_ns(int(times[0])))} to {iso(from_ns(int(times[-1])))}"
        raise BadInput(
            "start and end", f"{start} to {end}", f"no bars of {request.symbol} in between; there are {span}"
        )
    return _checked(where, source_name, table, calendar, bounds.key, times, kept, interval, now)


def _checked(
    where: str,
    source_name: str,
    table: PriceTable,
    calendar: Calendar,
    zone: str,
    times: NDArray[np.int64],
    kept: NDArray[np.bool_],
    interval: int,
    now: datetime | None,
) -> PriceHistory:
    """Cut a table to the bars kept, check them, adjust the prices, and leave out a bar that still forms."""
    frame, instrument = table.frame, table.instrument
    raw = {name: _numbers(where, frame[name])[kept] for name in NEEDED[1:]}
    volume = _numbers(where, frame["volume"])[kept] if "volume" in frame else np.full(int(kept.sum()), np.nan)
    factor = np.ones(int(kept.sum()))
    times = times[kept]
    if instrument.adjusted:
        factor = _numbers(where, frame["factor"])[kept]
        if not (np.isfinite(factor) & (factor > 0)).all():
            at = int((~(np.isfinite(factor) & (factor > 0))).argmax())
            raise DataFault(
                where, f"factor {factor[at]}", f"at {iso(from_ns(int(times[at])))} must be finite and above 0"
            )
    findings = check_prices(times, raw["open"], raw["high"], raw["low"], raw["close"], volume, instrument)
    if any(f.severity == "error" for f in findings):
        raise _refused(where, DataReport(tuple(findings)))
    findings += check_calendar(times, interval, calendar)
    ends = calendar.ends(times, interval)
    late = forming(ends, now)
    if late:
        told = Finding(
            "forming bar", "warning", late, iso(from_ns(int(times[-late]))), "not closed yet, so left out: it is no bar"
        )
        findings.append(told)
    stop = len(times) - late
    if stop == 0:
        raise BadInput("data", where.removeprefix("data "), "holds no closed bar yet")
    prices = {name: np.round(column * factor, 8)[:stop].copy() for name, column in raw.items()}
    traded = np.ones(stop, np.bool_)
    if table.volume_counts and "volume" in frame:
        traded = volume[:stop] != 0
    return PriceHistory(
        source=source_name,
        symbol=instrument.symbol,
        instrument=instrument,
        calendar=calendar.name,
        zone=zone,
        interval_ns=interval,
        periods_per_year=calendar.periods_per_year(interval),
        times=times[:stop].copy(),
        ends=ends[:stop].copy(),
        **prices,
        volume=volume[:stop].copy(),
        factor=factor[:stop].copy(),
        traded=traded,
        report=DataReport(tuple(findings)),
        notes=table.notes,
        as_of=table.as_of,
    )


def _refused(where: str, report: DataReport) -> DataFault:
    found = "; ".join(map(str, report.errors))
    return DataFault(where, f"{len(report.errors)} fault(s)", found, "correct the data; nothing is repaired silently")


def _refuse_incomplete(where: str, table: PriceTable) -> None:
    columns = [str(c) for c in table.frame.columns]
    needed = [*NEEDED, "factor"] if table.instrument.adjusted else list(NEEDED)
    missing = [name for name in needed if name not in columns]
    if missing:
        raise DataFault(
            where,
            f"column {missing[0]}",
            f"is missing; found: {', '.join(columns) or 'none'}",
            f"needed: {', '.join(needed)}",
        )
    if not len(table.frame):
        raise DataFault(where, "0 bars", "holds no bars", "give a file with at least one")


def _numbers(where: str, column: pd.Series) -> NDArray[np.float64]:
    """A column as float64; text that is no number is refused by row."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    bad = np.isnan(numbers) & column.notna().to_numpy()
    texts: Any = column.to_numpy()
    for row in np.flatnonzero(bad):
        if str(texts[row]).strip().lower() not in ("", "nan", "none", "null", "na"):
            raise DataFault(where, str(texts[row]), f"row {row + 1}: {column.name} is no number")
    return numbers


def _interval(times: NDArray[np.int64]) -> int:
    """The most common step between bars; a day for a single one."""
    if len(times) < 2:
        return DAY_NS
    steps, counts = np.unique(np.diff(times), return_counts=True)
    return int(steps[counts.argmax()])
