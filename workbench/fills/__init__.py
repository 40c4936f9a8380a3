"""The rule for fills: a compiled kernel and its bar-by-bar twin. The table is in docs/fills.md.

The kernel is imported on first use: it brings numba, which the shell and the paper broker do without.
"""

from workbench.fills.bybar import Levels, affordable, open_price, order_fee, price_units, whole_lots
from workbench.fills.charges import Charge, CostModel
from workbench.fills.costs import Costs, percent_of_rate, rate_of_percent
from workbench.fills.slippage import Slippage
from workbench.fills.terms import Terms

__all__ = [
    "Charge",
    "CostModel",
    "Costs",
    "Levels",
    "Slippage",
    "Terms",
    "affordable",
    "open_price",
    "order_fee",
    "percent_of_rate",
    "price_units",
    "rate_of_percent",
    "whole_lots",
]
