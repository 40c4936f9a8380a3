"""House: an order manager and a reconciler over one client, to see what becomes of an order whose answer was lost."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from workbench.errors import WorkbenchError
from workbench.model import (
    Action,
    Direction,
    Handling,
    Order,
    OrderState,
    OrderType,
    Signal,
    SizeRequest,
    SizeRule,
    Ticket,
    new_id,
)
from workbench.ports import Broker, BrokerListener, Drift, RiskContext, Verdict
from workbench.risk import RiskChain
from workbench.testing.brokers.desk import STRATEGY, Desk
from workbench.trading import Ledger, MemoryRepository, OrderManager, Reconciler

_NUMBERS = itertools.count(1)


class Drifts:
    """Implements `workbench.ports.DriftBook` in memory."""

    def __init__(self) -> None:
        self.kept: list[Drift] = []
        self.trouble = ""

    def see(self, account: str, about: str, symbol: str, words: str) -> bool:
        is_new = not any(d.about == about for d in self.open(account))
        if is_new:
            at = datetime(2000, 1, 1, tzinfo=UTC)
            self.kept.append(Drift(account, about, symbol, words, at, at))
        return is_new

    def known(self, account: str, about: str) -> bool:
        return any((d.account, d.about) == (account, about) for d in self.kept)

    def resolve(self, account: str, about: str, by: str, resolution: str) -> bool:
        found = [d for d in self.open(account) if d.about == about]
        for drift in found:
            closed = replace(drift, resolved_at=drift.seen_at, resolved_by=by, resolution=resolution)
            self.kept[self.kept.index(drift)] = closed
        return bool(found)

    def open(self, account: str | None = None) -> Sequence[Drift]:
        return [d for d in self.kept if account in (None, d.account) and d.resolved_at is None]

    def looked(self, account: str, trouble: str, facts: Mapping[str, Any]) -> None:
        self.trouble = trouble


class _AsAsked:
    """A risk rule that allows the size that was asked for."""

    def judge(self, context: RiskContext) -> Verdict:
        return Verdict("as_asked", "allow", size=context.signal.size.amount)


class _Shared:
    """A desk's client for an order manager: what is told goes to the desk first, and then to the manager."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def connect(self, listener: BrokerListener) -> None:
        self._desk.ear.also = listener

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desk.broker, name)


class House:
    """Trades through the core over one desk's client; what is on file outlives a client, as it does a crash.

    Its clock for reconciling is its own, so that the time within which a broker lists what it took need not be waited
    for; where the broker is late in truth, `rounds` waits for it.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.repository, self.drifts = MemoryRepository(), Drifts()
        self._elapsed = 1000.0
        self._begin()

    def _begin(self) -> None:
        desk, rig = self.desk, self.desk.rig
        ledger = Ledger()
        ledger.open_account(rig.account, rig.cash)
        for entry in self.repository.books(rig.account):
            ledger.apply(entry)
        ledger.mark(rig.instrument.symbol, rig.price)
        self.manager = OrderManager(
            self.repository, cast(Broker, _Shared(desk)), RiskChain([("as_asked", _AsAsked())]), ledger,
            {rig.instrument.symbol: rig.instrument}, rig.now(),
        )  # fmt: skip
        self.reconciler = Reconciler(self.manager, rig.account, self.drifts, lambda: self._elapsed)
        with desk.calling():
            self.reconciler.start()

    def crash(self) -> None:
        """End the process and start another on what is on file."""
        self.desk.restart()
        self._begin()

    def ask(self, lots: int = 10, *, rests: bool = True) -> Order:
        """Let a strategy ask to buy, with a limit below the market where the broker takes limits: the order it made."""
        desk = self.desk
        handling = Handling(validity=desk.validity)
        ticket = Ticket(handling=handling)
        if rests and OrderType.LIMIT in desk.can.types:
            ticket = Ticket(OrderType.LIMIT, limit=desk.price(-2), handling=handling)
        now = max(desk.rig.now(), self.manager.now)
        signal = Signal(
            source="conformance", key=f"{new_id()}-{next(_NUMBERS)}", strategy=STRATEGY, account=desk.rig.account,
            symbol=desk.rig.instrument.symbol, action=Action.TRADE, direction=Direction.LONG, bar_time=now,
            available_at=now, reference_price=desk.rig.price, size=SizeRequest(SizeRule.SHARES, desk.lots(lots)),
            ticket=ticket,
        )  # fmt: skip
        with desk.calling():
            made = self.manager.handle(signal)
        if not made:
            status, reason = self.repository.outcomes[signal.signal_id]
            raise WorkbenchError(f"the signal was {status}: {reason}")
        return self.repository.order(made[0].order_id)

    def cancel(self, order: Order) -> None:
        """Ask for a cancel."""
        with self.desk.calling():
            self.manager.cancel(order.order_id)

    def rounds(self, count: int = 3) -> None:
        """Let so many looks at the broker happen, each long after the one before."""
        self.desk.settle()
        for _ in range(count):
            self._elapsed += self.desk.can.listed_within + 60
            self.manager.now += timedelta(seconds=2)
            with self.desk.calling():
                self.reconciler.step()
                self.manager.monitor.look(self.desk.rig.account, {})

    def now(self, order: Order) -> Order:
        """The order as it is on file."""
        return self.repository.order(order.order_id)

    def state(self, order: Order) -> OrderState:
        """Where an order stands on file."""
        return self.now(order).state

    def held(self) -> Decimal:
        """The position on file."""
        return self.manager.ledger.position(self.desk.rig.account, STRATEGY, self.desk.rig.instrument.symbol).size

    @property
    def troubles(self) -> list[str]:
        """What could not be explained."""
        return [drift.words for drift in self.drifts.open(self.desk.rig.account)]
