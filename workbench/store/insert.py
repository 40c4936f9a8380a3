"""Statements that SQLAlchemy has only by dialect, or takes three times as long for as the driver itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Insert, Table


def insert_new(connection: Connection, table: Table) -> Insert:
    """An insert that passes over rows whose key is there."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_postgresql  # slow to import, and seldom needed

        return insert_postgresql(table).on_conflict_do_nothing()
    from sqlalchemy.dialects.sqlite import insert as insert_sqlite

    return insert_sqlite(table).on_conflict_do_nothing()


def insert_many(connection: Connection, table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows of these columns; values are as the driver wants them: instants in microseconds, JSON as text."""
    if rows:
        mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        connection.exec_driver_sql(_insert(table.name, names, mark), rows[0] if len(rows) == 1 else list(rows))


@lru_cache(maxsize=32)
def _insert(table: str, names: tuple[str, ...], mark: str) -> str:
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join([mark] * len(names))})"


def select_in(
    connection: Connection, columns: str, table: str, where: str, first: Sequence[Any], names: Sequence[str]
) -> Sequence[Any]:
    """Rows whose `where` holds: a text with a ? for each of `first`, and one `IN ?` for the names."""
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    listed = f"({', '.join([mark] * len(names))})"
    text = f"SELECT {columns} FROM {table} WHERE {where.replace('IN ?', 'IN ' + listed).replace('= ?', '= ' + mark)}"
    return connection.exec_driver_sql(text, (*first, *names)).all()
