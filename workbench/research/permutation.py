"""Permutation: what a search finds where there is nothing to find, and what an order of trades has to do with luck."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.data import PriceHistory
from workbench.errors import BadInput
from workbench.fills import Terms
from workbench.ports import ProgressCallback, no_progress
from workbench.research.executors import worked
from workbench.research.ground import Ground
from workbench.research.measured import FIGURES
from workbench.research.tape import Tape
from workbench.strategy import Strategy

Floats = NDArray[np.float64]
MOST = 100_000


@dataclass(frozen=True, eq=False)
class Permuted:
    """A figure on the real order, and what it was in each random order; `p` is how often that was as good."""

    p: float
    original: float
    drawn: Floats


def permuted_bars(histories: Sequence[PriceHistory], seed: int) -> list[PriceHistory]:
    """The same bars in random order, as price paths without memory: moves are kept, what follows what is not.

    Gaps from close to open and bars from open to close are shuffled apart from each other, as ratios, so that a path
    begins at the same open and has the same gaps, bars and volumes; histories of the same times are shuffled alike,
    so that they keep moving together. Bars that were not traded stay where they are. Prices keep to the tick. Masters,
    Permutation and Randomization Tests for Trading System Development (2020), chapter 3.
    """
    drawn: dict[bytes, tuple[NDArray[np.intp], NDArray[np.intp]]] = {}
    found = []
    for history in histories:
        places = np.flatnonzero(history.traded)
        if len(places) < 3:
            found.append(history)
            continue
        key = history.times[places].tobytes()
        if key not in drawn:
            rng = np.random.default_rng([seed, len(drawn)])
            drawn[key] = rng.permutation(len(places) - 1), rng.permutation(len(places))
        found.append(_reordered(history, places, *drawn[key]))
    return found


def _reordered(
    history: PriceHistory, places: NDArray[np.intp], gaps: NDArray[np.intp], bars: NDArray[np.intp]
) -> PriceHistory:
    first, high, low, last = (getattr(history, name)[places] for name in ("open", "high", "low", "close"))
    jumps = np.log(first[1:] / last[:-1])[gaps]
    inside = np.log(last / first)[bars]
    opens = np.log(first[0]) + np.concatenate([[0.0], np.cumsum(inside[:-1] + jumps)])
    new = {
        "open": np.exp(opens),
        "high": np.exp(opens + np.log(high / first)[bars]),
        "low": np.exp(opens + np.log(low / first)[bars]),
        "close": np.exp(opens + inside),
    }
    step = float(history.instrument.price_step)
    columns = {}
    for name, values in new.items():
        columns[name] = getattr(history, name).copy()
        columns[name][places] = np.maximum(np.rint(np.maximum(np.rint(values / step), 1) * step * 1e8), 1) / 1e8
    columns["volume"] = history.volume.copy()
    columns["volume"][places] = history.volume[places][bars]
    return replace(history, **columns)


def permutation_test(
    candidates: Sequence[Strategy],
    histories: Sequence[PriceHistory],
    terms: Terms,
    *,
    metric: str = "sharpe",
    subject: Strategy | None = None,
    permutations: int = 200,
    seed: int = 0,
    executor: Executor | None = None,
    ahead: int = 4,
    progress: ProgressCallback = no_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Permuted:
    """How often a search does as well on bars in random order as on the real ones.

    The whole search is made again on each path and its best by the metric counts, so that the choice is part of what is
    tested; one candidate tests that one. It is held against the best on the real path, or against `subject` there, one
    set that came of the search. p = (1 + orders at least as good) ÷ (1 + orders). A figure without an answer is worse
    than any that has one. `executor` works `ahead` paths side by side; cancelled, the paths done until then count.
    Raises BadInput for a metric that is not measured, no permutation, or cancelled before the first.
    """
    if metric not in FIGURES:
        raise BadInput("metric", metric, "is not measured", f"one of {', '.join(FIGURES)}")
    if not 1 <= permutations <= MOST:
        raise BadInput("permutations", permutations, f"must be from 1 to {MOST}", "200 is usual")
    if not candidates:
        raise BadInput("candidates", "none", "are given to test")
    shared = list(candidates), list(histories), terms, metric
    original = _path(([subject] if subject else shared[0], *shared[1:]), None)
    drawn: list[float] = []
    seeds = range(seed, seed + permutations)
    for _, value in worked(executor, _path, shared, seeds, ahead=ahead, cancelled=cancelled):
        drawn.append(value)
        progress("permutations", len(drawn), permutations)
    if not drawn:
        raise BadInput("permutations", 0, "were done before it was cancelled")
    values = np.array(drawn)
    return Permuted(float(1 + (values >= original).sum()) / (1 + len(values)), original, values)


def _path(shared: tuple[list[Strategy], list[PriceHistory], Terms, str], seed: int | None) -> float:
    """The best figure of a search on one path; without a seed on the real one."""
    candidates, histories, terms, metric = shared
    ground = Ground(Tape(histories if seed is None else permuted_bars(histories, seed)), terms)
    best, size = -np.inf, ground.at_once(len(candidates), 1)
    for first in range(0, len(candidates), size):
        _, rows, _ = ground.evaluate(first, candidates[first : first + size])
        values = rows[:, FIGURES.index(metric)]
        best = max(best, float(np.where(np.isnan(values), -np.inf, values).max()))
    return best


@dataclass(frozen=True, eq=False)
class TradeLuck:
    """What the returns of a run's trades owe to luck.

    `p` is how often the mean return is as high where each trade's sign is left to a coin: small speaks for an edge.
    `drawdowns` are the deepest drawdowns (fractions, 0 or below) of the same trades in random orders, `drawdown` that
    of the real order, all compounded from trade to trade.
    """

    p: float
    drawdown: float
    drawdowns: Floats


def permuted_trades(returns: ArrayLike, *, permutations: int = 1000, seed: int = 0) -> TradeLuck:
    """The luck in the order and in the direction of trades, from the return of each (a fraction), in their order.

    Signs are tested by Fisher's randomisation of paired differences (The Design of Experiments, 1935, section 21).
    Raises BadInput for fewer than two trades, gaps, or a loss of more than everything.
    """
    x = np.asarray(returns, np.float64)
    if x.ndim != 1 or len(x) < 2:
        raise BadInput("trades", x.size, "are too few to put into another order", "at least two closed trades")
    if not np.isfinite(x).all():
        raise BadInput("trades", "a return", "is not a number")
    if not 1 <= permutations <= MOST:
        raise BadInput("permutations", permutations, f"must be from 1 to {MOST}", "1000 is usual")
    rng = np.random.default_rng(seed)
    growth = np.maximum(1 + x, 0.0)
    drawdowns, as_good, mean = np.empty(permutations), 0, float(x.mean())
    for i in range(permutations):
        drawdowns[i] = _deepest(rng.permutation(growth))
        as_good += float((x * rng.choice((-1.0, 1.0), len(x))).mean()) >= mean - 1e-15
    return TradeLuck((1 + as_good) / (1 + permutations), _deepest(growth), drawdowns)


def _deepest(growth: Floats) -> float:
    value = np.concatenate([[1.0], np.cumprod(growth)])
    return float((value / np.maximum.accumulate(value)).min() - 1)
