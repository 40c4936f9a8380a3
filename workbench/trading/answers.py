"""Answers: what a broker reports, counted into the ledger and the orders, whether pushed or found by asking."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from workbench.errors import BadInput
from workbench.fills import whole_lots
from workbench.model import MONEY_CONTEXT, Fill, Instrument, Order, OrderState, OrderType
from workbench.model.ticket import check_prices
from workbench.ports import BrokerOrder, Execution, Verdict
from workbench.trading.children import children_of
from workbench.trading.tickets import waits
from workbench.trading.transitions import AT_BROKER, TRANSITIONS, OrderEvent

if TYPE_CHECKING:
    from workbench.trading.order_manager import OrderManager

EXTERNAL = "external"
"""The strategy that what others did with an account is kept under."""
_ENDS = {
    OrderState.REJECTED: OrderEvent.REJECT,
    OrderState.CANCELLED: OrderEvent.CANCEL,
    OrderState.EXPIRED: OrderEvent.EXPIRE,
}
_IN_DOUBT = (OrderState.SENDING, OrderState.UNKNOWN)
_NAMES = uuid.UUID("c0a2f3c5-6d0e-5f43-8d0b-3f8a9d1a4b77")


class Answers:
    """The listener of one order manager's broker.

    Fills count whatever state their order is in, each once. What cannot be is put before a person as QUARANTINED, and
    never stops the others. An order or fill nobody here asked for is kept as EXTERNAL.
    """

    def __init__(self, manager: OrderManager) -> None:
        self._manager = manager
        self.missing: dict[str, Decimal] = {}
        """How much the broker says has filled of orders of which it told less; the next look asks for the fills."""
        self.adopted: set[str] = set()
        """Ids of orders of others found since the last look."""

    # ---- where an order stands ---------------------------------------------------------------------------------------

    def on_order(self, report: BrokerOrder) -> None:
        """Bring one order to where the broker has it; an order that is not ours is kept as EXTERNAL."""
        manager = self._manager
        with manager.lock:
            order = self.known(report.account, report.client_order_id, report.broker_id) or self._adopt(report)
            if report.filled is not None and report.filled > order.filled and order.state is not OrderState.QUARANTINED:
                self.missing[order.order_id] = report.filled
            for event, changed in self._events(order, report):
                self._report(changed, event)
                order = manager.repository.order(order.order_id)

    def known(self, account: str, client_order_id: str, broker_id: str) -> Order | None:
        """The order a report is about; of others' too, also where the broker names them by a client id alone."""
        found = self._manager.repository.find(account, client_order_id, broker_id)
        return found or self._manager.repository.find(account, "", client_order_id if not broker_id else "")

    def _events(self, order: Order, report: BrokerOrder) -> Iterator[tuple[OrderEvent, Order]]:
        """What a report says that is new: where the order ended, else its values, else that the broker has it."""
        named = order.but(broker_id=report.broker_id or order.broker_id)
        ended = _ENDS.get(report.state)
        if ended is not None:
            gone = (OrderState.CANCELLED, OrderState.EXPIRED)
            if order.state is not report.state and not (order.state in gone and report.state in gone):
                yield ended, named.but(reason=report.reason or f"{report.state} by the broker")
        elif order.state in _IN_DOUBT:
            event = OrderEvent.FILL_PART if order.filled else OrderEvent.ACKNOWLEDGE
            yield event, replace(self._changed(named, report) or named, reason="")
        elif order.state is OrderState.READY:
            yield OrderEvent.CONTRADICT, named.but(reason="the broker has it, and it was said not to have left")
        elif order.signal_id == EXTERNAL and report.state is OrderState.FILLED and order.filled >= report.size:
            if order.state is not OrderState.FILLED:
                yield OrderEvent.FILL_ALL, named.but(size=order.filled)
        elif order.state in AT_BROKER:
            changed = self._changed(named, report)
            if changed is not None:
                part = order.state is OrderState.MODIFY_PENDING and order.filled
                yield OrderEvent.MODIFY_PARTIAL if part else OrderEvent.MODIFY, changed
            elif named.broker_id != order.broker_id:
                yield OrderEvent.ACKNOWLEDGE, named

    def _changed(self, order: Order, report: BrokerOrder) -> Order | None:
        """The order with the broker's size and prices, where those differ by more than it rounds them."""
        size = self._told(order.size, report.size) if report.size > order.filled else order.size
        limit = order.limit if order.limit is None else self._told(order.limit, report.limit)
        level = order.level if order.level is None else self._told(order.level, report.level)
        if (size, limit, level) == (order.size, order.limit, order.level):
            return None
        return order.but(size=size, limit=limit, level=level)

    def _told(self, ours: Decimal, told: Decimal | None) -> Decimal:
        """A value as the broker tells it; ours where it tells none, or the same as far as it tells it."""
        places = self._manager.broker.capabilities.places
        if told is None or (places is not None and abs(ours - told) <= Decimal(5).scaleb(-places - 1)):
            return ours
        return told

    def _report(self, order: Order, event: OrderEvent) -> None:
        """Move an order by what the broker says; what cannot be is put before a person."""
        manager = self._manager
        if (order.state, event) in TRANSITIONS:
            order = manager.step(order, event)
            if order.parent_id is not None:
                manager.monitor.piece_moved(order)
        elif (order.state, OrderEvent.CONTRADICT) in TRANSITIONS:
            said = f"the broker reports {event} of an order that is {order.state}: {order.reason}".rstrip(": ")
            kept = manager.repository.order(order.order_id)
            manager.step(kept.but(reason=said), OrderEvent.CONTRADICT)
        else:
            manager.repository.note("impossible", order.order_id, manager.now, event=event, state=order.state)

    def _adopt(self, report: BrokerOrder) -> Order:
        """Keep an order that is at the broker and not ours."""
        manager = self._manager
        kind, limit, level = report.type, report.limit, report.level
        try:
            check_prices("order", kind, limit, level)
        except BadInput:  # what it is called there has no counterpart here
            kind, limit, level = OrderType.MARKET, None, None
        name = report.broker_id or report.client_order_id
        held = manager.ledger.position(report.account, report.strategy, report.symbol).size if report.strategy else 0
        reduces = held * report.side.sign < 0  # a broker that squares off closes what a strategy holds
        order = Order(
            signal_id=EXTERNAL,
            client_order_id=str(uuid.uuid5(_NAMES, json.dumps([report.account, name]))),
            strategy=report.strategy if reduces else EXTERNAL,
            reduce_only=reduces,
            account=report.account,
            symbol=report.symbol,
            side=report.side,
            size=report.size,
            created_at=report.at or manager.now,
            type=kind,
            limit=limit,
            level=level,
            state=OrderState.EXTERNAL,
            broker_id=name,
            reason="found at the broker, not ours",
        )
        with manager.repository.transaction():
            manager.repository.add_order(
                order, [Verdict(EXTERNAL, "allow", "found at the broker, not ours")], manager.now
            )
            manager.repository.note("external", order.order_id, manager.now, symbol=order.symbol, broker_id=name)
        if order.strategy == EXTERNAL:
            self.adopted.add(order.order_id)
        return order

    # ---- fills -------------------------------------------------------------------------------------------------------

    def on_fill(self, execution: Execution) -> None:
        """A piece traded: into the ledger, then the order, then its children and siblings. A repeat is nothing."""
        manager = self._manager
        with manager.lock:
            order = self.known(execution.account, execution.client_order_id, execution.broker_id)
            order = order or self._adopt(_order_behind(execution))
            fill = _fill_of(execution, order)
            children: list[Order] = []
            with manager.repository.transaction():
                if not manager.repository.add_fill(fill):
                    return
                manager.now = max(manager.now, fill.time)
                manager.ledger.apply(fill)
                with localcontext(MONEY_CONTEXT):
                    filled = order.filled + fill.size
                if order.state is OrderState.DENIED:  # never decided to be sent: in the books, and for a person to see
                    manager.repository.note("impossible", order.order_id, manager.now, event="fill", state=order.state)
                    return
                contradiction = ""
                if order.state is OrderState.HELD and not order.handling.pieces:
                    contradiction = f"filled {fill.size}, and was never sent"
                elif filled > order.size and order.signal_id != EXTERNAL:
                    contradiction = (
                        f"filled {filled} of {order.size}"  # more than was asked for cannot be ours to explain
                    )
                elif (fill.symbol, fill.side) != (order.symbol, order.side):
                    contradiction = f"filled as {fill.side} {fill.symbol}, asked for {order.side} {order.symbol}"
                if contradiction:
                    manager.step(order.but(reason=contradiction), OrderEvent.CONTRADICT)
                    return
                order = self._count(order, fill, filled)
                if order.parent_id is not None:
                    manager.monitor.piece_moved(order)
                children = self.protect(order, fill)
            if order.filled >= self.missing.get(order.order_id, order.size):
                self.missing.pop(order.order_id, None)
            for child in children:
                manager.send(child)
            if order.reduce_only and not manager.broker.capabilities.protection:
                self._end_siblings(order)

    def _count(self, order: Order, fill: Fill, filled: Decimal) -> Order:
        """Move the order by a fill."""
        manager = self._manager
        with localcontext(MONEY_CONTEXT):
            size = max(order.size, filled)  # an EXTERNAL order known by a fill alone grows with the next one
            is_dust = not order.reduce_only and self._is_dust(size - filled, fill)
        event = OrderEvent.FILL_ALL if filled == size or is_dust else OrderEvent.FILL_PART
        if order.signal_id == EXTERNAL and order.state is OrderState.EXTERNAL:
            event = OrderEvent.FILL_PART  # how large it was is for a report of the order to say
        return manager.step(order.but(size=size, filled=filled), event)

    def _is_dust(self, rest: Decimal, fill: Fill) -> bool:
        """Whether what is left of an order is less than a lot, as where the factor moved since the size was fixed."""
        instrument = self._manager.instruments.get(fill.symbol)
        return instrument is not None and whole_lots(rest, fill.factor, instrument) <= 0

    def protect(self, entry: Order, fill: Fill) -> list[Order]:
        """Keep the children that protect what a fill of an entry opened; the caller sends them once that is kept."""
        manager = self._manager
        if entry.reduce_only or not entry.protection.any:
            return []
        epoch = manager.repository.fence().epoch
        # a contract that cannot be looked up now is protected all the same, off its grid: what is held here needs none
        instrument = manager.instruments.get(entry.symbol, Instrument(entry.symbol))
        made = children_of(entry, fill, instrument, manager.now)
        return [self._child(child.but(epoch=epoch)) for child in made]

    def _child(self, child: Order) -> Order:
        manager = self._manager
        manager.repository.add_order(child, [Verdict("reduce_only", "allow", "protects an entry")], manager.now)
        event = OrderEvent.PARK if waits(child, manager.broker.capabilities) else OrderEvent.PASS
        return manager.step(child, event)

    def _end_siblings(self, order: Order) -> None:
        """Cancel what else protects the position; a broker that holds protection does so itself."""
        manager = self._manager
        flat = manager.ledger.position(order.account, order.strategy, order.symbol).size == 0
        for sibling in manager.repository.open_orders(order.account, order.symbol):
            if not sibling.reduce_only or sibling.strategy != order.strategy or sibling.order_id == order.order_id:
                continue
            if order.parent_id == sibling.order_id or sibling.parent_id == order.order_id:
                continue  # a piece does not end what it is a piece of
            if flat or (order.group is not None and sibling.group == order.group):
                manager.cancel(sibling.order_id)


def _fill_of(execution: Execution, order: Order) -> Fill:
    return Fill(
        fill_id=execution.fill_id,
        order_id=order.order_id,
        account=order.account,
        strategy=order.strategy,
        symbol=execution.symbol,
        side=execution.side,
        size=execution.size,
        price=execution.price,
        fee=execution.fee,
        time=execution.time,
        cause=execution.cause,
        factor=execution.factor,
        currency=execution.currency,
    )


def _order_behind(execution: Execution) -> BrokerOrder:
    """What can be said of an order of which only a fill is known."""
    return BrokerOrder(
        execution.account, execution.symbol, execution.side, execution.size, OrderState.ACKED,
        broker_id=execution.broker_id or execution.client_order_id or execution.fill_id, at=execution.time,
        strategy=execution.strategy,
    )  # fmt: skip
