"""The monitor page: accounts, positions, orders, fills and signals as they come; panic and resume."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from workbench.bootstrap import Workbench
from workbench_apps import parts
from workbench_apps.account_view import AccountView
from workbench_apps.live import FILLS, LAST, ORDERS, POSITIONS, SIGNALS, Snapshot, snapshot
from workbench_apps.live_table import LiveTable
from workbench_apps.page import Page
from workbench_apps.parts import ui
from workbench_apps.strip import Strip
from workbench_apps.theme import clock, escape, exact
from workbench_apps.watch import Watch

EVERY_MS = 700
"""How often the database is asked whether anything changed."""
AT_LEAST = 1.5
"""Seconds after which it is read even so: a dead engine writes nothing."""


class MonitorPage(Page):
    """Reads the trading database when it changed and puts what is new in place."""

    route = "monitor"

    def __init__(self, bench: Workbench, watch: Watch) -> None:
        super().__init__(bench)
        self._watch, self._seen, self._read_at, self._reading = watch, object(), 0.0, False
        self._orders: Mapping[str, Mapping[str, Any]] = {}
        self._order: str | None = None
        self._accounts: dict[str, AccountView] = {}

    def build(self) -> None:
        """The strip, the accounts, and the tables."""
        self._strip = Strip(self, self._again)
        self._places = ui.Column(parts.html(parts.loading("accounts")), sizing_mode="stretch_width", margin=0)
        self._history = parts.html()
        self._positions = LiveTable(
            POSITIONS, "No open positions.", most=220,
            right=("size", "entry_price", "mark", "value", "open_profit", "realised"),
        )  # fmt: skip
        self._order_table = LiveTable(
            ORDERS, "No orders yet. They appear here when a strategy or an alert asks for one.", chosen=self._look,
            right=("size", "filled", "level"), header_filters=_filters("account", "symbol", "side", "state"),
        )  # fmt: skip
        self._fills = LiveTable(FILLS, "No fills yet.", right=("size", "price", "fee"))
        self._signals = LiveTable(
            SIGNALS, "No signals yet. An alert sent to a hook (workbench hooks create) appears here.",
            header_filters=_filters("strategy", "status"), right=("orders",),
        )  # fmt: skip
        self._look(None)
        newest = f"The newest {LAST}."
        self.body[:] = [
            parts.heading("Monitor", "Updates by itself.", 1),
            self._strip.layout,
            parts.heading("Accounts"), self._places,
            parts.heading("Positions"), self._positions.layout,
            parts.heading("Orders", f"{newest} Click one to see its history."), self._order_table.layout, self._history,
            parts.heading("Fills", newest), self._fills.layout,
            parts.heading("Signals and alerts", newest), self._signals.layout,
        ]  # fmt: skip

    def start(self) -> None:
        """Read at once, then again whenever the database changed."""
        self._again()
        ui.state.add_periodic_callback(self._tick, period=EVERY_MS)

    # ---- reading -----------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        try:
            changes = self._watch.now()
        except Exception as error:  # noqa: BLE001 - told on the page; the next tick tries again
            self.fail(error)
            return
        if changes != self._seen or time.monotonic() - self._read_at > AT_LEAST:
            self._seen = changes
            self._again()

    def _again(self) -> None:
        if self._reading:
            self._seen = object()  # something may have come in between: the next tick reads again
            return
        self._reading, self._read_at = True, time.monotonic()
        self.work("snapshot", lambda: snapshot(self.bench), self._show, failed=self._failed)

    def _failed(self, error: BaseException) -> None:
        self._reading = False
        self.fail(error)

    # ---- showing -----------------------------------------------------------------------------------------------------

    def _show(self, now: Snapshot) -> None:
        self._reading = False
        if self.notice.visible:
            self.say()
        self._strip.show(now.status)
        self._show_accounts(now)
        self._orders = now.orders
        self._positions.show(now.positions)
        self._order_table.show(now.order_rows)
        self._fills.show(now.fill_rows)
        self._signals.show(now.signal_rows)
        self._show_history()

    def _show_accounts(self, now: Snapshot) -> None:
        if now.accounts and not self._accounts:
            self._places[:] = []
        for account in now.accounts:
            name = account["account"]
            points = now.equity.get(name, ([], []))
            if name not in self._accounts:
                self._accounts[name] = AccountView(account, points)
                self._places.append(self._accounts[name].layout)
            self._accounts[name].show(account, points)
        if not now.accounts:
            told = "No account yet. One is opened when a strategy that was promoted to paper meets a running engine."
            self._places[:] = [parts.html(parts.empty(told, "workbench serve"))]

    # ---- one order ---------------------------------------------------------------------------------------------------

    def _look(self, order_id: str | None) -> None:
        self._order = order_id
        self._show_history()

    def _show_history(self) -> None:
        order = self._orders.get(self._order or "")
        said = "" if order is None else _order_card(order)
        if said != self._history.object:
            self._history.object, self._history.visible = said, bool(said)


def _order_card(order: Mapping[str, Any]) -> str:
    rows = [
        (
            escape(line["event"]),
            escape(line["state"]),
            clock(line["at"], zone=False),
            clock(line["written_at"], zone=False),
            _verdicts(line["verdicts"]),
            escape(line["reason"]) or "–",
        )
        for line in order["history"]
    ]
    titles = ("Event", "State", "Session clock (UTC)", "Wall clock (UTC)", "Risk verdicts", "Reason")
    what = f"{order['side']} {exact(order['size'])} {order['symbol']}, {order['type']}"
    return (
        f'<div class="card order"><h3>Order {escape(what)}</h3><p class="muted small wrap">{escape(order["order_id"])}'
        f" · signal {escape(str(order['signal_id']))}</p>{parts.table(titles, rows)}</div>"
    )


def _verdicts(text: str) -> str:
    """What each rule said, a line each; in one line where all of them let it pass."""
    said = [part.strip() for part in text.split(";") if part.strip()]
    if said and all(part.endswith(" allow") for part in said):
        names = ", ".join(part.removesuffix(" allow") for part in said)
        return f"all {len(said)} rules allow: {escape(names)}"
    return "<br>".join(escape(part) for part in said) or "–"


def _filters(*names: str) -> dict[str, Any]:
    return {name: {"type": "input", "func": "like", "placeholder": "filter"} for name in names}
