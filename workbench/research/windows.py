"""Windows of a walk-forward, in bars or in calendar time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from workbench.errors import BadInput

_SPAN = re.compile(r"(\d+)([dwmy])")
_UNITS = {"d": "days", "w": "weeks", "m": "months", "y": "years"}


@dataclass(frozen=True, slots=True)
class Span:
    """A length of a window: a number of bars, or of days, weeks, months or years."""

    count: int
    unit: str = "bars"

    @staticmethod
    def parse(name: str, value: int | str) -> Span:
        """A span from 250, "250", "90d", "12w", "6m" or "2y". Raises BadInput naming the parameter."""
        text = str(value).strip().lower()
        match = _SPAN.fullmatch(text)
        if match:
            count, unit = int(match[1]), _UNITS[match[2]]
        elif re.fullmatch(r"-?\d+", text):
            count, unit = int(text), "bars"
        else:
            raise BadInput(name, value, "is no span", "give bars as in 250, or 90d, 12w, 6m, 2y")
        if count > 1_000_000 or (unit != "bars" and count > 20_000):
            raise BadInput(name, value, "is too long", "give bars as in 250, or 90d, 12w, 6m, 2y")
        if count < 1:
            raise BadInput(name, value, "must be at least 1", "give bars as in 250, or 90d, 12w, 6m, 2y")
        return Span(count, unit)

    def __str__(self) -> str:
        return f"{self.count} {self.unit}"


@dataclass(frozen=True, slots=True)
class Window:
    """Positions on the tape, half open: train [train_first, train_stop), test [test_first, test_stop)."""

    train_first: int
    train_stop: int
    test_first: int
    test_stop: int


def split(times: NDArray[np.int64], train: Span, test: Span, *, anchored: bool, purge: int = 0) -> list[Window]:
    """Windows over bar starts (UTC ns): each test follows its train at once, tests join without gap or overlap.

    Rolling windows move on by one test; anchored ones keep their first bar. The last `purge` bars of
    a train are left out of it. A rest too short for a whole test is left
    out. Raises BadInput where not even one pair fits, or for spans of which one is in bars and one in calendar time.
    """
    if purge < 0:
        raise BadInput("purge", purge, "must be 0 bars or more")
    if (train.unit == "bars") != (test.unit == "bars"):
        raise BadInput(
            "test", str(test), f"does not go with train, {train}", "give both in bars or both in calendar time"
        )
    edges = _edges(times, train, test)
    windows = []
    for train_first, test_first, test_stop in edges:
        start = 0 if anchored else train_first
        if test_first - purge - start >= 2 and test_stop > test_first:
            windows.append(Window(start, test_first - purge, test_first, test_stop))
        elif purge and windows and test_stop > test_first:
            raise BadInput("purge", purge, "leaves a train without two bars, and a gap between the tests", "lower it")
    if not windows:
        raise BadInput(
            "train",
            str(train),
            f"with a test of {test} does not fit into {len(times)} bars",
            "shorten them or load more",
        )
    return windows


def _edges(times: NDArray[np.int64], train: Span, test: Span) -> list[tuple[int, int, int]]:
    if train.unit == "bars":
        starts = range(0, len(times) - train.count - test.count + 1, test.count)
        return [(s, s + train.count, s + train.count + test.count) for s in starts]
    import pandas as pd

    def after(span: Span, steps: int = 1) -> Any:
        return pd.DateOffset(**cast("Any", {span.unit: span.count * steps}))

    begin = pd.Timestamp(int(times[0]), tz="UTC")
    interval = int(np.median(np.diff(times))) if len(times) > 1 else 0
    last = pd.Timestamp(int(times[-1]) + interval, tz="UTC")

    def step_from(origin: Any, steps: int) -> Any:
        return origin + after(test, steps) if steps else origin

    # every edge from one origin: months clipped at their ends must not drift apart from window to window
    try:
        origin = begin + after(train)
        step_from(origin, 1)
    except (OverflowError, ValueError, pd.errors.OutOfBoundsDatetime):
        return []  # longer than time itself: no window fits
    edges: list[tuple[int, int, int]] = []
    while (test_end := step_from(origin, len(edges) + 1)) <= last:
        moments = step_from(begin, len(edges)), step_from(origin, len(edges)), test_end
        places = np.searchsorted(times, [int(t.as_unit("ns").value) for t in moments])
        edges.append((int(places[0]), int(places[1]), int(places[2])))
    return edges
