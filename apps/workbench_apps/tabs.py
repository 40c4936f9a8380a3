"""Tabs: what is behind one is asked for when it is first opened, and is not there while another one is open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workbench_apps.parts import ui


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Tab:
    """A title, what is behind it, and what to do when it is opened for the first time."""

    title: str
    layout: Any
    opened: Callable[[], None] = _nothing


class LazyTabs:
    """Tabs as high as the one that is open; plots and tables that cannot be seen would measure themselves wrong."""

    def __init__(self, *tabs: Tab) -> None:
        self._tabs, self._seen = tabs, set[int]()
        for place, tab in enumerate(tabs):
            tab.layout.visible = place == 0
        self.layout = ui.Tabs(*((tab.title, tab.layout) for tab in tabs), sizing_mode="stretch_width", margin=(8, 0))
        self.layout.param.watch(lambda _: self._open(), "active")

    def start(self) -> None:
        """Open what is on top; again, where what is behind it was not there before."""
        self._open()

    def forget(self, layout: Any) -> None:
        """Ask again for what is behind a tab when it is opened the next time."""
        self._seen -= {place for place, tab in enumerate(self._tabs) if tab.layout is layout}

    def _open(self) -> None:
        active = self.layout.active
        for place, tab in enumerate(self._tabs):
            if tab.layout.visible != (place == active):
                tab.layout.visible = place == active
        if active not in self._seen:
            self._seen.add(active)
            self._tabs[active].opened()
