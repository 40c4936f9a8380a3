"""Order: an intent to buy or sell, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import Any

from workbench.errors import BadInput
from workbench.model.ids import new_id
from workbench.model.numbers import MONEY_CONTEXT, not_negative, positive
from workbench.model.signal import Direction, Protection
from workbench.model.ticket import AS_IT_COMES, Handling, OrderType, check_prices
from workbench.model.times import utc


class Side(StrEnum):
    """Buy or sell."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell: the sign of the change in position."""
        return 1 if self is Side.BUY else -1


class OrderState(StrEnum):
    """Where an order stands; `workbench.trading.transitions` holds which may follow which."""

    RECEIVED = "received"
    DENIED = "denied"
    AWAITING_APPROVAL = "awaiting_approval"
    HELD = "held"
    READY = "ready"
    SENDING = "sending"
    ACKED = "acked"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCEL_PENDING = "cancel_pending"
    MODIFY_PENDING = "modify_pending"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    EXTERNAL = "external"
    QUARANTINED = "quarantined"


FINAL = frozenset({OrderState.DENIED, OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED})
"""States after which nothing more is expected."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order of one account.

    `size` is in the units of the prices (adjusted units where prices are adjusted) and above 0 from READY on.
    `reduce_only` orders never open or turn a position. `parent_id` names the entry a protective child belongs to;
    those of one `group` cancel each other. `limit` is the worst price it takes, `level` what it waits for (a stop's
    trigger, a target); `handling` says how it is worked. `epoch` is the panic fence's when the order was decided: a
    later panic stops it. `flattens` marks an order that a panic itself sends. `expires_at`, on the session's clock, is
    when it may no longer be sent; None for never. `broker_id` is what the broker calls it, once that is known.
    """

    signal_id: str
    client_order_id: str
    strategy: str
    account: str
    symbol: str
    side: Side
    size: Decimal
    created_at: datetime
    type: OrderType = OrderType.MARKET
    reduce_only: bool = False
    protection: Protection = field(default_factory=Protection)
    parent_id: str | None = None
    group: str | None = None
    limit: Decimal | None = None
    level: Decimal | None = None
    handling: Handling = AS_IT_COMES
    epoch: int = 0
    flattens: bool = False
    expires_at: datetime | None = None
    state: OrderState = OrderState.RECEIVED
    filled: Decimal = Decimal(0)
    reason: str = ""
    broker_id: str = ""
    order_id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        object.__setattr__(self, "created_at", utc("order created_at", self.created_at))
        if self.expires_at is not None:
            object.__setattr__(self, "expires_at", utc("order expires_at", self.expires_at))
        if self.flattens and not self.reduce_only:
            raise BadInput("order flattens", self.flattens, "only a reduce-only order can flatten")
        if self.state in (OrderState.RECEIVED, OrderState.DENIED, OrderState.AWAITING_APPROVAL):
            not_negative("order size", self.size)
        else:
            positive("order size", self.size)
        not_negative("filled size", self.filled)
        if self.filled > self.size:
            raise BadInput("filled size", self.filled, f"is above the order's size {self.size}")
        check_prices("order", self.type, self.limit, self.level)

    def but(self, **changes: Any) -> Order:
        """The order with some of its fields changed; what does not change is not checked again.

        The order path makes a dozen of these of each order, where `dataclasses.replace` took a fifth of its time.
        """
        made = object.__new__(Order)
        for get, put in _SLOTS:
            put(made, get(self))
        for name, value in changes.items():
            if name not in _PUT:
                raise BadInput("order field", name, "there is none of this name")
            _PUT[name](made, value)
        if made.filled > made.size:
            raise BadInput("filled size", made.filled, f"is above the order's size {made.size}")
        return made

    @property
    def remaining(self) -> Decimal:
        """What is not filled yet."""
        with localcontext(MONEY_CONTEXT):
            return self.size - self.filled

    @property
    def protects(self) -> bool:
        """Whether it is a stop, target or trail of a position, one that cancels others."""
        return self.reduce_only and self.group is not None

    @property
    def opens(self) -> Direction | None:
        """The direction an opening order opens, None for a reduce-only one."""
        if self.reduce_only:
            return None
        return Direction.LONG if self.side is Side.BUY else Direction.SHORT


_PUT = {f.name: getattr(Order, f.name).__set__ for f in fields(Order)}
"""The writer of each field, past the guard of a frozen dataclass."""
_SLOTS = tuple((getattr(Order, name).__get__, put) for name, put in _PUT.items())
"""Reader and writer of each field."""
