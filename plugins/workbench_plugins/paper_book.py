"""The paper broker's own book on disk: what a real broker would still know after we crashed."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class PaperBook:
    """Documents by (kind, key) in one SQLite file, kept together by `commit`, durable when it returns.

    With no path it keeps nothing, as in a replay.
    """

    def __init__(self, path: Path | None) -> None:
        self._changed: dict[tuple[str, str], Any] = {}
        self._file: sqlite3.Connection | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute("PRAGMA synchronous=FULL")
            self._file.execute(
                "CREATE TABLE IF NOT EXISTS book (kind TEXT, key TEXT, doc TEXT NOT NULL, PRIMARY KEY (kind, key))"
            )

    @property
    def is_kept(self) -> bool:
        """Whether there is a file."""
        return self._file is not None

    def put(self, kind: str, key: str, doc: Any) -> None:
        """Change a document with the next commit; None removes it."""
        if self._file is not None:
            self._changed[kind, key] = doc

    def commit(self) -> None:
        """Keep every change since the last commit, together."""
        if self._file is None or not self._changed:
            return
        self._file.execute("BEGIN IMMEDIATE")
        for (kind, key), doc in self._changed.items():
            if doc is None:
                self._file.execute("DELETE FROM book WHERE kind = ? AND key = ?", (kind, key))
            else:
                self._file.execute(
                    "INSERT INTO book VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET doc = excluded.doc",
                    (kind, key, json.dumps(doc)),
                )
        self._file.execute("COMMIT")
        self._changed.clear()

    def close(self) -> None:
        """Close the file; nothing that was committed is lost."""
        if self._file is not None:
            self._file.close()

    def read(self, kind: str) -> Iterator[tuple[str, Any]]:
        """The documents of a kind, in the order in which they were first kept."""
        if self._file is not None:
            query = "SELECT key, doc FROM book WHERE kind = ? ORDER BY rowid"
            for key, doc in self._file.execute(query, (kind,)).fetchall():
                yield key, json.loads(doc)
