"""An account on the monitor: its figures, and its equity by the session's clock."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from workbench.ports import MANUAL
from workbench_apps import parts
from workbench_apps.charts import account_chart
from workbench_apps.parts import ui
from workbench_apps.theme import amount, clock, escape


class AccountView:
    """A card beside a curve; both change in place."""

    def __init__(self, account: Mapping[str, Any], points: tuple[list[float], list[float]]) -> None:
        figure, self._source = account_chart(account["account"], account["currency"], points)
        self._card = parts.html(_account_card(account), margin=0)
        self.layout = parts.flow(
            ui.Column(self._card, styles={"flex": "1 1 280px", "min-width": "0"}, margin=0),
            ui.Column(
                ui.pane.Bokeh(figure, sizing_mode="stretch_width", margin=0),
                styles={"flex": "3 1 420px", "min-width": "0", "max-width": "100%"}, margin=0,
            ),
            gap="12px", align_items="stretch", sizing_mode="stretch_width", margin=(4, 0, 8, 0),
        )  # fmt: skip

    def show(self, account: Mapping[str, Any], points: tuple[list[float], list[float]]) -> None:
        """Show what the account is now."""
        said = _account_card(account)
        if said != self._card.object:
            self._card.object = said
        times, equity = points
        known = list(self._source.data["x"])
        if (len(times), times[-1:]) != (len(known), known[-1:]):
            self._source.data = {"x": times, "y": equity}


def _account_card(account: Mapping[str, Any]) -> str:
    currency, state = account["currency"], account["session"]
    kind = {"running": "good", "failed": "bad", "blocked": "warn"}.get(state, "muted")
    profits = [
        (name, _signed(account[key], currency)) for name, key in (("Profit", "profit"), ("Open profit", "open_profit"))
    ]
    people = account["strategy"] == MANUAL
    who = "none: people trade it" if people else account["strategy"] or "–"
    lines = [*profits, ("Cash", amount(account["cash"], currency)), ("Strategy", who), ("Broker", account["broker"])]
    lines.append(("Session clock", clock(account["clock"])))
    lines += [] if people else [("Bars traded", f"{account['bars']:,}")]
    reason = f'<p class="bad small wrap">{escape(account["reason"])}</p>' if account["reason"] else ""
    title = f"{escape(account['account'])} {parts.pill(kind, state)}"
    return (
        f'<div class="card account"><h3 class="wrap">{title}</h3>{reason}'
        f'<p class="figure">{amount(account["equity"], currency)}</p><span class="muted small">equity</span>'
        f"{parts.facts(lines)}</div>"
    )


def _signed(value: str, currency: str) -> str:
    shown = amount(value, currency)
    return f"+{shown}" if Decimal(value) > 0 else shown
