"""Calendars: when a market is open. `always` is our own; the rest are pandas_market_calendars'."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UnknownName

if TYPE_CHECKING:
    import pandas as pd

DAY_NS = 86_400 * 10**9
ALWAYS = "always"
_SHOWN = ("always", "NYSE", "NASDAQ", "NSE", "BSE", "LSE", "HKEX", "JPX", "CME_Equity", "EUREX", "XETR")


class Calendar:
    """Sessions of one market. Times are int64 nanoseconds UTC; a session's label is its date at 00:00 UTC."""

    def __init__(self, name: str) -> None:
        """Find a calendar by name, whatever the case. Raises UnknownName with a few good names."""
        self.name = ALWAYS if name.strip().lower() == ALWAYS else name.strip()
        self._market: Any = None
        self.zone = "UTC"
        if self.name == ALWAYS:
            return
        import pandas_market_calendars as markets

        by_case = {known.lower(): known for known in markets.get_calendar_names()}
        found = by_case.get(self.name.lower())
        if found is None:
            raise UnknownName("calendar", name, _SHOWN, "any name of pandas_market_calendars will do")
        self.name = found
        self._market = markets.get_calendar(found)
        self.zone = str(self._market.tz)

    def sessions(self, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Labels, opens and closes of the sessions whose label lies from `first` to `last`, both inclusive."""
        if self._market is None:
            labels = np.arange(first // DAY_NS, last // DAY_NS + 1, dtype=np.int64) * DAY_NS
            return labels, labels, labels + DAY_NS
        table = _schedule(self.name, _date(first), _date(last))
        labels = _ns(table.index)
        opens, closes = (_ns(table[column]) for column in ("market_open", "market_close"))
        return labels, opens, closes

    def periods_per_year(self, interval: int) -> float:
        """How many bars of an interval (ns) a year holds.

        Of a market: the mean sessions a year of 2010 to 2019, rounded (252 for NYSE), times the bars a session.
        """
        if self._market is None:
            return 365 * DAY_NS / interval
        days = round(len(_schedule(self.name, "2010-01-01", "2019-12-31")) / 10)
        if interval >= DAY_NS:
            return days if interval == DAY_NS else 365 * DAY_NS / interval
        _, opens, closes = self.sessions(
            *(int(np.datetime64(d, "ns").astype(np.int64)) for d in ("2019-01-01", "2019-12-31"))
        )
        return days * math.ceil(float(np.median(closes - opens)) / interval)

    def expected(self, first: int, last: int, interval: int) -> NDArray[np.int64] | None:
        """Starts of the bars due from `first` to `last`, inclusive; None for bars longer than a day."""
        if interval > DAY_NS:
            return None
        if self._market is None:
            return np.arange(first, last + 1, interval, dtype=np.int64)
        if interval == DAY_NS:
            return self.sessions(first, last)[0]
        _, opens, closes = self.sessions(first - DAY_NS, last + DAY_NS)
        bars = [np.arange(o, c, interval, dtype=np.int64) for o, c in zip(opens, closes, strict=True)]
        starts = np.concatenate(bars) if bars else np.empty(0, np.int64)
        return starts[(starts >= first) & (starts <= last)]

    def ends(self, starts: NDArray[np.int64], interval: int) -> NDArray[np.int64]:
        """When each bar is closed: its start plus the interval; for a daily bar of a market, its session's close."""
        ends = starts + interval
        if self._market is None or interval != DAY_NS or not len(starts):
            return ends
        labels, _, closes = self.sessions(int(starts[0]), int(starts[-1]))
        place = np.minimum(np.searchsorted(labels, starts), max(len(labels) - 1, 0))
        if len(labels):
            found = labels[place] == starts
            ends[found] = closes[place[found]]
        return ends

    def outside(self, starts: NDArray[np.int64], interval: int) -> NDArray[np.bool_]:
        """Which bars start when the market is shut."""
        if self._market is None or interval > DAY_NS or not len(starts):
            return np.zeros(len(starts), np.bool_)
        if interval == DAY_NS:
            return ~np.isin(starts, self.sessions(int(starts[0]), int(starts[-1]))[0])
        _, opens, closes = self.sessions(int(starts[0]) - DAY_NS, int(starts[-1]) + DAY_NS)
        place = np.searchsorted(opens, starts, side="right") - 1
        return (place < 0) | (starts >= closes[np.maximum(place, 0)])


@cache
def _schedule(name: str, first: str, last: str) -> pd.DataFrame:
    import pandas_market_calendars as markets

    table: pd.DataFrame = markets.get_calendar(name).schedule(first, last)
    return table


def _date(ns: int) -> str:
    return str(np.datetime64(ns, "ns").astype("datetime64[D]"))


def _ns(column: pd.Series | pd.Index) -> NDArray[np.int64]:
    import pandas as pd

    return pd.DatetimeIndex(column).as_unit("ns").asi8
