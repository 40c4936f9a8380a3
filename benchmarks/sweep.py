"""A sweep of an SMA cross beside vectorbt, as it comes and by hand in chunks; see docs/benchmarks.md.

    python benchmarks/sweep.py [--json] [--rounds 2] [--case 4851x5000]

The same averages, fills at the close, fees and five figures (total return, Sharpe ratio, drawdown, trades, win rate)
for all. Bars open at the close before, so that a fill at the next open is one at the close that led to it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import peers
from bars import DECIMALS, MINUTE, made_up, save
from workbench_strategies.crosses import SmaCross

from workbench.data import PriceHistory
from workbench.fills import Costs, Terms
from workbench.model import Instrument
from workbench.research import grid_sets, sweep
from workbench.strategy.indicators import sma

ENGINES = ("numba", "rust")
FIGURES = ("total_return", "sharpe", "max_drawdown", "trades", "win_rate")


@dataclass(frozen=True)
class Case:
    """Windows to combine in pairs, and bars; `chunks` are the columns vectorbt is given at once, to find its best.

    `fee` is in basis points: little where trades are many, as no costs leave anything after ten thousand trades at ten.
    """

    name: str
    windows: Sequence[int]
    bars: int
    chunks: tuple[int, ...]
    naive: bool
    fee: Decimal = Decimal(10)


CASES = (
    Case("4851x5000", range(2, 101), 5_000, (50, 200, 800), naive=True),
    Case("496x500000", range(10, 170, 5), 500_000, (1, 4), naive=False, fee=Decimal(1)),
)


def history_of(columns: dict[str, Any]) -> PriceHistory:
    """The bars as our engine reads them."""
    count = len(columns["times"])
    return PriceHistory(
        source="made up", symbol="X", instrument=Instrument("X", tick=Decimal(1).scaleb(-DECIMALS)),
        calendar="always", zone="UTC", interval_ns=MINUTE, periods_per_year=525_600.0, ends=columns["times"] + MINUTE,
        volume=np.full(count, np.nan), factor=np.ones(count), traded=np.ones(count, np.bool_), **columns,
    )  # fmt: skip


def ours(case: Case, history: PriceHistory, workers: int) -> tuple[float, np.ndarray[Any, Any]]:
    """Seconds of one sweep with an ordinary strategy class, indicators included, and its figures."""
    windows = list(case.windows)
    sets, _ = grid_sets(SmaCross, {}, {"fast": windows[:-1], "slow": windows[1:]})
    terms = Terms(costs=Costs(case.fee))
    if workers == 1:
        found = sweep("sma", sets, [history], terms, axes={})
    else:
        with ThreadPoolExecutor(workers) as pool:
            found = sweep("sma", sets, [history], terms, axes={}, executor=pool, workers=workers)
    return found.elapsed_s, np.column_stack([found.column(name) for name in FIGURES])


def theirs(case: Case, close: Any, chunk: int | None, engine: str) -> tuple[float, np.ndarray[Any, Any]]:
    """Seconds of vectorbt over all pairs, in chunks of so many columns (None: all at once), and its figures."""
    import pandas as pd
    import vectorbt as vbt

    pairs = list(itertools.combinations(case.windows, 2))
    size = chunk or len(pairs)
    began, found = time.perf_counter(), []
    vbt.MA.run(close, window=list(case.windows))  # its averages take their time; ours are used, as rounding breaks ties
    averages = pd.DataFrame({n: sma(close.to_numpy(), n) for n in case.windows}, close.index)
    for first in range(0, len(pairs), size):
        some = pairs[first : first + size]
        fast = averages[[a for a, _ in some]].to_numpy()
        slow = averages[[b for _, b in some]].to_numpy()
        above, below = fast > slow, fast < slow
        entries, exits = np.zeros_like(above), np.zeros_like(above)
        entries[1:] = above[1:] & (fast[:-1] <= slow[:-1])
        exits[1:] = below[1:] & (fast[:-1] >= slow[:-1])
        entries[-1] = exits[-1] = False  # ours has no bar left to fill them
        columns = pd.MultiIndex.from_tuples(some)
        wide = pd.DataFrame(np.repeat(close.to_numpy()[:, None], len(some), axis=1), close.index, columns)
        portfolio = vbt.Portfolio.from_signals(
            wide, pd.DataFrame(entries, close.index, columns), pd.DataFrame(exits, close.index, columns),
            fees=float(case.fee) / 1e4, init_cash=100_000, freq="1min",
            **({"engine": engine} if engine != "numba" else {}),
        )  # fmt: skip
        trades = portfolio.trades
        found.append(
            np.column_stack(
                [
                    portfolio.total_return(),
                    portfolio.sharpe_ratio(),
                    portfolio.max_drawdown(),
                    trades.count(),
                    trades.win_rate(),
                ]
            )
        )
    return time.perf_counter() - began, np.vstack(found)


def measure(case: Case, rounds: int, say: Callable[[str], object]) -> dict[str, Any]:
    """All by turns; the speeds are medians of the rounds, the ratios of the rounds' ratios.

    Ours goes before each of theirs, on one thread and on two; a round's speed is the median of the quicker of the two.
    """
    import pandas as pd

    columns = made_up(case.bars)
    history = history_of(columns)
    index = pd.DatetimeIndex(columns["times"].view("M8[ns]"), name="time")
    close = pd.Series(columns["close"], index)
    small = Case("warm-up", list(case.windows)[:4], 300, (1,), naive=True)
    warm = made_up(300)
    ours(small, history_of(warm), 1)
    theirs(small, pd.Series(warm["close"], index[:300]), None, "numba")
    workers = min(2, os.cpu_count() or 1)
    taken: dict[str, list[float]] = {}
    apart = 0.0
    for turn in range(rounds):
        say(f"{case.name}: round {turn + 1} of {rounds}")
        ways = {f"chunks of {chunk}, {engine}": (chunk, engine) for chunk in case.chunks for engine in ENGINES}
        if case.naive:
            ways = {f"naive, {engine}": (None, engine) for engine in ENGINES} | ways
        mine: dict[int, list[float]] = {}
        for name, (chunk, engine) in ways.items():
            for threads in {1, workers}:  # a sweep is short beside theirs: one by itself would tell of a moment alone
                seconds, figures = ours(case, history, threads)
                mine.setdefault(threads, []).append(seconds)
            seconds, other = theirs(case, close, chunk, engine)
            taken.setdefault(name, []).append(seconds)
            same = [0, 3]  # the others see the fee of a fill a bar earlier, count open trades, or take a year otherwise
            apart = max(apart, float(np.nanmax(np.abs(figures[:, same] - other[:, same]))))
        taken.setdefault("ours", []).append(min(median(times) for times in mine.values()))
    best, naive = (
        min((name for name in taken if name.startswith(how)), key=lambda name: median(taken[name]), default="")
        for how in ("chunks", "naive")
    )
    ratios = {
        name: median(there / mine for there, mine in zip(times, taken["ours"], strict=True))
        for name, times in taken.items()
        if name != "ours"
    }
    return {
        "name": case.name,
        "ours_s": round(median(taken["ours"]), 4),
        "sets": len(figures),
        "vectorbt_naive_s": round(median(taken[naive]), 3) if naive else None,
        "vectorbt_best_s": round(median(taken[best]), 3),
        "naive": naive or None,
        "best": best,
        "ratio_naive": round(ratios[naive], 1) if naive else None,
        "ratio_best": round(ratios[best], 1),
        "max_abs_diff": apart,
        **_one_run(case, columns, median(taken["ours"]) / len(figures)),
    }


def _one_run(case: Case, columns: dict[str, Any], ours_a_set: float) -> dict[str, Any]:
    """backtesting.py's time for one run of one set, beside ours for one set of a sweep."""
    if problem := peers.install():
        return {"backtesting_problem": problem}
    windows = list(case.windows)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bars.npz"
        save(file, columns)
        found = peers.run("backtesting.py", file, case.bars, windows[len(windows) // 4], windows[len(windows) // 2], 10,
                          str(float(case.fee) / 1e4))  # fmt: skip
    if "error" in found:
        return {"backtesting_problem": found["error"]}
    return {
        "backtesting_run_s": round(found["seconds"], 4),
        "ratio_backtesting": round(found["seconds"] / ours_a_set, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES])
    options = parser.parse_args()
    chosen = [case for case in CASES if not options.case or case.name in options.case]
    cases = [measure(case, options.rounds, lambda words: sys.stderr.write(words + "\n")) for case in chosen]
    if options.json:
        sys.stdout.write(json.dumps({"cases": cases}, indent=2) + "\n")
        return
    for case in cases:
        sys.stdout.write("  ".join(f"{key} {value}" for key, value in case.items()) + "\n")


if __name__ == "__main__":
    main()
