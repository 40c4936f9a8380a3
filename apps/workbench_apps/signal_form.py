"""The signal form: a signal that a person makes, which goes the way of an alert."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from workbench_apps import parts
from workbench_apps.confirm import text_of
from workbench_apps.doing import Doing
from workbench_apps.fields import FORM, button, line, note, put, row, select
from workbench_apps.hook_wizard import ACTIONS
from workbench_apps.parts import ui
from workbench_apps.signal_reads import SignalsNow

if TYPE_CHECKING:
    from workbench_apps.page import Page

_NO_ALGO = {"the strategy alone": ""}


class SignalForm:
    """Folded away until it is asked for."""

    def __init__(self, page: Page, changed: Callable[[], None]) -> None:
        self._page, self._changed, self._doing = page, changed, Doing(page)
        self._strategies: Mapping[str, str] = {}
        self._algos: dict[str, str] = {}
        self._strategy, self._action = select("Strategy", {}, 220), select("Action", list(ACTIONS), 120)
        self._algo = select("Rules of", _NO_ALGO, 170)
        self._algo.param.watch(lambda _: self._strategy.param.update(disabled=bool(self._algo.value)), "value")
        self._ticker, self._quantity = (
            line("Ticker", "", 120, "as in AAPL"),
            line("Quantity", "", 130, "the strategy's"),
        )
        self._reason = line("Reason", "", 240, "why it is made")
        self._open = button("Make a signal by hand …", "default", self._fold)
        make = button("Make the signal", "primary", self._do_make)
        self._form = ui.Column(
            parts.html("<h3>A signal by hand</h3>", margin=0),
            row(self._strategy, self._algo, self._ticker, self._action, self._quantity, self._reason),
            note("It goes the way of an alert: the inbox, the engine and the risk rules; the engine trades it."),
            make, styles=FORM, sizing_mode="stretch_width", margin=(4, 0), visible=False, css_classes=["signal-form"],
        )  # fmt: skip
        self.layout = ui.Column(
            self._open, self._form, self._doing.outcome, sizing_mode="stretch_width", margin=0
        )  # fmt: skip

    def show(self, now: SignalsNow) -> None:
        """Show which strategies there are now."""
        if self._strategies != now.strategies:
            self._strategies, kept = now.strategies, self._strategy.value
            self._strategy.options = {f"{name} · {stage}": name for name, stage in now.strategies.items()}
            self._strategy.value = kept if kept in now.strategies else next(iter(now.strategies), None)
        algos = _NO_ALGO | {f"algo {a['name']}": name for name, a in now.algos.items() if a["active"]}
        chosen = self._algo.value or ""
        if chosen not in algos.values():  # gone meanwhile: that is told, and nothing else made in its place
            algos[f"algo {chosen}"] = chosen
        if self._algos != algos:
            self._algos = algos
            self._algo.options = algos
            self._algo.value = chosen

    def _fold(self) -> None:
        self._form.visible = not self._form.visible
        self._open.name = "Close the form" if self._form.visible else "Make a signal by hand …"

    def _do_make(self) -> None:
        if not self._form.visible:  # made already: a second press of the same button
            return

        def ask() -> Callable[[], Mapping[str, Any]]:
            algo = self._algo.value or ""
            return partial(
                self._page.bench.trading.by_signal.create_signal, "" if algo else self._strategy.value or "",
                text_of(self._ticker), self._action.value, quantity=text_of(self._quantity) or None,
                reason=text_of(self._reason), algo=algo,
            )  # fmt: skip

        self._doing.do(ask, self._made, busy=self._form)

    def _made(self, found: Mapping[str, Any]) -> None:
        text = f"Its status is {found['status']}; the table below shows what becomes of it."
        self._doing.say(parts.alert("good", "Made.", text))
        put(self._ticker, "")
        put(self._reason, "")
        self._fold()
        self._changed()
