"""The order bar: buttons above the orders, for a new one, to cancel all and to close all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from workbench.model import new_id
from workbench_apps import parts
from workbench_apps.asking import Answer, Asking
from workbench_apps.confirm import Confirm
from workbench_apps.order_form import OrderForm, Symbols, select
from workbench_apps.parts import ui

if TYPE_CHECKING:
    from workbench_apps.page import Page


class OrderBar:
    """Buttons above the orders: a new one, cancel all, close all; the last two are asked about first."""

    def __init__(self, page: Page, changed: Callable[[], None]) -> None:
        self._page, self._asking, self._question = page, Asking(page, changed), Confirm()
        self._symbols: Symbols = {}
        self._form: OrderForm | None = None
        self._place_for_form = ui.Column(sizing_mode="stretch_width", margin=0)
        buttons = [
            _button("New order …", "primary", self._open), _button("Cancel all …", "default", self._ask_cancel),
            _button("Close all …", "default", self._ask_close),
        ]  # fmt: skip
        self.layout = ui.Column(
            parts.flow(*buttons, gap="8px"), self._place_for_form, self._question.layout, self._asking.outcome,
            sizing_mode="stretch_width", margin=0, css_classes=["order-bar"],
        )  # fmt: skip

    def show(self, symbols: Symbols) -> None:
        """Show what can be traded now."""
        self._symbols = symbols
        if self._form is not None and self._form.is_open:
            self._form.show(symbols)

    def _open(self) -> None:
        self._asking.say()
        if not self._symbols:
            text = "no account trades yet: promote a strategy to paper and start workbench serve"
            self._asking.say(parts.alert("warn", "Nothing to trade:", text))
        elif self._form is None or not self._form.is_open:
            self._form = OrderForm(self._page, self._asking, self._symbols)
            self._place_for_form[:] = [self._form.layout]

    def _ask_cancel(self) -> None:
        too = ui.widgets.Checkbox(name="also what protects positions", margin=(0, 8, 12, 0))
        text = "Every order that works is cancelled. What protects positions stays, unless it is ticked."
        account, key, desk = self._accounts(), new_id(), self._page.bench.trading.by_hand
        self._ask(
            "CANCEL ALL", "Cancel all orders?", text, [account, too],
            lambda: desk.cancel_all(account.value, protection=bool(too.value), key=key),
        )  # fmt: skip

    def _ask_close(self) -> None:
        text = "Entries are taken back and every position is closed, each under the strategy that holds it."
        account, key, desk = self._accounts(), new_id(), self._page.bench.trading.by_hand
        self._ask(
            "CLOSE ALL", "Close all positions?", text, [account], lambda: desk.close_all(account.value, key=key)
        )  # fmt: skip

    def _accounts(self) -> Any:
        names = list(self._symbols)
        return select("Account", names, width=200, visible=len(names) > 1)

    def _ask(self, word: str, title: str, text: str, inputs: Sequence[Any], job: Callable[[], Answer]) -> None:
        def act() -> None:
            self._asking.ask(word.lower(), job, lambda _: self._question.close(), busy=self._question.layout)

        self._asking.say()
        self._question.ask(word, title, text, "danger", act, inputs)


def _button(name: str, kind: str, then: Callable[[], None]) -> Any:
    made = ui.widgets.Button(name=name, button_type=kind, margin=(4, 0))
    made.on_click(lambda _: then())
    return made
