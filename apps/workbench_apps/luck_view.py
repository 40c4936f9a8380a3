"""The luck view: asks how likely a run is to be luck, and shows what was answered, now or before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.ports import RunRecord
from workbench_apps import parts, records
from workbench_apps.confirm import text_of
from workbench_apps.jobs import Job
from workbench_apps.luck_figures import luck_html, recorded_charts, tiles_of
from workbench_apps.page import error_html
from workbench_apps.parts import ui
from workbench_apps.search_asked import whole
from workbench_apps.tabs import Tab
from workbench_apps.theme import clock

if TYPE_CHECKING:
    from workbench_apps.research import ResearchPage

JUDGED = ("backtest", "sweep", "walkforward")
"""Kinds of runs that can be judged."""
_ASK = "How likely is it luck?"
_MARGIN = (5, 8, 5, 0)
_SAID = ":host { flex: 1 1 260px; min-width: 0; min-height: 46px; }"
_PLOTS = 300


class LuckView:
    """A button and a place for the answer; what was answered before stands there at once."""

    def __init__(self, page: ResearchPage, run: RunRecord, place: str) -> None:
        self._page, self._run, self._place = page, run, place
        self._orders = ui.widgets.TextInput(
            name="Random orders of the bars (count)", value="200", value_input="200", width=230, margin=_MARGIN
        )
        self._seed = ui.widgets.TextInput(
            name="Seed of the orders", value="0", value_input="0", width=140, margin=_MARGIN
        )
        self._ask = ui.widgets.Button(name=_ASK, button_type="primary", width=200, margin=_MARGIN)
        self._ask.on_click(lambda _: self._do_ask())
        self._said = parts.html(margin=(4, 0), css_classes=["luck-said"])
        self._said.stylesheets = [*self._said.stylesheets, _SAID]
        self._found = ui.Column(
            parts.html(parts.loading("earlier answers")), sizing_mode="stretch_width", margin=0,
            css_classes=["luck-found"],
        )  # fmt: skip
        note = (
            "Judges the run by everything that was tried beside it: a search finds something good in pure noise too. "
            "More random orders say it more exactly and take longer; 0 leaves them out."
        )
        self._layout = ui.Column(
            parts.html(f'<p class="muted small wrap">{note}</p>'),
            parts.flow(self._orders, self._seed, self._ask, self._said, gap="0", align_items="flex-end"),
            self._found, sizing_mode="stretch_width", margin=0, css_classes=["luck"],
        )  # fmt: skip

    def tab(self) -> Tab:
        """The tab."""
        return Tab("Luck", self._layout, self._read)

    # ---- what was answered before ------------------------------------------------------------------------------------

    def _read(self) -> None:
        bench, run = self._page.bench, self._run
        self._page.work(
            f"{self._place} luck", lambda: answered(bench, records.luck_of(bench, run)), self._earlier,
            failed=self._failed,
        )  # fmt: skip

    def _earlier(self, found: list[Any]) -> None:
        if found:
            self._found[:] = found
            return
        if self._run.metrics.get("overfit"):
            about = "as it was worked out with the walk-forward; ask for the figures that are missing"
            self._found[:] = [parts.html(luck_html(self._run.metrics["overfit"], about))]
            return
        self._found[:] = [parts.html(parts.empty("Not asked yet."))]

    def _failed(self, error: BaseException) -> None:
        self._found[:] = [parts.html(error_html(error))]

    # ---- asking ------------------------------------------------------------------------------------------------------

    def _do_ask(self) -> None:
        bench, run_id = self._page.bench, self._run.run_id
        try:
            how = {"permutations": whole("permutations", text_of(self._orders)),
                   "seed": whole("seed", text_of(self._seed))}  # fmt: skip
            given: dict[str, Any] = {name: value for name, value in how.items() if value is not None}
            self._page.begin(
                f"Luck of the {self._run.kind} of {self._run.strategy}",
                lambda report, cancelled: bench.overfit(run_id, progress=report, cancelled=cancelled, **given),
                self._ended,
            )  # fmt: skip
        except WorkbenchError as error:
            self._say(error_html(error))
            return
        self._say(parts.alert("muted", "Going on:", "how far it is stands at the lower edge."))

    def _ended(self, job: Job) -> None:
        if job.error is not None:
            title = "Cancelled:" if job.is_cancelled else "That did not work:"
            known = isinstance(job.error, WorkbenchError)
            self._say(parts.alert("warn", title, str(job.error)) if known and job.is_cancelled else
                      error_html(job.error))  # fmt: skip
            return
        found, kept = job.result, f"kept as run {job.result.run_id}."
        drawn = found.subject.get("permutations", 0)
        cancelled = parts.alert("warn", "Cancelled:", f"the {drawn:,} random orders done until then count; {kept}")
        self._say(cancelled if job.is_cancelled else parts.alert("good", "Done,", kept))
        self._found[:] = _shown(found.to_dict(), "just now", _plots(found))

    def busy(self, running: Job | None) -> None:
        """Shut the button while a job is going on."""
        name = "A job is going on …" if running else _ASK
        if self._ask.name != name:
            self._ask.name, self._ask.disabled = name, running is not None

    def _say(self, text: str) -> None:
        self._said.object = text


class RecordedLuck:
    """A judgement that is a run of its own."""

    def __init__(self, page: ResearchPage, run: RunRecord, place: str) -> None:
        self._page, self._run, self._place = page, run, place
        self._layout = ui.Column(parts.html(parts.loading("figures")), sizing_mode="stretch_width", margin=0)

    def tab(self) -> Tab:
        """The tab."""
        return Tab("Luck", self._layout, self._read)

    def _read(self) -> None:
        self._page.work(
            f"{self._place} luck", lambda: answered(self._page.bench, self._run)[1:], self._show, failed=self._failed
        )

    def _show(self, found: list[Any]) -> None:
        self._layout[:] = found

    def _failed(self, error: BaseException) -> None:
        self._layout[:] = [parts.html(error_html(error))]


def answered(bench: Any, run: RunRecord | None) -> list[Any]:
    """What a recorded judgement says, ready to be shown, its tiles first; nothing without one."""
    if run is None:
        return []
    figures, drawn, judged = records.judgement_of(bench, run)
    of = f"of the {run.spec.get('judged', 'run')} {run.spec.get('of', '')}, judged {clock(run.started_at)}"
    return _shown(figures, of, [_pane(chart) for chart in recorded_charts(run, drawn, judged)])


def _shown(figures: Any, about: str, plots: list[Any]) -> list[Any]:
    return [parts.html(parts.tiles(tiles_of(figures))), parts.html(luck_html(figures, about)), *plots]


def _plots(found: Any) -> list[Any]:
    try:
        return [_pane(found.plot())]
    except WorkbenchError as error:
        return [parts.html(f'<p class="muted small">No plot: {parts.escape(str(error))}</p>')]


def _pane(figure: Any) -> Any:
    return ui.pane.Bokeh(figure, sizing_mode="stretch_width", min_height=_PLOTS)
