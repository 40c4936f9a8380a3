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
ENDS = 200
"""At most so many bars are looked at for each length."""


@dataclass(frozen=True, slots=True)
class WarmupProof:
    """What was measured. `bars_needed` is the shortest length from which on every answer was settled.

    For each length the strategy answers on windows of so many bars; the last row must equal the answer on all bars
    up to there. `declared` is the strategy's own figure; it must not be below `bars_needed`. Lengths go up to half the
    history, so that every window is compared with one at least twice as long.
    """

    passed: bool
    symbol: str
    bars: int
    bars_needed: int | None
    declared: int | None
    ends: int
    lengths: tuple[int, ...]
    first_difference: dict[str, Any] | None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The proof as JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"lengths": list(self.lengths)}


def prove_warmup(
    strategy: Strategy, bars: Bars, *, seed: int = 0, progress: ProgressCallback = no_progress
) -> WarmupProof:
    """Measure the warm-up on bars in the second half: those with a signal, their neighbours, and random ones."""
    count, declared = len(bars), strategy.warmup
    longest = count // 2
    if longest < 2:
        return WarmupProof(False, bars.symbol, count, None, declared, 0, (), None, "needs at least 4 bars")
    whole = strategy.answer(bars)
    ends = _ends(whole, longest, count, seed)
    lengths = _lengths(longest, declared)
    tries = 0

    def difference(length: int) -> tuple[int, str] | None:
        """The first end at which a window of so many bars answers otherwise than all bars do."""
        nonlocal tries
        tries += 1
        progress("warm-up", tries, max(tries + 1, len(lengths)))
        for end in ends:
            first = int(end) + 1 - length
            try:
                answer = strategy.answer(bars.rows(first, int(end) + 1))
            except StrategyFault:
                return int(end), "raised an error"
            found = answer.rows(length - 1, length).first_difference(whole.rows(int(end), int(end) + 1), TOLERANCE)
            if found is not None:
                return int(end), found[1]
        return None

    # From the longest length down by a fifth each time, to the first that differs; then halved to the exact bar.
    needed: int | None = None
    unsettled: dict[str, Any] | None = None
    failed = 0
    for length in reversed(lengths):
        found = difference(length)
        if found is not None:
            failed, unsettled = length, _told(bars, length, found)
            break
        needed = length
    while needed is not None and needed - failed > 1:
        middle = (failed + needed) // 2
        found = difference(middle)
        if found is None:
            needed = middle
        else:
            failed, unsettled = middle, _told(bars, middle, found)
    progress("warm-up", 1, 1)
    reason = ""
    if needed is None:
        reason = (
            f"{unsettled and unsettled['field']} still changes with {longest} bars of past "
            f"(at {unsettled and unsettled['time']}): it never settles, or needs a history longer than {count} bars"
        )
    elif declared is not None and declared < needed:
        reason = f"declares a warm-up of {declared} bars and needs {needed}"
    return WarmupProof(not reason, bars.symbol, count, needed, declared, len(ends), tuple(lengths), unsettled, reason)


def _told(bars: Bars, length: int, found: tuple[int, str]) -> dict[str, Any]:
    end, field = found
    return {"length": length, "time": iso(from_ns(int(bars.times[end]))), "field": field}


def _ends(whole: Columns, longest: int, count: int, seed: int) -> NDArray[np.int64]:
    generator = np.random.default_rng(seed)
    flagged = np.flatnonzero(whole.any())
    near = np.unique(np.concatenate([flagged - 1, flagged, flagged + 1]))
    near = near[(near >= longest) & (near < count)]
    if len(near) > ENDS:
        near = generator.choice(near, ENDS, replace=False)
    others = generator.integers(longest, count, min(ENDS, count - longest) // 2)
    return np.unique(np.concatenate([near, others, [count - 1]]))


def _lengths(longest: int, declared: int | None) -> list[int]:
    """Lengths tried: 1 and 2, then a quarter more each time; the declared one is among them."""
    lengths, value = {longest}, 1.0
    while value < longest:
        lengths.add(int(value))
        value = max(value + 1, value * 1.25)
    if declared is not None and 1 <= declared <= longest:
        lengths.add(declared)
    return sorted(lengths)
