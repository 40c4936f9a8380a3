"""Needs a person: orders in doubt and drifts, what is being done about each, and what a person may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench_apps import parts
from workbench_apps.asking import Answer, Asking
from workbench_apps.confirm import Confirm, reason_input, text_of
from workbench_apps.live import Snapshot
from workbench_apps.parts import ui
from workbench_apps.theme import clock, escape, exact

if TYPE_CHECKING:
    from workbench_apps.page import Page

_LOOK = {"background": "#fff", "border": "1px solid #e3c37c", "border-left": "5px solid #d39b1d",
         "border-radius": "8px", "padding": "8px 14px", "margin-bottom": "8px"}  # fmt: skip
_DRIFT_DONE = "books and broker are compared every 30 s; no new risk is taken in {blocks}"


@dataclass(frozen=True)
class Need:
    """One thing a person may have to settle; `alike` are the orders found at the broker that it could be."""

    key: str
    kind: str
    account: str
    name: str
    title: str
    what: str
    since: str
    being_done: str
    alike: tuple[tuple[str, str], ...] = ()


class Needs:
    """A block that is not there while all is well."""

    def __init__(self, page: Page, changed: Callable[[], None]) -> None:
        self._page, self._changed = page, changed
        self._cards: dict[str, _Card] = {}
        self._head = parts.html()
        self._asking = Asking(page, changed)
        self._list = ui.Column(sizing_mode="stretch_width", margin=0)
        self.layout = ui.Column(
            self._head, self._list, self._asking.outcome, sizing_mode="stretch_width", margin=0, css_classes=["needs"]
        )
        self._head.visible = False

    def show(self, now: Snapshot) -> None:
        """Show what is open now; cards that stay are changed in place, so that what is typed in them stays."""
        needs = needs_of(now)
        count = len(needs)
        said = f'<h2 class="warn">Needs a person <span class="muted">{count}</span></h2>'
        if said != self._head.object or self._head.visible != bool(needs):
            self._head.object, self._head.visible = said, bool(needs)
        keys = [need.key for need in needs]
        changed = keys != list(self._cards)
        self._cards = {
            need.key: self._cards.get(need.key) or _Card(self._page, self._asking, need) for need in needs
        }  # fmt: skip
        for need in needs:
            self._cards[need.key].show(need)
        if changed:
            self._list[:] = [card.layout for card in self._cards.values()]


def needs_of(now: Snapshot) -> list[Need]:
    """Everything that is open, of all accounts."""
    found = []
    for look in now.looks:
        doubts = look["in_doubt"]
        found += [_of_order(doubt, doubts, now) for doubt in doubts]
        told = {f"order:{doubt['order_id']}" for doubt in doubts}
        found += [_of_drift(drift) for drift in look["drifts"] if drift["about"] not in told]
    return found


def _of_order(doubt: Mapping[str, Any], doubts: Sequence[Mapping[str, Any]], now: Snapshot) -> Need:
    name, same = doubt["order_id"], ("account", "symbol", "side", "size")
    history = now.orders.get(name, {}).get("history", ())
    entered = next((line["written_at"] for line in history if line["state"] == doubt["state"]), None)
    since = f"since {clock(entered)}" if entered else f"made {clock(doubt['since'])} by the session's clock"
    alike = tuple(
        (f"{other['side']} {exact(other['size'])} {other['symbol']}, …{other['order_id'][-8:]}", other["order_id"])
        for other in doubts
        if other["state"] == "external" and all(other[key] == doubt[key] for key in same)
    )
    title = f"{doubt['side']} {exact(doubt['size'])} {doubt['symbol']}"
    return Need(
        f"order:{name}", doubt["state"], doubt["account"], name, title, doubt["what"], since, doubt["being_done"],
        alike if doubt["state"] == "unknown" else (),
    )  # fmt: skip


def _of_drift(drift: Mapping[str, Any]) -> Need:
    since = f"since {clock(drift['first_at'])}, last seen {clock(drift['seen_at'])}"
    done = _DRIFT_DONE.format(blocks=drift["blocks"])
    title = drift["symbol"] or "cash"
    key = f"{drift['account']}|{drift['about']}"
    return Need(key, "drift", drift["account"], drift["about"], title, drift["words"], since, done)


class _Card:
    """One need with its buttons."""

    def __init__(self, page: Page, asking: Asking, need: Need) -> None:
        self._desk, self._asking, self._need = page.bench.trading.by_hand, asking, need
        self._said = parts.html(margin=0)
        self._form = Confirm()
        self._match = _button("It is the one found …", self._ask_match)
        buttons = {
            "unknown": [self._match, _button("Rule: nothing more comes of it …", self._ask_rule)],
            "quarantined": [_button("Rule: nothing more comes of it …", self._ask_rule)],
            "external": [_button("Cancel it …", self._ask_cancel), _button("It may stay …", self._ask_rule)],
            "drift": [_button("Ask the broker again", self._look), _button("Accept the broker's …", self._ask_accept)],
        }[need.kind]
        if need.kind == "drift" and need.name.startswith("order:"):
            buttons = [_button("Rule: it was looked at …", self._ask_rule)]
        self.layout = ui.Column(
            self._said, parts.flow(*buttons, gap="8px"), self._form.layout, styles=_LOOK,
            sizing_mode="stretch_width", margin=0, css_classes=["need", need.kind],
        )  # fmt: skip

    def show(self, need: Need) -> None:
        """Show how it stands now."""
        self._need = need
        self._match.visible = bool(need.alike)
        kind = "bad" if need.kind in ("unknown", "quarantined") else "warn"
        name = "" if need.kind == "drift" else f", order {escape(need.name)}"
        said = (
            f'<h3 class="wrap">{parts.pill(kind, need.kind.upper())} {escape(need.title)}</h3>'
            f'<p class="muted small wrap">{escape(need.account)}, {escape(need.since)}{name}</p>'
            f'<p class="wrap">{escape(need.what)}</p>'
            f'<p class="small wrap"><b>What is being done:</b> {escape(need.being_done)}.</p>'
            f'<p class="small"><b>What you may do:</b></p>'
        )
        if said != self._said.object:
            self._said.object = said

    # ---- what a person may do ----------------------------------------------------------------------------------------

    @property
    def _order_id(self) -> str:
        return self._need.name.removeprefix("order:")

    def _ask_rule(self) -> None:
        reason = reason_input("what was seen at the broker")
        title, text = "Nothing more comes of it?", (
            "Look at the broker first. The order counts as ended from then on; its fills stay counted, "
            "and new risk is let in again."
        )  # fmt: skip
        if self._need.kind in ("external", "drift"):
            title, text = "May it stay as it is?", "It was looked at. It no longer blocks new risk in its symbol."
        self._ask("RULE", title, text, [reason], lambda: self._desk.rule(self._order_id, text_of(reason)))

    def _ask_match(self) -> None:
        found = ui.widgets.Select(name="Found at the broker", options=dict(self._need.alike), margin=(5, 8, 5, 0))
        text = "The order found becomes this one, and its fills become the strategy's own."
        self._ask(
            "MATCH", "Is it the order found at the broker?", text, [found],
            lambda: self._desk.match(self._order_id, str(found.value)),
        )  # fmt: skip

    def _ask_cancel(self) -> None:
        text = "The broker is asked to cancel it. Somebody else may have placed it on purpose."
        self._ask("CANCEL", "Cancel an order that is not ours?", text, [], lambda: self._desk.cancel(self._order_id))

    def _ask_accept(self) -> None:
        need, reason = self._need, reason_input("what explains the difference")
        price = ui.widgets.TextInput(
            name="Price it came about at", placeholder="in the units of the prices", width=200, margin=(5, 8, 5, 0)
        )
        inputs = [reason, price] if need.name.startswith("position:") else [reason]
        text = "The books take over what the broker says, as a correction with your reason."
        self._ask(
            "ACCEPT", "Is the broker right?", text, inputs,
            lambda: self._desk.accept(
                need.name, text_of(reason), account=need.account, price=text_of(price) if price in inputs else None
            ),
        )  # fmt: skip

    def _look(self) -> None:
        self._asking.ask("look", lambda: self._desk.look(self._need.account))

    def _ask(self, word: str, title: str, text: str, inputs: Sequence[Any], job: Callable[[], Answer]) -> None:
        def act() -> None:
            self._asking.ask(word.lower(), job, lambda _: self._form.close(), busy=self.layout)

        self._asking.say()
        self._form.ask(word, title, text, "danger", act, inputs, needed=inputs)


def _button(name: str, then: Callable[[], None]) -> Any:
    made = ui.widgets.Button(name=name, margin=(4, 0))
    made.on_click(lambda _: then())
    return made
