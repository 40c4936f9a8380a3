"""Plots of what a sweep found, in bokeh: by two parameters, by all of them, by each, and against neighbours.

A `frame` has a row for each parameter set: a column for each searched parameter, then one for each figure, NaN where it
has no answer. `axes` has the values each parameter was searched at, in order. More is better. Fractions become percent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import BadInput, UnknownName
from workbench.research.measured import FIGURES
from workbench.research.plots import INK, LINE, LOSS, MOST_POINTS, MUTED, _figure

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Axes = Mapping[str, Sequence[Any]]
Point = tuple[float, float]

PERCENT = ("total_return", "annual_return", "volatility", "max_drawdown", "exposure", "win_rate", "avg_trade_return",
           "best_trade", "worst_trade")  # fmt: skip
UNITS = dict.fromkeys(PERCENT, "%") | dict.fromkeys(("fees", "expectancy", "end_equity"), "currency")
TOP = 10  # so many of the best sets are drawn on top in parallel coordinates
_BELOW, _ABOVE = ("#8a4500", "#d97f1e", "#f7cf9b"), ("#a9cdec", "#3a7dc0", "#0f3a6b")
_EMPTY, _STAR, _PALE, _NUMBER = "#d3d8de", "#ffd43b", "#cfe3f5", "0,0.[000]"


def overview(frame: pd.DataFrame, axes: Axes, metric: str) -> Any:
    """Heatmap, each parameter by itself, all sets at once and each beside its neighbours, as a bokeh layout."""
    from bokeh.layouts import column

    figures = [heatmap(frame, axes, metric)]
    if len(axes) > 1:
        figures += [stability(frame, axes, metric), parallel_coordinates(frame, axes, metric)]
    if "plateau" in frame and frame["plateau"].notna().any():
        figures.append(plateau_scatter(frame, metric))
    return column(figures, sizing_mode="stretch_width")


def heatmap(
    frame: pd.DataFrame, axes: Axes, metric: str, x: str | None = None, y: str | None = None, take: str = "best"
) -> Any:
    """Two parameters against each other, coloured by a metric; with one axis only, the metric along it.

    `x` and `y` are the first two axes unless named. Over further axes a cell has the best set's figure, or the median
    of all with `take="median"`. Cells without a set stay grey, without a figure are crossed; colours part at 0 where
    there are both signs. Raises BadInput for unknown names, an empty frame, and a metric that no set has.
    """
    import pandas as pd
    from bokeh.models import ColorBar, HoverTool, Range1d

    found = _Found(frame, metric, axes)
    if take not in ("best", "median"):
        raise BadInput("take", take, "is unknown", "best or median")
    if strange := [name for name in (x, y) if name is not None and name not in axes]:
        raise UnknownName("axis", strange[0], axes)
    if len(axes) == 1:
        (name,), best = axes, found.order[0]
        star = float(_across(axes[name])[0][found.places(name)[best]]), found.best
        return _profile(found, name, f"★ best: {found.told(best)}, {found.text(found.best)}", star)
    x = x or next(name for name in axes if name != y)
    y = y or next(name for name in axes if name != x)
    if x == y:
        raise BadInput("y", y, "is x as well", "name two parameters")
    rest = [name for name in axes if name not in (x, y)]
    over = f"{take} over {', '.join(rest)}" if rest else ""
    table = pd.DataFrame({"x": found.places(x), "y": found.places(y), "value": found.values, "row": range(len(frame))})
    table = table.sort_values("value", ascending=False, kind="stable").groupby(["x", "y"], as_index=False).agg(
        value=("value", "max" if take == "best" else "median"), sets=("value", "count"), row=("row", "first")
    )  # fmt: skip
    known, unknown = table[table["sets"] > 0], table[table["sets"] == 0]
    cells: dict[str, list[Any]] = {str(name): known[name].tolist() for name in known.columns}
    cells |= {f"{side}_value": [str(axes[name][i]) for i in cells[side]] for side, name in (("x", x), ("y", y))}
    cells["rest"] = [found.told(row, rest) if take == "best" else over for row in cells.pop("row")]
    low, high, top = min(cells["value"]), max(cells["value"]), int(np.argmax(cells["value"]))
    told = (f"★ best: {x}={cells['x_value'][top]}, {y}={cells['y_value'][top]}", cells["rest"][top], found.text(high))
    note = ", ".join(filter(None, told))
    note += "; grey: no such set" if len(table) < len(axes[x]) * len(axes[y]) else ""
    note += f"; ×: no {metric}" if len(unknown) else ""
    title = ", ".join(filter(None, [f"{found.label} by {x} and {y}", over]))
    figure = _plot(title, note, x, y, 460, (cells["x"][top], cells["y"][top]))
    figure.x_range, figure.y_range = (Range1d(-0.5, len(axes[name]) - 0.5) for name in (x, y))
    shade = _colours(low, high, "#ffffff")
    drawn = figure.rect("x", "y", 1, 1, source=cells, name="cells", fill_color=shade, line_color=shade)
    figure.scatter(unknown["x"], unknown["y"], marker="x", size=5, color=MUTED, name="undefined")
    figure.grid.visible, figure.background_fill_color = False, _EMPTY
    _label(figure.xaxis[0], axes[x], 25)
    _label(figure.yaxis[0], axes[y], 18)
    bar = {"title": found.label, "width": 12, "title_text_font_style": "normal", "display_low": low}
    figure.add_layout(ColorBar(color_mapper=shade.transform, **bar, display_high=high if low < high else None), "right")
    tips = [(x, "@x_value"), (y, "@y_value"), (found.label, f"@value{{{_NUMBER}}}"), ("sets behind it", "@sets")]
    figure.add_tools(HoverTool(renderers=[drawn], tooltips=[*tips, ("with", "@rest")] if rest else tips))
    return figure


def parallel_coordinates(frame: pd.DataFrame, axes: Axes, metric: str, most: int = 500) -> Any:
    """A line for each set through its parameters to its metric, coloured by the metric, the ten best on top.

    Of more than `most` sets the ten best, the worst and an even sample by rank of the others are drawn. Axes go up from
    their lowest value, or in the order searched. Raises BadInput as `heatmap` does, and for `most` below 2.
    """
    from bokeh.models import HoverTool, Range1d

    found = _Found(frame, metric, axes)
    if most < 2:
        raise BadInput("most", most, "must be at least 2", "500 is usual")
    rows = found.sample(most)
    low, high, count, top = found.worst, found.best, len(axes), min(TOP, len(rows))
    across, heights, marks = list(range(count + 1)), [], []
    for i, (name, axis) in enumerate(axes.items()):
        at, numeric = _across(axis)
        levels = np.interp(at, [at.min(), at.max()], [0, 1])
        heights.append(levels[found.places(name)[rows]])
        named = (0, 1) if numeric or len(axis) > 8 else levels
        marks += [(i, h, str(v)) for h, v in zip(levels.tolist(), axis, strict=True) if h in named]
    heights.append(np.interp(found.values[rows], [low, high], [0, 1]))
    marks += [(count, 0.0, found.text(low, "")), (count, 1.0, found.text(high, ""))]
    some = "all" if len(rows) == len(found.order) else f"{len(rows):,}, evenly by rank, of"
    pale = "orange: below 0" if low < 0 < high else "pale: low"
    note = f"{some} {len(found.order):,} sets; thick: the best {top}; blue: high {metric}, {pale}; up: higher values"
    figure = _plot(f"Parameters of the sets and their {found.label}", note, f"parameters, then {found.label}", "", 420)
    figure.x_range, figure.y_range = Range1d(-0.5, count + 0.5), Range1d(-0.1, 1.12)
    source = {"xs": [across] * len(rows), "ys": np.column_stack(heights).tolist(), "value": found.values[rows].tolist(),
              "set": [found.told(row) for row in rows]}  # fmt: skip
    shade = _colours(low, high, "#c3c8ce")
    for layer, first, last, width, alpha in (("rest", top, len(rows), 1.0, 0.5), ("top", 0, top, 2.6, 1.0)):
        part = {key: column[first:last][::-1] for key, column in source.items()}  # the better over the worse
        lines = figure.multi_line("xs", "ys", source=part, color=shade, line_width=width, alpha=alpha, name=layer)
        tips = [("set", "@set"), (found.label, f"@value{{{_NUMBER}}}")]
        figure.add_tools(HoverTool(renderers=[lines], tooltips=tips, limit=2))
    figure.segment(across, 0, across, 1, color=INK, line_width=1.2)
    offsets = [{0.0: 16, 1.0: -6}.get(h, 5) for _, h, _ in marks]
    figure.text(*zip(*marks, strict=True), y_offset=offsets, text_align="center", text_font_size="11px", name="marks",
                text_color=INK, background_fill_color="white", background_fill_alpha=0.8)  # fmt: skip
    _label(figure.xaxis[0], ["\n" * (count > 3 and i % 2) + name for i, name in enumerate((*axes, metric))], count + 1)
    figure.yaxis.visible = figure.grid.visible = False
    return figure


def stability(frame: pd.DataFrame, axes: Axes, metric: str) -> Any:
    """For each parameter the median of a metric at each of its values, to see whether the result hangs on one of them.

    The band goes from the lower to the upper quartile of all sets with that value, faint points are the best of them.
    All figures have one scale. Raises BadInput as `heatmap` does.
    """
    from bokeh.layouts import row

    found = _Found(frame, metric, axes)
    figures = [_profile(found, name, "line: median; band: middle half; points: best") for name in axes]
    for figure in figures[1:]:
        figure.y_range = figures[0].y_range
    return row(figures, sizing_mode="stretch_width", styles={"flex-wrap": "wrap"})


def plateau_scatter(frame: pd.DataFrame, metric: str) -> Any:
    """Each set's own metric against the mean of its neighbours, to tell a lone peak from a plateau.

    Needs the column `plateau`, of the same metric. Of more than 4,000 sets an even sample by rank is drawn with the
    best. Raises BadInput as `heatmap` does, and where no set has a neighbour.
    """
    from bokeh.models import HoverTool, Slope

    found, names = _Found(frame, metric), [*takewhile(lambda c: c not in (*FIGURES, "plateau", metric), frame.columns)]
    around = _Found(frame, "plateau").values * (100 if metric in PERCENT else 1)
    found.use(np.where(np.isnan(around), np.nan, found.values))
    best, *_ = rows = found.sample(MOST_POINTS)
    told = f"{found.told(best, names)}, {found.text(found.best)}, its neighbours {found.text(around[best], '')}"
    title = "Far below the diagonal is a lone peak: much better than its neighbours, likely by luck"
    figure = _plot(title, f"★ best: {told}", f"own {found.label}", f"mean of the neighbours' {found.label}", 460,
                   (found.best, around[best]))  # fmt: skip
    figure.add_layout(Slope(gradient=1, y_intercept=0, line_color=MUTED, line_dash="dashed", line_width=1.2))
    source = {"x": found.values[rows], "y": around[rows], "set": [found.told(row, names) for row in rows]}
    points = figure.scatter("x", "y", source=source, size=6, color=LINE, alpha=0.35, line_color=None, name="sets")
    tips = [("set", "@set"), (found.label, f"@x{{{_NUMBER}}}"), ("neighbours", f"@y{{{_NUMBER}}}")]
    figure.add_tools(HoverTool(renderers=[points], tooltips=tips, limit=4))
    return figure


def histogram(values: ArrayLike, mark: float, title: str, x_label: str, mark_label: str) -> Any:
    """Random outcomes as a histogram, with a line where the real one lies.

    NaN is left out. Raises BadInput where nothing finite is left and for a mark that is not finite.
    """
    known = np.extract(~np.isnan(np.asarray(values, np.float64)), values)
    finite = known[np.isfinite(known)]
    if not len(finite):
        raise BadInput("values", f"{np.size(values)} outcomes", "none is a finite number", "nothing to plot")
    if not np.isfinite(mark):
        raise BadInput("mark", mark, "is not a finite number", "give the real outcome")
    counts, edges = np.histogram(finite, bins=int(np.clip(2 * len(finite) ** (1 / 3), 10, 60)))
    share = (
        f"{(below := int((known < mark).sum())):,} ({below / len(known):.1%}) of {len(known):,} outcomes lie below it"
    )
    figure = _plot(title, f"line: {mark_label}, {mark:,.4g}; {share}", x_label, "outcomes (count)", 320)
    figure.quad(left=edges[:-1], right=edges[1:], bottom=0, top=counts, color=LINE, alpha=0.45, name="bars")
    figure.vspan(x=[mark], line_color=LOSS, line_width=2.5, name="mark")
    figure.y_range.start = 0
    return figure


class _Found:
    """A sweep's frame with one figure of it, checked: finite or NaN, fractions in percent."""

    def __init__(self, frame: pd.DataFrame, metric: str, axes: Axes | None = None) -> None:
        self.frame, self.metric, self.axes = frame, metric, axes or {}
        self.label = f"{metric} ({UNITS[metric]})" if metric in UNITS else metric
        if frame.empty or (axes is not None and not axes):
            raise BadInput("frame", f"{len(frame)} sets, {len(self.axes)} axes", "is empty", "nothing to plot")
        if missing := [name for name in self.axes if name not in frame.columns]:
            raise BadInput("axes", missing[0], "is no column of the frame", "give the frame and the axes of one sweep")
        figures = [c for c in frame.columns if c not in self.axes and frame[c].dtype.kind in "fiu"]
        if metric not in figures:
            raise UnknownName("metric", metric, figures)
        self.use(frame[metric].to_numpy(np.float64) * (100 if metric in PERCENT else 1))

    def use(self, values: Floats) -> None:
        self.values = np.where(np.isfinite(values), values, np.nan)
        self.order: list[int] = np.argsort(-self.values, kind="stable")[: int(np.isfinite(values).sum())].tolist()
        if not self.order:
            raise BadInput("metric", self.metric, "has no answer for any set", "choose another metric or wider ranges")
        self.best, self.worst = float(self.values[self.order[0]]), float(self.values[self.order[-1]])

    def places(self, name: str) -> NDArray[np.intp]:
        known = {value: i for i, value in enumerate(self.axes[name])}
        for value in self.frame[name].unique().tolist():
            if value not in known:
                raise BadInput("axes", name, f"lacks {value}, which is in the frame", "give the sweep's own axes")
        return np.array([known[value] for value in self.frame[name].tolist()])

    def told(self, row: int, names: Iterable[str] | None = None) -> str:
        return ", ".join(f"{name}={self.frame[name].iloc[row]}" for name in (self.axes if names is None else names))

    def text(self, value: float, before: str | None = None) -> str:
        number = f"{value:,.0f}" if abs(value) >= 1000 or value == round(value) else f"{value:.3g}"
        return f"{f'{self.metric} ' if before is None else before}{number}{'%' if self.metric in PERCENT else ''}"

    def sample(self, most: int) -> list[int]:
        """Rows from the best: all, or the TOP, the worst and an even sample of those between."""
        first = min(TOP, most - 1)
        between = np.linspace(len(self.order) - 1, first, most - first).round().astype(int)[::-1]
        return self.order if len(self.order) <= most else [*self.order[:first], *(self.order[i] for i in between)]


