"""The endpoints that tell of an account: order, trade and position books, holdings, funds, modes, margin.

Live shapes are Zerodha's mapping (broker/zerodha/mapping/order_data.py, api/funds.py) behind the rounding of
services/*_service.py, or those of the documents for the dialect "angel"; sandbox shapes are sandbox/*_manager.py.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from workbench.testing.openalgo.answers import BROKER, Answer, Body, error, plain, success, two
from workbench.testing.openalgo.book import Position, leverage
from workbench.testing.openalgo.exchange import Exchange
from workbench.testing.openalgo.values import IST, MASTER, ZERO, Order, Ticket, Trade


def _stamp(exchange: Exchange, at: datetime, *, trade: bool = False) -> str:
    """A time as text in India's time, without a zone; one broker's trade book drops the date."""
    if exchange.analyze or exchange.quirks.dialect == "zerodha":
        return f"{at.astimezone(IST):%Y-%m-%d %H:%M:%S}"
    return f"{at.astimezone(IST):%H:%M:%S}" if trade else f"{at.astimezone(IST):%d-%b-%Y %H:%M:%S}"


def order_row(exchange: Exchange, order: Order) -> Body:
    """A row of the order book; live it tells neither what was filled, nor at what price, nor why it was rejected."""
    ticket = order.ticket
    row: Body = {
        "action": ticket.action,
        "symbol": ticket.symbol,
        "exchange": ticket.exchange,
        "orderid": order.orderid,
        "product": ticket.product,
        "price": 0.0 if ticket.pricetype == "MARKET" else two(ticket.price),
        "trigger_price": two(ticket.trigger_price),
        "pricetype": ticket.pricetype,
        "order_status": order.status,
        "timestamp": _stamp(exchange, order.at),
    }
    if exchange.analyze:
        return row | {
            "quantity": plain(ticket.quantity),
            "average_price": float(order.average),
            "filled_quantity": plain(order.filled),
            "pending_quantity": 0 if order.status == "rejected" else plain(order.left),
            "rejection_reason": order.reason,
            "strategy": ticket.strategy,
        }
    # orderbook_service.format_order_data rounds every number, the quantity too: 0.001 of a coin reads 0.0.
    row["quantity"] = f"{ticket.quantity:f}" if exchange.quirks.dialect == "angel" else two(ticket.quantity)
    return row | ({"strategy": ticket.strategy} if exchange.quirks.echo_tag else {})


def _orderbook(exchange: Exchange, body: Body) -> Answer:
    orders = list(exchange.book.orders.values())
    if exchange.analyze:
        orders.reverse()
    counts = {f"total_{side.lower()}_orders": sum(o.ticket.action == side for o in orders) for side in ("BUY", "SELL")}
    for status, name in (("complete", "completed"), ("open", "open"), ("rejected", "rejected")):
        counts[f"total_{name}_orders"] = sum(order.status == status for order in orders)
    return _told(exchange, {"orders": [order_row(exchange, order) for order in orders], "statistics": counts})


def _orderstatus(exchange: Exchange, body: Body) -> Answer:
    """One order; live its average price is that of its first trade, and 0 until it is complete."""
    mode = {"mode": "analyze"} if exchange.analyze else {}
    order = exchange.book.orders.get(body["orderid"])
    if order is None:
        return error(404, f"Order {body['orderid']} not found", **mode)
    row = order_row(exchange, order)
    if exchange.analyze:
        del row["rejection_reason"]
        row["price_type"] = row.pop("pricetype")
        return success(data=row, **mode)
    first = next((trade.price for trade in exchange.book.trades if trade.orderid == order.orderid), ZERO)
    return success(data=row | {"average_price": two(first) if order.status == "complete" else 0.0})


def trade_row(exchange: Exchange, trade: Trade) -> Body:
    ticket, mapped = trade.ticket, exchange.quirks
    row: Body = {
        "action": ticket.action,
        "symbol": ticket.symbol,
        "exchange": ticket.exchange,
        "orderid": trade.orderid,
        "product": ticket.product,
        "quantity": plain(trade.quantity),
        "average_price": float(trade.price) if exchange.analyze else two(trade.price),
        "trade_value": two(trade.quantity * trade.price),
        "timestamp": _stamp(exchange, trade.at, trade=True),
    }
    if exchange.analyze:
        return row | {"tradeid": trade.tradeid, "price": float(trade.price), "strategy": ticket.strategy}
    return row | ({"tradeid": trade.tradeid} if mapped.trade_ids else {})


def _tradebook(exchange: Exchange, body: Body) -> Answer:
    trades = exchange.book.trades
    return _told(exchange, [trade_row(exchange, t) for t in (reversed(trades) if exchange.analyze else trades)])


def _position_row(exchange: Exchange, held: Position) -> Body:
    profit, last = held.realised + exchange.book.profit(held), exchange.book.last(held.key)
    row: Body = {"symbol": held.symbol, "exchange": held.exchange, "product": held.product}
    numbers = {"quantity": held.quantity, "average_price": held.average, "ltp": last, "pnl": profit}
    if exchange.analyze:
        percent = (last - held.average) / held.average * 100 if held.average else ZERO
        floats = {name: float(value) for name, value in numbers.items()}
        return row | floats | {"quantity": plain(held.quantity), "pnl_percent": float(percent)}
    if exchange.quirks.dialect == "angel":
        return row | {name: f"{value:.2f}" for name, value in numbers.items()} | {"quantity": f"{held.quantity:f}"}
    return row | {
        "quantity": plain(held.quantity),
        "average_price": f"{held.average:.2f}",
        "ltp": two(last),
        "pnl": two(profit),
    }


def _positionbook(exchange: Exchange, body: Body) -> Answer:
    """Every position of the day, closed ones with quantity 0."""
    rows = [_position_row(exchange, held) for held in exchange.book.positions.values()]
    told = _told(exchange, rows)
    return success(**told.body, total_pnl=sum(row["pnl"] for row in rows)) if exchange.analyze else told


def _openposition(exchange: Exchange, body: Body) -> Answer:
    quantity = exchange.book.position(body["symbol"], body["exchange"], body["product"]).quantity
    if exchange.analyze:
        return success(quantity=plain(quantity), mode="analyze")
    return success(quantity=f"{quantity:f}" if exchange.quirks.dialect == "angel" else plain(quantity))


def _holdings(exchange: Exchange, body: Body) -> Answer:
    rows, worth, cost = [], ZERO, ZERO
    for held in exchange.book.holdings.values():
        last = exchange.book.last((held.symbol, held.exchange)) or held.average
        worth, cost = worth + last * held.quantity, cost + held.average * held.quantity
        rows.append(
            {
                "symbol": held.symbol,
                "exchange": held.exchange,
                "product": "CNC",
                "quantity": plain(held.quantity),
                "average_price": float(held.average),
                "ltp": float(last),
                "pnl": two((last - held.average) * held.quantity),
                "pnlpercent": two((last - held.average) / held.average * 100) if held.average else 0.0,
            }
        )
    statistics = {
        "totalholdingvalue": two(worth),
        "totalinvvalue": two(cost),
        "totalprofitandloss": two(worth - cost),
        "totalpnlpercentage": two((worth - cost) / cost * 100) if cost else 0,
    }
    return _told(exchange, {"holdings": rows, "statistics": statistics})


def _funds(exchange: Exchange, body: Body) -> Answer:
    """Texts with two places live, numbers in the sandbox."""
    book = exchange.book
    numbers = {
        "availablecash": book.available(),
        "collateral": ZERO,
        "m2mrealized": book.realised(),
        "m2munrealized": book.unrealised(),
        "utiliseddebits": book.used() + book.reserved(),
    }
    return _told(exchange, {k: float(v) if exchange.analyze else f"{v:.2f}" for k, v in numbers.items()})


def _told(exchange: Exchange, data: Any) -> Answer:
    return success(data=data, **({"mode": "analyze"} if exchange.analyze else {}))


def _ping(exchange: Exchange, body: Body) -> Answer:
    return success(data={"message": "pong", "broker": BROKER})


def _analyzer(exchange: Exchange, body: Body) -> Answer:
    """Tell or switch the sandbox mode."""
    more = {}
    if "mode" in body:
        exchange.analyze = body["mode"]
        more["message"] = f"Analyzer mode switched to {'analyze' if exchange.analyze else 'live'}"
    mode = "analyze" if exchange.analyze else "live"
    return success(data={"mode": mode, "analyze_mode": exchange.analyze, "total_logs": 0, **more})


def _margin(exchange: Exchange, body: Body) -> Answer:
    """The plain sum of each position's margin, without any benefit of spreads."""
    if not exchange.quirks.margin_supported:
        return error(501, f"Margin calculation not implemented for broker: {BROKER}")
    total = ZERO
    for number, row in enumerate(body["positions"], 1):
        if not row["quantity"].isdigit() or int(row["quantity"]) <= 0:
            return error(400, f"Position {number}: Invalid quantity format")
        if (row["symbol"], row["exchange"]) not in MASTER:
            return error(400, f"Position {number}: Symbol not found")
        ticket = Ticket.read(row, strategy="", quantity=Decimal(row["quantity"]), price=Decimal(row["price"]))
        quote = exchange.quote(ticket.key)
        price = ticket.price or (quote.ltp if quote else ZERO)
        total += ticket.quantity * price / leverage(MASTER[ticket.key], ticket.product, ticket.action)
    return success(data={"total_margin_required": two(total), "span_margin": two(total), "exposure_margin": 0.0})


ACCOUNTS: dict[str, Callable[[Exchange, Body], Answer]] = {
    "orderstatus": _orderstatus,
    "openposition": _openposition,
    "orderbook": _orderbook,
    "tradebook": _tradebook,
    "positionbook": _positionbook,
    "holdings": _holdings,
    "funds": _funds,
    "ping": _ping,
    "analyzer": _analyzer,
    "analyzer/toggle": _analyzer,
    "margin": _margin,
}
