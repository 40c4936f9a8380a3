"""Checks: what is wrong with prices on their way in. Nothing here repairs anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.data.calendars import DAY_NS, Calendar, is_daily
from workbench.model import PRICE_STEP, from_ns, iso

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Severity = Literal["error", "warning"]

PRICE_LIMIT = 9e9
"""Prices stay below it: they are compared as whole multiples of 1e-8 in 64 bits, with room for sums."""

_REMEDIES = {
    "time out of order": "sort the rows by time",
    "duplicate time": "keep one row of each time",
    "price too high": "divide all prices by a power of ten",
    "factor not above 0": "correct the factors",
}
_OTHER_REMEDY = "correct the source, or leave those bars out with --start and --end: nothing is repaired silently"


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of fault: how many bars have it, the first one's time (ISO, UTC), and more in words.

    An `error` refuses the load; a `warning` is kept with the prices.
    """

    kind: str
    severity: Severity
    count: int
    first: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind} × {self.count} (first {self.first}: {self.detail})"


@dataclass(frozen=True, slots=True)
class DataReport:
    """Everything the checks found in the prices of one symbol."""

    findings: tuple[Finding, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that refuse the load."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that do not."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not self.errors

    @property
    def remedy(self) -> str:
        """What would clear the errors; empty without any."""
        return " and ".join(dict.fromkeys(_REMEDIES.get(error.kind, _OTHER_REMEDY) for error in self.errors))

    def summary(self) -> str:
        """All findings in one line."""
        return "; ".join(map(str, self.findings)) or "no fault found"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"ok": self.ok, "findings": [asdict(finding) for finding in self.findings]}


def check_order(times: Ints) -> list[Finding]:
    """Errors for times that run back and for times that stand more than once; `times` in the file's order."""
    found = []
    back = np.flatnonzero(np.diff(times) < 0) + 1
    if len(back):
        detail = f"data row {back[0] + 1} is earlier than the row before it"
        found.append(_finding("time out of order", "error", len(back), times[back[0]], detail))
    ordered = np.sort(times)
    repeated = ordered[1:][np.diff(ordered) == 0]
    if len(repeated):
        row = int(np.flatnonzero(times == repeated[0])[1]) + 1
        found.append(_finding("duplicate time", "error", len(repeated), repeated[0], f"again in data row {row}"))
    return found


def check_prices(times: Ints, prices: Mapping[str, Floats], raw: Mapping[str, Floats], factor: Floats) -> list[Finding]:
    """Errors in open, high, low and close, as adjusted and rounded to the price grid, and in the factor.

    `prices` and `raw` hold the four by name. A bar without a usable factor is told once, by its factor.
    """
    open_, high, low, close = (prices[name] for name in ("open", "high", "low", "close"))
    four = np.vstack((open_, high, low, close))
    with np.errstate(invalid="ignore"):
        adjustable = np.isfinite(factor) & (factor > 0)
        finite = adjustable & np.isfinite(four).all(axis=0)
        highest = np.vstack((four, *raw.values())).max(axis=0)
        outside = (open_ > high) | (open_ < low) | (close > high) | (close < low)
        masks = {
            "price missing or not finite": adjustable & ~finite,
            "price not above 0": finite & (four <= 0).any(axis=0),
            "price too high": finite & (highest >= PRICE_LIMIT),
            "high below low": finite & (high < low),
            "open or close outside low to high": finite & (high >= low) & outside,
        }

    def shown(row: int) -> str:
        limit = f", must be below {PRICE_LIMIT:.0e}" if highest[row] >= PRICE_LIMIT else ""
        return ", ".join(f"{name} {column[row]:.10g}" for name, column in prices.items()) + limit

    found = _collect(times, "error", {"factor not above 0": ~adjustable}, lambda row: f"factor {factor[row]:.10g}")
    return found + _collect(times, "error", masks, shown)


def check_volume(times: Ints, volume: Floats, counts: bool) -> list[Finding]:
    """Errors for volume below 0, infinite or, where it `counts`, missing; a warning for bars without trades."""
    with np.errstate(invalid="ignore"):
        wrong = (volume < 0) | np.isinf(volume) | (np.isnan(volume) & counts)
        untraded = (volume == 0) & counts
    faults = _collect(
        times, "error", {"volume below 0 or not a number": wrong}, lambda row: f"volume {volume[row]:.10g}"
    )
    return faults + _collect(times, "warning", {"untraded bar": untraded}, lambda _: "volume 0: nothing fills in them")


