"""The sweep view: the best sets of a recorded sweep, and its plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from bokeh.models.widgets.tables import NumberFormatter

from workbench.ports import RunRecord
from workbench.research import sweep_plots
from workbench_apps import parts, records
from workbench_apps.page import error_html
from workbench_apps.parts import ui
from workbench_apps.tabs import Tab
from workbench_apps.theme import NONE

if TYPE_CHECKING:
    from workbench_apps.page import Page

MOST_SHOWN = 200
"""So many of the best sets stand in the table."""
_SHOWN = ("total_return", "sharpe", "max_drawdown", "trades", "win_rate")
_HALF = ":host { flex: 1 1 520px; min-width: 0; } @media (max-width: 600px) { :host { flex: 1 1 100%; } }"
_PLOT_HEIGHT = 470
_NEAR = "Neighbours"
_TITLES = {
    "total_return": "Return", "annual_return": "Return a year", "sharpe": "Sharpe", "sortino": "Sortino",
    "calmar": "Calmar", "max_drawdown": "Drawdown", "trades": "Trades", "win_rate": "Won", "profit_factor": "Profit f.",
}  # fmt: skip
_COUNTS = ("trades", "closed_trades", "open_trades")


class SweepView:
    """Reads the table once; each plot is drawn when its tab is opened."""

    def __init__(self, page: Page, run: RunRecord, place: str) -> None:
        self._page, self._run, self._place = page, run, place
        self._axes: Mapping[str, Sequence[Any]] = run.spec["grid"]
        self._metric = str(run.spec["metric"])
        self._frame = pd.DataFrame()
        names = list(self._axes)
        options = [*_metrics_first(self._metric), "plateau"]
        words = {f"{name.replace('_', ' ')}": name for name in options[:-1]} | {"neighbours' mean (plateau)": "plateau"}
        self._x, self._y = (
            _select(f"Heatmap: {side}", names, 150, names[min(i, len(names) - 1)]) for i, side in enumerate("xy")
        )
        self._x.visible = self._y.visible = len(names) > 1
        self._shown = _select("Heatmap: figure", words, 220, self._metric)
        self._take = _select("A cell shows", {"its best set": "best", "the median": "median"}, 140, "best")
        self._take.visible = len(names) > 2
        for widget in (self._x, self._y, self._shown, self._take):
            widget.param.watch(self._changed, "value")
        loading = parts.loading
        self._plot = ui.Column(
            parts.html(loading("heatmap")), sizing_mode="stretch_width", margin=0, min_height=_PLOT_HEIGHT,
            css_classes=["heatmap"],
        )  # fmt: skip
        self._table = ui.Column(
            parts.html(loading("sets")), sizing_mode="stretch_width", margin=0, css_classes=["best-sets"]
        )
        self._sets = parts.flow(
            _half(parts.heading("Heatmap", "How the figure hangs on the parameters."),
                  parts.flow(self._x, self._y, self._shown, self._take, gap="0", align_items="flex-end"), self._plot),
            _half(self._table), gap="0 24px",
        )  # fmt: skip
        self._others = {
            name: ui.Column(parts.html(loading(name)), sizing_mode="stretch_width", margin=0, css_classes=[name])
            for name in ("parameters", "parallel", "neighbours")
        }

    def tabs(self) -> list[Tab]:
        """The tabs of a sweep."""
        several = len(self._axes) > 1
        drawn: list[tuple[str, str, Callable[[], Any]]] = [
            ("Each parameter", "parameters",
             lambda: sweep_plots.stability(self._frame, self._axes, self._metric)),
            ("All at once", "parallel",
             lambda: sweep_plots.parallel_coordinates(self._frame, self._axes, self._metric)),
            ("Peak or plateau", "neighbours", lambda: sweep_plots.plateau_scatter(self._frame, self._metric)),
        ]  # fmt: skip
        return [
            Tab("Best sets", self._sets, self._read),
            *(Tab(title, self._others[name], self._drawer(name, draw))
              for title, name, draw in (drawn if several else drawn[2:])),
        ]  # fmt: skip

    # ---- reading -----------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        bench, run = self._page.bench, self._run
        self._page.work(
            f"{self._place} sweep", lambda: records.sweep_of(bench, run), self._kept, busy=self._table,
            failed=lambda error: self._failed(error, self._table, self._plot),
        )  # fmt: skip

    def _kept(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        if frame.empty:
            told = parts.html(parts.empty("No set was done before it was cancelled."))
            self._table[:], self._plot[:] = [told], []
            return
        best = frame.sort_values(self._metric, ascending=False, kind="stable", na_position="last").head(MOST_SHOWN)
        count = f"the {len(best):,} best of {len(frame):,} sets" if len(best) < len(frame) else f"{len(frame):,} sets"
        note = f"{count[0].upper()}{count[1:]} by {self._metric.replace('_', ' ')}. {_NEAR}: its mean over the sets "
        note += "beside this one; far below the set's own, it is a lone peak, likely luck."
        self._table[:] = [parts.heading("Best sets", note), best_table(best, list(self._axes), self._metric)]
        self._draw()

    # ---- plots -------------------------------------------------------------------------------------------------------

    def _changed(self, event: Any) -> None:
        """Draw again; a parameter is never held against itself."""
        other = self._y if event.obj is self._x else self._x if event.obj is self._y else None
        if other is not None and other.value == event.new and event.old != event.new:
            other.value = event.old  # which draws
        else:
            self._draw()

    def _draw(self) -> None:
        if self._frame.empty:
            return
        frame, axes, metric, take = self._frame, self._axes, self._shown.value, self._take.value
        x, y = (self._x.value, self._y.value) if len(axes) > 1 else (None, None)
        self._page.work(
            f"{self._place} heatmap", lambda: sweep_plots.heatmap(frame, axes, metric, x, y, take),
            lambda figure: self._put(self._plot, figure), busy=self._plot,
            failed=lambda error: self._failed(error, self._plot),
        )  # fmt: skip

    def _drawer(self, name: str, draw: Callable[[], Any]) -> Callable[[], None]:
        def drawn() -> None:
            if self._frame.empty:
                self._others[name][:] = [parts.html(parts.empty("There is no set to draw."))]
                return
            self._page.work(
                f"{self._place} {name}", draw, lambda figure: self._put(self._others[name], figure),
                busy=self._others[name], failed=lambda error: self._failed(error, self._others[name]),
            )  # fmt: skip

        return drawn

    def _put(self, place: Any, figure: Any) -> None:
        place[:] = [ui.pane.Bokeh(figure, sizing_mode="stretch_width")]

    def _failed(self, error: BaseException, *places: Any) -> None:
        for place in places:
            place[:] = [parts.html(error_html(error))]


def best_table(best: pd.DataFrame, axes: Sequence[str], metric: str) -> Any:
    """Sets as rows: what was searched, the figure they are sorted by, how good the neighbours are, and the rest."""
    figures = list(dict.fromkeys((metric, "plateau", *_SHOWN)))
    shown = best[[*axes, *figures]].reset_index(drop=True)
    titles = {name: name for name in axes} | {name: _TITLES.get(name, name) for name in figures} | {"plateau": _NEAR}
    formats = {}
    for name in figures:
        kind = metric if name == "plateau" else name
        form = "0,0.0 %" if kind in sweep_plots.PERCENT else "0,0" if name in _COUNTS else "0,0.00"
        formats[name] = NumberFormatter(format=form, nan_format=NONE)
    right = dict.fromkeys([*(n for n in axes if shown[n].dtype.kind in "fiu"), *figures], "right")
    for name in axes:
        if shown[name].dtype.kind == "b":
            shown[name] = shown[name].map({True: "yes", False: "no"})
    return parts.grid_of(
        shown, titles, formatters=formats, text_align=right, height=parts.height_for(len(shown), 500),
        layout="fit_data_stretch",
    )  # fmt: skip


def _metrics_first(metric: str) -> list[str]:
    from workbench.research.measured import FIGURES

    return [metric, *(name for name in FIGURES if name != metric)]


def _half(*parts_of_it: Any) -> Any:
    made = ui.Column(*parts_of_it, sizing_mode="stretch_width", margin=0)
    made.stylesheets = [_HALF]
    return made


def _select(name: str, options: Any, width: int, value: Any) -> Any:
    return ui.widgets.Select(name=name, options=options, value=value, width=width, margin=(5, 8, 5, 0))
