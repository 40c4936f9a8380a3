"""Plots of a sweep: what they hold, not how they look."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bokeh.models import ColorBar, Plot, Title
from bokeh.plotting import figure

from workbench.errors import BadInput
from workbench.research.sweep_plots import heatmap, histogram, parallel_coordinates, plateau_scatter, stability

AXES: dict[str, list[Any]] = {"fast": [2, 4, 6], "slow": [4, 8], "kind": ["ema", "sma"], "shorts": [False, True]}


def made(axes: dict[str, list[Any]] = AXES, seed: int = 0) -> pd.DataFrame:
    """Every combination with fast below slow."""
    rows = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    frame = pd.DataFrame([row for row in rows if row.get("fast", 0) < row.get("slow", 99)])
    rng = np.random.default_rng(seed)
    frame["sharpe"] = rng.normal(0, 1, len(frame))
    frame["max_drawdown"] = -rng.uniform(0.1, 0.5, len(frame))
    frame["plateau"] = frame["sharpe"] * 0.8
    return frame


def renderer(plot: Plot, name: str) -> Any:
    (found,) = [r for r in plot.renderers if r.name == name]
    return found


def data(plot: Plot, name: str) -> dict[str, list[Any]]:
    return {key: list(values) for key, values in renderer(plot, name).data_source.data.items()}


def star(plot: Plot) -> tuple[float, float]:
    (found,) = [r for r in plot.renderers if getattr(r.glyph, "marker", None) == "star"]
    return found.data_source.data["x"][0], found.data_source.data["y"][0]


def words(plot: Plot) -> str:
    titles = [plot.title, *(item for item in plot.above if isinstance(item, Title))]
    return " ".join(" ".join(t.text for t in titles).split())


def cells(plot: Plot) -> dict[tuple[str, str], tuple[float, int]]:
    found = data(plot, "cells")
    keys = zip(found["x_value"], found["y_value"], strict=True)
    return dict(zip(keys, zip(found["value"], found["sets"], strict=True), strict=True))


@pytest.mark.parametrize("take", ["best", "median"])
def test_a_cell_has_the_best_or_the_median_over_the_rest(take: str) -> None:
    frame = made()
    plot = heatmap(frame, AXES, "sharpe", take=take)
    here = frame[(frame["fast"] == 2) & (frame["slow"] == 8)]["sharpe"]
    assert cells(plot)["2", "8"] == (pytest.approx(here.max() if take == "best" else here.median()), 4)
    assert f"{take} over kind, shorts" in words(plot)


def test_left_out_cells_have_no_rectangle_and_those_without_a_figure_a_cross() -> None:
    frame = made()
    frame.loc[(frame["fast"] == 2) & (frame["slow"] == 4), "sharpe"] = np.nan
    plot = heatmap(frame, AXES, "sharpe")
    assert set(cells(plot)) == {("2", "8"), ("4", "8"), ("6", "8")}
    assert (data(plot, "undefined")["x"], data(plot, "undefined")["y"]) == ([0], [0])
    assert "grey: no such set" in words(plot)
    assert "×: no sharpe" in words(plot)


def test_a_set_without_a_figure_does_not_count_in_its_cell() -> None:
    frame = made()
    here = frame.index[(frame["fast"] == 4) & (frame["slow"] == 8)]
    frame.loc[here[:2], "sharpe"] = [np.nan, np.inf]
    assert cells(heatmap(frame, AXES, "sharpe"))["4", "8"] == (frame.loc[here[2:], "sharpe"].max(), 2)


def test_colours_part_at_zero_only_where_there_are_both_signs() -> None:
    frame = made({"fast": [2, 4, 6], "slow": [4, 8]})
    frame["sharpe"] = [-0.5, 0.1, 2.0, 0.3]
    axes = {"fast": [2, 4, 6], "slow": [4, 8]}
    mapper = renderer(heatmap(frame, axes, "sharpe"), "cells").glyph.fill_color.transform
    assert (mapper.low, mapper.high) == (-2.0, 2.0)
    assert mapper.palette[len(mapper.palette) // 2] == "#ffffff"
    plot = heatmap(frame, axes, "max_drawdown")
    mapper = renderer(plot, "cells").glyph.fill_color.transform
    assert (mapper.low, mapper.high) == (frame["max_drawdown"].min() * 100, frame["max_drawdown"].max() * 100)
    assert "#ffffff" not in mapper.palette
    (bar,) = [item for item in plot.right if isinstance(item, ColorBar)]
    assert bar.title == "max_drawdown (%)"


def test_the_star_is_on_the_best_cell_and_named_with_the_rest() -> None:
    frame = made()
    frame.loc[7, "sharpe"] = 9.0
    best = frame.loc[7]
    plot = heatmap(frame, AXES, "sharpe", x="kind", y="fast")
    assert star(plot) == (AXES["kind"].index(best["kind"]), AXES["fast"].index(best["fast"]))
    assert f"kind={best['kind']}, fast={best['fast']}, slow={best['slow']}, shorts={best['shorts']}, sharpe 9" in words(
        plot
    )
    assert (plot.xaxis[0].axis_label, plot.yaxis[0].axis_label) == ("kind", "fast")


def test_one_named_axis_leaves_the_other_to_the_first_that_is_left() -> None:
    plot = heatmap(made(), AXES, "sharpe", y="fast")
    assert (plot.xaxis[0].axis_label, plot.yaxis[0].axis_label) == ("slow", "fast")


def test_labels_of_long_axes_are_thinned_and_are_the_values() -> None:
    axes: dict[str, list[Any]] = {"fast": list(range(0, 200, 2)), "slow": [500, 600]}
    axis = heatmap(made(axes), axes, "sharpe").xaxis[0]
    assert len(axis.ticker.ticks) <= 25
    assert axis.major_label_overrides[axis.ticker.ticks[1]] == str(axes["fast"][axis.ticker.ticks[1]])


def test_with_one_axis_it_is_a_line_along_it_in_order() -> None:
    axes: dict[str, list[Any]] = {"fast": [6, 2, 4]}
    frame = made(axes)
    frame["max_drawdown"] = [-0.3, np.nan, -0.1]
    plot = heatmap(frame, axes, "max_drawdown")
    line = data(plot, "median")
    assert (line["x"], line["median"]) == ([4, 6], pytest.approx([-10, -30]))
    assert star(plot) == (4, pytest.approx(-10))
    assert plot.yaxis[0].axis_label == "max_drawdown (%)"


def test_of_many_sets_the_best_and_the_worst_are_drawn() -> None:
    axes: dict[str, list[Any]] = {"fast": list(range(20)), "slow": list(range(50, 70))}
    frame = made(axes)
    frame.loc[5, "sharpe"] = np.nan
    plot = parallel_coordinates(frame, axes, "sharpe", most=60)
    rest, top = data(plot, "rest")["value"], data(plot, "top")["value"]
    ordered = frame["sharpe"].dropna().sort_values(ascending=False).tolist()
    assert sorted(top, reverse=True) == ordered[:10]
    assert len(set(rest + top)) == 60
    assert min(rest) == ordered[-1]
    assert np.median(rest) == pytest.approx(np.median(ordered), abs=0.2)
    assert "60, evenly by rank, of 399 sets" in words(plot)


@pytest.mark.parametrize("most", [2, 11])
def test_even_few_lines_have_both_ends(most: int) -> None:
    frame = made()
    plot = parallel_coordinates(frame, AXES, "sharpe", most=most)
    drawn = data(plot, "rest")["value"] + data(plot, "top")["value"]
    assert len(drawn) == most
    assert (max(drawn), min(drawn)) == (frame["sharpe"].max(), frame["sharpe"].min())


def test_lines_go_through_numbers_names_and_truths() -> None:
    frame = made()
    plot = parallel_coordinates(frame, AXES, "sharpe")
    top = data(plot, "top")
    best = frame.loc[frame["sharpe"].idxmax()]
    heights = [(best["fast"] - 2) / 4, (best["slow"] - 4) / 4, AXES["kind"].index(best["kind"]), int(best["shorts"]), 1]
    assert top["ys"][-1] == pytest.approx(heights), "the best is drawn last"
    marks = data(plot, "marks")
    assert {"2", "6", "4", "8", "ema", "sma", "False", "True"} <= set(marks["text"])
    assert [label.strip() for label in plot.xaxis[0].major_label_overrides.values()] == [*AXES, "sharpe"]


def test_stability_has_a_figure_an_axis_with_quartiles_and_one_scale() -> None:
    frame = made()
    frame.loc[frame["slow"] == 4, "sharpe"] = np.nan
    layout = stability(frame, AXES, "sharpe")
    assert layout.sizing_mode == "stretch_width"
    assert [plot.xaxis[0].axis_label for plot in layout.children] == list(AXES)
    assert len({plot.y_range.id for plot in layout.children}) == 1
    fast, slow, *_ = (data(plot, "median") for plot in layout.children)
    here = frame[frame["fast"] == 4]["sharpe"].dropna()
    row = {key: column[1] for key, column in fast.items()}
    assert (row["at"], row["sets"], row["best"]) == ("4", len(here), here.max())
    assert [row["lower"], row["median"], row["upper"]] == pytest.approx(here.quantile([0.25, 0.5, 0.75]).tolist())
    assert slow["x"] == [8], "a value at which no set has a figure is left out"


def test_neighbours_are_in_the_metrics_unit_and_sets_without_any_are_left_out() -> None:
    frame = made()
    frame["plateau"] = frame["max_drawdown"] - 0.1
    frame.loc[0, "plateau"] = np.nan
    plot = plateau_scatter(frame, "max_drawdown")
    points = data(plot, "sets")
    assert len(points["x"]) == len(frame) - 1
    assert np.array(points["y"]) == pytest.approx(np.array(points["x"]) - 10)
    assert star(plot)[0] == pytest.approx(frame["max_drawdown"][1:].max() * 100)
    assert points["set"][0].startswith("fast=")
    assert "sharpe" not in points["set"][0]
    assert "lone peak" in words(plot)


def test_a_histogram_counts_every_outcome_and_what_lies_below_the_mark() -> None:
    plot = histogram([1, 2, 2, 3, np.nan, -np.inf], 2.5, "Luck", "sharpe", "real")
    assert sum(data(plot, "bars")["top"]) == 4
    assert data(plot, "mark")["x"] == [2.5]
    assert "real, 2.5; 4 (80.0%) of 5 outcomes lie below it" in words(plot)


def test_every_plot_stretches_and_has_a_title_and_labels() -> None:
    frame = made()
    plots = [heatmap(frame, AXES, "sharpe"), parallel_coordinates(frame, AXES, "sharpe"),
             plateau_scatter(frame, "sharpe"), *stability(frame, {"fast": AXES["fast"]}, "sharpe").children,
             histogram([1.0, 1.0], 3, "Luck", "sharpe", "real")]  # fmt: skip
    for plot in plots:
        assert isinstance(plot, figure)
        assert plot.sizing_mode == "stretch_width"
        assert plot.height
        assert plot.title.text
        assert plot.xaxis[0].axis_label
        assert plot.yaxis[0].axis_label or not plot.yaxis[0].visible


def test_one_value_everywhere_can_be_drawn() -> None:
    axes: dict[str, list[Any]] = {"fast": [2], "slow": [4]}
    frame = made(axes)
    assert cells(heatmap(frame, axes, "sharpe")) == {("2", "4"): (frame["sharpe"][0], 1)}
    assert len(data(parallel_coordinates(frame, axes, "sharpe"), "top")["value"]) == 1
    assert plateau_scatter(frame, "sharpe")


@pytest.mark.parametrize("plot", [heatmap, parallel_coordinates, stability])
def test_what_cannot_be_drawn_is_said(plot: Any) -> None:
    frame = made()
    for given, axes, metric, word in (
        (frame, AXES, "shrape", "unknown"),
        (frame, AXES, "fast", "unknown"),
        (frame, {**AXES, "width": [1]}, "sharpe", "no column"),
        (frame, {**AXES, "fast": [2, 4]}, "sharpe", "lacks 6"),
        (frame[:0], AXES, "sharpe", "is empty"),
        (frame, {}, "sharpe", "is empty"),
        (frame.assign(sharpe=np.nan), AXES, "sharpe", "no answer for any set"),
    ):
        with pytest.raises(BadInput, match=word):
            plot(given, axes, metric)


def test_bad_options_are_said() -> None:
    frame = made()
    with pytest.raises(BadInput, match="axis fats: unknown"):
        heatmap(frame, AXES, "sharpe", x="fats")
    with pytest.raises(BadInput, match="y fast: is x as well"):
        heatmap(frame, AXES, "sharpe", x="fast", y="fast")
    with pytest.raises(BadInput, match="best or median"):
        heatmap(frame, AXES, "sharpe", take="mean")
    with pytest.raises(BadInput, match="at least 2"):
        parallel_coordinates(frame, AXES, "sharpe", most=1)
    with pytest.raises(BadInput, match="plateau"):
        plateau_scatter(frame.drop(columns="plateau"), "sharpe")
    with pytest.raises(BadInput, match="no answer for any set"):
        plateau_scatter(frame.assign(plateau=np.nan), "sharpe")
    with pytest.raises(BadInput, match="finite"):
        histogram([np.nan], 1, "Luck", "sharpe", "real")
    with pytest.raises(BadInput, match="finite"):
        histogram([1.0], np.nan, "Luck", "sharpe", "real")
