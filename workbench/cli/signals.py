"""Commands on signals: list, show, make, test, take back, send once more."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.bootstrap import Workbench
from workbench.cli.desk import last_of, listed
from workbench.cli.hooks import done, name_of, number_of, shown
from workbench.cli.output import print_json, say, table
from workbench.errors import BadInput


def signals(options: argparse.Namespace, bench: Workbench) -> int:
    """Everything that wanted to trade, and what came of it."""
    keys = ("received_at", "source", "alert_key", "status", "reason")
    return listed(options, bench.trading.signals(last_of(options)), keys, "no signals yet")


def alerts(options: argparse.Namespace, bench: Workbench) -> int:
    """Alerts as they came."""
    keys = ("came_at", "source", "tickers", "status", "repeats", "reason")
    found = bench.trading.by_signal.alerts(last_of(options) or 100, options.hook)
    return listed(options, found, keys, "no alerts yet")


def show_signal(options: argparse.Namespace, bench: Workbench) -> int:
    """One signal."""
    return shown(options, bench.trading.by_signal.signal(options.signal))


def create_signal(options: argparse.Namespace, bench: Workbench) -> int:
    """Make a signal by hand."""
    if not (options.strategy or options.algo):
        raise BadInput("--strategy", "", "is missing", "name a strategy, or an algo with --algo")
    found = bench.trading.by_signal.create_signal(
        options.strategy or "", options.ticker, options.action, quantity=options.quantity, reason=options.reason or "",
        algo=options.algo or "",
    )  # fmt: skip
    return done(options, found, f"signal {found['signal_id']} is {found['status']}; workbench signals show tells on")


def cancel_signal(options: argparse.Namespace, bench: Workbench) -> int:
    """Take a signal back."""
    found = bench.trading.by_signal.cancel_signal(options.signal, options.reason or "")
    return done(options, found, f"signal {options.signal} is taken back")


def replay(options: argparse.Namespace, bench: Workbench) -> int:
    """Say what a signal would do now, or send it once more."""
    if options.dry_run and options.for_real:
        raise BadInput("--dry-run", "", "contradicts --for-real", "give one of the two")
    found = bench.trading.by_signal.replay_signal(
        options.signal, options.reason or "", for_real=options.for_real, override=options.override
    )
    if options.json:
        print_json(found)
    elif found["dry_run"]:
        _outcomes(found["outcomes"])
    else:
        say(f"sent once more, as signal {found['signal_id']}")
    return 0


def stats(options: argparse.Namespace, bench: Workbench) -> int:
    """What came through each hook, and what came of it."""
    found = bench.trading.by_signal.analytics(number_of("--days", options.days))
    if options.json:
        print_json(found)
        return 0
    rows = [
        (row["hook"], row["received"], row["accepted"], row["repeats"], row["refused"],
         ", ".join(f"{n} {status}" for status, n in row["signals"].items()) or "-",
         *(row["latency_ms"].get(stage, {}).get("p95", "-") for stage in ("kept", "decided")),
         "-" if row["accuracy"]["share"] is None else f"{row['accuracy']['share']:.0%} of {row['accuracy']['entries']}",
         "; ".join(row["odd"]))
        for row in [*found["hooks"], found["all"]]
    ]  # fmt: skip
    titles = ("hook", "received", "accepted", "repeats", "refused", "signals", "kept p95 (ms)", "decided p95 (ms)",
              "gained", "odd")  # fmt: skip
    table(titles, [tuple(map(str, row)) for row in rows])
    for reason in found["all"]["reasons"]:
        say(f"{reason['count']} x {reason['reason']}")
    return 0


def test_hook(options: argparse.Namespace, bench: Workbench) -> int:
    """Say what an alert would do."""
    body = None
    if options.body == "-":
        body = sys.stdin.read()
    elif options.body:
        try:
            body = Path(options.body).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput("--body", options.body, f"cannot be read ({error})") from None
    found = bench.trading.by_signal.test_hook(name_of(options), body)
    if options.json:
        print_json(found)
        return 0
    say(f"message: {found['body']}")
    if not found["accepted"]:
        say(f"REFUSED: {found['reason']}")
    _outcomes(found["outcomes"])
    return 0


def test_algo(options: argparse.Namespace, bench: Workbench) -> int:
    """Say what a scheduled algo would do."""
    found = bench.trading.by_signal.test_algo(name_of(options))
    if options.json:
        print_json(found)
    else:
        _outcomes(found["outcomes"])
    return 0


def _outcomes(outcomes: Sequence[Mapping[str, Any]]) -> None:
    for one in outcomes:
        via = f" by {one['algo']}" if one["algo"] else ""
        why = f": {one['reason']}" if one["reason"] else ""
        at = f"{one['time']}: " if "time" in one else ""
        say(f"{at}{one['ticker']} for {one['strategy']}{via} would be {one['would']}{why}")
