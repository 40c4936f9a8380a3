"""Sessions on file: accounts, how far each feed was traded, marks and equity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, select, update

from workbench.ports import SessionRow
from workbench.store import trading_tables as t
from workbench.store.insert import insert_new
from workbench.store.journal import write
from workbench.store.trading import TradingDatabase, wall


class SessionBook:
    """How far each session has come, so that a restart goes on from there."""

    def __init__(self, database: TradingDatabase) -> None:
        self._database = database

    def open_account(self, account: str, broker: str, currency: str, cash: Decimal, mode: str = "") -> Decimal:
        """Open an account, unless it is open: the cash it began with. `mode` is for those at configured brokers."""
        with self._database.transaction() as connection:
            row = {
                "account": account, "broker": broker, "currency": currency, "cash": f"{cash:f}", "opened_at": wall(),
                "mode": mode,
            }  # fmt: skip
            if connection.execute(insert_new(connection, t.accounts), row).rowcount == 1:
                facts = {"broker": broker, "currency": currency, "cash": f"{cash:f}", "mode": mode}
                write(connection, "account", account, wall(), **facts)
            query = select(t.accounts.c.cash).where(t.accounts.c.account == account)
            return Decimal(connection.execute(query).scalar_one())

    def accounts(self) -> Sequence[Row[Any]]:
        """Every account: account, broker, currency, cash it began with, opened_at, mode."""
        with self._database.reading() as connection:
            return connection.execute(select(t.accounts).order_by(t.accounts.c.account)).all()

    def begin(self, strategy: str, account: str, feed: Mapping[str, Any]) -> SessionRow:
        """The session of an account, made where there is none; its feed is fixed when it is made.

        Given to another strategy it begins anew.
        """
        with self._database.transaction() as connection:
            row = {
                "strategy": strategy, "account": account, "feed": dict(feed), "state": "starting", "reason": "",
                "bars": 0, "updated_at": wall(),
            }  # fmt: skip
            if connection.execute(insert_new(connection, t.sessions), row).rowcount == 1:
                write(connection, "session", account, wall(), strategy=strategy, event="made")
            mine = t.sessions.c.account == account
            made = connection.execute(select(t.sessions).where(mine)).one()
            if made.strategy != strategy:
                anew = {**row, "bars": made.bars, "cursor": None, "clock": None}
                connection.execute(update(t.sessions).where(mine).values(**anew))
                write(connection, "session", account, wall(), strategy=strategy, before=made.strategy, event="given")
                made = connection.execute(select(t.sessions).where(mine)).one()
        return SessionRow(**made._mapping)

    def all(self) -> Sequence[SessionRow]:
        """Every session, by account."""
        with self._database.reading() as connection:
            rows = connection.execute(select(t.sessions).order_by(t.sessions.c.account)).all()
        return [SessionRow(**row._mapping) for row in rows]

    def traders(self) -> Mapping[str, str]:
        """Who trades each account that has not ended."""
        query = select(t.sessions.c.account, t.sessions.c.strategy).where(t.sessions.c.state != "ended")
        with self._database.reading() as connection:
            return {row.account: row.strategy for row in connection.execute(query)}

    def symbols(self, account: str) -> list[str]:
        """What an account's session trades; empty where it has not begun."""
        with self._database.reading() as connection:
            feed = connection.scalar(select(t.sessions.c.feed).where(t.sessions.c.account == account))
        return list(feed.get("symbols", ())) if feed else []

    def set_symbols(self, account: str, symbols: Sequence[str]) -> None:
        """Say what an account's session trades."""
        mine = t.sessions.c.account == account
        with self._database.transaction() as connection:
            feed = connection.execute(select(t.sessions.c.feed).where(mine)).scalar_one()
            connection.execute(update(t.sessions).where(mine).values(feed={**feed, "symbols": list(symbols)}))

    def place(self, account: str, cursor: datetime, clock: datetime) -> None:
        """Say after which instant a session begins that has not traded any bar."""
        mine = (t.sessions.c.account == account) & t.sessions.c.cursor.is_(None)
        with self._database.transaction() as connection:
            connection.execute(update(t.sessions).where(mine).values(cursor=cursor, clock=clock, updated_at=wall()))

    def set_state(self, account: str, state: str, reason: str = "") -> None:
        """Say that a session runs, is blocked, failed, finished or ended, and why."""
        mine = t.sessions.c.account == account
        with self._database.transaction() as connection:
            row = connection.execute(select(t.sessions).where(mine)).one_or_none()
            if row is None or (row.state, row.reason) == (state, reason):
                return
            values = {"state": state, "reason": reason, "updated_at": wall()}
            connection.execute(update(t.sessions).where(mine).values(**values))
            write(connection, "session", account, wall(), event=state, reason=reason)

    def advance(
        self, account: str, cursor: datetime, clock: datetime, marks: Mapping[str, Decimal], equity: Decimal
    ) -> None:
        """A bar was traded in full: the cursor, the marks at its close and the account's equity, together."""
        with self._database.transaction() as connection:
            connection.execute(
                update(t.sessions)
                .where(t.sessions.c.account == account)
                .values(cursor=cursor, clock=clock, bars=t.sessions.c.bars + 1, updated_at=wall())
            )
            self._mark(connection, account, cursor, clock, marks, equity)

    def keep(self, account: str, at: datetime, marks: Mapping[str, Decimal], equity: Decimal) -> None:
        """Between bars: marks and equity as they stand at a moment, by the session's clock."""
        with self._database.transaction() as connection:
            mine = t.sessions.c.account == account
            connection.execute(update(t.sessions).where(mine).values(clock=at, updated_at=wall()))
            self._mark(connection, account, at, at, marks, equity)

    @staticmethod
    def _mark(
        connection: Connection, account: str, start: datetime, clock: datetime, marks: Mapping[str, Decimal],
        equity: Decimal,
    ) -> None:  # fmt: skip
        for symbol, price in marks.items():
            row = {"account": account, "symbol": symbol, "price": f"{price:f}", "at": clock}
            if connection.execute(insert_new(connection, t.marks), row).rowcount != 1:
                mine = (t.marks.c.account == account) & (t.marks.c.symbol == symbol)
                connection.execute(update(t.marks).where(mine).values(price=row["price"], at=clock))
        closes = {symbol: f"{price:f}" for symbol, price in marks.items()}
        point = {"account": account, "at": start, "equity": f"{equity:f}", "closes": closes}
        connection.execute(insert_new(connection, t.equity), point)

    def marks(self, account: str) -> dict[str, Decimal]:
        """The last mark of every symbol of an account."""
        query = select(t.marks.c.symbol, t.marks.c.price).where(t.marks.c.account == account)
        with self._database.reading() as connection:
            return {row.symbol: Decimal(row.price) for row in connection.execute(query)}

    def equity(self, account: str, last: int | None = None) -> Sequence[tuple[datetime, Decimal]]:
        """Equity after each bar, by the bar's start, oldest first, at most the `last` ones."""
        query = select(t.equity).where(t.equity.c.account == account).order_by(t.equity.c.at.desc()).limit(last)
        with self._database.reading() as connection:
            return [(row.at, Decimal(row.equity)) for row in reversed(connection.execute(query).all())]

    def closes(self, account: str) -> Sequence[tuple[datetime, dict[str, Decimal]]]:
        """The closes an account was marked at, by the bar's start, oldest first."""
        query = select(t.equity.c.at, t.equity.c.closes).where(t.equity.c.account == account).order_by(t.equity.c.at)
        with self._database.reading() as connection:
            return [(row.at, {s: Decimal(c) for s, c in row.closes.items()}) for row in connection.execute(query)]
