"""Tickets: which order types a broker holds itself, which are held here, and what makes an order impossible."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.model import Instrument, Order, OrderType, Validity, on_grid
from workbench.ports import BrokerCapabilities
from workbench.trading.facts import Hours

NATIVE, HELD, REFUSED = "native", "held here", "refused"


def way_of(order_type: OrderType, broker: BrokerCapabilities, *, protects: bool = False) -> str:
    """How an order of a type is worked with a broker: native, held here until its price comes, or refused.

    A market order must be native, and a limit order is refused where it is not: held here it could fill worse than its
    limit. What protects a position is native only where it stays at the broker until it is cancelled.
    """
    if protects and broker.protection:
        return NATIVE
    if protects and order_type is not OrderType.STOP:
        return HELD  # two that rest at the broker could both fill
    if order_type in broker.types and not (protects and Validity.GTC not in broker.validities):
        return NATIVE
    if order_type in (OrderType.MARKET, OrderType.LIMIT):
        return REFUSED
    if order_type.has_limit and OrderType.LIMIT not in broker.types:
        return REFUSED
    return HELD


def capability_table(broker: BrokerCapabilities) -> Mapping[str, str]:
    """Every kind of order, and how it is worked with a broker; what the shell and the app show."""
    table = {kind.value: way_of(kind, broker) for kind in OrderType}
    table["bracket"] = NATIVE if broker.protection else _weakest(broker, OrderType.STOP, OrderType.TARGET)
    table["cover"] = NATIVE if broker.protection else _weakest(broker, OrderType.STOP)
    table["gtt"] = HELD
    table["iceberg"] = NATIVE if broker.iceberg else HELD
    table["after_market"] = NATIVE if broker.after_market else HELD
    table["multi_leg"] = table["slices"] = table["smart"] = HELD
    table["modify"] = NATIVE if broker.modify else REFUSED
    return table


def _weakest(broker: BrokerCapabilities, *kinds: OrderType) -> str:
    ways = {way_of(kind, broker, protects=True) for kind in kinds}
    return HELD if HELD in ways else NATIVE


def waits(order: Order, broker: BrokerCapabilities) -> bool:
    """Whether an order is kept here at first: for a price, an earlier leg, the market to open, or to go in pieces."""
    handling = order.handling
    if handling.rank or handling.slice_size or (handling.display is not None and not broker.iceberg):
        return True
    if handling.after_market and not broker.after_market:
        return True
    return way_of(order.type, broker, protects=order.protects) == HELD


def refusal(order: Order, instrument: Instrument, hours: Hours | None, broker: BrokerCapabilities) -> str:
    """Why an order cannot be: off the tick grid, an expired contract, what nobody here can do; empty where it can."""
    for name, price in (("limit", order.limit), ("level", order.level)):
        if price is not None and not on_grid(price, instrument.price_step):
            step = f"{instrument.price_step:f}"
            return f"{name} {price:f} is off the tick grid of {instrument.symbol}; give a multiple of {step}"
    if hours is not None and instrument.expiry is not None and hours.day(order.created_at) > instrument.expiry:
        return f"contract {instrument.symbol} expired on {instrument.expiry.isoformat()}"
    handling = order.handling
    if handling.product and handling.product not in broker.products:
        return f"product {handling.product} is unknown at this broker; known: {', '.join(broker.products) or 'none'}"
    way = way_of(order.type, broker, protects=order.protects)
    if way == REFUSED:
        return f"this broker takes no {order.type} order, and it cannot be held here"
    stays = order.type is not OrderType.MARKET and not order.protects and (way == NATIVE or order.type.has_limit)
    if stays and handling.validity not in broker.validities:
        return f"validity {handling.validity} is unknown at this broker; known: {', '.join(sorted(broker.validities))}"
    return ""
