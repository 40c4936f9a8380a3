"""Bars a second of our replay, in both modes, beside backtesting.py and NautilusTrader; see docs/benchmarks.md.

    python benchmarks/engine.py [--json] [--rounds 3]

One strategy, one size, one fee, one file of bars for all; rounds interleaved, medians reported; a ratio is
the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import peers
from bars import DECIMALS, MINUTE, made_up, save
from workbench_strategies.crosses import SmaCross

from workbench import open_workbench
from workbench.data import PriceHistory
from workbench.fills import Costs, Terms
from workbench.model import Instrument, SizeRequest
from workbench.trading.precomputed import replay_precomputed
from workbench.trading.replay import Replay, replay

BARS = 500_000
STEPWISE_BARS = 3_000
PEER_BARS = {"backtesting.py": 250_000, "NautilusTrader": 60_000}
SIZE, FEE_BPS = 10, Decimal(1)
HISTORY = 5_000
"""How many past bars a live session gives its strategy: the setting's default."""


@dataclass(frozen=True)
class Cross:
    """One pair of averages: how often it trades decides how much of a run is orders and how much is bars."""

    fast: int
    slow: int

    @property
    def name(self) -> str:
        return f"SMA {self.fast}/{self.slow}"


CROSSES = (Cross(200, 400), Cross(20, 50))
BUSY = Cross(20, 50)
"""An order every 45 bars: there the replay is the order path and little else, and its cases say so in their mode."""


def history_of(columns: dict[str, Any], bars: int) -> PriceHistory:
    """The first bars as our engine reads them."""
    cut = {name: column[:bars].copy() for name, column in columns.items()}
    return PriceHistory(
        source="made up", symbol="X", instrument=Instrument("X", lot=Decimal(1), tick=Decimal(1).scaleb(-DECIMALS)),
        calendar="always", zone="UTC", interval_ns=MINUTE, periods_per_year=525_600.0, ends=cut["times"] + MINUTE,
        volume=np.full(bars, np.nan), factor=np.ones(bars), traded=np.ones(bars, np.bool_), **cut,
    )  # fmt: skip


def ours(mode: str, cross: Cross, history: PriceHistory, home: Path) -> Replay:
    """One replay of ours, its parts wired as the desk wires them."""
    bench = open_workbench(home)
    terms = Terms(costs=Costs(FEE_BPS), size=SizeRequest.parse(f"shares:{SIZE}"))
    parts = cross.name, SmaCross(fast=cross.fast, slow=cross.slow), [history], terms
    broker, risk = bench.paper_broker(terms), bench.risk_chain()
    gc.collect()  # what the last run left is none of this one's business
    if mode == "precomputed":
        return replay_precomputed(*parts, broker, risk)
    return replay(*parts, broker, risk, live_history=HISTORY)


def closed_trades(run: Replay, bars: int) -> int:
    """How many longs a run closed in its first `bars` bars."""
    last = int(run.times[bars - 1]) // 1_000
    return sum(fill.side.sign < 0 and round(fill.time.timestamp() * 1e6) <= last for fill in run.fills)


def measure(rounds: int, told: Any) -> dict[str, Any]:
    """Every engine in turn, `rounds` times over."""
    speeds: dict[Any, list[float]] = defaultdict(list)
    trades: dict[Any, int] = {}
    runs: dict[Any, Replay] = {}
    missing = dict.fromkeys(peers.PEERS, peers.install())
    columns = made_up(BARS)
    with tempfile.TemporaryDirectory() as folder:
        home, file = Path(folder) / "home", Path(folder) / "bars.npz"
        save(file, columns)
        histories = {"precomputed": history_of(columns, BARS), "stepwise": history_of(columns, STEPWISE_BARS)}
        ours("precomputed", CROSSES[0], histories["stepwise"], home)  # imports are not what is measured
        for round_ in range(rounds):
            for cross in CROSSES:
                told(f"round {round_ + 1} of {rounds}: {cross.name}")
                for mode, history in histories.items():
                    runs[mode, cross] = run = ours(mode, cross, history, home)
                    speeds[mode, cross].append(run.bars_a_second)
                for peer, bars in PEER_BARS.items():
                    if missing[peer]:
                        continue
                    fee = str(FEE_BPS / 10_000)
                    found = peers.run(peer, file, bars, cross.fast, cross.slow, SIZE, fee)
                    missing[peer] = found.get("error", "")
                    if not missing[peer]:
                        speeds[peer, cross].append(found["bars"] / found["seconds"])
                        trades[peer, cross] = found["trades"]
        cases = [
            _case(cross, mode, peer, histories[mode], runs[mode, cross], runs["precomputed", cross], speeds, trades)
            | ({"problem": missing[peer]} if missing[peer] else {})
            for cross in CROSSES
            for mode in ("precomputed", "stepwise")
            for peer in PEER_BARS
        ]
    return {
        "cases": cases, "rounds": rounds, "reported": "median", "python": sys.version.split()[0],
        "size": SIZE, "fee_bps": float(FEE_BPS), "stepwise_history": HISTORY,
    }  # fmt: skip


def _case(
    cross: Cross,
    mode: str,
    peer: str,
    history: PriceHistory,
    run: Replay,
    longest: Replay,
    speeds: dict[Any, list[float]],
    trades: dict[Any, int],
) -> dict[str, Any]:
    """Ours in one mode beside one peer. Trades of the peer's bars are counted in our longest run, over as many bars."""
    mine, theirs = speeds[mode, cross], speeds[peer, cross]
    closed = closed_trades(run, history.bars)
    return {
        "name": cross.name,
        "mode": f"{mode}, busy" if cross == BUSY else mode,
        "ours_bars_s": round(median(mine)),
        "trades": closed,
        "peer": peer,
        "peer_bars_s": round(median(theirs)) if theirs else None,
        # round by round: what slows the machine for a while slows both
        "ratio": round(median(a / b for a, b in zip(mine, theirs, strict=False)), 2) if theirs else None,
        "bars": history.bars,
        "bars_an_order": round(history.bars / max(len(run.fills), 1), 1),
        "peer_bars": PEER_BARS[peer],
        "peer_trades": trades.get((peer, cross)),
        "our_trades_on_peer_bars": closed_trades(longest, PEER_BARS[peer]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--rounds", type=int, default=3, help="how often every engine runs (default 3)")
    options = parser.parse_args()
    found = measure(max(1, options.rounds), lambda text: print(text, file=sys.stderr))  # noqa: T201
    if options.json:
        print(json.dumps(found, indent=1))  # noqa: T201
        return
    head = ("strategy", "mode", "bars/s", "bars an order", "peer", "bars/s", "ratio", "trades ours/theirs")
    lines = [head]
    for case in found["cases"]:
        other = "-" if case["peer_bars_s"] is None else f"{case['peer_bars_s']:,}"
        same = f"{case['our_trades_on_peer_bars']}/{case['peer_trades']} in {case['peer_bars']:,} bars"
        lines.append(
            (
                case["name"], case["mode"], f"{case['ours_bars_s']:,}", f"{case['bars_an_order']:g}", case["peer"],
                other, f"{case['ratio']}×" if case["ratio"] else case.get("problem", "-"), same,
            )
        )  # fmt: skip
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)))  # noqa: T201


if __name__ == "__main__":
    main()
