"""Watch: whether anybody wrote to the trading database, asked by every open page; and the pages' reading of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.bootstrap import Workbench
from workbench_apps.parts import ui

if TYPE_CHECKING:
    from workbench_apps.page import Page

EVERY_MS = 700
"""How often the database is asked whether anything changed."""


class Watch:
    """Asks the database cheaply; to be called from the serving thread only."""

    def __init__(self, bench: Workbench) -> None:
        self._changes = bench.trading.database.change_counter()

    def now(self) -> object:
        """Something that differs from what it was before once anybody committed."""
        return self._changes()


class Refresh:
    """Reads for a page in a thread when the database changed, and after `at_least` seconds even so; then shows it."""

    def __init__(
        self, page: Page, watch: Watch, at_least: float, read: Callable[[], Any], show: Callable[[Any], None]
    ) -> None:
        self._page, self._watch, self._at_least, self._read, self._show = page, watch, at_least, read, show
        self._seen, self._read_at, self._reading = object(), 0.0, False

    def start(self) -> None:
        """Read at once, then again whenever the database changed."""
        self.again()
        ui.state.add_periodic_callback(self._tick, period=EVERY_MS)

    def again(self) -> None:
        """Read now, or at the next tick where something is being read already."""
        if self._reading:
            self._seen = object()  # something may have come in between: the next tick reads again
            return
        self._reading, self._read_at = True, time.monotonic()
        self._page.work("refresh", self._read, self._done, failed=self._failed)

    def _tick(self) -> None:
        try:
            changes = self._watch.now()
        except Exception as error:  # noqa: BLE001 - told on the page; the next tick tries again
            self._page.fail(error)
            return
        if changes != self._seen or time.monotonic() - self._read_at > self._at_least:
            self._seen = changes
            self.again()

    def _done(self, found: Any) -> None:
        self._reading = False
        if self._page.notice.visible:
            self._page.say()
        self._show(found)

    def _failed(self, error: BaseException) -> None:
        self._reading = False
        self._page.fail(error)
