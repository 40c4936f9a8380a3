"""One of our orders as OpenAlgo's wire has it, and as its answer leaves it."""

from decimal import Decimal

from workbench.model import Order, OrderState
from workbench.ports import BrokerOrder
from workbench_plugins.openalgo_api import Body
from workbench_plugins.openalgo_wire import PRICETYPES, wire_number


def fields_of(order: Order, exchange: str, symbol: str, product: str) -> Body:
    """An order's fields, all of them, as modifying one wants them too; `product` is for one that names none.

    Raises Unreadable where a number has more digits than the wire carries.
    """
    return {
        "symbol": symbol,
        "exchange": exchange,
        "action": order.side.value.upper(),
        "quantity": wire_number(order.size, "size"),
        "pricetype": PRICETYPES[order.type],
        "product": order.handling.product or product,
        "price": wire_number(order.limit or Decimal(0), "limit"),
        "trigger_price": wire_number(order.level or Decimal(0), "level"),
        "disclosed_quantity": 0,
    }


def report_of(order: Order, broker_id: str) -> BrokerOrder:
    """An order as OpenAlgo has just taken it."""
    return BrokerOrder(
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        size=order.size,
        state=OrderState.PARTIAL if order.filled else OrderState.ACKED,
        client_order_id=order.client_order_id,
        broker_id=broker_id,
        type=order.type,
        limit=order.limit,
        level=order.level,
        filled=order.filled or None,
    )
