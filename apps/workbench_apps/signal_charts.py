"""Signal charts: what became of each hook's alerts, and why some were refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bokeh.models import HoverTool, Range1d
from bokeh.plotting import figure

from workbench_apps.theme import GAIN, GRID, INK, LOSS, MUTED

OUTCOMES = (("accepted", GAIN), ("repeats", MUTED), ("refused", LOSS))
"""What may become of an alert, and its colour."""
_LONGEST = 48


def outcomes_chart(rows: Sequence[Mapping[str, Any]], days: int) -> Any:
    """A bar for each hook: accepted, repeats and refused alerts."""
    made = _bars(f"Alerts by hook, {_span(days)}", "alerts (count)", [str(row["hook"]) for row in rows])
    places, left = _places(len(rows)), [0] * len(rows)
    for name, color in OUTCOMES:
        counts = [int(row[name]) for row in rows]
        right = [start + count for start, count in zip(left, counts, strict=True)]
        source = {"y": places, "left": left, "right": right, "count": counts, "hook": [r["hook"] for r in rows]}
        bar = made.hbar(
            y="y", left="left", right="right", height=0.34, color=color, legend_label=name, source=source
        )  # fmt: skip
        made.add_tools(HoverTool(renderers=[bar], tooltips=[("hook", "@hook"), (name, "@count{0,0} alerts")]))
        left = right
    made.x_range = Range1d(0, max([*left, 1]) * 1.05)
    made.add_layout(made.legend[0], "above")
    made.legend.orientation = "horizontal"
    made.legend.border_line_color = None
    made.legend.label_text_font_size = "12px"
    return made


def reasons_chart(reasons: Sequence[Mapping[str, Any]], days: int) -> Any:
    """A bar for each reason why alerts or signals were refused."""
    made = _bars(f"Why refused, all hooks, {_span(days)}", "refused (count)", [str(r["reason"]) for r in reasons])
    counts = [int(row["count"]) for row in reasons]
    source = {"y": _places(len(reasons)), "right": counts, "reason": [row["reason"] for row in reasons]}
    bar = made.hbar(y="y", right="right", height=0.34, color=LOSS, source=source)
    made.add_tools(HoverTool(renderers=[bar], tooltips=[("reason", "@reason"), ("refused", "@right{0,0}")]))
    made.x_range = Range1d(0, max([*counts, 1]) * 1.05)
    return made


def _bars(title: str, unit: str, names: Sequence[str]) -> Any:
    """A chart of lying bars whose names stand above them, so that long ones have room on a telephone too."""
    made = figure(
        title=title, height=130 + 46 * len(names), sizing_mode="stretch_width", tools="", toolbar_location=None,
        x_axis_label=unit, y_range=(-0.55, len(names) - 0.25),
    )  # fmt: skip
    shown = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…" for name in names]
    made.text(
        x=0, y=[place + 0.24 for place in _places(len(names))], text=shown, text_color=INK, text_font_size="12px",
        text_baseline="bottom", x_offset=2,
    )  # fmt: skip
    made.yaxis.visible = made.ygrid.visible = False
    made.xaxis[0].ticker.min_interval = 1
    made.xaxis[0].minor_tick_line_color = None
    made.xgrid.grid_line_color = GRID
    made.outline_line_color = GRID
    made.title.text_font_size, made.title.text_color = "14px", INK
    made.axis.axis_label_text_font_style = "normal"
    made.axis.axis_label_text_color = made.axis.major_label_text_color = "#52606d"
    return made


def _places(count: int) -> list[float]:
    """Where the bars lie, the first on top; each a little below its name."""
    return [count - 1 - place - 0.1 for place in range(count)]


def _span(days: int) -> str:
    return f"last {'24 hours' if days == 1 else f'{days} days'} (UTC)"
