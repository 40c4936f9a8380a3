"""Calendars: when a market is open, how many bars make a year, and which bars there should be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UnknownName

Ints = NDArray[np.int64]

ALWAYS = "always"
DAY_NS = 86_400_000_000_000
COMMON = (
    *(ALWAYS, "NYSE", "NASDAQ", "CME_Equity", "CME_Agriculture", "CBOE_Futures", "TSX", "LSE", "EUREX"),
    *("XETR", "XPAR", "SIX", "JPX", "HKEX", "SSE", "ASX", "NSE", "BSE"),
)
"""Names shown where one is not known; any of pandas_market_calendars will do."""
_EPOCH = date(1970, 1, 1)


def is_daily(interval_ns: int) -> bool:
    """Whether bars of this length are daily: 23 to 25 hours, since days of a zone with summer time vary."""
    return abs(interval_ns - DAY_NS) <= DAY_NS // 24


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions, oldest first: int64 arrays of one length, nanoseconds UTC.

    `labels` are the sessions' dates at 00:00 UTC. A session trades in [open, break start) and [break end, close);
    without a break, both ends of the break are the close.
    """

    labels: Ints
    opens: Ints
    closes: Ints
    break_starts: Ints
    break_ends: Ints

    def stretches(self) -> tuple[Ints, Ints]:
        """Starts (included) and stops (excluded) of the uninterrupted stretches of trading, oldest first."""
        starts = np.column_stack((self.opens, self.break_ends)).ravel()
        stops = np.column_stack((self.break_starts, self.closes)).ravel()
        return starts[starts < stops], stops[starts < stops]

    def closes_of(self, labels: Ints) -> Ints:
        """The close of each label's session; -1 for a label without a session."""
        at, known = self._find(self.labels, labels)
        return np.where(known, self.closes[at], -1) if len(self.labels) else np.full(len(labels), -1, np.int64)

    def labels_of(self, opens: Ints) -> Ints | None:
        """The labels of sessions that open at these instants; None if a single one is no open."""
        at, known = self._find(self.opens, opens)
        return self.labels[at] if len(self.opens) and bool(known.all()) else None

    def trades_in(self, starts: Ints, interval_ns: int) -> NDArray[np.bool_]:
        """Whether the market trades at some instant of each bar [start, start + interval)."""
        begins, stops = self.stretches()
        at = np.searchsorted(stops, starts, side="right")  # the first stretch that ends after the bar's start
        inside = at < len(begins)
        return inside & (np.append(begins, 0)[at] < starts + interval_ns)

    @staticmethod
    def _find(known: Ints, wanted: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        at = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0)).astype(np.int64)
        return at, (known[at] == wanted if len(known) else np.zeros(len(wanted), dtype=np.bool_))


