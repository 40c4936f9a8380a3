"""Live: what the monitor reads of the trading database, all of it at one moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.bootstrap import Workbench
from workbench_apps.theme import NONE, clock, exact, number

if TYPE_CHECKING:
    from workbench.bootstrap.trading_desk import TradingDesk

LAST, POINTS = 300, 2_000
"""So many of the newest orders, fills and signals are shown; so many points of an equity curve."""

POSITIONS = {
    "account": "Account", "symbol": "Symbol", "size": "Size", "entry_price": "Entry price", "mark": "Last price",
    "value": "Value", "open_profit": "Open profit", "realised": "Realised profit", "currency": "Currency",
}  # fmt: skip
ORDERS = {
    "created_at": "Created (session clock, UTC)", "account": "Account", "strategy": "Strategy", "symbol": "Symbol",
    "side": "Side", "type": "Type", "size": "Size", "filled": "Filled", "limit": "Limit", "level": "Level",
    "state": "State", "took": "Took (ms)", "reason": "Reason",
}  # fmt: skip
FILLS = {
    "time": "Time (session clock, UTC)", "account": "Account", "symbol": "Symbol", "side": "Side",
    "raw_size": "Size as traded", "raw_price": "Price as traded", "size": "Size (adjusted)",
    "price": "Price (adjusted)", "fee": "Fee", "currency": "Currency", "cause": "Cause",
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
    fills: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Of the orders, by their ids."""
    looks: Sequence[Mapping[str, Any]] = ()
    """What `workbench reconcile` tells, an account each."""
    symbols: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What each account can trade, and its last price."""
    positions: pd.DataFrame = field(default_factory=lambda: frame_of([], "key", POSITIONS))
    order_rows: pd.DataFrame = field(default_factory=lambda: frame_of([], "order_id", ORDERS))
    fill_rows: pd.DataFrame = field(default_factory=lambda: frame_of([], "fill_id", FILLS))
    signal_rows: pd.DataFrame = field(default_factory=lambda: frame_of([], "signal_id", SIGNALS))


def snapshot(bench: Workbench) -> Snapshot:
    """Read it all."""
    desk = bench.trading
    accounts = desk.accounts()
    currency = {account["account"]: account["currency"] for account in accounts}
    orders = {order["order_id"]: order for order in reversed(desk.orders(last=LAST))}
    newest = desk.fills(last=LAST)
    fills: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for fill in newest:
        fills[fill["order_id"]].append(fill)
    return Snapshot(
        desk.status(),
        accounts,
        {account["account"]: _curve(desk.session_book.equity(account["account"], POINTS)) for account in accounts},
        orders,
        fills,
        desk.by_hand.reconciliation(),
        {account["account"]: _symbols(desk, account["account"]) for account in accounts},
        frame_of([_position(row, currency) for row in desk.positions()], "key", POSITIONS),
        frame_of([_order(row) for row in orders.values()], "order_id", ORDERS),
        frame_of([_fill(row, currency) for row in reversed(newest)], "fill_id", FILLS),
        frame_of([signal_row(row, orders) for row in reversed(desk.signals(last=LAST))], "signal_id", SIGNALS),
    )


def _symbols(desk: TradingDesk, account: str) -> dict[str, str]:
    marks = desk.session_book.marks(account)
    names = desk.session_book.symbols(account)
    return {name: exact(marks.get(name), 2) for name in [*names, *(n for n in sorted(marks) if n not in names)]}


def frame_of(rows: Sequence[Mapping[str, Any]], key: str, titles: Mapping[str, str]) -> pd.DataFrame:
    """Rows as a frame with a column `key`, its other columns in the order of their titles."""
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
    prices = {name: exact(row[name], 2) for name in ("limit", "level")}
    took = number(row["latency_ms"].get("total"), 1)
    created = clock(row["created_at"], zone=False)
    return {**row, **sizes, **prices, "type": row["type"].replace("_", " "), "took": took, "created_at": created}


def _fill(row: Mapping[str, Any], currency: Mapping[str, str]) -> dict[str, Any]:
    shown = {name: exact(row[name]) for name in ("size", "raw_size")}
    shown |= {name: exact(row[name], 2) for name in ("price", "raw_price")} | {"fee": number(row["fee"])}
    return {**row, **shown, "time": clock(row["time"], zone=False), "currency": currency.get(row["account"], NONE)}


def signal_row(row: Mapping[str, Any], orders: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A signal's row; what it wants is said by its alert, else by the orders it led to."""
    alert, led = row["alert"] or {}, [orders[name] for name in row["order_ids"] if name in orders]
    wants = [" ".join(str(alert[name]) for name in ("action", "quantity", "ticker") if alert.get(name) is not None)]
    if not any(wants):
        wants = [f"{order['side']} {exact(order['size'])} {order['symbol']}" for order in led]
    received = clock(row["received_at"], zone=False)
    risk = row["risk"]
    loss = f" · {number(risk['largest_loss'])}" if risk["level"] in ("low", "medium", "high") else ""
    told = {"received_at": received, "risk": f"{risk['level']}{loss}", "what": ", ".join(wants) or NONE}
    return {**row, **told, "orders": len(row["order_ids"])}
