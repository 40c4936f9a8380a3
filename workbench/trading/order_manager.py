"""Order manager: from a signal to orders, and from a broker's reports to the ledger. One path for all that trades."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from workbench.errors import Refused, UnknownName
from workbench.fills import whole_lots
from workbench.model import (
    MONEY_CONTEXT,
    Action,
    Direction,
    Fill,
    Instrument,
    Order,
    OrderState,
    OrderType,
    Signal,
)
from workbench.ports import Broker, OrderRepository, Verdict
from workbench.risk import RiskChain
from workbench.trading.children import children_of
from workbench.trading.facts import Hours
from workbench.trading.intents import Intents
from workbench.trading.ledger import Ledger
from workbench.trading.transitions import FINAL, TRANSITIONS, OrderEvent, move

_NO_RISK = (OrderState.UNKNOWN, OrderState.QUARANTINED)


class OrderManager:
    """Takes signals, asks the risk chain, sends orders to one broker and counts what comes back.

    A repeated signal is answered with the first one's orders. Exits are reduce-only and clamped to the position. The
    protective children of an entry (stop, target, trail) are its one-cancels-other orders, made when it fills.
    A decision and all that follows from it is one transaction; only then is anything sent, once. With `hours` the
    risk chain sees the account's facts; `intent_life` is how long, on the session's clock, a decision may wait to be
    sent. An error while something is written ends this manager's use: its ledger may be ahead of the file.
    """

    def __init__(
        self,
        repository: OrderRepository,
        broker: Broker,
        risk: RiskChain,
        ledger: Ledger,
        instruments: Mapping[str, Instrument],
        start: datetime,
        *,
        hours: Hours | None = None,
        intent_life: timedelta | None = None,
    ) -> None:
        self.repository, self.broker, self.ledger = repository, broker, ledger
        self.instruments = instruments
        self.now = start
        self.hours = hours
        self._intents = Intents(repository, risk, ledger, instruments, hours, intent_life)
        self.blocked = ""
        """Why no entry is taken, as after a drift nobody explained; empty where entries are."""
        self._lock = threading.RLock()
        broker.connect(self)

    # ---- signals in ------------------------------------------------------------------------------------------------

    def handle(self, signal: Signal, *, flattens: bool = False) -> list[Order]:
        """Act on a signal: the orders it led to, denied ones included; none where the position makes it moot.

        Behind a raised panic fence every signal is refused but those that flatten, which are exits of the panic's own.
        Raises UnknownName for a symbol that is not traded here, before anything is kept.
        """
        if signal.symbol not in self.instruments:
            raise UnknownName("symbol", signal.symbol, self.instruments)
        with self._lock:
            self.now = max(self.now, signal.available_at)
            withdrawn: list[str] = []
            with self.repository.transaction():
                if not self.repository.add_signal(signal):
                    return list(self.repository.orders_of(signal))
                fence = self.repository.fence()
                refusal = f"panic: {fence.reason}" if fence.halted and not flattens else ""
                if signal.action is Action.ENTRY and self.blocked:
                    refusal = refusal or self.blocked
                if refusal:
                    self.repository.settle_signal(signal, "refused", refusal, self.now)
                    return []
                if signal.action is Action.EXIT:
                    made, withdrawn, moot = self._exit(signal, flattens)
                else:
                    made, withdrawn, moot = self._enter(signal)
                withdrawn = [order_id for order_id in withdrawn if self._ask_cancel(order_id)]
                status = "ignored"
                if made:
                    status = "denied" if all(order.state is OrderState.DENIED for order in made) else "ordered"
                reason = moot or next((order.reason for order in made if order.reason), "")
                self.repository.settle_signal(signal, status, reason, self.now)
            for order_id in withdrawn:
                self._cancel_at_broker(order_id)
            return [self.send(order) for order in made]

    def open_day(self, account: str, at: datetime) -> None:
        """Note with which equity an account begins the day of an instant, before anything happens in it."""
        if self.hours is not None:
            self.repository.open_day(account, self.hours.day(at), self.ledger.equity(account))

    def cancel(self, order_id: str) -> None:
        """Ask the broker to cancel a working order; one that cannot be cancelled now is left and journalled."""
        if self._ask_cancel(order_id):
            self._cancel_at_broker(order_id)

    def _ask_cancel(self, order_id: str) -> bool:
        """Keep that an order is to be cancelled; whether the broker has to be asked. A crash does not forget it."""
        order = self.repository.order(order_id)
        if order.state is OrderState.READY:
            self._step(order, OrderEvent.CANCEL)
        elif (order.state, OrderEvent.ASK_CANCEL) in TRANSITIONS:
            self._step(order, OrderEvent.ASK_CANCEL)
            return True
        elif order.state not in FINAL and order.state is not OrderState.CANCEL_PENDING:
            self.repository.note("not_cancelled", order_id, self.now, reason=f"the order is {order.state}")
        return False

    def _cancel_at_broker(self, order_id: str) -> None:
        try:
            self.broker.cancel(order_id)
        except Exception as error:  # noqa: BLE001 - a refusal leaves it working, anything else leaves us in doubt
            order = self.repository.order(order_id)
            if order.state is OrderState.CANCEL_PENDING:
                event = OrderEvent.LOSE
                if isinstance(error, Refused):
                    event = OrderEvent.REFUSE_CHANGE_PARTIAL if order.filled else OrderEvent.REFUSE_CHANGE
                self._step(replace(order, reason=f"{type(error).__name__}: {error}"), event)

    def _exit(self, signal: Signal, flattens: bool) -> tuple[list[Order], list[str], str]:
        """Close what is held in the signal's direction, and take back an entry still working in it."""
        working = self._working(signal)
        withdrawn = [order.order_id for order in working if order.opens is signal.direction]
        if self._held(signal, working) is not signal.direction:  # row 20
            return [], withdrawn, "took back the entry under way" if withdrawn else f"not {signal.direction}"
        return [self._intents.close(signal, self.now, flattens=flattens)], withdrawn, ""

    def _enter(self, signal: Signal) -> tuple[list[Order], list[str], str]:
        """Open in the signal's direction, closing first what is held in the other (row 18)."""
        for order in self.repository.open_orders(signal.account, signal.symbol):
            if order.state in _NO_RISK:
                return [], [], f"order {order.order_id} is {order.state}: no new risk until it is settled"
        working = self._working(signal)
        if any(order.opens is signal.direction for order in working):
            return [], [], "an entry is working already"
        withdrawn = [order.order_id for order in working if order.opens is not None]  # of the other direction
        held = self._held(signal, working)
        if held is signal.direction:  # row 17
            return [], withdrawn, f"already {held}"
        made = [self._intents.close(signal, self.now)] if held is not None else []
        return [*made, self._intents.open(signal, self.now)], withdrawn, ""

    def _working(self, signal: Signal) -> list[Order]:
        """The strategy's own orders in the symbol that are not at their end."""
        orders = self.repository.open_orders(signal.account, signal.symbol)
        return [order for order in orders if order.strategy == signal.strategy]

    def _held(self, signal: Signal, working: list[Order]) -> Direction | None:
        """The direction held once the closing orders under way have filled."""
        closing = [order for order in working if order.reduce_only and order.type is OrderType.MARKET]
        if any(order.state is not OrderState.QUARANTINED for order in closing):  # that one waits for a person
            return None
        return self.ledger.position(signal.account, signal.strategy, signal.symbol).direction

    def send(self, order: Order) -> Order:
        """Send once. A definite refusal is REJECTED; anything else that goes wrong leaves the order UNKNOWN."""
        if order.state is not OrderState.READY:
            return order
        if order.expires_at is not None and self.now >= order.expires_at:
            late = f"waited to be sent until {order.expires_at.isoformat()}"
            return self._step(replace(order, reason=late), OrderEvent.EXPIRE)
        forbidden = self.repository.authorise(order, self.now)
        if forbidden:
            return self._step(replace(order, reason=forbidden), OrderEvent.CANCEL)
        order = self.repository.order(order.order_id)
        refused, reason = False, ""
        try:
            self.broker.submit(order)
        except Refused as refusal:
            refused, reason = True, str(refusal)
        except Exception as error:  # noqa: BLE001 - whatever it was, the order may have arrived
            reason = f"{type(error).__name__}: {error}"
        order = self.repository.order(order.order_id)
        if not reason:
            return order
        order = replace(order, reason=reason)
        if refused:
            return self._step(order, OrderEvent.CONTRADICT if order.filled else OrderEvent.REJECT)
        if order.state is OrderState.SENDING:
            return self._step(order, OrderEvent.LOSE)
        # the broker had answered before the call failed: what it said stands
        self.repository.note("send_failed_late", order.order_id, self.now, reason=reason)
        return self.repository.order(order.order_id)

    # ---- reports from the broker -------------------------------------------------------------------------------------

    def on_acknowledged(self, order_id: str) -> None:
        """The broker has taken the order."""
        self._report(self.repository.order(order_id), OrderEvent.ACKNOWLEDGE)

    def on_fill(self, fill: Fill) -> None:
        """A piece traded: into the ledger, then the order, then its children and siblings. A repeat is nothing."""
        with self._lock:
            children: list[Order] = []
            with self.repository.transaction():
                if not self.repository.add_fill(fill):
                    return
                self.now = max(self.now, fill.time)
                self.ledger.apply(fill)
                order = self.repository.order(fill.order_id)
                with localcontext(MONEY_CONTEXT):
                    filled = order.filled + fill.size
                if filled > order.size:  # more than was asked for cannot be ours to explain
                    self._step(replace(order, reason=f"filled {filled} of {order.size}"), OrderEvent.CONTRADICT)
                    return
                event = OrderEvent.FILL_PART
                if filled == order.size or (not order.reduce_only and self._is_dust(order.size - filled, fill)):
                    event = OrderEvent.FILL_ALL
                order = self._step(replace(order, filled=filled), event)
                if not order.reduce_only and order.protection.any:
                    children = [self._child(c) for c in self._children(order, fill)]
            for child in children:
                self.send(child)
            if order.reduce_only and not self.broker.capabilities.protection:
                self._end_siblings(order)

    def _is_dust(self, rest: Decimal, fill: Fill) -> bool:
        """Whether what is left of an order is less than a lot, as where the factor moved since the size was fixed."""
        return whole_lots(rest, fill.factor, self.instruments[fill.symbol]) <= 0

    def _children(self, entry: Order, fill: Fill) -> list[Order]:
        instrument = self.instruments[entry.symbol]
        epoch = self.repository.fence().epoch
        return [replace(child, epoch=epoch) for child in children_of(entry, fill, instrument, self.now)]

    def _child(self, child: Order) -> Order:
        self.repository.add_order(child, [Verdict("reduce_only", "allow", "protects an entry")], self.now)
        return self._step(child, OrderEvent.PASS)

    def _end_siblings(self, order: Order) -> None:
        """Cancel what else protects the position; a broker that holds protection does so itself."""
        flat = self.ledger.position(order.account, order.strategy, order.symbol).size == 0
        for sibling in self.repository.open_orders(order.account, order.symbol):
            if not sibling.reduce_only or sibling.strategy != order.strategy or sibling.order_id == order.order_id:
                continue
            if flat or (order.group is not None and sibling.group == order.group):
                self.cancel(sibling.order_id)

    def on_closed(self, order_id: str, state: str, reason: str) -> None:
        """The order ended at the broker: rejected, cancelled or expired."""
        event = {"rejected": OrderEvent.REJECT, "cancelled": OrderEvent.CANCEL, "expired": OrderEvent.EXPIRE}[state]
        self._report(replace(self.repository.order(order_id), reason=reason), event)

    def on_level(self, order_id: str, level: Decimal) -> None:
        """A trailing child's level moved at the broker."""
        self._report(replace(self.repository.order(order_id), level=level), OrderEvent.MODIFY)

    def _report(self, order: Order, event: OrderEvent) -> None:
        """Move an order by what the broker says; what cannot be is put before a person, and never stops the others."""
        if (order.state, event) in TRANSITIONS:
            self._step(order, event)
        elif (order.state, OrderEvent.CONTRADICT) in TRANSITIONS:
            said = f"the broker reports {event} of an order that is {order.state}: {order.reason}".rstrip(": ")
            self._step(replace(self.repository.order(order.order_id), reason=said), OrderEvent.CONTRADICT)
        else:
            self.repository.note("impossible", order.order_id, self.now, event=event, state=order.state)

    def _step(self, order: Order, event: OrderEvent) -> Order:
        """Move an order along the table, keep it and journal the event."""
        return move(self.repository, order, event, self.now)
