"""Settling: what a person decides about orders in doubt and about drifts, each with a reason and on record."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from decimal import Decimal, localcontext

from workbench.errors import BadInput, Refused, UnknownName
from workbench.model import (
    FINAL,
    MONEY_CONTEXT,
    Booking,
    BookingKind,
    Fill,
    Order,
    OrderState,
    Side,
    decimal,
    positive,
)
from workbench.ports import DriftBook, Request, Verdict
from workbench.trading.answers import EXTERNAL
from workbench.trading.order_manager import OrderManager
from workbench.trading.transitions import OrderEvent

_NAMES = uuid.UUID("8b7f0b52-1a55-5e43-8f64-0f6a2c4b9d10")
_IN_DOUBT = (OrderState.UNKNOWN, OrderState.QUARANTINED)
_ENDS = {
    OrderState.REJECTED: OrderEvent.REJECT,
    OrderState.CANCELLED: OrderEvent.CANCEL,
    OrderState.EXPIRED: OrderEvent.EXPIRE,
}


class Settling:
    """Matches lost orders with found ones, ends what will never be known, accepts what the broker says it holds."""

    def __init__(self, manager: OrderManager, account: str, drifts: DriftBook) -> None:
        self._manager, self._account, self._drifts = manager, account, drifts

    def match(self, request: Request) -> list[Order]:
        """An UNKNOWN order is the order found at the broker: its fills become the strategy's own.

        Raises Refused where the one is not in doubt, the other not found there, or they are not alike.
        """
        repository, now = self._manager.repository, self._manager.now
        lost = repository.order(str(request.body["order_id"]))
        found = repository.order(str(request.body["external_id"]))
        if lost.state is not OrderState.UNKNOWN:
            raise Refused(f"order {lost.order_id} is {lost.state}, not unknown: there is nothing to match")
        if found.strategy != EXTERNAL or found.account != lost.account or lost.account != self._account:
            raise Refused(f"order {found.order_id} was not found at the broker of account {self._account}")
        if (found.symbol, found.side, found.size) != (lost.symbol, lost.side, lost.size):
            raise Refused(
                f"order {found.order_id} is {found.side} {found.size:f} {found.symbol}, "
                f"not {lost.side} {lost.size:f} {lost.symbol}"
            )
        name, fills = found.broker_id, [f for f in repository.fills(self._account) if f.order_id == found.order_id]
        children: list[Order] = []
        with repository.transaction():
            event = OrderEvent.ACKNOWLEDGE if found.state in FINAL else OrderEvent.CANCEL
            words = f"is order {lost.order_id}, says {request.by}"
            self._manager.step(found.but(broker_id="", reason=words), event)
            lost = self._manager.step(lost.but(broker_id=name, reason=""), OrderEvent.ACKNOWLEDGE)
            for fill in fills:  # out of the one, into the other, at its own price
                back = Side.SELL if fill.side is Side.BUY else Side.BUY
                out = replace(fill, fill_id=f"{fill.fill_id}|out", side=back, fee=Decimal(0), cause="correction")
                into = replace(
                    fill, fill_id=f"{fill.fill_id}|in", order_id=lost.order_id, strategy=lost.strategy, fee=Decimal(0),
                    cause="correction",
                )  # fmt: skip
                _count(self._manager, out)
                _count(self._manager, into)
                with localcontext(MONEY_CONTEXT):
                    lost = lost.but(filled=lost.filled + fill.size)
                whole = lost.filled >= lost.size
                lost = self._manager.step(lost, OrderEvent.FILL_ALL if whole else OrderEvent.FILL_PART)
                children += self._manager.answers.protect(lost, into)
            if found.state in FINAL and lost.state not in FINAL:
                lost = self._manager.step(lost.but(reason=found.reason), _ENDS[found.state])
            repository.note("matched", lost.order_id, now, external=found.order_id, by=request.by)
        for child in children:
            self._manager.send(child)
        self._drifts.resolve(self._account, f"order:{found.order_id}", request.by, f"it is order {lost.order_id}")
        self._unblock(f"order:{found.order_id}")
        return [repository.order(lost.order_id)]

    def rule(self, request: Request) -> list[Order]:
        """An order in doubt is ended: nothing more comes of it, or an order of others was looked at."""
        order = self._manager.repository.order(str(request.body["order_id"]))
        if order.account != self._account:
            raise UnknownName("order", order.order_id, (), f"it is not of account {self._account}")
        reason = str(request.body.get("reason", "")).strip()
        if not reason:
            raise BadInput("reason", "", "is missing", "say what was seen at the broker")
        words = f"{reason} (ruled by {request.by})"
        if order.strategy == EXTERNAL and order.state not in _IN_DOUBT:
            self._manager.repository.note("looked_at", order.order_id, self._manager.now, reason=words)
        elif order.state in _IN_DOUBT:
            order = self._manager.step(order.but(reason=words), OrderEvent.RULE)
        else:
            raise Refused(f"order {order.order_id} is {order.state}, not in doubt")
        self._drifts.resolve(self._account, f"order:{order.order_id}", request.by, reason)
        self._unblock(f"order:{order.order_id}")
        return [order]

    def accept(self, request: Request) -> list[Order]:
        """A drift in a position or in cash is taken over from the broker, as a correction with a reason."""
        about, reason = str(request.body["about"]), str(request.body.get("reason", "")).strip()
        open_now = {d.about: d for d in self._drifts.open(self._account)}
        if about not in open_now:
            raise UnknownName("drift", about, open_now)
        if not reason:
            raise BadInput("reason", "", "is missing", "say what explains the difference")
        made: list[Order] = []
        broker, ledger = self._manager.broker, self._manager.ledger
        if about == "cash":
            with localcontext(MONEY_CONTEXT):
                amount = broker.cash(self._account) - ledger.cash(self._account)
            self.book(
                Booking(
                    self._account,
                    BookingKind.CORRECTION,
                    self._manager.now,
                    amount,
                    reason=reason,
                    by=request.by,
                    booking_id=request.request_id,
                )
            )
        elif about.startswith("position:"):
            symbol = about.partition(":")[2]
            with localcontext(MONEY_CONTEXT):
                theirs = sum((p.size for p in broker.positions() if (p.account, p.symbol) == (self._account, symbol)),
                             Decimal(0))  # fmt: skip
                ours = sum((p.size for p in ledger.positions(self._account) if p.symbol == symbol), Decimal(0))
            price = positive("price", decimal("price", request.body.get("price") or 0))
            words = f"{reason} ({request.by})"
            made = take_over(self._manager, self._account, symbol, theirs - ours, price, words, request.request_id)
        else:
            raise Refused(f"drift {about} is about an order: match it or rule on it")
        self._drifts.resolve(self._account, about, request.by, reason)
        self._unblock(about)
        return made

    def book(self, booking: Booking) -> None:
        """Keep a booking and count it, once."""
        with self._manager.repository.transaction():
            if self._manager.repository.add_booking(booking):
                self._manager.ledger.apply(booking)

    def _unblock(self, about: str) -> None:
        """Let new risk in where no drift is left."""
        open_now = [d for d in self._drifts.open(self._account) if d.about != about]
        self._manager.drifts = {d.symbol: f"drift: {d.words}" for d in open_now}


def take_over(
    manager: OrderManager, account: str, symbol: str, size: Decimal, price: Decimal, reason: str, key: str
) -> list[Order]:
    """Take a (signed) size by which the broker's position differs from the books into them.

    What the broker holds less of is taken from the strategies that hold it, so that none sells it again; the rest is
    others' doing. All is on record as corrections, at one price.
    """
    if size == 0:
        raise Refused(f"position in {symbol}: books and broker agree")
    shares, rest = list[tuple[str, Decimal]](), size
    with localcontext(MONEY_CONTEXT):
        for position in manager.ledger.positions(account):
            if position.symbol == symbol and position.size * rest < 0:
                part = min(position.size.copy_abs(), rest.copy_abs()).copy_sign(rest)
                shares.append((position.strategy, part))
                rest -= part
    if rest:
        shares.append((EXTERNAL, rest))
    made = []
    with manager.repository.transaction():
        for strategy, part in shares:
            order = Order(
                signal_id=EXTERNAL,
                client_order_id=str(uuid.uuid5(_NAMES, json.dumps([account, symbol, strategy, key]))),
                strategy=strategy,
                account=account,
                symbol=symbol,
                side=Side.BUY if part > 0 else Side.SELL,
                size=part.copy_abs(),
                created_at=manager.now,
                reduce_only=strategy != EXTERNAL,
                state=OrderState.EXTERNAL,
                reason=reason,
            )
            manager.repository.add_order(order, [Verdict(EXTERNAL, "allow", reason)], manager.now)
            fill = Fill(
                f"correction|{key}|{strategy}", order.order_id, account, strategy, symbol, order.side, order.size,
                price, Decimal(0), manager.now, "correction",
            )  # fmt: skip
            _count(manager, fill)
            made.append(manager.step(order.but(filled=order.size), OrderEvent.FILL_ALL))
    return made


def _count(manager: OrderManager, fill: Fill) -> None:
    if manager.repository.add_fill(fill):
        manager.ledger.apply(fill)
