"""Intents: from a signal to orders that may be sent, with the risk decision behind each; nothing leaves here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from workbench.errors import BadInput
from workbench.fills import Levels, price_units
from workbench.model import (
    AT_MARKET,
    MONEY_CONTEXT,
    Action,
    Direction,
    Instrument,
    Order,
    Protection,
    Rounding,
    Side,
    Signal,
    SizeRequest,
    SizeRule,
    on_grid,
    to_grid,
)
from workbench.ports import Broker, OrderRepository, RiskContext, Verdict
from workbench.risk import Decision, RiskChain
from workbench.trading.children import client_order_id
from workbench.trading.facts import Hours, account_facts
from workbench.trading.ledger import Ledger
from workbench.trading.tickets import refusal, waits
from workbench.trading.transitions import OrderEvent, decide

_DUST = Decimal("1e-9")
"""The share of a size that is no difference: in units of adjusted prices whole lots are so only that far."""
_REDUCES = Verdict("reduce_only", "allow", "an exit is clamped to the position and never judged")


class Intents:
    """Writes orders down, READY, HELD or DENIED, inside the transaction of their signal.

    With `hours` the risk chain sees the account's facts; `life` is how long, on the session's clock, an intent may
    wait to be sent; what is held here waits as long as its ticket says.
    """

    def __init__(
        self,
        repository: OrderRepository,
        risk: RiskChain,
        ledger: Ledger,
        instruments: Mapping[str, Instrument],
        hours: Hours | None,
        life: timedelta | None,
        broker: Broker,
    ) -> None:
        self._repository, self._risk, self._ledger, self._instruments = repository, risk, ledger, instruments
        self._hours, self._life, self._broker = hours, life, broker

    def close(self, signal: Signal, at: datetime, *, flattens: bool = False) -> Order:
        """Close what a strategy holds of the signal's symbol; never judged."""
        size = self._ledger.position(signal.account, signal.strategy, signal.symbol).size
        side = Side.SELL if size > 0 else Side.BUY
        order = self._order(signal, at, side, size.copy_abs(), "close", reduce_only=True, flattens=flattens)
        if signal.ticket != AT_MARKET and (words := self._impossible(order)):
            denied = [_REDUCES, Verdict("ticket", "deny", words)]
            return decide(self._repository, order.but(reason=f"ticket: {words}"), denied, OrderEvent.DENY, at)
        return self._pass(order, [_REDUCES], at)

    def open(self, signal: Signal, at: datetime, *, leg: str = "open") -> Order:
        """Open in the signal's direction, as large as the risk chain lets it; DENIED where it does not."""
        side = Side.BUY if signal.direction is Direction.LONG else Side.SELL
        decision = self._judge(signal, at)
        size = price_units(decision.size, signal.factor)
        order = self._order(signal, at, side, size, leg, protection=signal.protection)
        verdicts = decision.verdicts
        words = decision.reason
        if not words and size > 0 and (words := self._impossible(order)):
            verdicts = (*verdicts, Verdict("ticket", "deny", words))
            words = f"ticket: {words}"
        if words or size <= 0:
            return decide(self._repository, order.but(reason=words), verdicts, OrderEvent.DENY, at)
        return self._pass(order, verdicts, at)

    def parts(self, signal: Signal) -> tuple[Decimal, Decimal]:
        """How much of a TRADE or TARGET closes what is held, and how much opens; in the units of the prices.

        Raises BadInput for a size that is no number of units or no whole lot, and ValueError where nothing is to do.
        """
        if signal.size.rule is not SizeRule.SHARES or signal.size.amount is None:
            raise BadInput("size", str(signal.size), f"a {signal.action} needs a number of units", "as in shares:10")
        instrument, raw = self._instruments[signal.symbol], signal.size.amount
        with localcontext(MONEY_CONTEXT):
            wanted = price_units(raw, signal.factor)
            held = self._ledger.position(signal.account, signal.strategy, signal.symbol).size
            change = signal.direction.sign * wanted
            if signal.action is Action.TARGET:
                change -= held
            if abs(change) <= max(wanted, abs(held)) * _DUST:
                raise ValueError(f"the position is {held:f} already")
            reduces = min(abs(change), abs(held)) if held * change < 0 else Decimal(0)
            opens = abs(change) - reduces
            whole = on_grid(raw, instrument.size_step)
            if not whole and not (opens == 0 and reduces == abs(held)):  # an odd rest may be closed as it is
                step = f"{instrument.size_step:f}"
                raise BadInput("size", f"{raw:f}", f"is no whole lot of {signal.symbol}", f"give a multiple of {step}")
            return reduces, opens

    def trade(self, signal: Signal, reduces: Decimal, opens: Decimal, at: datetime) -> list[Order]:
        """A TRADE or TARGET of two parts, as `parts` gave them: the closing one first, the opening one judged."""
        direction = signal.direction
        if signal.action is Action.TARGET:
            held = self._ledger.position(signal.account, signal.strategy, signal.symbol).size
            with localcontext(MONEY_CONTEXT):
                wanted = price_units(signal.size.amount or Decimal(0), signal.factor)
                direction = Direction.LONG if direction.sign * wanted > held else Direction.SHORT
        made = []
        if reduces:
            side = Side.BUY if direction is Direction.LONG else Side.SELL
            order = self._order(signal, at, side, reduces, "close", reduce_only=True)
            words = self._impossible(order)
            if words:
                denied = [_REDUCES, Verdict("ticket", "deny", words)]
                return [decide(self._repository, order.but(reason=f"ticket: {words}"), denied, OrderEvent.DENY, at)]
            made.append(self._pass(order, [_REDUCES], at))
        if opens:
            with localcontext(MONEY_CONTEXT):
                raw = to_grid(opens * signal.factor, self._instruments[signal.symbol].size_step, Rounding.NEAREST)
            size = SizeRequest(SizeRule.SHARES, raw)
            made.append(self.open(replace(signal, direction=direction, size=size), at))
        return made

    def _pass(self, order: Order, verdicts: Sequence[Verdict], at: datetime) -> Order:
        """READY to be sent, or HELD where it waits here for something."""
        event = OrderEvent.PARK if waits(order, self._broker.capabilities) else OrderEvent.PASS
        return decide(self._repository, order, verdicts, event, at)

    def _impossible(self, order: Order) -> str:
        """Why an order can only be refused, known before any byte is sent."""
        instrument = self._instruments[order.symbol]
        words = refusal(order, instrument, self._hours, self._broker.capabilities)
        return words or self._broker.check(order)

    def _judge(self, signal: Signal, at: datetime) -> Decision:
        """Ask the risk chain; an account that cannot be valued is a denial like any other."""
        try:
            with localcontext(MONEY_CONTEXT):
                context = RiskContext(
                    signal=signal,
                    instrument=self._instruments[signal.symbol],
                    position=self._ledger.position(signal.account, signal.strategy, signal.symbol),
                    equity=self._ledger.equity(signal.account),
                    cash=self._ledger.cash(signal.account),
                    size=None,
                    at=at,
                    facts=account_facts(self._repository, self._ledger, signal, self._hours, at)
                    if self._hours
                    else None,
                )
        except BadInput as error:
            return Decision(Decimal(0), (Verdict("account", "deny", str(error)),))
        return self._risk.judge(context)

    def _order(
        self,
        signal: Signal,
        at: datetime,
        side: Side,
        size: Decimal,
        leg: str,
        *,
        reduce_only: bool = False,
        flattens: bool = False,
        protection: Protection = Protection(),  # noqa: B008 - frozen and empty
    ) -> Order:
        ticket = signal.ticket
        level = ticket.level
        if ticket.handling.trail is not None:
            away = Side.BUY if side is Side.SELL else Side.SELL
            start = Levels(away, None, None, ticket.handling.trail, signal.reference_price)
            stop = start.stop_now(self._instruments[signal.symbol])
            level = stop[0] if stop else None
        order = Order(
            signal_id=signal.signal_id,
            client_order_id=client_order_id(signal, leg),
            strategy=signal.strategy,
            account=signal.account,
            symbol=signal.symbol,
            side=side,
            size=size,
            created_at=at,
            type=ticket.type,
            limit=ticket.limit,
            level=level,
            handling=ticket.handling,
            reduce_only=reduce_only,
            protection=protection,
            epoch=self._repository.fence().epoch,
            flattens=flattens,
        )
        if waits(order, self._broker.capabilities):
            return order.but(expires_at=ticket.handling.good_till)
        ends = [end for end in (ticket.handling.good_till, None if self._life is None else at + self._life) if end]
        return order.but(expires_at=min(ends)) if ends else order
