"""The model: instruments, bars, signals, orders, fills, positions, money. Frozen, Decimal, no pandas, no I/O."""

from workbench.model.algo import (
    ALGO_ACTIONS,
    BY_PERSON,
    BY_SIGNAL,
    BY_TIME,
    SIDES,
    Algo,
    Condition,
    Group,
    Moment,
    Window,
    size_as_sent,
)
from workbench.model.bar import Bar
from workbench.model.booking import Booking, BookingKind
from workbench.model.codec import from_json, to_json
from workbench.model.depth import Depth, Level, Quote
from workbench.model.fill import Fill
from workbench.model.hook import TRADINGVIEW, Hook, HookRules
from workbench.model.ids import id_at, new_id
from workbench.model.instrument import PRICE_STEP, SIZE_STEP, Instrument
from workbench.model.money import Money
from workbench.model.numbers import MONEY_CONTEXT, Rounding, decimal, not_negative, on_grid, positive, to_grid
from workbench.model.order import FINAL, Order, OrderState, Side
from workbench.model.position import Position
from workbench.model.signal import Action, Caps, Direction, Protection, Signal, SizeRequest, SizeRule
from workbench.model.stage import Stage
from workbench.model.ticket import AT_MARKET, Handling, OnFailure, OrderType, Ticket, Validity
from workbench.model.times import from_ns, iso, utc

__all__ = [
    "ALGO_ACTIONS",
    "AT_MARKET",
    "BY_PERSON",
    "BY_SIGNAL",
    "BY_TIME",
    "FINAL",
    "MONEY_CONTEXT",
    "PRICE_STEP",
    "SIDES",
    "SIZE_STEP",
    "TRADINGVIEW",
    "Action",
    "Algo",
    "Bar",
    "Booking",
    "BookingKind",
    "Caps",
    "Condition",
    "Depth",
    "Direction",
    "Fill",
    "Group",
    "Handling",
    "Hook",
    "HookRules",
    "Instrument",
    "Level",
    "Moment",
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
    "Window",
    "decimal",
    "from_json",
    "from_ns",
    "id_at",
    "iso",
    "new_id",
    "not_negative",
    "on_grid",
    "positive",
    "size_as_sent",
    "to_grid",
    "to_json",
    "utc",
]
