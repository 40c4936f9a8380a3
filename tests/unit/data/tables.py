"""A source of tables made up in tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from workbench.data import PriceHistory, load_history
from workbench.model import Instrument
from workbench.ports import DataRequest, PriceTable


class Made:
    """Hands over one table, whatever is asked for."""

    def __init__(self, table: PriceTable) -> None:
        self.table = table

    def symbols(self) -> list[str]:
        return [self.table.instrument.symbol]

    def load(self, request: DataRequest) -> PriceTable:
        return self.table


def table_frame(times: Any, **columns: Any) -> pd.DataFrame:
    """Bars at times, all 10, 12, 9, 11 with volume 100 unless columns say otherwise; None drops a column."""
    count = len(times)
    frame = {"time": times}
    for name, value in {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 100.0}.items():
        frame[name] = np.full(count, value)
    frame.update(columns)
    return pd.DataFrame({name: column for name, column in frame.items() if column is not None})


def load_made(
    times: Any,
    *,
    calendar: str = "always",
    zone: str | None = None,
    request: DataRequest | None = None,
    volume_counts: bool = True,
    adjusted: bool = False,
    tick: str | None = None,
    lot: str | None = None,
    start: Any = None,
    end: Any = None,
    now: datetime | None = None,
    **columns: Any,
) -> PriceHistory:
    """Load bars made by `table_frame` as made:X."""
    instrument = Instrument(
        "X", tick=Decimal(tick) if tick else None, lot=Decimal(lot) if lot else None, adjusted=adjusted
    )
    table = PriceTable(table_frame(times, **columns), instrument, calendar, zone, volume_counts)
    return load_history("made", Made(table), request or DataRequest("X"), start=start, end=end, now=now)


def days(first: str, count: int) -> list[str]:
    """Consecutive dates as text."""
    return [str(day.date()) for day in pd.date_range(first, periods=count)]


def minutes(first: str, count: int, step: int = 1) -> list[str]:
    """Consecutive UTC minutes as text."""
    return [f"{moment:%Y-%m-%dT%H:%M}Z" for moment in pd.date_range(first, periods=count, freq=f"{step}min")]


def kinds(history: PriceHistory) -> dict[str, int]:
    """What the report found, with counts."""
    return {finding.kind: finding.count for finding in history.report.findings}


def starts(history: PriceHistory) -> Sequence[str]:
    """Bar starts as text, UTC."""
    return [f"{moment:%Y-%m-%d %H:%M}" for moment in history.frame.index]
