"""Dock: the job that is going on, at the lower edge of the window, with a button that cancels it."""

from __future__ import annotations

import time
from typing import Any

from workbench_apps import parts
from workbench_apps.jobs import Job
from workbench_apps.parts import ui
from workbench_apps.theme import GRID, escape

UNITS = {
    "sweep": "sets", "search": "sets", "walk-forward": "windows", "every set again": "sets",
    "permutations": "random orders of the bars",
}  # fmt: skip
"""What is counted in each part of a job."""
_LOOK = {
    "position": "fixed", "left": "0", "right": "0", "bottom": "0", "z-index": "30", "background": "#fff",
    "border-top": f"1px solid {GRID}", "box-shadow": "0 -3px 14px rgba(31, 41, 51, .12)", "padding": "8px 20px 10px",
    "box-sizing": "border-box",
}  # fmt: skip
_WIDE = ":host { width: 100%; max-width: 1400px; margin: 0 auto; } .said { min-height: 21px; }"
_GROW = ":host { flex: 1 1 240px; min-width: 0; }"


class Dock:
    """Not there while nothing is going on, so it moves nothing when it comes."""

    def __init__(self) -> None:
        self._job: Job | None = None
        self._said = parts.html(margin=(2, 10, 2, 0))
        self._said.stylesheets = [*self._said.stylesheets, _GROW]
        self._cancel = ui.widgets.Button(name="Cancel", width=110, margin=(6, 0))
        self._cancel.on_click(lambda _: self._stop())
        line = parts.flow(self._said, self._cancel, align_items="center", gap="0 8px", flex_wrap="nowrap")
        line.stylesheets = [_WIDE]
        self.layout = ui.Column(
            line, styles=_LOOK, sizing_mode="stretch_width", margin=0, visible=False, css_classes=["dock"]
        )

    def show(self, job: Job | None) -> None:
        """Show how far a job is; without one, go away."""
        if job is None:
            self._job = None
            if self.layout.visible:
                self.layout.visible = False
            return
        said = job_html(job)
        if said != self._said.object:
            self._said.object = said
        if job is not self._job:
            self._job = job
            self._cancel.name, self._cancel.disabled = "Cancel", False
        if job.is_cancelled and not self._cancel.disabled:
            self._cancel.name, self._cancel.disabled = "Cancelling …", True
        if not self.layout.visible:
            self.layout.visible = True

    def _stop(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self.show(self._job)


def job_html(job: Job) -> str:
    """A bar, how much is done, how fast it goes and how long it takes."""
    now, seen = time.monotonic(), job.progress
    told: list[str] = []
    if seen.total and seen.done:
        told.append(f"{seen.done:,} of {seen.total:,} {UNITS.get(seen.what, seen.what)}")
        if seen.rate is not None:
            told.append(f"{seen.rate:,.0f} a second" if seen.rate >= 10 else f"{seen.rate:.1f} a second")
        if (left := seen.seconds_left(now)) is not None and seen.done < seen.total:
            told.append(f"about {length(left)} left")
        if seen.done >= seen.total:
            told.append("finishing …")
        bar = f'<progress max="{seen.total}" value="{seen.done}" aria-label="done"></progress>'
    else:
        told.append(f"{seen.what or 'getting ready'} …")
        bar = '<progress aria-label="under way"></progress>'
    if job.is_cancelled:
        told = [told[0], "cancelling: what is done is kept"]
    told.append(f"{length(now - job.began)} so far")
    said = f'<b>{escape(job.title)}</b> <span class="muted">{escape(" · ".join(told))}</span>'
    return f'<div class="said wrap" role="status">{said}</div>{bar}'


def length(seconds: float) -> str:
    """A length of time in words, short."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def spacer() -> Any:
    """Room at the end of a page, so that the dock hides nothing of it."""
    return ui.Spacer(height=70, margin=0)
