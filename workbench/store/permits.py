"""Permits: what has to hold in the database at the moment an order is let out, and what stood against it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, not_, or_, select, true

from workbench.errors import LeaseLost
from workbench.model import Order, OrderState, Stage
from workbench.ports import MANUAL
from workbench.store import trading_tables as t
from workbench.store.fence import read_fence

_UNSETTLED = (OrderState.UNKNOWN, OrderState.QUARANTINED)


def may_be_sent(order: Order, at: datetime, lease_held: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition of the one statement that lets an order out."""
    return and_(
        t.orders.c.order_id == order.order_id,
        t.orders.c.state == OrderState.READY.value,
        t.orders.c.epoch == select(t.fence.c.epoch).scalar_subquery(),
        or_(t.orders.c.flattens, not_(select(t.fence.c.halted).scalar_subquery())),
        or_(t.orders.c.expires_at.is_(None), t.orders.c.expires_at > at),
        lease_held,
        true() if order.reduce_only else and_(_stage_trades(order), not_(_unsettled(order))),
    )


def what_forbids(connection: Connection, order: Order, lease_held: ColumnElement[bool]) -> str:
    """What stood against sending, read in the same transaction. Raises LeaseLost."""
    if not connection.scalar(select(lease_held)):
        raise LeaseLost("the lease of the engine is no longer held by this process: nothing more is sent")
    fence = read_fence(connection)
    if fence.epoch != order.epoch or (fence.halted and not order.flattens):
        return f"panic: {fence.reason or 'raised since this order was decided'}"
    query = select(t.orders.c.order_id, t.orders.c.state).where(*_fate_unknown(t.orders, order))
    row = None if order.reduce_only else connection.execute(query).first()
    if row is not None:
        return f"order {row.order_id} is {row.state}: no new risk until it is settled"
    if not order.reduce_only and not connection.scalar(select(_stage_trades(order))):
        return f"strategy {order.strategy} is in no stage that trades {order.account}"
    state = connection.scalar(select(t.orders.c.state).where(t.orders.c.order_id == order.order_id))
    return f"the order is {state} or came too late"


def _stage_trades(order: Order) -> ColumnElement[bool]:
    """Whether the strategy, or for a person's orders any strategy, may take risk in the account."""
    return exists().where(
        true() if order.strategy == MANUAL else t.stages.c.strategy == order.strategy,
        t.stages.c.account == order.account,
        t.stages.c.stage.in_([stage.value for stage in Stage if stage.trades]),
    )


def _unsettled(order: Order) -> ColumnElement[bool]:
    """Whether some order of the same account and symbol has an unknown fate; `order` itself has not."""
    other = t.orders.alias("other")
    return exists(select(other.c.order_id).where(*_fate_unknown(other, order)))


def _fate_unknown(table: Any, order: Order) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.account == order.account,
        table.c.symbol == order.symbol,
        not_(table.c.final),
        table.c.state.in_([state.value for state in _UNSETTLED]),
    )
