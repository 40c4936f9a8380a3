"""Plots of what luck would have done beside what was found, in bokeh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import BadInput
from workbench.research.sweep_plots import histogram

if TYPE_CHECKING:
    from workbench.research.cpcv import CrossValidation
    from workbench.research.overfit import Overfit


def overfit_layout(found: Overfit) -> Any:
    """Random orders of the bars, of the trades, and the ranks of the chosen sets out of sample; those that there are.

    Raises BadInput where none of them was worked out.
    """
    from bokeh.layouts import column

    figures = []
    if found.permuted is not None:
        drawn = found.permuted.drawn
        figures.append(
            histogram(
                drawn[np.isfinite(drawn)], found.permuted.original,
                f"{found.metric} on bars in random order, p = {found.permuted.p:.3f}", found.metric, "on the real bars",
            )
        )  # fmt: skip
    if found.cscv is not None:
        title = f"Rank out of sample of the set chosen in sample: at or below the middle in {found.cscv.pbo:.0%}"
        figures.append(histogram(found.cscv.logits, 0.0, title, "logit of the relative rank", "the middle"))
    if found.luck is not None:
        title = "Deepest drawdown of the same trades in random orders"
        figures.append(
            histogram(found.luck.drawdowns * 100, found.luck.drawdown * 100, title, "drawdown (%)", "in the real order")
        )
    if not figures:
        raise BadInput("overfit", "its figures", "hold no random outcomes to plot", "ask for permutations")
    return column(figures, sizing_mode="stretch_width")


def paths_layout(found: CrossValidation) -> Any:
    """Growth along each path out of sample, and how the Sharpe ratios of the paths are spread, as a bokeh layout."""
    from bokeh.layouts import column
    from bokeh.plotting import figure

    from workbench.research.plots import INK, LINE, MOST_POINTS

    growth = found.equity
    lines = figure(
        title=f"Growth of 1 along {growth.shape[1]} paths out of sample", x_axis_type="datetime", height=320,
        sizing_mode="stretch_width", x_axis_label="time (UTC)", y_axis_label="growth of 1, log scale",
        y_axis_type="log",
    )  # fmt: skip
    rows = np.linspace(0, len(growth) - 1, min(len(growth), MOST_POINTS // growth.shape[1])).astype(int)
    growth = growth.iloc[rows]
    times = found.index.tz_localize(None)[rows]
    for name in growth.columns:
        lines.line(times, growth[name], color=LINE, alpha=0.35)
    lines.line(times, growth.median(axis=1), color=INK, line_width=2, legend_label="the middle of all paths")
    lines.legend.location = "top_left"
    known = found.path_sharpes[np.isfinite(found.path_sharpes)]
    if not len(known):
        return column([lines], sizing_mode="stretch_width")
    middle = float(np.median(known))
    spread = histogram(known, middle, "Sharpe ratios of the paths", "Sharpe ratio, annualised", "the middle")
    return column([lines, spread], sizing_mode="stretch_width")
