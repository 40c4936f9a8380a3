"""The overfit and crossvalidate commands."""

from __future__ import annotations

import argparse

from workbench.bootstrap import Workbench
from workbench.cli.output import print_json, progress, say, table
from workbench.cli.parser import given_options, given_params, whole_number

_TOLD = (
    ("sharpe", "Sharpe ratio, annualised", ".2f"),
    ("psr", "probability that it is truly above 0 (PSR)", ".1%"),
    ("dsr", "… above what the best of all trials shows by luck (DSR)", ".1%"),
    ("expected_max_sharpe", "Sharpe ratio that luck alone would show", ".2f"),
    ("min_track_record", "bars needed to show it is above 0", ",.0f"),
    ("min_backtest_years", "years needed against so many trials", ".1f"),
    ("pbo", "probability of backtest overfitting (CSCV)", ".1%"),
    ("reality_check_p", "reality check, p", ".3f"),
    ("spa_p", "superior predictive ability, p", ".3f"),
    ("permutation_p", "as good on bars in random order, p", ".3f"),
    ("trade_permutation_p", "as good with the trades' signs left to a coin, p", ".3f"),
    ("drawdown_p95", "drawdown that one order of the trades in twenty passes", ".1%"),
)


def overfit(options: argparse.Namespace, bench: Workbench) -> int:
    """Judge a recorded run, record the judgement, print the figures with the reasons of those that are missing."""
    given = {
        "permutations": whole_number("--permutations", options.permutations, 0),
        "splits": whole_number("--splits", options.splits, 2),
        "seed": whole_number("--seed", options.seed, 0),
        "workers": whole_number("--workers", options.workers),
        "executor": options.executor,
    }
    with progress(not options.json) as report:
        found = bench.overfit(
            options.run_id, progress=report, **{name: value for name, value in given.items() if value is not None}
        )
    if options.json:
        print_json(found.to_dict())
        return 0
    subject = found.subject
    say(
        f"{subject['strategy']} {dict(subject['params'])}: {found['trials']} trials of its family, {found['bars']} bars"
    )
    for name, words, form in _TOLD:
        value = found[name]
        shown = "–" if value is None else format(value, form)
        reason = f"  ({found.undefined[name]})" if name in found.undefined else ""
        say(f"  {words:58} {shown:>10}{reason}")
    if found["sharpe"] is not None:
        say(f"  95 % interval of the Sharpe ratio: {found['sharpe_low']:.2f} to {found['sharpe_high']:.2f}")
    for note in found.notes:
        say(f"  {note}")
    say(f"run {found.run_id}")
    return 0


def crossvalidate(options: argparse.Namespace, bench: Workbench) -> int:
    """Cross-validate, record, print the splits and the distribution over the paths."""
    found = bench.cross_validate(
        options.strategy, options.data, given_params(options), grid=options.grid, constraints=options.constraint,
        metric=options.metric, folds=whole_number("--folds", options.folds),
        test_folds=whole_number("--test-folds", options.test_folds), purge=whole_number("--purge", options.purge, 0),
        embargo=whole_number("--embargo", options.embargo, 0), **given_options(options),
    )  # fmt: skip
    if options.json:
        print_json(found.to_dict())
        return 0
    frame, told = found.table, found.figures()
    rows = [[f"{v:.4f}" if isinstance(v, float) else str(v) for v in row] for row in frame.to_numpy().tolist()]
    table(list(frame.columns), rows)
    say(f"{told['paths']} paths of {told['folds']} folds, none of which chose on what it shows; {told['sets']} sets")
    if told["sharpe_median"] is not None:
        low, middle, high = (told[f"sharpe_{word}"] for word in ("p05", "median", "p95"))
        say(f"  Sharpe ratio of the paths: {middle:.2f} in the middle, 90 % between {low:.2f} and {high:.2f}")
    say(f"  {told['loss_probability']:.0%} of the paths lose money")
    say(f"run {found.run_id}")
    return 0
