"""The search view: a form that starts a sweep or a walk-forward, and below it what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.ports import RunRecord
from workbench_apps import parts
from workbench_apps.jobs import Job
from workbench_apps.page import error_html
from workbench_apps.parts import ui
from workbench_apps.run_view import RunView
from workbench_apps.search_asked import SWEEP, WALK, SearchAsked
from workbench_apps.search_form import Offer, SearchForm, offer

if TYPE_CHECKING:
    from workbench_apps.research import ResearchPage

_SAID = (
    ":host { flex: 1 1 300px; min-width: 0; min-height: 62px; display: grid; align-content: center; } "
    "@media (max-width: 600px) { :host { min-height: 128px; align-content: start; } }"
)
"""Room for what is said, so that nothing below moves when it is."""


class SearchView:
    """Made when it is first opened."""

    def __init__(self, page: ResearchPage) -> None:
        self._page = page
        self._form: SearchForm | None = None
        self._job: Job | None = None
        self._said = parts.html(margin=(4, 0), css_classes=["search-said"])
        self._said.stylesheets = [*self._said.stylesheets, _SAID]
        self._start = ui.widgets.Button(name="Start", button_type="primary", width=190, margin=(6, 10, 6, 0))
        self._start.on_click(lambda _: self._do_start())
        self._found = ui.Column(sizing_mode="stretch_width", margin=0)
        self.layout = ui.Column(parts.html(parts.loading("strategies")), sizing_mode="stretch_width", margin=0)

    def opened(self) -> None:
        """Ask what there is to choose from."""
        self._page.work("offer", lambda: offer(self._page.bench), self._offered, failed=self._no_offer)

    def _offered(self, found: Offer) -> None:
        self._form = SearchForm(found)
        self._form.kind.param.watch(lambda _: self.busy(self._page.jobs.running), "value")
        self.busy(self._page.jobs.running)
        self._say(parts.alert("muted", "Ready.", "What comes of it is shown below and kept among the runs."))
        begin = parts.flow(self._start, self._said, gap="0", align_items="center")
        self.layout[:] = [self._form.layout, begin, self._found]

    def _no_offer(self, error: BaseException) -> None:
        self.layout[:] = [parts.html(error_html(error))]

    # ---- the job -----------------------------------------------------------------------------------------------------

    def busy(self, running: Job | None) -> None:
        """Shut the button while a job is going on."""
        if self._form is None:
            return
        name = "A job is going on …" if running else f"Start the {self._form.kind.value}"
        if self._start.name != name:
            self._start.name, self._start.disabled = name, running is not None

    def _do_start(self) -> None:
        if self._form is None:
            return
        bench = self._page.bench
        try:
            asked = self._form.asked()
            self._job = self._page.begin(
                asked.title, lambda report, cancelled: asked.run(bench, report, cancelled),
                lambda job: self._ended(job, asked),
            )  # fmt: skip
        except WorkbenchError as error:
            self._say(error_html(error))
            return
        self._say(parts.alert("muted", f"{asked.title}:", "going on; how far it is stands at the lower edge."))

    def _ended(self, job: Job, asked: SearchAsked) -> None:
        if job.error is not None:
            self._say(error_html(job.error))
            return
        found = job.result
        self._say(outcome_html(found, asked, is_cancelled=job.is_cancelled))
        self._page.work(
            "found", lambda: self._page.bench.registry.get(found.run_id), self._show, failed=self._page.fail
        )  # fmt: skip

    def _show(self, run: RunRecord) -> None:
        view = RunView(self._page, run, place="found")
        self._found[:] = [view.layout]
        self._page.shows("found", view)
        view.start()

    def _say(self, text: str) -> None:
        self._said.object = text


def outcome_html(found: Any, asked: SearchAsked, *, is_cancelled: bool) -> str:
    """What came of a search, in a line or two."""
    kept = f"Run {found.run_id} is shown below."
    if asked.kind == WALK:
        count = f"{len(found.windows):,} windows, {found.tried:,} sets tried in them."
        title = "Cancelled; what was done is kept:" if is_cancelled else "Done:"
        return parts.alert("warn" if is_cancelled else "good", title, f"{count} {kept}")
    assert asked.kind == SWEEP
    told = f"{len(found):,} sets at {found.rate:,.0f} bars a second"
    told += f", {found.left_out:,} left out as the strategy or a rule refuses them" if found.left_out else ""
    told += f". {found.trials:,} sets of this strategy were tried so far. {kept}"
    points = [f"{dict(params)} failed: {reason}" for params, reason in found.failed[:3]]
    points += [f"and {len(found.failed) - 3:,} more failed"] if len(found.failed) > 3 else []
    if found.cancelled:
        return parts.alert("warn", "Cancelled; what was done is kept:", told, points)
    return parts.alert("good", "Done:", told, points)
