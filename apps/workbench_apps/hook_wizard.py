"""The wizard for a new hook: who sends, what it drives, and what to paste, from nothing to an alert's address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.hook_desk import SERVER
from workbench.errors import BadInput
from workbench_apps import parts
from workbench_apps.confirm import text_of
from workbench_apps.doing import Doing
from workbench_apps.fields import FORM, area, button, line, note, put, row, select
from workbench_apps.hook_once import HookOnce
from workbench_apps.hook_rules import LABELS, HookRulesForm
from workbench_apps.parts import ui
from workbench_apps.search_asked import pairs_of
from workbench_apps.signal_reads import SignalsNow, trades
from workbench_apps.theme import escape

if TYPE_CHECKING:
    from workbench_apps.page import Page

STRATEGY, GROUP = "strategy", "group"
ACTIONS = ("buy", "sell", "short", "exit", "exit_long", "exit_short")
"""What an alert may ask for."""
_FIRST = "tradingview"
_OWN_FIELDS = ("tradingview", "traderspost", "threecommas", "tickerly", "autoview", "chartink", "custom")
"""Formats whose settings, where they have some, have fields here."""
_TEMPLATE = """{
  "ticker": "$.order.symbol",
  "action": {"path": "$.order.side", "map": {"B": "buy", "S": "sell"}},
  "quantity": "$.order.qty",
  "alert_id": "$.id"
}"""
_WIDE = ":host { flex: 1 1 320px; max-width: 640px; }"


class HookWizard:
    """Three steps on one card; the third takes the place of the others until its address is pasted."""

    def __init__(self, page: Page, formats: Sequence[Mapping[str, str]], changed: Callable[[], None]) -> None:
        self._page, self._changed, self._doing = page, changed, Doing(page, LABELS)
        self._summaries = {row["name"]: row["summary"] for row in formats}
        self._strategies: Mapping[str, str] = {}
        self._taken: set[str] = set()
        names = list(self._summaries)
        self._format = select(
            "Sender's format", names, 220, value=_FIRST if _FIRST in names else next(iter(names), None)
        )
        self._name = line("Name of the hook", "", 220, "")
        self._about = parts.html(margin=0)
        self._action = select("Every scan means", list(ACTIONS), 160)
        self._template = area("Template of the message (JSON)", _TEMPLATE, "a path for each field", 8, _WIDE)
        self._each = line("An alert for each of", "", 180, "one alert, else as $.legs")
        self._template_help = note(
            "A path begins with <code>$</code>, the message; anything else is a constant. <code>ticker</code> and "
            "<code>action</code> (or <code>position</code>) have to be there."
        )
        self._other = area("Settings of the format, NAME=VALUE a line", "", "none", 3, _WIDE)
        self._kind = ui.widgets.RadioButtonGroup(
            name="What it drives", options={"One strategy": STRATEGY, "A group of algos": GROUP}, value=STRATEGY,
            button_type="primary", button_style="outline", margin=(5, 14, 5, 0), width=260,
        )  # fmt: skip
        self._strategy, self._group = select("Strategy", {}, 260), select("Group", [], 260, visible=False)
        self._drives = parts.html(margin=0)
        self._rules, self._server = HookRulesForm(), line("Public address of the server", SERVER, 320, SERVER)
        self._options = ui.Column(
            self._rules.layout, self._server,
            note("Where senders reach this machine: a tunnel's or a proxy's address, as https://desk.example.com."),
            sizing_mode="stretch_width", margin=0, visible=False,
        )  # fmt: skip
        self._more = button("Options …", "default", self._fold)
        self._make = button("Make the hook", "primary", self._do_make)
        self._once = HookOnce(page, self._start_over)
        self._form = ui.Column(
            _step(1, "Who sends"), row(self._format, self._name), self._about, self._action,
            parts.flow(self._template, self._each, gap="0 4px"), self._template_help, self._other,
            _step(2, "What it drives"), row(self._kind, self._strategy, self._group), self._drives,
            self._options,
            parts.flow(self._make, self._more, gap="8px", margin=(4, 0)), self._doing.outcome,
            styles=FORM, sizing_mode="stretch_width", margin=(4, 0), css_classes=["hook-wizard"],
        )  # fmt: skip
        self.layout = ui.Column(
            parts.heading("New hook", "From nothing to a pasted alert: who sends, what it drives, then what to paste."),
            self._form, self._once.layout, sizing_mode="stretch_width", margin=0,
        )  # fmt: skip
        for widget in (self._format, self._kind, self._strategy, self._group):
            widget.param.watch(lambda _: self._chosen(), "value")
        self._chosen()

    def show(self, now: SignalsNow) -> None:
        """Show what can be driven now; what was chosen stays."""
        self._taken = set(now.hooks)
        if self._strategies != now.strategies:
            self._strategies = now.strategies
            _offer(self._strategy, {f"{name} · {stage}": name for name, stage in now.strategies.items()})
        if list(self._group.options) != list(now.groups):
            _offer(self._group, {name: name for name in now.groups})
        self._chosen()

    def _chosen(self) -> None:
        """Show what the choices ask for; what is typed stays where it is."""
        form, is_group = str(self._format.value), self._kind.value == GROUP
        _say(self._about, f'<p class="muted small">{escape(_sentence(self._summaries.get(form, "")))}</p>')
        self._name.placeholder = self._usual_name()
        is_custom = form == "custom"
        self._action.visible = form == "chartink"
        self._template.visible = self._each.visible = self._template_help.visible = is_custom
        self._other.visible = form not in _OWN_FIELDS
        self._strategy.visible, self._group.visible = not is_group, is_group
        _say(self._drives, self._told(is_group))

    def _told(self, is_group: bool) -> str:
        if is_group:
            if self._group.options:
                return ""
            return parts.alert(
                "warn", "There is no group yet.", "Make an algo and a group on the tab Groups and algos."
            )
        if not any(map(trades, self._strategies.values())):
            text = (
                "Alerts are refused until one is: record a backtest, a proof and a walk-forward, then promote it on "
                "the page Promotion, step by step, to paper. The hook can be made before."
            )
            return parts.alert("warn", "No strategy is promoted to paper.", text)
        stage = self._strategies.get(str(self._strategy.value), "")
        if stage and not trades(stage):
            return parts.alert(
                "warn", f"{self._strategy.value} is in stage {stage}:", "its alerts are refused until paper."
            )
        return ""

    def _usual_name(self) -> str:
        form = str(self._format.value)
        names = [form, *(f"{form} {number}" for number in range(2, len(self._taken) + 3))]
        return next(name for name in names if name not in self._taken)

    def _fold(self) -> None:
        self._options.visible = not self._options.visible
        self._more.name = "Fewer options" if self._options.visible else "Options …"

    # ---- making it ---------------------------------------------------------------------------------------------------

    def _asked(self) -> dict[str, Any]:
        """The hook as it is filled in. Raises BadInput for what cannot even be handed on."""
        server = text_of(self._server).rstrip("/") or SERVER
        if not server.startswith(("http://", "https://")):
            raise BadInput("public address", server, "is no address", "as in https://desk.example.com")
        form = str(self._format.value)
        settings: dict[str, Any] = {}
        if form == "chartink":
            settings = {"action": self._action.value}
        elif form == "custom":
            settings = {"template": text_of(self._template)} | ({"each": each} if (each := text_of(self._each)) else {})
        elif form not in _OWN_FIELDS:
            settings = dict(pairs_of("setting", text_of(self._other)))
        is_group = self._kind.value == GROUP
        return {
            "name": text_of(self._name) or self._usual_name(), "format": form, "settings": settings, "server": server,
            "strategy": "" if is_group else self._strategy.value or "",
            "group": (self._group.value or "") if is_group else "",
            "secret": bool(self._rules.secret.value), "rules": self._rules.rules(),
            "about": text_of(self._rules.about),
        }  # fmt: skip

    def _do_make(self) -> None:
        if not self._form.visible:  # made already: a second press of the same button
            return

        def ask() -> Callable[[], Mapping[str, Any]]:
            asked, desk = self._asked(), self._page.bench.trading.webhooks
            return lambda: desk.create_hook(**asked)

        self._doing.do(ask, self._made, busy=self._form)

    def _made(self, found: Mapping[str, Any]) -> None:
        self._once.show(found, "3")
        self._form.visible = False
        for field in (self._name, self._rules.about):
            put(field, "")
        self._changed()

    def _start_over(self) -> None:
        self._form.visible = True
        self._changed()


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _step(number: int, title: str) -> Any:
    return parts.html(f'<h2><span class="step">{number}</span>{title}</h2>', margin=(6, 0, 2, 0))


def _offer(widget: Any, options: Mapping[str, str]) -> None:
    """Put other options into a menu; what was chosen stays where it still is there."""
    kept = widget.value
    widget.options = dict(options)
    names = list(options.values())
    widget.value = kept if kept in names else next(iter(names), None)


def _say(pane: Any, text: str) -> None:
    if pane.object != text:
        pane.object, pane.visible = text, bool(text)
