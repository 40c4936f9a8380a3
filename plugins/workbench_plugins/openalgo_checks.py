"""Why an order would be refused, known before it is sent."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from workbench.errors import BadInput
from workbench.model import Order, OrderType, Validity, on_grid
from workbench.ports import BrokerCapabilities
from workbench_plugins.openalgo_symbols import DERIVATIVES, Contract
from workbench_plugins.openalgo_wire import Unreadable, wire_number

CASH = ("NSE", "BSE")


def objection(
    order: Order,
    account: str,
    capabilities: BrokerCapabilities,
    to_wire: Callable[[str], tuple[str, str]],
    *,
    is_sent: bool = False,
) -> str:
    """What OpenAlgo cannot take by its rules alone, naming field, value and limit; empty where there is nothing.

    Before it `is_sent`, an order may be of a type that is kept here until its price comes.
    """
    if order.account != account:
        return f"account {order.account}: this OpenAlgo server trades {account}"
    if order.size <= 0:
        return f"size {order.size}: must be above 0"
    try:
        exchange, _ = to_wire(order.symbol)
    except BadInput as error:
        return str(error)
    if exchange.endswith("_INDEX"):
        return f"symbol {order.symbol}: an index cannot be traded; trade its future or its options"
    validity, is_native = order.handling.validity, order.type in capabilities.types
    if is_sent and not is_native:
        return f"type {order.type.value}: OpenAlgo takes {', '.join(sorted(t.value for t in capabilities.types))}"
    # A market order trades at once or not at all, so its validity says nothing. What is kept here until its price
    # comes goes out late, as a limit order that keeps its validity: then the day must do.
    waits = is_sent or not is_native or order.protects
    fits = validity is not Validity.IOC if waits else validity in capabilities.validities
    if order.type is not OrderType.MARKET and not fits:
        return (
            f"validity {validity.value}: OpenAlgo has no such field and takes orders for the {Validity.DAY.value} only"
        )
    product = order.handling.product or capabilities.products[0]
    if product not in capabilities.products:
        return f"product {product}: OpenAlgo knows {', '.join(capabilities.products)}"
    if product == "NRML" and exchange in CASH:
        return f"product NRML: {exchange} shares are traded as CNC (delivery) or MIS (intraday)"
    if product == "CNC" and exchange in DERIVATIVES:
        return f"product CNC: {exchange} contracts are traded as NRML (carried) or MIS (intraday)"
    if exchange != "CRYPTO" and order.size != order.size.to_integral_value():
        return f"size {order.size}: OpenAlgo takes whole quantities only on {exchange}"
    try:
        for name, value in (("size", order.size), ("limit", order.limit), ("level", order.level)):
            if value is not None:
                wire_number(value, name)
    except Unreadable as error:
        return str(error)
    return ""


def misfit(order: Order, contract: Contract | None, today: date) -> str:
    """What does not fit the contract: lot, tick, freeze quantity, expiry; empty where all fits or nothing is known.

    `today` is India's.
    """
    if contract is None:
        return ""
    if contract.expiry is not None and contract.expiry < today:
        return f"symbol {order.symbol}: the contract expired on {contract.expiry.isoformat()}"
    if contract.lot is not None and not on_grid(order.size, contract.lot):
        return f"size {order.size}: must be a multiple of the lot of {contract.lot} {order.symbol}"
    piece = min(order.size, order.handling.pieces or order.size)
    if contract.freeze is not None and piece > contract.freeze:
        return f"size {order.size}: is above the freeze quantity {contract.freeze} of {order.symbol}; send it in slices"
    prices: tuple[tuple[str, Decimal | None], ...] = (("limit", order.limit), ("level", order.level))
    for name, value in prices:
        if value is not None and contract.tick is not None and not on_grid(value, contract.tick):
            return f"{name} {value}: must be a multiple of the tick of {contract.tick} {order.symbol}"
    return ""
