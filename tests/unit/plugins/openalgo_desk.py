"""A desk at a loopback OpenAlgo server: a broker, what it told, orders in a line each."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from workbench_plugins.openalgo_broker import OpenAlgoBroker

from workbench.model import Handling, Order, OrderState, Side, Validity
from workbench.ports import BrokerOrder, Execution
from workbench.testing.openalgo import OpenAlgoServer, Quirks

D = Decimal
KEY = "OPENALGO_TEST_KEY"
BUY, SELL = Side.BUY, Side.SELL
NUMBERS = itertools.count(1)
DAY = Handling(validity=Validity.DAY)


class Desk:
    """A connected broker, and everything it reported, in order."""

    def __init__(self, server: OpenAlgoServer, broker: OpenAlgoBroker) -> None:
        self.server, self.broker = server, broker
        self.told: list[BrokerOrder | Execution] = []

    def on_order(self, report: BrokerOrder) -> None:
        self.told.append(report)

    def on_fill(self, execution: Execution) -> None:
        self.told.append(execution)

    @property
    def fills(self) -> list[Execution]:
        return [one for one in self.told if isinstance(one, Execution)]

    @property
    def states(self) -> list[str]:
        return [one.state.value for one in self.told if isinstance(one, BrokerOrder)]

    def until(self, is_so: Callable[[], Any], within: float = 5.0) -> None:
        """Deliver until something is so."""
        ends = time.monotonic() + within
        while not is_so():
            assert time.monotonic() < ends, f"told only {self.told}; {self.broker.health().trouble}"
            self.broker.deliver()
            time.sleep(0.005)

    def submit(self, side: Side = BUY, size: Any = 10, **more: Any) -> BrokerOrder:
        """Send an order and hand back its acknowledgement."""
        self.broker.submit(order(side, size, **more))
        last = self.told[-1]
        assert isinstance(last, BrokerOrder)
        assert last.state is OrderState.ACKED
        return last


def order(side: Side = BUY, size: Any = 10, symbol: str = "NSE:SBIN", **more: Any) -> Order:
    more.setdefault("handling", DAY)
    for name in ("limit", "level"):
        if name in more:
            more[name] = D(str(more[name]))
    client = more.pop("client_order_id", f"0190-client-{next(NUMBERS)}")
    return Order("signal", client, "strategy", "a", symbol, side, D(str(size)), datetime.now(UTC), **more)


@contextmanager
def desk(monkeypatch: pytest.MonkeyPatch, quirks: Quirks | None = None, **settings: Any) -> Iterator[Desk]:
    """A server with a market in SBIN, and a broker connected to it."""
    with OpenAlgoServer(quirks) as server:
        monkeypatch.setenv(KEY, server.api_key)
        server.exchange.set_quote("SBIN", "NSE", "99.95", "100.05", "100")
        if settings.pop("sandbox", False):
            server.exchange.analyze = True
        plain = {"ws_url": server.ws_url, "account": "a", "answer_within": 2.0, "poll_every": 0.2}
        broker = OpenAlgoBroker(url=server.url, api_key_env=KEY, **(plain | settings))
        made = Desk(server, broker)
        broker.connect(made)
        if settings.get("ws_url") != "":
            made.until(lambda: broker._stream is not None and broker._stream.carries_orders)
        try:
            yield made
        finally:
            broker.close()
