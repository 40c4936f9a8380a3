"""Warm-up proof: how many bars a strategy needs before more of the past changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import StrategyFault
from workbench.model import from_ns, iso
from workbench.ports import ProgressCallback, no_progress
from workbench.strategy import Bars, Columns, Strategy

TOLERANCE = 1e-6
"""Sizes and levels count as settled within this share; entries and exits must be the same."""
STARTS = 1_000
"""At most so many beginnings of history are tried."""
SCALED_FROM = 1_000
"""From so many bars on a past of another scale is tried too; a shorter history leaves it no time to fade."""


@dataclass(frozen=True, slots=True)
class WarmupProof:
    """What was measured. `bars_needed` is the shortest history from which on every answer was settled.

    The strategy answers on the history without its first bars, again and again with other beginnings (`starts`); every
    row is compared with the answer on the whole. `bars_needed` is one more than the longest history at whose end a row
    still differed; `last_difference` shows that row. It must not reach `limit`: half the history, or three quarters
    where the strategy declares more. `declared` is the strategy's own figure and must not be below `bars_needed`.
    `signals` counts the rows with a signal that agreed afterwards. On 1,000 bars or more, prices before some starts are
    also made a thousand times higher and lower: that too must not show after `limit` bars.
    """

    passed: bool
    symbol: str
    bars: int
    bars_needed: int | None
    declared: int | None
    limit: int
    starts: int
    signals: int
    last_difference: dict[str, Any] | None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The proof as JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def prove_warmup(
    strategy: Strategy, bars: Bars, *, seed: int = 0, progress: ProgressCallback = no_progress
) -> WarmupProof:
    """Measure the warm-up of a strategy on bars.

    Fails where the answer never settles, where the strategy declares less than it needs, and where the history is too
    short or too quiet to tell.
    """
    count, declared = len(bars), strategy.warmup
    limit = count // 2 if declared is None or declared <= count // 2 else min(declared, count * 3 // 4)
    starts = _starts(count - limit - count // 8, seed)
    if not len(starts):
        return WarmupProof(False, bars.symbol, count, None, declared, limit, 0, 0, None, "needs at least 8 bars")
    whole = strategy.answer(bars)
    flagged = whole.any()
    needed, told = 1, None
    for done, start in enumerate(starts):
        if done % 32 == 0:
            progress("warm-up", done, len(starts))
        try:
            answer = strategy.answer(bars.rows(start, count))
        except StrategyFault as fault:
            reason = f"{fault}, without the first {start} bars"
            return WarmupProof(False, bars.symbol, count, None, declared, limit, len(starts), 0, None, reason)
        for field, mask in answer.differing(whole.rows(start, count), TOLERANCE).items():
            row = len(mask) - 1 - int(mask[::-1].argmax())
            if row + 2 > needed:
                needed = row + 2
                told = {"bars_of_past": row + 1, "time": iso(from_ns(int(bars.times[start + row]))), "field": field}
    if needed <= limit and count >= SCALED_FROM:
        haunted = _scaled_difference(strategy, bars, whole, starts, limit)
        if haunted is not None:
            needed, told = limit + 1, haunted
    progress("warm-up", len(starts), len(starts))
    signals = int(flagged[int(starts[0]) + needed - 1 :].sum())
    reason = ""
    if needed > limit and told is not None:
        reason = (
            f"{told['field']} still changes with {told['bars_of_past']} bars of past (at {told['time']}): it never "
            f"settles, or needs a history longer than {count} bars"
        )
    elif declared is not None and declared < needed:
        reason = f"declares a warm-up of {declared} bars and needs {needed}"
    elif signals == 0:
        reason = f"no signal to measure by: there is none late enough in {count} bars; give a longer history"
    return WarmupProof(
        passed=not reason,
        symbol=bars.symbol,
        bars=count,
        bars_needed=None if needed > limit or signals == 0 else needed,
        declared=declared,
        limit=limit,
        starts=len(starts),
        signals=signals,
        last_difference=told,
        reason=reason,
    )


def _scaled_difference(
    strategy: Strategy, bars: Bars, whole: Columns, starts: NDArray[np.int64], limit: int
) -> dict[str, Any] | None:
    """Whether prices a thousand times higher or lower, before a start, still show `limit` bars later; where, if so.

    Leaving bars out shows a lasting memory (a highest price ever) only where what was left out mattered; this makes it
    matter.
    """
    for start in np.unique(starts[np.linspace(0, len(starts) - 1, 4).astype(int)]):
        for scale in (1000.0, 0.001):
            columns = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
            for column in columns.values():
                column[:start] *= scale
            answer = strategy.answer(Bars(bars.times, **columns, volume=bars.volume, symbol=bars.symbol))
            later = answer.rows(start + limit, len(bars))
            found = later.first_difference(whole.rows(start + limit, len(bars)), TOLERANCE)
            if found is not None:
                row = int(start) + limit + found[0]
                return {"bars_of_past": row - int(start), "time": iso(from_ns(int(bars.times[row]))), "field": found[1]}
    return None


def _starts(last: int, seed: int) -> NDArray[np.int64]:
    """Beginnings tried, from 1 to `last`: all of them, or so many at random."""
    if last <= STARTS:
        return np.arange(1, last + 1)
    drawn = np.random.default_rng(seed).choice(np.arange(2, last), STARTS - 2, replace=False)
    return np.sort(np.concatenate([[1, last], drawn]))
