"""Doing: what a form asks for, once however often its button is pressed, and what came of it said beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.errors import BadInput
from workbench_apps import parts
from workbench_apps.page import error_html

if TYPE_CHECKING:
    from workbench_apps.page import Page


class Doing:
    """Does one thing at a time in a thread; an error is shown in a place of its own and leaves the form as it was.

    `labels` are what the form calls the parameters that errors name.
    """

    def __init__(self, page: Page, labels: Mapping[str, str] | None = None) -> None:
        self._page, self._is_busy, self._labels = page, False, labels or {}
        self.outcome = parts.html(visible=False, css_classes=["said"])

    def do(self, ask: Callable[[], Callable[[], Any]], then: Callable[[Any], None], busy: Any = None) -> None:
        """Read what is asked, do it, hand the answer on; while something is being done nothing else is begun."""
        if self._is_busy:
            return

        def done(answer: Any) -> None:
            self._is_busy = False
            then(answer)

        def failed(error: BaseException) -> None:
            self._is_busy = False
            if isinstance(error, BadInput) and error.parameter in self._labels:
                error = BadInput(self._labels[error.parameter], error.value, error.problem, error.remedy)
            self.say(error_html(error))

        self.say()
        try:
            job = ask()
        except Exception as error:  # noqa: BLE001 - told beside the form
            failed(error)
            return
        self._is_busy = True
        self._page.work(f"doing {id(self)}", job, done, busy=busy, failed=failed)

    def say(self, text: str = "") -> None:
        """Show a message; without one, take it away."""
        self.outcome.object, self.outcome.visible = text, bool(text)
