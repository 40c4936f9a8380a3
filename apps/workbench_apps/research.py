"""The research page: recorded runs, one of them looked at, several compared; and searches that are started here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bokeh.models.widgets.tables import NumberFormatter

from workbench.bootstrap import Workbench
from workbench.ports import RunRecord
from workbench_apps import parts
from workbench_apps.dock import Dock, spacer
from workbench_apps.jobs import Act, Job, Jobs
from workbench_apps.page import Page, error_html
from workbench_apps.parts import ui
from workbench_apps.records import MOST_RUNS, runs_frame
from workbench_apps.run_view import RunView, comparison
from workbench_apps.search_view import SearchView
from workbench_apps.tabs import LazyTabs, Tab

ALL = "all"
MOST_COMPARED, MOST_HIGH = 8, 340
EVERY_MS = 300
"""How often a job is asked how far it is."""
TITLES = {
    "when": "When (UTC)",
    "kind": "Kind",
    "strategy": "Strategy",
    "symbols": "Symbols",
    "params": "Parameters",
    "return": "Return",
    "sharpe": "Sharpe",
    "drawdown": "Drawdown",
    "trades": "Trades",
    "passed": "Proof",
}
_RIGHT = dict.fromkeys(("return", "sharpe", "drawdown", "trades"), "right")


class ResearchPage(Page):
    """Runs in a table, what is selected below it; beside them a form for searches. A job shows at the lower edge."""

    route = "research"

    def __init__(self, bench: Workbench, jobs: Jobs) -> None:
        super().__init__(bench)
        self.jobs = jobs
        self._watched: Job | None = None
        self._ended: Callable[[Job], None] | None = None
        self._views: dict[str, RunView] = {}
        self._runs: dict[str, RunRecord] = {}
        self._all = self._shown = runs_frame(())
        self._selecting = False

    def build(self) -> None:
        """Filters, the table, and a place for what is selected."""
        self._kind = ui.widgets.Select(name="Kind", options=[ALL], width=150, margin=(5, 8, 5, 0))
        self._strategy = ui.widgets.Select(name="Strategy", options=[ALL], width=190, margin=(5, 8, 5, 0))
        self._text = ui.widgets.TextInput(
            name="Search", placeholder="symbol, parameter, run id …", width=220, margin=(5, 8, 5, 0)
        )
        reload = ui.widgets.Button(name="Reload", width=90, margin=(5, 0))
        for widget in (self._kind, self._strategy, self._text):
            widget.param.watch(lambda _: self._filter(), "value_input" if widget is self._text else "value")
        reload.on_click(lambda _: self.reload())
        self._table = parts.grid_of(
            self._shown,
            {**TITLES},
            selectable="checkbox",
            formatters={
                "return": NumberFormatter(format="+0,0.00 %", nan_format="–"),
                "drawdown": NumberFormatter(format="0,0.00 %", nan_format="–"),
                "sharpe": NumberFormatter(format="0.00", nan_format="–"),
                "trades": NumberFormatter(format="0,0", nan_format="–"),
            },
            text_align=_RIGHT,
            widths={"when": 160, "params": 220},
        )
        self._table.param.watch(lambda _: self._select(), "selection")
        self._table.on_click(self._clicked)
        self._count = parts.html()
        self._list = ui.Column(
            parts.flow(self._kind, self._strategy, self._text, reload, align_items="flex-end", gap="0 4px"),
            self._count, self._table,
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip
        self._place = ui.Column(parts.html(parts.loading("recorded runs")), sizing_mode="stretch_width", margin=0)
        self._detail = ui.Column(sizing_mode="stretch_width", margin=0)
        self._search, self._dock = SearchView(self), Dock()
        runs = ui.Column(self._place, self._detail, sizing_mode="stretch_width", margin=0)
        self._tabs = LazyTabs(Tab("Runs", runs), Tab("New search", self._search.layout, self._search.opened))
        note = "Every recorded run, newest first; and sweeps and walk-forwards, started here."
        self.body[:] = [parts.heading("Research", note, 1), self._tabs.layout, spacer(), self._dock.layout]

    def start(self) -> None:
        """Read the runs, and look after a job that may be going on."""
        self.reload()
        self._tick()
        ui.state.add_periodic_callback(self._tick, period=EVERY_MS)

    def reload(self) -> None:
        """Read the runs."""
        self.work("runs", lambda: self.bench.registry.find(limit=MOST_RUNS), self._found, busy=self._list)

    # ---- jobs --------------------------------------------------------------------------------------------------------

    def begin(self, title: str, act: Act, ended: Callable[[Job], None]) -> Job:
        """Begin a job; `ended` is called on this page when it has ended. Raises Refused while another is going on."""
        self._watched, self._ended = self.jobs.begin(title, act), ended
        self._busy(self._watched)
        return self._watched

    def shows(self, place: str, view: RunView) -> None:
        """Take note of the run that is shown in a place."""
        self._views[place] = view

    def _tick(self) -> None:
        job, running = self._watched, self.jobs.running
        if job is not None and job.has_ended:
            ended, self._watched, self._ended = self._ended, None, None
            self._dock.show(running)
            self._busy(running)
            self.reload()
            if ended is not None:
                ended(job)
        elif running is not None:
            if job is None:  # begun on another page, or on this one before it was loaded again
                self._watched = running
                self._busy(running)
            self._dock.show(running)

    def _busy(self, running: Job | None) -> None:
        self._search.busy(running)
        for view in self._views.values():
            if view.luck is not None:
                view.luck.busy(running)

    # ---- the list ----------------------------------------------------------------------------------------------------

    def _found(self, runs: Any) -> None:
        self.say()
        self._runs = {run.run_id: run for run in runs}
        self._all = runs_frame(runs)
        for widget, name in ((self._kind, "kind"), (self._strategy, "strategy")):
            widget.options = [ALL, *sorted(self._all[name].unique())]
        self._filter()
        if not self._runs:
            told = parts.empty("No runs yet.", "workbench backtest ema_cross --data sample:AAPL")
            self._place[:] = [parts.html(told)]
        elif self._place.objects != [self._list]:
            self._place[:] = [self._list]
        if self._runs and not self._detail.objects:
            self._hint()

    def _filter(self) -> None:
        found = self._all
        for widget, name in ((self._kind, "kind"), (self._strategy, "strategy")):
            if widget.value != ALL:
                found = found[found[name] == widget.value]
        for word in (self._text.value_input or "").lower().split():
            lines = found[["run_id", "kind", "strategy", "symbols", "params", "when", "passed"]].agg(" ".join, axis=1)
            found = found[lines.str.lower().str.contains(word, regex=False)] if len(found) else found
        selected = self._selected()
        self._selecting = True
        try:
            self._table.selection = []
            self._shown = found.reset_index(drop=True)
            self._table.height = parts.height_for(len(self._shown), MOST_HIGH)
            self._table.value = self._shown
            self._table.selection = [i for i, run_id in enumerate(self._shown["run_id"]) if run_id in selected]
        finally:
            self._selecting = False
        count, most = len(self._shown), f", the newest {MOST_RUNS:,}" if len(self._all) == MOST_RUNS else ""
        said = f"{count:,} of {len(self._all):,} runs{most}. Click a row to look at a run; tick several to compare. "
        said += "Of a sweep its best set stands here."
        self._count.object = f'<p class="muted small">{said}</p>'
        if selected and self._selected() != selected:
            self._select()

    def _selected(self) -> list[str]:
        rows = [i for i in self._table.selection if i < len(self._shown)]
        return [str(self._shown["run_id"].iloc[i]) for i in rows]

    def _clicked(self, event: Any) -> None:
        """A click on a row, beside its box, looks at that run alone."""
        if event.column in TITLES:
            self._table.selection = [int(event.row)]

    # ---- what is selected --------------------------------------------------------------------------------------------

    def _select(self) -> None:
        if self._selecting:
            return
        chosen = [self._runs[run_id] for run_id in self._selected()]
        if not chosen:
            self._hint()
        elif len(chosen) == 1:
            view = RunView(self, chosen[0])
            self._detail[:] = [view.layout]
            self.shows("detail", view)
            view.start()
        elif len(chosen) > MOST_COMPARED:
            text = f"{len(chosen)} runs are ticked; at most {MOST_COMPARED} can be compared at once."
            self._detail[:] = [parts.html(parts.alert("warn", "Too many.", text))]
        else:
            self._detail[:] = [parts.html(parts.loading("comparison"))]
            self.work("detail", lambda: comparison(self.bench, chosen), self._compared, failed=self._no_detail)

    def _compared(self, layout: Any) -> None:
        self._detail[:] = layout

    def _no_detail(self, error: BaseException) -> None:
        self._detail[:] = [parts.html(error_html(error))]

    def _hint(self) -> None:
        text = "Nothing selected. Click a run above to see its equity, its trades and its proofs."
        self._detail[:] = [parts.html(parts.empty(text))]
