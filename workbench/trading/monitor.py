"""Monitor: orders that are kept here until their price, their time or their turn comes, and what keeps exits apart."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from workbench.fills import Levels
from workbench.model import (
    FINAL,
    MONEY_CONTEXT,
    Order,
    OrderState,
    OrderType,
    Side,
    Validity,
    new_id,
)
from workbench.ports import BarBroker, Verdict
from workbench.trading.legs import Legs
from workbench.trading.tickets import HELD, way_of
from workbench.trading.transitions import AT_BROKER, IN_FLIGHT, OrderEvent

if TYPE_CHECKING:
    from workbench.trading.order_manager import OrderManager

_PIECES = uuid.UUID("5d0a9b8e-91a4-5f0c-a0b5-65d2a7f0f9c3")
_DUST = Decimal("1e-9")
"""The share of an order that is no rest: sizes in units of adjusted prices are whole lots only so far."""
_TRIES_AGAIN = timedelta(seconds=1)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=1)
"""How long after a refused exit the next one is tried, twice as long each time."""
_RISES = {OrderType.STOP: Side.BUY, OrderType.STOP_LIMIT: Side.BUY, OrderType.TRAILING_STOP: Side.BUY,
          OrderType.TARGET: Side.SELL, OrderType.LIMIT_IF_TOUCHED: Side.SELL}  # fmt: skip
"""For each type the side whose level is reached by a rise."""


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Where a symbol traded since the last look; a single quote has all three alike.

    For an order younger than `since` (None: none is) only the last price counts: the others may be from before it.
    """

    low: Decimal
    high: Decimal
    last: Decimal
    since: datetime | None = None

    def for_order(self, created_at: datetime) -> PriceRange:
        """What of it an order has seen."""
        if self.since is None or created_at <= self.since:
            return self
        return PriceRange(self.last, self.last, self.last)


