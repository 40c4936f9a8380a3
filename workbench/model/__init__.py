"""The model: instruments, bars, signals, orders, fills, positions, money. Frozen, Decimal, no pandas, no I/O."""

from workbench.model.bar import Bar
from workbench.model.booking import Booking, BookingKind
from workbench.model.codec import from_json, to_json
from workbench.model.depth import Depth, Level, Quote
from workbench.model.fill import Fill
from workbench.model.ids import new_id
from workbench.model.instrument import PRICE_STEP, SIZE_STEP, Instrument
from workbench.model.money import Money
from workbench.model.numbers import MONEY_CONTEXT, Rounding, decimal, not_negative, on_grid, positive, to_grid
from workbench.model.order import FINAL, Order, OrderState, Side
from workbench.model.position import Position
from workbench.model.signal import Action, Direction, Protection, Signal, SizeRequest, SizeRule
from workbench.model.stage import Stage
from workbench.model.ticket import AT_MARKET, Handling, OnFailure, OrderType, Ticket, Validity
from workbench.model.times import from_ns, iso, utc

__all__ = [
    "AT_MARKET",
    "FINAL",
    "MONEY_CONTEXT",
    "PRICE_STEP",
    "SIZE_STEP",
    "Action",
    "Bar",
    "Booking",
    "BookingKind",
    "Depth",
    "Direction",
    "Fill",
    "Handling",
    "Instrument",
    "Level",
    "Money",
    "OnFailure",
    "Order",
    "OrderState",
    "OrderType",
    "Position",
    "Protection",
    "Quote",
    "Rounding",
    "Side",
    "Signal",
    "SizeRequest",
    "SizeRule",
    "Stage",
    "Ticket",
    "Validity",
    "decimal",
    "from_json",
    "from_ns",
    "iso",
    "new_id",
    "not_negative",
    "on_grid",
    "positive",
    "to_grid",
    "to_json",
    "utc",
]
