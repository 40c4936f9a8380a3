"""The hooks tab: every hook, and the one that is looked at with its rules, its last alerts and what can be done."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.hook_desk import SERVER
from workbench.errors import BadInput
from workbench_apps import parts
from workbench_apps.confirm import Confirm, text_of
from workbench_apps.doing import Doing
from workbench_apps.fields import FORM, button, line, note, row
from workbench_apps.hook_once import HookOnce
from workbench_apps.hook_rules import LABELS, HookRulesForm, rules_of
from workbench_apps.live_table import LiveTable, filters
from workbench_apps.outcomes import outcomes_html
from workbench_apps.parts import ui
from workbench_apps.signal_reads import HOOKS, SignalsNow, alert_cells, drives_of
from workbench_apps.theme import NONE, clock, escape

if TYPE_CHECKING:
    from workbench_apps.page import Page

_NOTHING = "No hooks yet. The tab New hook makes one in two minutes."
_KINDS = {"accepted": "good", "refused": "bad"}


class HookView:
    """A table of hooks; a click shows one."""

    def __init__(self, page: Page, changed: Callable[[], None]) -> None:
        self._page, self._changed, self._doing, self._question = page, changed, Doing(page, LABELS), Confirm()
        self._chosen: str | None = None
        self._now: SignalsNow | None = None
        self._read: Any = None
        self._table = LiveTable(
            HOOKS, _NOTHING, chosen=self._choose, right=("accepted", "refused", "repeats"),
            header_filters=filters("name", "drives", "format"),
        )  # fmt: skip
        self._card, self._once = parts.html(visible=False), HookOnce(page, changed)
        self._form = ui.Column(sizing_mode="stretch_width", margin=0)
        self._buttons = parts.flow(
            button("Test", "default", self._test), button("Change rules …", "default", self._open_rules),
            button("Rotate …", "default", self._open_rotate), button("Revoke …", "danger", self._ask_revoke),
            gap="8px", visible=False,
        )  # fmt: skip
        self.layout = ui.Column(
            parts.heading("Hooks", "Click one to see its rules, what to paste and its last alerts."),
            self._table.layout, self._buttons, self._form, self._question.layout, self._doing.outcome,
            self._once.layout, self._card, sizing_mode="stretch_width", margin=0, css_classes=["hooks"],
        )  # fmt: skip

    def show(self, now: SignalsNow) -> None:
        """Show the hooks as they are now."""
        self._now = now
        self._table.show(now.hook_rows)
        hook = now.hooks.get(self._chosen or "")
        self._buttons.visible = hook is not None
        if hook is None:
            self._card.visible = False
        elif hook != self._read:  # something came through it or was changed
            name, desk = hook["name"], self._page.bench.trading.webhooks
            self._page.work("hook", lambda: (name, hook, desk.hook(name)), self._show_card)

    def _choose(self, name: str | None) -> None:
        self._chosen, self._read = name, None
        self._clear()
        if self._now is not None:
            self.show(self._now)

    def _show_card(self, found: tuple[str, Any, Mapping[str, Any]]) -> None:
        name, self._read, hook = found
        if name == self._chosen:
            self._card.object, self._card.visible = hook_card(hook), True

    def _clear(self) -> None:
        self._doing.say()
        self._question.close()
        self._form[:] = []

    # ---- what can be done --------------------------------------------------------------------------------------------

    def _test(self) -> None:
        self._clear()
        name, desk = str(self._chosen), self._page.bench.trading.by_signal
        self._doing.do(lambda: lambda: desk.test_hook(name), lambda found: self._doing.say(outcomes_html(found)))

    def _open_rules(self) -> None:
        self._clear()
        name, desk, form = str(self._chosen), self._page.bench.trading.webhooks, HookRulesForm()
        if self._now is None or name not in self._now.hooks:
            return
        form.fill(self._now.hooks[name])

        def ask() -> Callable[[], Mapping[str, Any]]:
            rules, about = form.rules(), text_of(form.about)
            return lambda: desk.change_hook(name, rules, about)

        def done(_: Any) -> None:
            self._clear()
            self._doing.say(parts.alert("good", "Changed.", "It counts from the next second on."))
            self._changed()

        keep = button("Keep these rules", "primary", lambda: self._doing.do(ask, done))
        keys = note("A key for signing or encrypting is shown when the hook is rotated; a secret stays as it is.")
        self._open(f"Rules of {name}", form.layout, keys, parts.flow(keep, self._cancel(), gap="8px"))

    def _open_rotate(self) -> None:
        self._clear()
        name, desk = str(self._chosen), self._page.bench.trading.webhooks
        minutes, server = line("Old address works for (minutes)", "60", 220, "0 for not at all"), _server()

        def ask() -> Callable[[], Mapping[str, Any]]:
            try:
                overlap = float(text_of(minutes) or 0) * 60
            except ValueError:
                raise BadInput("minutes", text_of(minutes), "is no number") from None
            where = text_of(server).rstrip("/") or SERVER
            return lambda: desk.rotate_hook(name, overlap=overlap, server=where)

        def done(found: Mapping[str, Any]) -> None:
            self._clear()
            self._once.show(found)
            self._changed()

        rotate = button("Make a new address", "primary", lambda: self._doing.do(ask, done))
        self._open(f"Rotate {name}", row(minutes, server), parts.flow(rotate, self._cancel(), gap="8px"))

    def _ask_revoke(self) -> None:
        self._clear()
        name, desk = str(self._chosen), self._page.bench.trading.webhooks

        def done(_: Any) -> None:
            self._clear()
            self._doing.say(parts.alert("good", f"Revoked: {name}.", "Its address answers 404 from now on."))
            self._changed()

        text = "Its address answers 404 from now on, for good. What it made stays in the log."
        self._question.ask(
            "REVOKE", f"Revoke hook {name}?", text, "danger",
            lambda: self._doing.do(lambda: lambda: desk.revoke_hook(name), done),
        )  # fmt: skip

    def _open(self, title: str, *children: Any) -> None:
        head = parts.html(f"<h3>{escape(title)}</h3>", margin=0)
        self._form[:] = [
            ui.Column(
                head, *children, styles=FORM, sizing_mode="stretch_width", margin=(8, 0), css_classes=["hook-form"]
            )
        ]

    def _cancel(self) -> Any:
        return button("Cancel", "default", self._clear)


def hook_card(hook: Mapping[str, Any]) -> str:
    """A hook as HTML: rules, message to paste, last alerts."""
    pairs = [
        ("Drives", drives_of(hook)), ("Format", hook["format"]), ("Made", clock(hook["created_at"])),
        ("Settings", json.dumps(hook["settings"]) if hook["settings"] else "none"), ("About", hook["about"] or NONE),
    ]  # fmt: skip
    template = hook["template"]
    text = template if isinstance(template, str) else json.dumps(template, indent=2, ensure_ascii=False)
    secret = " Put the secret you were shown into it, as a field secret." if hook["rules"]["secret"] else ""
    paste = (
        f'<h4>Message to paste</h4><pre>{escape(text)}</pre><p class="muted small">{escape(secret)}</p>'
        if text
        else '<h4>Message to paste</h4><p class="muted small">None: its sender writes a message of its own.</p>'
    )
    rows = [
        (
            f'<span class="nowrap">{cells["came"]}</span>',
            parts.pill(_KINDS.get(cells["status"], "muted"), cells["status"]),
            escape(cells["tickers"]) or NONE,
            f'<span class="wrap">{escape(cells["reason"] or NONE)}</span>',
            str(cells["repeats"]),
        )
        for cells in map(alert_cells, reversed(hook["alerts"]))
    ]
    titles = ("Came (UTC)", "Status", "Ticker", "Reason", "Repeats")
    alerts = parts.table(titles, rows) if rows else '<p class="muted small">It never fired.</p>'
    notes = parts.alert("warn", "Before it trades:", "", hook["notes"]) if hook["notes"] else ""
    return (
        f'<div class="card hook"><h3 class="wrap">Hook {escape(hook["name"])}</h3>{notes}'
        f'<div class="grid wide">{parts.facts(pairs)}{parts.facts(rules_of(hook))}</div>'
        f"{paste}<h4>Last alerts</h4>{alerts}</div>"
    )


def _server() -> Any:
    return line("Public address of the server", SERVER, 280, SERVER)
