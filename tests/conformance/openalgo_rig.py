"""The world of the OpenAlgo broker: a loopback server with a market in one share."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from workbench_plugins.openalgo_broker import OpenAlgoBroker

from workbench.model import Instrument
from workbench.ports import Broker
from workbench.testing.openalgo import OpenAlgoServer

KEY = "OPENALGO_CONFORMANCE_KEY"
TICK = Decimal("0.05")
ORDERS = ("placeorder", "modifyorder", "cancelorder")
QUESTIONS = ("orderbook", "tradebook", "positionbook", "funds")
HOW = {"drop_before": "drop_before", "drop_after": "drop_after", "server_error": "500_after", "hang": "hang",
       "rate_limit": "429"}  # fmt: skip
POLL = 0.08


class OpenAlgoRig:
    """Implements `BrokerRig` over HTTP on loopback, one client at a time; settings go to the broker."""

    account = "conformance"
    instrument = Instrument("NSE:SBIN", "INR", tick=TICK, lot=Decimal(1), venue="NSE")
    cash = Decimal(10_000_000)
    price = Decimal(100)
    patience = 4.0

    def __init__(self, server: OpenAlgoServer, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.server, self.settings = server, settings
        self.secrets = (server.api_key,)
        self.client: OpenAlgoBroker | None = None
        self._is_down = False
        monkeypatch.setenv(KEY, server.api_key)

    def make(self) -> Broker:
        """Another client, the one before closed."""
        self.close()
        plain: dict[str, Any] = {
            "url": self.server.url, "ws_url": "", "api_key_env": KEY, "account": self.account, "answer_within": 0.8,
            "poll_every": POLL,
        }  # fmt: skip
        self.client = OpenAlgoBroker(**(plain | self.settings))
        return self.client

    def close(self) -> None:
        """End the client's threads."""
        if self.client is not None:
            self.client.close()
            self.client = None

    def now(self) -> datetime:
        return datetime.now(UTC)

    def quote(self, price: Decimal) -> None:
        self.server.exchange.set_quote("SBIN", "NSE", price - TICK, price + TICK, price)

    def liquidity(self, size: Decimal | None) -> None:
        self.server.exchange.liquidity = size

    def end_day(self) -> None:
        raise NotImplementedError("the loopback exchange knows no end of the day")

    def fail(self, how: str) -> None:
        if how == "before_bytes":
            self.server.stop()
            self._is_down = True
        elif how == "refuse":
            self.server.quirks.late_rejections = False
            self.server.exchange.live.capital = Decimal(0)
        elif how == "session_expired":
            self.server.exchange.session_expired = True
        elif how == "queries":
            for endpoint in QUESTIONS:
                self.server.fail(endpoint, "500_before", times=500)
        else:
            for endpoint in ORDERS:
                self.server.fail(endpoint, HOW[how])

    def mend(self) -> None:
        if self._is_down:
            self.server.start()
            self._is_down = False
        self.server.quirks.late_rejections = True
        self.server.exchange.live.capital = self.cash
        self.server.exchange.session_expired = False
        self.server.faults.clear()
        self.server.release()

    def taken(self) -> list[str]:
        return [order.orderid for order in self.server.taken]

    def settle(self) -> None:
        """Deliver until the watch has asked the books once more from now, or cannot."""
        if self.client is None:
            return
        watch, ends = self.client._watch, time.monotonic() + 1.0
        wanted = watch.looks + 2  # the next to end may have begun before
        while watch.looks < wanted and time.monotonic() < ends:
            watch.nudge()
            time.sleep(0.005)
        self.client.deliver()
