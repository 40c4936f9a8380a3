"""Research: backtest, walk-forward, metrics, reports."""

from workbench.research.backtest import Backtest, backtest, data_dict, data_fingerprint, terms_dict
from workbench.research.grid import combinations, parse_axis
from workbench.research.metrics import CHOOSABLE, Metrics, run_metrics
from workbench.research.portfolio import portfolio_of_fills
from workbench.research.provenance import environment, fingerprint
from workbench.research.spec import DEFAULTS, OPTIONS, RunSpec
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
    "RunSpec",
    "Span",
    "Tape",
    "WalkForward",
    "backtest",
    "combinations",
    "data_dict",
    "data_fingerprint",
    "environment",
    "fingerprint",
    "parse_axis",
    "run_metrics",
    "terms_dict",
    "walk_forward",
]
