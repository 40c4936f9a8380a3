"""The commands on hooks, groups, algos and signals, and their options; nothing heavy is imported here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

_RULES = (
    ("most-size", "N", "the largest entry, in units"),
    ("most-value", "N", "the largest entry, in the account's currency"),
    ("a-day", "N", "alerts taken in 24 hours"),
    ("a-minute", "N", "alerts taken in a minute (3000)"),
    ("age", "SECONDS", "how old an alert may be that says when it was made (60)"),
    ("window", "SECONDS", "how long an alert without an id counts as a repeat (60)"),
    ("price-within", "PERCENT", "how far an entry's price may be off the market's"),
)
_ALGO = (
    ("sides", "SIDE", "both, long or short: which entries it takes; exits always"),
    ("quantity", "RULE", "signal, strategy, all, shares:N, value:N, percent:P or risk:P"),
    ("entries-a-day", "N", "entries it makes in a day of --zone"),
    ("expires", "TIME", "until when it acts, an ISO time"),
    ("zone", "ZONE", "of the limit a day, as Asia/Kolkata"),
    ("priority", "N", "a higher one goes first"),
    ("about", "TEXT", "what it is for"),
    ("trigger", "WHAT", "signal (alerts of its groups), scheduled (--at) or manual (signals create --algo)"),
)


def signal_commands(
    commands: Any, command: Callable[..., argparse.ArgumentParser], kind: type[argparse.ArgumentParser]
) -> None:
    """Add them to the shell's parser."""
    _hooks(command(commands, "hooks", "doors for alerts that drive strategies", "hooks:list_hooks"), command, kind)
    _groups(command(commands, "groups", "groups of algos that hooks lead to", "hooks:list_groups"), command, kind)
    _algos(
        command(commands, "algos", "what signals make promoted strategies do", "hooks:list_algos"), command, kind
    )  # fmt: skip
    listed = command(commands, "signals", "everything that wanted to trade, and what came of it", "signals:signals")
    listed.add_argument("--last", metavar="N", help="only the last N")
    kinds = listed.add_subparsers(metavar="ACTION", parser_class=kind, title="actions")
    again = command(kinds, "list", "everything that wanted to trade", "signals:signals")
    again.add_argument("--last", metavar="N", help="only the last N")
    command(kinds, "show", "one signal, with times, orders and risk", "signals:show_signal").add_argument("signal")
    alerts = command(kinds, "alerts", "alerts as they came, refused ones too", "signals:alerts")
    alerts.add_argument("--last", metavar="N", help="only the last N (100)")
    alerts.add_argument("--hook", metavar="NAME", help="of this hook only")
    stats = command(kinds, "stats", "taken, refused and why, repeats, latencies, accuracy", "signals:stats")
    stats.add_argument("--days", metavar="N", default="30", help="of the last N days (30)")
    made = command(kinds, "create", "make a signal by hand; it goes the way of an alert", "signals:create_signal")
    made.add_argument("--strategy", metavar="S", help="the strategy it drives")
    made.add_argument("--algo", metavar="A", help="or the algo whose rules hold for it")
    made.add_argument("--ticker", required=True, metavar="T", help="what to trade")
    made.add_argument("--action", required=True, metavar="A", help="buy, sell, short, exit, exit_long or exit_short")
    made.add_argument("--quantity", metavar="N", help="units; the strategy's own size if left out")
    made.add_argument("--reason", metavar="TEXT", help="why, for the record")
    cancel = command(kinds, "cancel", "take a signal back that nobody acted on yet", "signals:cancel_signal")
    cancel.add_argument("signal")
    cancel.add_argument("--reason", metavar="TEXT", help="why, for the record")
    replay = command(kinds, "replay", "say what a signal would do now, or send it once more", "signals:replay")
    replay.add_argument("signal")
    replay.add_argument("--dry-run", action="store_true", help="only say what it would do (so without --for-real)")
    replay.add_argument("--for-real", action="store_true", help="send it once more, as a signal of its own")
    replay.add_argument("--reason", metavar="TEXT", help="why; a replay for real needs one")
    replay.add_argument(
        "--override", action="store_true", help="without windows, conditions, limit a day and price check"
    )
    _test(command(kinds, "test", "say what an alert at a hook would do; nothing trades", "signals:test_hook"))


