"""Luck figures: how likely a run is to be luck, in words, with the reason of each figure that is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from workbench.ports import RunRecord
from workbench.research.sweep_plots import histogram
from workbench_apps import parts
from workbench_apps.theme import NONE, escape, number, percent

Figures = Mapping[str, Any]


def _p(value: Any) -> str:
    return number(value, 3)


def _share(value: Any) -> str:
    return percent(value, 1)


def _count(value: Any) -> str:
    return number(value, 0)


def _years(value: Any) -> str:
    return number(value, 1)


_ROWS: tuple[tuple[str, str, Callable[[Any], str], str], ...] = (
    ("sharpe", "Sharpe ratio, annualised", number, ""),
    ("psr", "Probability that it is truly above 0 (PSR)", _share, "near 100 % is good; it knows nothing of the search"),
    ("dsr", "… above what the best of all trials shows by luck (DSR)", _share, "near 100 % is good; 50 % is a coin"),
    ("expected_max_sharpe", "Sharpe ratio that luck alone would show", number, "the Sharpe ratio should be well above"),
    ("min_track_record", "Bars needed to show it is above 0 (95 %)", _count, "fewer than the bars there are is good"),
    ("min_backtest_years", "Years needed against so many trials", _years, "fewer than the years there are is good"),
    ("pbo", "Probability of backtest overfitting (CSCV)", _share,
     "how often the set chosen on one half is below the middle on the other; near 0 % is good"),
    ("pbo_loss", "… that the set chosen loses money there", _share, "near 0 % is good"),
    ("reality_check_p", "Reality check, p", _p,
     "small is good: how often luck does as well where no set beats doing nothing"),
    ("spa_p", "Superior predictive ability, p", _p, "the same, not misled by very bad sets"),
    ("permutation_p", "As good on bars in random order, p", _p,
     "small is good: how often the search does as well in noise"),
    ("trade_permutation_p", "As good with the trades' signs left to a coin, p", _p,
     "small is good: how often a coin does as well"),
    ("drawdown_p95", "Drawdown that one order of the trades in twenty passes", _share,
     "a run of bad luck to be ready for"),
)  # fmt: skip


def tiles_of(figures: Figures) -> list[tuple[str, str]]:
    """The figures looked at first."""
    return [
        ("Truly above 0 (PSR)", percent(figures.get("psr"), 1)),
        ("Beats luck of all trials (DSR)", percent(figures.get("dsr"), 1)),
        ("Overfitting (PBO)", percent(figures.get("pbo"), 1)),
        ("As good on noise, p", number(figures.get("permutation_p"), 3)),
        ("Trials of its family", number(figures.get("trials"), 0)),
    ]


def luck_html(figures: Figures, about: str = "") -> str:
    """Every figure in words, how it is read, and where it is missing why."""
    missing: Mapping[str, str] = figures.get("undefined") or {}
    rows = []
    for name, words, shown, reads in _ROWS:
        value = figures.get(name)
        if value is None:
            reason = escape(missing.get(name, "it was not worked out"))
            rows.append((escape(words), NONE, f'<span class="muted">none: {reason}</span>'))
            continue
        if name == "sharpe" and figures.get("sharpe_low") is not None:
            reads = f"95 % interval {number(figures['sharpe_low'])} to {number(figures['sharpe_high'])}"
        rows.append((escape(words), f"<b>{escape(shown(value))}</b>", f'<span class="muted">{escape(reads)}</span>'))
    of = f"{number(figures.get('trials'), 0)} trials of its family, {number(figures.get('bars'), 0)} bars"
    head = f'<p class="muted small wrap">{escape(" · ".join(filter(None, (about, of))))}</p>'
    table = parts.table(("What is asked", "Answer", "How to read it"), rows)
    notes = figures.get("notes") or ()
    return head + table + (parts.alert("muted", "To know:", "", notes) if notes else "")


def recorded_charts(run: RunRecord, drawn: Mapping[str, Any], judged: RunRecord | None) -> list[Any]:
    """Plots of a recorded judgement: of the random outcomes that were kept, those whose real one is on file too."""
    found, figures = [], run.metrics
    original = _original(run, drawn, judged)
    finite = np.asarray(drawn.get("permuted", ()), float)
    finite = finite[np.isfinite(finite)]
    if len(finite) and original is not None:
        title = f"{figures['metric']} on bars in random order, p = {number(figures.get('permutation_p'), 3)}"
        found.append(histogram(finite, original, title, str(figures["metric"]), "on the real bars"))
    if len(drawn.get("logits", ())):
        title = f"Rank out of sample of the set chosen in sample: at or below the middle in {figures['pbo']:.0%}"
        found.append(histogram(drawn["logits"], 0.0, title, "logit of the relative rank", "the middle"))
    if len(drawn.get("drawdowns", ())) and "drawdown" in drawn:
        title, real = "Deepest drawdown of the same trades in random orders", float(drawn["drawdown"]) * 100
        found.append(histogram(drawn["drawdowns"] * 100, real, title, "drawdown (%)", "in the real order"))
    return found


def _original(run: RunRecord, drawn: Mapping[str, Any], judged: RunRecord | None) -> float | None:
    """The figure on the real bars, where it is on file."""
    metric, kind = str(run.metrics.get("metric")), run.spec.get("judged")
    if "original" in drawn:
        return float(drawn["original"])
    if judged is not None and kind in ("backtest", "sweep"):
        figures = judged.metrics if kind == "backtest" else judged.metrics.get("best", {})
        value = figures.get(metric)
        return None if value is None else float(value)
    return None