def _profile(found: _Found, name: str, note: str, star: Point | None = None) -> Any:
    """The metric along one parameter: what lies at each value over all others, drawn and as columns."""
    import pandas as pd
    from bokeh.models import HoverTool

    axis, places, (at, numeric) = found.axes[name], found.places(name), _across(found.axes[name])
    table = pd.DataFrame({"place": places, "x": at[places], "value": found.values}).dropna()
    groups = table.groupby("x")["value"]
    quantiles = {"lower": 0.25, "median": 0.5, "upper": 0.75, "best": 1.0}
    line: dict[str, list[Any]] = {key: groups.quantile(q).tolist() for key, q in quantiles.items()}
    line |= {"x": list(groups.groups), "sets": groups.count().tolist()}
    line["at"] = [str(axis[i]) for i in table.groupby("x")["place"].first()]
    figure = _plot(f"{found.label} by {name}", note, name, found.label, 300, star)
    figure.styles = {"flex": "1 1 360px"}
    figure.varea("x", "lower", "upper", source=line, color=LINE, alpha=0.18, name="band")
    figure.scatter("x", "best", source=line, color=LINE, alpha=0.4, size=5, name="best")
    figure.line("x", "median", source=line, color=LINE, line_width=2, name="median")
    points = figure.scatter("x", "median", source=line, color=LINE, size=4)
    if not numeric:
        _label(figure.xaxis[0], axis, 12)
    tips = [(name, "@at"), ("sets", "@sets"), *((key, f"@{key}{{{_NUMBER}}}") for key in quantiles)]
    figure.add_tools(HoverTool(renderers=[points], tooltips=tips, mode="vline"))
    return figure


