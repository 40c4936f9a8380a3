"""Finding: from what a user calls a strategy to its class, and to where another process finds it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.bootstrap.recording import Chosen
from workbench.errors import PluginFault
from workbench.plugin_manager import PluginManager

if TYPE_CHECKING:
    from workbench.proofs import Locator
    from workbench.strategy import Strategy


def find_strategy(
    plugins: PluginManager, strategy: str | type[Strategy] | Strategy
) -> tuple[str, str, str, type[Strategy]]:
    """Name, reference, trial family and class of a strategy, however it was given."""
    from workbench.strategy import Strategy, is_file_reference, load_strategy_file

    if not isinstance(strategy, str):
        kind = strategy if isinstance(strategy, type) else type(strategy)
        return kind.__name__, kind.__name__, f"notebook:{kind.__qualname__}", kind
    if is_file_reference(strategy):
        kind = load_strategy_file(strategy)
        path = Path(strategy if strategy.endswith(".py") else strategy.rpartition(":")[0]).expanduser().absolute()
        return kind.__name__, f"{path}:{kind.__name__}", f"{path.stem}:{kind.__qualname__}", kind
    kind = plugins.find("strategy", strategy).resolve()
    if not (isinstance(kind, type) and issubclass(kind, Strategy)):
        raise PluginFault(f"strategy {strategy}: its factory is {kind!r}, not a Strategy class")
    return strategy, strategy, strategy, kind


def locator_of(plugins: PluginManager, chosen: Chosen) -> Locator | None:
    """Where another process finds a strategy; None for a class that only this one has."""
    from workbench.proofs import Locator
    from workbench.strategy import is_file_reference

    if chosen.family.startswith("notebook:"):
        return None
    if is_file_reference(chosen.reference):
        return Locator(chosen.reference, is_file=True)
    return Locator(plugins.find("strategy", chosen.reference).factory, is_file=False)
