"""The sweep command."""

from __future__ import annotations

import argparse

from workbench.bootstrap import Workbench
from workbench.cli.output import print_json, progress, say, table
from workbench.cli.parser import given_options, given_params, whole_number

COLUMNS = ("total_return", "sharpe", "max_drawdown", "trades", "win_rate")


def sweep(options: argparse.Namespace, bench: Workbench) -> int:
    """Sweep, record, print the best sets; exit 1 where it was broken off."""
    top = whole_number("--top", options.top) or 0
    with progress(not options.json) as report:
        found = bench.sweep(
            options.strategy, options.data, given_params(options), grid=options.grid, progress=report,
            search=options.search, trials=whole_number("--trials", options.trials), study=options.study,
            seed=whole_number("--seed", options.seed, 0), metric=options.metric, constraints=options.constraint,
            workers=whole_number("--workers", options.workers), executor=options.executor, **given_options(options),
        )  # fmt: skip
    if options.json:
        print_json(found.to_dict(top))
        return 1 if found.cancelled else 0
    names = [*found.axes, *COLUMNS]
    rows = [found.row(int(i)) for i in found.order()[:top]]
    near = found.plateau()[found.order()[:top]]
    cells = [[_shown(row["params"].get(name, row.get(name))) for name in names] for row in rows]
    cells = [[*row, _shown(None if value != value else float(value))] for row, value in zip(cells, near, strict=True)]
    table([*names, "neighbours"], cells)
    if len(found):
        say(f"{len(found)} sets at {found.rate:,.0f} bars a second, sorted by {found.metric}")
    if found.left_out:
        say(f"  {found.left_out} combinations were left out: the strategy's cross-check or a constraint refuses them")
    for params, reason in found.failed[:3]:
        say(f"  {dict(params)} failed: {reason}")
    if len(found.failed) > 3:
        say(f"  and {len(found.failed) - 3} more failed")
    if found.cancelled:
        say("  broken off: these are the sets that were done")
    say(f"  {found.trials} sets of this strategy were tried so far: the more, the better the best looks by luck alone")
    say(f"run {found.run_id}")
    return 1 if found.cancelled else 0


def _shown(value: object) -> str:
    return "–" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