def check_tick(times: Ints, raw: Mapping[str, Floats], tick: Decimal | None) -> list[Finding]:
    """A warning for raw prices off the tick grid, on which fills are rounded against us; an error below one tick."""
    if tick is None:
        return []
    with np.errstate(invalid="ignore"):
        below = raw["low"] < float(tick)
    if below.any():
        return _collect(
            times, "error", {"price below one tick": below}, lambda row: f"low {raw['low'][row]:.10g}, tick {tick:f}"
        )
    step = int(tick / PRICE_STEP)
    four = np.vstack(tuple(raw.values()))
    usable = np.where(np.isfinite(four) & (np.abs(four) < PRICE_LIMIT), four, 0.0)
    off = (np.rint(usable * 1e8).astype(np.int64) % step != 0).any(axis=0)
    detail = f"tick {tick.normalize():f}; fills are rounded to it against us"
    return _collect(times, "warning", {"price off the tick": off}, lambda _: detail)


def check_calendar(times: Ints, interval_ns: int, calendar: Calendar) -> list[Finding]:
    """Warnings for missing bars, bars while the market is closed, and bars that overlap; `times` must increase.

    Missing bars are those between the first and the last: against the calendar for daily and shorter bars of a
    market, else by the distance between neighbours. Shorter bars may count from the open or from local midnight; the
    reading that misses fewer is taken.
    """
    found = []
    missing, stretches, first = _missing(times, interval_ns, calendar)
    if missing:
        share = f"{100 * missing / (missing + len(times)):.2g} % of the bars the {calendar.name} calendar has"
        found.append(_finding("gap", "warning", missing, first, f"in {stretches} stretch(es), {share}"))
    if not calendar.never_closes and (is_daily(interval_ns) or interval_ns < DAY_NS):
        sessions = calendar.sessions_around(int(times[0]), int(times[-1]))
        closed = sessions.closes_of(times) < 0 if is_daily(interval_ns) else ~sessions.trades_in(times, interval_ns)
        detail = f"of the {calendar.name} calendar"
        found += _collect(times, "warning", {"bar outside the sessions": closed}, lambda _: detail)
    hours = times % DAY_NS
    if is_daily(interval_ns) and calendar.never_closes:
        detail = "daily bars whose time of day in UTC changes; pass the --tz of their midnights"
        found += _collect(times, "warning", {"changed hour": hours != hours[0]}, lambda _: detail)
    # Days and months vary in length, so that only shorter bars can overlap for sure.
    overlap = np.append(np.diff(times) < interval_ns, False) & (interval_ns < DAY_NS - DAY_NS // 24)
    detail = f"followed by the next before the {interval_ns / 1e9:g} s of the others are over"
    return found + _collect(times, "warning", {"short bar": overlap}, lambda _: detail)


def check_closed(times: Ints, ends: Ints, now_ns: int) -> list[Finding]:
    """A warning for a last bar still forming at `now_ns`, and one for bars that begin later.

    Bars of the future cannot form: they are made up or in a wrong zone, and are kept as they are.
    """
    late = np.flatnonzero(ends > now_ns)
    if not len(late):
        return []
    future = int((times > now_ns).sum())
    if future:
        detail = f"made up, or in a wrong zone: it is {iso(from_ns(now_ns))} now; check --tz and this machine's clock"
        return [_finding("bar in the future", "warning", future, times[len(times) - future], detail)]
    return [_finding("forming bar", "warning", 1, times[late[0]], "not closed yet, so left out: it is no bar")]


def _missing(times: Ints, interval_ns: int, calendar: Calendar) -> tuple[int, int, int]:
    """How many bars are missing, in how many stretches, and the start of the first."""
    if calendar.never_closes or (interval_ns > DAY_NS and not is_daily(interval_ns)):
        lacking = np.rint(np.diff(times) / interval_ns).astype(np.int64) - 1
        at = np.flatnonzero(lacking > 0)
        return int(lacking[at].sum()), len(at), int(times[at[0]]) + interval_ns if len(at) else 0
    best: tuple[int, int, int] | None = None
    for on_the_clock in (False, True):
        expected = calendar.expected_starts(int(times[0]), int(times[-1]), interval_ns, on_the_clock=on_the_clock)
        absent = ~np.isin(expected, times, assume_unique=True)
        count = int(absent.sum())
        if best is None or count < best[0]:
            stretches = int((absent & ~np.append(False, absent[:-1])).sum()) if count else 0
            best = count, stretches, int(expected[np.argmax(absent)]) if count else 0
        if not count or is_daily(interval_ns):
            break
    return best or (0, 0, 0)


def _collect(times: Ints, severity: Severity, masks: Mapping[str, Bools], detail: Any) -> list[Finding]:
    """A finding for each mask that marks a bar; `detail` says more of a row."""
    marked: Iterable[tuple[str, Bools]] = ((kind, mask) for kind, mask in masks.items() if mask.any())
    return [
        _finding(kind, severity, int(mask.sum()), times[np.argmax(mask)], detail(int(np.argmax(mask))))
        for kind, mask in marked
    ]


def _finding(kind: str, severity: Severity, count: int, first: int | np.int64, detail: str) -> Finding:
    return Finding(kind, severity, count, iso(from_ns(int(first))), detail)
