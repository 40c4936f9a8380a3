"""Brokers that do what a test tells them to, what brokers report, and drifts and requests without a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from workbench.model import Order, OrderState, Position
from workbench.ports import (
    BrokerCapabilities,
    BrokerHealth,
    BrokerListener,
    BrokerOrder,
    Drift,
    Execution,
    Market,
    Request,
)


def report(order: Order, state: str = "acked", **more: Any) -> BrokerOrder:
    """What a broker says of one of our orders."""
    fields: dict[str, Any] = {"broker_id": f"b-{order.order_id}", "type": order.type, "limit": order.limit,
                              "level": order.level} | more  # fmt: skip
    return BrokerOrder(
        order.account, order.symbol, order.side, fields.pop("size", order.size), OrderState(state),
        order.client_order_id, **fields,
    )  # fmt: skip


def execution(order: Order, fill_id: str, size: Any = None, price: Any = 100, **more: Any) -> Execution:
    """A fill of one of our orders, as its broker reports it."""
    fields: dict[str, Any] = {"time": order.created_at, "fee": Decimal(0)} | more
    return Execution(
        fill_id, order.account, order.symbol, order.side, order.size if size is None else Decimal(size), Decimal(price),
        client_order_id=order.client_order_id, **fields,
    )  # fmt: skip


class ToldBroker:
    """Takes orders, changes and cancels; what it does with each is `on_submit`, `on_modify` and `on_cancel`.

    By default it takes all at once. What it lists is in `listed`, `made`, `held` and `money`; `silent` makes it raise.
    """

    def __init__(self, capabilities: BrokerCapabilities | None = None) -> None:
        self.capabilities = capabilities or BrokerCapabilities()
        self.market: Market | None = None
        self.sent: list[Order] = []
        self.cancelled: list[str] = []
        self.modified: list[Order] = []
        self.listed: list[BrokerOrder] = []
        self.made: list[Execution] = []
        self.held: list[Position] = []
        self.money = Decimal(10_000)
        self.silent: Exception | None = None
        self.objects = ""
        self.on_submit: Callable[[Order], object] = lambda order: self.listener.on_order(report(order))
        self.on_modify: Callable[[Order], object] = lambda order: self.listener.on_order(report(order))
        self.on_cancel: Callable[[Order], object] = lambda order: self.listener.on_order(
            report(order, "cancelled", reason="asked")
        )

    def connect(self, listener: BrokerListener) -> None:
        self.listener = listener

    def check(self, order: Order) -> str:
        return self.objects

    def submit(self, order: Order) -> None:
        self.sent.append(order)
        self.on_submit(order)

    def modify(self, order: Order) -> None:
        self.modified.append(order)
        self.on_modify(order)

    def cancel(self, order: Order) -> None:
        self.cancelled.append(order.order_id)
        self.on_cancel(order)

    def deliver(self) -> bool:
        return False

    def health(self) -> BrokerHealth:
        return BrokerHealth("paper")

    def close(self) -> None: ...

    def orders(self) -> Sequence[BrokerOrder]:
        return self._told(self.listed)

    def fills(self) -> Sequence[Execution]:
        return self._told(self.made)

    def positions(self) -> Sequence[Position]:
        return self._told(self.held)

    def cash(self, account: str) -> Decimal:
        return self._told([self.money])[0]

    def _told(self, what: list[Any]) -> list[Any]:
        if self.silent is not None:
            raise self.silent
        return list(what)


class MemoryDrifts:
    """Implements `workbench.ports.DriftBook` in memory."""

    def __init__(self) -> None:
        self.rows: list[Drift] = []
        self.last_look: tuple[str, Mapping[str, str]] = ("never", {})

    def see(self, account: str, about: str, symbol: str, words: str) -> bool:
        for nth, row in enumerate(self.rows):
            if (row.account, row.about, row.resolved_at) == (account, about, None):
                self.rows[nth] = replace(row, words=words, seen_at=datetime.now(UTC))
                return False
        now = datetime.now(UTC)
        self.rows.append(Drift(account, about, symbol, words, now, now))
        return True

    def resolve(self, account: str, about: str, by: str, resolution: str) -> bool:
        for nth, row in enumerate(self.rows):
            if (row.account, row.about, row.resolved_at) == (account, about, None):
                now = datetime.now(UTC)
                self.rows[nth] = replace(row, resolved_at=now, resolved_by=by, resolution=resolution)
                return True
        return False

    def known(self, account: str, about: str) -> bool:
        return any((row.account, row.about) == (account, about) for row in self.rows)

    def open(self, account: str | None = None) -> Sequence[Drift]:
        return [row for row in self.rows if row.resolved_at is None and account in (None, row.account)]

    def looked(self, account: str, trouble: str, facts: Mapping[str, str]) -> None:
        self.last_look = trouble, facts


def request(kind: str, body: Mapping[str, Any], number: str = "r1", account: str = "a", **more: Any) -> Request:
    """What a person asks for."""
    return Request(
        number, "app", f"key of {number}", account, kind, body, "ann", datetime.now(UTC), more.pop("epoch", 0), **more
    )
