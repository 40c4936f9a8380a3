"""Commands on recorded runs: list, show, rerun."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from workbench.bootstrap import Workbench
from workbench.cli.output import print_json, progress, say, table
from workbench.cli.parser import whole_number
from workbench.model import iso
from workbench.ports import RunRecord


def list_runs(options: argparse.Namespace, bench: Workbench) -> int:
    """All runs, newest first."""
    limit = whole_number("--limit", getattr(options, "limit", None))
    found = bench.registry.find(
        kind=getattr(options, "kind", None), strategy=getattr(options, "strategy", None), limit=limit
    )
    if options.json:
        print_json([_brief(run) for run in found])
        return 0
    if not found:
        say("no runs recorded yet; try: workbench backtest ema_cross --data sample:AAPL")
        return 0
    rows = []
    for run in found:
        figures = [run.metrics.get(name) for name in ("total_return", "sharpe")]
        shown = ["" if f is None else f"{f:.3f}" for f in figures]
        answer = {True: "passed", False: "FAILED", None: ""}[run.passed]
        when = f"{run.started_at:%Y-%m-%d %H:%M}"
        rows.append((run.run_id, when, run.kind, run.strategy, ",".join(run.data.get("symbols", [])), *shown, answer))
    table(("run", "when (UTC)", "kind", "strategy", "symbols", "return", "sharpe", "answer"), rows)
    return 0


def show_run(options: argparse.Namespace, bench: Workbench) -> int:
    """One run in full."""
    run = bench.registry.get(options.run_id)
    found = asdict(run) | {
        "started_at": iso(run.started_at),
        "artifacts": list(run.artifacts),
        "family_trials": bench.registry.trials(run.family),
    }
    print_json(found)
    return 0


def rerun(options: argparse.Namespace, bench: Workbench) -> int:
    """Make a run again; exit 1 where a figure differs."""
    with progress(not options.json) as report:
        found = bench.rerun(options.run_id, report)
    if options.json:
        print_json(found)
    else:
        say(f"run {found['run_id']} ({found['kind']}): {'the same figures' if found['same'] else 'figures DIFFER'}")
        for difference in found["differences"]:
            say(f"  {difference['what']}: recorded {difference['recorded']}, now {difference['now']}")
    return 0 if found["same"] else 1


def _brief(run: RunRecord) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "kind": run.kind,
        "strategy": run.strategy,
        "params": dict(run.params),
        "data": dict(run.data),
        "metrics": dict(run.metrics),
        "passed": run.passed,
        "started_at": iso(run.started_at),
        "seconds": run.seconds,
        "code_fingerprint": run.code_fingerprint,
        "data_fingerprint": run.data_fingerprint,
    }
