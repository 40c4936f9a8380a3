"""Commands on orders: by hand, on the books, on what is in doubt."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.cli.output import print_json, say, table
from workbench.cli.parser import whole_number
from workbench.errors import BadInput, Refused

if TYPE_CHECKING:
    from workbench.bootstrap import Workbench

_LEG = ("symbol", "side", "size", "type", "limit", "level", "stop", "target", "trail", "trailing", "product", "display",
        "slice", "pause", "good_till", "validity")  # fmt: skip


def place(options: argparse.Namespace, bench: Workbench) -> int:
    """Place an order, or several."""
    common = {name: getattr(options, name) for name in _LEG if getattr(options, name) is not None}
    for flag in ("to_position", "gtt", "after_market"):
        if getattr(options, flag):
            common[flag] = True
    legs = [common]
    if options.leg:
        if any(name in common for name in ("symbol", "side", "size")):
            raise BadInput("--leg", options.leg[0], "and --symbol, --side, --size exclude each other")
        legs = [common | _leg(text) for text in options.leg]
    found = bench.trading.by_hand.place(
        legs, account=options.account, template=options.template, basket=options.basket, on_failure=options.on_failure,
        key=options.key, wait=_seconds(options),
    )  # fmt: skip
    return _told(options, found)


def modify(options: argparse.Namespace, bench: Workbench) -> int:
    """Change a working order."""
    found = bench.trading.by_hand.modify(
        options.order, size=options.size, limit=options.limit, level=options.level, key=options.key,
        wait=_seconds(options),
    )  # fmt: skip
    return _told(options, found)


def cancel(options: argparse.Namespace, bench: Workbench) -> int:
    """Cancel one order, or all."""
    if options.all == bool(options.order):
        raise BadInput("order cancel", options.order or "", "needs an order's id or --all, one of the two")
    desk = bench.trading.by_hand
    if options.all:
        found = desk.cancel_all(
            options.account, options.symbol, protection=options.protection, key=options.key, wait=_seconds(options)
        )
    else:
        found = desk.cancel(options.order, key=options.key, wait=_seconds(options))
    return _told(options, found)


def close_all(options: argparse.Namespace, bench: Workbench) -> int:
    """Close every position of an account."""
    desk = bench.trading.by_hand
    return _told(options, desk.close_all(options.account, options.symbol, key=options.key, wait=_seconds(options)))


def match(options: argparse.Namespace, bench: Workbench) -> int:
    """Match an unknown order with one found at the broker."""
    return _told(options, bench.trading.by_hand.match(options.order, options.external, wait=_seconds(options)))


def rule(options: argparse.Namespace, bench: Workbench) -> int:
    """Rule on an order in doubt."""
    return _told(options, bench.trading.by_hand.rule(options.order, options.reason, wait=_seconds(options)))


def accept(options: argparse.Namespace, bench: Workbench) -> int:
    """Take a drift over."""
    found = bench.trading.by_hand.accept(
        options.about, options.reason, account=options.account, price=options.price, wait=_seconds(options)
    )
    return _told(options, found)


def book(options: argparse.Namespace, bench: Workbench) -> int:
    """Book what no fill explains."""
    names = ("amount", "currency", "ratio", "symbol", "strategy", "subject", "reason")
    fields = {name: getattr(options, name) for name in names}
    found = bench.trading.by_hand.book(
        options.kind, account=options.account, key=options.key, wait=_seconds(options), **fields
    )
    return _told(options, found)


def asked(options: argparse.Namespace, bench: Workbench) -> int:
    """What people asked for, and what came of it."""
    found = bench.trading.by_hand.requests(whole_number("--last", options.last))
    if options.json:
        print_json(found)
    elif not found:
        say("nothing was asked for yet; try: workbench order place --help")
    else:
        keys = ("received_at", "by", "kind", "account", "status", "reason")
        table([key.replace("_", " ") for key in keys], [[row[key] for key in keys] for row in found])
    return 0


def ledger(options: argparse.Namespace, bench: Workbench) -> int:
    """The books."""
    found = bench.trading.by_hand.ledger(options.account, whole_number("--last", options.last))
    if options.json:
        print_json(found)
        return 0
    for account in found:
        say(
            f"{account['account']}: cash {float(account['cash']):,.2f} {account['currency']}, equity "
            f"{float(account['equity']):,.2f}, realised {float(account['realised_average']):,.2f} (average) "
            f"{float(account['realised_fifo']):,.2f} (FIFO), fees {float(account['fees']):,.2f}, "
            f"{'balanced' if account['balanced'] else 'OFF BY ' + account['off_by']}"
        )
        rows = [[b["heading"], b["strategy"], b["symbol"], f"{float(b['amount']):,.2f}"] for b in account["balances"]]
        table(("heading", "strategy", "symbol", "amount"), rows)
    return 0


def brokers(options: argparse.Namespace, bench: Workbench) -> int:
    """Brokers and what they can do."""
    found = bench.trading.by_hand.brokers()
    if options.json:
        print_json(found)
        return 0
    for broker in found:
        mode = (broker["mode"] or "unknown mode").upper()
        state = broker["trouble"] or "answers"
        say(f"{broker['broker']} ({broker['plugin']}): {mode}, {state}; resend: {broker['resend'] or 'unknown'}")
        table(("order", "how"), list(broker["orders"].items()))
    return 0


def reconcile(options: argparse.Namespace, bench: Workbench) -> int:
    """Books against brokers."""
    desk = bench.trading.by_hand
    if options.now:
        names = [options.account] if options.account else [row["account"] for row in desk.reconciliation()]
        for name in names:
            looked = desk.look(name)
            if looked["status"] != "done":
                raise Refused(f"account {name} could not be looked at: {looked['reason'] or looked['status']}")
    found = desk.reconciliation(options.account)
    if options.json:
        print_json(found)
        return 0
    if not found:
        say("no accounts yet")
    for account in found:
        state = account["trouble"] or ("drift" if account["drifts"] else "in line")
        say(f"{account['account']} ({account['broker']}): {state}, looked at {account['looked_at'] or 'never'}")
        for drift in account["drifts"]:
            say(f"  DRIFT {drift['words']}; blocks {drift['blocks']}")
            say(f"    you may: {drift['you_may']}")
        for doubt in account["in_doubt"]:
            say(f"  {doubt['state'].upper()} {doubt['order_id']} {doubt['side']} {doubt['size']} {doubt['symbol']}")
            say(f"    {doubt['what']}; {doubt['being_done']}")
            for may in doubt["you_may"]:
                say(f"    you may: {may}")
    return 0


def _leg(text: str) -> dict[str, str]:
    parts = text.split(":")
    if len(parts) not in (3, 4) or not all(parts):
        raise BadInput("--leg", text, "must read SIDE:SIZE:SYMBOL or SIDE:SIZE:SYMBOL:LIMIT", "as in buy:10:SPY")
    leg = dict(zip(("side", "size", "symbol"), parts, strict=False))
    return leg | ({"type": "limit", "limit": parts[3]} if len(parts) == 4 else {})


def _seconds(options: argparse.Namespace) -> float:
    try:
        seconds = float(options.wait)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 600:
        raise BadInput("--wait", options.wait, "must be seconds from 0 to 600")
    return seconds


def _told(options: argparse.Namespace, found: Mapping[str, Any]) -> int:
    """Print what came of a request; exit 1 where it was refused, 3 where no answer came in time."""
    if options.json:
        print_json(dict(found))
    else:
        why = f": {found['reason']}" if found["reason"] else ""
        say(f"{found['kind']} {found['request_id']}: {found['status']}{why}")
        for order in found["orders"]:
            say(
                f"  {order['order_id']} {order['side']} {order['size']} {order['symbol']} {order['type']}: "
                f"{order['state']}{' (' + order['reason'] + ')' if order['reason'] else ''}"
            )
    if found["status"] == "refused":
        raise Refused(f"{found['kind']}: {found['reason']}")
    return 0 if found["status"] == "done" else 3
