"""Inbox: alerts on file before they are answered, each once; and the hooks they come through."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.exc import IntegrityError

from workbench.errors import BadInput, UnknownName
from workbench.model import new_id
from workbench.ports import Hook, Kept, Receipt, Waiting
from workbench.store import trading_tables as t
from workbench.store.fence import read_fence
from workbench.store.journal import write
from workbench.store.trading import TradingDatabase, wall

REPEAT_WINDOW = timedelta(seconds=60)
"""How long an alert without an id or a time counts as a repeat of one that means the same."""


class Inbox:
    """Keeps alerts. The server writes and answers from it, the engine takes from it."""

    def __init__(self, database: TradingDatabase) -> None:
        self._database = database

    # ---- hooks -------------------------------------------------------------------------------------------------------

    def create_hook(self, name: str, strategy: str, token: str) -> Hook:
        """Make a door. Raises BadInput where the name is taken."""
        hook = Hook(new_id(), name, strategy, wall())
        row = {"hook_id": hook.hook_id, "name": name, "strategy": strategy, "created_at": hook.created_at}
        with self._database.transaction() as connection:
            try:
                connection.execute(t.hooks.insert(), row | {"token_hash": _hash(token)})
            except IntegrityError:
                raise BadInput(
                    "hook name", name, "is taken", "choose another; a lost token cannot be shown again"
                ) from None
            write(connection, "hook", hook.hook_id, hook.created_at, name=name, strategy=strategy)
        return hook

    def hook(self, token: str) -> Hook | None:
        """The hook of a token; None for one nobody made."""
        query = select(t.hooks).where(t.hooks.c.token_hash == _hash(token), t.hooks.c.revoked_at.is_(None))
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Hook(row.hook_id, row.name, row.strategy, row.created_at)

    def revoke(self, name: str) -> None:
        """Close a door for good: its token is unknown from now on. Raises UnknownName."""
        with self._database.transaction() as connection:
            mine = (t.hooks.c.name == name) & t.hooks.c.revoked_at.is_(None)
            if connection.execute(update(t.hooks).where(mine).values(revoked_at=wall())).rowcount != 1:
                open_now = connection.scalars(select(t.hooks.c.name).where(t.hooks.c.revoked_at.is_(None))).all()
                raise UnknownName("hook", name, open_now)
            write(connection, "hook_revoked", name, wall())

    def hooks(self) -> Sequence[Hook]:
        """Every hook, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(t.hooks).order_by(t.hooks.c.name)).all()
        return [Hook(row.hook_id, row.name, row.strategy, row.created_at) for row in rows]

    # ---- alerts ------------------------------------------------------------------------------------------------------

    def keep(self, receipts: Sequence[Receipt]) -> list[Kept]:
        """Keep alerts in one transaction, in their order: each is on disk when this returns."""
        with self._database.transaction() as connection:
            epoch = read_fence(connection).epoch
            return [_keep(connection, receipt, epoch) for receipt in receipts]

    def waiting(self, limit: int = 100) -> Sequence[Waiting]:
        """Alerts nobody acted on yet, oldest first."""
        table = t.signals
        query = (
            select(table)
            .where(table.c.status == "received", table.c.signal.is_(None))
            .order_by(table.c.seq)
            .limit(limit)
        )
        names = Waiting.__dataclass_fields__
        with self._database.reading() as connection:
            return [Waiting(**{name: getattr(row, name) for name in names}) for row in connection.execute(query)]

    def settle(self, signal_id: str, status: str, reason: str) -> None:
        """Say why an alert is not acted on: refused, or ignored where there is nothing to do."""
        with self._database.transaction() as connection:
            done = connection.execute(
                update(t.signals)
                .where(t.signals.c.signal_id == signal_id, t.signals.c.status == "received")
                .values(status=status, reason=reason, settled_at=wall())
            )
            if done.rowcount:
                write(connection, status, signal_id, wall(), reason=reason)

    def rows(self, last: int | None = None) -> Sequence[Row[Any]]:
        """Signals as they are kept, oldest first, at most the `last` ones."""
        query = select(t.signals).order_by(t.signals.c.seq.desc()).limit(last)
        with self._database.reading() as connection:
            return list(reversed(connection.execute(query).all()))


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _keep(connection: Connection, receipt: Receipt, epoch: int) -> Kept:
    source, now = f"webhook:{receipt.hook.name}", wall()
    table = t.signals
    if receipt.key is None:
        # a repeat only of the newest alert on the ticker: buy, exit, buy within the window are three
        query = select(table).where(table.c.source == source, table.c.received_at > now - REPEAT_WINDOW)
        recent = connection.execute(query.order_by(table.c.seq.desc())).all()
        ticker = receipt.alert.get("ticker")
        newest = next((row for row in recent if (row.alert or {}).get("ticker") == ticker), None)
        found = newest if newest is not None and newest.meaning == receipt.meaning else None
    else:
        found = connection.execute(
            select(table).where(table.c.source == source, table.c.key == receipt.key)
        ).one_or_none()
    if found is not None:
        conflict = "" if found.meaning == receipt.meaning else found.body or ""
        return Kept(found.signal_id, found.status, True, conflict)
    signal_id = new_id()
    row = {
        "signal_id": signal_id,
        "source": source,
        "key": receipt.key or f"{receipt.meaning[:16]}@{now.isoformat()}",
        "strategy": receipt.hook.strategy,
        "status": "received",
        "reason": "",
        "received_at": now,
        "epoch": epoch,
        "meaning": receipt.meaning,
        "body": receipt.body,
        "alert": dict(receipt.alert),
    }
    connection.execute(table.insert(), row)
    return Kept(signal_id, "received")
