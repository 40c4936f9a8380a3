"""Search log: what a search that learns from its trials has seen, so that it can be taken up again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, func, select

from workbench.store import tables
from workbench.store.json_value import json_value


class SqlSearchLog:
    """Implements `workbench.ports.SearchLog` in the research database; only ever appended.

    Processes may share a study: entries are numbered by the transaction that writes them.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = engine.execution_options(sqlite_begin="DEFERRED")

    def read(self, study: str, first: int) -> Sequence[dict[str, Any]]:
        """The entries of a study from a number on, in their order."""
        table = tables.search_log
        query = select(table.c.entry).where(table.c.study == study, table.c.number >= first).order_by(table.c.number)
        with self._reader.connect() as connection:
            return [dict(entry) for entry in connection.scalars(query)]

    def append(self, study: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Add entries to a study, all or nothing."""
        table = tables.search_log
        with self._engine.begin() as connection:
            last = connection.scalar(select(func.max(table.c.number)).where(table.c.study == study))
            start = 0 if last is None else last + 1
            rows = [
                {"study": study, "number": start + i, "entry": json_value("entry", entry)}
                for i, entry in enumerate(entries)
            ]
            if rows:
                connection.execute(table.insert(), rows)
