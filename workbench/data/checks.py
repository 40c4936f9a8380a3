"""Checks: what is wrong with prices on the way in. Faults are told, never repaired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.data.calendars import Calendar
from workbench.model import Instrument, from_ns, iso

Floats = NDArray[np.float64]
HIGHEST_PRICE = 9e9
"""Prices are integers of 1e-8 in 63 bits; above this they would not fit."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of fault: how often, where first (UTC), and what. An error refuses the prices, a warning does not."""

    kind: str
    severity: str
    count: int
    first: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind} × {self.count} (first {self.first}: {self.detail})"


@dataclass(frozen=True, slots=True)
class DataReport:
    """Everything the checks found on one history."""

    findings: tuple[Finding, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that refuse the prices."""
        return tuple(f for f in self.findings if f.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings to know about."""
        return tuple(f for f in self.findings if f.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether nothing refuses the prices."""
        return not self.errors

    def summary(self) -> str:
        """All findings in one line."""
        return "; ".join(map(str, self.findings)) or "no fault found"

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "ok": self.ok,
            "findings": [
                {"kind": f.kind, "severity": f.severity, "count": f.count, "first": f.first, "detail": f.detail}
                for f in self.findings
            ],
        }


def check_order(times: NDArray[np.int64]) -> list[Finding]:
    """Times must increase: repeated ones and ones that run back are errors."""
    step = np.diff(times)
    found = []
    for kind, wrong in (("duplicate time", step == 0), ("time out of order", step < 0)):
        if wrong.any():
            at = int(wrong.argmax()) + 1
            found.append(Finding(kind, "error", int(wrong.sum()), _at(times, at), f"row {at + 1}"))
    return found


def check_prices(
    times: NDArray[np.int64],
    open_: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
    instrument: Instrument,
) -> list[Finding]:
    """Each bar's own numbers: finite, above 0, low ≤ open and close ≤ high, volume not below 0, on the tick."""
    prices = {"open": open_, "high": high, "low": low, "close": close}
    found: list[Finding] = []

    def tell(kind: str, severity: str, wrong: NDArray[np.bool_], detail: str) -> None:
        if wrong.any():
            at = int(wrong.argmax())
            shown = ", ".join(f"{name} {column[at]:g}" for name, column in prices.items())
            found.append(Finding(kind, severity, int(wrong.sum()), _at(times, at), detail or shown))

    for name, column in prices.items():
        bad = ~np.isfinite(column)
        tell(f"{name} missing or not finite", "error", bad, f"row {int(bad.argmax()) + 1} of the data")
    finite = np.isfinite(open_) & np.isfinite(high) & np.isfinite(low) & np.isfinite(close)
    with np.errstate(invalid="ignore"):
        lowest = np.fmin(np.fmin(open_, close), np.fmin(high, low))
        tell("price not above 0", "error", finite & (lowest <= 0), "")
        tell("high below low", "error", finite & (high < low), "")
        inside = (np.fmin(open_, close) >= low) & (np.fmax(open_, close) <= high)
        tell("open or close outside low to high", "error", finite & (high >= low) & ~inside, "")
        tell(f"price above {HIGHEST_PRICE:g}", "error", finite & (np.fmax(high, low) > HIGHEST_PRICE), "")
        tell("volume below 0 or not finite", "error", (volume < 0) | np.isinf(volume), "")
        if instrument.tick is not None:
            tick = float(instrument.tick)
            off = np.zeros(len(times), np.bool_)
            for column in prices.values():
                off |= np.abs(column / tick - np.rint(column / tick)) > 1e-6
            tell("price off the tick", "warning", finite & off, f"tick {instrument.tick}; fills are rounded against us")
    return found


def check_calendar(times: NDArray[np.int64], interval: int, calendar: Calendar) -> list[Finding]:
    """Bars the calendar expects and that are absent, and bars where it expects none; both are warnings."""
    found = []
    expected = calendar.expected(int(times[0]), int(times[-1]), interval) if len(times) else None
    if expected is not None:
        missing = expected[~np.isin(expected, times)]
        if len(missing):
            detail = f"{len(missing) / len(expected):.1%} of the bars the {calendar.name} calendar has"
            found.append(Finding("gap", "warning", len(missing), iso(from_ns(int(missing[0]))), detail))
    outside = calendar.outside(times, interval)
    if outside.any():
        first = _at(times, int(outside.argmax()))
        found.append(
            Finding(
                "bar outside the sessions", "warning", int(outside.sum()), first, f"of the {calendar.name} calendar"
            )
        )
    return found


def forming(ends: NDArray[np.int64], now: datetime | None) -> int:
    """How many bars at the end have not closed yet."""
    limit = int((now or datetime.now(UTC)).timestamp() * 10**9)
    return int((ends > limit).sum())


def _at(times: NDArray[np.int64], row: int) -> str:
    return iso(from_ns(int(times[row])))
