"""The trading database: one transaction a thread at a time, joined by everything that writes inside it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine

from workbench.store.database import open_database
from workbench.store.migrations import TRADING


class TradingDatabase:
    """Connections to one trading database; the books of this package share it, so that they can write together.

    Threads may share it; each has a transaction of its own. What a transaction wrote is on disk when it ends.
    """

    def __init__(self, url: str | Path) -> None:
        self.engine: Engine = open_database(url, TRADING)
        self._reader = self.engine.execution_options(sqlite_begin="DEFERRED")
        self._own = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that writes, or the one this thread is in; kept at the end, undone by an exception."""
        current: Connection | None = getattr(self._own, "connection", None)
        if current is not None:
            yield current
            return
        with self.engine.begin() as connection:
            self._own.connection = connection
            try:
                yield connection
            finally:
                self._own.connection = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read from: the transaction this thread is in, else a snapshot of its own."""
        current: Connection | None = getattr(self._own, "connection", None)
        if current is not None:
            yield current
            return
        with self._reader.connect() as connection:
            yield connection
            connection.rollback()

    def change_counter(self) -> Callable[[], object]:
        """Something to call that answers differently once anybody committed; cheap enough to be asked all the time."""
        if self.engine.dialect.name != "sqlite":
            return object
        connection = self.engine.raw_connection()
        connection.detach()  # one of its own, kept out of the pool: a connection does not see its own commits

        def changes() -> object:
            cursor = connection.cursor()
            cursor.execute("PRAGMA data_version")
            return cursor.fetchone()

        return changes

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def wall() -> datetime:
    """The wall clock, UTC: what leases, receipts and audit lines are dated by."""
    return datetime.now(UTC)
