"""Bars from files: CSV and Parquet."""

import warnings
from pathlib import Path

import pandas as pd

from workbench.errors import BadInput, DataFault
from workbench.model import Instrument
from workbench.ports import DataRequest, PriceTable

TIME_NAMES = ("time", "datetime", "timestamp", "date")
"""What the column of times may be called; the first of these that is there counts."""


class CsvSource:
    """`csv:PATH`: columns time, open, high, low, close and, where known, volume and factor; others are ignored."""

    def symbols(self) -> list[str]:
        """None: any path may be named."""
        return []

    def load(self, request: DataRequest) -> PriceTable:
        """All bars of a file; its name without the ending is the symbol.

        Raises BadInput for a path that is no file, DataFault for a file that is no comma-separated table.
        """
        path = _existing(request.symbol)
        try:
            with warnings.catch_warnings():
                # A row with more fields than the heading would shift or lose columns.
                warnings.simplefilter("error", pd.errors.ParserWarning)
                frame = pd.read_csv(
                    path, index_col=False, skipinitialspace=True, float_precision="round_trip", low_memory=False
                )
        except pd.errors.EmptyDataError:
            raise DataFault("file", str(path), "is empty", "give a heading and at least one bar") from None
        except (pd.errors.ParserWarning, ValueError, OSError) as error:
            remedy = "save it as comma-separated UTF-8 text with one heading"
            raise DataFault("file", str(path), f"cannot be read as CSV ({_short(error)})", remedy) from None
        return _table(path, frame, request)


class ParquetSource:
    """`parquet:PATH`: the columns of a CSV file; the time may be the index."""

    def symbols(self) -> list[str]:
        """None: any path may be named."""
        return []

    def load(self, request: DataRequest) -> PriceTable:
        """All bars of a file; its name without the ending is the symbol.

        Raises BadInput for a path that is no file, DataFault for a file that is no Parquet table.
        """
        path = _existing(request.symbol)
        try:
            frame = pd.read_parquet(path)
        except Exception as error:  # noqa: BLE001 - pyarrow has no common base for "this is no Parquet file"
            problem = f"cannot be read as Parquet ({_short(error)})"
            raise DataFault("file", str(path), problem, "write it with pandas.DataFrame.to_parquet") from None
        index = str(frame.index.name or "").strip().lower()
        if index in TIME_NAMES or isinstance(frame.index, pd.DatetimeIndex):
            # As the index is the more deliberate place, a column of the same name gives way.
            same = [name for name in frame.columns if str(name).strip().lower() == "time"]
            frame = frame.drop(columns=same).rename_axis(index="time").reset_index()
        return _table(path, frame, request)


def _existing(text: str) -> Path:
    path = Path(text).expanduser()
    if path.is_dir():
        raise BadInput("file", text, "is a folder", "name a file in it")
    if not path.is_file():
        raise BadInput("file", text, "does not exist", "check the path")
    return path


def _table(path: Path, frame: pd.DataFrame, request: DataRequest) -> PriceTable:
    frame = frame.rename(columns={name: str(name).strip().lower() for name in frame.columns})
    wanted = ["open", "high", "low", "close", "volume", "factor"]
    time = next((name for name in TIME_NAMES if name in frame.columns), None)
    frame = frame[[name for name in frame.columns if name in wanted or name == time]]
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise DataFault("file", str(path), f"has the column {twice[0]} twice", "keep one")
    frame = frame.rename(columns={time: "time"}) if time else frame
    notes = []
    counts = False
    if "volume" not in frame or bool(frame["volume"].isna().all()):
        frame = frame.drop(columns="volume", errors="ignore")
        notes.append("no volume is known: every bar counts as traded")
    elif bool((pd.to_numeric(frame["volume"], errors="coerce") == 0).all()):
        notes.append("volume is 0 throughout, as an index has it: every bar counts as traded")
    else:
        counts = True
    adjusted = "factor" in frame
    if adjusted:
        notes.append("prices are adjusted by the file's factor column")
    symbol = "_".join(path.stem.replace(",", " ").split())
    return PriceTable(
        frame,
        Instrument(symbol, tick=request.tick, lot=request.lot, adjusted=adjusted),
        calendar=request.calendar or "always",
        zone=request.zone,
        volume_counts=counts,
        notes=tuple(notes),
    )


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
