"""Signal reads: what the signals page reads of hooks, groups, algos, alerts and signals, all of it at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from workbench.bootstrap import Workbench
from workbench.model import Stage
from workbench_apps.live import frame_of, signal_row
from workbench_apps.theme import NONE, clock

LAST, MOST_ORDERS = 200, 400
"""So many of the newest alerts and signals are shown; so many orders are read for them."""
SHORT = 160
"""So many characters of an alert's body are shown in a row."""
HOOKS = {
    "name": "Hook", "drives": "Drives", "format": "Format", "accepted": "Accepted", "refused": "Refused",
    "repeats": "Repeats", "last": "Last alert (UTC)",
}  # fmt: skip
ALGOS = {
    "name": "Algo", "strategy": "Strategy", "stage": "Stage", "active": "Active", "trigger": "Trigger",
    "next": "Next (UTC)", "sides": "Sides", "quantity": "Quantity", "groups": "Groups", "account": "Account",
}  # fmt: skip
GROUPS = {
    "name": "Group", "algos": "Algos", "hooks": "Hooks", "route": "Goes to", "recognise": "Chosen by",
    "active": "Active",
}  # fmt: skip
ALERTS = {
    "came": "Came (UTC)", "hook": "Hook", "status": "Status", "tickers": "Ticker", "reason": "Reason",
    "repeats": "Repeats", "address": "From", "short": "Body",
}  # fmt: skip
SIGNALS = {
    "received_at": "Received (UTC)", "hook": "Hook or source", "strategy": "Strategy", "what": "Wants",
    "status": "Status", "risk": "Risk · loss", "orders": "Orders", "reason": "Reason",
}  # fmt: skip


@dataclass(frozen=True)
class SignalsNow:
    """Everything the page shows by itself; tables newest first."""

    hooks: Mapping[str, Mapping[str, Any]]
    algos: Mapping[str, Mapping[str, Any]]
    groups: Mapping[str, Mapping[str, Any]]
    strategies: Mapping[str, str]
    """Every strategy and its stage, those that trade first."""
    engine: bool
    halted: bool
    has_log: bool
    """Whether alerts and signals were read."""
    alerts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    signals: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    orders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    hook_rows: pd.DataFrame = field(default_factory=lambda: frame_of([], "name", HOOKS))
    algo_rows: pd.DataFrame = field(default_factory=lambda: frame_of([], "name", ALGOS))
    group_rows: pd.DataFrame = field(default_factory=lambda: frame_of([], "name", GROUPS))
    alert_rows: pd.DataFrame = field(default_factory=lambda: frame_of([], "alert_id", ALERTS))
    signal_rows: pd.DataFrame = field(default_factory=lambda: frame_of([], "signal_id", SIGNALS))


def signals_now(bench: Workbench, *, log: bool) -> SignalsNow:
    """Read it all; alerts and signals only where the log is looked at."""
    desk = bench.trading
    hooks, algos, groups = desk.webhooks.hooks(), desk.webhooks.algos(), desk.webhooks.groups()
    alerts = list(reversed(desk.by_signal.alerts(LAST))) if log else []
    signals = list(reversed(desk.signals(last=LAST))) if log else []
    orders = _by("order_id", desk.orders(last=MOST_ORDERS)) if log else {}
    return SignalsNow(
        _by("name", hooks),
        _by("name", algos),
        _by("name", groups),
        _strategies(bench),
        desk.engine_runs(),
        desk.fence.now().halted,
        log,
        _by("alert_id", alerts),
        _by("signal_id", signals),
        orders,
        frame_of([_hook(row) for row in hooks], "name", HOOKS),
        frame_of([_algo(row) for row in algos], "name", ALGOS),
        frame_of([_group(row) for row in groups], "name", GROUPS),
        frame_of([alert_cells(row) for row in alerts], "alert_id", ALERTS),
        frame_of([{**signal_row(r, orders), "hook": hook_of(r["source"])} for r in signals], "signal_id", SIGNALS),
    )


def hook_of(source: str) -> str:
    """The hook an alert came through, by its source; the source itself where it is none."""
    return source.removeprefix("webhook:")


def drives_of(hook: Mapping[str, Any]) -> str:
    """What a hook drives, in words."""
    return str(hook["strategy"] or f"group {hook['group']}")


def alert_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """An alert's row."""
    body = " ".join(str(row["body"]).split())
    return {
        **row, "came": clock(row["came_at"], zone=False), "hook": hook_of(row["source"]),
        "short": body if len(body) <= SHORT else f"{body[:SHORT]}…",
    }  # fmt: skip


def trades(stage: str) -> bool:
    """Whether alerts can make a strategy of this stage trade."""
    return Stage(stage).trades


def _by(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {str(row[name]): row for row in rows}


def _strategies(bench: Workbench) -> dict[str, str]:
    found = {record.name: Stage.RESEARCH.value for record in bench.plugins.records("strategy")}
    found |= {standing.strategy: standing.stage.value for standing in bench.trading.stage_book.all()}
    return dict(sorted(found.items(), key=lambda pair: (not trades(pair[1]), pair[0])))


def _hook(row: Mapping[str, Any]) -> dict[str, Any]:
    last = clock(row["last_alert_at"], zone=False) if row["last_alert_at"] else "never fired"
    return {**row, "drives": drives_of(row), "last": last}


def _algo(row: Mapping[str, Any]) -> dict[str, Any]:
    words = {name: ", ".join(row[name]) or NONE for name in ("groups",)}
    coming = clock(row["next_at"], zone=False) if row["next_at"] else NONE
    return {**row, **words, "active": _yes(row["active"]), "account": row["account"] or NONE, "next": coming}


def _group(row: Mapping[str, Any]) -> dict[str, Any]:
    words = {name: ", ".join(row[name]) or NONE for name in ("algos", "hooks")}
    route = "every algo that takes it" if row["route"] == "all" else "the first by priority"
    chosen = "the alert's text" if row["recognise"] else "its algos"
    return {**row, **words, "route": route, "recognise": chosen, "active": _yes(row["active"])}


def _yes(value: bool) -> str:
    return "yes" if value else "NO"
