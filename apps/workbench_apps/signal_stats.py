"""The analytics tab: what came through each hook, how fast it went on, why some was refused, and what is odd."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench_apps import parts
from workbench_apps.fields import select
from workbench_apps.page import error_html
from workbench_apps.parts import ui
from workbench_apps.signal_charts import outcomes_chart, reasons_chart
from workbench_apps.signal_view import STAGES
from workbench_apps.theme import NONE, clock, escape, percent

if TYPE_CHECKING:
    from workbench_apps.page import Page

EVERY = 10.0
"""Seconds after which it is counted again; it reads everything there is."""
_DAYS = {"the last 24 hours": 1, "the last 7 days": 7, "the last 30 days": 30}
_STAGES = {"kept": "On file", "decided": "Decided", "sent": "Sent", "answered": "Answered", "filled": "First fill"}
_EMPTY = "Nothing came in this time. What is sent to a hook is counted here."


class SignalStats:
    """Counts of some days, counted anew while they are looked at."""

    def __init__(self, page: Page) -> None:
        self._page, self._counted_at = page, 0.0
        self._shown: Any = None
        self._days = select("Count", _DAYS, 180, value=7)
        self._days.param.watch(lambda _: self._count(), "value")
        self._head, self._table = parts.html(parts.loading("counts")), parts.html()
        self._charts = parts.flow(gap="12px", align_items="stretch", margin=(4, 0))
        self.layout = ui.Column(
            parts.heading("Analytics", "By the times alerts came, in UTC; latencies by the wall clock here."),
            self._days, self._head, self._charts, self._table, sizing_mode="stretch_width", margin=0,
            css_classes=["signal-stats"],
        )  # fmt: skip

    def show(self) -> None:
        """Count again where that is long ago."""
        if time.monotonic() - self._counted_at > EVERY:
            self._count()

    def _count(self) -> None:
        self._counted_at = time.monotonic()
        days, desk = int(self._days.value), self._page.bench.trading.by_signal
        self._page.work("analytics", lambda: desk.analytics(days), self._told, failed=self._failed)

    def _failed(self, error: BaseException) -> None:
        self._head.object = error_html(error)

    def _told(self, found: Mapping[str, Any]) -> None:
        if found == self._shown:
            return
        self._shown = found
        rows, everything, days = found["hooks"], found["all"], int(found["days"])
        if not everything["received"]:
            odd = [f"{row['hook']}: {', '.join(row['odd'])}" for row in rows if row["odd"]]
            self._head.object = parts.empty(_EMPTY) + (parts.alert("muted", "Odd:", "", odd) if odd else "")
            self._charts[:], self._table.object = [], ""
            return
        self._head.object = head_html(everything, rows)
        fired = [row for row in rows if row["received"]]
        charts = [outcomes_chart(fired, days)]
        if everything["reasons"]:
            charts.append(reasons_chart(everything["reasons"], days))
        look = {"flex": "1 1 420px", "min-width": "0"}
        self._charts[:] = [
            ui.Column(ui.pane.Bokeh(chart, sizing_mode="stretch_width", margin=0), styles=look, margin=0)
            for chart in charts
        ]
        self._table.object = tables_html([*rows, everything])


def head_html(everything: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """All hooks together, and what is odd about some."""
    figures = [(name.capitalize(), f"{everything[name]:,}") for name in ("received", "accepted", "repeats", "refused")]
    right = everything["accuracy"]
    figures.append(("Entries that gained", f"{right['gained']} of {right['entries']}" if right["entries"] else NONE))
    odd = [f"{row['hook']}: {'; '.join(row['odd'])}" for row in rows if row["odd"]]
    told = parts.alert("warn", "Odd:", "", odd) if odd else ""
    return parts.tiles(figures) + (f'<div style="margin-top:8px">{told}</div>' if told else "")


def tables_html(rows: Sequence[Mapping[str, Any]]) -> str:
    """Counts and latencies, a row a hook; the last row is all of them."""
    counts = [
        (
            f"<b>{escape(row['hook'])}</b>",
            *(f"{row[name]:,}" for name in ("received", "accepted", "repeats", "refused")),
            _lines(f"{count:,} {status}" for status, count in sorted(row["signals"].items())),
            _reasons(row["reasons"]),
            _accuracy(row["accuracy"]),
            f'<span class="nowrap">{clock(row["last_alert_at"], zone=False)}</span>',
        )
        for row in rows
    ]
    titles = (
        "Hook", "Received", "Accepted", "Repeats", "Refused", "Signals", "Top reasons", "Entries that gained",
        "Last alert (UTC)",
    )  # fmt: skip
    times = [
        (f"<b>{escape(row['hook'])}</b>", *(_percentiles(row["latency_ms"].get(name)) for name in STAGES))
        for row in rows
        if row["latency_ms"]
    ]
    slow = (
        "<p class='muted small'>p50 / p95 / p99 in milliseconds; sent, answered and filled count from the step before."
    )
    return (
        f"<h4>By hook</h4>{parts.table(titles, counts)}"
        + (
            f"<h4>How long each stage took</h4>{slow}</p>{parts.table(('Hook', *_STAGES.values()), times)}"
            if times
            else ""
        )
        + "<p class='muted small' style='margin-top:8px'>An entry gained where the strategy's next fill the other way, "
        "else the last price, was better than its own. Past results say nothing certain of later ones.</p>"
    )


def _reasons(reasons: Sequence[Mapping[str, Any]]) -> str:
    said = _lines(f"{row['count']:,} × {row['reason']}" for row in reasons[:3])
    return f'<div class="wrap" style="min-width: 220px">{said}</div>'


def _lines(texts: Iterable[str]) -> str:
    return "<br>".join(map(escape, texts)) or NONE


def _accuracy(found: Mapping[str, Any]) -> str:
    if not found["entries"]:
        return NONE
    mean = percent(found["mean_percent"] / 100, sign=True)
    return f"{found['gained']} of {found['entries']} ({percent(found['share'], 0)}), mean {mean}"


def _percentiles(found: Mapping[str, float] | None) -> str:
    return NONE if found is None else " / ".join(f"{found[name]:,.1f}" for name in ("p50", "p95", "p99"))
