"""Strategies: what a quant writes. A class with typed parameters and one causal method over bars."""

from workbench.strategy.bars import Bars
from workbench.strategy.indicators import compile_columns, cross_above, cross_below, shift
from workbench.strategy.load import FILE_MODULES, code_fingerprint, is_file_reference, load_strategy_file, source_of
from workbench.strategy.param import Param
from workbench.strategy.signals import Columns, Signals
from workbench.strategy.strategy import Strategy

__all__ = [
    "FILE_MODULES",
    "Bars",
    "Columns",
    "Param",
    "Signals",
    "Strategy",
    "code_fingerprint",
    "compile_columns",
    "cross_above",
    "cross_below",
    "is_file_reference",
    "load_strategy_file",
    "shift",
    "source_of",
]