class Monitor:
    """Works the orders in state HELD, and clamps exits where the broker does not.

    Everything it knows is on file: it goes on after a restart from the orders alone. A level counts as reached by any
    price of the range that was traded; what it triggers goes to the market, or to its limit.
    """

    def __init__(self, manager: OrderManager) -> None:
        self._manager = manager
        self.legs = Legs(manager)
        self._trades_bars = isinstance(manager.broker, BarBroker)
        self._pauses: dict[tuple[str, str], tuple[datetime, timedelta]] = {}
        """By strategy and symbol: until when a refused exit waits, and how long the next one would."""

    def look(self, account: str, prices: Mapping[str, PriceRange]) -> bool:
        """Move every held order of an account as far as it can go; whether anything moved."""
        manager, moved = self._manager, False
        for order in manager.repository.open_orders(account):
            if order.state is OrderState.HELD:
                moved = self._look_at(order, prices.get(order.symbol)) or moved
            elif order.state is OrderState.READY and manager.now - order.created_at >= _TRIES_AGAIN:
                moved = manager.send(order).state is not OrderState.READY or moved  # not a byte of it left before
            elif order.state in AT_BROKER and self._is_over(order) and order.state is not OrderState.CANCEL_PENDING:
                manager.cancel(order.order_id)
                moved = True
        return self.legs.unwind() or moved

    def _look_at(self, order: Order, price: PriceRange | None) -> bool:
        manager, handling = self._manager, order.handling
        if order.expires_at is not None and manager.now >= order.expires_at:
            manager.step(order.but(reason=f"good till {order.expires_at.isoformat()}"), OrderEvent.EXPIRE)
            return True
        if self._is_over(order):
            manager.step(order.but(reason="good for its day alone"), OrderEvent.EXPIRE)
            return True
        if handling.after_market and manager.hours is not None and manager.hours.is_open(manager.now) is False:
            return False
        if handling.rank and not self.legs.may_go(order):
            return False
        way = way_of(order.type, manager.broker.capabilities, protects=order.protects)
        if order.type in _RISES and (way == HELD or handling.pieces):
            if price is None or self._must_wait(order):
                return False
            return self._try_level(order, price.for_order(order.created_at))
        if handling.pieces:
            return self._next_piece(order)
        _, others, room = self._room(order)
        if order.reduce_only and others and room < order.size and not manager.broker.capabilities.protection:
            under_way = all(o.state in IN_FLIGHT or o.type is OrderType.MARKET for o in others)
            if order.type in _RISES or under_way:  # else a cancel was refused, and is asked for again
                return False
        return self._release(order)

    def _must_wait(self, order: Order) -> bool:
        """Whether a triggered exit would only be refused: the market is closed, or one was refused just now."""
        if not order.reduce_only or self._trades_bars:
            return False
        manager, pause = self._manager, self._pauses.get((order.strategy, order.symbol))
        if pause is not None and manager.now < pause[0]:
            return True
        return manager.hours is not None and manager.hours.is_open(manager.now) is False

    def _hold_again(self, order: Order, refused: Order) -> None:
        """Protection whose exit was refused is held again as it was, and tried again after a pause."""
        manager, key = self._manager, (order.strategy, order.symbol)
        _, pause = self._pauses.get(key, (manager.now, FIRST_PAUSE))
        self._pauses[key] = manager.now + pause, min(2 * pause, LONGEST_PAUSE)
        name = json.dumps([order.client_order_id, "again", manager.now.isoformat()])
        again = order.but(
            order_id=new_id(), client_order_id=str(uuid.uuid5(_PIECES, name)), size=order.remaining, filled=Decimal(0),
            created_at=manager.now, expires_at=None, state=OrderState.RECEIVED, broker_id="",
            reason=f"its exit {refused.order_id} was refused: {refused.reason}",
        )  # fmt: skip
        with manager.repository.transaction():
            manager.repository.add_order(again, [Verdict("reduce_only", "allow", again.reason)], manager.now)
            manager.step(again, OrderEvent.PARK)
            manager.repository.note("alert", order.account, manager.now, reason=again.reason)

    def _is_over(self, order: Order) -> bool:
        """Whether the time for which an order was meant has passed."""
        hours, now, handling = self._manager.hours, self._manager.now, order.handling
        if handling.good_till is not None and now >= handling.good_till:
            return True
        is_held = order.state is OrderState.HELD
        return (
            is_held
            and handling.validity is Validity.DAY
            and hours is not None
            and (hours.day(now) > hours.day(order.created_at))
        )

    # ---- levels ------------------------------------------------------------------------------------------------------

    def _try_level(self, order: Order, price: PriceRange) -> bool:
        assert order.level is not None
        rises = _RISES[order.type] is order.side
        if price.high >= order.level if rises else price.low <= order.level:
            kind = OrderType.LIMIT if order.type.has_limit else OrderType.MARKET
            reached = order.but(type=kind, level=None, reason=f"reached its level {order.level:f}")
            if order.handling.pieces:  # which begin to go at the next look
                self._manager.step(reached, OrderEvent.MODIFY)
                return True
            return self._release(reached, order)
        trail = order.handling.trail or (order.protection.trail if order.protects else None)
        if order.type is OrderType.TRAILING_STOP and trail is not None:
            held = Side.BUY if order.side is Side.SELL else Side.SELL
            best = price.high if held is Side.BUY else price.low
            moved = Levels(held, None, None, trail, best).stop_now(self._manager.instruments[order.symbol])
            if moved is not None and (moved[0] - order.level) * held.sign > 0:  # it never loosens
                self._manager.step(order.but(level=moved[0]), OrderEvent.MODIFY)
                return True
        return False

    def _release(self, order: Order, held: Order | None = None) -> bool:
        """Let an order go as it is; whether it left here. `held` is what it was until its level was reached."""
        manager = self._manager
        ends = None if manager.intent_life is None else manager.now + manager.intent_life
        sent = manager.send(manager.step(order.but(expires_at=ends), OrderEvent.TRIGGER))
        if held is not None and held.protects and sent.state is OrderState.REJECTED and not self._trades_bars:
            self._hold_again(held, sent)
        elif sent.state is not OrderState.REJECTED:
            self._pauses.pop((order.strategy, order.symbol), None)
        return True

    # ---- exits that share a position ---------------------------------------------------------------------------------

    def clamp(self, order: Order) -> Order | None:
        """An order cut to what there is to reduce; None where it has to wait, or nothing is left.

        Orders of one strategy that reduce the same position never add up to more than it at the broker: what rests
        there gives way first, its own group before others and no more than is needed, and this one is kept until that
        is confirmed; what stays held stays protected. A broker that holds protection does all that itself.
        """
        manager = self._manager
        if not order.reduce_only or manager.broker.capabilities.protection:
            return order
        held, others, room = self._room(order)
        if held == 0:
            manager.step(order.but(reason="nothing left to reduce"), OrderEvent.CANCEL)
            return None
        if room >= order.size:
            return order
        if not others:
            return manager.step(order.but(size=held, reason="clamped to the position"), OrderEvent.MODIFY)
        reason = f"waits until order {others[0].order_id} has ended: both would sell the same position"
        manager.step(order.but(expires_at=None, reason=reason), OrderEvent.PARK)
        if order.type in _RISES:
            return None  # one that is to rest pushes nothing out that does
        with localcontext(MONEY_CONTEXT):
            need = min(order.size, held) - room
        resting = [other for other in others if other.type is not OrderType.MARKET]
        for other in sorted(resting, key=lambda o: o.group is None or o.group != order.group):
            if need <= 0:
                break
            with localcontext(MONEY_CONTEXT):
                take = min(other.remaining, need)
                need -= take
            self._give_way(other, take)
        return None

    def _give_way(self, other: Order, take: Decimal) -> None:
        """Take a size off a resting order; what it still has to protect is protected by another, once there is room."""
        manager = self._manager
        with localcontext(MONEY_CONTEXT):
            left = other.remaining - take
        if left > 0 and manager.broker.capabilities.modify:
            with localcontext(MONEY_CONTEXT):
                manager.modify(other.order_id, size=other.size - take)
            return
        if left > 0 and other.protects:
            name = json.dumps([other.client_order_id, "rest", f"{left:f}"])
            rest = other.but(
                order_id=new_id(), client_order_id=str(uuid.uuid5(_PIECES, name)), size=left, filled=Decimal(0),
                created_at=manager.now, expires_at=None, state=OrderState.RECEIVED, broker_id="",
                reason=f"protects what order {other.order_id} no longer does", group=f"{other.group}|rest",
            )  # fmt: skip
            with manager.repository.transaction():
                manager.repository.add_order(rest, [Verdict("reduce_only", "allow", rest.reason)], manager.now)
                manager.step(rest, OrderEvent.PARK)
        manager.cancel(other.order_id)

    def _room(self, order: Order) -> tuple[Decimal, list[Order], Decimal]:
        """What there is to reduce, what else of the strategy may reduce it at the broker, and what that leaves."""
        manager = self._manager
        others = [
            other
            for other in manager.repository.open_orders(order.account, order.symbol)
            if other.order_id != order.order_id
            and other.reduce_only
            and other.strategy == order.strategy
            and other.side is order.side
            and (other.state in AT_BROKER or other.state in IN_FLIGHT)
        ]
        position = manager.ledger.position(order.account, order.strategy, order.symbol).size
        with localcontext(MONEY_CONTEXT):
            held = max(-position * order.side.sign, Decimal(0))
            return held, others, held - sum((other.remaining for other in others), Decimal(0))

    # ---- pieces ------------------------------------------------------------------------------------------------------

    def _next_piece(self, parent: Order) -> bool:
        """Send the next piece of an order once the last one is done and the pause is over."""
        manager, handling = self._manager, parent.handling
        pieces = manager.repository.pieces_of(parent)
        if any(piece.state not in FINAL for piece in pieces):
            return False
        with localcontext(MONEY_CONTEXT):
            filled = sum((piece.filled for piece in pieces if not piece.protects), Decimal(0))
            left = parent.size - filled
            dust = parent.size * _DUST
        if left <= dust:
            return False  # its last piece says so
        if pieces and pieces[-1].state is not OrderState.FILLED:
            last = pieces[-1]
            words = f"piece {len(pieces)} was {last.state}: {last.reason}"
            manager.step(parent.but(reason=words), OrderEvent.CANCEL)
            return True
        if pieces and manager.now < pieces[-1].created_at + timedelta(seconds=float(handling.slice_pause)):
            return False
        assert handling.pieces is not None
        piece = replace(
            parent,
            order_id=new_id(),
            client_order_id=str(uuid.uuid5(_PIECES, json.dumps([parent.client_order_id, len(pieces) + 1]))),
            parent_id=parent.order_id,
            size=left if left <= handling.pieces + dust else handling.pieces,
            filled=Decimal(0),
            created_at=manager.now,
            handling=replace(handling, display=None, slice_size=None, slice_pause=Decimal(0), legs=None, rank=0),
            expires_at=_end(manager.now, manager.intent_life),
            state=OrderState.RECEIVED,
            reason="",
        )
        words = f"piece {len(pieces) + 1} of {parent.order_id}"
        with manager.repository.transaction():
            manager.repository.add_order(piece, [Verdict("pieces", "allow", words)], manager.now)
            piece = manager.step(piece, OrderEvent.PASS)
        manager.send(piece)
        return True

    def piece_moved(self, piece: Order) -> None:
        """Count what a piece filled in the order it is a piece of."""
        manager = self._manager
        assert piece.parent_id is not None
        parent = manager.repository.order(piece.parent_id)
        if not parent.handling.pieces or piece.protects:
            return
        with localcontext(MONEY_CONTEXT):
            filled = sum((p.filled for p in manager.repository.pieces_of(parent) if not p.protects), Decimal(0))
            is_all = parent.size - filled <= parent.size * _DUST
        if filled != parent.filled:
            event = OrderEvent.FILL_ALL if is_all else OrderEvent.FILL_PART
            manager.step(parent.but(filled=filled), event)


def _end(now: datetime, life: timedelta | None) -> datetime | None:
    return None if life is None else now + life
