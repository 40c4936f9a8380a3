"""The endpoints that change something: what OpenAlgo answers to orders, as its services/*_service.py do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from workbench.testing.openalgo.answers import Answer, Body, error, success
from workbench.testing.openalgo.exchange import Exchange
from workbench.testing.openalgo.values import MASTER, PERISHABLE, ZERO, Ticket

MAX_SPLIT = 100


def place(exchange: Exchange, ticket: Ticket) -> Answer:
    """Take one order or refuse it; live brokers judge most things only after they took it."""
    listing = MASTER.get(ticket.key)
    if listing is None:
        return error(400, f"Symbol {ticket.symbol} not found on {ticket.exchange}")
    if lacking := _lacks(ticket):
        return error(400, lacking)
    if ticket.pricetype == "MARKET":
        ticket = replace(ticket, price=ZERO, trigger_price=ZERO)
    if exchange.analyze and ticket.pricetype == "MARKET" and exchange.quote(ticket.key) is None:
        return error(400, f"Cannot place MARKET order for {ticket.symbol} - unable to fetch current price.")
    reason = exchange.book.refusal(ticket, listing)
    if exchange.analyze and reason.startswith("Cannot sell"):
        # The sandbox books the rejected order and yet answers an error, with its id (sandbox/order_manager.py).
        order = exchange.place(ticket, rejected=reason)
        return error(400, reason, orderid=order.orderid)
    if reason and (exchange.analyze or not exchange.quirks.late_rejections):
        return error(400, reason)
    return success(orderid=exchange.place(ticket, rejected=reason).orderid)


def _lacks(ticket: Ticket) -> str:
    """Which price a ticket's type wants and does not have, or nothing."""
    if ticket.pricetype in ("LIMIT", "SL") and not ticket.price:
        return f"{ticket.pricetype} orders require price"
    if ticket.pricetype in ("SL", "SL-M") and not ticket.trigger_price:
        return f"{ticket.pricetype} orders require trigger_price"
    return ""


def _place_order(exchange: Exchange, body: Body) -> Answer:
    return place(exchange, Ticket.read(body))


def _smart(exchange: Exchange, body: Body) -> Answer:
    """Trade towards a target; nothing to do is a success without an order id."""
    ticket, target = Ticket.read(body), body["position_size"]
    if exchange.analyze:
        # sandbox_place_smart_order looks for `price_type`, which the schema never lets in: always a market order.
        ticket = replace(ticket, pricetype="MARKET")
    held = exchange.book.position(ticket.symbol, ticket.exchange, ticket.product).quantity
    if target == held == 0 and ticket.quantity:
        return place(exchange, ticket)
    if target == held:
        idle = "Positions Already Matched. No Action needed."
        return success(message=idle if ticket.quantity else "No OpenPosition Found. Not placing Exit order.")
    return place(exchange, replace(ticket, action="BUY" if target > held else "SELL", quantity=abs(target - held)))


def _basket(exchange: Exchange, body: Body) -> Answer:
    """Place each leg, buys first; the top says success whatever became of the legs."""
    legs = sorted(body["orders"], key=lambda leg: leg["action"].upper() == "SELL")
    results = []
    for number, leg in enumerate(legs, 1):
        told = place(exchange, Ticket.read(leg, strategy=body["strategy"])).body
        results.append({"symbol": leg["symbol"], **_outcome(told)})
        if exchange.analyze and told["status"] == "success":
            results[-1] |= {"batch_order": True, "is_last_order": number == len(legs)}
    return success(results=results)


def _split(exchange: Exchange, body: Body) -> Answer:
    """Place a quantity in pieces."""
    sizes = _pieces(int(body["quantity"]), body["splitsize"])
    if len(sizes) > MAX_SPLIT:
        return error(400, f"Total number of orders would exceed maximum limit of {MAX_SPLIT}")
    results = [
        {"order_num": number, "quantity": size, **_outcome(_piece(exchange, body, size).body)}
        for number, size in enumerate(sizes, 1)
    ]
    return success(total_quantity=int(body["quantity"]), split_size=body["splitsize"], results=results)


def _piece(exchange: Exchange, body: Body, size: int) -> Answer:
    return place(exchange, Ticket.read(body, quantity=Decimal(size)))


