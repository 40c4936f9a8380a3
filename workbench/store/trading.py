"""The trading database: one transaction a thread at a time, joined by everything that writes inside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine

from workbench.store.database import open_database
from workbench.store.migrations import TRADING

T = TypeVar("T")

MOMENT = 0.25
"""Seconds for which other writers make way for an urgent one, at most."""


class TradingDatabase:
    """Connections to one trading database; the books of this package share it, so that they can write together.

    Threads may share it; each has a transaction of its own. What a transaction wrote is on disk when it ends. A writer
    waits for `lock_timeout` seconds for another. SQLite moves its write-ahead log into the database at every thousandth
    page, in a commit (some milliseconds): the log stays short and is written over in place, which makes syncs cheap.
    """

    def __init__(self, url: str | Path, *, lock_timeout: float = 10.0) -> None:
        self.engine: Engine = open_database(url, TRADING, lock_timeout=lock_timeout)
        self._reader = self.engine.execution_options(sqlite_begin="DEFERRED")
        self._own = threading.local()
        self._one_writer = threading.Lock()
        file = self.engine.url.database if self.engine.dialect.name == "sqlite" else None
        self._urgent = None if file is None else Path(f"{file}-urgent")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that writes, or the one this thread is in; kept at the end, undone by an exception."""
        current: Connection | None = getattr(self._own, "connection", None)
        if current is not None:
            yield current
            return
        if getattr(self._own, "is_urgent", False):
            with self._begun() as connection:
                yield connection
            return
        with self._one_writer:  # one of this process at a time asks for SQLite's lock: the others would sleep on it
            self._make_way()
            with self._begun() as connection:
                yield connection

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            self._own.connection, self._own.read = connection, {}
            try:
                yield connection
            finally:
                self._own.connection, self._own.read = None, {}

    def once(self, name: str, read: Callable[[], T]) -> T:
        """What is read the same all through a transaction, read once in it; outside of one each time.

        For what nobody else can change meanwhile on SQLite, and what is asked again in the statement that counts.
        """
        if getattr(self._own, "connection", None) is None:
            return read()
        if name not in self._own.read:
            self._own.read[name] = read()
        found: T = self._own.read[name]
        return found

    @contextmanager
    def urgent(self) -> Iterator[None]:
        """Let this thread's transactions go before those of all others, in this process and in others.

        A writer that meets SQLite's lock sleeps for longer and longer, and among fifty writers may be the last: so the
        others are asked, by a file beside the database, to wait a moment before they begin.
        """
        if self._urgent is not None:
            with suppress(OSError):  # a disk that is full must not keep the transaction itself from being tried
                self._urgent.touch()
        self._own.is_urgent = True
        try:
            yield
        finally:
            self._own.is_urgent = False
            if self._urgent is not None:
                with suppress(OSError):
                    self._urgent.unlink(missing_ok=True)

    def _make_way(self) -> None:
        """Wait for an urgent transaction, for a moment; a file left behind by a crash stops nobody for long."""
        if self._urgent is None:
            return
        until = time.monotonic() + MOMENT
        while time.monotonic() < until:
            try:
                if abs(time.time() - self._urgent.stat().st_mtime) > 2 * MOMENT:  # the clock may have jumped
                    return
            except OSError:
                return
            time.sleep(0.001)

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
