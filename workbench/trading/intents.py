"""Intents: from a signal to orders that may be sent, with the risk decision behind each; nothing leaves here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from workbench.errors import BadInput
from workbench.fills import price_units
from workbench.model import MONEY_CONTEXT, Direction, Instrument, Order, Protection, Side, Signal
from workbench.ports import OrderRepository, RiskContext, Verdict
from workbench.risk import Decision, RiskChain
from workbench.trading.children import client_order_id
from workbench.trading.facts import Hours, account_facts
from workbench.trading.ledger import Ledger
from workbench.trading.transitions import OrderEvent, move


class Intents:
    """Writes orders down, READY or DENIED, inside the transaction of their signal.

    With `hours` the risk chain sees the account's facts; `life` is how long, on the session's clock, an intent may
    wait to be sent.
    """

    def __init__(
        self,
        repository: OrderRepository,
        risk: RiskChain,
        ledger: Ledger,
        instruments: Mapping[str, Instrument],
        hours: Hours | None,
        life: timedelta | None,
    ) -> None:
        self._repository, self._risk, self._ledger, self._instruments = repository, risk, ledger, instruments
        self._hours, self._life = hours, life

    def close(self, signal: Signal, at: datetime, *, flattens: bool = False) -> Order:
        """Close what a strategy holds of the signal's symbol; never judged."""
        size = self._ledger.position(signal.account, signal.strategy, signal.symbol).size
        side = Side.SELL if size > 0 else Side.BUY
        order = self._order(signal, at, side, size.copy_abs(), "close", reduce_only=True, flattens=flattens)
        verdict = Verdict("reduce_only", "allow", "an exit is clamped to the position and never judged")
        self._repository.add_order(order, [verdict], at)
        return move(self._repository, order, OrderEvent.PASS, at)

    def open(self, signal: Signal, at: datetime) -> Order:
        """Open in the signal's direction, as large as the risk chain lets it; DENIED where it does not."""
        side = Side.BUY if signal.direction is Direction.LONG else Side.SELL
        decision = self._judge(signal, at)
        size = price_units(decision.size, signal.factor)
        order = self._order(signal, at, side, size, "open", protection=signal.protection)
        self._repository.add_order(order, decision.verdicts, at)
        if decision.reason or size <= 0:
            return move(self._repository, replace(order, reason=decision.reason), OrderEvent.DENY, at)
        return move(self._repository, order, OrderEvent.PASS, at)

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
        return Order(
            signal_id=signal.signal_id,
            client_order_id=client_order_id(signal, leg),
            strategy=signal.strategy,
            account=signal.account,
            symbol=signal.symbol,
            side=side,
            size=size,
            created_at=at,
            reduce_only=reduce_only,
            protection=protection,
            epoch=self._repository.fence().epoch,
            flattens=flattens,
            expires_at=None if self._life is None else at + self._life,
        )
