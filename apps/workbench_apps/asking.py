"""Asking: what a person asks of the engine from a page, and the engine's answer in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.errors import Refused
from workbench_apps import parts
from workbench_apps.page import error_html
from workbench_apps.theme import exact

if TYPE_CHECKING:
    from workbench_apps.page import Page

Answer = Mapping[str, Any]


class Asking:
    """Asks in a thread and shows what came of it, in a place of its own."""

    def __init__(self, page: Page, changed: Callable[[], None]) -> None:
        self._page, self._changed = page, changed
        self.outcome = parts.html(visible=False)

    def ask(
        self,
        what: str,
        job: Callable[[], Answer],
        then: Callable[[Answer | None], None] | None = None,
        busy: Any = None,
    ) -> None:
        """Ask, show the answer, and hand it on; None stands for what went wrong before anybody could answer."""

        def answered(answer: Answer) -> None:
            self.say(answer_html(answer))
            if then is not None:
                then(answer)
            self._changed()

        def failed(error: BaseException) -> None:
            refused = isinstance(error, Refused)
            self.say(parts.alert("bad", "Refused:", str(error)) if refused else error_html(error))
            if then is not None:
                then(None)

        self.say(f'<p class="muted loading" role="status">asking the engine: {parts.escape(what)} …</p>')
        self._page.work(f"ask {what}", job, answered, busy=busy, failed=failed, asks=True)

    def say(self, text: str = "") -> None:
        """Show a message; without one, take it away."""
        self.outcome.object, self.outcome.visible = text, bool(text)


def answer_html(answer: Answer) -> str:
    """The engine's answer to a request: done, refused, or none in time; and the orders it led to."""
    kind, status, reason = str(answer["kind"]).replace("-", " "), answer["status"], answer["reason"]
    orders = [
        f"{o['side']} {exact(o['size'])} {o['symbol']}, {str(o['type']).replace('_', ' ')}: {o['state']}"
        f"{' – ' + o['reason'] if o['reason'] else ''}"
        for o in answer["orders"]
    ]
    if status == "done":
        nothing = "" if orders or kind not in ("cancel all", "close all") else "there was nothing to do"
        return parts.alert("good", f"Done: {kind}.", reason or nothing, orders)
    if status == "refused":
        return parts.alert("bad", f"Refused: {kind}:", reason, orders)
    text = "The engine has not answered yet. It is on file: the table shows what comes of it."
    return parts.alert("warn", f"Waiting: {kind}.", text)
