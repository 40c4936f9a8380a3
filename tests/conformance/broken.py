"""Brokers that are broken on purpose, each in one way: wrappers round the paper broker."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from workbench_plugins.paper_broker import PaperBroker

from workbench.errors import Refused
from workbench.model import Order, OrderState, OrderType, Position, new_id
from workbench.ports import (
    BrokerCapabilities,
    BrokerListener,
    BrokerOrder,
    Execution,
)


class Broken:
    """Passes everything on to a paper broker; a subclass breaks one thing."""

    can: dict[str, Any] = {}  # noqa: RUF012 - each subclass sets its own

    def __init__(self, book: Path) -> None:
        self.inner = PaperBroker(book=book)
        self.capabilities: BrokerCapabilities = replace(self.inner.capabilities, **self.can)
        self.listener: BrokerListener

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def connect(self, listener: BrokerListener) -> None:
        self.listener = listener
        self.inner.connect(self)

    def on_order(self, report: BrokerOrder) -> None:
        self.listener.on_order(report)

    def on_fill(self, execution: Execution) -> None:
        self.listener.on_fill(execution)


class TellsFillsTwice(Broken):
    """Reports each fill once more under a new id."""

    def on_fill(self, execution: Execution) -> None:
        self.listener.on_fill(execution)
        self.listener.on_fill(replace(execution, fill_id=execution.fill_id + "-again"))


class NumbersFillsByList(Broken):
    """Makes up the ids of fills anew for each list."""

    def fills(self) -> Sequence[Execution]:
        return [replace(f, fill_id=new_id()) for f in self.inner.fills()]


class LosesCancelAnswers(Broken):
    """Cancels, and never says so."""

    def on_order(self, report: BrokerOrder) -> None:
        if report.state is not OrderState.CANCELLED:
            self.listener.on_order(report)


class IgnoresCancels(Broken):
    """Says that it cancelled, and did not."""

    def cancel(self, order: Order) -> None:
        found = next(o for o in self.inner.orders() if o.client_order_id == order.client_order_id)
        self.listener.on_order(replace(found, state=OrderState.CANCELLED, reason="asked for"))


class TakesAnIdTwice(Broken):
    """Claims to dedupe, and takes a repeated id as another order."""

    def submit(self, order: Order) -> None:
        try:
            self.inner.submit(order)
        except Refused:
            self.inner.submit(replace(order, client_order_id=new_id(), order_id=new_id()))


class FillsAboveTheLimit(Broken):
    """Fills a limit order a tick worse than its limit."""

    def _worse(self, fill: Execution) -> Execution:
        order = next(o for o in self.inner.orders() if o.client_order_id == fill.client_order_id)
        return fill if order.limit is None else replace(fill, price=order.limit + fill.side.sign * Decimal("0.01"))

    def on_fill(self, execution: Execution) -> None:
        self.listener.on_fill(self._worse(execution))

    def fills(self) -> Sequence[Execution]:
        return [self._worse(fill) for fill in self.inner.fills()]


class TriggersEarly(Broken):
    """Waits for one percent less than it was asked to."""

    def submit(self, order: Order) -> None:
        near = None if order.level is None else order.level - order.side.sign * Decimal("1.50")
        self.inner.submit(order if order.type is not OrderType.STOP else replace(order, level=near))


class AnswersInAThread(Broken):
    """Tells of orders from a thread of its own."""

    def on_order(self, report: BrokerOrder) -> None:
        thread = threading.Thread(target=self.listener.on_order, args=(report,))
        thread.start()
        thread.join()


class AcknowledgesAfterTheFill(Broken):
    """Keeps its acknowledgement until the order has filled."""

    def __init__(self, book: Path) -> None:
        super().__init__(book)
        self.late: list[BrokerOrder] = []

    def on_order(self, report: BrokerOrder) -> None:
        if report.state is OrderState.ACKED:
            self.late.append(report)
        else:
            self.listener.on_order(report)

    def on_fill(self, execution: Execution) -> None:
        self.listener.on_fill(execution)
        while self.late:
            self.listener.on_order(self.late.pop())

    def deliver(self) -> bool:
        return False


class ForgetsAtRestart(Broken):
    """Lists only the orders that this process sent."""

    def __init__(self, book: Path) -> None:
        super().__init__(book)
        self.mine: set[str] = set()

    def submit(self, order: Order) -> None:
        self.inner.submit(order)
        self.mine.add(order.client_order_id)

    def orders(self) -> Sequence[BrokerOrder]:
        return [order for order in self.inner.orders() if order.client_order_id in self.mine]


class SignsPositionsWrongly(Broken):
    """Tells sizes without their sign."""

    def positions(self) -> Sequence[Position]:
        return [replace(p, size=abs(p.size)) for p in self.inner.positions()]


class TellsNaiveTimes(Broken):
    """Tells the time of a clock on the wall."""

    def fills(self) -> Sequence[Execution]:
        return [replace(f, time=f.time.replace(tzinfo=None)) for f in self.inner.fills()]


class TakesIndiaForUtc(Broken):
    """Tells India's time and calls it UTC."""

    def fills(self) -> Sequence[Execution]:
        return [replace(f, time=f.time + timedelta(hours=5, minutes=30)) for f in self.inner.fills()]


class TellsFloats(Broken):
    """Tells prices as floats."""

    def on_fill(self, execution: Execution) -> None:
        self.listener.on_fill(replace(execution, price=float(execution.price)))  # type: ignore[arg-type]


class TellsFloatTails(Broken):
    """Tells prices as Decimals of floats, tail and all."""

    def fills(self) -> Sequence[Execution]:
        return [replace(f, price=Decimal(float(f.price) + 1e-7)) for f in self.inner.fills()]


class ClaimsToBeSearchable(Broken):
    """Claims that ids come back, and gives none back."""

    can = {"resend": "searchable"}  # noqa: RUF012

    def orders(self) -> Sequence[BrokerOrder]:
        return [replace(order, client_order_id="") for order in self.inner.orders()]


class MakesIdsUp(Broken):
    """Claims to be blind, and gives back ids of its own invention."""

    can = {"resend": "blind"}  # noqa: RUF012

    def orders(self) -> Sequence[BrokerOrder]:
        return [replace(order, client_order_id=f"tag-{order.side}") for order in self.inner.orders()]


class CountsCashWrongly(Broken):
    """Rounds cash to ten thousands and still calls it exact."""

    def cash(self, account: str) -> Decimal:
        return self.inner.cash(account).quantize(Decimal("1E4"))


class TellsChangesItNeverMade(Broken):
    """Confirms a change, and leaves the order as it was."""

    def modify(self, order: Order) -> None:
        found = next(o for o in self.inner.orders() if o.client_order_id == order.client_order_id)
        self.listener.on_order(replace(found, size=order.size, limit=order.limit, level=order.level))


class ClampsNothing(Broken):
    """Claims protection, and sends exits as plain orders."""

    def submit(self, order: Order) -> None:
        self.inner.submit(replace(order, reduce_only=False, group=None) if order.reduce_only else order)


class ReportsNobodysOrder(Broken):
    """Leaves the name out of what it tells."""

    def on_fill(self, execution: Execution) -> None:
        self.listener.on_fill(replace(execution, client_order_id="", broker_id=""))
