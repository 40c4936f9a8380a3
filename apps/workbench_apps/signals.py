"""The signals page: hooks made by clicks, the groups and algos behind them, the log, and what it adds up to."""

from __future__ import annotations

from typing import Any

from workbench.bootstrap import Workbench
from workbench_apps import parts
from workbench_apps.hook_view import HookView
from workbench_apps.hook_wizard import HookWizard
from workbench_apps.page import Page
from workbench_apps.parts import ui
from workbench_apps.routing import Routing
from workbench_apps.signal_log import SignalLog
from workbench_apps.signal_reads import SignalsNow, signals_now
from workbench_apps.signal_stats import SignalStats
from workbench_apps.watch import Refresh, Watch

AT_LEAST = 3.0
"""Seconds after which it is read even so: a dead engine writes nothing."""
NEW, HOOKS, ROUTING, LOG, STATS = range(5)
"""The tabs."""


class SignalsPage(Page):
    """Reads the trading database when it changed, and shows what is new on the tab that is open."""

    route = "signals"

    def __init__(self, bench: Workbench, watch: Watch) -> None:
        super().__init__(bench)
        self._refresh = Refresh(self, watch, AT_LEAST, self._read, self._show)
        self._now: SignalsNow | None = None

    def build(self) -> None:
        """The line about the engine, and the tabs."""
        self._engine = parts.html(visible=False)
        again = self._refresh.again
        self._wizard = HookWizard(self, self.bench.trading.webhooks.formats(), again)
        self._hooks, self._routing = HookView(self, again), Routing(self, again)
        self._log, self._stats = SignalLog(self, again), SignalStats(self)
        self._panes = {
            "New hook": self._wizard.layout, "Hooks": self._hooks.layout, "Groups and algos": self._routing.layout,
            "Log": self._log.layout, "Analytics": self._stats.layout,
        }  # fmt: skip
        self._tabs = ui.Tabs(*self._panes.items(), sizing_mode="stretch_width", margin=(8, 0))
        self._show_tab()
        self._tabs.param.watch(lambda _: self._switched(), "active")
        note = "Alerts from outside: the doors they come through, and what became of them. Updates by itself."
        self.body[:] = [parts.heading("Signals", note, 1), self._engine, self._tabs]

    def start(self) -> None:
        """Read at once, then again whenever the database changed."""
        self._refresh.start()

    def _read(self) -> SignalsNow:
        return signals_now(self.bench, log=self._tabs.active == LOG)

    # ---- showing -----------------------------------------------------------------------------------------------------

    def _show(self, now: SignalsNow) -> None:
        self._now = now
        told = engine_html(now)
        if told != self._engine.object:
            self._engine.object, self._engine.visible = told, bool(told)
        self._show_tab()

    def _switched(self) -> None:
        self._show_tab()
        self._refresh.again()

    def _show_tab(self) -> None:
        """Show the tab that is open; tables that cannot be seen are left alone, they would measure themselves wrong."""
        active, now = self._tabs.active, self._now
        for place, pane in enumerate(self._panes.values()):
            pane.visible = place == active  # else the page is as high as its highest tab
        if now is None:
            return
        if active == STATS:
            self._stats.show()
        elif active != LOG:
            view: Any = {NEW: self._wizard, HOOKS: self._hooks, ROUTING: self._routing}[active]
            view.show(now)
        elif now.has_log:
            self._log.show(now)


def engine_html(now: SignalsNow) -> str:
    """What keeps alerts from being traded at all."""
    if now.halted:
        return parts.alert("bad", "PANIC:", "nothing new is taken until somebody resumes on the page Monitor.")
    if now.engine:
        return ""
    text = "alerts are kept and wait, and are refused once they are too old. Start it: workbench serve"
    return parts.alert("warn", "The engine is not running:", text)
