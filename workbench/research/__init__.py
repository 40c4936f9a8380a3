"""Research: backtest, walk-forward, metrics, reports."""

from workbench.research.backtest import Backtest, backtest, data_dict, data_fingerprint, terms_dict
from workbench.research.cscv import Overfitting, cross_validate, probability_of_backtest_overfitting
from workbench.research.grid import combinations, grid_sets, parse_axis, sampled_sets
from workbench.research.metrics import CHOOSABLE, Metrics, run_metrics
from workbench.research.portfolio import portfolio_of_fills
from workbench.research.provenance import environment, fingerprint
from workbench.research.sharpe import (
    Shape,
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    min_backtest_length,
    min_track_record_length,
    probabilistic_sharpe_ratio,
    shape_of,
    sharpe_confidence_interval,
)
from workbench.research.spec import DEFAULTS, OPTIONS, RunSpec
from workbench.research.sweep import Sweep, sweep
from workbench.research.tape import Tape
from workbench.research.walk import walk_forward
from workbench.research.walkforward import WalkForward
from workbench.research.windows import Span

__all__ = [
    "portfolio_of_fills",
    "CHOOSABLE",
    "DEFAULTS",
    "OPTIONS",
    "Backtest",
    "Metrics",
    "Overfitting",
    "RunSpec",
    "Shape",
    "Span",
    "Sweep",
    "Tape",
    "WalkForward",
    "backtest",
    "combinations",
    "cross_validate",
    "data_dict",
    "data_fingerprint",
    "deflated_sharpe_ratio",
    "environment",
    "expected_maximum_sharpe",
    "fingerprint",
    "grid_sets",
    "min_backtest_length",
    "min_track_record_length",
    "parse_axis",
    "probabilistic_sharpe_ratio",
    "probability_of_backtest_overfitting",
    "run_metrics",
    "sampled_sets",
    "shape_of",
    "sharpe_confidence_interval",
    "sweep",
    "terms_dict",
    "walk_forward",
]
