"""Orders on file: signals, orders with their history, fills; the repository of paper and live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Select, bindparam, not_, select, true, update

from workbench.errors import UnknownName
from workbench.model import FINAL, Booking, Fill, Order, OrderState, Signal, from_json, iso, to_json
from workbench.ports import MANUAL, Fence, Verdict
from workbench.store import signal_tables as s
from workbench.store import trading_tables as t
from workbench.store.books import keep_booking, read_books
from workbench.store.fence import read_fence
from workbench.store.insert import insert_new
from workbench.store.journal import lines, write, write_all
from workbench.store.lease import Lease
from workbench.store.permits import sending, values_of, what_forbids
from workbench.store.trading import TradingDatabase, wall

_CHANGING = {"state": "state", "filled": "filled", "level": "level", "reason": "reason", "type": "type", "size": "size",
             "limit": "limit_price", "broker_id": "broker_id"}  # fmt: skip
"""What may change of an order after its intent, and the column it stands in."""
_MINE = t.orders.c.account == bindparam("account")
_BY_ID = select(t.orders).where(t.orders.c.order_id == bindparam("id"))
_BY_CLIENT_ID = select(t.orders).where(_MINE, t.orders.c.client_order_id == bindparam("name"))
_BY_BROKER_ID = select(t.orders).where(_MINE, t.orders.c.broker_id == bindparam("name")).order_by(t.orders.c.seq.desc())
_NEWEST = t.orders.c.seq.desc()
_OPEN = select(t.orders).where(_MINE, not_(t.orders.c.final)).order_by(_NEWEST)
_OPEN_IN = _OPEN.where(t.orders.c.symbol == bindparam("symbol"))
_SINCE = select(t.orders).where(_MINE, t.orders.c.created_at >= bindparam("at")).order_by(_NEWEST)
_NAMED = (s.signals.c.source == bindparam("of")) & (s.signals.c.key == bindparam("named"))
_TAKE_ALERT = update(s.signals).where(_NAMED, s.signals.c.signal.is_(None), s.signals.c.status == "received")
_SETTLE = update(s.signals).where(_NAMED)
_STATE_OF = select(t.orders.c.state).where(t.orders.c.order_id == bindparam("id"))
_CHANGE = update(t.orders).where(t.orders.c.order_id == bindparam("id"))
_CHANGE_FROM = _CHANGE.where(t.orders.c.state == bindparam("before"))
_IDS_PER_QUERY = 500  # databases limit the variables of a statement
_UNSETTLED = (OrderState.UNKNOWN, OrderState.QUARANTINED)


class SqlOrderRepository:
    """Implements `workbench.ports.OrderRepository` in the trading database.

    `lease` is the engine's: without it nothing is authorised. Every change of an order stands in the journal.
    """

    def __init__(self, database: TradingDatabase, lease: Lease) -> None:
        self._database, self._lease = database, lease

    def transaction(self) -> AbstractContextManager[None]:
        return cast("AbstractContextManager[None]", self._database.transaction())

    # ---- signals -----------------------------------------------------------------------------------------------------

    def add_signal(self, signal: Signal) -> bool:
        doc = to_json(signal)
        with self._database.transaction() as connection:
            row = {
                "signal_id": signal.signal_id,
                "source": signal.source,
                "key": signal.key,
                "strategy": signal.strategy,
                "status": "received",
                "reason": "",
                "received_at": wall(),
                "epoch": self.fence().epoch,
                "meaning": "",
                "signal": doc,
            }
            is_new = connection.execute(insert_new(connection, s.signals), row).rowcount == 1
            if not is_new:  # an alert in the inbox, that nobody acted on so far
                alert = {"of": signal.source, "named": signal.key, "signal": doc}
                is_new = connection.execute(_TAKE_ALERT, alert).rowcount == 1
            if is_new:
                write(
                    connection, "signal", signal.signal_id, signal.available_at,
                    symbol=signal.symbol, action=signal.action, direction=signal.direction, key=signal.key,
                )  # fmt: skip
            return is_new

    def settle_signal(self, signal: Signal, status: str, reason: str, at: datetime) -> None:
        with self._database.transaction() as connection:
            settled = {"status": status, "reason": reason, "settled_at": wall()}
            connection.execute(_SETTLE, settled | {"of": signal.source, "named": signal.key})
            if status in ("ignored", "refused"):
                write(connection, status, signal.signal_id, at, reason=reason)

    def signals(self) -> Sequence[Signal]:
        query = select(s.signals.c.signal).where(s.signals.c.signal.is_not(None)).order_by(s.signals.c.seq)
        with self._database.reading() as connection:
            return [from_json(Signal, doc) for doc in connection.scalars(query)]

    # ---- orders ------------------------------------------------------------------------------------------------------

    def add_order(self, order: Order, verdicts: Sequence[Verdict], at: datetime, event: str = "") -> None:
        with self._database.transaction() as connection:
            row = {
                name: getattr(order, name)
                for name in (
                    "order_id", "signal_id", "client_order_id", "parent_id", "strategy", "account", "symbol",
                    "reduce_only", "flattens", "created_at", "epoch",
                )
            }  # fmt: skip
            row |= {
                "intent": {k: v for k, v in to_json(order).items() if k not in _CHANGING and k != "expires_at"},
                "verdicts": [_verdict_doc(v) for v in verdicts],
            }
            connection.execute(t.orders.insert(), row | _changing(order))
            made = {
                "state": OrderState.RECEIVED if event else order.state, "side": order.side, "symbol": order.symbol,
                "size": str(order.size), "type": order.type, "signal": order.signal_id,
                "reason": "" if event else order.reason,
                "verdicts": "; ".join(f"{v.rule} {v.decision} {v.reason}".strip() for v in verdicts),
            }  # fmt: skip
            write_all(
                connection, "order", order.order_id, at, [made, _change(order, event, "received")][: 1 + bool(event)]
            )

    def change_order(self, order: Order, event: str, at: datetime, before: str = "") -> None:
        with self._database.transaction() as connection:
            values = {"id": order.order_id} | _changing(order)
            is_as_known = before and connection.execute(_CHANGE_FROM, values | {"before": str(before)}).rowcount == 1
            if not is_as_known:
                found = connection.scalar(_STATE_OF, {"id": order.order_id})
                if found is None:
                    raise UnknownName("order", order.order_id, ())
                before = found
                connection.execute(_CHANGE, values)
            write_all(connection, "order", order.order_id, at, [_change(order, event, before)])

    def authorise(self, order: Order, at: datetime) -> str:
        now = wall()
        with self._database.transaction() as connection:
            statement = sending(reduces=order.reduce_only, by_hand=order.strategy == MANUAL)
            held = self._lease.held(now)
            if connection.execute(statement, values_of(order, at) | held).rowcount != 1:
                return what_forbids(connection, order, held)
            write(
                connection, "order", order.order_id, at,
                event="authorise", before=OrderState.READY, state=OrderState.SENDING, filled=str(order.filled),
                reason=order.reason,
            )  # fmt: skip
            return ""

    def order(self, order_id: str) -> Order:
        with self._database.reading() as connection:
            row = connection.execute(_BY_ID, {"id": order_id}).one_or_none()
        if row is None:
            raise UnknownName("order", order_id, ())
        return _order(row)

    def find(self, account: str, client_order_id: str = "", broker_id: str = "") -> Order | None:
        with self._database.reading() as connection:
            for query, name in ((_BY_CLIENT_ID, client_order_id), (_BY_BROKER_ID, broker_id)):
                row = connection.execute(query, {"account": account, "name": name}).first() if name else None
                if row is not None:
                    return _order(row)
        return None

    def pieces_of(self, order: Order) -> Sequence[Order]:
        return self._orders(t.orders.c.parent_id == order.order_id)

    def open_orders(self, account: str, symbol: str | None = None) -> Sequence[Order]:
        if symbol is None:
            return self._read(_OPEN, account=account)
        return self._read(_OPEN_IN, account=account, symbol=symbol)

    def orders_of(self, signal: Signal) -> Sequence[Order]:
        kept = select(s.signals.c.signal_id).where(s.signals.c.source == signal.source, s.signals.c.key == signal.key)
        return self._orders(t.orders.c.signal_id.in_(kept), t.orders.c.parent_id.is_(None))

    def orders_since(self, account: str, at: datetime) -> Sequence[Order]:
        return self._read(_SINCE, account=account, at=at)

    def orders(self, last: int | None = None, account: str | None = None) -> Sequence[Order]:
        return self._orders(true() if account is None else t.orders.c.account == account, last=last)

    def orders_led_to(self, signal_ids: Sequence[str]) -> Sequence[Order]:
        """The orders some signals led to by themselves, children left out, oldest first."""
        found: list[Order] = []
        for start in range(0, len(signal_ids), _IDS_PER_QUERY):
            some = t.orders.c.signal_id.in_(signal_ids[start : start + _IDS_PER_QUERY])
            found += self._orders(some, t.orders.c.parent_id.is_(None))
        return found

    def _orders(self, *conditions: ColumnElement[bool], last: int | None = None) -> list[Order]:
        return self._read(select(t.orders).where(*conditions).order_by(t.orders.c.seq.desc()).limit(last))

    def _read(self, query: Select[Any], **values: object) -> list[Order]:
        """Orders of a query that asks for the newest first, oldest first."""
        with self._database.reading() as connection:
            return [_order(row) for row in reversed(connection.execute(query, values).all())]

    # ---- fills, days, the fence, the journal -------------------------------------------------------------------------

    def add_fill(self, fill: Fill) -> bool:
        row = {"account": fill.account, "fill_id": fill.fill_id, "order_id": fill.order_id, "fill": to_json(fill)}
        with self._database.transaction() as connection:
            if connection.execute(insert_new(connection, t.fills), row).rowcount != 1:
                return False
            write(
                connection, "fill", fill.order_id, fill.time,
                symbol=fill.symbol, side=fill.side, size=str(fill.size), price=str(fill.price), fee=str(fill.fee),
                cause=fill.cause,
            )  # fmt: skip
            return True

    def fills(self, account: str | None = None, last: int | None = None) -> Sequence[Fill]:
        query = select(t.fills.c.fill).order_by(t.fills.c.seq.desc()).limit(last)
        if account is not None:
            query = query.where(t.fills.c.account == account)
        with self._database.reading() as connection:
            return [from_json(Fill, doc) for doc in reversed(connection.scalars(query).all())]

    def add_booking(self, booking: Booking) -> bool:
        with self._database.transaction() as connection:
            return keep_booking(connection, booking)

    def books(self, account: str) -> Sequence[Fill | Booking]:
        with self._database.reading() as connection:
            return read_books(connection, account)

    def open_day(self, account: str, day: date, equity: Decimal) -> Decimal:
        with self._database.transaction() as connection:
            row = {"account": account, "day": day, "equity": f"{equity:f}"}
            connection.execute(insert_new(connection, t.days), row)
            query = select(t.days.c.equity).where(t.days.c.account == account, t.days.c.day == day)
            return Decimal(connection.execute(query).scalar_one())

    def fence(self) -> Fence:
        with self._database.reading() as connection:
            return self._database.once("fence", lambda: read_fence(connection))

    def note(self, kind: str, subject: str, at: datetime, **facts: str) -> None:
        with self._database.transaction() as connection:
            write(connection, kind, subject, at, **facts)

    def journal_of(self, kind: str, subjects: Sequence[str]) -> Sequence[dict[str, str]]:
        """The journal's lines of one kind on some subjects, oldest first for each."""
        found: list[dict[str, str]] = []
        with self._database.reading() as connection:
            for start in range(0, len(subjects), _IDS_PER_QUERY):
                found += lines(connection, kind=kind, subjects=subjects[start : start + _IDS_PER_QUERY])
        return found

    def journal(self) -> Sequence[Mapping[str, str]]:
        with self._database.reading() as connection:
            return lines(connection)


