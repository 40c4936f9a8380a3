"""The commands on orders and their options; nothing heavy is imported here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

TYPES = ("market", "limit", "stop", "stop-limit", "trailing-stop", "target", "limit-if-touched")
BOOKINGS = (
    "deposit", "withdrawal", "dividend", "funding", "interest", "charge", "split", "bust", "correction",
)  # fmt: skip


def order_commands(
    commands: Any, command: Callable[..., argparse.ArgumentParser], kind: type[argparse.ArgumentParser]
) -> None:
    """Add them to the shell's parser."""
    ledger = command(
        commands, "ledger", "the books: every balance, by strategy; together they are nothing", "order:ledger"
    )
    _of_account(ledger)
    ledger.add_argument("--last", metavar="N", help="only the last N entries")
    looked = command(
        commands, "reconcile", "what books and broker differ in, and what is in doubt", "order:reconcile"
    )  # fmt: skip
    _of_account(looked)
    looked.add_argument("--now", action="store_true", help="have the engine look at the broker first")

    command(commands, "brokers", "what each broker can do, its mode, and whether it answers", "order:brokers")
    order = command(
        commands, "order", "place, change and cancel orders by hand; settle what is in doubt", "order:asked"
    )
    order.add_argument("--last", metavar="N", help="only the last N requests")
    kinds = order.add_subparsers(metavar="ACTION", parser_class=kind, title="actions")

    place = command(kinds, "place", "place an order, or several at once", "order:place")
    _of_account(place)
    place.add_argument("--symbol", metavar="S", help="what to trade")
    place.add_argument("--side", choices=("buy", "sell"), help="buy or sell")
    place.add_argument("--size", metavar="N", help="how much, in whole lots")
    place.add_argument("--to-position", action="store_true", help="the size is that of the position to end with")
    place.add_argument("--type", choices=TYPES, help="market unless said otherwise")
    for name, words in (
        ("limit", "the worst price"),
        ("level", "the price it waits for"),
        ("stop", "percent: a stop-loss under what fills (a cover order)"),
        ("target", "percent: a target over what fills (with a stop, a bracket order)"),
        ("trail", "percent: a trailing stop under what fills"),
        ("trailing", "percent: how far a trailing-stop order hangs from the best price"),
        ("product", "the broker's product, as MIS, NRML, CNC"),
        ("display", "show only so much at a time (iceberg)"),
        ("slice", "send it in pieces of this size"),
        ("pause", "seconds between two pieces"),
        ("good-till", "ends it: an ISO time, by the session's clock"),
        ("template", "a template of the settings, [templates.NAME]"),
        ("key", "the same key again is the same request"),
    ):
        place.add_argument(f"--{name}", metavar=name.upper().replace("-", "_"), help=words)
    place.add_argument("--validity", choices=("day", "gtc", "ioc"), help="gtc unless said otherwise")
    place.add_argument("--gtt", action="store_true", help="good till triggered: kept here until --level is reached")
    place.add_argument("--after-market", action="store_true", help="wait for the market to open")
    place.add_argument(
        "--leg", action="append", metavar="SIDE:SIZE:SYMBOL[:LIMIT]", help="one of several legs, instead of --symbol"
    )
    place.add_argument("--basket", action="store_true", help="the legs stand each for itself")
    place.add_argument(
        "--on-failure", choices=("unwind", "keep"), default="unwind", help="where a leg cannot be had: close the others"
    )
    _wait(place)

    modify = command(kinds, "modify", "change a working order", "order:modify")
    modify.add_argument("order", metavar="ORDER", help="its id")
    for name in ("size", "limit", "level", "key"):
        modify.add_argument(f"--{name}", metavar=name.upper())
    _wait(modify)
    cancel = command(kinds, "cancel", "cancel a working order, or --all", "order:cancel")
    cancel.add_argument("order", metavar="ORDER", nargs="?", help="its id")
    cancel.add_argument("--all", action="store_true", help="every order that works")
    cancel.add_argument("--protection", action="store_true", help="with --all: what protects positions too")
    cancel.add_argument("--symbol", metavar="S", help="with --all: of this symbol only")
    cancel.add_argument("--key", metavar="KEY", help="the same key again is the same request")
    _of_account(cancel)
    _wait(cancel)
    close = command(kinds, "close-all", "close every position of an account", "order:close_all")
    close.add_argument("--symbol", metavar="S", help="of this symbol only")
    close.add_argument("--key", metavar="KEY", help="the same key again is the same request")
    _of_account(close)
    _wait(close)

    match = command(kinds, "match", "say that an unknown order is one found at the broker", "order:match")
    match.add_argument("order", metavar="ORDER")
    match.add_argument("--external", required=True, metavar="ORDER", help="the one found")
    _wait(match)
    rule = command(kinds, "rule", "say that nothing more comes of an order in doubt", "order:rule")
    rule.add_argument("order", metavar="ORDER")
    rule.add_argument("--reason", required=True, metavar="TEXT", help="what was seen at the broker")
    _wait(rule)
    accept = command(kinds, "accept", "take a drift over from the broker", "order:accept")
    accept.add_argument("about", metavar="ABOUT", help="as workbench reconcile names it")
    accept.add_argument("--reason", required=True, metavar="TEXT", help="what explains it")
    accept.add_argument("--price", metavar="P", help="of a position: the price it came about at")
    _of_account(accept)
    _wait(accept)
    book = command(kinds, "book", "book what no fill explains", "order:book")
    book.add_argument("kind", choices=BOOKINGS)
    for name in ("amount", "currency", "ratio", "symbol", "strategy", "subject", "reason", "key"):
        book.add_argument(f"--{name}", metavar=name.upper())
    _of_account(book)
    _wait(book)


def _of_account(command: argparse.ArgumentParser) -> None:
    command.add_argument("--account", metavar="A", help="the account; all, or the only one, where it is left out")


def _wait(command: argparse.ArgumentParser) -> None:
    command.add_argument("--wait", default="10", metavar="S", help="seconds to wait for the engine (default 10)")
