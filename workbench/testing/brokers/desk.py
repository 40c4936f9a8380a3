"""Desk: one client of the broker under test, what it told, and orders in a line each."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn

import pytest

from workbench.model import (
    FINAL,
    Handling,
    Order,
    OrderState,
    OrderType,
    Rounding,
    Side,
    Validity,
)
from workbench.ports import BrokerCapabilities, BrokerListener, BrokerOrder, Execution
from workbench.testing.brokers.claims import claims_of
from workbench.testing.brokers.rig import BrokerRig

BUY, SELL = Side.BUY, Side.SELL
STRATEGY = "conformance"


class Ear:
    """A listener that keeps all it is told, and notes what it is told at the wrong time or in the wrong thread."""

    def __init__(self) -> None:
        self.orders: list[BrokerOrder] = []
        self.fills: list[Execution] = []
        self.told: list[BrokerOrder | Execution] = []
        self.stray: list[str] = []
        self.also: BrokerListener | None = None
        """Who is told too."""
        self.calls = 0
        """How many calls into the broker are under way."""
        self._thread = threading.get_ident()

    def on_order(self, report: BrokerOrder) -> None:
        self._hear(report)
        self.orders.append(report)
        if self.also is not None:
            self.also.on_order(report)

    def on_fill(self, execution: Execution) -> None:
        self._hear(execution)
        self.fills.append(execution)
        if self.also is not None:
            self.also.on_fill(execution)

    def _hear(self, what: BrokerOrder | Execution) -> None:
        if threading.get_ident() != self._thread:
            self.stray.append(f"in a thread of the broker's own: {what}")
        elif not self.calls:
            self.stray.append(f"outside any call: {what}")
        self.told.append(what)


class Desk:
    """What a case works with: the rig, a connected broker, and everything that was told.

    Prices are percents away from the rig's first price, sizes are lots.
    """

    def __init__(self, rig: BrokerRig, name: str = "") -> None:
        self.rig, self.name = rig, name
        self.proving: list[str] = []
        self.names: dict[str, str] = {}
        """The broker's names for orders of ours, by client order id."""
        self.sent: dict[str, Order] = {}
        rig.quote(rig.price)
        self.ear, self.broker = Ear(), rig.make()
        self.broker.connect(self.ear)
        rig.quote(rig.price)

    # ---- what it may do ----------------------------------------------------------------------------------------------

    @property
    def can(self) -> BrokerCapabilities:
        """What the broker claims."""
        return self.broker.capabilities

    def proves(self, *claims: str) -> None:
        """Say which claims this case proves; it is skipped where the broker does not claim them all."""
        claimed = claims_of(self.can)
        for claim in claims:
            if claim not in claimed:
                self.skip(f"not claimed: {claim}")
        self.proving += claims

    def skip(self, why: str) -> NoReturn:
        """Skip this case."""
        pytest.skip(why)

    def world(self, act: Callable[[], Any]) -> Any:
        """Ask something of the rig; the case is skipped where its world cannot do it."""
        try:
            return act()
        except NotImplementedError as error:
            self.skip(f"this world cannot: {error or 'no reason given'}")

    def fail(self, how: str) -> None:
        """Let the next order request go wrong."""
        self.world(lambda: self.rig.fail(how))

    def taken(self) -> list[str]:
        """A name for each order the broker ever took."""
        return list(self.world(self.rig.taken))

    def restart(self) -> None:
        """Go on as a new process would: with another client, that knows nothing."""
        self.broker = self.world(self.rig.make)
        self.ear = Ear()
        with self.calling():
            self.broker.connect(self.ear)

    # ---- time and the market -----------------------------------------------------------------------------------------

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Inside, the broker may speak to its listener."""
        self.ear.calls += 1
        try:
            yield
        finally:
            self.ear.calls -= 1
            for report in self.ear.orders:
                if report.client_order_id and report.broker_id:
                    self.names.setdefault(report.client_order_id, report.broker_id)

    def price(self, percent: float | int) -> Decimal:
        """The price so many percent away from the first one, on the tick grid."""
        raw = self.rig.price * (1 + Decimal(str(percent)) / 100)
        return self.rig.instrument.round_price(raw, Rounding.NEAREST)

    def lots(self, count: int) -> Decimal:
        """So many lots, in units."""
        return (self.rig.instrument.lot or Decimal(1)) * count

    def quote(self, percent: float | int) -> None:
        """Move the market to so many percent from its first price."""
        with self.calling():
            self.rig.quote(self.price(percent))

    def settle(self) -> None:
        """Let arrive what is on its way."""
        with self.calling():
            self.rig.settle()

    def until(self, what: str, is_so: Callable[[], Any]) -> None:
        """Deliver until something is so; red when the rig's patience is over."""
        ends = time.monotonic() + self.rig.patience
        while not is_so():
            assert time.monotonic() < ends, f"not within {self.rig.patience:g} s: {what}; told: {self.ear.told}"
            with self.calling():
                self.broker.deliver()
            time.sleep(0.005)

    # ---- orders ------------------------------------------------------------------------------------------------------

    @property
    def validity(self) -> Validity:
        """One that rests."""
        return next((v for v in (Validity.GTC, Validity.DAY) if v in self.can.validities), Validity.GTC)

    def order(self, side: Side = BUY, lots: int = 10, **more: Any) -> Order:
        """An order as the order manager would send it: a market order of ten lots unless told otherwise."""
        now: datetime = self.rig.now()
        handling = more.pop("handling", None) or Handling(validity=more.pop("validity", self.validity))
        fields: dict[str, Any] = {
            "signal_id": "conformance", "client_order_id": str(uuid.uuid4()), "strategy": STRATEGY,
            "account": self.rig.account, "symbol": self.rig.instrument.symbol, "side": side, "size": self.lots(lots),
            "created_at": now, "handling": handling, "state": OrderState.SENDING,
        }  # fmt: skip
        return Order(**(fields | more))

    def limit(self, side: Side = BUY, percent: float | int = -2, lots: int = 10, **more: Any) -> Order:
        """A limit order; skipped where the broker takes none."""
        if OrderType.LIMIT not in self.can.types:
            self.skip("not claimed: type:limit, and this case needs an order that rests")
        return self.order(side, lots, type=OrderType.LIMIT, limit=self.price(percent), **more)

    def submit(self, order: Order) -> None:
        """Send an order, whatever comes of it."""
        self.sent[order.client_order_id] = order
        with self.calling():
            self.broker.submit(order)

    def send(self, order: Order) -> Order:
        """Send an order and wait until it is acknowledged; the order with its broker's name for it."""
        self.submit(order)
        self.until("an acknowledgement", lambda: order.client_order_id in self.names or self.told_of(order))
        return self.now(order)

    def cancel(self, order: Order) -> None:
        """Ask for a cancel."""
        with self.calling():
            self.broker.cancel(self.now(order))

    def modify(self, order: Order) -> None:
        """Ask for a change."""
        with self.calling():
            self.broker.modify(self.now(order))

    def trade(self, order: Order) -> list[Execution]:
        """Send an order that trades at once, and wait until it has: its fills."""
        self.send(order)
        self.quote(0)
        return self.filled(order)

    def filled(self, order: Order) -> list[Execution]:
        """Wait until an order is filled, told and listed: its fills as they were told."""

        def told() -> Decimal:
            return sum((f.size for f in self.told_fills(order)), Decimal(0))

        self.until(f"fills of {order.size}", lambda: told() >= order.size)
        self.until("the order listed as filled", lambda: self.state(order) is OrderState.FILLED)
        return self.told_fills(order)

    def hold(self, lots: int, side: Side = BUY) -> list[Execution]:
        """Come to hold so much, by a market order."""
        return self.trade(self.order(side, lots))

    def cover(self, side: Side, lots: int = 10) -> None:
        """Hold what an order of a side may sell, so that brokers without shorts can be asked too."""
        if side is SELL:
            self.hold(lots)

    # ---- what is known of an order -----------------------------------------------------------------------------------

    def now(self, order: Order) -> Order:
        """The order with what the broker calls it."""
        return replace(order, broker_id=self.names.get(order.client_order_id, "") or order.broker_id)

    def is_of(self, order: Order, one: BrokerOrder | Execution) -> bool:
        """Whether something told or listed is of an order."""
        if one.client_order_id:
            return one.client_order_id == order.client_order_id
        return bool(one.broker_id) and one.broker_id == self.now(order).broker_id

    def told_of(self, order: Order) -> list[BrokerOrder]:
        """What was told of an order."""
        return [one for one in self.ear.orders if self.is_of(order, one)]

    def told_fills(self, order: Order) -> list[Execution]:
        """The fills of an order that were told."""
        return [one for one in self.ear.fills if self.is_of(order, one)]

    def fills(self, order: Order) -> list[Execution]:
        """The fills of an order that are listed."""
        return [one for one in self.broker.fills() if self.is_of(order, one)]

    def listed(self, order: Order) -> BrokerOrder | None:
        """An order as it is listed; None where it is not. Red where it is listed twice."""
        found = [one for one in self.broker.orders() if self.is_of(order, one)]
        assert len(found) <= 1, f"one order is listed {len(found)} times: {found}"
        return found[0] if found else None

    def state(self, order: Order) -> OrderState | None:
        """Where an order stands by the list."""
        found = self.listed(order)
        return found.state if found else None

    def has_ended(self, order: Order) -> bool:
        """Whether the list says that an order is over."""
        state = self.state(order)
        return state is not None and state in FINAL

    def held(self) -> Decimal:
        """The signed position in the instrument, netted."""
        mine = [p for p in self.broker.positions() if p.symbol == self.rig.instrument.symbol]
        return sum((p.size for p in mine), Decimal(0))
