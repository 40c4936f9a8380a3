"""The simulated broker behind the server: a market that a test moves, two accounts, and matching.

Rules, kept plain on purpose: a MARKET order takes the touch at once (a buy the ask, a sell the bid); so does a LIMIT
order that is marketable when it comes; a resting LIMIT fills at its own price once the touch reaches it; SL and SL-M
trigger on the last price and then act as LIMIT and MARKET. With `liquidity` set, each side of each symbol fills no more
than that until the next `set_quote`.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from workbench.testing.openalgo.book import Book, Holding
from workbench.testing.openalgo.values import MASTER, ZERO, Key, Order, Quirks, Quote, Taken, Ticket, now_ist

Number = Decimal | int | float | str
Level = tuple[Decimal, Decimal]


class Exchange:
    """A market and two accounts, the live one and the sandbox; every method may be called from any thread.

    `session_expired`, `semi_auto` and `analyze` (sandbox mode) may be set at any time. Prices are rupees.
    """

    def __init__(self, quirks: Quirks, clock: Callable[[], datetime] = now_ist) -> None:
        self.quirks, self.clock = quirks, clock
        self.session_expired = False
        self.semi_auto = False
        self.analyze = False
        self.lock = threading.RLock()
        self.live = Book("live", self.quote)
        self.sandbox = Book("analyze", self.quote)
        self.taken: list[Taken] = []
        self.pending: dict[int, Callable[[], Any]] = {}
        self.on_quote: list[Callable[[Quote], None]] = []
        self.on_order: list[Callable[[str, Order], None]] = []
        self._quotes: dict[Key, Quote] = {}
        self._depths: dict[Key, tuple[list[Level], list[Level]]] = {}
        self._liquidity: Decimal | None = None
        self._room: dict[tuple[Key, str], Decimal] = {}
        self._numbers = itertools.count(1)

    @property
    def book(self) -> Book:
        """The account that requests reach now: the sandbox in analyzer mode, else the live one."""
        return self.sandbox if self.analyze else self.live

    @property
    def liquidity(self) -> Decimal | None:
        """What each side of a symbol fills until its next quote; None fills everything."""
        return self._liquidity

    @liquidity.setter
    def liquidity(self, quantity: Number | None) -> None:
        with self.lock:
            self._liquidity = None if quantity is None else Decimal(str(quantity))
            self._room.clear()

    def quote(self, key: Key) -> Quote | None:
        return self._quotes.get(key)

    def set_quote(
        self, symbol: str, exchange: str, bid: Number, ask: Number, ltp: Number | None = None, volume: Number = 0
    ) -> Quote:
        """Move the market in a symbol and fill what it reaches; without `ltp` the last price is the middle."""
        key = (symbol, exchange)
        if key not in MASTER:
            raise KeyError(f"{symbol} is not listed on {exchange}; listed: {sorted(MASTER)}")
        low_side, high_side = Decimal(str(bid)), Decimal(str(ask))
        last = (low_side + high_side) / 2 if ltp is None else Decimal(str(ltp))
        with self.lock:
            old, at = self._quotes.get(key), self.clock()
            quote = Quote(
                symbol,
                exchange,
                low_side,
                high_side,
                last,
                open=old.open if old else last,
                high=max(old.high, last) if old else last,
                low=min(old.low, last) if old else last,
                prev_close=old.prev_close if old else last,
                volume=Decimal(str(volume)),
                at=at,
            )
            self._quotes[key] = quote
            self._depths.pop(key, None)
            for action in ("BUY", "SELL"):
                self._room.pop((key, action), None)
            for tell in self.on_quote:
                tell(quote)
            for book in (self.live, self.sandbox):
                for order in book.working():
                    if order.ticket.key == key:
                        self._match(book, order, resting=True)
        return quote

    def set_depth(
        self, symbol: str, exchange: str, bids: Sequence[tuple[Number, Number]], asks: Sequence[tuple[Number, Number]]
    ) -> None:
        """Show these levels, (price, quantity), best first; the touch of the quote is theirs."""
        buyers = [(Decimal(str(price)), Decimal(str(size))) for price, size in bids][:5]
        sellers = [(Decimal(str(price)), Decimal(str(size))) for price, size in asks][:5]
        bid, ask = (side[0][0] if side else ZERO for side in (buyers, sellers))
        old = self.quote((symbol, exchange))
        with self.lock:
            self.set_quote(symbol, exchange, bid, ask, old.ltp if old else None, old.volume if old else 0)
            self._depths[symbol, exchange] = buyers, sellers
            for tell in self.on_quote:
                tell(self._quotes[symbol, exchange])

    def depth(self, key: Key) -> tuple[list[Level], list[Level]]:
        """Five levels a side, bids then asks: those set, else made up a tick apart around the touch."""
        with self.lock:
            if key in self._depths:
                bids, asks = self._depths[key]
            else:
                quote, tick, size = self._quotes[key], MASTER[key].tick, self._liquidity or Decimal(100)
                bids = [(quote.bid - tick * n, size) for n in range(5)]
                asks = [(quote.ask + tick * n, size) for n in range(5)]
            empty = (ZERO, ZERO)
            return (bids + [empty] * 5)[:5], (asks + [empty] * 5)[:5]

    def hold(self, symbol: str, exchange: str, quantity: Number, average: Number) -> None:
        """Put shares into the demat account, of both accounts."""
        holding = Holding(symbol, exchange, Decimal(str(quantity)), Decimal(str(average)))
        for book in (self.live, self.sandbox):
            book.holdings[symbol, exchange] = holding

    def place(self, ticket: Ticket, *, rejected: str = "") -> Order:
        """Take an order and match it; `rejected` is the reason for which the risk system refuses it afterwards."""
        with self.lock:
            book, at = self.book, self.clock()
            orderid = f"{at:%y%m%d}{next(self._numbers):0{9 if book.mode == 'live' else 8}d}"
            self.taken.append(
                Taken(
                    orderid,
                    book.mode,
                    ticket.strategy,
                    ticket.symbol,
                    ticket.exchange,
                    ticket.action,
                    ticket.quantity,
                    ticket.pricetype,
                    ticket.product,
                    ticket.price,
                    ticket.trigger_price,
                )
            )
            # The sandbox calls a waiting stop "open" (sandbox/order_manager.py); brokers say "trigger pending".
            waits = ticket.pricetype in ("SL", "SL-M") and book.mode == "live"
            status = "rejected" if rejected else "trigger pending" if waits else "open"
            order = Order(orderid, ticket, status, at, reason=rejected)
            self._keep(book, order)
            return order if rejected else self._match(book, order, resting=False)

    def modify(self, order: Order, ticket: Ticket) -> Order:
        """Change a working order and match it again."""
        with self.lock:
            pending = ticket.pricetype in ("SL", "SL-M") and not order.triggered and self.book.mode == "live"
            changed = replace(order, ticket=ticket, status="trigger pending" if pending else "open")
            if changed.left <= 0:
                changed = replace(changed, ticket=replace(ticket, quantity=order.filled), status="complete")
            self._keep(self.book, changed)
            return changed if changed.status == "complete" else self._match(self.book, changed, resting=False)

    def cancel(self, order: Order) -> Order:
        """Cancel what is left of a working order."""
        with self.lock:
            cancelled = replace(order, status="cancelled")
            self._keep(self.book, cancelled)
            return cancelled

    def queue(self, work: Callable[[], Any]) -> int:
        """Put an order into the action centre, where it waits for a person; the number to approve it by."""
        with self.lock:
            number = next(self._numbers)
            self.pending[number] = work
            return number

    def approve(self, number: int) -> Any:
        """Be the person who approves what waits under a number; the answer nobody at the wire gets to see."""
        with self.lock:
            return self.pending.pop(number)()

    def forget(self) -> None:
        """Lose today's orders and trades of both accounts; `taken` stays."""
        with self.lock:
            self.live.forget()
            self.sandbox.forget()

    def _keep(self, book: Book, order: Order) -> None:
        book.orders[order.orderid] = order
        for tell in self.on_order:
            tell(book.mode, order)

    def _match(self, book: Book, order: Order, *, resting: bool) -> Order:
        """Fill what the market gives; a resting order that was there first gets its own price, not a better one."""
        ticket, quote = order.ticket, self.quote(order.ticket.key)
        if quote is None:
            return order
        price = quote.touch(ticket.action)
        if ticket.pricetype in ("SL", "SL-M") and not order.triggered:
            if (quote.ltp - ticket.trigger_price) * ticket.sign < 0:
                return order
            resting = False
            order = replace(order, triggered=True, status="open")
            self._keep(book, order)
        if ticket.pricetype in ("LIMIT", "SL"):
            if (ticket.price - price) * ticket.sign < 0:
                return order
            price = ticket.price if resting else price
        size = order.left
        if self._liquidity is not None:
            room = self._room.setdefault((ticket.key, ticket.action), self._liquidity)
            size = min(size, room)
            self._room[ticket.key, ticket.action] = room - size
        if size <= 0:
            return order
        at = self.clock()
        order = book.fill(order, size, price, at, f"T{at:%y%m%d}{next(self._numbers):07d}")
        for tell in self.on_order:
            tell(book.mode, order)
        return order
