"""Commands that run something: check, backtest, prove, walkforward, replay."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.bootstrap import Workbench
from workbench.cli.output import print_json, progress, say, table
from workbench.cli.parser import given_options, given_params, whole_number
from workbench.errors import BadInput
from workbench.model import decimal

HEADLINE = (
    "total_return", "annual_return", "sharpe", "sortino", "max_drawdown", "trades", "win_rate", "profit_factor", "fees",
    "end_equity",
)  # fmt: skip


def check(options: argparse.Namespace, bench: Workbench) -> int:
    """Load prices and say what the checks found."""
    from workbench.research import RunSpec, data_dict

    spec = RunSpec("none", options.data, {}, {k: str(v) for k, v in given_options(options).items()})
    histories = bench.histories(spec)
    if options.json:
        print_json(data_dict(histories))
        return 0
    for history in histories:
        say(
            f"{history.symbol}: {history.bars} bars, {history.start:%Y-%m-%d %H:%M} to {history.end:%Y-%m-%d %H:%M} UTC"
        )
        for note in history.notes:
            say(f"  {note}")
        for finding in history.report.findings:
            say(f"  {finding.severity}: {finding.kind} × {finding.count}, first {finding.first}: {finding.detail}")
        if not history.report.findings:
            say("  no fault found")
    return 0


def backtest(options: argparse.Namespace, bench: Workbench) -> int:
    """Backtest, record, print the figures."""
    _refuse_report_folder(options.report)
    with progress(not options.json) as report:
        result = bench.backtest(
            options.strategy, options.data, given_params(options), progress=report, **given_options(options)
        )
    if options.report:
        write_report(options.report, result.report())
    if options.json:
        print_json(result.to_dict())
        return 0
    say(f"{result!r}")
    print_figures(result.metrics.to_dict())
    print_costs(result.costs)
    for note in result.notes:
        say(f"  {note}")
    for pending in result.pending:
        say(f"  pending at the end: {pending['action']} {pending['direction'] or ''} {pending['symbol']}")
    if result.rejected:
        say(f"  {len(result.rejected)} entries were rejected, the first: {result.rejected[0]['reason']}")
    say(f"run {result.run_id}")
    return 0


def prove(options: argparse.Namespace, bench: Workbench) -> int:
    """Prove, record, print the certificates; exit 1 where one failed."""
    with progress(not options.json) as report:
        proofs = bench.prove(
            options.strategy, options.data, given_params(options), progress=report, **given_options(options)
        )
    if options.json:
        print_json(proofs.to_dict())
    else:
        print_proofs(proofs)
        say(f"run {proofs.run_id}")
    return 0 if proofs.passed else 1


def walkforward(options: argparse.Namespace, bench: Workbench) -> int:
    """Walk forward, record, print the windows and the stitched figures."""
    _refuse_report_folder(options.report)
    workers = whole_number("--workers", options.workers) or 1
    plain = workers == 1 and options.executor is None
    with progress(not options.json) as report:
        result = bench.walk_forward(
            options.strategy, options.data, given_params(options), train=options.train, test=options.test,
            grid=options.grid, metric=options.metric, anchored=options.anchored, constraints=options.constraint,
            purge=whole_number("--purge", options.purge, 0), require=_required(options.require),
            workers=None if plain else workers, executor=options.executor, progress=report, **given_options(options),
        )  # fmt: skip
    if options.report:
        write_report(options.report, result.report())
    if options.json:
        print_json(result.to_dict())
        return 0
    frame = result.table
    table(
        list(frame.columns), [[f"{v:.3f}" if isinstance(v, float) else str(v) for v in row] for row in frame.to_numpy()]
    )
    say("\nStitched out of sample:")
    print_figures(result.metrics.to_dict())
    print_costs(result.costs)
    efficiency, reason = result.efficiency
    say(f"  efficiency {efficiency:.2f}" if efficiency is not None else f"  efficiency undefined: {reason}")
    fell = result.degradation[0]
    if fell is not None:
        say(f"  {result.shown} falls by {fell:.2f} from train to test on average")
    if missed := sum(not window.kept for window in result.windows):
        say(f"  in {missed} windows no set had what --require asks for: the best of all was used")
    say(f"  {result.tried} parameter sets evaluated")
    say(f"run {result.run_id}")
    return 0


def replay(options: argparse.Namespace, bench: Workbench) -> int:
    """Replay a recorded run, or a strategy on data, on paper; record with the journal, print what happened."""
    params, given = given_params(options), given_options(options)
    if options.data is None:
        _refuse_run_options(options.strategy, params, given)
    with progress(not options.json) as report:
        run = bench.replay(
            options.strategy, options.data, params, last_days=whole_number("--last-days", options.last_days),
            precomputed=options.precomputed, progress=report, **given,
        )  # fmt: skip
    found = {
        "run_id": run.run_id,
        "mode": run.mode,
        "elapsed_s": round(run.elapsed_s, 6),
        "bars_a_second": round(run.bars_a_second, 1),
        **run.summary(),
        "fills_list": fills_of(run),
    }
    if options.json:
        print_json(found)
        return 0
    for fill in found["fills_list"]:
        say(f"  {fill['time']}  {fill['side']:4} {fill['size']} {fill['symbol']} at {fill['price']}  ({fill['cause']})")
    if run.data["adjusted"]:
        say("  (prices are adjusted, and sizes are in units of them)")
    say(f"{found['bars']} bars, {found['signals']} signals, {found['orders']} orders, {found['fills']} fills")
    say(f"equity {found['start_cash']} → {found['end_equity']:.2f}, fees {found['fees']}")
    say(f"{run.mode}: {run.elapsed_s:.2f} s, {run.bars_a_second:,.0f} bars a second")
    say(f"run {run.run_id}")
    return 0


def _refuse_run_options(run_id: str, params: dict[str, str], given: dict[str, Any]) -> None:
    """A recorded run brings its own parameters and options; another of either would be another run."""
    named = [f"--set {name}={value}" for name, value in params.items()]
    named += [f"--{name.replace('_', '-')} {value}" for name, value in given.items()]
    if named:
        raise BadInput(
            "replay", " ".join(named), f"cannot go with the recorded run {run_id}, which has its own",
            "leave it out, or name a strategy and --data",
        )  # fmt: skip


def fills_of(run: Any) -> list[dict[str, str]]:
    """The fills of a replay as JSON values; numbers as exact text."""
    from workbench.model import iso

    return [
        {
            "time": iso(f.time),
            "symbol": f.symbol,
            "side": str(f.side),
            "size": f"{f.size:.8f}",
            "price": f"{f.price:f}",
            "fee": f"{f.fee:.8f}",
            "cause": f.cause,
        }
        for f in run.fills
    ]


def print_figures(metrics: dict[str, Any]) -> None:
    """The main figures of a run in two columns; those without an answer with the reason."""
    from workbench.research.report import show

    for name in HEADLINE:
        reason = metrics["undefined"].get(name)
        say(f"  {name.replace('_', ' '):15} {show(name, metrics[name]):>14}{f'  ({reason})' if reason else ''}")


def print_costs(costs: Any) -> None:
    """From gross to net, component by component."""
    say("  from gross to net: " + ", ".join(f"{name} {amount:,.2f}" for name, amount in costs.rows()))


def print_proofs(proofs: Any) -> None:
    """Each proof in a line, with what was compared or why it failed."""
    for proof in proofs.lookahead:
        told = proof.reason or f"cut {proof.coverage}, {proof.rows_compared:,} rows the same"
        say(f"  {_mark(proof.passed)} no look-ahead on {proof.symbol}: {told}")
    for proof in proofs.warmup:
        told = proof.reason or f"settles after {proof.bars_needed} bars (declared: {proof.declared or 'nothing'})"
        say(f"  {_mark(proof.passed)} warm-up on {proof.symbol}: {told}")
    parity = proofs.parity
    told = parity.reason or (
        f"{parity.bars:,} bars one at a time through the order path made the same {parity.compared_fills} fills and "
        f"{parity.compared_trades} trades"
    )
    say(f"  {_mark(parity.passed)} parity: {told}")


def write_report(path: str, page: str) -> None:
    """Write an HTML report. Raises BadInput where that cannot be done."""
    try:
        Path(path).expanduser().write_text(page, encoding="utf-8")
    except OSError as error:
        raise BadInput("--report", path, f"cannot be written ({error.strerror})", "choose another file") from None


def _refuse_report_folder(path: str | None) -> None:
    """Say before the work that its report could not be written after it."""
    if path is not None and not Path(path).absolute().parent.is_dir():
        raise BadInput("--report", path, "lies in a folder that does not exist", "choose another file")


def _mark(passed: bool) -> str:
    return "passed" if passed else "FAILED"


def _required(texts: Sequence[str]) -> dict[str, float]:
    """Least figures of a train from FIGURE=N."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadInput("--require", text, "is no FIGURE=N", "as in trades=20 or max_drawdown=-0.3")
        found[name.strip()] = float(decimal(f"--require {name.strip()}", value))
    return found
