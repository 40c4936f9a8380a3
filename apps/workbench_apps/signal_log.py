"""The log tab: signals and what became of them, alerts as they came, and the one of each that is looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench_apps import parts
from workbench_apps.live_table import LiveTable, filters
from workbench_apps.parts import ui
from workbench_apps.signal_form import SignalForm
from workbench_apps.signal_reads import ALERTS, LAST, SIGNALS, SignalsNow, hook_of
from workbench_apps.signal_view import SignalView
from workbench_apps.theme import NONE, clock, escape

if TYPE_CHECKING:
    from workbench_apps.page import Page

_RISK = (
    "A signal can lose all that it trades, and more where it is short or the market jumps over its stop. "
    "Click one to see its risk, its orders and the time each stage took."
)


class SignalLog:
    """Two tables that change by themselves; a click shows what is behind a row."""

    def __init__(self, page: Page, changed: Callable[[], None]) -> None:
        self._now: SignalsNow | None = None
        self._alert_id: str | None = None
        self._form, self._view = SignalForm(page, changed), SignalView(page, changed)
        self._signals = LiveTable(
            SIGNALS, "No signals yet. An alert that a hook takes becomes one, as does one made by hand.",
            chosen=self._look, header_filters=filters("hook", "strategy", "status"), right=("orders",),
        )  # fmt: skip
        self._alerts = LiveTable(
            ALERTS, "No alerts yet. What is sent to a hook appears here, refused ones with the reason.",
            chosen=self._read, header_filters=filters("hook", "status", "tickers", "reason"), right=("repeats",),
            widths={"reason": 320},
        )  # fmt: skip
        self._alert = parts.html(visible=False)
        self.layout = ui.Column(
            parts.heading("Signals", f"The newest {LAST}. {_RISK}"), self._form.layout, self._signals.layout,
            self._view.layout,
            parts.heading("Alerts as they came", f"The newest {LAST}. Click one to read its body."),
            self._alerts.layout, self._alert, sizing_mode="stretch_width", margin=0, css_classes=["signal-log"],
        )  # fmt: skip

    def show(self, now: SignalsNow) -> None:
        """Show both as they are now."""
        self._now = now
        self._form.show(now)
        self._signals.show(now.signal_rows)
        self._alerts.show(now.alert_rows)
        self._view.show(now)
        self._show_alert()

    def _look(self, signal_id: str | None) -> None:
        self._view.choose(signal_id)
        if self._now is not None:
            self._view.show(self._now)

    def _read(self, alert_id: str | None) -> None:
        self._alert_id = alert_id
        self._show_alert()

    def _show_alert(self) -> None:
        found = None if self._now is None else self._now.alerts.get(self._alert_id or "")
        said = "" if found is None else f'<div class="card alert-card">{alert_html(found)}</div>'
        if said != self._alert.object:
            self._alert.object, self._alert.visible = said, bool(said)


def alert_html(alert: Mapping[str, Any]) -> str:
    """An alert as it came, its body as text."""
    pill = parts.pill("good" if alert["status"] == "accepted" else "bad", alert["status"])
    repeats = f"{alert['repeats']}, the last {clock(alert['repeated_at'])}" if alert["repeats"] else "none"
    pairs = [
        ("Hook", hook_of(alert["source"])), ("Came", clock(alert["came_at"])), ("On file", clock(alert["kept_at"])),
        ("From", alert["address"] or NONE), ("Key", alert["key"]), ("Repeats", repeats),
        ("Reason", alert["reason"] or NONE),
    ]  # fmt: skip
    return (
        f"<h3>Alert {pill}</h3>{parts.facts(pairs)}"
        f'<h4>Body</h4><pre class="body">{escape(str(alert["body"])) or NONE}</pre>'
    )
