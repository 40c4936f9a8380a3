"""Charts: equity, drawdown, prices with trades, and several equities over one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, CrosshairTool, HoverTool, NumeralTickFormatter, Span
from bokeh.plotting import figure

from workbench.data import PriceHistory
from workbench.research.plots import MOST_POINTS
from workbench_apps.theme import BAND, GAIN, GRID, INK, LINE, LOSS, MUTED, SERIES

_AT = {"@x": "datetime"}


def equity_charts(equity: pd.Series, drawdown: pd.Series, unit: str) -> list[Any]:
    """Equity above, drawdown below, on one time axis."""
    rows = _thin(equity.to_numpy())
    top = _figure("Equity", f"equity ({unit})", 280)
    line = top.line(_times(equity.index)[rows], equity.to_numpy()[rows], color=LINE, line_width=1.6)
    top.yaxis.formatter = NumeralTickFormatter(format="0,0")
    _hover(top, [line], [("at", "@x{%F %H:%M} UTC"), ("equity", f"@y{{0,0.00}} {unit}")], mode="vline")
    shown = drawdown.to_numpy() * 100
    rows = _thin(shown)
    bottom = _figure("Drawdown", "below peak (%)", 170, top.x_range)
    times = _times(drawdown.index)[rows]
    bottom.varea(times, np.zeros(len(rows)), shown[rows], color=BAND)
    under = bottom.line(times, shown[rows], color=LOSS)
    _hover(bottom, [under], [("at", "@x{%F %H:%M} UTC"), ("below peak", "@y{0.00} %")], mode="vline")
    return [top, bottom]


def price_chart(history: PriceHistory, trades: Sequence[Mapping[str, Any]]) -> Any:
    """The close of one symbol, entries and exits marked."""
    currency = history.instrument.currency
    adjusted = ", adjusted" if history.instrument.adjusted else ""
    made = _figure(f"{history.symbol}: close and trades", f"price ({currency}{adjusted})", 380)
    close = np.asarray(history.close)
    rows = _thin(close)
    made.line(np.asarray(history.times)[rows] / 1e6, close[rows], color=MUTED, line_width=1.1, legend_label="close")
    mine = [t for t in trades if t["symbol"] == history.symbol]
    marked = []
    for label, marker, color, side, chosen in (
        ("long entry", "triangle", GAIN, "entry", [t for t in mine if t["direction"] == "long"]),
        ("short entry", "inverted_triangle", LOSS, "entry", [t for t in mine if t["direction"] == "short"]),
        ("exit", "x", INK, "exit", [t for t in mine if t["exit_time"]]),
    ):
        if chosen:
            source = {
                "x": [pd.Timestamp(t[f"{side}_time"]).timestamp() * 1000 for t in chosen],
                "y": [t[f"{side}_price"] for t in chosen],
                "what": [label if side == "entry" else f"exit by {t['exit_cause']}" for t in chosen],
                "size": [t["raw_size"] for t in chosen],
                "pnl": [t["pnl"] for t in chosen],
            }
            marked.append(made.scatter("x", "y", size=8, marker=marker, color=color, legend_label=label, source=source))
    tips = [
        ("", "@what"),
        ("at", "@x{%F %H:%M} UTC"),
        ("price", f"@y{{0,0.00##}} {currency}"),
        ("size", "@size{0,0.##}"),
        ("profit of the trade", f"@pnl{{0,0.00}} {currency}"),
    ]
    _hover(made, marked, tips)
    _legend(made)
    return made


def comparison_chart(curves: Mapping[str, pd.Series]) -> Any:
    """Several equities, each rebased to 100 at its start."""
    made = _figure("Equity, each from 100", "equity (start = 100)", 340)
    dashes = ("solid", "dashed", "dotted", "dotdash")
    for i, (name, equity) in enumerate(curves.items()):
        values = equity.to_numpy() / float(equity.iloc[0]) * 100
        rows = _thin(values)
        color, dash = SERIES[i % len(SERIES)], dashes[i % len(dashes)]
        times = _times(equity.index)[rows]
        line = made.line(times, values[rows], color=color, line_dash=dash, line_width=1.6, legend_label=name)
        _hover(made, [line], [("", name), ("at", "@x{%F %H:%M} UTC"), ("equity", "@y{0,0.00}")])
    made.yaxis.formatter = NumeralTickFormatter(format="0,0")
    _legend(made)
    made.legend.orientation = "vertical"
    return made


def windows_chart(points: Sequence[tuple[str, float | None, float | None]], words: str, *, percent: bool) -> Any:
    """A figure of each window in its train and in its test, over the tests' starts; gaps where it has no answer."""
    unit = f"{words} (%)" if percent else words
    title = f"{words[0].upper()}{words[1:]} of each window: in the train that chose, in the test after"
    made = _figure(title, unit, 280)
    made.xaxis.axis_label = "start of the test (UTC)"
    times = [pd.Timestamp(start).timestamp() * 1000 for start, _, _ in points]
    marks = []
    sides = (("in train", MUTED, "dashed", 1), ("in test", LINE, "solid", 2))
    for label, color, dash, place in sides:
        values = [np.nan if (v := point[place]) is None else float(v) * (100 if percent else 1) for point in points]
        source = {"x": times, "y": values, "what": [label] * len(times)}
        made.line("x", "y", source=source, color=color, line_dash=dash, line_width=1.6, legend_label=label)
        marks.append(made.scatter("x", "y", source=source, color=color, size=7, legend_label=label))
    made.add_layout(Span(location=0, dimension="width", line_color=GRID, line_width=1.5))
    _hover(made, marks, [("", "@what"), ("test from", "@x{%F}"), (unit, "@y{0.00}")])
    _legend(made)
    return made


