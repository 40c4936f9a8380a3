"""Bars from files: CSV and Parquet."""

from pathlib import Path
from typing import Any

import pandas as pd

from workbench.errors import BadInput, DataFault
from workbench.model import Instrument
from workbench.ports import DataRequest, PriceTable

TIME_NAMES = ("time", "datetime", "timestamp", "date")


class CsvSource:
    """`csv:PATH`: columns time, open, high, low, close and, where there is one, volume; further ones are ignored."""

    def symbols(self) -> list[str]:
        """None: any path may be named."""
        return []

    def load(self, request: DataRequest) -> PriceTable:
        """All bars of a file; its name without the ending is the symbol."""
        path = _existing(request.symbol)
        try:
            # The first column is never an index; texts of times and numbers are read by the checks, not guessed here.
            frame = pd.read_csv(path, index_col=False, skipinitialspace=True)
        except pd.errors.EmptyDataError:
            raise DataFault("file", str(path), "is empty", "give a file with a heading and bars") from None
        except (pd.errors.ParserError, UnicodeDecodeError, ValueError) as error:
            raise DataFault("file", str(path), f"cannot be read as CSV ({error})", "check its format") from None
        return _table(path, frame, request)


class ParquetSource:
    """`parquet:PATH`: the columns of a CSV file; time may be the index."""

    def symbols(self) -> list[str]:
        """None: any path may be named."""
        return []

    def load(self, request: DataRequest) -> PriceTable:
        """All bars of a file; its name without the ending is the symbol."""
        path = _existing(request.symbol)
        try:
            frame = pd.read_parquet(path)
        except Exception as error:  # noqa: BLE001 - pyarrow has no common base for "this is no Parquet file"
            raise DataFault("file", str(path), f"cannot be read as Parquet ({error})", "check its format") from None
        if isinstance(frame.index, pd.DatetimeIndex):
            frame = frame.rename_axis(index="time").reset_index()
        return _table(path, frame, request)


def _existing(text: str) -> Path:
    path = Path(text).expanduser()
    if path.is_dir():
        raise BadInput("file", text, "is a folder", "name a file in it")
    if not path.is_file():
        raise BadInput("file", text, "does not exist", "check the path")
    return path


def _table(path: Path, frame: pd.DataFrame, request: DataRequest) -> PriceTable:
    names: dict[Any, str] = {column: str(column).strip().lower() for column in frame.columns}
    frame = frame.rename(columns=names)
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise DataFault("file", str(path), f"has the column {twice[0]} twice", "keep one")
    if "time" not in frame.columns:
        for name in TIME_NAMES[1:]:
            if name in frame.columns:
                frame = frame.rename(columns={name: "time"})
                break
    notes = []
    counts = False
    if "volume" in frame.columns:
        volume = pd.to_numeric(frame["volume"], errors="coerce")
        counts = bool((volume > 0).any())
        if not counts:
            notes.append("volume is 0 throughout, as an index has it: every bar counts as traded")
    adjusted = "factor" in frame.columns
    if adjusted:
        notes.append("prices are adjusted by the file's factor column")
    instrument = Instrument(
        "_".join(path.stem.replace(",", " ").split()), tick=request.tick, lot=request.lot, adjusted=adjusted
    )
    return PriceTable(
        frame,
        instrument,
        calendar=request.calendar or "always",
        zone=request.zone,
        volume_counts=counts,
        notes=tuple(notes),
    )
