"""A signal looked at: its risk, its alert, its orders, the time each stage took, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from workbench_apps import parts
from workbench_apps.confirm import Confirm, reason_input, text_of
from workbench_apps.doing import Doing
from workbench_apps.fields import button, tick
from workbench_apps.order_view import words_of
from workbench_apps.outcomes import outcomes_html
from workbench_apps.parts import ui
from workbench_apps.signal_reads import SignalsNow, hook_of
from workbench_apps.theme import NONE, clock, escape, number

if TYPE_CHECKING:
    from workbench_apps.page import Page

STAGES = {
    "kept": "on file after", "decided": "decided after", "sent": "then sent", "answered": "then answered",
    "filled": "then first fill",
}  # fmt: skip
"""What each stage's time is called, in their order."""
_KINDS = {"ordered": "good", "denied": "bad", "refused": "bad", "received": "warn"}
_LEVELS = {"low": "good", "medium": "warn", "high": "bad"}
_OVERRIDE = "override windows, conditions, day limit, price check"


class SignalView:
    """Shows the signal that was clicked; what is pressed here is judged by the package."""

    def __init__(self, page: Page, changed: Callable[[], None]) -> None:
        self._page, self._changed, self._doing, self._question = page, changed, Doing(page), Confirm()
        self._signal_id: str | None = None
        self._said = parts.html(visible=False)
        self._replay = button("Replay (dry run)", "default", self._do_replay)
        self._again = button("Send once more …", "warning", self._ask_again)
        self._take_back = button("Take back", "warning", self._do_take_back)
        self._buttons = parts.flow(self._replay, self._again, self._take_back, gap="8px", visible=False)
        self.layout = ui.Column(
            self._buttons, self._question.layout, self._doing.outcome, self._said, sizing_mode="stretch_width",
            margin=0, css_classes=["signal-view"],
        )  # fmt: skip

    def choose(self, signal_id: str | None) -> None:
        """Look at another signal, or at none."""
        self._signal_id = signal_id
        self._doing.say()
        self._question.close()

    def show(self, now: SignalsNow) -> None:
        """Show what the signal is now."""
        signal_id = self._signal_id
        row = now.signals.get(signal_id or "")
        self._buttons.visible = row is not None
        if row is None or signal_id is None:
            self._said.visible = False
            return
        self._replay.visible = row["alert"] is not None
        self._again.visible = row["alert"] is not None and row["status"] != "received"
        self._take_back.visible = row["status"] == "received"
        desk = self._page.bench.trading.by_signal
        self._page.work("signal", lambda: desk.signal(signal_id), lambda found: self._show_card(found, now.orders))

    def _show_card(self, signal: Mapping[str, Any], orders: Mapping[str, Mapping[str, Any]]) -> None:
        if signal["signal_id"] != self._signal_id:
            return
        said = signal_card(signal, orders)
        if said != self._said.object:
            self._said.object = said
        self._said.visible = True

    # ---- what can be done --------------------------------------------------------------------------------------------

    def _do_replay(self) -> None:
        desk, signal_id = self._page.bench.trading.by_signal, str(self._signal_id)
        self._question.close()
        self._doing.do(
            lambda: partial(desk.replay_signal, signal_id), lambda found: self._doing.say(outcomes_html(found))
        )

    def _ask_again(self) -> None:
        desk, signal_id = self._page.bench.trading.by_signal, str(self._signal_id)
        reason, override = reason_input("why it is sent once more"), tick(_OVERRIDE)

        def ask() -> Callable[[], Mapping[str, Any]]:
            return partial(desk.replay_signal, signal_id, text_of(reason), for_real=True, override=bool(override.value))

        def done(found: Mapping[str, Any]) -> None:
            self._question.close()
            text = f"Its id is {found['signal_id']}; the table shows what becomes of it."
            self._doing.say(parts.alert("good", "Sent once more.", text))
            self._changed()

        text = (
            "It becomes a signal of its own, which the engine may trade. Caps, risk rules and a panic hold in any "
            "case; Replay says what it would do."
        )
        self._doing.say()
        self._question.ask(
            "SEND", "Send this signal once more?", text, "danger", lambda: self._doing.do(ask, done),
            inputs=[reason, override], needed=[reason],
        )  # fmt: skip

    def _do_take_back(self) -> None:
        desk, signal_id = self._page.bench.trading.by_signal, str(self._signal_id)

        def done(_: Any) -> None:
            self._doing.say(parts.alert("good", "Taken back.", "The engine will not act on it."))
            self._changed()

        self._question.close()
        self._doing.do(lambda: partial(desk.cancel_signal, signal_id, "taken back in the app"), done)


