"""The commands, their options and which function answers each; nothing heavy is imported here."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from typing import Any, NoReturn

from workbench import __version__
from workbench.cli.desk_parser import desk_commands
from workbench.cli.order_parser import order_commands
from workbench.cli.signal_parser import signal_commands
from workbench.errors import BadInput, WorkbenchError

_EXECUTORS = "thread (default), process, dask://HOST:PORT or dask://local"


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def error(self, message: str) -> NoReturn:
        raise _WrongUse(f"{message} (see {self.prog} --help)")


class _WrongUse(WorkbenchError):
    """The command line cannot be read."""

    exit_code = 2


def run(arguments: Sequence[str]) -> int:
    """Parse a command line and run the command. Raises WorkbenchError with the exit code to leave with."""
    from workbench.bootstrap import open_workbench
    from workbench.cli.output import answers_only

    parser, commands = _parser()
    # A plugin's command is looked up only where ours do not answer: --help lists them all.
    first = next((a for a in arguments if not a.startswith("-")), None)
    bench = None
    if first is None or first not in commands.choices:
        with answers_only():
            bench = open_workbench()
        for record in bench.plugins.records("command"):
            if record.name not in commands.choices:
                added = commands.add_parser(record.name, help=record.summary)
                if first == record.name:
                    added.set_defaults(answer=record.resolve()(added))
    options = parser.parse_args(arguments)
    answer = getattr(options, "answer", None)
    if answer is None:
        parser.print_help()
        return 0 if not arguments else 2
    if not isinstance(answer, str):  # a plugin's command prints as it likes
        return int(answer(options, bench) or 0)
    module, _, name = answer.partition(":")
    answer = getattr(importlib.import_module(f"workbench.cli.{module}"), name)
    if getattr(options, "no_desk", False):
        return int(answer(options) or 0)
    with answers_only():
        return int(answer(options, bench or open_workbench(getattr(options, "home", None))) or 0)


def _parser() -> tuple[_Parser, Any]:
    parser = _Parser(
        prog="workbench",
        description="Write a strategy once, prove it, promote it on evidence, run it with the same code.",
        epilog="State lives under $WORKBENCH_HOME (default .workbench). --debug shows tracebacks.",
    )
    parser.set_defaults(json=False)
    parser.add_argument("--version", action="version", version=f"workbench {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=_Parser, title="commands")

    demo = _command(commands, "demo", "the whole main job on real prices, in a minute", "demo:demo")
    demo.add_argument("--exit", action="store_true", help="do not stay up at the end")

    _command(commands, "plugins", "every plugin and what it provides, failed ones with their error", "lists:plugins")
    _command(commands, "strategies", "registered strategies and their parameters", "lists:strategies")

    check = _command(commands, "check", "load prices and report on their quality", "jobs:check")
    _data_options(check)
    data = _command(commands, "data", "prices and their quality", "jobs:check")
    actions = data.add_subparsers(metavar="ACTION", parser_class=_Parser, title="actions", required=True)
    checked = _command(actions, "check", "load prices and report on their quality", "jobs:check")
    checked.add_argument("data", metavar="SOURCE:SYMBOL[,SYMBOL]", help="as in sample:AAPL or csv:prices.csv")
    _data_options(checked, named=False)

    backtest = _command(commands, "backtest", "backtest a strategy", "jobs:backtest")
    _run_options(backtest)
    backtest.add_argument("--report", metavar="FILE", help="write an HTML report")

    prove = _command(commands, "prove", "prove no look-ahead, enough warm-up, parity with the order path", "jobs:prove")
    _run_options(prove)

    sweep = _command(commands, "sweep", "a strategy at many parameter sets, each counted as a trial", "sweeps:sweep")
    _run_options(sweep)
    sweep.add_argument(
        "--grid",
        action="append",
        default=[],
        metavar="NAME=LOW:HIGH:STEP",
        help="one axis, or NAME=a,b,c, NAME=auto; none, or auto alone: every number ± 30 %% of its default",
    )
    sweep.add_argument("--constraint", action="append", metavar="TEXT", help='what must hold, as in "slow >= 2 * fast"')
    sweep.add_argument("--search", metavar="HOW", help="grid (all combinations), random, lhs or bayes (--trials)")
    sweep.add_argument("--trials", metavar="N", help="sets that random, lhs and bayes try (default 100)")
    sweep.add_argument("--study", metavar="NAME", help="a bayes search by name; the same name goes on with it")
    sweep.add_argument("--seed", metavar="S", help="the same seed draws the same sets (default 0)")
    sweep.add_argument("--metric", metavar="M", help="what the results are sorted by (default sharpe)")
    sweep.add_argument("--top", default="20", metavar="K", help="how many of the best are shown (default 20)")
    sweep.add_argument("--workers", metavar="N", help="pieces worked side by side (default: as many as processors)")
    sweep.add_argument("--executor", metavar="E", help=_EXECUTORS)

    overfit = _command(commands, "overfit", "how likely a recorded run is to be luck", "overfit:overfit")
    overfit.add_argument("run_id", metavar="RUN", help="a backtest, sweep (its best set) or walk-forward, by its id")
    overfit.add_argument("--permutations", metavar="N", help="random orders of the bars (default 200, 0 for none)")
    overfit.add_argument("--splits", metavar="N", help="blocks of CSCV, even (default 16)")
    overfit.add_argument("--seed", metavar="S", help="the same seed draws the same orders (default 0)")
    overfit.add_argument("--workers", metavar="N", help="orders worked side by side (default: as many as processors)")
    overfit.add_argument("--executor", metavar="E", help=_EXECUTORS)

    walk = _command(
        commands, "walkforward", "search on a train window, trade the next, again and again", "jobs:walkforward"
    )
    _run_options(walk)
    walk.add_argument("--train", required=True, metavar="N", help="bars, or 90d, 12w, 6m, 2y")
    walk.add_argument("--test", required=True, metavar="N", help="bars, or 90d, 12w, 6m, 2y")
    walk.add_argument("--anchored", action="store_true", help="every train starts at the first bar")
    walk.add_argument(
        "--grid", action="append", default=[], metavar="NAME=LOW:HIGH:STEP", help="one axis of the search"
    )
    walk.add_argument("--metric", default="sharpe", metavar="M", help="what the search chooses by (default sharpe)")
    walk.add_argument("--purge", metavar="N", help="bars left out between a train and its test")
    walk.add_argument(
        "--require", action="append", default=[], metavar="FIGURE=N", help="the least a train must show, as trades=20"
    )
    walk.add_argument("--constraint", action="append", metavar="TEXT", help='what must hold, as in "slow >= 2 * fast"')
    walk.add_argument("--workers", default="1", metavar="N", help="windows searched side by side")
    walk.add_argument("--executor", metavar="E", help="process (default), thread, dask://HOST:PORT or dask://local")
    walk.add_argument("--report", metavar="FILE", help="write an HTML report")

    across = _command(
        commands, "crossvalidate", "many paths out of sample, by combinatorial purged folds", "overfit:crossvalidate"
    )
    _run_options(across)
    across.add_argument(
        "--grid", action="append", default=[], metavar="NAME=LOW:HIGH:STEP", help="one axis of the search"
    )
    across.add_argument(
        "--constraint", action="append", metavar="TEXT", help='what must hold, as in "slow >= 2 * fast"'
    )
    across.add_argument("--metric", metavar="M", help="sharpe (default), sortino or total_return")
    across.add_argument("--folds", metavar="N", help="into how many parts the past is cut (default 10)")
    across.add_argument("--test-folds", metavar="N", help="how many of them test each time (default 2)")
    across.add_argument("--purge", metavar="N", help="bars beside a test that no train has (default 0)")
    across.add_argument("--embargo", metavar="N", help="bars more after a test (default 0)")

    replay = _command(commands, "replay", "trade the past on paper, bar by bar through the order path", "jobs:replay")
    _run_options(replay, "RUN, or STRATEGY with --data: a recorded run's id, or a strategy as in backtest", data=False)
    replay.add_argument("--last-days", metavar="N", help="trade only the last N days; the rest is known past")
    replay.add_argument(
        "--precomputed", action="store_true", help="answer once and skip bars without event; needs a look-ahead proof"
    )

    runs = _command(commands, "runs", "recorded runs", "runs:list_runs")
    kinds = runs.add_subparsers(metavar="ACTION", parser_class=_Parser, title="actions")
    listed = _command(kinds, "list", "all runs, newest first", "runs:list_runs")
    listed.add_argument("--kind", help="backtest, sweep, walkforward, overfit, proof or replay")
    listed.add_argument("--strategy", help="runs of one strategy")
    listed.add_argument("--limit", metavar="N", help="at most so many")
    shown = _command(kinds, "show", "one run in full", "runs:show_run")
    shown.add_argument("run_id", metavar="ID")
    again = _command(kinds, "rerun", "make a run again and compare", "runs:rerun")
    again.add_argument("run_id", metavar="ID")

    desk_commands(commands, _command, _Parser)
    signal_commands(commands, _command, _Parser)
    order_commands(commands, _command, _Parser)

    test = _command(commands, "test", "the project's own checks and tests (in a checkout)", "project:test")
    test.add_argument("--fast", action="store_true", help="leave out what needs fresh environments or many seeds")
    test.add_argument("--only", action="append", metavar="STEP", help="only this step; may be given again")
    test.set_defaults(no_desk=True)
    faults = _command(commands, "faults", "kill and trouble the order path (in a checkout)", "project:faults")
    faults.add_argument(
        "--seeds", default="20", metavar="N", help="how many seeds, at each kind of broker (default 20)"
    )
    faults.add_argument("--first-seed", default="0", metavar="K", help="the first of them (default 0)")
    faults.add_argument("--mutant", metavar="NAME", help="an order path broken on purpose, as save-after-send")
    faults.add_argument("--mode", action="append", metavar="KIND", help="only brokers of this kind: dedupes, …")
    faults.set_defaults(no_desk=True)
    attack = _command(commands, "attack", "attack the webhook server for a while (in a checkout)", "project:attack")
    attack.add_argument("--minutes", default="30", metavar="N", help="how long it is flooded (default 30)")
    attack.add_argument("--rate", default="50", metavar="N", help="alerts a second, of all kinds (default 50)")
    attack.set_defaults(no_desk=True)
    return parser, commands


def _command(commands: Any, name: str, summary: str, answer: str) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + "."
    )
    added.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print one JSON document on stdout and nothing else",
    )
    added.set_defaults(answer=answer)
    return added


def _data_options(command: argparse.ArgumentParser, *, required: bool = True, named: bool = True) -> None:
    """The options of prices; `named` says whether they are given as --data."""
    if named:
        command.add_argument(
            "--data", required=required, metavar="SOURCE:SYMBOL[,SYMBOL]", help="as in sample:AAPL or csv:prices.csv"
        )
    command.add_argument("--start", metavar="D", help="first day or time, inclusive")
    command.add_argument("--end", metavar="D", help="last day or time, inclusive")
    command.add_argument("--calendar", metavar="NAME", help="exchange calendar, as in NYSE or NSE (files: always)")
    command.add_argument("--tz", metavar="ZONE", help="zone of times that carry none, as in America/New_York")
    command.add_argument("--lot", metavar="N", help="units a lot")
    command.add_argument("--tick", metavar="N", help="smallest price step")


def _run_options(
    command: argparse.ArgumentParser, names: str = "a registered name or path/to/file.py:Class", *, data: bool = True
) -> None:
    """The options of a run; `names` says what the first word is, `data` whether prices have to be named."""
    command.add_argument("strategy", metavar="STRATEGY" if data else "RUN", help=names)
    _data_options(command, required=data)
    command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set a parameter")
    command.add_argument("--fees", metavar="BPS", help="basis points of notional (default 10)")
    command.add_argument(
        "--slippage", metavar="BPS", help="basis points of price (default 5), or spread:4, volatility:10, volume:2 (+)"
    )
    command.add_argument("--costs", metavar="NAME[:KEY=VALUE,…]", help="a cost model in place of --fees")
    command.add_argument("--per-share", metavar="N", help="currency a raw share")
    command.add_argument("--min-fee", metavar="N", help="least fee of an order, in currency")
    command.add_argument("--cash", metavar="N", help="starting cash (default 100000)")
    command.add_argument("--shared-cash", action="store_true", help="one cash for all symbols instead of equal parts")
    command.add_argument(
        "--size", metavar="RULE", help="all, shares:N, value:N, percent:P or risk:P (default: the strategy's)"
    )
    command.add_argument("--stop", metavar="P", help="stop-loss, percent of the fill price")
    command.add_argument("--target", metavar="P", help="take-profit, percent of the fill price")
    command.add_argument("--trail", metavar="P", help="trailing stop, percent")
    command.add_argument("--fill-at", metavar="WHEN", help="open of the next bar (default), or close of the signal's")


def given_options(options: argparse.Namespace) -> dict[str, Any]:
    """The run options that were given, by the names `Workbench` takes."""
    from workbench.research import OPTIONS

    found = {name: getattr(options, name, None) for name in OPTIONS}
    found["shared_cash"] = "true" if getattr(options, "shared_cash", False) else None
    return {name: value for name, value in found.items() if value is not None}


def given_params(options: argparse.Namespace) -> dict[str, str]:
    """The parameters set with --set, as text."""
    found = {}
    for text in options.set:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise BadInput("--set", text, "is no NAME=VALUE", "write for example --set fast=10")
        found[name.strip()] = value.strip()
    return found


def whole_number(name: str, text: str | None, low: int = 1) -> int | None:
    """A whole number given as an option, None where it was not. Raises BadInput."""
    if text is None:
        return None
    try:
        value = int(text)
    except ValueError:
        raise BadInput(name, text, "is no whole number", f"give one from {low}") from None
    if not low <= value < 2**31:
        raise BadInput(name, text, f"must be from {low} to {2**31 - 1}")
    return value
