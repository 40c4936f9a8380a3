"""The monitor page: what needs a person, accounts, positions, orders, fills and signals as they come, and the books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.bootstrap import Workbench
from workbench_apps import parts
from workbench_apps.account_view import AccountView
from workbench_apps.books import books_html, ledgers
from workbench_apps.brokers import board_of, lines_html, page_html
from workbench_apps.live import FILLS, LAST, ORDERS, POSITIONS, SIGNALS, Snapshot, snapshot
from workbench_apps.live_table import LiveTable, filters
from workbench_apps.needs import Needs
from workbench_apps.order_bar import OrderBar
from workbench_apps.order_view import OrderView
from workbench_apps.page import Page
from workbench_apps.parts import ui
from workbench_apps.strip import Strip
from workbench_apps.watch import Refresh, Watch

AT_LEAST = 1.5
"""Seconds after which it is read even so: a dead engine writes nothing."""
TRADING, BOOKS, BROKERS = range(3)
"""The tabs."""


class MonitorPage(Page):
    """Reads the trading database when it changed and puts what is new in place."""

    route = "monitor"

    def __init__(self, bench: Workbench, watch: Watch) -> None:
        super().__init__(bench)
        self._refresh = Refresh(self, watch, AT_LEAST, lambda: snapshot(bench), self._show)
        self._now: Snapshot | None = None
        self._accounts: dict[str, AccountView] = {}
        self._board: Sequence[Mapping[str, Any]] = ()

    def build(self) -> None:
        """The strip, what needs a person, and the tabs."""
        again = self._refresh.again
        self._strip, self._needs = Strip(self, again), Needs(self, again)
        self._lines = parts.html()
        self._places = ui.Column(parts.html(parts.loading("accounts")), sizing_mode="stretch_width", margin=0)
        self._bar, self._order = OrderBar(self, again), OrderView(self, again)
        self._positions = LiveTable(
            POSITIONS, "No open positions.", most=220,
            right=("size", "entry_price", "mark", "value", "open_profit", "realised"),
        )  # fmt: skip
        self._order_table = LiveTable(
            ORDERS, "No orders yet. They appear here when a strategy, an alert or a person asks for one.",
            chosen=self._look, right=("size", "filled", "limit", "level", "took"),
            header_filters=filters("account", "strategy", "symbol", "side", "type", "state"),
        )  # fmt: skip
        self._fills = LiveTable(
            FILLS, "No fills yet.", right=("raw_size", "raw_price", "size", "price", "fee")
        )  # fmt: skip
        self._signals = LiveTable(
            SIGNALS, "No signals yet. An alert sent to a hook (workbench hooks create) appears here.",
            header_filters=filters("strategy", "status"), right=("orders",),
        )  # fmt: skip
        self._books, self._brokers = parts.html(parts.loading("books")), parts.html(parts.loading("brokers"))
        newest = f"The newest {LAST}."
        trading = ui.Column(
            parts.heading("Accounts"), self._places,
            parts.heading("Positions"), self._positions.layout,
            parts.heading("Orders", f"{newest} Click one to see its history."), self._bar.layout,
            self._order_table.layout, self._order.layout,
            parts.heading("Fills", newest), self._fills.layout,
            parts.heading("Signals and alerts", newest), self._signals.layout,
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip
        self._panes = {"Trading": trading, "Books": self._books, "Brokers": self._brokers}
        self._tabs = ui.Tabs(*self._panes.items(), sizing_mode="stretch_width", margin=(8, 0))
        self._opened()
        self._tabs.param.watch(lambda _: self._opened(), "active")
        self.body[:] = [
            parts.heading("Monitor", "Updates by itself.", 1),
            self._strip.layout, self._needs.layout, self._lines, self._tabs,
        ]  # fmt: skip

    def start(self) -> None:
        """Read at once, then again whenever the database changed."""
        self._refresh.start()

    # ---- showing -----------------------------------------------------------------------------------------------------

    def _show(self, now: Snapshot) -> None:
        self._now = now
        self._strip.show(now.status)
        self._needs.show(now)
        _put(self._lines, lines_html(now.looks, engine=now.status["engine"]))
        self._opened()

    def _opened(self) -> None:
        """Show the tab that is open; tables that cannot be seen are left alone, they would measure themselves wrong."""
        now = self._now
        for place, pane in enumerate(self._panes.values()):
            pane.visible = place == self._tabs.active  # else the page is as high as its highest tab
        if now is None:
            return
        if self._tabs.active == TRADING:
            self._show_trading(now)
        elif self._tabs.active == BOOKS:
            self.work("books", lambda: ledgers(self.bench), lambda found: _put(self._books, books_html(found)))
        else:
            self._show_brokers(now)

    def _show_brokers(self, now: Snapshot) -> None:
        """What brokers can do, and those without an account, are asked once a visit; the rest is in the snapshot."""
        _put(self._brokers, page_html(now.looks, self._board))
        if not self._board:
            self.work("brokers", lambda: board_of(self.bench), self._can)

    def _can(self, found: Sequence[Mapping[str, Any]]) -> None:
        self._board = found
        if self._now is not None:
            _put(self._brokers, page_html(self._now.looks, found))

    def _show_trading(self, now: Snapshot) -> None:
        self._show_accounts(now)
        self._bar.show(now.symbols)
        self._positions.show(now.positions)
        self._order_table.show(now.order_rows)
        self._fills.show(now.fill_rows)
        self._signals.show(now.signal_rows)
        self._order.show(now)

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

    def _look(self, order_id: str | None) -> None:
        self._order.choose(order_id)
        self._order.show(self._now)


def _put(pane: Any, said: str) -> None:
    if said != pane.object:
        pane.object = said