def _change(order: Order, event: str, before: str) -> dict[str, str]:
    """A change of an order, as the journal has it."""
    return {
        "event": event, "before": before, "state": order.state, "filled": str(order.filled), "reason": order.reason,
    }  # fmt: skip


def _changing(order: Order) -> dict[str, Any]:
    return {
        "state": order.state.value,
        "filled": f"{order.filled:f}",
        "level": None if order.level is None else f"{order.level:f}",
        "reason": order.reason,
        "final": order.state in FINAL,
        "type": order.type.value,
        "size": f"{order.size:f}",
        "limit_price": None if order.limit is None else f"{order.limit:f}",
        "broker_id": order.broker_id,
        "expires_at": order.expires_at,
    }


def _order(row: Row[Any]) -> Order:
    now = {name: getattr(row, column) for name, column in _CHANGING.items()}
    if row.type is None:  # from before these could change: the intent has them
        now = {name: value for name, value in now.items() if value is not None or name not in row.intent}
        now["broker_id"] = ""
    now["expires_at"] = None if row.expires_at is None else iso(row.expires_at)
    return from_json(Order, row.intent | now)


def _verdict_doc(verdict: Verdict) -> dict[str, Any]:
    size = None if verdict.size is None else f"{verdict.size:f}"
    return {
        "rule": verdict.rule, "decision": verdict.decision, "reason": verdict.reason, "size": size,
        "figures": dict(verdict.figures),
    }  # fmt: skip
