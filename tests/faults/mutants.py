"""Order paths broken on purpose, each in a way that systems of this kind have been; the harness must find each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tests.faults.lives import Parts
from tests.faults.wire import WireBroker
from workbench.errors import BadInput, Refused
from workbench.gateway import Lost
from workbench.model import Order, OrderState
from workbench.ports import BrokerOrder, Execution
from workbench.trading import OrderManager, Reconciler
from workbench.trading.transitions import OrderEvent


class SavesAfterSending(OrderManager):
    """Sends first and writes it down afterwards."""

    def send(self, order: Order) -> Order:
        if order.state is not OrderState.READY:
            return order
        said: list[BrokerOrder] = []
        listener, self.broker.listener = self.broker.listener, _Keeps(said)  # type: ignore[attr-defined]
        try:
            self.broker.submit(order)
        except Exception:
            return order
        finally:
            self.broker.listener = listener  # type: ignore[attr-defined]
        self.step(order, OrderEvent.AUTHORISE)
        for report in said:
            self.answers.on_order(report)
        return self.repository.order(order.order_id)


class ShrugsAtTheDisk(OrderManager):
    """Sends although it could not write down that it will."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        authorise = self.repository.authorise

        def shrug(order: Order, now: datetime) -> str:
            try:
                return authorise(order, now)
            except BadInput:  # the disk would not take it
                return ""

        self.repository.authorise = shrug  # type: ignore[method-assign]


class _Keeps:
    def __init__(self, said: list[BrokerOrder]) -> None:
        self.said = said

    def on_order(self, report: BrokerOrder) -> None:
        self.said.append(report)

    def on_fill(self, execution: Execution) -> None: ...


class Retries(WireBroker):
    """Sends again what was not answered, as a client with retries does."""

    def submit(self, order: Order) -> None:
        for _ in range(3):
            try:
                super().submit(order)
                return
            except Lost:
                continue
        super().submit(order)


class TakesSilenceForRefusal(WireBroker):
    """Takes an order that was not answered for one that was refused."""

    def submit(self, order: Order) -> None:
        try:
            super().submit(order)
        except Lost as error:
            raise Refused(str(error)) from None


class TakesSilenceForNothing(WireBroker):
    """Takes a question that was not answered for the answer that there is nothing."""

    def orders(self) -> Sequence[BrokerOrder]:
        return self._or_nothing(super().orders)

    def fills(self) -> Sequence[Execution]:
        return self._or_nothing(super().fills)

    @staticmethod
    def _or_nothing(question: Callable[[], Sequence[Any]]) -> Sequence[Any]:
        try:
            return question()
        except Exception:
            return []


class CountsTwice(WireBroker):
    """Gives a fill another name each time it is told."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.told = 0

    def fills(self) -> Sequence[Execution]:
        self.told += 1
        return [replace(fill, fill_id=f"{fill.fill_id}#{self.told % 2}") for fill in super().fills()]


class NeverLooks(Reconciler):
    """Looks at the broker at start-up alone."""

    def step(self) -> bool:
        return False


class SendsAgainAtStart(OrderManager):
    """Takes at start-up whatever is in doubt for unsent."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        for order in self.repository.open_orders("a"):
            if order.state is OrderState.SENDING:
                order = self.step(order, OrderEvent.LOSE)
            if order.state is OrderState.UNKNOWN:
                self.send(self.step(order, OrderEvent.UNSENT))


class Impatient(Reconciler):
    """Takes an order that is not listed yet for one that never arrived."""

    def _for_long(self, order: Order, seconds: float, why: str = "") -> bool:
        return True


class TrustsItsState(OrderManager):
    """Forgets at start-up that what was being sent may have arrived."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        for order in self.repository.open_orders("a"):
            if order.state is OrderState.SENDING:
                self.step(order, OrderEvent.REJECT)


MUTANTS: dict[str, Parts] = {
    "save-after-send": Parts(manager=SavesAfterSending),
    "shrug-at-disk": Parts(manager=ShrugsAtTheDisk),
    "retry": Parts(broker=Retries),
    "silence-is-refusal": Parts(broker=TakesSilenceForRefusal),
    "silence-is-nothing": Parts(broker=TakesSilenceForNothing),
    "count-twice": Parts(broker=CountsTwice),
    "never-look": Parts(reconciler=NeverLooks),
    "send-again": Parts(manager=SendsAgainAtStart),
    "impatient": Parts(reconciler=Impatient, lag=0.045),
    "forget-sending": Parts(manager=TrustsItsState),
}
"""Each must be found out by the harness."""
