"""Live: what the monitor reads of the trading database, all of it at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from workbench.bootstrap import Workbench
from workbench_apps.theme import NONE, clock, exact, number

LAST, POINTS = 300, 2_000
"""So many of the newest orders, fills and signals are shown; so many points of an equity curve."""

POSITIONS = {
    "account": "Account", "symbol": "Symbol", "size": "Size", "entry_price": "Entry price", "mark": "Last price",
    "value": "Value", "open_profit": "Open profit", "realised": "Realised profit", "currency": "Currency",
}  # fmt: skip
ORDERS = {
    "created_at": "Created (session clock, UTC)", "account": "Account", "symbol": "Symbol", "side": "Side",
    "type": "Type", "size": "Size", "filled": "Filled", "level": "Level", "state": "State", "reason": "Reason",
}  # fmt: skip
FILLS = {
    "time": "Time (session clock, UTC)", "account": "Account", "symbol": "Symbol", "side": "Side", "size": "Size",
    "price": "Price", "fee": "Fee", "currency": "Currency", "cause": "Cause",
}  # fmt: skip
SIGNALS = {
    "received_at": "Received (UTC)", "strategy": "Strategy", "source": "Source", "what": "Wants", "status": "Status",
    "orders": "Orders", "reason": "Reason",
}  # fmt: skip


@dataclass(frozen=True)
class Snapshot:
    """Everything the monitor shows; tables newest first, amounts already written out."""

    status: Mapping[str, Any]
    accounts: Sequence[Mapping[str, Any]]
    equity: Mapping[str, tuple[list[float], list[float]]]
    orders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    positions: pd.DataFrame = field(default_factory=lambda: _frame([], "key", POSITIONS))
    order_rows: pd.DataFrame = field(default_factory=lambda: _frame([], "order_id", ORDERS))
    fill_rows: pd.DataFrame = field(default_factory=lambda: _frame([], "fill_id", FILLS))
    signal_rows: pd.DataFrame = field(default_factory=lambda: _frame([], "signal_id", SIGNALS))


def snapshot(bench: Workbench) -> Snapshot:
    """Read it all."""
    desk = bench.trading
    accounts = desk.accounts()
    currency = {account["account"]: account["currency"] for account in accounts}
    orders = {order["order_id"]: order for order in reversed(desk.orders(last=LAST))}
    return Snapshot(
        desk.status(),
        accounts,
        {account["account"]: _curve(desk.session_book.equity(account["account"], POINTS)) for account in accounts},
        orders,
        _frame([_position(row, currency) for row in desk.positions()], "key", POSITIONS),
        _frame([_order(row) for row in orders.values()], "order_id", ORDERS),
        _frame([_fill(row, currency) for row in reversed(desk.fills(last=LAST))], "fill_id", FILLS),
        _frame([_signal(row, orders) for row in reversed(desk.signals(last=LAST))], "signal_id", SIGNALS),
    )


def _frame(rows: Sequence[Mapping[str, Any]], key: str, titles: Mapping[str, str]) -> pd.DataFrame:
    names = [key, *titles]
    return pd.DataFrame([[row[name] for name in names] for row in rows], columns=["key", *titles], dtype=object)


def _curve(points: Sequence[tuple[Any, Any]]) -> tuple[list[float], list[float]]:
    return [at.timestamp() * 1000 for at, _ in points], [float(equity) for _, equity in points]


def _position(row: Mapping[str, Any], currency: Mapping[str, str]) -> dict[str, Any]:
    money = {name: number(row[name]) for name in ("value", "open_profit", "realised")}
    prices = {name: exact(row[name], 2) for name in ("entry_price", "mark")}
    unit = {"currency": currency.get(row["account"], NONE), "key": f"{row['account']} {row['symbol']}"}
    return {**row, **money, **prices, **unit, "size": exact(row["size"])}


def _order(row: Mapping[str, Any]) -> dict[str, Any]:
    sizes = {name: exact(row[name]) for name in ("size", "filled")}
    return {**row, **sizes, "level": exact(row["level"], 2), "created_at": clock(row["created_at"], zone=False)}


def _fill(row: Mapping[str, Any], currency: Mapping[str, str]) -> dict[str, Any]:
    shown = {"size": exact(row["size"]), "price": exact(row["price"], 2), "fee": number(row["fee"])}
    return {**row, **shown, "time": clock(row["time"], zone=False), "currency": currency.get(row["account"], NONE)}


def _signal(row: Mapping[str, Any], orders: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A signal's row; what it wants is said by its alert, else by the orders it led to."""
    alert, led = row["alert"] or {}, [orders[name] for name in row["order_ids"] if name in orders]
    wants = [" ".join(str(alert[name]) for name in ("action", "quantity", "ticker") if alert.get(name) is not None)]
    if not any(wants):
        wants = [f"{order['side']} {exact(order['size'])} {order['symbol']}" for order in led]
    received = clock(row["received_at"], zone=False)
    return {**row, "received_at": received, "what": ", ".join(wants) or NONE, "orders": len(row["order_ids"])}
