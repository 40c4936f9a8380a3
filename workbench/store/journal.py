"""The journal on file: what happened, in the order in which it was kept; only ever appended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from workbench.model import iso
from workbench.store import trading_tables as t
from workbench.store.trading import wall

_APPEND = t.journal.insert()


def write(connection: Connection, kind: str, subject: str, at: datetime, **facts: str) -> None:
    """Append a line; `at` is the session's clock, the wall clock is added."""
    write_all(connection, kind, subject, at, [facts])


def write_all(
    connection: Connection, kind: str, subject: str, at: datetime, several: Sequence[Mapping[str, str]]
) -> None:
    """Append lines of one kind on one subject."""
    line = {"at": at, "written_at": wall(), "kind": kind, "subject": subject}
    told = [line | {"facts": {name: str(value) for name, value in facts.items()}} for facts in several]
    connection.execute(_APPEND, told if len(told) > 1 else told[0])


def lines(
    connection: Connection, *, kind: str | None = None, subjects: Sequence[str] | None = None
) -> Sequence[dict[str, str]]:
    """Lines, oldest first: seq, at (session clock), written_at (wall clock), kind, subject and the line's own facts."""
    query = select(t.journal).order_by(t.journal.c.seq)
    if kind is not None:
        query = query.where(t.journal.c.kind == kind)
    if subjects is not None:
        query = query.where(t.journal.c.subject.in_(subjects))
    rows = connection.execute(query).all()
    return [
        {
            "seq": str(row.seq),
            "at": iso(row.at),
            "written_at": iso(row.written_at),
            "kind": row.kind,
            "subject": row.subject,
            **row.facts,
        }
        for row in rows
    ]
