"""Look-ahead proof: cut the future off and see whether the past changes its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import StrategyFault
from workbench.model import from_ns, iso
from workbench.ports import ProgressCallback, no_progress
from workbench.proofs.apart import Apart, Locator
from workbench.strategy import Bars, Columns, Strategy

MOST_SIGNALS = 20_000
"""So many bars with a signal are cut after; a strategy that signals at nearly every bar of a long history has more."""


@dataclass(frozen=True, slots=True)
class LookaheadProof:
    """What was cut and compared. `first_leak` names the earliest bar whose answer needed a later bar.

    At a cut after bar t the strategy answers on bars up to t alone; every row up to t must equal the answer on the
    whole history, bit for bit. `coverage` says which cuts were made, and in which process: one that never saw a later
    bar, or (for a class that only this process has, as in a notebook) this one. What no cutting can show: a strategy
    that reads the prices from somewhere else than the bars it is given.
    """

    passed: bool
    symbol: str
    bars: int
    cuts: int
    coverage: str
    rows_compared: int
    first_leak: dict[str, Any] | None
    leaking_cuts: int
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The proof as JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def prove_no_lookahead(
    strategy: Strategy,
    bars: Bars,
    *,
    locator: Locator | None = None,
    every_up_to: int = 5_000,
    seed: int = 0,
    progress: ProgressCallback = no_progress,
) -> LookaheadProof:
    """Cut after every bar up to `every_up_to` bars; beyond, after every bar with a signal and as many random ones.

    A strategy that raises on a cut history shorter than its declared warm-up is not faulted for that cut; longer, it
    is, since it would fail in a live session too.
    """
    whole = strategy.answer(bars)
    cuts, coverage = _cuts(whole, len(bars), every_up_to, seed)
    if locator is None:
        told = f"{coverage}, in this process, which has seen them all"
        return _compare(
            strategy, bars, whole, cuts, told, lambda length: strategy.answer(bars.rows(0, length)), progress
        )
    with Apart(strategy, locator, bars) as apart:
        told = f"{coverage}, in a process that never saw a later one"
        return _compare(strategy, bars, whole, cuts, told, apart.answer, progress)


def _compare(
    strategy: Strategy,
    bars: Bars,
    whole: Columns,
    cuts: NDArray[np.int64],
    coverage: str,
    ask: Callable[[int], Columns],
    progress: ProgressCallback,
) -> LookaheadProof:
    """Ask on every cut history, shortest first, and compare with the answer on the whole."""
    count = len(bars)
    leak: dict[str, Any] | None = None
    leaking = compared = 0
    made = 0
    for done, cut in enumerate(cuts):
        if done % 64 == 0:
            progress("look-ahead", done, len(cuts))
        length = int(cut) + 1
        try:
            answer = ask(length)
        except StrategyFault as fault:
            if length <= (strategy.warmup or 0):
                continue
            return LookaheadProof(
                False, bars.symbol, count, made, coverage, compared, leak, leaking,
                f"{fault} (bars up to {iso(from_ns(int(bars.times[cut])))}); declare warmup if it needs that many bars",
            )  # fmt: skip
        made += 1
        compared += length
        difference = answer.first_difference(whole.rows(0, length))
        if difference is None:
            continue
        leaking += 1
        row, field = difference
        if leak is None or row < leak["row"]:
            leak = {
                "row": row,
                "time": iso(from_ns(int(bars.times[row]))),
                "field": field,
                "with_future": _value(whole, field, row),
                "without_future": _value(answer, field, row),
                "cut_after": iso(from_ns(int(bars.times[cut]))),
            }
    progress("look-ahead", len(cuts), len(cuts))
    reason = ""
    if leak is not None:
        reason = (
            f"{leak['field']} at {leak['time']} is {leak['with_future']} with later bars known and "
            f"{leak['without_future']} without them"
        )
    elif made == 0:
        reason = "no cut could be made: the history is shorter than the declared warm-up"
    return LookaheadProof(
        leak is None and made > 0, bars.symbol, count, made, coverage, compared, leak, leaking, reason
    )


def _cuts(whole: Columns, count: int, every_up_to: int, seed: int) -> tuple[NDArray[np.int64], str]:
    if count <= every_up_to:
        return np.arange(count), f"after every one of {count} bars"
    flagged = np.flatnonzero(whole.any())
    generator = np.random.default_rng(seed)
    told = f"all {len(flagged)} bars with a signal"
    if len(flagged) > MOST_SIGNALS:
        told = f"{MOST_SIGNALS} random ones of {len(flagged)} bars with a signal"
        flagged = np.sort(generator.choice(flagged, MOST_SIGNALS, replace=False))
    others = generator.choice(count, every_up_to, replace=False)
    cuts = np.unique(np.concatenate([flagged, others]))
    return cuts, f"after {told} and {every_up_to} random bars (seed {seed}), {len(cuts) / count:.1%} of {count} bars"


def _value(columns: Columns, field: str, row: int) -> Any:
    value = getattr(columns, field)[row]
    return bool(value) if value.dtype == np.bool_ else None if np.isnan(value) else float(value)
