"""Page: one browser session's view of the bench; long work runs beside it and its errors are shown in words."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import panel as pn

from workbench.bootstrap import Workbench
from workbench.errors import WorkbenchError
from workbench_apps import parts
from workbench_apps.theme import PAGE_CSS, escape

ROUTES = {"research": "Research", "promotion": "Promotion", "signals": "Signals", "monitor": "Monitor"}
PATIENCE_MS = 300
"""Work that takes longer shows that it is going on."""

_HELPERS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="page")
_ASKERS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="ask")
"""Those who wait for the engine's answers wait apart, so that reading goes on meanwhile."""
_LOG = logging.getLogger(__name__)

_TEMPLATE = """
{% extends base %}
{% block postamble %}
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>STYLE</style>
{% endblock %}
{% block contents %}
<script>LATE_ROWS</script>
<header class="bar"><nav aria-label="Pages"><strong>Workbench</strong>LINKS</nav></header>
<main>{{ embed(roots.main) }}</main>
<footer>All times are UTC. Home: HOME</footer>
{% endblock %}
"""


_LATE_ROWS = """
(() => {
  const view = Bokeh.Models.get("panel.models.tabulator.DataTabulator").prototype.default_view.prototype
  const {setData, updateOrAddData, tableBuilt} = view
  const isEarly = (table) => table._initializing || table._building || !table.tabulator?.initialized
  view.setData = function () {
    this._late = isEarly(this)
    return this._late ? Promise.resolve() : setData.call(this)
  }
  view.updateOrAddData = function () {
    this._late = isEarly(this)
    if (!this._late) updateOrAddData.call(this)
  }
  view.tableBuilt = function () {
    tableBuilt.call(this)
    if (this._late) this.model.source.properties.data.change.emit()
  }
})()
"""
"""Rows that reach the browser while it builds their table: Panel leaves them out for good, or fails on them; so they
are given to the table again once it is built. Otherwise a click would be on another row than the one that is shown."""


class Page:
    """A page of the app. A subclass fills `body` in `build`, and asks for its data in `start`, once it is shown."""

    route = ""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self.notice = parts.html(visible=False)
        self.body = pn.Column(sizing_mode="stretch_width", margin=0)
        self._turns: Counter[str] = Counter()
        self._document: Any = pn.state.curdoc

    def build(self) -> None:
        """Put the parts on the page."""
        raise NotImplementedError

    def start(self) -> None:
        """Ask for the first data."""

    def template(self) -> Any:
        """The whole page, ready to be served."""
        self.build()
        made = pn.Template(_page_html(self.route, str(self.bench.settings.home)))
        made.add_panel("main", pn.Column(self.notice, self.body, sizing_mode="stretch_width", margin=0))
        pn.state.onload(self.start)
        return made

    # ---- messages ----------------------------------------------------------------------------------------------------

    def say(self, message: str = "") -> None:
        """Show a message above the page; without one, take it away."""
        self.notice.object, self.notice.visible = message, bool(message)

    def fail(self, error: BaseException) -> None:
        """Show an error in words."""
        self.say(error_html(error))

    # ---- work --------------------------------------------------------------------------------------------------------

    def work(
        self,
        what: str,
        job: Callable[[], Any],
        then: Callable[[Any], None],
        *,
        busy: Any = None,
        failed: Callable[[BaseException], None] | None = None,
        asks: bool = False,
    ) -> None:
        """Do a job in a thread, then hand its answer to the page; of several with the same name the last one counts.

        A job that `asks` waits for the engine.
        """
        self._turns[what] += 1
        turn = self._turns[what]
        waiting = [True]

        def late() -> None:
            if busy is not None and waiting[0]:
                busy.loading = True

        def finish(future: Future[Any]) -> None:
            waiting[0] = False
            if turn != self._turns[what]:
                return
            if busy is not None:
                busy.loading = False
            try:
                then(future.result())
            except Exception as error:  # noqa: BLE001 - whatever it was is told on the page
                (failed or self.fail)(error)

        self._document.add_timeout_callback(late, PATIENCE_MS)
        (_ASKERS if asks else _HELPERS).submit(job).add_done_callback(
            lambda future: self._document.add_next_tick_callback(lambda: finish(future))
        )


def error_html(error: BaseException) -> str:
    """An error in words: a WorkbenchError's own; of anything else its name, and the log has the rest."""
    if isinstance(error, WorkbenchError):
        return parts.alert("bad", "That did not work:", str(error))
    _LOG.error("page failed", exc_info=error)
    told = " ".join(str(error).split())[:300]
    return parts.alert("bad", "Something inside went wrong:", f"{type(error).__name__}: {told}")


def _page_html(route: str, home: str) -> str:
    links = "".join(
        f'<a href="/{name}"{" aria-current=page" if name == route else ""}>{title}</a>'
        for name, title in ROUTES.items()
    )
    shown = escape(home).replace("{", "&#123;")  # it stands inside a template
    return (
        _TEMPLATE.replace("LATE_ROWS", _LATE_ROWS)
        .replace("STYLE", PAGE_CSS)
        .replace("LINKS", links)
        .replace("HOME", shown)
    )
