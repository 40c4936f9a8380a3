"""Reconciliation at start-up: what the broker knows, against what is on file. Nothing new is sent until it is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from workbench.model import FINAL, MONEY_CONTEXT, Order, OrderState
from workbench.trading.order_manager import OrderManager
from workbench.trading.transitions import TRANSITIONS, OrderEvent, move

_CLOSED = {OrderState.REJECTED: "rejected", OrderState.CANCELLED: "cancelled", OrderState.EXPIRED: "expired"}
_IN_DOUBT = (OrderState.SENDING, OrderState.CANCEL_PENDING, OrderState.MODIFY_PENDING)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What reconciliation found; `drift` is what it could not explain, in words."""

    fills: int = 0
    settled: int = 0
    sent_again: int = 0
    drift: tuple[str, ...] = ()


def reconcile(manager: OrderManager, account: str) -> Reconciled:
    """Bring an account's orders, fills, positions and cash into line with the broker's, on the broker's evidence.

    Orders that were being sent become UNKNOWN; those the broker has are settled by what it says; those it proves
    never to have had go out again, under the same client order id, where the broker knows those ids. Fills count
    whatever state their order is in. What cannot be explained is returned as drift: then only reductions are sent.
    A query that fails raises: it never means that there is nothing.
    """
    repository, broker = manager.repository, manager.broker
    known_fills = {fill.fill_id for fill in repository.fills(account)}
    to_cancel = []
    for order in repository.open_orders(account):
        if order.state is OrderState.CANCEL_PENDING:
            to_cancel.append(order.order_id)
        if order.state in _IN_DOUBT:
            _move(manager, replace(order, reason="the process ended in the middle"), OrderEvent.LOSE)
    fills = 0
    ours = {o.order_id for o in repository.orders() if o.account == account}
    drift = []
    for fill in sorted(broker.fills(), key=lambda f: f.time):
        if fill.account == account and fill.fill_id not in known_fills:
            if fill.order_id not in ours:
                drift.append(f"fill {fill.fill_id} is of an order that is not ours: {fill.order_id}")
                continue
            manager.on_fill(fill)
            fills += 1
    # asked after the fills: counting one sends the children of its entry
    theirs = {o.order_id: o for o in broker.orders() if o.account == account}
    by_client_id = {o.client_order_id: o for o in theirs.values()}
    ours = {o.order_id for o in repository.orders() if o.account == account}
    settled = 0
    for order in repository.open_orders(account):
        if order.state not in (OrderState.READY, OrderState.RECEIVED, OrderState.AWAITING_APPROVAL):
            settled += _settle(manager, order, theirs.get(order.order_id) or by_client_id.get(order.client_order_id))
    for order_id in to_cancel:  # asked for before, and the broker may never have heard it
        if repository.order(order_id).state not in FINAL:
            manager.cancel(order_id)
    missing = [o for o in theirs if o not in ours]
    drift += [f"order {order_id} is at the broker and not ours" for order_id in missing]
    drift += _books(manager, account)
    for words in drift:
        repository.note("drift", account, manager.now, reason=words)
    waiting = [o for o in repository.open_orders(account) if o.state is OrderState.READY]
    for order in sorted(waiting, key=lambda o: not o.reduce_only):
        if drift and not order.reduce_only:
            _move(manager, replace(order, reason=f"drift: {drift[0]}"), OrderEvent.CANCEL)
        else:
            manager.send(order)
    return Reconciled(fills, settled, len(waiting), tuple(drift))


def _settle(manager: OrderManager, order: Order, theirs: Order | None) -> int:
    """Bring one order to where the broker has it."""
    if theirs is None:
        if order.state is OrderState.UNKNOWN and manager.broker.capabilities.resend in ("dedupes", "searchable"):
            _move(manager, replace(order, reason="proven never to have arrived"), OrderEvent.UNSENT)
            return 1
        if order.state is not OrderState.UNKNOWN and order.state is not OrderState.QUARANTINED:
            _move(manager, replace(order, reason="the broker does not know it any more"), OrderEvent.CONTRADICT)
            return 1
        return 0
    if theirs.level is not None and order.level != theirs.level and order.state not in FINAL:
        order = replace(order, level=theirs.level)
        if order.state is not OrderState.UNKNOWN:
            order = _move(manager, order, OrderEvent.MODIFY)
    if theirs.state in _CLOSED:
        manager.on_closed(order.order_id, _CLOSED[theirs.state], theirs.reason or "ended while we were away")
        return 1
    if order.state is OrderState.UNKNOWN:
        _move(manager, replace(order, reason=""), OrderEvent.FILL_PART if order.filled else OrderEvent.ACKNOWLEDGE)
        return 1
    return 0


def _move(manager: OrderManager, order: Order, event: OrderEvent) -> Order:
    """Move an order where the table allows it, else leave it as it is."""
    return move(manager.repository, order, event, manager.now) if (order.state, event) in TRANSITIONS else order


def _books(manager: OrderManager, account: str) -> list[str]:
    """Where positions or cash differ from the broker's."""
    with localcontext(MONEY_CONTEXT):
        held = {p.symbol: Decimal(0) for p in manager.ledger.positions(account)}
        for position in manager.ledger.positions(account):
            held[position.symbol] += position.size
        listed = {p.symbol: p.size for p in manager.broker.positions() if p.account == account and p.size != 0}
    found = [
        f"position in {symbol}: {held.get(symbol, Decimal(0))} on file, {listed.get(symbol, Decimal(0))} at the broker"
        for symbol in sorted(held.keys() | listed.keys())
        if held.get(symbol, Decimal(0)) != listed.get(symbol, Decimal(0))
    ]
    cash, told = manager.ledger.cash(account), manager.broker.cash(account)
    if cash != told:
        found.append(f"cash: {cash} on file, {told} at the broker")
    return found
