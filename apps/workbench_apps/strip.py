"""The strip above the monitor: the engine, the fence, and the two buttons that raise and lower it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.errors import Refused
from workbench_apps import parts
from workbench_apps.confirm import Confirm, reason_input, text_of
from workbench_apps.page import error_html
from workbench_apps.parts import ui
from workbench_apps.theme import escape

if TYPE_CHECKING:
    from workbench_apps.page import Page

BY, PANIC, RESUME = "app", "PANIC", "RESUME"


class Strip:
    """Says how things stand. Panic and resume each ask for a typed word first."""

    def __init__(self, page: Page, changed: Callable[[], None]) -> None:
        self._page, self._changed = page, changed
        self._said = parts.html(parts.loading("state of the engine"))
        self._banner = parts.html(visible=False)
        self._outcome = parts.html(visible=False)
        self._panic = ui.widgets.Button(name="PANIC …", button_type="danger", width=120, margin=(4, 8, 4, 0))
        self._resume = ui.widgets.Button(
            name="Resume …", button_type="primary", width=120, margin=(4, 0), visible=False
        )
        self._form = Confirm()
        self._panic.on_click(lambda _: self._ask_panic())
        self._resume.on_click(lambda _: self._ask_resume())
        self.layout = ui.Column(
            self._banner, self._said, parts.flow(self._panic, self._resume, gap="8px"), self._form.layout,
            self._outcome, sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def show(self, status: Mapping[str, Any]) -> None:
        """Show how things stand now."""
        halted, engine = status["halted"], status["engine"]
        states = [f"{s['account']} {s['state']}" for s in status["sessions"]]
        pieces = [
            parts.pill("good", "● engine running") if engine else parts.pill("warn", "○ engine not running"),
            parts.pill("bad", "halted") if halted else parts.pill("good", "not halted"),
            f'<span class="muted">sessions: {escape(", ".join(states) or "none yet")}</span>',
        ]
        if not engine:
            pieces.append('<span class="muted">Start it with <code>workbench serve</code></span>')
        said = f'<div style="display:flex;flex-wrap:wrap;gap:6px 12px;align-items:center">{"".join(pieces)}</div>'
        if said != self._said.object:
            self._said.object = said
        self._show_banner(status)
        self._resume.visible = halted

    def _show_banner(self, status: Mapping[str, Any]) -> None:
        banner = ""
        if status["halted"]:
            if status["flat"]:
                flat = "Everything is flat; trading can be resumed."
            elif status["engine"]:
                flat = "The engine cancels orders and closes positions; not everything is flat yet."
            else:
                flat = "Not everything is seen flat yet, and no engine runs to close it: start workbench serve."
            banner = (
                f'<div class="halt" role="alert"><b>HALTED.</b> Nothing new is traded. Reason: '
                f"{escape(status['reason'])}. {flat}</div>"
            )
        if banner != self._banner.object:
            self._banner.object, self._banner.visible = banner, bool(banner)

    # ---- panic and resume --------------------------------------------------------------------------------------------

    def _ask_panic(self) -> None:
        text = (
            "All orders are cancelled and all positions closed by the engine, and nothing new is traded until resumed."
        )
        reason = reason_input("what happened")
        self._say("")
        self._form.ask(
            PANIC, "Halt everything?", text, "danger", lambda: self._do_panic(text_of(reason)), inputs=[reason]
        )

    def _ask_resume(self) -> None:
        text = "From then on strategies trade again on what they decide anew; what was decided before stays dead."
        self._say("")
        self._form.ask(RESUME, "Let strategies trade again?", text, "primary", self._do_resume)

    def _do_panic(self, reason: str) -> None:
        desk = self._page.bench.trading
        self._page.work("fence", lambda: desk.panic(reason, by=BY), self._halted, failed=self._failed)

    def _do_resume(self) -> None:
        desk = self._page.bench.trading
        self._page.work("fence", lambda: desk.resume(by=BY), self._resumed, failed=self._failed)

    def _halted(self, answer: Mapping[str, Any]) -> None:
        self._form.close()
        then = (
            "the engine closes what is open" if answer["engine"] else "no engine runs; start workbench serve to close"
        )
        self._say(parts.alert("warn", "The fence is up:", f"{then}."))
        self._changed()

    def _resumed(self, _: object) -> None:
        self._form.close()
        self._say(parts.alert("good", "Resumed:", "strategies trade again."))
        self._changed()

    def _failed(self, error: BaseException) -> None:
        self._form.close()
        self._say(parts.alert("bad", "Refused:", str(error)) if isinstance(error, Refused) else error_html(error))

    def _say(self, text: str) -> None:
        self._outcome.object, self._outcome.visible = text, bool(text)
