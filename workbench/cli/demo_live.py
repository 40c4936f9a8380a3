"""The demo's second half: promotion on the evidence just made, and alerts that trade on paper."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from workbench.bootstrap import Workbench
from workbench.bootstrap.views import event_dict
from workbench.cli.desk import print_event
from workbench.cli.output import say
from workbench.cli.supervisor import Supervisor, free_port
from workbench.errors import Refused
from workbench.model import Stage, new_id

FILL_SECONDS = 30.0
"""How long the demo waits for a bar to fill its order."""


def promote_all(bench: Workbench, strategy: str, runs: Mapping[str, str]) -> list[dict[str, Any]]:
    """Promote step by step to paper, each with its run; what stands already on unchanged code is left as it is."""
    desk = bench.trading
    standing = desk.board.standing(strategy)
    if standing is not None and desk.changed_since(standing.version):
        desk.demote(strategy, "research", "the demo begins anew: code or prices have changed", by="demo")
        standing = desk.board.standing(strategy)
    if standing is not None and standing.stage in (Stage.PAUSED, Stage.RETIRED):
        back = standing.paused_from or Stage.RESEARCH
        desk.promote(strategy, runs["backtested"], back.value, "the demo", by="demo")
        standing = desk.board.standing(strategy)
    ladder = ["backtested", "walk-forward", "paper"]
    now = standing.stage.value if standing else "research"
    for to in ladder[ladder.index(now) + 1 if now in ladder else 0 :]:
        event = desk.promote(strategy, runs[to], to, "the demo", by="demo")
        if not event.accepted:
            refusal = event_dict(event)["refused"][0]
            raise Refused(f"the demo did not go as it must: {to}: {refusal['gate']}: {refusal['reason']}")
    passed = {event.after.value: event for event in desk.board.history(strategy) if event.accepted}
    return [event_dict(passed[to]) | {"stage": to} for to in ladder]


def refuse_peeking(bench: Workbench, reference: str, run_id: str) -> dict[str, Any]:
    """Try to promote the strategy that looks ahead; the gate that refused it, and why."""
    event = event_dict(bench.trading.promote(reference, run_id, "backtested", "the demo", by="demo"))
    refusal = next((r for r in event["refused"] if r["gate"] == "no_look_ahead"), None)
    if event["accepted"] or refusal is None:
        raise Refused("the demo did not go as it must: the strategy that looks ahead was not refused for it")
    return {"strategy": event["strategy"], **refusal}


@contextmanager
def served(bench: Workbench) -> Iterator[Supervisor]:
    """Engine, server and app of this home, on the usual ports where they are free."""
    host = "127.0.0.1"
    port = free_port(host, 8321)
    app_port = free_port(host, 8322)
    with Supervisor(bench.settings.home, host=host, port=port, app_port=app_port).running() as supervisor:
        yield supervisor


def post_alerts(bench: Workbench, strategy: str, symbol: str, server: str) -> dict[str, Any]:
    """Send alerts as TradingView does, one of them twice, and wait until the order they lead to has filled."""
    desk = bench.trading
    name = f"demo {datetime.now(UTC):%Y-%m-%d %H:%M:%S} {new_id()[-4:]}"
    hook = desk.webhooks.create_hook(name, strategy, server=server)
    told: list[tuple[int, dict[str, Any]]] = []
    if any(p["strategy"] == strategy and p["symbol"] == symbol for p in desk.positions()):
        _post(hook, symbol, "sell", "flat", "close", told)
        _wait(lambda: not any(p["strategy"] == strategy for p in desk.positions()), "the position to close")
    _post(hook, symbol, "buy", "long", "open", told)
    _post(hook, symbol, "buy", "long", "open", told)
    signal_id = told[-1][1]["signal_id"]

    def filled() -> list[dict[str, Any]]:
        mine = [o for o in desk.orders() if o["signal_id"] == signal_id]
        return [o for o in mine if o["state"] == "filled"]

    _wait(filled, "the order to fill")
    ids = {order["order_id"] for order in desk.orders() if order["signal_id"] == signal_id}
    return {
        "alerts": {
            "sent": len(told),
            "accepted": sum(status == 202 for status, _ in told),
            "duplicates": sum(status == 200 for status, _ in told),
        },
        "signal_id": signal_id,
        "orders": [order for order in desk.orders() if order["order_id"] in ids],
        "fills": [fill for fill in desk.fills() if fill["order_id"] in ids],
        "positions": desk.positions(),
    }


def tell(stages: list[dict[str, Any]], refused: dict[str, Any], traded: dict[str, Any]) -> None:
    """What happened, for people."""
    say("\nPromoted on that evidence; gates of lower stages are judged again on the way up")
    told: set[str] = set()
    for event in stages:
        print_event(event | {"gates": [gate for gate in event["gates"] if gate["gate"] not in told]})
        told |= {gate["gate"] for gate in event["gates"]}
    say(f"\nRefused: {refused['strategy']} at gate {refused['gate']}: {refused['reason']}")
    alerts = traded["alerts"]
    say(f"\nAlerts: {alerts['sent']} sent over HTTP, {alerts['accepted']} accepted, {alerts['duplicates']} recognised")
    say(f"  signal {traded['signal_id']}")
    for order in traded["orders"]:
        steps = " → ".join(line["state"] for line in order["history"])
        say(f"  order  {order['order_id']}: {order['side']} {order['symbol']}, {steps}")
    for fill in traded["fills"]:
        raw = f"{float(fill['raw_size']):,.0f} at {float(fill['raw_price']):,.2f}"
        say(f"  fill   {raw} on {fill['time'][:10]}, session clock; {float(fill['size']):,.2f} in adjusted units")
    for position in traded["positions"]:
        size = f"{float(position['size']):,.2f} adjusted units of {position['symbol']}"
        say(f"  position {size}, worth {float(position['value']):,.2f} at the last close")


def _post(
    hook: Mapping[str, Any], symbol: str, action: str, position: str, name: str, told: list[tuple[int, dict[str, Any]]]
) -> None:
    """One alert, its placeholders filled in as TradingView would."""
    again = bool(told) and told[-1][1]["name"] == name  # the same alert once more, as a sender repeats it
    second = told[-1][1]["time"] if again else f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    filled = {
        "{{ticker}}": symbol, "{{strategy.order.action}}": action, "{{strategy.market_position}}": position,
        "{{strategy.order.contracts}}": "10", "{{close}}": "", "{{timenow}}": second, "{{strategy.order.id}}": name,
    }  # fmt: skip
    text = json.dumps(hook["template"])
    for placeholder, value in filled.items():
        text = text.replace(placeholder, value)
    request = urllib.request.Request(hook["url"], text.encode(), {"Content-Type": "application/json; charset=utf-8"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            told.append((answer.status, json.load(answer) | {"time": second, "name": name}))
    except urllib.error.HTTPError as error:
        with error:
            reason = error.read().decode(errors="replace")
        raise Refused(f"the demo did not go as it must: the server answered {error.code}: {reason}") from None


def _wait(done: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + FILL_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise Refused(f"the demo did not go as it must: waited {FILL_SECONDS:.0f} s for {what}")
        time.sleep(0.1)
