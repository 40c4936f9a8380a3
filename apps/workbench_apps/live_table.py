"""A live table: a Tabulator whose rows change under the reader without losing what is selected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from workbench_apps import parts
from workbench_apps.parts import ui


class LiveTable:
    """Shows frames with a column `key`; cells are changed in place, and a chosen row stays chosen where it goes.

    Only a click chooses a row, and a second click lets go of it: what the browser tells of its selection may be of rows
    that were replaced since.
    """

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
        self._grid = parts.grid_of(
            self._rows,
            dict(titles),
            selectable=1 if chosen else False,
            text_align=dict.fromkeys(right, "right"),
            configuration={"columnDefaults": parts.COLUMN_DEFAULTS, "placeholder": nothing},
            **options,
        )
        self._nothing = parts.html(parts.empty(nothing))
        self._most, self._filters = most, "header_filters" in options
        if chosen:
            self._grid.param.watch(lambda _: None if self._updating else self._keep_selection(), "selection")
            self._grid.on_click(self._click)
        self.layout = ui.Column(self._nothing, sizing_mode="stretch_width", margin=0)

    _key: str | None

    def show(self, rows: pd.DataFrame) -> None:
        """Show these rows; nothing is sent where nothing changed."""
        before = self._rows
        if rows.equals(before):
            return
        self._rows = rows
        self._updating = True
        try:
            if len(rows) and list(rows["key"]) == list(before["key"]):
                self._patch(before, rows)
            else:
                self._grid.height = parts.height_for(len(rows), self._most, filters=self._filters)
                self._grid.value = rows.copy()
                self._keep_selection()
        finally:
            self._updating = False
        if self.layout[0] is not self._grid:  # only now: one made while it cannot be seen measures its header wrong
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
            was, self._updating = self._updating, True
            try:
                self._grid.selection = wanted
            finally:
                self._updating = was

    def _click(self, event: Any) -> None:
        if self._chosen is None or event.row >= len(self._rows):
            return
        key = str(self._rows["key"].iloc[event.row])
        self._key = None if key == self._key else key
        self._keep_selection()
        self._chosen(self._key)


def filters(*names: str) -> dict[str, Any]:
    """Filters in the header of these columns."""
    return {name: {"type": "input", "func": "like", "placeholder": "filter"} for name in names}
