"""The walk view: the windows of a walk-forward, each with its train and its test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from bokeh.models.widgets.tables import NumberFormatter

from workbench.ports import RunRecord
from workbench.research.sweep_plots import PERCENT
from workbench_apps import charts, parts
from workbench_apps.parts import ui
from workbench_apps.theme import NONE


def windows_layout(run: RunRecord, windows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The metric of each window in its train and in its test, drawn and in a table."""
    if not windows:
        return [parts.html(parts.empty("No window."))]
    asked = str(run.spec.get("metric", "sharpe"))
    metric = asked if asked in windows[0]["in_sample"] else "sharpe"  # a function has no figure of its own
    words = metric.replace("_", " ")
    share, plain = NumberFormatter(format="+0,0.0 %", nan_format=NONE), NumberFormatter(format="0.00", nan_format=NONE)
    searched = list(run.spec.get("grid") or {})
    rows = [
        {
            "train": f"{w['train_start'][:10]} – {w['train_end'][:10]}",
            "test": f"{w['test_start'][:10]} – {w['test_end'][:10]}",
            **{name: w["params"].get(name) for name in searched},
            "inside": w["in_sample"].get(metric),
            "outside": w["out_of_sample"].get(metric),
            "degradation": w.get("degradation"),
            "return_in": w["in_sample"].get("total_return"),
            "return_out": w["out_of_sample"].get("total_return"),
            "trades": w["out_of_sample"].get("trades"),
        }
        for w in windows
    ]
    frame = pd.DataFrame(rows)
    figures = ("inside", "outside", "degradation", "return_in", "return_out", "trades")
    for name in figures:
        frame[name] = pd.to_numeric(frame[name])
    titles = {
        "train": "Train", "test": "Test", **{name: name for name in searched}, "inside": f"{words} in train",
        "outside": f"{words} in test", "degradation": "Degradation", "return_in": "Return in train",
        "return_out": "Return in test", "trades": "Trades in test",
    }  # fmt: skip
    kind = share if metric in PERCENT else plain
    formats = {"inside": kind, "outside": kind, "degradation": kind, "return_in": share, "return_out": share}
    table = parts.grid_of(
        frame, titles, formatters=formats, text_align=dict.fromkeys(figures, "right"),
        height=parts.height_for(len(frame), 400),
    )  # fmt: skip
    note = "Degradation: how much lower the figure is in the test than in the train that chose it; near 0 is good."
    points = [(w["test_start"], w["in_sample"].get(metric), w["out_of_sample"].get(metric)) for w in windows]
    chart = charts.windows_chart(points, words, percent=metric in PERCENT)
    return [ui.pane.Bokeh(chart, sizing_mode="stretch_width"), parts.heading("Windows", note), table]
