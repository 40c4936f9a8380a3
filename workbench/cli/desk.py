"""Commands of the trading desk: stages, promote, demote, orders, fills, positions, panic, resume."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from workbench.bootstrap import Workbench
from workbench.bootstrap.views import event_dict
from workbench.cli.output import print_json, say, table
from workbench.cli.parser import whole_number
from workbench.errors import BadInput, Refused


def stages(options: argparse.Namespace, bench: Workbench) -> int:
    """Where every strategy stands, and what it is missing for the next stage."""
    found = bench.trading.stages()
    if options.json:
        print_json(found)
        return 0
    if not found:
        say("no strategy has left research; try: workbench promote STRATEGY --run ID --to backtested")
        return 0
    for row in found:
        values = ", ".join(f"{name}={value}" for name, value in row["params"].items())
        say(f"{row['strategy']}({values}) on {row['data']}: {row['stage']} since {row['since'][:16]} UTC")
        if row["changed"]:
            say(f"  CHANGED: {row['changed']}")
        for missing in row["missing"]:
            say(f"  missing for {row['next']}: {missing}")
    return 0


def promote(options: argparse.Namespace, bench: Workbench) -> int:
    """Try to move a strategy up; exit 1 where a gate refuses."""
    event = event_dict(bench.trading.promote(options.strategy, options.run, options.to, options.reason or ""))
    return _told(options, event)


def demote(options: argparse.Namespace, bench: Workbench) -> int:
    """Move a strategy down, pause or retire it."""
    event = bench.trading.demote(options.strategy, options.to, options.reason or "", run_id=options.run)
    return _told(options, event_dict(event))


def _told(options: argparse.Namespace, event: dict[str, Any]) -> int:
    if options.json:
        print_json(event)
    else:
        print_event(event)
    if not event["accepted"]:
        first = event["refused"][0]
        raise Refused(f"{event['strategy']} stays in {event['stage']}: {first['gate']}: {first['reason']}")
    return 0


def print_event(event: dict[str, Any]) -> None:
    """An attempt, gate by gate, for people."""
    verb = "is now in" if event["accepted"] else "was refused for"
    say(f"{event['strategy']} {verb} {event['to']}, from {event['from']}")
    for gate in event["gates"]:
        say(f"  {gate['gate']}: {'passed' if gate['passed'] else 'REFUSED: ' + gate['reason']}")
        for figure in gate["figures"]:
            say(f"    {figure['name']} {figure['value']} ({figure['limit']})")


def orders(options: argparse.Namespace, bench: Workbench) -> int:
    """Orders with their history."""
    keys = ("created_at", "strategy", "symbol", "side", "type", "size", "filled", "state", "reason")
    return listed(options, bench.trading.orders(last_of(options), _account(options, bench)), keys, "no orders yet")


def fills(options: argparse.Namespace, bench: Workbench) -> int:
    """Fills."""
    keys = ("time", "strategy", "symbol", "side", "raw_size", "raw_price", "size", "price", "fee", "cause")
    return listed(options, bench.trading.fills(last_of(options), _account(options, bench)), keys, "no fills yet")


def positions(options: argparse.Namespace, bench: Workbench) -> int:
    """Positions at their last marks."""
    keys = ("account", "symbol", "size", "entry_price", "mark", "value", "open_profit")
    return listed(options, bench.trading.positions(_account(options, bench)), keys, "no positions")


def accounts(options: argparse.Namespace, bench: Workbench) -> int:
    """Accounts with their equity."""
    keys = ("account", "currency", "start_cash", "cash", "equity", "profit", "session", "clock")
    return listed(options, bench.trading.accounts(), keys, "no accounts yet")


def status(options: argparse.Namespace, bench: Workbench) -> int:
    """The fence, the engine and the sessions."""
    found = bench.trading.status()
    if options.json:
        print_json(found)
        return 0
    halted = (
        f"HALTED ({found['reason']}), {'flat' if found['flat'] else 'not flat yet'}" if found["halted"] else "armed"
    )
    say(f"engine {'runs' if found['engine'] else 'does not run'}, {halted}")
    for session in found["sessions"]:
        why = f": {session['reason']}" if session["reason"] else ""
        say(f"  {session['account']}: {session['state']}{why}, {session['bars']} bars, clock {session['clock']}")
    return 0


def panic(options: argparse.Namespace, bench: Workbench) -> int:
    """Stop everything: nothing decided before is sent, then all orders are cancelled and positions closed."""
    found = bench.trading.panic(options.reason or "")
    if options.json:
        print_json(found)
        return 0
    say("HALTED: nothing more is sent, new signals are refused")
    if found["engine"]:
        say("the engine cancels orders and closes positions now; see workbench status")
    else:
        say("no engine runs: orders and positions stay as they are until workbench serve closes them")
    say("workbench resume --confirm lets strategies trade again, once everything is flat")
    return 0


def resume(options: argparse.Namespace, bench: Workbench) -> int:
    """Let strategies trade again after a panic; a person's act."""
    if not options.confirm:
        raise BadInput("--confirm", "", "is missing", "resuming lets strategies trade again; say it with --confirm")
    bench.trading.resume()
    if options.json:
        print_json({"halted": False})
    else:
        say("armed: strategies may trade again")
    return 0


def _account(options: argparse.Namespace, bench: Workbench) -> str | None:
    """The account asked for; it has to exist."""
    return bench.trading.by_hand.account(options.account) if options.account else None


def last_of(options: argparse.Namespace) -> int | None:
    """How many of the newest are asked for; None for all."""
    return whole_number("--last", options.last)


def listed(options: argparse.Namespace, found: list[dict[str, Any]], keys: Sequence[str], empty: str) -> int:
    """Print rows: JSON, or a table of some of their keys."""
    if options.json:
        print_json(found)
    elif not found:
        say(empty)
    else:
        headings = [key.replace("_", " ") for key in keys]
        table(headings, [[_short(key, row[key]) for key in keys] for row in found])
    return 0


def _short(key: str, value: Any) -> str:
    """A value as people read it; --json has it in full."""
    if value is None:
        return ""
    if key in ("size", "raw_size", "raw_price", "filled", "price", "fee", "mark", "entry_price"):
        return f"{float(value):,.4f}"
    if key in ("value", "cash", "start_cash", "equity", "profit", "open_profit"):
        return f"{float(value):,.2f}"
    return str(value)
