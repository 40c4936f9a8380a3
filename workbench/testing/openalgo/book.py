"""One account's books: orders, trades, positions, holdings, funds, and what the broker refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from workbench.testing.openalgo.values import MASTER, PERISHABLE, ZERO, Key, Listing, Order, Quote, Ticket, Trade

PositionKey = tuple[str, str, str]
CAPITAL = Decimal(10_000_000)


@dataclass(frozen=True, slots=True)
class Position:
    """A net position: signed quantity, average price, profit taken today."""

    symbol: str
    exchange: str
    product: str
    quantity: Decimal = ZERO
    average: Decimal = ZERO
    realised: Decimal = ZERO

    @property
    def key(self) -> Key:
        return self.symbol, self.exchange


@dataclass(frozen=True, slots=True)
class Holding:
    """Shares in the demat account."""

    symbol: str
    exchange: str
    quantity: Decimal
    average: Decimal


def leverage(listing: Listing, product: str, action: str) -> Decimal:
    """How much exposure one rupee carries: the sandbox's rules (sandbox/fund_manager.py)."""
    if listing.kind in ("CE", "PE"):
        return Decimal(1) if action == "BUY" else Decimal(10)
    if listing.derivative:
        return Decimal(10)
    return Decimal(5) if product == "MIS" else Decimal(1)


@dataclass
class Book:
    """The books of one account; `mode` is "live" or "analyze"."""

    mode: str
    market: Callable[[Key], Quote | None]
    capital: Decimal = CAPITAL
    orders: dict[str, Order] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    positions: dict[PositionKey, Position] = field(default_factory=dict)
    holdings: dict[Key, Holding] = field(default_factory=dict)

    def forget(self) -> None:
        """Lose today's orders and trades; positions and holdings stay, as after a broker's night."""
        self.orders.clear()
        self.trades.clear()

    def working(self) -> list[Order]:
        """The orders that can still fill, oldest first."""
        return [order for order in self.orders.values() if order.status in PERISHABLE]

    def position(self, symbol: str, exchange: str, product: str) -> Position:
        return self.positions.get((symbol, exchange, product), Position(symbol, exchange, product))

    def fill(self, order: Order, quantity: Decimal, price: Decimal, at: datetime, tradeid: str) -> Order:
        """Book a fill of part or all of an order; answers the order as it is afterwards."""
        ticket = order.ticket
        filled = order.filled + quantity
        status = "complete" if filled == ticket.quantity else "open"
        order = replace(order, filled=filled, paid=order.paid + quantity * price, status=status, triggered=True)
        self.orders[order.orderid] = order
        self.trades.append(Trade(tradeid, order.orderid, ticket, quantity, price, at))
        held = self.position(ticket.symbol, ticket.exchange, ticket.product)
        self.positions[held.symbol, held.exchange, held.product] = _after(held, ticket.sign * quantity, price)
        return order

    def refusal(self, ticket: Ticket, listing: Listing, *, replaces: Order | None = None) -> str:
        """Why the broker's risk system would reject a ticket, or nothing."""
        if listing.kind == "INDEX":
            return f"{ticket.symbol} is an index and cannot be traded"
        if ticket.product == "NRML" and not listing.derivative:
            return f"NRML product not allowed for {ticket.exchange} equity segment"
        if ticket.product == "CNC" and listing.derivative:
            return f"CNC product not allowed for {ticket.exchange} derivatives segment"
        if ticket.quantity % listing.lot:
            return f"Quantity must be in multiples of lot size {listing.lot}"
        if ticket.quantity > listing.freeze:
            return f"Quantity {ticket.quantity} is above the freeze quantity {listing.freeze}"
        for name in ("price", "trigger_price"):
            if getattr(ticket, name) % listing.tick:
                return f"{name} {getattr(ticket, name)} is not a multiple of tick size {listing.tick}"
        if ticket.product == "CNC" and ticket.action == "SELL":
            free = self.deliverable(ticket.key, replaces)
            if ticket.quantity > free:
                return f"Cannot sell {ticket.quantity} shares of {ticket.symbol} in CNC. Only {free} shares available"
            return ""
        need = self._margin_for(ticket, listing)
        free = self.available() + (self._margin_of(replaces) if replaces else ZERO)
        return f"Insufficient funds. Required: {need:.2f}, available: {free:.2f}" if need > free else ""

    def deliverable(self, key: Key, besides: Order | None = None) -> Decimal:
        """The shares a CNC sell may still take: holdings and today's CNC position less what is already for sale."""
        held = self.holdings[key].quantity if key in self.holdings else ZERO
        for_sale = sum(
            (
                order.left
                for order in self.working()
                if (order.ticket.key, order.ticket.product, order.ticket.action) == (key, "CNC", "SELL")
                and (besides is None or order.orderid != besides.orderid)
            ),
            ZERO,
        )
        return held + self.position(*key, "CNC").quantity - for_sale

    def used(self) -> Decimal:
        """The margin that the positions bind."""
        return sum(
            (
                abs(held.quantity) * held.average / leverage(MASTER[held.key], held.product, _side(held.quantity))
                for held in self.positions.values()
                if held.quantity > 0 or held.product != "CNC"
            ),
            ZERO,
        )

    def reserved(self) -> Decimal:
        """The margin that working orders bind."""
        return sum((self._margin_of(order) for order in self.working()), ZERO)

    def realised(self) -> Decimal:
        return sum((held.realised for held in self.positions.values()), ZERO)

    def unrealised(self) -> Decimal:
        return sum((self.profit(held) for held in self.positions.values()), ZERO)

    def profit(self, held: Position) -> Decimal:
        """What closing a position at the last price would bring."""
        return (self.last(held.key) - held.average) * held.quantity if held.quantity else ZERO

    def available(self) -> Decimal:
        return self.capital + self.realised() - self.used() - self.reserved()

    def last(self, key: Key) -> Decimal:
        quote = self.market(key)
        return quote.ltp if quote else ZERO

    def _margin_of(self, order: Order) -> Decimal:
        """The margin that a working order binds; delivery sells bind shares instead."""
        if (order.ticket.product, order.ticket.action) == ("CNC", "SELL"):
            return ZERO
        return self._margin_for(replace(order.ticket, quantity=order.left), MASTER[order.ticket.key])

    def _margin_for(self, ticket: Ticket, listing: Listing) -> Decimal:
        """The margin an order needs: only what it opens, not what it closes."""
        held = self.position(ticket.symbol, ticket.exchange, ticket.product).quantity
        closes = min(abs(held), ticket.quantity) if held * ticket.sign < 0 else ZERO
        quote = self.market(ticket.key)
        price = ticket.price or ticket.trigger_price or (quote.touch(ticket.action) if quote else ZERO)
        return (ticket.quantity - closes) * price / leverage(listing, ticket.product, ticket.action)


def _side(quantity: Decimal) -> str:
    return "BUY" if quantity > 0 else "SELL"


def _after(held: Position, change: Decimal, price: Decimal) -> Position:
    """A position after a signed fill: averaged when it grows, realised when it shrinks, both when it turns."""
    before, after = held.quantity, held.quantity + change
    if before * change >= 0:
        average = (held.average * abs(before) + price * abs(change)) / abs(after)
        return replace(held, quantity=after, average=average)
    closed = min(abs(before), abs(change)) * (1 if before > 0 else -1)
    realised = held.realised + (price - held.average) * closed
    average = ZERO if after == 0 else held.average if before * after > 0 else price
    return replace(held, quantity=after, average=average, realised=realised)
