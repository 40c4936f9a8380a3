"""Order manager: from signals to orders, sent once. One path for all that trades."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from workbench.errors import NotSent, Refused, UnknownName
from workbench.model import Action, Direction, Instrument, Order, OrderState, Signal
from workbench.ports import Broker, OrderRepository
from workbench.risk import RiskChain
from workbench.trading.answers import Answers
from workbench.trading.changes import Changes
from workbench.trading.facts import Hours
from workbench.trading.intents import Intents
from workbench.trading.ledger import Ledger
from workbench.trading.monitor import Monitor
from workbench.trading.transitions import OrderEvent, move

_NO_RISK = (OrderState.UNKNOWN, OrderState.QUARANTINED)
_NOT_TO_BE = (OrderState.DENIED, OrderState.CANCELLED)


class OrderManager:
    """Takes signals, asks the risk chain and sends orders to one broker; `answers` counts what comes back.

    A repeated signal is answered with the first one's orders. Exits are reduce-only and clamped to the position. The
    protective children of an entry (stop, target, trail) are its one-cancels-other orders, made when it fills; what the
    broker cannot hold is kept by the `monitor`. A decision and all that follows from it is one transaction; only then
    is anything sent, once. With `hours` the risk chain sees the account's facts; `intent_life` is how long, on the
    session's clock, a decision may wait to be sent. An error while something is written ends this manager's use: its
    ledger may be ahead of the file.
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
        self.instruments = dict(instruments)
        """What is traded; what people ask for by hand is learned as they ask."""
        self.now = start
        self.hours, self.intent_life = hours, intent_life
        self.blocked = ""
        """Why no entry is taken, as after a failed strategy; empty where entries are."""
        self.drifts: dict[str, str] = {}
        """For each symbol whose books differ from the broker's, in which way; "" stands for the whole account."""
        self.lock = threading.RLock()
        self._intents = Intents(repository, risk, ledger, self.instruments, hours, intent_life, broker)
        self.answers, self.monitor, self.changes = Answers(self), Monitor(self), Changes(self)
        broker.connect(self.answers)

    # ---- signals in ------------------------------------------------------------------------------------------------

    def handle(self, signal: Signal, *, flattens: bool = False) -> list[Order]:
        """Act on a signal: the orders it led to, denied ones included; none where the position makes it moot.

        Behind a raised panic fence every signal is refused but those that flatten, which are exits of the panic's own.
        Raises UnknownName for a symbol that is not traded here, before anything is kept.
        """
        return self.handle_legs([signal], flattens=flattens)

    def handle_legs(self, signals: Sequence[Signal], *, flattens: bool = False) -> list[Order]:
        """Act on signals that belong together, in one decision: where one of them is denied, none is sent."""
        for signal in signals:
            if signal.symbol not in self.instruments and not (flattens or self._holds_what_it_exits(signal)):
                raise UnknownName("symbol", signal.symbol, self.instruments)
        with self.lock:
            self.now = max(self.now, *(signal.available_at for signal in signals))
            withdrawn: list[str] = []
            with self.repository.transaction():
                kept = [signal for signal in signals if self.repository.add_signal(signal)]
                if not kept:
                    return [order for signal in signals for order in self.repository.orders_of(signal)]
                decided = [(signal, *self._decide(signal, flattens)) for signal in kept]
                if len(signals) > 1:
                    decided = self._all_or_none(decided)
                for signal, made, taken_back, refusal, moot in decided:
                    withdrawn += [name for order_id in taken_back for name in self.changes.ask_cancel(order_id)]
                    status = "refused" if refusal else "ignored"
                    if made:
                        status = "denied" if all(order.state in _NOT_TO_BE for order in made) else "ordered"
                    reason = refusal or moot or next((order.reason for order in made if order.reason), "")
                    self.repository.settle_signal(signal, status, reason, self.now)
            for order_id in withdrawn:
                self.changes.cancel_at_broker(order_id)
            return [self.send(order) for _, made, _, _, _ in decided for order in made]

    def _holds_what_it_exits(self, signal: Signal) -> bool:
        """Whether an exit is of a position in a symbol that is not traded here, as others may leave one."""
        held = self.ledger.position(signal.account, signal.strategy, signal.symbol)
        return signal.action is Action.EXIT and held.size != 0

    def open_day(self, account: str, at: datetime) -> None:
        """Note with which equity an account begins the day of an instant, before anything happens in it."""
        if self.hours is not None:
            self.repository.open_day(account, self.hours.day(at), self.ledger.equity(account))

    def no_risk(self, symbol: str) -> str:
        """Why nothing may add to the risk in a symbol now; empty where it may."""
        return self.blocked or self.drifts.get(symbol, "") or self.drifts.get("", "")

    def _decide(self, signal: Signal, flattens: bool) -> tuple[list[Order], list[str], str, str]:
        """What a signal leads to: orders, ids of orders to take back, why it is refused, why it is moot."""
        fence = self.repository.fence()
        if fence.halted and not flattens:
            return [], [], f"panic: {fence.reason}", ""
        if signal.action is Action.EXIT:
            made, withdrawn, moot = self._exit(signal, flattens)
            return made, withdrawn, "", moot
        refusal = self.no_risk(signal.symbol)
        if signal.action is Action.ENTRY:
            if refusal:
                return [], [], refusal, ""
            made, withdrawn, moot = self._enter(signal)
            return made, withdrawn, "", moot
        working = [order for order in self._working(signal) if not order.protects]
        if signal.action is Action.TARGET and working:  # a repeat before the first one filled would go too far
            return (
                [],
                [],
                f"order {working[0].order_id} is {working[0].state} in {signal.symbol}: wait or cancel it",
                "",
            )
        try:
            reduces, opens = self._intents.parts(signal)
        except ValueError as moot:
            return [], [], "", str(moot)
        if opens and (refusal := refusal or _unsettled(self.repository.open_orders(signal.account, signal.symbol))):
            return [], [], refusal, ""
        return self._intents.trade(signal, reduces, opens, self.now), [], "", ""

    def _all_or_none(
        self, decided: list[tuple[Signal, list[Order], list[str], str, str]]
    ) -> list[tuple[Signal, list[Order], list[str], str, str]]:
        """Legs of which one was denied or refused: the others are cancelled before anything is sent."""
        bad = [
            (s, refusal or moot or next(o.reason for o in made if o.state is OrderState.DENIED))
            for s, made, _, refusal, moot in decided
            if not made or any(order.state is OrderState.DENIED for order in made)
        ]
        if not bad:
            return decided
        words = f"leg {bad[0][0].symbol} cannot be had: {bad[0][1]}"
        found: list[tuple[Signal, list[Order], list[str], str, str]] = []
        for signal, made, _, refusal, moot in decided:
            orders = [
                o if o.state is OrderState.DENIED else self.step(o.but(reason=words), OrderEvent.CANCEL) for o in made
            ]
            found.append((signal, orders, [], refusal if not made else "", moot))
        return found

    def _exit(self, signal: Signal, flattens: bool) -> tuple[list[Order], list[str], str]:
        """Close what is held in the signal's direction, and take back an entry still working in it."""
        working = self._working(signal)
        withdrawn = [order.order_id for order in working if order.opens is signal.direction]
        if self._held(signal, working) is not signal.direction:  # row 20
            return [], withdrawn, "took back the entry under way" if withdrawn else f"not {signal.direction}"
        return [self._intents.close(signal, self.now, flattens=flattens)], withdrawn, ""

    def _enter(self, signal: Signal) -> tuple[list[Order], list[str], str]:
        """Open in the signal's direction, closing first what is held in the other (row 18)."""
        there = self.repository.open_orders(signal.account, signal.symbol)
        if unsettled := _unsettled(there):
            return [], [], unsettled
        working = _whole(there, signal.strategy)
        if any(order.opens is signal.direction for order in working):
            return [], [], "an entry is working already"
        withdrawn = [order.order_id for order in working if order.opens is not None]  # of the other direction
        held = self._held(signal, working)
        if held is signal.direction:  # row 17
            return [], withdrawn, f"already {held}"
        made = [self._intents.close(signal, self.now)] if held is not None else []
        return [*made, self._intents.open(signal, self.now)], withdrawn, ""

    def _working(self, signal: Signal) -> list[Order]:
        """The strategy's own orders in the symbol that are not at their end, pieces of others left out."""
        return _whole(self.repository.open_orders(signal.account, signal.symbol), signal.strategy)

    def _held(self, signal: Signal, working: list[Order]) -> Direction | None:
        """The direction held once the closing orders under way have filled."""
        closing = [order for order in working if order.reduce_only and not order.protects]
        if any(order.state is not OrderState.QUARANTINED for order in closing):  # that one waits for a person
            return None
        return self.ledger.position(signal.account, signal.strategy, signal.symbol).direction

    # ---- orders out ------------------------------------------------------------------------------------------------

    def send(self, order: Order) -> Order:
        """Send once. A definite refusal is REJECTED; anything else that goes wrong leaves the order UNKNOWN."""
        if order.state is not OrderState.READY:
            return order
        ends = [end for end in (order.expires_at, order.handling.good_till) if end is not None]
        if ends and self.now >= min(ends):
            late = f"waited to be sent until {min(ends).isoformat()}"
            return self.step(order.but(reason=late), OrderEvent.EXPIRE)
        if not order.reduce_only and (drift := self.drifts.get(order.symbol, "") or self.drifts.get("", "")):
            return self.step(order.but(reason=drift), OrderEvent.CANCEL)
        clamped = self.monitor.clamp(order)
        if clamped is None:
            return self.repository.order(order.order_id)
        order = clamped
        forbidden = self.repository.authorise(order, self.now)
        if forbidden:
            return self.step(order.but(reason=forbidden), OrderEvent.CANCEL)
        order = order.but(state=OrderState.SENDING)
        event, reason = OrderEvent.LOSE, ""
        try:
            self.broker.submit(order)
        except Refused as refusal:
            event, reason = OrderEvent.REJECT, str(refusal)
        except NotSent as unsent:
            event, reason = OrderEvent.UNSENT, str(unsent)
        except Exception as error:  # noqa: BLE001 - whatever it was, the order may have arrived
            reason = f"{type(error).__name__}: {error}"
        order = self.repository.order(order.order_id)
        if not reason:
            return order
        order = order.but(reason=reason)
        if event is OrderEvent.REJECT:
            return self.step(order, OrderEvent.CONTRADICT if order.filled else OrderEvent.REJECT)
        if order.state is OrderState.SENDING:
            return self.step(order, event)
        # the broker had answered before the call failed: what it said stands
        self.repository.note("send_failed_late", order.order_id, self.now, reason=reason)
        return self.repository.order(order.order_id)

    def cancel(self, order_id: str, reason: str = "") -> None:
        """Ask for a working order to be cancelled; one that cannot be cancelled now is left and journalled."""
        for name in self.changes.ask_cancel(order_id, reason):
            self.changes.cancel_at_broker(name)

    def modify(
        self, order_id: str, *, size: Decimal | None = None, limit: Decimal | None = None, level: Decimal | None = None
    ) -> Order:
        """Change a working order's size, limit or level; see `Changes.modify`."""
        return self.changes.modify(order_id, size, limit, level)

    def step(self, order: Order, event: OrderEvent) -> Order:
        """Move an order along the table, keep it and journal the event."""
        order = move(self.repository, order, event, self.now)
        if order.handling.legs is not None:
            self.monitor.legs.note(order)
        return order


def _unsettled(orders: Sequence[Order]) -> str:
    """Why orders that are there forbid new risk in their symbol."""
    for order in orders:
        if order.state in _NO_RISK:
            return f"order {order.order_id} is {order.state}: no new risk until it is settled"
    return ""


def _whole(orders: Sequence[Order], strategy: str) -> list[Order]:
    """A strategy's own among some orders, pieces of others left out."""
    mine = [order for order in orders if order.strategy == strategy]
    whole = {order.order_id for order in mine if order.handling.pieces}
    return [order for order in mine if order.parent_id not in whole]