def _pieces(total: int, size: int) -> list[int]:
    return [size] * (total // size) + ([total % size] if total % size else [])


def _outcome(told: Body) -> Body:
    """A leg's result: of an answer, only its status and its order id or message."""
    names = ("status", "orderid") if told["status"] == "success" else ("status", "message")
    return {name: told[name] for name in names}


def _modify(exchange: Exchange, body: Body) -> Answer:
    """Change a working order; the sandbox keeps the old price type and takes zero prices for "unchanged"."""
    order = exchange.book.orders.get(body["orderid"])
    if order is None:
        return error(_unknown(exchange), f"Order {body['orderid']} not found")
    if order.status not in PERISHABLE:
        return error(400, f"Cannot modify order in {order.status} status")
    old, asked = order.ticket, Ticket.read(body)
    if exchange.analyze:
        asked = replace(old, quantity=asked.quantity, price=asked.price or old.price,
                        trigger_price=asked.trigger_price or old.trigger_price)  # fmt: skip
    else:
        asked = replace(asked, strategy=old.strategy, symbol=old.symbol, exchange=old.exchange, action=old.action)
    if reason := _lacks(asked) or exchange.book.refusal(asked, MASTER[old.key], replaces=order):
        return error(400, reason)
    exchange.modify(order, asked)
    done = {"message": "Order modified successfully"} if exchange.analyze else {}
    return success(orderid=order.orderid, **done)


def _cancel(exchange: Exchange, body: Body) -> Answer:
    order = exchange.book.orders.get(body["orderid"])
    if order is None:
        return error(_unknown(exchange), f"Order {body['orderid']} not found")
    if order.status not in PERISHABLE:
        code = 400 if exchange.analyze else exchange.quirks.refused_cancel
        return error(code, f"Cannot cancel order in {order.status} status")
    exchange.cancel(order)
    done = {"message": "Order cancelled successfully"} if exchange.analyze else {}
    return success(orderid=order.orderid, **done)


def _unknown(exchange: Exchange) -> int:
    return 404 if exchange.analyze else exchange.quirks.unknown_order


def _cancel_all(exchange: Exchange, body: Body) -> Answer:
    """Cancel every working order, whatever strategy asks."""
    gone = [exchange.cancel(order).orderid for order in exchange.book.working()]
    message = f"Canceled {len(gone)} orders. Failed to cancel 0 orders."
    if exchange.analyze and not gone:
        message = "No open orders to cancel"
    return success(canceled_orders=gone, failed_cancellations=[], message=message)


def _close(exchange: Exchange, body: Body) -> Answer:
    """Close every position at the market, whatever strategy opened it; a leg that fails does not show when live."""
    tag = "AUTO_SQUARE_OFF" if exchange.analyze else "Squareoff"
    closed = failed = 0
    for held in list(exchange.book.positions.values()):
        if held.quantity:
            action = "SELL" if held.quantity > 0 else "BUY"
            ticket = Ticket(tag, held.symbol, held.exchange, action, abs(held.quantity), product=held.product)
            told = place(exchange, ticket)
            closed, failed = closed + (told.code == 200), failed + (told.code != 200)
    if not exchange.analyze:
        return success(message="All Open Positions Squared Off")
    if not closed + failed:
        return success(message="No open positions to close")
    more = f" (Failed to close {failed} positions)" if failed else ""
    return success(message=f"Closed {closed} positions{more}", closed_positions=closed, failed_closures=failed)


def queue(exchange: Exchange, endpoint: str, body: Body) -> Answer:
    """Put an order into the action centre: an answer with a pending id and no order id."""
    return success(
        message="Order queued for approval in Action Center",
        mode="semi_auto",
        pending_order_id=exchange.queue(lambda: ORDERS[endpoint](exchange, body)),
    )


QUEUED = ("placeorder", "placesmartorder", "basketorder", "splitorder")
BLOCKED = ("modifyorder", "cancelorder", "cancelallorder", "closeposition")
ORDERS: dict[str, Callable[[Exchange, Body], Answer]] = {
    "placeorder": _place_order,
    "placesmartorder": _smart,
    "basketorder": _basket,
    "splitorder": _split,
    "modifyorder": _modify,
    "cancelorder": _cancel,
    "cancelallorder": _cancel_all,
    "closeposition": _close,
}
