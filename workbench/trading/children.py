"""Children: the one-cancels-other orders that protect an entry."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from workbench.fills import Levels
from workbench.model import Fill, Instrument, Order, OrderType, Protection, Side, Signal

_CLIENT_IDS = uuid.UUID("6f1d7f3e-8c0f-5d2b-9a57-3f0a5b8e2c11")


def client_order_id(signal: Signal, leg: str, attempt: int = 1) -> str:
    """The id an order carries to the broker: the same for the same signal, account, leg and attempt, for ever."""
    return str(uuid.uuid5(_CLIENT_IDS, json.dumps([signal.source, signal.key, signal.account, leg, attempt])))


def children_of(entry: Order, fill: Fill, instrument: Instrument, at: datetime) -> Iterator[Order]:
    """The stop, target and trail of a piece of an entry, with levels from its fill price (row 7)."""
    levels = Levels.from_fill(entry.side, fill.price, entry.protection, instrument)
    trail = replace(levels, stop=None).stop_now(instrument)
    wanted = (
        (OrderType.STOP, levels.stop, Protection()),
        (OrderType.TARGET, levels.target, Protection()),
        (OrderType.TRAILING_STOP, trail and trail[0], Protection(trail=entry.protection.trail)),
    )
    for kind, level, protection in wanted:
        if level is None or level <= 0:
            continue
        yield Order(
            signal_id=entry.signal_id,
            client_order_id=str(uuid.uuid5(_CLIENT_IDS, json.dumps([entry.client_order_id, kind, fill.fill_id]))),
            strategy=entry.strategy,
            account=entry.account,
            symbol=entry.symbol,
            side=Side.SELL if entry.side is Side.BUY else Side.BUY,
            size=fill.size,
            created_at=at,
            type=kind,
            reduce_only=True,
            parent_id=entry.order_id,
            group=fill.fill_id,
            level=level,
            protection=protection,
        )
