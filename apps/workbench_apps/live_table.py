"""A live table: a Tabulator whose rows change under the reader without losing what is selected."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from workbench_apps import parts
from workbench_apps.parts import ui

BUILDING = 5.0
"""Seconds a new table is left alone while the browser builds it; what came meanwhile is in the next rows."""

ECHO = 1.5
"""Seconds after rows were replaced in which the browser may still tell of what was selected among the old ones."""


class LiveTable:
    """Shows frames with a column `key`; cells are changed in place, and a selected row stays selected where it goes."""

    def __init__(
        self,
        titles: Mapping[str, str],
        nothing: str,
        *,
        chosen: Callable[[str | None], None] | None = None,
        right: tuple[str, ...] = (),
        most: int = 330,
        **options: Any,
    ) -> None:
        self._rows = pd.DataFrame(columns=["key", *titles], dtype=object)
        self._chosen, self._key, self._updating = chosen, None, False
        self._mounted = 0.0
        self._before: tuple[list[int], float] = [], 0.0
        self._grid = parts.grid_of(
            self._rows,
            dict(titles),
            selectable=1 if chosen else False,
            text_align=dict.fromkeys(right, "right"),
            configuration={"columnDefaults": {"headerSortTristate": True, "tooltip": True}, "placeholder": nothing},
            **options,
        )
        self._nothing = parts.html(parts.empty(nothing))
        self._most, self._filters = most, "header_filters" in options
        if chosen:
            self._grid.param.watch(lambda _: self._select(), "selection")
        self.layout = ui.Column(self._nothing, sizing_mode="stretch_width", margin=0)

    _key: str | None

    def show(self, rows: pd.DataFrame) -> None:
        """Show these rows; nothing is sent where nothing changed."""
        before = self._rows
        if rows.equals(before) or 0 < time.monotonic() - self._mounted < BUILDING:
            return
        self._rows = rows
        self._updating = True
        try:
            if len(rows) and list(rows["key"]) == list(before["key"]):
                self._patch(before, rows)
            else:
                self._grid.height = parts.height_for(len(rows), self._most, filters=self._filters)
                self._before = [i for i, key in enumerate(before["key"]) if key == self._key], time.monotonic()
                self._grid.value = rows.copy()
                self._keep_selection()
        finally:
            self._updating = False
        if not self._mounted:  # only now: a table that is made while it cannot be seen measures its header wrong
            self._mounted = time.monotonic()
            self.layout[:] = [self._grid]

    def _patch(self, before: pd.DataFrame, rows: pd.DataFrame) -> None:
        changes = {}
        for name in rows.columns:
            cells = [(i, v) for i, (v, old) in enumerate(zip(rows[name], before[name], strict=True)) if v != old]
            if cells:
                changes[name] = cells
        self._grid.patch(changes, as_index=False)

    def _keep_selection(self) -> None:
        keys = list(self._rows["key"])
        wanted = [keys.index(self._key)] if self._key in keys else []
        if list(self._grid.selection) != wanted:
            self._grid.selection = wanted

    def _select(self) -> None:
        if self._updating or self._chosen is None:
            return
        rows = [i for i in self._grid.selection if i < len(self._rows)]
        stale, at = self._before
        if self._key is not None and time.monotonic() - at < ECHO and rows in ([], stale):
            self._updating = True
            try:
                self._keep_selection()
            finally:
                self._updating = False
            return
        self._key = str(self._rows["key"].iloc[rows[-1]]) if rows else None
        self._chosen(self._key)
