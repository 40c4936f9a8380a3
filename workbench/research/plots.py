"""Plots of results, in bokeh: titles, units and the time zone on each."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from workbench.research.backtest import Backtest
    from workbench.research.walkforward import WalkForward

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
LINE, GAIN, LOSS, BAND = "#2563eb", "#0f9d76", "#d64545", "#f2b8b5"
MOST_POINTS = 4_000
"""A line is thinned to at most so many points, keeping each stretch's lowest and highest."""


def backtest_layout(result: Backtest) -> Any:
    """Equity and drawdown over one time axis, then each symbol's price with its trades."""
    from bokeh.layouts import column

    figures = _curve(result, "Equity", "Drawdown")
    for symbol in result.tape.symbols:
        figures.append(price_figure(result, symbol, figures[0].x_range))
    return column(figures, sizing_mode="stretch_width")


def walkforward_layout(result: WalkForward) -> Any:
    """Stitched equity and drawdown, with a line at each window's start, then each searched parameter through time."""
    from bokeh.layouts import column
    from bokeh.models import Span

    figures = _curve(result, "Stitched out-of-sample equity", "Drawdown, out of sample")
    for window in result.windows:
        at = int(result.tape.times[window.window.test_first]) // 10**6
        figures[0].add_layout(Span(location=at, dimension="height", line_color=GRID, line_dash="dashed"))
    for name in result.axes:
        values = [w.strategy.params[name] for w in result.windows]
        if all(isinstance(v, (int, float)) for v in values):
            figures.append(_steps(result, name, [float(v) for v in values], figures[0].x_range))
    return column(figures, sizing_mode="stretch_width")


def price_figure(result: Backtest, symbol: str, x_range: Any = None) -> Any:
    """The close of one symbol with entries and exits marked."""
    from bokeh.models import HoverTool

    history = next(h for h in result.tape.histories if h.symbol == symbol)
    adjusted = ", adjusted for splits and dividends" if history.instrument.adjusted else ""
    figure = _figure(f"{symbol} close and trades", f"{history.instrument.currency}{adjusted}", 300, x_range)
    rows = _thin(history.close)
    figure.line(
        _milliseconds(history.times[rows]), history.close[rows], color=MUTED, line_width=1.2, legend_label="close"
    )
    trades = [t for t in result.trade_list if t.symbol == symbol]
    entered = [(t.entry_idx, t.entry_price, t) for t in trades]
    left = [(t.exit_idx, t.exit_price, t) for t in trades if t.exit_idx is not None]
    for label, marker, color, points in (
        ("long entry", "triangle", GAIN, [p for p in entered if p[2].direction == "long"]),
        ("short entry", "inverted_triangle", LOSS, [p for p in entered if p[2].direction == "short"]),
        ("exit", "x", INK, left),
    ):
        if points:
            figure.scatter(
                "x", "y", size=8, marker=marker, color=color, legend_label=label, name="trades",
                source={
                    "x": _milliseconds(result.tape.times[[p[0] for p in points]]),
                    "y": [p[1] for p in points],
                    "pnl": [p[2].pnl for p in points],
                    "size": [p[2].raw_size for p in points],
                    "what": [label] * len(points),
                },
            )  # fmt: skip
    figure.add_tools(
        HoverTool(
            tooltips=[
                ("", "@what"),
                ("at", "@x{%F %H:%M}"),
                ("price", "@y{0,0.00##}"),
                ("size", "@size{0,0.##}"),
                ("P&L", "@pnl{0,0.00}"),
            ],
            formatters={"@x": "datetime"},
            renderers=[r for r in figure.renderers if r.name == "trades"],
        )
    )
    _legend(figure)
    return figure


def _curve(result: Backtest | WalkForward, title: str, below: str) -> list[Any]:
    """Equity above, drawdown below, on one time axis."""
    from bokeh.models import HoverTool, NumeralTickFormatter

    currency = result.tape.histories[0].instrument.currency
    equity, drawdown = result.equity.to_numpy(), result.drawdown.to_numpy()
    rows = _thin(equity)
    times = _milliseconds(result.index.as_unit("ns").asi8)
    top = _figure(title, currency, 260, None)
    line = top.line(times[rows], equity[rows], color=LINE, line_width=1.6)
    top.yaxis.formatter = NumeralTickFormatter(format="0,0")
    top.add_tools(
        HoverTool(
            renderers=[line],
            mode="vline",
            tooltips=[("at", "@x{%F %H:%M}"), ("equity", "@y{0,0.00}")],
            formatters={"@x": "datetime"},
        )
    )
    bottom = _figure(below, "percent", 150, top.x_range)
    rows = _thin(drawdown)
    bottom.varea(times[rows], np.zeros(len(rows)), drawdown[rows] * 100, color=BAND)
    bottom.line(times[rows], drawdown[rows] * 100, color=LOSS)
    return [top, bottom]


def _steps(result: WalkForward, name: str, values: list[float], x_range: Any) -> Any:
    """One parameter through the windows."""
    figure = _figure(f"Parameter {name}, chosen in each window", name, 160, x_range)
    edges = [int(result.tape.times[w.window.test_first]) for w in result.windows]
    edges.append(int(result.tape.times[result.stop - 1]))
    figure.step(_milliseconds(np.array(edges)), [*values, values[-1]], mode="after", color=LINE, line_width=1.6)
    return figure


def _figure(title: str, unit: str, height: int, x_range: Any) -> Any:
    from bokeh.plotting import figure

    options: dict[str, Any] = {} if x_range is None else {"x_range": x_range}
    made = figure(
        title=title,
        height=height,
        x_axis_type="datetime",
        x_axis_label="time (UTC)",
        y_axis_label=unit,
        sizing_mode="stretch_width",
        tools="xpan,xwheel_zoom,box_zoom,reset,save",
        toolbar_location="above",
        min_border_left=70,
        **options,
    )
    made.toolbar.logo = None
    made.grid.grid_line_color = GRID
    made.outline_line_color = None
    made.title.text_color = INK
    for axis in (*made.xaxis, *made.yaxis):
        axis.axis_label_text_color = MUTED
        axis.axis_label_text_font_style = "normal"
    return made


def _legend(figure: Any) -> None:
    figure.legend.location = "top_left"
    figure.legend.click_policy = "hide"
    figure.legend.background_fill_alpha = 0.7
    figure.legend.border_line_color = None
    figure.legend.orientation = "horizontal"


def _milliseconds(times: Any) -> Any:
    return np.asarray(times) / 1e6


def _thin(values: Any) -> Any:
    """Positions of at most MOST_POINTS points that keep the lowest and highest of each stretch, first and last too."""
    count = len(values)
    if count <= MOST_POINTS:
        return np.arange(count)
    edges = np.linspace(0, count, MOST_POINTS // 2 + 1).astype(int)
    kept = {0, count - 1}
    for a, b in itertools.pairwise(edges):
        stretch = np.asarray(values[a:b])
        kept.update((int(a + stretch.argmin()), int(a + stretch.argmax())))
    return np.array(sorted(kept))