def _plot(title: str, note: str, x_label: str, y_label: str, height: int, star: Point | None = None) -> Any:
    """As the other plots, but over numbers, with a note that wraps for narrow screens and a star at the best."""
    from bokeh.models import BasicTicker, BasicTickFormatter, Title

    made = _figure(fill(title, 48), y_label, height, None)
    small = Title(text=fill(note, 56), text_font_size="11px", text_font_style="normal", text_color=MUTED)
    made.add_layout(small, "above")
    made.xaxis.axis_label = x_label
    made.xaxis.ticker, made.axis.minor_tick_line_color = BasicTicker(), None
    made.xaxis.formatter = made.yaxis.formatter = BasicTickFormatter(use_scientific=False)
    if star is not None:
        made.scatter([star[0]], [star[1]], marker="star", size=17, color=_STAR, line_color=INK, level="overlay")
    return made


def _label(axis: Any, values: Sequence[Any], most: int) -> None:
    from bokeh.models import FixedTicker, NoOverlap

    at = list(range(0, len(values), -(-len(values) // most)))
    axis.ticker, axis.major_label_policy = FixedTicker(ticks=at), NoOverlap(min_distance=8)
    axis.major_label_overrides = {i: str(values[i]) for i in at}


def _colours(low: float, high: float, middle: str) -> Any:
    """Colours for the field `value`: parted at 0 where there are both signs, else from pale to dark."""
    from bokeh.palettes import interp_palette
    from bokeh.transform import linear_cmap

    if low < 0 < high:
        return linear_cmap("value", interp_palette([*_BELOW, middle, *_ABOVE], 255), -max(-low, high), max(-low, high))
    return linear_cmap("value", interp_palette([_PALE, *_ABOVE], 255), low, high if low < high else low + 1)


def _across(axis: Sequence[Any]) -> tuple[Floats, bool]:
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in axis)
    return np.array(axis if numeric else range(len(axis)), np.float64), numeric
