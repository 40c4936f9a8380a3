"""Watch: whether anybody wrote to the trading database, asked by every open page."""

from __future__ import annotations

from workbench.bootstrap import Workbench


class Watch:
    """Asks the database cheaply; to be called from the serving thread only."""

    def __init__(self, bench: Workbench) -> None:
        self._changes = bench.trading.database.change_counter()

    def now(self) -> object:
        """Something that differs from what it was before once anybody committed."""
        return self._changes()
