"""Workbench: write a strategy once, prove it, promote it on evidence, run it with the same code."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.bootstrap import Workbench, open_workbench
    from workbench.errors import BadInput, Refused, WorkbenchError
    from workbench.research import deflated_sharpe_ratio
    from workbench.strategy import Bars, Param, Signals, Strategy, cross_above, cross_below, shift

__version__ = "0.1.0"

_HOMES = {
    "Workbench": "workbench.bootstrap",
    "open_workbench": "workbench.bootstrap",
    "BadInput": "workbench.errors",
    "Refused": "workbench.errors",
    "WorkbenchError": "workbench.errors",
    "Bars": "workbench.strategy",
    "Param": "workbench.strategy",
    "Signals": "workbench.strategy",
    "Strategy": "workbench.strategy",
    "cross_above": "workbench.strategy",
    "cross_below": "workbench.strategy",
    "deflated_sharpe_ratio": "workbench.research",
    "shift": "workbench.strategy",
}

__all__ = [
    "BadInput",
    "Bars",
    "Param",
    "Refused",
    "Signals",
    "Strategy",
    "Workbench",
    "WorkbenchError",
    "cross_above",
    "cross_below",
    "deflated_sharpe_ratio",
    "open_workbench",
    "shift",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that the shell starts without numpy and pandas."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
