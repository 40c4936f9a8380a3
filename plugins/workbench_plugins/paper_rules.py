"""Rules: all that the paper broker was told to be, in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import Protocol

from workbench.errors import BadInput
from workbench.fills import Costs, order_fee, price_units
from workbench.model import MONEY_CONTEXT, Instrument, Order, OrderType, not_negative
from workbench.ports import Execution
from workbench_plugins.paper_calendar import Settlement, SquareOff
from workbench_plugins.paper_margin import MarginTable
from workbench_plugins.paper_realism import Realism


class FeeModel(Protocol):
    """What trading costs, as an object of one's own."""

    def fee(self, order: Order, size: Decimal, price: Decimal, factor: Decimal, at: datetime) -> Decimal:
        """The fee of a piece of an order, not below 0, in the currency of the price; it must not fall with the size.

        `order.filled` is what filled before the piece, for fees that are an order's. `at` is UTC.
        """


@dataclass(frozen=True, slots=True)
class Rules:
    """Costs, and what is off unless it is given: a fee model, realism, margin, square-off, settlement."""

    costs: Costs
    fees: FeeModel | None
    realism: Realism
    margin: MarginTable | None
    square_off: SquareOff | None
    settlement: Settlement | None

    @property
    def products(self) -> tuple[str, ...]:
        """The names of products a ticket may use, the first its default; none where nothing depends on them."""
        if self.margin is not None:
            return tuple(p for p in self.margin.products if p != "*")
        return ("CNC", "MIS", "NRML") if self.square_off or self.settlement else ()

    @property
    def knows_products(self) -> bool:
        """Whether anything depends on the product of a position."""
        return bool(self.margin or self.square_off or self.settlement)

    def product_of(self, order: Order) -> str:
        """The product an order trades under: its own, else the default."""
        return order.handling.product or next(iter(self.products), "")

    def fee_of(self, order: Order, size: Decimal, price: Decimal, factor: Decimal, at: datetime,
               before: Sequence[Execution]) -> Decimal:  # fmt: skip
        """The fee of a piece of an order of which `before` filled already; the minimum is an order's (row 24)."""
        if self.fees is not None:
            return not_negative("fee", self.fees.fee(order, size, price, factor, at))
        maker, day = order.type in (OrderType.TARGET, OrderType.LIMIT), at.date()
        if not before:
            return order_fee(order.side, size, price, factor, self.costs, day, maker=maker)
        with localcontext(MONEY_CONTEXT):
            turnover = sum((f.size * f.price for f in before), size * price)
            raw = sum((f.size * f.factor for f in before), size * factor)
            whole = sum(self.costs.parts(order.side, turnover, raw, day, maker=maker).values(), Decimal(0))
            return max(whole - sum((f.fee for f in before), Decimal(0)), Decimal(0))


def most_lots(size: Decimal, factor: Decimal, instrument: Instrument, fits: Callable[[Decimal], bool]) -> Decimal:
    """The largest size in whole raw lots, at most `size`, that fits; sizes in units of the (adjusted) price.

    Whatever is smaller than a size that fits is taken to fit too.
    """
    with localcontext(MONEY_CONTEXT):
        step = instrument.size_step
        most = int((size * factor / step + Decimal("1e-9")).to_integral_value(rounding=ROUND_FLOOR))
        if most <= 0 or fits(price_units(most * step, factor)):
            return price_units(max(most, 0) * step, factor)
        low, high = 0, most
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(price_units(middle * step, factor)) else (low, middle)
        return price_units(low * step, factor)


def start_cash(currency: str) -> Decimal:
    """The virtual capital of an account that is opened without naming its cash: 10,000,000 in INR.

    Raises BadInput for another currency, where there is no custom.
    """
    if currency != "INR":
        raise BadInput("cash", None, f"an account in {currency} has no virtual capital of its own", "name its cash")
    return Decimal(10_000_000)
