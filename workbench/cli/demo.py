"""The demo: the whole main job on real prices that arrive with a package, with no network."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from workbench.bootstrap import Workbench
from workbench.cli import demo_peeking
from workbench.cli.demo_live import post_alerts, promote_all, refuse_peeking, served, tell
from workbench.cli.jobs import fills_of, print_figures, print_proofs, write_report
from workbench.cli.output import print_json, progress, say
from workbench.errors import Refused

STRATEGY, DATA = "ema_cross", "sample:AAPL"
COSTS: dict[str, Any] = {"fees": "10", "slippage": "5"}
TRAIN, TEST, GRID = "3y", "1y", ("fast=4:20:4", "slow=24:72:12")
PEEKING = f"{demo_peeking.__file__}:PeeksAhead"


def demo(options: argparse.Namespace, bench: Workbench) -> int:
    """Research, proofs, promotion, alerts over HTTP into a paper account; then stay up until interrupted."""
    began = time.perf_counter()
    _ = bench.registry  # a home that cannot be written is refused before the work
    steps = _Steps()
    with steps.step(f"backtest {STRATEGY} on AAPL with costs") as report:
        result = bench.backtest(STRATEGY, DATA, progress=report, **COSTS)
    with steps.step("walk it forward, three years of search before each year of trading") as report:
        walked = bench.walk_forward(STRATEGY, DATA, train=TRAIN, test=TEST, grid=GRID, progress=report, **COSTS)
    with steps.step("prove it: no look-ahead, warm-up, parity with the order path") as report:
        proofs = bench.prove(STRATEGY, DATA, progress=report, **COSTS)
    with steps.step("try to pass off a strategy that looks ahead") as report:
        tempting = bench.backtest(PEEKING, DATA, progress=report, **COSTS)
        peeking = bench.prove(PEEKING, DATA, progress=report, **COSTS)
    with steps.step("trade the last year on paper, bar by bar") as report:
        run = bench.replay(STRATEGY, DATA, last_days=365, progress=report, **COSTS)
    with steps.step("write the report") as report:
        page = bench.settings.home / "demo-report.html"
        write_report(str(page), result.report())
    refusal = peeking.lookahead[0]
    if not proofs.passed or refusal.passed:
        raise Refused(f"the demo did not go as it must: {'; '.join(proofs.failures) or 'the leak was not caught'}")
    with steps.step("promote it on that evidence, gate by gate, up to paper"):
        runs = {"backtested": result.run_id, "walk-forward": walked.run_id, "paper": proofs.run_id}
        stages = promote_all(bench, STRATEGY, runs)
        refused = refuse_peeking(bench, PEEKING, tempting.run_id)
    signal.signal(signal.SIGTERM, _interrupt)
    with steps.step("start engine, server and app") as _, contextlib.ExitStack() as stack:
        supervisor = stack.enter_context(served(bench))
        up = stack.pop_all()
    with up:
        with steps.step("post alerts as TradingView does, one of them twice, and wait for the fill"):
            traded = post_alerts(bench, STRATEGY, "AAPL", supervisor.addresses["server"])
        seconds = round(time.perf_counter() - began, 1)
        if options.json:
            print_json(
                {
                    "backtest": {"run_id": result.run_id, "metrics": result.metrics.to_dict()},
                    "walkforward": {
                        "run_id": walked.run_id,
                        "windows": len(walked.windows),
                        "stitched": walked.metrics.to_dict(),
                        "efficiency": walked.efficiency[0],
                    },
                    "proofs": proofs.to_dict(),
                    "refused": {**refused, "first_leak": refusal.first_leak},
                    "replay": {"run_id": run.run_id, **run.summary(), "fills_list": fills_of(run)},
                    "stages": stages,
                    **traded,
                    "addresses": supervisor.addresses,
                    "report": str(page),
                    "steps": steps.taken,
                    "seconds": seconds,
                }
            )
            return 0
        _summary(result, walked, proofs, run)
        tell(stages, refused, traded)
        say(f"\nReport: {page}")
        say(f"Done in {seconds} s. Next: workbench stages, and notebooks/01_first_backtest.ipynb")
        if options.exit:
            return 0
        say(f"\nThe app: {supervisor.addresses['app']}   (Ctrl-C ends it; later: workbench serve)")
        with contextlib.suppress(KeyboardInterrupt):
            supervisor.watch()
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class _Steps:
    """Tells on stderr which step is on, and keeps how long each took."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []

    @contextmanager
    def step(self, what: str) -> Iterator[Any]:
        """One step, with its progress where stderr is a terminal."""
        began = time.perf_counter()
        sys.stderr.write(f"{len(self.taken) + 1}. {what} …\n")
        sys.stderr.flush()
        with progress() as report:
            yield report
        seconds = round(time.perf_counter() - began, 1)
        self.taken.append({"step": what, "seconds": seconds})


def _summary(result: Any, walked: Any, proofs: Any, run: Any) -> None:
    """What happened, on one screen."""
    say(f"\n{STRATEGY} on AAPL, 2000 to 2013, adjusted prices, fees 10 bps, slippage 5 bps a side")
    print_figures(result.metrics.to_dict())
    efficiency, reason = walked.efficiency
    told = f"efficiency {efficiency:.2f}" if efficiency is not None else f"efficiency undefined: {reason}"
    say(f"\nWalked forward: {len(walked.windows)} windows, {walked.tried} parameter sets tried; out of sample")
    say(
        f"  return {walked.metrics['total_return']:.2%}, Sharpe {walked.metrics['sharpe']:.2f}, "
        f"drawdown {walked.metrics['max_drawdown']:.2%}, {told}"
    )
    say("\nProofs")
    print_proofs(proofs)
    last = run.summary()
    say(f"\nThe last year on paper: {last['bars']} bars, {last['signals']} signals, {last['fills']} fills,")
    say(f"  equity {float(last['start_cash']):,.2f} → {last['end_equity']:,.2f}")
    for fill in fills_of(run):
        price = f"{float(fill['size']):,.2f} adjusted units at {float(fill['price']):,.4f}"
        say(f"  {fill['time'][:10]}  {fill['side']:4} {price}  ({fill['cause']})")
