"""The client of the fault harness's broker: a `workbench.ports.Broker` over `workbench.gateway.Http`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from workbench.errors import Refused
from workbench.gateway import Http, Lost
from workbench.model import Order, OrderState, OrderType, Position, Side, Validity
from workbench.ports import BrokerCapabilities, BrokerHealth, BrokerListener, BrokerOrder, Execution

ACCOUNT = "a"
PATIENCE = 0.12
"""Seconds a request may take."""


class WireBroker:
    """Speaks to the exchange; `point` is called wherever the process may be killed."""

    market = None

    def __init__(self, port: int, mode: str, listed_within: float, point: Callable[[], None] = lambda: None) -> None:
        self.capabilities = BrokerCapabilities(
            resend=mode,
            types=frozenset({OrderType.MARKET, OrderType.LIMIT}),
            validities=frozenset({Validity.GTC, Validity.DAY}),
            shorts=True,
            listed_within=listed_within,
        )
        self._http = Http(f"http://127.0.0.1:{port}", connect_within=PATIENCE, answer_within=PATIENCE)
        self._point, self._after = point, 0

    def connect(self, listener: BrokerListener) -> None:
        self.listener = listener

    def check(self, order: Order) -> str:
        return ""

    def submit(self, order: Order) -> None:
        self._point()
        body = {"client_id": order.client_order_id, "symbol": order.symbol, "side": order.side.value,
                "size": int(order.size), "type": order.type.value, "limit": str(order.limit or "")}  # fmt: skip
        answer = self._ask("/submit", body)
        self._point()
        self.listener.on_order(self._report(order, OrderState.ACKED, answer["broker_id"]))

    def modify(self, order: Order) -> None:
        raise Refused("this broker changes nothing")

    def cancel(self, order: Order) -> None:
        self._point()
        self._ask("/cancel", {"broker_id": order.broker_id})
        self._point()
        self.listener.on_order(self._report(order, OrderState.CANCELLED, order.broker_id, "asked for"))

    def deliver(self) -> bool:
        try:
            told = self._ask("/events", {"after": self._after})
        except Exception:
            return False  # a stream that is cut tells nothing; the next look finds what it lost
        self._after = told["next"]
        for event in told["events"]:
            self.listener.on_fill(_execution(event))
        return bool(told["events"])

    def orders(self) -> Sequence[BrokerOrder]:
        return [
            BrokerOrder(
                ACCOUNT,
                o["symbol"],
                Side(o["side"]),
                Decimal(o["size"]),
                OrderState(o["state"]),
                o["client_id"],
                o["broker_id"],
                OrderType(o["type"]),
                Decimal(o["limit"]) if o["limit"] else None,
                None,
                Decimal(o["filled"]),
                "",
            )
            for o in self._ask("/orders", {})["orders"]
        ]

    def fills(self) -> Sequence[Execution]:
        return [_execution(fill) for fill in self._ask("/orders", {})["fills"]]

    def positions(self) -> Sequence[Position]:
        told = self._ask("/books", {})["positions"]
        return [Position(ACCOUNT, "", symbol, Decimal(size)) for symbol, size in told.items() if size]

    def cash(self, account: str) -> Decimal:
        return Decimal(self._ask("/books", {})["cash"])

    def health(self) -> BrokerHealth:
        return BrokerHealth("sandbox")

    def close(self) -> None: ...

    def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.send("POST", path, json.dumps(body).encode())
        if answer.status == 429:  # known to be a refusal before anything was done
            raise Refused("too many requests")
        if answer.status in (400, 404, 409):
            raise Refused(json.loads(answer.body)["error"])
        try:
            told = json.loads(answer.body)
        except ValueError:
            told = None
        if answer.status != 200 or not isinstance(told, dict):
            raise Lost(f"status {answer.status}: whether it was taken is unknown")
        return told

    def _report(self, order: Order, state: OrderState, broker_id: str, reason: str = "") -> BrokerOrder:
        return BrokerOrder(
            order.account, order.symbol, order.side, order.size, state, order.client_order_id, broker_id, order.type,
            order.limit, order.level, None, reason,
        )  # fmt: skip


def _execution(event: dict[str, Any]) -> Execution:
    side, size, price = Side(event["side"]), Decimal(event["size"]), Decimal(event["price"])
    return Execution(
        event["fill_id"], ACCOUNT, event["symbol"], side, size, price, Decimal(event["fee"]),
        datetime.fromtimestamp(event["at"], UTC), event["client_id"], event["broker_id"],
    )  # fmt: skip