class Calendar:
    """A market's calendar by its pandas_market_calendars name, or `always`, which never closes.

    Case does not matter; `name` is as listed there and `zone` the market's IANA time zone. Raises UnknownName with
    some good names and the nearest one.
    """

    def __init__(self, name: str) -> None:
        self.name, self.zone = _found(name.strip())

    def __repr__(self) -> str:
        return f"Calendar({self.name!r})"

    @property
    def never_closes(self) -> bool:
        """Whether this is `always`: every UTC day is a session."""
        return self.name == ALWAYS

    def sessions(self, start: date, end: date) -> Sessions:
        """The sessions dated `start` to `end`, both included."""
        first, last = (start - _EPOCH).days * DAY_NS, (end - _EPOCH).days * DAY_NS
        if self.never_closes:
            labels = np.arange(first, last + 1, DAY_NS, dtype=np.int64)
            return Sessions(labels, labels, labels + DAY_NS, labels + DAY_NS, labels + DAY_NS)
        whole = _schedule(self.name, start.year, end.year)
        part = slice(*np.searchsorted(whole.labels, (first, last + 1)))
        return Sessions(
            whole.labels[part], whole.opens[part], whole.closes[part], whole.break_starts[part], whole.break_ends[part]
        )

    def sessions_around(self, first_ns: int, last_ns: int) -> Sessions:
        """The sessions that can hold an instant from `first_ns` to `last_ns`, and a few more on both sides."""
        margin = timedelta(days=2)  # a session may open on the day before its date, and close on the one after
        return self.sessions(_date(first_ns) - margin, _date(last_ns) + margin)

    def periods_per_year(self, interval_ns: int) -> float:
        """How many bars of this length make a year: the factor of annualised figures.

        `always` has 365 days a year. A market has the mean number of its sessions a year from 2010 to 2019, rounded
        (252 for NYSE), times the bars of its usual session, a last short bar included (7 hours for NYSE). Longer bars
        of a market, and those of four weeks and more everywhere: 365.25 days over their length, rounded.
        """
        long = interval_ns > DAY_NS and not is_daily(interval_ns)
        if (long and not self.never_closes) or interval_ns >= 28 * DAY_NS:
            return float(max(1, round(365.25 * DAY_NS / interval_ns)))
        if self.never_closes:
            return 365 * DAY_NS / (DAY_NS if is_daily(interval_ns) else interval_ns)
        sessions, stretches = _usual_year(self.name)
        bars = 1 if is_daily(interval_ns) else sum(-(-length // interval_ns) for length in stretches)
        return float(sessions * bars)

    def expected_starts(self, first_ns: int, last_ns: int, interval_ns: int, *, on_the_clock: bool = False) -> Ints:
        """Starts of the bars there should be from `first_ns` to `last_ns`, both included; int64 nanoseconds UTC.

        Daily bars on a market's calendar start at their labels. Shorter ones are counted from each open (and from
        the end of each break), or `on_the_clock` from local midnight, as hourly bars at 9:00, 10:00 … are when the
        open is 9:30. On `always` they are counted from `first_ns`. Bars longer than a day are not for this.
        """
        if self.never_closes:
            return np.arange(first_ns, last_ns + 1, interval_ns, dtype=np.int64)
        sessions = self.sessions_around(first_ns, last_ns)
        if is_daily(interval_ns):
            starts = sessions.labels
        else:
            begins, stops = sessions.stretches()
            if on_the_clock:
                begins = begins - (begins - self._midnights(begins)) % interval_ns
            counts = -((begins - stops) // interval_ns)
            before = np.repeat(np.cumsum(counts) - counts, counts)
            nth = np.arange(len(before), dtype=np.int64) - before
            starts = np.unique(np.repeat(begins, counts) + nth * interval_ns)  # a clock hour may span a break
        return starts[(starts >= first_ns) & (starts <= last_ns)]

    def _midnights(self, times: Ints) -> Ints:
        """The local midnights at or before instants."""
        import pandas as pd

        local = pd.DatetimeIndex(times.view("M8[ns]"), tz="UTC").tz_convert(self.zone)
        return local.normalize().tz_convert("UTC").as_unit("ns").asi8


@lru_cache(maxsize=64)
def _found(name: str) -> tuple[str, str]:
    """The listed name and the zone of a calendar."""
    if name.casefold() == ALWAYS:
        return ALWAYS, "UTC"
    known = {listed.casefold(): listed for listed in _market_names()}
    listed = known.get(name.casefold())
    if listed is None:
        near = get_close_matches(name.casefold(), [*known, ALWAYS], n=1)
        nearest = f"did you mean {known.get(near[0], near[0])}?" if near else ""
        raise UnknownName("calendar", name, COMMON, nearest or "any name of pandas_market_calendars will do")
    return listed, str(_market(listed).tz)


def _date(nanoseconds: int) -> date:
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC).date()


def _market_names() -> list[str]:
    import pandas_market_calendars as markets  # slow to import, and `always` needs none of it

    return [name for name in markets.get_calendar_names() if name != "TradingCalendar"]


@lru_cache(maxsize=16)
def _market(name: str) -> Any:
    import pandas_market_calendars as markets

    return markets.get_calendar(name)


@lru_cache(maxsize=16)
def _schedule(name: str, first_year: int, last_year: int) -> Sessions:
    """All sessions of whole years; cached, since a load asks several times."""
    table = _market(name).schedule(f"{first_year}-01-01", f"{last_year}-12-31", tz="UTC")
    labels = table.index.as_unit("ns").asi8

    def column(key: str) -> Ints:
        values: Ints = table[key].dt.as_unit("ns").to_numpy("M8[ns]").view(np.int64)
        return values

    opens, closes = column("market_open"), column("market_close")
    if "break_start" not in table:
        return Sessions(labels, opens, closes, closes, closes)
    starts, ends = column("break_start"), column("break_end")
    missing = np.iinfo(np.int64).min  # NaT: a half day without a break
    none = (starts == missing) | (ends == missing)
    return Sessions(labels, opens, closes, np.where(none, closes, starts), np.where(none, closes, ends))


@lru_cache(maxsize=16)
def _usual_year(name: str) -> tuple[int, tuple[int, ...]]:
    """Sessions a year, the mean of 2010 to 2019 rounded, and the lengths of the stretches of the usual session."""
    decade = _schedule(name, 2010, 2019)
    lengths = np.column_stack((decade.break_starts - decade.opens, decade.closes - decade.break_ends))
    shapes, counts = np.unique(lengths, axis=0, return_counts=True)
    usual = shapes[int(np.argmax(counts))]
    return round(len(decade.labels) / 10), tuple(int(length) for length in usual if length > 0)
