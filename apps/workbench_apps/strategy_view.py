"""A strategy on the board: the gates before it, what moves it, and every attempt so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.views import event_dict
from workbench.errors import Refused
from workbench.model import Stage
from workbench.ports import StageEvent
from workbench.promotion import LADDER
from workbench_apps import parts
from workbench_apps.page import error_html
from workbench_apps.parts import ui
from workbench_apps.records import label_of
from workbench_apps.standings import Place, outlook
from workbench_apps.theme import NONE, clock, escape, number

if TYPE_CHECKING:
    from workbench_apps.promotion import PromotionPage

BY = "app"


class StrategyView:
    """One strategy: gates, forms and history. What is pressed here is judged by the board, not here."""

    def __init__(self, page: PromotionPage, place: Place) -> None:
        self._page, self._place = page, place
        self.outcome = parts.html()
        self._gates = parts.html(parts.loading("gates"))
        self._history = parts.html(parts.loading("history"))
        self._run = ui.widgets.Select(
            name="On the evidence of run", options={label_of(run): run.run_id for run in place.runs},
            value=place.usual_run, sizing_mode="stretch_width", margin=(5, 0),
        )  # fmt: skip
        ladder = [stage.value for stage in LADDER]
        self._to = ui.widgets.Select(
            name="To stage", options=ladder, value=place.next or ladder[-1], sizing_mode="stretch_width", margin=(5, 0)
        )
        self._why = _reason("Why it may move up")
        self._down = ui.widgets.Select(
            name="Down to", options=ladder[:-1], value=_below(place), sizing_mode="stretch_width", margin=(5, 0)
        )
        self._why_down = _reason("Why it moves down, pauses or retires")
        self._buttons = [
            self._button("Promote", "primary", self._promote),
            self._button("Demote", "default", lambda: self._demote(self._down.value)),
            self._button("Pause", "default", lambda: self._demote(Stage.PAUSED.value)),
            self._button("Retire", "default", lambda: self._demote(Stage.RETIRED.value)),
        ]
        self._run.param.watch(lambda _: self._ask(), "value")
        self.layout = self._layout()

    def _layout(self) -> Any:
        place, changed = self._place, (self._place.standing or {}).get("changed")
        card = {
            "background": "#fff",
            "border": "1px solid #e4e7eb",
            "border-radius": "10px",
            "padding": "6px 16px 12px",
        }
        half = card | {"flex": "1 1 360px", "min-width": "0"}
        up = ui.Column(
            parts.heading("Promote"), self._run, self._to, self._why, self._buttons[0], styles=half, margin=0,
            css_classes=["promote"],
        )  # fmt: skip
        down = ui.Column(
            parts.heading("Demote, pause, retire"), self._down, self._why_down,
            parts.flow(*self._buttons[1:], gap="8px", margin=0), styles=half, margin=0, css_classes=["demote"],
        )  # fmt: skip
        warning = [parts.html(parts.alert("warn", "Changed since:", str(changed)))] if changed else []
        forms = parts.flow(
            *([up, down] if place.standing else [up]), gap="12px", align_items="stretch",
            sizing_mode="stretch_width", margin=(8, 0),
        )  # fmt: skip
        return ui.Column(
            parts.heading(place.strategy, f"now in stage {place.stage}"), *warning, self.outcome, self._gates,
            forms,
            parts.heading("Attempts", "Newest first; refused ones are kept too."), self._history,
            sizing_mode="stretch_width", margin=(10, 0), css_classes=["strategy-view"],
        )  # fmt: skip

    def start(self) -> None:
        """Ask what the gates say and what was tried before."""
        self._ask()
        name, desk = self._place.strategy, self._page.bench.trading
        self._page.work("history", lambda: desk.history(name), self._told, failed=_into(self._history))

    # ---- gates -------------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        place, bench = self._place, self._page.bench
        run = next((r for r in place.runs if r.run_id == self._run.value), None)
        self._page.work(
            "gates", lambda: outlook(bench, place, run), self._judged, busy=self._gates, failed=_into(self._gates)
        )

    def _judged(self, found: tuple[str, list[dict[str, Any]]]) -> None:
        to, answers = found
        if not to:
            self._gates.object = parts.alert("muted", "No next stage:", f"{self._place.stage} is the last one.")
            return
        if not answers:
            way = (
                "it returns through the gates it passed before" if self._place.stage == "paused" else "it has no gates"
            )
            self._gates.object = parts.alert(
                "muted", f"Next stage {to}:", f"{way}; they are asked when it is promoted."
            )
            return
        missing = [f"{a['gate']}: {a['reason']}" for a in answers if not a["passed"]]
        said = (
            parts.alert("warn", f"Missing for {to}:", "", missing)
            if missing
            else parts.alert(
                "good", f"Nothing is missing for {to}.", f"All {len(answers)} gates pass on what is recorded."
            )
        )
        self._gates.object = (
            f'{said}<div class="grid wide" style="margin-top:10px">{"".join(map(_gate, answers))}</div>'
        )

    def _told(self, events: Sequence[Mapping[str, Any]]) -> None:
        if not events:
            self._history.object = parts.empty("Nobody tried to move it yet.")
            return
        rows = []
        for event in reversed(events):
            refused = "; ".join(f"{r['gate']}: {r['reason']}" for r in event["refused"])
            said = parts.pill("good", "✓ accepted") if event["accepted"] else parts.pill("bad", "✗ refused")
            rows.append(
                (
                    f'<span style="white-space:nowrap">{clock(event["at"], zone=False)}</span>',
                    f"{escape(event['from'])} → {escape(event['to'])}",
                    said,
                    escape(event["by"]),
                    escape(event["reason"]),
                    escape(refused) or NONE,
                    f"<code>{escape((event['run_id'] or NONE)[-6:])}</code>",
                )
            )
        titles = ("When (UTC)", "Move", "Outcome", "By", "Reason given", "Why refused", "Run")
        self._history.object = parts.table(titles, rows)

    # ---- moving ------------------------------------------------------------------------------------------------------

    def _button(self, name: str, kind: str, pressed: Callable[[], None]) -> Any:
        made = ui.widgets.Button(name=name, button_type=kind, margin=(6, 0))
        made.on_click(lambda _: pressed())
        return made

    def _promote(self) -> None:
        if not self._run.value:
            self.outcome.object = parts.alert("bad", "Not promoted:", "it has no recorded run to name as evidence.")
            return
        name, run, to, why = self._place.strategy, self._run.value, self._to.value, self._why.value_input
        self._move(lambda: self._page.bench.trading.promote(name, run, to, why.strip(), by=BY))

    def _demote(self, to: str) -> None:
        name, why = self._place.strategy, self._why_down.value_input
        self._move(lambda: self._page.bench.trading.demote(name, to, why.strip(), by=BY))

    def _move(self, job: Callable[[], StageEvent]) -> None:
        for button in self._buttons:
            button.disabled = True
        self.outcome.object = parts.loading("asking the gates")
        self._page.work("move", job, self._moved, failed=self._not_moved)

    def _moved(self, made: StageEvent) -> None:
        event = event_dict(made)
        move = f"{event['strategy']} from {event['from']} to {event['to']}"
        if event["accepted"]:
            self.outcome.object = parts.alert("good", "Accepted:", f"{move}.")
        else:
            points = [f"{r['gate']}: {r['reason']}" for r in event["refused"]]
            self.outcome.object = parts.alert("bad", "Refused:", f"{move}.", points)
        self._page.reload()

    def _not_moved(self, error: BaseException) -> None:
        for button in self._buttons:
            button.disabled = False
        refused = isinstance(error, Refused)
        self.outcome.object = parts.alert("bad", "Refused:", str(error)) if refused else error_html(error)


def _gate(answer: Mapping[str, Any]) -> str:
    rows = [
        (
            escape(figure["name"]),
            escape(_value(figure["value"])),
            escape(str(figure["limit"])),
            f'<span class="{kind}">{word}</span>',
        )
        for figure in answer["figures"]
        for kind, word in [("good", "passed") if figure["passed"] else ("bad", "failed")]
    ]
    table = parts.table(("Figure", "Value", "Limit", "Answer"), rows) if rows else ""
    why = f'<p class="bad">{escape(answer["reason"])}</p>' if answer["reason"] else ""
    title = answer["gate"].replace("_", " ")
    return f'<div class="card gate"><h3>{escape(title)} {parts.verdict(answer["passed"])}</h3>{why}{table}</div>'


def _value(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return NONE if value is None else str(value)
    return number(value, 0 if isinstance(value, int) else 2)


def _below(place: Place) -> str:
    ladder = [stage.value for stage in LADDER]
    at = ladder.index(place.stage) if place.stage in ladder else 1
    return ladder[max(at - 1, 0)]


def _reason(hint: str) -> Any:
    return ui.widgets.TextInput(name="Reason", placeholder=hint, sizing_mode="stretch_width", margin=(5, 0))


def _into(pane: Any) -> Callable[[BaseException], None]:
    """Show an error where its answer would have stood."""

    def show(error: BaseException) -> None:
        pane.object = error_html(error)

    return show
