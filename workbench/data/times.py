"""Reading the times of a table: zones, dates alone, daily labels; everything becomes int64 nanoseconds UTC."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from workbench.data.calendars import DAY_NS
from workbench.errors import BadInput, DataFault

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
_PARTS = rf"^({_DATE.pattern})(?:[T ]({_CLOCK})(Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)?)?$"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = "1900-01-01", "2200-01-01"
_WRITE = "write ISO 8601, as in 2024-01-31 or 2024-01-31T14:30:00Z"


@dataclass(frozen=True, slots=True)
class Times:
    """Bar starts as read: `utc` instants and the `written` clock times, int64 nanoseconds of one length.

    Of dates alone both are the dates at 00:00.
    """

    utc: Ints
    written: Ints

    def labels(self, zones: Iterable[ZoneInfo]) -> Ints | None:
        """The bars' dates at 00:00 UTC, where all start at midnight: as written, in UTC or in one of the zones."""
        if not (self.written % DAY_NS).any():
            return self.written
        if not (self.utc % DAY_NS).any():
            return self.utc
        import pandas as pd

        for zone in zones:
            local = pd.DatetimeIndex(self.utc.view("M8[ns]"), tz="UTC").tz_convert(zone)
            if bool((local == local.normalize()).all()):
                return local.tz_localize(None).as_unit("ns").asi8
        return None


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises BadInput for one that does not exist."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # a folder of the zone data, a path, a name that is not there
        remedy = "give an IANA name, as in America/New_York or Asia/Kolkata"
        raise BadInput("tz", name, "is no time zone", remedy) from None


def to_ns(instant: datetime) -> int:
    """Unix nanoseconds of a zoned instant, exact to the microsecond."""
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1_000


def read_times(where: str, column: pd.Series, zone: ZoneInfo | None) -> Times:
    """The times of a table's column; `zone` is that of times that carry none.

    Texts must be ISO 8601 with a whole date, all zoned, all naive, or all dates alone. A typed column cannot hold dates
    alone, so its naive times are dates where all are midnight. Of an hour that comes twice when clocks change, the
    order of the rows tells which is which, where it can. Raises DataFault naming the row and text it cannot use.
    """
    import pandas as pd

    if isinstance(column.dtype, pd.DatetimeTZDtype) or pd.api.types.is_datetime64_dtype(column.dtype):
        index = pd.DatetimeIndex(column)
        _refuse(where, np.asarray(index.isna()), column.astype(str))
        zoned, dates = index.tz is not None, True
        written = index.tz_localize(None) if zoned else index
    elif pd.api.types.is_numeric_dtype(column.dtype):
        raise DataFault("data", where, f"time is a number ({column.iloc[0]})", _WRITE)
    else:
        text, written, zoned, dates = _read_text(where, column)
        index = (
            pd.DatetimeIndex(pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")) if zoned else written
        )
        _refuse(where, np.asarray(index.isna()), text)
    outside = (written < pd.Timestamp(_EARLIEST)) | (written >= pd.Timestamp(_LATEST))
    _refuse(where, outside, column.astype(str), f"is not between {_EARLIEST} and {_LATEST}")
    clock = written.as_unit("ns").asi8
    if zoned:
        return Times(index.tz_convert("UTC").as_unit("ns").asi8, clock)
    if dates and not (clock % DAY_NS).any():
        return Times(clock, clock)
    if zone is None:
        raise DataFault("data", where, "time has no zone", "pass --tz ZONE, for example --tz America/New_York")
    return Times(_in_zone(where, written, zone), clock)


def read_bound(name: str, value: str | date | datetime | None, zone: ZoneInfo, *, last: bool) -> int | None:
    """One end of a span, included, as nanoseconds UTC; None for an open one.

    A date without a time means the whole day in the zone; a time without a zone is in it too. Of an hour that comes
    twice, a start takes the first and an end the second. Raises BadInput for anything else than ISO 8601.
    """
    if value is None:
        return None
    text = value.isoformat() if isinstance(value, date) else str(value).strip()
    try:
        if not _DATE.match(text):
            raise ValueError
        moment = datetime.fromisoformat(text)
        if _DATE.fullmatch(text):
            return (
                to_ns(moment.replace(tzinfo=zone) + timedelta(days=1)) - 1
                if last
                else to_ns(moment.replace(tzinfo=zone))
            )
        return to_ns(moment if moment.tzinfo else moment.replace(tzinfo=zone, fold=int(last)))
    except (ValueError, OverflowError):
        raise BadInput(name, text, "is no date", "write 2012-12-31 or 2012-12-31T15:30:00Z") from None


def _read_text(where: str, column: pd.Series) -> tuple[pd.Series, pd.DatetimeIndex, bool, bool]:
    """Texts, the clock times in them, whether they carry zones, and whether they are dates alone."""
    import pandas as pd

    values = [value.isoformat() if isinstance(value, date) else value for value in column]
    text = pd.Series(values, dtype="str").str.strip()
    parts = text.str.extract(_PARTS)
    _refuse(where, parts[0].isna().to_numpy(), text)
    clocked, zoned = parts[1].notna().to_numpy(), parts[2].notna().to_numpy()
    for mixed, problem in ((clocked, "dates alone and times"), (zoned, "times with a zone and without")):
        if mixed.any() and not mixed.all():
            row = int(np.argmax(mixed != mixed[0]))
            raise DataFault(
                "data", where, f"mixes {problem}: data row {row + 1} is {text.iloc[row]}", "write all alike"
            )
    naive = parts[0] + "T" + parts[1].fillna("00:00")
    written = pd.DatetimeIndex(pd.to_datetime(naive, format="ISO8601", errors="coerce"))
    _refuse(where, np.asarray(written.isna()), text)
    return text, written, bool(zoned.any()), not clocked.any()


def _in_zone(where: str, written: pd.DatetimeIndex, zone: ZoneInfo) -> Ints:
    """Clock times of a zone as UTC."""
    import pandas as pd

    try:
        index = written.tz_localize(zone, ambiguous="infer")
    except ValueError:
        exists = written.tz_localize(zone, ambiguous=np.zeros(len(written), np.bool_), nonexistent="NaT").notna()
        once = written.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").notna()
        row = int(np.argmin(exists if not exists.all() else once))
        problem = "comes twice" if exists.all() else "does not exist"
        shown = f"data row {row + 1}: {pd.Timestamp(written[row])} {problem} in {zone.key}, where clocks change"
        raise DataFault("data", where, shown, "write times with a zone, as in 2024-01-31T14:30:00Z") from None
    return index.tz_convert("UTC").as_unit("ns").asi8


def _refuse(where: str, wrong: NDArray[np.bool_], text: pd.Series, problem: str = "cannot be read as a time") -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        value = text.iloc[row]
        shown = "an empty time" if value != value or value in ("", "NaT", "nan", "None") else f"time {value}"
        raise DataFault("data", where, f"data row {row + 1}: {shown} {problem}", _WRITE)
