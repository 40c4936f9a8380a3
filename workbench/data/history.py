"""PriceHistory: checked bars of one symbol."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.data.calendars import DAY_NS
from workbench.data.checks import DataReport
from workbench.data.times import read_bound, zone_of
from workbench.errors import BadInput
from workbench.model import Bar, Instrument, from_ns, iso

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

_TYPES = {"times": np.int64, "ends": np.int64, "traded": np.bool_}
COLUMNS = ("times", "ends", "open", "high", "low", "close", "volume", "factor", "traded")


@dataclass(frozen=True, eq=False)
class PriceHistory:
    """Bars of one symbol that passed the checks, oldest first; columns of one length that cannot be written to.

    `times` are bar starts and `ends` when each bar had closed, int64 nanoseconds UTC; the start of a daily or longer
    bar is its date at 00:00 UTC, a label. Prices are float64 on the 1e-8 grid and, where the instrument says so,
    adjusted: raw × `factor` (1 where unadjusted). `volume` is NaN where unknown. `traded` is False for a bar in which
    nothing could be traded. `calendar` is a name, `zone` the IANA zone in which a date means a day of shorter bars.
    `report` is on what was loaded; windows keep it. Raises BadInput for columns that do not fit together.
    """

    source: str
    symbol: str
    instrument: Instrument
    calendar: str
    zone: str
    interval_ns: int
    periods_per_year: float
    times: NDArray[np.int64]
    ends: NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    factor: Floats
    traded: NDArray[np.bool_]
    report: DataReport = field(default_factory=DataReport)
    notes: tuple[str, ...] = ()
    as_of: date | None = None

    def __post_init__(self) -> None:
        if self.interval_ns <= 0:
            raise BadInput(f"{self.symbol} interval_ns", self.interval_ns, "must be above 0")
        if self.times.ndim != 1 or not len(self.times):
            raise BadInput(f"{self.symbol} times", self.times.shape, "must be one column of at least one bar")
        for name in COLUMNS:
            column, wanted = getattr(self, name), _TYPES.get(name, np.float64)
            if column.shape != self.times.shape or column.dtype != wanted:
                shown = f"{column.dtype} {column.shape}"
                problem = f"must be one column of {len(self.times)} values of {np.dtype(wanted)}"
                raise BadInput(f"{self.symbol} {name}", shown, problem)
        if (np.diff(self.times) <= 0).any() or (self.ends <= self.times).any():
            raise BadInput(
                f"{self.symbol} times", self.start.isoformat(), "must increase, and each bar end after its start"
            )
        self._freeze()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._freeze()  # arrays come out of a pickle writable, as in another process of a sweep

    def __repr__(self) -> str:
        span = f"{self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}"
        return f"<PriceHistory {self.source}:{self.symbol}, {self.bars} bars, {span}>"

    @property
    def bars(self) -> int:
        """How many bars there are; at least one."""
        return len(self.times)

    @property
    def start(self) -> datetime:
        """Start of the first bar, UTC."""
        return from_ns(int(self.times[0]))

    @property
    def end(self) -> datetime:
        """Start of the last bar, UTC."""
        return from_ns(int(self.times[-1]))

    @property
    def columns(self) -> dict[str, Any]:
        """What a strategy may see, by the names `workbench.Bars` takes."""
        names = ("times", "open", "high", "low", "close", "volume")
        return {name: getattr(self, name) for name in names} | {"symbol": self.symbol}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over the bars, their interval, their calendar and how the instrument trades.

        The same wherever a file lies and whatever it is called: neither source, symbol nor notes count.
        """
        i = self.instrument
        grids = "|".join("" if grid is None else f"{grid.normalize():f}" for grid in (i.lot, i.tick))
        digest = hashlib.sha256(f"{self.interval_ns}|{self.calendar}|{i.currency}|{i.adjusted}|{grids}".encode())
        for name in COLUMNS:
            column = getattr(self, name)
            if column.dtype == np.float64:
                column = np.where(np.isnan(column), np.nan, column) + 0.0  # one NaN, and no negative zero
            digest.update(f"|{name}:".encode())
            digest.update(np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()

    @property
    def frame(self) -> pd.DataFrame:
        """Columns open to traded over a UTC index of bar starts named time; a copy of its own for each call."""
        import pandas as pd

        index = pd.DatetimeIndex(self.times.view("M8[ns]"), tz="UTC", name="time")
        return pd.DataFrame({name: getattr(self, name).copy() for name in COLUMNS[2:]}, index=index)

    def window(self, first: int, stop: int) -> PriceHistory:
        """The bars from position `first` up to, not including, `stop`; copied. Raises BadInput outside 0 to `bars`."""
        if not 0 <= first < stop <= self.bars:
            raise BadInput("window", f"{first}:{stop}", f"must hold bars of 0 to {self.bars}, stop excluded")
        return replace(self, **{name: getattr(self, name)[first:stop].copy() for name in COLUMNS})

    def between(
        self, start: str | date | datetime | None = None, end: str | date | datetime | None = None
    ) -> PriceHistory:
        """The bars that start from `start` to `end`, both included; None leaves that side open.

        A date without a time means the whole day: in UTC for daily and longer bars that start at midnight UTC, which
        are labels, else in `zone`. Raises BadInput for an unreadable date, an end before the start, and an empty span.
        """
        first, stop = positions(self.times, start, end, "UTC" if is_labelled(self) else self.zone)
        return self.window(first, stop)

    def bar(self, i: int) -> Bar:
        """The bar at position `i` (0 to `bars` - 1), exact: prices are whole multiples of 1e-8."""
        if not 0 <= i < self.bars:
            raise BadInput("bar", i, f"must be from 0 to {self.bars - 1}")
        return Bar(
            symbol=self.symbol,
            start=from_ns(int(self.times[i])),
            end=from_ns(int(self.ends[i])),
            open=_exact(self.open[i]),
            high=_exact(self.high[i]),
            low=_exact(self.low[i]),
            close=_exact(self.close[i]),
            volume=None if isnan(volume := float(self.volume[i])) else Decimal(repr(volume)),
            factor=_ONE if (factor := float(self.factor[i])) == 1 else Decimal(repr(factor)),
            traded=bool(self.traded[i]),
        )

    def _freeze(self) -> None:
        for name in COLUMNS:
            getattr(self, name).flags.writeable = False


def is_labelled(history: PriceHistory) -> bool:
    """Whether bar starts are dates at 00:00 UTC, labels, rather than instants."""
    return history.interval_ns >= DAY_NS and not (history.times % DAY_NS).any()


def positions(
    times: NDArray[np.int64], start: str | date | datetime | None, end: str | date | datetime | None, zone: str
) -> tuple[int, int]:
    """Where, in increasing `times`, a span begins (included) and stops (excluded); never empty, else BadInput."""
    days = zone_of(zone)
    first, last = read_bound("start", start, days, last=False), read_bound("end", end, days, last=True)
    if first is not None and last is not None and last < first:
        raise BadInput("end", str(end), f"is before start {start}", "swap them")
    begin = 0 if first is None else int(np.searchsorted(times, first, side="left"))
    stop = len(times) if last is None else int(np.searchsorted(times, last, side="right"))
    if begin >= stop:
        name, value = ("start", start) if first is not None else ("end", end)
        span = f"{iso(from_ns(int(times[0])))} to {iso(from_ns(int(times[-1])))}"
        asked = "" if start is None or end is None else f" to end {end}"
        raise BadInput(
            name, f"{value}{asked}", f"no bars in that range; there are bars from {span}", "choose within it"
        )
    return begin, stop


def _exact(price: float) -> Decimal:
    # By the integer the kernel compares, not by the float's text: both twins then see one price.
    return Decimal(round(float(price) * 1e8)).scaleb(-8)


_ONE = Decimal(repr(1.0))
