"""The instrument master: our symbols and OpenAlgo's, one to one, and what is known of each contract."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from workbench.errors import BadInput, UnknownName
from workbench.model import Instrument
from workbench_plugins.openalgo_api import Api, Unanswered
from workbench_plugins.openalgo_wire import IST, Unreadable, number, optional, row, rows, text

EXCHANGES = (
    "NSE", "NFO", "CDS", "BSE", "BFO", "BCD", "MCX", "NCDEX", "NCO", "NSE_INDEX", "BSE_INDEX", "MCX_INDEX", "CRYPTO",
)  # fmt: skip
DERIVATIVES = frozenset({"NFO", "BFO", "CDS", "BCD", "MCX", "NCDEX", "NCO"})
RESTS = timedelta(seconds=10)
"""How long a symbol master that did not answer is not asked again."""
_ESCAPES = (("%", "%25"), (" ", "%20"), (",", "%2C"))
"""What our symbols may not hold, and how it is written instead."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What the symbol master says of one instrument; `lot` and `tick` are None where it has no grid.

    `expiry` is its last day in India, `freeze` the largest quantity of one order, each None where there is none.
    """

    symbol: str
    exchange: str
    wire_symbol: str
    broker_symbol: str
    kind: str
    lot: Decimal | None
    tick: Decimal | None
    expiry: date | None = None
    strike: Decimal | None = None
    freeze: Decimal | None = None

    @property
    def instrument(self) -> Instrument:
        """The same as our model has it, in rupees."""
        return Instrument(self.symbol, "INR", tick=self.tick, lot=self.lot, venue=self.exchange, expiry=self.expiry)


class Symbols:
    """Translates symbols both ways: `NSE:RELIANCE` is RELIANCE on NSE, and names of one's own where `own` gives them.

    `own` maps a name of one's own to such a symbol; two names for one symbol are refused, as then nobody could tell
    which of the two a fill is of.
    """

    def __init__(
        self, own: Mapping[str, str] | None = None, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._own = {name: _split(target) for name, target in (own or {}).items()}
        self._named: dict[tuple[str, str], str] = {}
        for name, key in self._own.items():
            if key in self._named:
                raise BadInput("symbols", name, f"names {_join(*key)}, as {self._named[key]} does", "keep one of them")
            self._named[key] = name
        self._clock = clock
        self._contracts: dict[str, tuple[date, Contract]] = {}
        self._failed_at: datetime | None = None

    def to_wire(self, symbol: str) -> tuple[str, str]:
        """Exchange and symbol as OpenAlgo has them; BadInput for a symbol that does not say its exchange."""
        if symbol in self._own:
            return self._own[symbol]
        key = _split(symbol)
        if key in self._named:
            raise BadInput("symbol", symbol, f"is called {self._named[key]} here", "use that name")
        return key

    def to_text(self, exchange: str, symbol: str) -> str:
        """Our symbol for what OpenAlgo calls so; Unreadable for an exchange that it should not know."""
        if exchange not in EXCHANGES:
            raise Unreadable(f"OpenAlgo: exchange {exchange!r} is not known; known: {', '.join(EXCHANGES)}")
        return self._named.get((exchange, symbol)) or _join(exchange, symbol)

    def known(self, symbol: str) -> Contract | None:
        """What was learnt of a symbol today, without asking."""
        learnt = self._contracts.get(symbol)
        return learnt[1] if learnt and learnt[0] == self._today() else None

    def learn(self, api: Api, symbol: str, within: float) -> Contract | None:
        """What the symbol master says of a symbol, None where it does not answer; then it is left alone for a while.

        Raises UnknownName where it answers that it does not have it.
        """
        found, now = self.known(symbol), self._clock()
        if found is None and (self._failed_at is None or now - self._failed_at > RESTS):
            try:
                found = self.contract(api, symbol, within)
            except (Unanswered, Unreadable):
                self._failed_at = now
        return found

    def contract(self, api: Api, symbol: str, within: float | None = None) -> Contract:
        """What the symbol master says of a symbol, asked once a day.

        Raises UnknownName where it does not have it, Unanswered where it cannot be asked, Unreadable where it answers
        for another one.
        """
        found = self.known(symbol)
        if found is None:
            exchange, wire_symbol = self.to_wire(symbol)
            try:
                told = api.ask("symbol", {"symbol": wire_symbol, "exchange": exchange}, within=within)
            except Unanswered as error:
                if "HTTP 404" in str(error):
                    near = [one.symbol for one in self.search(api, wire_symbol)]
                    raise UnknownName("symbol", symbol, near, "look it up in OpenAlgo's search") from None
                raise
            found = self.read(told.get("data"))
            if (found.exchange, found.wire_symbol) != (exchange, wire_symbol):
                raise Unreadable(f"OpenAlgo symbol: asked for {symbol}, told of {found.exchange}:{found.wire_symbol}")
            self._contracts[symbol] = self._today(), found
        return found

    def search(self, api: Api, words: str, exchange: str = "") -> list[Contract]:
        """Every contract whose name holds the words."""
        told = api.ask("search", {"query": words, **({"exchange": exchange} if exchange else {})})
        return [self.read(one) for one in rows(told.get("data") or [], "search")]

    def resolve(self, api: Api, name: str) -> Contract:
        """The one contract that a name without an exchange means; BadInput naming them where there are several."""
        if ":" in name or name in self._own:
            return self.contract(api, name)
        found = [one for one in self.search(api, name) if one.wire_symbol == name]
        if not found:
            raise UnknownName("symbol", name, [one.symbol for one in self.search(api, name)])
        if len(found) > 1:
            listed = ", ".join(one.symbol for one in found)
            raise BadInput("symbol", name, f"is listed more than once: {listed}", "name the exchange too")
        return found[0]

    def read(self, told: Any) -> Contract:
        """A row of the symbol master."""
        fields = row(told, "symbol")
        exchange, wire_symbol = text(fields, "exchange", "symbol"), text(fields, "symbol", "symbol")
        what = f"symbol {exchange}:{wire_symbol}"
        freeze = optional(fields, "freeze_qty", what)
        lot, tick = optional(fields, "lotsize", what), optional(fields, "tick_size", what)
        for name, value in (("lotsize", lot), ("tick_size", tick), ("freeze_qty", freeze)):
            if value is not None and value < 0:
                raise Unreadable(f"OpenAlgo {what}: {name} is {value}, below 0")
        return Contract(
            symbol=self.to_text(exchange, wire_symbol),
            exchange=exchange,
            wire_symbol=wire_symbol,
            broker_symbol=str(fields.get("brsymbol") or wire_symbol),
            kind=str(fields.get("instrumenttype") or ""),
            lot=lot,
            tick=tick,
            expiry=_expiry(fields.get("expiry"), what),
            strike=number(fields, "strike", what) if (fields.get("strike") or 0) not in (0, "0", -1, "-1") else None,
            # where there is no freeze quantity, the master writes 1
            freeze=freeze if freeze is not None and freeze > 1 and exchange in DERIVATIVES else None,
        )

    def _today(self) -> date:
        return self._clock().astimezone(IST).date()


def _split(symbol: str) -> tuple[str, str]:
    """Exchange and symbol of a text."""
    exchange, colon, name = symbol.partition(":")
    if not colon or not name:
        raise BadInput("symbol", symbol, "does not say its exchange", "write it as in NSE:RELIANCE")
    if exchange not in EXCHANGES:
        raise BadInput("symbol", symbol, f"exchange {exchange!r} is none of {', '.join(EXCHANGES)}")
    if name.strip() != name:
        raise BadInput("symbol", symbol, "holds a space at its end")
    for character, escape in reversed(_ESCAPES):
        name = name.replace(escape, character)
    if _join(exchange, name) != symbol:
        raise BadInput("symbol", symbol, f"is written {_join(exchange, name)}")
    return exchange, name


def _join(exchange: str, symbol: str) -> str:
    for character, escape in _ESCAPES:
        symbol = symbol.replace(character, escape)
    return f"{exchange}:{symbol}"


def _expiry(told: Any, what: str) -> date | None:
    """A contract's last day, as in 31-DEC-30; None for what does not expire."""
    if told in (None, "", "0"):
        return None
    for pattern in ("%d-%b-%y", "%d-%b-%Y", "%d%b%y", "%d%b%Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(str(told).strip().title(), pattern).replace(tzinfo=IST).date()
        except ValueError:
            continue
    raise Unreadable(f"OpenAlgo {what}: expiry {told!r} is in no known format")
