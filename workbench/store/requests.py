"""Requests on file: what people ask of orders, each once, with what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select, update

from workbench.errors import BadInput, UnknownName
from workbench.model import new_id
from workbench.ports import Request
from workbench.store import trading_tables as t
from workbench.store.fence import read_fence
from workbench.store.insert import insert_new
from workbench.store.journal import write
from workbench.store.trading import TradingDatabase, wall


class SqlRequestBook:
    """Implements `workbench.ports.RequestQueue`, and takes requests in."""

    def __init__(self, database: TradingDatabase) -> None:
        self._database = database

    def keep(self, source: str, key: str, account: str, kind: str, body: Mapping[str, Any], by: str) -> Request:
        """Keep a request, on disk when this returns; a repeat of its key gives the first one as it stands.

        Raises BadInput where the key was used for something else.
        """
        request_id, body = new_id(), json.loads(json.dumps(dict(body)))  # as the file will give it back
        with self._database.transaction() as connection:
            row = {
                "request_id": request_id, "source": source, "key": key, "account": account, "kind": kind,
                "body": body, "by": by, "received_at": wall(), "epoch": read_fence(connection).epoch,
                "status": "received", "reason": "",
            }  # fmt: skip
            if connection.execute(insert_new(connection, t.requests), row).rowcount == 1:
                write(connection, "request", request_id, wall(), request=kind, account=account, by=by)
            found = connection.execute(
                select(t.requests).where(t.requests.c.source == source, t.requests.c.key == key)
            ).one()
        if (found.account, found.kind, found.body) != (account, kind, body):
            raise BadInput("key", key, "was used for another request", "give each request a key of its own")
        return _request(found)

    def get(self, request_id: str) -> Request:
        """A request as it stands. Raises UnknownName."""
        with self._database.reading() as connection:
            row = connection.execute(select(t.requests).where(t.requests.c.request_id == request_id)).one_or_none()
        if row is None:
            raise UnknownName("request", request_id, ())
        return _request(row)

    def waiting(self, limit: int = 100) -> Sequence[Request]:
        query = select(t.requests).where(t.requests.c.status == "received").order_by(t.requests.c.seq).limit(limit)
        with self._database.reading() as connection:
            return [_request(row) for row in connection.execute(query)]

    def settle(self, request_id: str, status: str, reason: str, answer: Mapping[str, Any]) -> None:
        mine = (t.requests.c.request_id == request_id) & (t.requests.c.status == "received")
        values = {"status": status, "reason": reason, "answer": dict(answer), "settled_at": wall()}
        with self._database.transaction() as connection:
            if connection.execute(update(t.requests).where(mine).values(values)).rowcount:
                write(connection, "request_settled", request_id, wall(), status=status, reason=reason)

    def all(self, last: int | None = None) -> Sequence[Request]:
        """Requests, oldest first, at most the `last` ones."""
        query = select(t.requests).order_by(t.requests.c.seq.desc()).limit(last)
        with self._database.reading() as connection:
            return [_request(row) for row in reversed(connection.execute(query).all())]


def _request(row: Row[Any]) -> Request:
    return Request(**{name: getattr(row, name) for name in Request.__dataclass_fields__})
