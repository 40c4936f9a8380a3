"""Order manager: from a signal to orders, and from a broker's reports to the ledger. One path for all that trades."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, localcontext

from workbench.errors import BadInput, Refused, UnknownName
from workbench.fills import Levels, price_units
from workbench.model import (
    MONEY_CONTEXT,
    Action,
    Direction,
    Fill,
    Instrument,
    Order,
    OrderState,
    OrderType,
    Protection,
    Side,
    Signal,
)
from workbench.ports import Broker, OrderRepository, RiskContext, Verdict
from workbench.risk import Decision, RiskChain
from workbench.trading.ledger import Ledger
from workbench.trading.transitions import FINAL, TRANSITIONS, OrderEvent, following

_CLIENT_IDS = uuid.UUID("6f1d7f3e-8c0f-5d2b-9a57-3f0a5b8e2c11")


class OrderManager:
    """Takes signals, asks the risk chain, sends orders to one broker and counts what comes back.

    A repeated signal is answered with the first one's orders. Exits are reduce-only and clamped to the position. The
    protective children of an entry (stop, target, trail) are its one-cancels-other orders, made when it fills.
    """

    def __init__(
        self,
        repository: OrderRepository,
        broker: Broker,
        risk: RiskChain,
        ledger: Ledger,
        instruments: Mapping[str, Instrument],
        start: datetime,
    ) -> None:
        self.repository, self.broker, self.risk, self.ledger = repository, broker, risk, ledger
        self.instruments = instruments
        self.now = start
        broker.connect(self)

    # ---- signals in ------------------------------------------------------------------------------------------------

    def handle(self, signal: Signal) -> list[Order]:
        """Act on a signal: the orders it led to, denied ones included; none where the position makes it moot.

        Raises UnknownName for a symbol that is not traded here, before anything is kept.
        """
        if signal.symbol not in self.instruments:
            raise UnknownName("symbol", signal.symbol, self.instruments)
        self.now = max(self.now, signal.available_at)
        if not self.repository.add_signal(signal):
            return [o for o in self.repository.orders() if self._same_signal(o, signal)]
        return self._exit(signal) if signal.action is Action.EXIT else self._enter(signal)

    def cancel(self, order_id: str) -> None:
        """Ask the broker to cancel a working order; one that cannot be cancelled now is left and journalled."""
        order = self.repository.order(order_id)
        if order.state is OrderState.READY:
            self._step(order, OrderEvent.CANCEL)
            return
        if (order.state, OrderEvent.ASK_CANCEL) not in TRANSITIONS:
            if order.state not in FINAL and order.state is not OrderState.CANCEL_PENDING:
                self.repository.note("not_cancelled", order_id, self.now, reason=f"the order is {order.state}")
            return
        self._step(order, OrderEvent.ASK_CANCEL)
        try:
            self.broker.cancel(order_id)
        except Exception as error:  # noqa: BLE001 - a refusal leaves it working, anything else leaves us in doubt
            order = self.repository.order(order_id)
            if order.state is OrderState.CANCEL_PENDING:
                event = OrderEvent.LOSE
                if isinstance(error, Refused):
                    event = OrderEvent.REFUSE_CHANGE_PARTIAL if order.filled else OrderEvent.REFUSE_CHANGE
                self._step(replace(order, reason=f"{type(error).__name__}: {error}"), event)

    def _exit(self, signal: Signal) -> list[Order]:
        """Close what is held in the signal's direction, and take back an entry still working in it."""
        working = self._working(signal)
        for order in working:
            if order.opens is signal.direction:
                self.cancel(order.order_id)
        if self._held(signal, working) is not signal.direction:  # row 20
            return self._ignore(signal, f"not {signal.direction}")
        return [self._send(self._close(signal))]

    def _enter(self, signal: Signal) -> list[Order]:
        """Open in the signal's direction, closing first what is held in the other (row 18)."""
        for order in self.repository.open_orders(signal.account, signal.symbol):
            if order.state in (OrderState.UNKNOWN, OrderState.QUARANTINED):
                return self._ignore(signal, f"order {order.order_id} is {order.state}: no new risk until it is settled")
        working = self._working(signal)
        if any(not order.reduce_only for order in working):
            return self._ignore(signal, "an entry is working already")
        held = self._held(signal, working)
        if held is signal.direction:  # row 17
            return self._ignore(signal, f"already {held}")
        made = [self._send(self._close(signal))] if held is not None else []
        return [*made, self._send(self._open(signal))]

    def _working(self, signal: Signal) -> list[Order]:
        """The strategy's own orders in the symbol that are not at their end."""
        orders = self.repository.open_orders(signal.account, signal.symbol)
        return [order for order in orders if order.strategy == signal.strategy]

    def _held(self, signal: Signal, working: list[Order]) -> Direction | None:
        """The direction held once the closing orders under way have filled."""
        if any(order.reduce_only and order.type is OrderType.MARKET for order in working):
            return None
        return self.ledger.position(signal.account, signal.strategy, signal.symbol).direction

    def _ignore(self, signal: Signal, reason: str) -> list[Order]:
        self.repository.note("ignored", signal.signal_id, self.now, reason=reason)
        return []

    def _close(self, signal: Signal) -> Order:
        size = self.ledger.position(signal.account, signal.strategy, signal.symbol).size
        side = Side.SELL if size > 0 else Side.BUY
        order = self._order(signal, side, size.copy_abs(), "close", reduce_only=True)
        verdict = Verdict("reduce_only", "allow", "an exit is clamped to the position and never judged")
        self.repository.add_order(order, [verdict], self.now)
        return self._step(order, OrderEvent.PASS)

    def _open(self, signal: Signal) -> Order:
        side = Side.BUY if signal.direction is Direction.LONG else Side.SELL
        decision = self._judge(signal)
        size = price_units(decision.size, signal.factor)
        order = self._order(signal, side, size, "open", protection=signal.protection)
        self.repository.add_order(order, decision.verdicts, self.now)
        if decision.reason or size <= 0:
            return self._step(replace(order, reason=decision.reason), OrderEvent.DENY)
        return self._step(order, OrderEvent.PASS)

    def _judge(self, signal: Signal) -> Decision:
        """Ask the risk chain; an account that cannot be valued is a denial like any other."""
        try:
            with localcontext(MONEY_CONTEXT):
                context = RiskContext(
                    signal=signal,
                    instrument=self.instruments[signal.symbol],
                    position=self.ledger.position(signal.account, signal.strategy, signal.symbol),
                    equity=self.ledger.equity(signal.account),
                    cash=self.ledger.cash(signal.account),
                    size=None,
                    at=self.now,
                )
        except BadInput as error:
            return Decision(Decimal(0), (Verdict("account", "deny", str(error)),))
        return self.risk.judge(context)

    def _order(
        self,
        signal: Signal,
        side: Side,
        size: Decimal,
        leg: str,
        *,
        reduce_only: bool = False,
        protection: Protection = Protection(),  # noqa: B008 - frozen and empty
    ) -> Order:
        return Order(
            signal_id=signal.signal_id,
            client_order_id=client_order_id(signal, leg),
            strategy=signal.strategy,
            account=signal.account,
            symbol=signal.symbol,
            side=side,
            size=size,
            created_at=self.now,
            reduce_only=reduce_only,
            protection=protection,
        )

    def _send(self, order: Order) -> Order:
        """Send once. A definite refusal is REJECTED; anything else that goes wrong leaves the order UNKNOWN."""
        if order.state is not OrderState.READY:
            return order
        order = self._step(order, OrderEvent.AUTHORISE)
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
        self._step(self.repository.order(order_id), OrderEvent.ACKNOWLEDGE)

    def on_fill(self, fill: Fill) -> None:
        """A piece traded: into the ledger, then the order, then its children and siblings. A repeat is nothing."""
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
        order = self._step(
            replace(order, filled=filled), OrderEvent.FILL_ALL if filled == order.size else OrderEvent.FILL_PART
        )
        if not order.reduce_only:
            if order.protection.any:
                self._protect(order, fill)
        elif not self.broker.capabilities.protection:  # a broker that holds protection ends the siblings itself
            flat = self.ledger.position(order.account, order.strategy, order.symbol).size == 0
            for sibling in self.repository.open_orders(order.account, order.symbol):
                if not sibling.reduce_only or sibling.strategy != order.strategy or sibling.order_id == order.order_id:
                    continue
                if flat or (order.group is not None and sibling.group == order.group):
                    self.cancel(sibling.order_id)

    def on_closed(self, order_id: str, state: str, reason: str) -> None:
        """The order ended at the broker: rejected, cancelled or expired."""
        event = {"rejected": OrderEvent.REJECT, "cancelled": OrderEvent.CANCEL, "expired": OrderEvent.EXPIRE}[state]
        self._step(replace(self.repository.order(order_id), reason=reason), event)

    def on_level(self, order_id: str, level: Decimal) -> None:
        """A trailing child's level moved at the broker."""
        self._step(replace(self.repository.order(order_id), level=level), OrderEvent.MODIFY)

    def _protect(self, entry: Order, fill: Fill) -> None:
        """Make and send the children of an entry, with levels from its fill price (row 7)."""
        instrument = self.instruments[entry.symbol]
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
            child = Order(
                signal_id=entry.signal_id,
                client_order_id=str(uuid.uuid5(_CLIENT_IDS, json.dumps([entry.client_order_id, kind, fill.fill_id]))),
                strategy=entry.strategy,
                account=entry.account,
                symbol=entry.symbol,
                side=Side.SELL if entry.side is Side.BUY else Side.BUY,
                size=fill.size,
                created_at=self.now,
                type=kind,
                reduce_only=True,
                parent_id=entry.order_id,
                group=fill.fill_id,
                level=level,
                protection=protection,
            )
            self.repository.add_order(child, [Verdict("reduce_only", "allow", "protects an entry")], self.now)
            self._send(self._step(child, OrderEvent.PASS))

    def _step(self, order: Order, event: OrderEvent) -> Order:
        """Move an order along the table, keep it and journal the event."""
        moved = replace(order, state=following(order.state, event))
        self.repository.change_order(moved, event, self.now)
        return moved

    def _same_signal(self, order: Order, signal: Signal) -> bool:
        return order.client_order_id in (client_order_id(signal, "open"), client_order_id(signal, "close"))


def client_order_id(signal: Signal, leg: str, attempt: int = 1) -> str:
    """The id an order carries to the broker: the same for the same signal, account, leg and attempt, for ever."""
    return str(uuid.uuid5(_CLIENT_IDS, json.dumps([signal.source, signal.key, signal.account, leg, attempt])))
