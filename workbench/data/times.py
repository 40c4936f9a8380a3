"""Reading the times of a table: zones, dates alone, daily labels; everything becomes int64 nanoseconds UTC."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from workbench.data.calendars import DAY_NS
from workbench.errors import BadInput, DataFault

if TYPE_CHECKING:
    import pandas as pd

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ZONED = re.compile(r".*\d(Z|z|[+-]\d{2}(:?\d{2})?)$")


def zone_of(name: str | None) -> ZoneInfo | None:
    """A time zone by its IANA name. Raises BadInput for one that does not exist."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise BadInput(
            "tz", name, "is no time zone", "give an IANA name, as in America/New_York or Asia/Kolkata"
        ) from None


def read_times(where: str, column: pd.Series, zone: ZoneInfo | None) -> tuple[NDArray[np.int64], bool]:
    """Times as ns UTC, and whether they were dates alone. Raises DataFault naming the row and text it cannot read."""
    import pandas as pd

    if isinstance(column.dtype, pd.DatetimeTZDtype):
        _refuse_blank(where, column)
        return pd.DatetimeIndex(column).tz_convert("UTC").as_unit("ns").asi8, False
    if pd.api.types.is_datetime64_dtype(column.dtype):
        _refuse_blank(where, column)
        index = pd.DatetimeIndex(column)
        return _localised(where, index, zone), False
    if pd.api.types.is_numeric_dtype(column.dtype):
        raise DataFault(
            where, str(column.iloc[0]), "time holds numbers", "write ISO 8601 times, as in 2024-01-02T09:30:00Z"
        )
    texts = [value.isoformat() if isinstance(value, (date, datetime)) else str(value).strip() for value in column]
    if all(_DATE.fullmatch(text) for text in texts):
        return _parsed(where, texts, utc=True).as_unit("ns").asi8, True
    zoned = [bool(_ZONED.match(text)) for text in texts]
    if all(zoned):
        return _parsed(where, texts, utc=True).as_unit("ns").asi8, False
    if any(zoned):
        row = zoned.index(not zoned[0])
        raise DataFault(
            where, texts[row], f"row {row + 1}: some times have a zone and some have none", "write all alike"
        )
    return _localised(where, _parsed(where, texts, utc=False), zone), False


def daily_labels(times: NDArray[np.int64], zones: list[ZoneInfo]) -> NDArray[np.int64] | None:
    """Bars of a day that start at midnight in one of the zones, as their dates at 00:00 UTC; None for other bars."""
    import pandas as pd

    if len(times) > 1 and abs(float(np.median(np.diff(times))) - DAY_NS) > DAY_NS / 12:
        return None
    for zone in zones:
        local = pd.DatetimeIndex(times.view("M8[ns]"), tz="UTC").tz_convert(zone)
        if (local == local.normalize()).all():
            return local.tz_localize(None).as_unit("ns").asi8
    return None


def read_bound(name: str, value: str | date | datetime | None, zone: ZoneInfo, *, last: bool) -> int | None:
    """One end of a span as ns UTC, inclusive: a date without a time means the whole day in the zone. BadInput."""
    if value is None:
        return None
    text = value.isoformat() if isinstance(value, (date, datetime)) else str(value).strip()
    try:
        if _DATE.fullmatch(text):
            day = datetime.fromisoformat(text).replace(tzinfo=zone)
            return _ns(day + timedelta(days=1)) - 1 if last else _ns(day)
        instant = datetime.fromisoformat(text)
        return _ns(instant if instant.tzinfo else instant.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        raise BadInput(name, text, "is no date", "write 2012-12-31 or 2012-12-31T15:30:00Z") from None


def _ns(instant: datetime) -> int:
    return int(instant.timestamp()) * 10**9 + instant.microsecond * 1000


def _parsed(where: str, texts: list[str], *, utc: bool) -> pd.DatetimeIndex:
    import pandas as pd

    try:
        return pd.DatetimeIndex(pd.to_datetime(texts, format="ISO8601", utc=utc))
    except (ValueError, TypeError):
        pass
    for row, text in enumerate(texts):
        try:
            pd.to_datetime(text, format="ISO8601", utc=utc)
        except (ValueError, TypeError):
            raise DataFault(
                where,
                text or "(empty)",
                f"row {row + 1}: time cannot be read",
                "write ISO 8601, as in 2024-01-02T09:30:00Z",
            ) from None
    raise DataFault(where, texts[0] if texts else "", "times cannot be read together", "write all alike, in ISO 8601")


def _localised(where: str, index: pd.DatetimeIndex, zone: ZoneInfo | None) -> NDArray[np.int64]:
    """Naive times as UTC; an hour that comes twice is told apart by the order of the rows where that is possible."""
    if zone is None:
        raise DataFault(where, str(index[0]), "time has no zone", "pass --tz ZONE, for example --tz America/New_York")
    try:
        return index.tz_localize(zone, ambiguous="infer").tz_convert("UTC").as_unit("ns").asi8
    except ValueError as error:
        told = " ".join(str(error).split())
        raise DataFault(
            where,
            told[:120],
            f"a local time that {zone.key} does not have once (clocks changed)",
            "write times with a zone",
        ) from None


def _refuse_blank(where: str, column: Any) -> None:
    blank = column.isna().to_numpy()
    if blank.any():
        raise DataFault(where, "(empty)", f"row {int(blank.argmax()) + 1}: time is missing", "give every bar a time")
