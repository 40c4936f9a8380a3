"""PriceHistory: checked bars of one symbol."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.data.checks import DataReport
from workbench.errors import BadInput
from workbench.model import PRICE_STEP, Bar, Instrument, from_ns

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
COLUMNS = ("times", "ends", "open", "high", "low", "close", "volume", "factor", "traded")


@dataclass(frozen=True, eq=False)
class PriceHistory:
    """Bars of one symbol that passed the checks, oldest first; columns cannot be written to.

    `times` are bar starts and `ends` when each bar had closed, int64 nanoseconds UTC. Prices are float64 on the 1e-8
    grid and, where the instrument says so, adjusted: raw × `factor`. `volume` is NaN where unknown. `traded` is False
    for a bar in which nothing could be traded.
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
        for name in COLUMNS:
            column = getattr(self, name)
            if column.shape != self.times.shape:
                raise BadInput(f"{self.symbol} {name}", column.shape, f"must be one column of {len(self.times)} values")
            column.flags.writeable = False

    @property
    def bars(self) -> int:
        """How many bars there are."""
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
        """SHA-256 over the bars and how they trade; the same wherever the file lies."""
        i = self.instrument
        digest = hashlib.sha256(
            f"{self.symbol}|{i.currency}|{i.tick}|{i.lot}|{i.adjusted}|{self.calendar}|{self.interval_ns}".encode()
        )
        for name in COLUMNS:
            digest.update(name.encode() + np.ascontiguousarray(getattr(self, name)).tobytes())
        return digest.hexdigest()

    @property
    def frame(self) -> pd.DataFrame:
        """The columns over a UTC index of bar starts; a copy of its own for each call."""
        import pandas as pd

        index = pd.DatetimeIndex(self.times.view("M8[ns]"), tz="UTC", name="time")
        return pd.DataFrame({name: getattr(self, name).copy() for name in COLUMNS[2:]}, index=index)

    def window(self, first: int, stop: int) -> PriceHistory:
        """The bars from position `first` up to, not including, `stop`, copied."""
        cut = {name: getattr(self, name)[first:stop].copy() for name in COLUMNS}
        return replace(self, **cut)

    def bar(self, i: int) -> Bar:
        """One bar, exact: prices are whole multiples of 1e-8."""
        return Bar(
            symbol=self.symbol,
            start=from_ns(int(self.times[i])),
            end=from_ns(int(self.ends[i])),
            open=_exact(self.open[i]),
            high=_exact(self.high[i]),
            low=_exact(self.low[i]),
            close=_exact(self.close[i]),
            volume=None if np.isnan(self.volume[i]) else Decimal(repr(float(self.volume[i]))),
            factor=Decimal(repr(float(self.factor[i]))),
            traded=bool(self.traded[i]),
        )

    def __repr__(self) -> str:
        span = f"{self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}"
        return f"<PriceHistory {self.source}:{self.symbol}, {self.bars} bars, {span}>"


def _exact(price: float) -> Decimal:
    return Decimal(round(float(price) * 1e8)) * PRICE_STEP