def signal_card(signal: Mapping[str, Any], orders: Mapping[str, Mapping[str, Any]]) -> str:
    """A signal as HTML."""
    asked = signal["alert"] or {}
    pill = parts.pill(_KINDS.get(signal["status"], "muted"), signal["status"])
    title = " ".join(str(asked[n]) for n in ("action", "quantity", "ticker") if asked.get(n) is not None)
    reason = f'<p class="small wrap">{escape(signal["reason"])}</p>' if signal["reason"] else ""
    pairs = [
        ("Signal", signal["signal_id"]), ("Hook", hook_of(signal["source"])), ("Strategy", signal["strategy"]),
        ("Algo", signal["algo"]), ("Key", signal["alert_key"]), ("Received", clock(signal["received_at"])),
        ("Settled", clock(signal["settled_at"])), ("Put off", _put_off(signal)),
        ("Once more of", signal["replay_of"] or ""), ("Override", "yes" if signal["override"] else ""),
    ]  # fmt: skip
    said = [(name.replace("_", " ").capitalize(), str(value)) for name, value in asked.items()]
    took = [(words, f"{signal['latency_ms'][n]:,.1f} ms") for n, words in STAGES.items() if n in signal["latency_ms"]]
    came = signal["came_as"]
    body = f'<h4>The alert as it came</h4><pre class="body">{escape(came["body"])}</pre>' if came else ""
    return (
        f'<div class="card signal"><h3 class="wrap">Signal {escape(title)} {pill}</h3>{reason}'
        f'<div class="risk" style="margin:8px 0">{risk_html(signal["risk"])}</div>'
        f'<div class="grid wide">{parts.facts([(n, v) for n, v in pairs if v])}'
        f"{parts.facts(said) if said else ''}</div>"
        f"{f'<h4>How long it took, by the wall clock</h4>{parts.tiles(took)}' if took else ''}"
        f"{_orders(signal['order_ids'], orders)}{body}</div>"
    )


def risk_html(risk: Mapping[str, Any]) -> str:
    """A signal's risk in words: its level, the largest loss and what that is, and the warning."""
    level, loss = str(risk["level"]), risk["largest_loss"]
    if level == "none":
        return parts.alert("muted", "Risk: none.", f"{risk['basis'].capitalize()}.")
    share = f" ({number(risk['percent_of_equity'])} % of the equity)" if risk.get("percent_of_equity") else ""
    told = f"Largest loss {number(loss)} in the account's currency{share}: {risk['basis']}" if loss is not None else ""
    return parts.alert(
        _LEVELS.get(level, "muted"), f"Risk: {level}.", f"{told or risk['basis'].capitalize()}. {risk['warning']}"
    )


def _put_off(signal: Mapping[str, Any]) -> str:
    return f"{signal['attempts']} times, until {clock(signal['not_before'])}" if signal["not_before"] else ""


def _orders(ids: Sequence[str], known: Mapping[str, Mapping[str, Any]]) -> str:
    if not ids:
        return '<h4>Orders</h4><p class="muted small">It led to no order.</p>'
    rows = [
        (
            escape(words_of(known[name]) if name in known else name),
            escape(known[name]["state"].replace("_", " ") if name in known else NONE),
            escape(known[name]["account"] if name in known else NONE),
            f'<span class="wrap">{escape((known[name]["reason"] if name in known else "") or NONE)}</span>',
        )
        for name in ids
    ]
    more = (
        '<p class="muted small">Sizes in the units of the prices. The page <a href="/monitor">Monitor</a> has their '
        "whole history.</p>"
    )
    return f"<h4>Orders</h4>{parts.table(('Order', 'State', 'Account', 'Reason'), rows)}{more}"
