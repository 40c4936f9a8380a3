"""Permits: what has to hold in the database at the moment an order is let out, and what stood against it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Update, and_, bindparam, exists, not_, or_, select, true, update

from workbench.errors import LeaseLost
from workbench.model import Order, OrderState, Stage
from workbench.ports import MANUAL
from workbench.store import trading_tables as t
from workbench.store.fence import read_fence
from workbench.store.lease import HELD

_UNSETTLED = (OrderState.UNKNOWN, OrderState.QUARANTINED)


@cache
def sending(*, reduces: bool, by_hand: bool) -> Update:
    """The one statement that lets an order out, where it may go; its values come from `values_of` and `Lease.held`."""
    allowed = and_(
        t.orders.c.order_id == bindparam("id"),
        t.orders.c.state == OrderState.READY.value,
        t.orders.c.epoch == select(t.fence.c.epoch).scalar_subquery(),
        or_(t.orders.c.flattens, not_(select(t.fence.c.halted).scalar_subquery())),
        or_(t.orders.c.expires_at.is_(None), t.orders.c.expires_at > bindparam("at", type_=t.orders.c.expires_at.type)),
        HELD,
        true() if reduces else and_(_stage_trades(by_hand=by_hand), not_(exists().where(*_fate_unknown(_OTHER)))),
    )
    return update(t.orders).where(allowed).values(state=OrderState.SENDING.value)


def values_of(order: Order, at: datetime) -> dict[str, object]:
    """What `sending` asks for of an order, at an instant of the session's clock."""
    asked: dict[str, object] = {"id": order.order_id, "at": at}
    if not order.reduce_only:
        asked |= {"account_": order.account, "symbol_": order.symbol}
        if order.strategy != MANUAL:
            asked["strategy_"] = order.strategy
    return asked


def what_forbids(connection: Connection, order: Order, held: Mapping[str, object]) -> str:
    """What stood against sending, read in the same transaction. Raises LeaseLost."""
    if not connection.scalar(select(HELD), held):
        raise LeaseLost("the lease of the engine is no longer held by this process: nothing more is sent")
    fence = read_fence(connection)
    if fence.epoch != order.epoch or (fence.halted and not order.flattens):
        return f"panic: {fence.reason or 'raised since this order was decided'}"
    where = {"account_": order.account, "symbol_": order.symbol}
    query = select(t.orders.c.order_id, t.orders.c.state).where(*_fate_unknown(t.orders))
    row = None if order.reduce_only else connection.execute(query, where).first()
    if row is not None:
        return f"order {row.order_id} is {row.state}: no new risk until it is settled"
    by_hand = order.strategy == MANUAL
    who = {"account_": order.account} | ({} if by_hand else {"strategy_": order.strategy})
    if not order.reduce_only and not connection.scalar(select(_stage_trades(by_hand=by_hand)), who):
        return f"strategy {order.strategy} is in no stage that trades {order.account}"
    state = connection.scalar(select(t.orders.c.state).where(t.orders.c.order_id == order.order_id))
    return f"the order is {state} or came too late"


def _stage_trades(*, by_hand: bool) -> ColumnElement[bool]:
    """Whether the strategy may take risk in the account; people may with any, and at configured brokers always."""
    staged = exists().where(
        true() if by_hand else t.stages.c.strategy == bindparam("strategy_"),
        t.stages.c.account == bindparam("account_"),
        t.stages.c.stage.in_([stage.value for stage in Stage if stage.trades]),
    )
    if not by_hand:
        return staged
    return or_(staged, exists().where(t.accounts.c.account == bindparam("account_"), t.accounts.c.mode != ""))


_OTHER = t.orders.alias("other")


def _fate_unknown(table: Any) -> tuple[ColumnElement[bool], ...]:
    """Orders of an account and symbol of which nobody knows what became; the one to be sent is READY, and none."""
    return (
        table.c.account == bindparam("account_"),
        table.c.symbol == bindparam("symbol_"),
        not_(table.c.final),
        table.c.state.in_([state.value for state in _UNSETTLED]),
    )
