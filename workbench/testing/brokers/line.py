"""Line: a connection that breaks on demand, before a broker that runs in this process and has none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from workbench.errors import NotSent, Refused
from workbench.model import Bar, Instrument, Order, Position
from workbench.ports import (
    BarBroker,
    BrokerCapabilities,
    BrokerHealth,
    BrokerListener,
    BrokerOrder,
    ClosingBroker,
    Execution,
)
from workbench.testing.brokers.rig import FAULTS

T = TypeVar("T")
_LASTING = ("session_expired", "queries")


class Faults:
    """What goes wrong next, shared by the lines of one rig."""

    def __init__(self) -> None:
        self.next = ""
        self.lasting = ""

    def fail(self, how: str) -> None:
        """Let something go wrong; ValueError names what there is."""
        if how not in FAULTS:
            raise ValueError(f"{how!r} is no fault; there are {', '.join(FAULTS)}")
        if how in _LASTING:
            self.lasting = how
        else:
            self.next = how

    def mend(self) -> None:
        """Let nothing go wrong any more."""
        self.next = self.lasting = ""

    def take(self) -> str:
        """What goes wrong with the request that is made now."""
        found, self.next = self.next, ""
        return found or ("session_expired" if self.lasting == "session_expired" else "")


class FaultyLine:
    """Implements `BarBroker` by passing all on to one, over a line with faults.

    It shows what becomes of orders around a broker; that a client of a real line tells its faults apart, only a rig
    with a real line can show.
    """

    def __init__(self, broker: BarBroker, faults: Faults) -> None:
        self.behind, self._faults = broker, faults
        self._listener: BrokerListener | None = None
        self._deaf = False

    market = None

    def close(self) -> None:
        """Close the broker behind it."""
        self.behind.close()

    @property
    def capabilities(self) -> BrokerCapabilities:
        """What the broker behind it claims now."""
        return self.behind.capabilities

    @capabilities.setter
    def capabilities(self, claimed: BrokerCapabilities) -> None:
        self.behind.capabilities = claimed

    def connect(self, listener: BrokerListener) -> None:
        self._listener = listener
        self.behind.connect(self)

    def on_order(self, report: BrokerOrder) -> None:
        if self._listener is not None and not self._deaf:
            self._listener.on_order(report)

    def on_fill(self, execution: Execution) -> None:
        if self._listener is not None and not self._deaf:
            self._listener.on_fill(execution)

    def open_account(self, account: str, cash: Decimal, instruments: Iterable[Instrument]) -> None:
        self.behind.open_account(account, cash, instruments)

    def trade_bars(self, bars: Mapping[str, Bar]) -> None:
        self.behind.trade_bars(bars)

    def close_bars(self, bars: Mapping[str, Bar]) -> None:
        if isinstance(self.behind, ClosingBroker):
            self.behind.close_bars(bars)

    def check(self, order: Order) -> str:
        return self.behind.check(order)

    def submit(self, order: Order) -> None:
        self._send(lambda: self.behind.submit(order))

    def modify(self, order: Order) -> None:
        self._send(lambda: self.behind.modify(order))

    def cancel(self, order: Order) -> None:
        self._send(lambda: self.behind.cancel(order))

    def deliver(self) -> bool:
        return self.behind.deliver()

    def orders(self) -> Sequence[BrokerOrder]:
        return self._ask(self.behind.orders)

    def fills(self) -> Sequence[Execution]:
        return self._ask(self.behind.fills)

    def positions(self) -> Sequence[Position]:
        return self._ask(self.behind.positions)

    def cash(self, account: str) -> Decimal:
        return self._ask(lambda: self.behind.cash(account))

    def health(self) -> BrokerHealth:
        found = self.behind.health()
        return replace(found, is_connected=False, trouble=self._faults.lasting) if self._faults.lasting else found

    def _send(self, act: Callable[[], None]) -> None:
        how = self._faults.take()
        if how == "before_bytes":
            raise NotSent("no connection: nothing was sent")
        if how in ("refuse", "rate_limit", "session_expired"):
            words = {"refuse": "the risk desk says no", "rate_limit": "too many requests (rate limit)"}
            raise Refused(words.get(how, "session expired: log in again"))
        if how in ("drop_after", "server_error", "hang"):
            self._deaf = True
            try:
                with suppress(Refused):  # that answer is lost too
                    act()
            finally:
                self._deaf = False
        if how:
            raise TimeoutError("no answer") if how == "hang" else ConnectionError("the connection broke")
        act()

    def _ask(self, question: Callable[[], T]) -> T:
        if self._faults.lasting:
            raise ConnectionError(f"no answer: {self._faults.lasting}")
        return question()