def account_chart(account: str, currency: str, points: tuple[list[float], list[float]]) -> tuple[Any, ColumnDataSource]:
    """An account's equity by the session's clock, and the source to put new points into."""
    source = ColumnDataSource({"x": points[0], "y": points[1]})
    made = _figure(f"{account}: equity", f"equity ({currency})", 240)
    made.xaxis.axis_label = "session clock (UTC)"
    line = made.line("x", "y", source=source, color=LINE, line_width=1.6)
    made.yaxis.formatter = NumeralTickFormatter(format="0,0")
    _hover(made, [line], [("at", "@x{%F %H:%M} UTC"), ("equity", f"@y{{0,0.00}} {currency}")], mode="vline")
    return made, source


def _figure(title: str, unit: str, height: int, x_range: Any = None) -> Any:
    options: dict[str, Any] = {} if x_range is None else {"x_range": x_range}
    made = figure(
        title=title,
        height=height,
        x_axis_type="datetime",
        x_axis_label="time (UTC)",
        y_axis_label=unit,
        sizing_mode="stretch_width",
        tools="xpan,xwheel_zoom,box_zoom,reset,save",
        active_drag="box_zoom",
        toolbar_location="above",
        min_border_left=72,
        min_border_right=12,
        **options,
    )
    made.add_tools(CrosshairTool(dimensions="height", line_color="#9aa5b1", line_alpha=0.6))
    made.toolbar.logo = None
    made.grid.grid_line_color = GRID
    made.outline_line_color = None
    made.title.text_color = INK
    for axis in (*made.xaxis, *made.yaxis):
        axis.axis_label_text_color = "#52606d"
        axis.axis_label_text_font_style = "normal"
        axis.axis_line_color = axis.major_tick_line_color = "#bcc5ce"
        axis.minor_tick_line_color = None
    return made


def _hover(chart: Any, renderers: Sequence[Any], tooltips: list[tuple[str, str]], mode: str = "mouse") -> None:
    chart.add_tools(HoverTool(renderers=list(renderers), tooltips=tooltips, formatters=_AT, mode=mode))


def _legend(chart: Any) -> None:
    chart.legend.location = "top_left"
    chart.legend.click_policy = "hide"
    chart.legend.background_fill_alpha = 0.8
    chart.legend.border_line_color = None
    chart.legend.orientation = "horizontal"
    chart.legend.label_text_font_size = "12px"


def _times(index: Any) -> Any:
    return index.as_unit("ns").asi8 / 1e6


def _thin(values: Any) -> Any:
    """Positions of at most MOST_POINTS points, each stretch's lowest and highest among them, first and last too."""
    count = len(values)
    if count <= MOST_POINTS:
        return np.arange(count)
    kept = {0, count - 1}
    for stretch in np.array_split(np.arange(count), MOST_POINTS // 2 - 1):
        part = values[stretch]
        kept.update((int(stretch[part.argmin()]), int(stretch[part.argmax()])))
    return np.array(sorted(kept))