def _hooks(
    hooks: argparse.ArgumentParser, command: Callable[..., argparse.ArgumentParser], kind: type[argparse.ArgumentParser]
) -> None:
    kinds = hooks.add_subparsers(metavar="ACTION", parser_class=kind, title="actions")
    command(kinds, "list", "every hook", "hooks:list_hooks")
    command(kinds, "formats", "the forms of alerts there are", "hooks:formats")
    _named(command(kinds, "show", "a hook: rules, message, last alerts", "hooks:show_hook"))
    made = command(kinds, "create", "make a hook: its address, and the message to paste", "hooks:create_hook")
    _named(made)
    made.add_argument("--strategy", metavar="S", help="the strategy its alerts drive")
    made.add_argument("--group", metavar="G", help="or the group of algos they go to")
    made.add_argument("--format", default="tradingview", metavar="F", help="the form of its alerts (tradingview)")
    made.add_argument(
        "--set", action="append", metavar="KEY=VALUE", help="a setting of the format; JSON is read as such"
    )
    made.add_argument("--secret", nargs="?", const="", metavar="TEXT", help="ask for a secret in the message")
    _server(made)
    _rules(made)
    changed = command(kinds, "change", "change rules of a hook; what is not named stays", "hooks:change_hook")
    _named(changed)
    changed.add_argument("--secret", nargs="?", const="", metavar="TEXT", help="another secret, at once")
    changed.add_argument("--new-keys", action="store_true", help="other keys for signing and encrypting, at once")
    _rules(changed)
    rotated = command(kinds, "rotate", "give a hook another address; the old one works for a while", "hooks:rotate")
    _named(rotated)
    rotated.add_argument("--overlap", default="3600", metavar="SECONDS", help="how long the old one works (3600)")
    _server(rotated)
    _named(command(kinds, "revoke", "close a hook for good, as when its address leaked", "hooks:revoke_hook"))
    _test(command(kinds, "test", "say what an alert would do; nothing trades", "signals:test_hook"))


def _rules(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--signed", action="store_true", default=None, help="ask for an HMAC in a header")
    parser.add_argument("--sealed", action="store_true", default=None, help="ask for an encrypted message")
    parser.add_argument("--allow", action="append", metavar="ADDRESS", help="a network it may come from; tradingview")
    parser.add_argument("--symbol", action="append", metavar="S", help="a symbol its entries may be of")
    for name, unit, words in _RULES:
        parser.add_argument(f"--{name}", metavar=unit, help=words)
    parser.add_argument("--about", metavar="TEXT", help="what it is for: the condition of its alerts")


def _groups(
    groups: argparse.ArgumentParser,
    command: Callable[..., argparse.ArgumentParser],
    kind: type[argparse.ArgumentParser],
) -> None:
    kinds = groups.add_subparsers(metavar="ACTION", parser_class=kind, title="actions")
    command(kinds, "list", "every group", "hooks:list_groups")
    _named(command(kinds, "show", "one group", "hooks:show_group"))
    for action, words in (("create", "make a group"), ("change", "change a group; what is not named stays")):
        made = command(kinds, action, words, f"hooks:{action}_group")
        _named(made)
        made.add_argument("--algo", action="append", metavar="A", help="an algo its signals go to")
        made.add_argument("--route", metavar="HOW", help="all, or first: to the first by priority that takes it")
        made.add_argument("--recognise", choices=("yes", "no"), help="whether the text chooses the strategy")
        made.add_argument("--active", choices=("yes", "no"), help="whether it takes anything")
        made.add_argument("--expires", metavar="TIME", help="until when, an ISO time")
        made.add_argument("--about", metavar="TEXT", help="what it is for")
    _named(command(kinds, "remove", "take a group away that no hook leads to", "hooks:remove_group"))


def _algos(
    algos: argparse.ArgumentParser, command: Callable[..., argparse.ArgumentParser], kind: type[argparse.ArgumentParser]
) -> None:
    kinds = algos.add_subparsers(metavar="ACTION", parser_class=kind, title="actions")
    command(kinds, "list", "every algo", "hooks:list_algos")
    _named(command(kinds, "show", "one algo", "hooks:show_algo"))
    for action, words in (("create", "make an algo, inactive at first"), ("change", "change an algo")):
        made = command(kinds, action, words, f"hooks:{action}_algo")
        _named(made)
        made.add_argument("--strategy", required=action == "create", metavar="S", help="the strategy it drives")
        made.add_argument("--active", choices=("yes", "no"), help="whether it acts")
        made.add_argument("--map", action="append", metavar="SAID=DONE", help="turn an action into another, or ignore")
        made.add_argument("--hours", action="append", metavar="WINDOW", help='as "mon-fri 09:15-15:15 Asia/Kolkata"')
        made.add_argument("--when", action="append", metavar="CONDITION", help='as "price >= 100"')
        made.add_argument("--at", action="append", metavar="TIME", help='as "mon-fri 15:15 Asia/Kolkata exit INFY"')
        made.add_argument("--alias", action="append", metavar="TICKER=SYMBOL", help="what a sender calls a symbol")
        for name, unit, said in _ALGO:
            made.add_argument(f"--{name}", metavar=unit, help=said)
    _named(command(kinds, "test", "say what a scheduled algo would do; nothing trades", "signals:test_algo"))
    _named(command(kinds, "remove", "take an algo away that is in no group", "hooks:remove_algo"))


def _named(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="its name")
    parser.add_argument("--name", dest="named", metavar="NAME", help="the same")


def _test(parser: argparse.ArgumentParser) -> None:
    _named(parser)
    parser.add_argument("--body", metavar="FILE", help="the message, - for stdin; the format's sample if left out")


def _server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", default="8321", metavar="N", help="the server's port, for the address (default 8321)")
    parser.add_argument("--server", metavar="URL", help="the public address, as https://desk.example.com")
