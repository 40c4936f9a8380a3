"""Strategies: what a quant writes. A class with typed parameters and one causal method over bars."""

from workbench.strategy.bars import Bars
from workbench.strategy.indicators import cross_above, cross_below, shift
from workbench.strategy.load import code_fingerprint, is_file_reference, load_strategy_file, source_of
from workbench.strategy.param import Param
from workbench.strategy.signals import Columns, Signals
from workbench.strategy.strategy import Strategy

__all__ = [
    "Bars",
    "Columns",
    "Param",
    "Signals",
    "Strategy",
    "code_fingerprint",
    "cross_above",
    "cross_below",
    "is_file_reference",
    "load_strategy_file",
    "shift",
    "source_of",
]
