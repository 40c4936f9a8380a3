"""The cross-validation view: how the paths out of sample are spread, and what each split chose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.ports import RunRecord
from workbench.research.sweep_plots import histogram
from workbench_apps import parts, records
from workbench_apps.page import error_html
from workbench_apps.parts import ui
from workbench_apps.tabs import Tab
from workbench_apps.theme import escape, number, params_text, percent

if TYPE_CHECKING:
    from workbench_apps.page import Page


def cross_headline(m: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures of a cross-validation."""
    return [
        ("Sharpe of the middle path", number(m.get("sharpe_median"))),
        ("90 % of the paths", f"{number(m.get('sharpe_p05'))} to {number(m.get('sharpe_p95'))}"),
        ("Paths that lose money", percent(m.get("loss_probability"), 0)),
        ("Degradation", number(m.get("degradation"), 3)),
        ("Paths out of sample", number(m.get("paths"), 0)),
        ("Folds, tested at once", f"{number(m.get('folds'), 0)}, {number(m.get('test_folds'), 0)}"),
        ("Purge, embargo (bars)", f"{number(m.get('purge'), 0)}, {number(m.get('embargo'), 0)}"),
        ("Sets", number(m.get("sets"), 0)),
    ]


class CrossView:
    """Reads the result when it is opened."""

    def __init__(self, page: Page, run: RunRecord, place: str) -> None:
        self._page, self._run, self._place = page, run, place
        self._layout = ui.Column(parts.html(parts.loading("paths")), sizing_mode="stretch_width", margin=0)

    def tab(self) -> Tab:
        """The tab."""
        return Tab("Paths and splits", self._layout, self._read)

    def _read(self) -> None:
        bench, run = self._page.bench, self._run
        self._page.work(f"{self._place} paths", lambda: records.result_of(bench, run), self._show, failed=self._failed)

    def _failed(self, error: BaseException) -> None:
        self._layout[:] = [parts.html(error_html(error))]

    def _show(self, found: Mapping[str, Any]) -> None:
        sharpes = [path["sharpe"] for path in found["path_list"] if path["sharpe"] is not None]
        shown: list[Any] = []
        if sharpes and found.get("sharpe_median") is not None:
            chart = histogram(sharpes, found["sharpe_median"], "Sharpe ratios of the paths out of sample",
                              "Sharpe ratio, annualised", "the middle")  # fmt: skip
            shown.append(ui.pane.Bokeh(chart, sizing_mode="stretch_width"))
        metric = str(found.get("metric", "sharpe")).replace("_", " ")
        titles = ("Folds tested", "Parameters chosen", f"{metric} in sample", f"{metric} out of sample")
        searched = list(self._run.spec.get("grid") or {})
        rows = [
            (
                escape(", ".join(str(fold + 1) for fold in split["tests"])),
                escape(params_text({name: split["params"].get(name) for name in searched})),
                number(split["in_sample"], 3),
                number(split["out_of_sample"], 3),
            )
            for split in found["split_list"]
        ]
        note = "Each split chooses on all folds but those it tests; figures are of one period, not annualised."
        self._layout[:] = [*shown, parts.heading("Splits", note), parts.html(parts.table(titles, rows))]
