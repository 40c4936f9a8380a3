"""Drifts on file, and the last look at each account's broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select, update

from workbench.ports import Drift
from workbench.store import trading_tables as t
from workbench.store.insert import insert_new
from workbench.store.journal import write
from workbench.store.trading import TradingDatabase, wall


class SqlDriftBook:
    """Implements `workbench.ports.DriftBook` in the trading database."""

    def __init__(self, database: TradingDatabase) -> None:
        self._database = database

    def see(self, account: str, about: str, symbol: str, words: str) -> bool:
        now, is_open = wall(), (t.drifts.c.account == account) & (t.drifts.c.about == about)
        is_open &= t.drifts.c.resolved_at.is_(None)
        with self._database.transaction() as connection:
            if connection.execute(update(t.drifts).where(is_open).values(words=words, seen_at=now)).rowcount:
                return False
            row = {
                "account": account, "about": about, "symbol": symbol, "words": words, "first_at": now, "seen_at": now,
                "resolved_by": "", "resolution": "",
            }  # fmt: skip
            connection.execute(t.drifts.insert(), row)
            write(connection, "drift", account, now, reason=words, about=about)
        return True

    def known(self, account: str, about: str) -> bool:
        query = select(t.drifts.c.seq).where(t.drifts.c.account == account, t.drifts.c.about == about).limit(1)
        with self._database.reading() as connection:
            return connection.scalar(query) is not None

    def resolve(self, account: str, about: str, by: str, resolution: str) -> bool:
        now, is_open = wall(), (t.drifts.c.account == account) & (t.drifts.c.about == about)
        is_open &= t.drifts.c.resolved_at.is_(None)
        with self._database.transaction() as connection:
            values = {"resolved_at": now, "resolved_by": by, "resolution": resolution}
            if not connection.execute(update(t.drifts).where(is_open).values(values)).rowcount:
                return False
            write(connection, "drift_resolved", account, now, reason=resolution, about=about, by=by)
        return True

    def open(self, account: str | None = None) -> Sequence[Drift]:
        query = select(t.drifts).where(t.drifts.c.resolved_at.is_(None)).order_by(t.drifts.c.seq)
        if account is not None:
            query = query.where(t.drifts.c.account == account)
        with self._database.reading() as connection:
            return [_drift(row) for row in connection.execute(query)]

    def looked(self, account: str, trouble: str, facts: Mapping[str, Any]) -> None:
        row = {"account": account, "at": wall(), "trouble": trouble, "facts": dict(facts)}
        with self._database.transaction() as connection:
            if not connection.execute(update(t.looks).where(t.looks.c.account == account).values(row)).rowcount:
                connection.execute(insert_new(connection, t.looks), row)

    def ruled(self) -> set[str]:
        """Ids of the orders of others that a person has looked at."""
        query = select(t.drifts.c.about).where(t.drifts.c.about.like("order:%"), t.drifts.c.resolved_at.is_not(None))
        with self._database.reading() as connection:
            return {about.partition(":")[2] for about in connection.scalars(query)}

    def looks(self) -> Sequence[Row[Any]]:
        """The last look at each account."""
        with self._database.reading() as connection:
            return connection.execute(select(t.looks).order_by(t.looks.c.account)).all()

    def history(self, last: int | None = None) -> Sequence[Drift]:
        """All drifts, resolved ones too, oldest first."""
        query = select(t.drifts).order_by(t.drifts.c.seq.desc()).limit(last)
        with self._database.reading() as connection:
            return [_drift(row) for row in reversed(connection.execute(query).all())]


def _drift(row: Row[Any]) -> Drift:
    return Drift(**{name: getattr(row, name) for name in Drift.__dataclass_fields__})
