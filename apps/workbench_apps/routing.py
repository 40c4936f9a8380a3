"""The groups and algos tab: tables of both, and the forms that make and change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from workbench_apps import parts
from workbench_apps.algo_form import AlgoForm
from workbench_apps.confirm import Confirm
from workbench_apps.doing import Doing
from workbench_apps.fields import FORM, button
from workbench_apps.group_form import GroupForm
from workbench_apps.live_table import LiveTable, filters
from workbench_apps.outcomes import outcomes_html
from workbench_apps.parts import ui
from workbench_apps.signal_reads import ALGOS, GROUPS, SignalsNow
from workbench_apps.theme import escape

if TYPE_CHECKING:
    from workbench_apps.page import Page

ALGO, GROUP = "algo", "group"
_NOTES = {
    ALGO: "An algo says what alerts, its own times or a person make one promoted strategy do. A new one is inactive.",
    GROUP: "A group says which algos take what comes through its hooks.",
}
_NOTHING = {
    ALGO: "No algos yet. New algo … makes one.",
    GROUP: "No groups yet. A hook may drive one strategy without; a group is for several algos.",
}


class Routing:
    """Algos above, groups below; a click on one opens what can be done with it."""

    def __init__(self, page: Page, changed: Callable[[], None]) -> None:
        self._algos, self._groups = _Half(page, ALGO, changed), _Half(page, GROUP, changed)
        self.layout = ui.Column(
            self._algos.layout, self._groups.layout, sizing_mode="stretch_width", margin=0, css_classes=["routing"]
        )

    def show(self, now: SignalsNow) -> None:
        """Show both as they are now."""
        self._algos.show(now)
        self._groups.show(now)


class _Half:
    """A table of algos or of groups, its buttons and its form."""

    def __init__(self, page: Page, what: str, changed: Callable[[], None]) -> None:
        self._page, self._what, self._changed = page, what, changed
        self._doing, self._question = Doing(page), Confirm()
        self._chosen: str | None = None
        self._now: SignalsNow | None = None
        columns = ALGOS if what == ALGO else GROUPS
        searched = ("name", "strategy", "active") if what == ALGO else ("name", "algos", "active")
        self._table = LiveTable(
            columns, _NOTHING[what], chosen=self._choose, most=260, header_filters=filters(*searched)
        )
        self._form = ui.Column(sizing_mode="stretch_width", margin=0)
        new = button(f"New {what} …", "primary", self._open_new)
        self._switch = button("Activate", "default", self._do_switch)
        self._try = button("Try its times", "default", self._do_try)
        self._buttons = parts.flow(
            self._switch, self._try, button(f"Change {what} …", "default", self._open_change),
            button(f"Remove {what} …", "danger", self._ask_remove),
            gap="8px", visible=False, sizing_mode=None,
        )  # fmt: skip
        self.layout = ui.Column(
            parts.heading(f"{what.capitalize()}s", _NOTES[what]), self._table.layout,
            parts.flow(new, self._buttons, gap="8px"), self._form, self._question.layout, self._doing.outcome,
            sizing_mode="stretch_width", margin=0, css_classes=[f"{what}s"],
        )  # fmt: skip

    @property
    def _rows(self) -> Mapping[str, Mapping[str, Any]]:
        return {} if self._now is None else self._now.algos if self._what == ALGO else self._now.groups

    def show(self, now: SignalsNow) -> None:
        """Show the rows as they are now; a form that is open stays as it is."""
        self._now = now
        self._table.show(now.algo_rows if self._what == ALGO else now.group_rows)
        row = self._rows.get(self._chosen or "")
        self._buttons.visible = row is not None
        if row is not None:
            self._try.visible = bool(row.get("times"))
            self._switch.name = f"{'Deactivate' if row['active'] else 'Activate'} {self._what}"

    def _choose(self, name: str | None) -> None:
        self._chosen = name
        self._clear()
        if self._now is not None:
            self.show(self._now)

    def _clear(self) -> None:
        self._doing.say()
        self._question.close()
        self._form[:] = []

    # ---- making and changing -----------------------------------------------------------------------------------------

    def _open_new(self) -> None:
        desk = self._page.bench.trading.webhooks
        self._open(None, desk.create_algo if self._what == ALGO else desk.create_group)

    def _open_change(self) -> None:
        desk = self._page.bench.trading.webhooks
        row = self._rows.get(self._chosen or "")
        if row is not None:
            self._open(row, desk.change_algo if self._what == ALGO else desk.change_group)

    def _open(self, row: Mapping[str, Any] | None, act: Callable[..., Mapping[str, Any]]) -> None:
        self._clear()
        if self._now is None:
            return
        form: AlgoForm | GroupForm
        if self._what == ALGO:
            form = AlgoForm(self._now.strategies, row)
        else:
            form = GroupForm(list(self._now.algos), row)
        words = f"Make the {self._what}" if row is None else f"Keep the {self._what}"

        def ask() -> Callable[[], Mapping[str, Any]]:
            return partial(act, **form.asked())

        said = Doing(self._page)
        keep = button(words, "primary", lambda: said.do(ask, self._done, busy=self._form))
        title = f"New {self._what}" if row is None else f"Change {row['name']}"
        self._form[:] = [
            ui.Column(
                parts.html(f"<h3>{escape(title)}</h3>", margin=0), form.layout,
                parts.flow(keep, button("Cancel", "default", self._clear), gap="8px"), said.outcome,
                styles=FORM, sizing_mode="stretch_width", margin=(8, 0), css_classes=[f"{self._what}-form"],
            )
        ]  # fmt: skip

    def _done(self, row: Mapping[str, Any]) -> None:
        self._clear()
        state = "It is active." if row["active"] else "It is inactive: click it above to activate it."
        self._doing.say(parts.alert("good", f"Kept: {self._what} {row['name']}.", state))
        self._changed()

    def _do_switch(self) -> None:
        self._clear()
        desk, row = self._page.bench.trading.webhooks, self._rows.get(self._chosen or "")
        if row is not None:
            act = desk.change_algo if self._what == ALGO else desk.change_group
            name, wanted = str(row["name"]), not row["active"]
            self._doing.do(lambda: partial(act, name, active=wanted), self._done)

    def _do_try(self) -> None:
        self._clear()
        name, desk = str(self._chosen), self._page.bench.trading.by_signal
        self._doing.do(lambda: lambda: desk.test_algo(name), lambda found: self._doing.say(outcomes_html(found)))

    def _ask_remove(self) -> None:
        self._clear()
        name, desk = str(self._chosen), self._page.bench.trading.webhooks
        act = desk.remove_algo if self._what == ALGO else desk.remove_group

        def done(_: Any) -> None:
            self._clear()
            self._doing.say(parts.alert("good", f"Removed: {name}."))
            self._changed()

        text = "An algo has to be out of every group." if self._what == ALGO else "No hook may go to it any more."
        self._question.ask(
            "REMOVE", f"Remove {self._what} {name}?", text, "danger",
            lambda: self._doing.do(lambda: partial(act, name), done),
        )  # fmt: skip
