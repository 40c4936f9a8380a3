"""Signals: a strategy's answer over a stretch of bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import StrategyFault

FLAGS = ("entries", "exits", "short_entries", "short_exits")
NUMBERS = ("size", "stop", "target", "trail")


@dataclass(frozen=True, eq=False, init=False)
class Signals:
    """Entries and exits of both sides, a flag a bar; None where the strategy has none.

    `size` is in units (shares, raw), `stop`, `target` and `trail` in percent of the fill price; each a number a bar
    or one for all, NaN or None for what the strategy or the run declares. Row t may depend on bars up to t only.
    """

    entries: ArrayLike | None = None
    exits: ArrayLike | None = None
    short_entries: ArrayLike | None = None
    short_exits: ArrayLike | None = None
    size: ArrayLike | None = None
    stop: ArrayLike | None = None
    target: ArrayLike | None = None
    trail: ArrayLike | None = None

    def __init__(
        self,
        entries: ArrayLike | None = None,
        exits: ArrayLike | None = None,
        short_entries: ArrayLike | None = None,
        short_exits: ArrayLike | None = None,
        size: ArrayLike | None = None,
        stop: ArrayLike | None = None,
        target: ArrayLike | None = None,
        trail: ArrayLike | None = None,
    ) -> None:
        own = self.__dict__  # past the guard of a frozen class: a sweep makes thousands
        own["entries"], own["exits"], own["short_entries"], own["short_exits"] = (
            entries, exits, short_entries, short_exits,
        )  # fmt: skip
        own["size"], own["stop"], own["target"], own["trail"] = size, stop, target, trail

    def columns(self, bars: int, strategy: str) -> Columns:
        """The answer as checked columns of `bars` rows. Raises StrategyFault for a wrong length, kind or range."""
        columns: dict[str, Any] = {name: _flags(strategy, name, getattr(self, name), bars) for name in FLAGS}
        columns |= {name: _numbers(strategy, name, getattr(self, name), bars) for name in NUMBERS}
        return Columns(**columns)


@dataclass(frozen=True, eq=False, slots=True)
class Columns:
    """Checked signals: four flags as bool and four numbers as float64 with NaN, each of one length."""

    entries: NDArray[np.bool_]
    exits: NDArray[np.bool_]
    short_entries: NDArray[np.bool_]
    short_exits: NDArray[np.bool_]
    size: NDArray[np.float64]
    stop: NDArray[np.float64]
    target: NDArray[np.float64]
    trail: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.entries)

    def rows(self, first: int, stop: int) -> Columns:
        """The rows from `first` up to, not including, `stop`."""
        return Columns(*(getattr(self, name)[first:stop] for name in (*FLAGS, *NUMBERS)))

    def any(self) -> NDArray[np.bool_]:
        """Where any flag is set."""
        return self.entries | self.exits | self.short_entries | self.short_exits

    def differing(self, other: Columns, tolerance: float = 0.0) -> dict[str, NDArray[np.bool_]]:
        """Where two answers of one length differ, field by field; only fields that differ are named.

        Numbers are compared, to a relative tolerance, at rows where an entry of either side is flagged: elsewhere
        nobody reads them.
        """
        found = {name: getattr(self, name) != getattr(other, name) for name in FLAGS}
        read = self.entries | self.short_entries
        if read.any():
            for name in NUMBERS:
                mine, theirs = getattr(self, name), getattr(other, name)
                same = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
                if tolerance:
                    same |= np.abs(mine - theirs) <= tolerance * np.abs(theirs)
                found[name] = read & ~same
        return {name: mask for name, mask in found.items() if mask.any()}

    def first_difference(self, other: Columns, tolerance: float = 0.0) -> tuple[int, str] | None:
        """The first row at which two answers of one length differ, and in what; None where they agree."""
        found = self.differing(other, tolerance)
        return min(((int(mask.argmax()), name) for name, mask in found.items()), default=None)


def _flags(strategy: str, name: str, value: Any, bars: int) -> NDArray[np.bool_]:
    if value is None:
        return np.zeros(bars, np.bool_)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise StrategyFault(f"strategy {strategy}", name, f"is no column ({error})", "return one value a bar") from None
    if array.dtype == object:  # flags with gaps, as pandas makes them by shifting or with its nullable type
        array = np.array([_flag(strategy, name, item) for item in array.ravel()], np.bool_).reshape(array.shape)
    elif array.dtype != np.bool_:
        if not (np.issubdtype(array.dtype, np.number) and np.isin(array[~np.isnan(array)], (0, 1)).all()):
            raise StrategyFault(f"strategy {strategy}", name, f"holds {array.dtype}, not true and false")
        array = np.nan_to_num(array) == 1
    return _one_column(strategy, name, array, bars).astype(np.bool_, copy=True)


def _flag(strategy: str, name: str, item: Any) -> bool:
    """One flag of an object column; a gap is no flag."""
    if item is None or type(item).__name__ in ("NAType", "NaTType") or (isinstance(item, float) and item != item):
        return False
    if isinstance(item, (bool, np.bool_)) or (isinstance(item, (int, float)) and item in (0, 1)):
        return bool(item)
    raise StrategyFault(f"strategy {strategy}", name, f"holds {item!r}, not true and false")


def _numbers(strategy: str, name: str, value: Any, bars: int) -> NDArray[np.float64]:
    if value is None:
        return np.full(bars, np.nan)
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise StrategyFault(f"strategy {strategy}", name, "does not hold numbers") from None
    if array.ndim == 0:
        array = np.full(bars, float(array))
    array = _one_column(strategy, name, array, bars).astype(np.float64, copy=True)
    given = array[~np.isnan(array)]
    if np.isinf(given).any() or (given <= 0).any():
        raise StrategyFault(
            f"strategy {strategy}",
            name,
            f"holds {given[np.isinf(given) | (given <= 0)][0]}",
            "give numbers above 0, or NaN for none",
        )
    most = 1e15 if name == "size" else 100_000.0
    if (given > most).any() or (given < 1e-6).any():
        wrong = given[(given > most) | (given < 1e-6)][0]
        raise StrategyFault(f"strategy {strategy}", name, f"holds {wrong:g}", f"keep it between 1e-6 and {most:g}")
    if name in ("stop", "trail") and (given >= 100).any():
        raise StrategyFault(
            f"strategy {strategy}",
            name,
            f"holds {given[given >= 100][0]} percent",
            "keep it below 100 percent of the fill price",
        )
    return array


def _one_column(strategy: str, name: str, array: NDArray[Any], bars: int) -> NDArray[Any]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (bars,):
        raise StrategyFault(
            f"strategy {strategy}", name, f"has the shape {array.shape} for {bars} bars", "return one value a bar"
        )
    return array
