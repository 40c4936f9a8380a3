"""Data ports: a source of bars and what it hands over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from workbench.model import Instrument

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class DataRequest:
    """What to load from a source; None leaves the choice to the source.

    `symbol` is a symbol or, for file sources, a path. `zone` is the IANA zone of times that carry none.
    """

    symbol: str
    zone: str | None = None
    calendar: str | None = None
    lot: Decimal | None = None
    tick: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices as a source hands them over, unchecked.

    `frame` has the columns time, open, high, low, close and, where known, volume and factor; prices are raw, and
    where `instrument.adjusted` the research price is raw × factor. `time` is the bar's start: zoned, or naive in
    `zone`, or dates alone for daily bars. `volume_counts` False says that zero volume does not mean "untraded"
    (an index has none). `as_of` is the date of the symbol universe.
    """

    frame: pd.DataFrame
    instrument: Instrument
    calendar: str = "always"
    zone: str | None = None
    volume_counts: bool = True
    as_of: date | None = None
    notes: tuple[str, ...] = ()


@runtime_checkable
class DataSource(Protocol):
    """A source of bars."""

    def symbols(self) -> Sequence[str]:
        """Every symbol it can name; empty for a source of files."""

    def load(self, request: DataRequest) -> PriceTable:
        """All bars of one symbol. Raises BadInput (UnknownName for a symbol it does not have)."""
