"""What OpenAlgo tells of the market: contracts, last prices and order books."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from workbench.errors import BadInput, Refused
from workbench.model import Depth, Instrument, Level
from workbench.ports import LastPrice
from workbench_plugins.openalgo_api import Api, Body, Unanswered
from workbench_plugins.openalgo_stream import Stream
from workbench_plugins.openalgo_symbols import Symbols
from workbench_plugins.openalgo_wire import Unreadable, number, row, rows

FRESH = 5.0
"""Seconds for which a price of the stream is the last price; after that OpenAlgo is asked."""
WITHIN = 3.0
"""Seconds within which a question about the market has to be answered."""


class OpenAlgoMarket:
    """Implements `workbench.ports.Market`; a symbol asked for once is heard on the stream from then on."""

    def __init__(self, api: Api, symbols: Symbols, stream: Stream | None, clock: Callable[[], datetime]) -> None:
        self._api, self._symbols, self._stream, self._clock = api, symbols, stream, clock

    def instrument(self, symbol: str) -> Instrument:
        """A contract, by the symbol master."""
        try:
            return self._symbols.contract(self._api, symbol, WITHIN).instrument
        except (Unanswered, Unreadable) as error:
            raise Refused(f"{symbol} cannot be looked up: {error}") from None

    def price(self, symbol: str) -> LastPrice:
        """The last traded price: the stream's while it is fresh, else asked for."""
        if self._stream is not None:
            self._stream.subscribe([symbol])
            tick = self._stream.last(symbol)
            if tick is not None and self._stream.age(symbol) < FRESH:
                now = self._clock()  # a feed that is ahead must take no clock along
                return LastPrice(symbol, min(tick.at or now, now), tick.price)
        told = self._asked("quotes", symbol)
        return LastPrice(symbol, self._clock(), _price(told, "ltp", f"quote of {symbol}", symbol))

    def depth(self, symbol: str) -> Depth:
        """The five best levels of each side; their time is that of the answer, as the wire has none."""
        told = self._asked("depth", symbol)
        what = f"depth of {symbol}"
        try:
            bids, asks = (
                tuple(
                    Level(number(one, "price", what), number(one, "quantity", what))
                    for one in rows(told.get(name) or [], what)
                    if number(one, "price", what) > 0
                    and number(one, "quantity", what) > 0  # zeros fill what is missing
                )
                for name in ("bids", "asks")
            )
            return Depth(self._clock(), bids, asks)
        except (Unreadable, BadInput) as error:
            raise Refused(f"{symbol} has no order book to trade on: {error}") from None

    def _asked(self, endpoint: str, symbol: str) -> Body:
        exchange, name = self._symbols.to_wire(symbol)
        try:
            told: Any = self._api.ask(endpoint, {"symbol": name, "exchange": exchange}, within=WITHIN).get("data")
            return dict(row(told, endpoint))
        except (Unanswered, Unreadable) as error:
            raise Refused(f"{symbol} has no price: {error}") from None


def _price(told: Body, name: str, what: str, symbol: str) -> Decimal:
    """A price above 0; what does not trade is told as 0."""
    try:
        price = number(told, name, what)
    except Unreadable as error:
        raise Refused(f"{symbol} has no price: {error}") from None
    if price <= 0:
        raise Refused(f"{symbol} has no price yet: OpenAlgo tells {price}")
    return price
