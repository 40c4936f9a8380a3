"""Price watch: contracts and last prices from a market, for what an account trades outside its strategy's bars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from workbench.errors import BadInput, Refused
from workbench.ports import DepthBroker, Market
from workbench.trading.monitor import PriceRange
from workbench.trading.order_manager import OrderManager

PRICES_EVERY = 1.0
"""Seconds between two looks at the prices of what is held or works."""
BUDGET = 0.5
"""Seconds after which a look is broken off, and goes on at the next: one thread trades everything."""
LONGEST_REST = 30.0
"""Seconds for which at most a market that took its time to fail is left alone."""


@dataclass(frozen=True, slots=True)
class Last:
    """The last price of a symbol: when (UTC), how much, and the factor from raw to adjusted prices."""

    at: datetime
    price: Decimal
    factor: Decimal = Decimal(1)


class PriceWatch:
    """Learns contracts as they are asked for, marks what is held, and lets held orders see the prices.

    A broker that trades on order books, as paper does, is given those of the market. A price that cannot be had is
    journalled, once until it comes back, and never guessed: held orders wait. `elapsed` is a clock in seconds.
    """

    def __init__(
        self, market: Market, manager: OrderManager, account: str, currency: str, elapsed: Callable[[], float]
    ) -> None:
        self._market, self._manager, self._account, self._currency = market, manager, account, currency
        broker = manager.broker
        self._practice = broker if isinstance(broker, DepthBroker) and broker.market is not market else None
        self._elapsed, self._due, self._rest = elapsed, 0.0, 0.0
        self._silent: dict[str, str] = {}
        self._turn: list[str] = []
        self.marks: dict[str, Decimal] = {}
        """The last price of everything that was asked for."""

    def learn(self, symbol: str) -> None:
        """Make a contract tradable here. Raises UnknownName, Refused where it cannot be asked, BadInput by currency."""
        manager = self._manager
        if symbol in manager.instruments:
            return
        found = self._market.instrument(symbol)
        if found.currency != self._currency:
            raise BadInput("symbol", symbol, f"trades in {found.currency}, and the account in {self._currency}")
        manager.instruments[symbol] = found
        if self._practice is not None:
            self._practice.open_account(self._account, manager.ledger.cash(self._account), [found])

    def recall(self) -> None:
        """Learn again what orders and positions are in; one that cannot be looked up now is journalled."""
        for symbol in self._symbols():
            try:
                self.learn(symbol)
            except (BadInput, Refused) as error:
                self._manager.repository.note("no_contract", symbol, self._manager.now, reason=str(error))

    def price(self, symbol: str) -> Last:
        """The last price, asked for now; the position is marked at it. Raises as `learn`, and where there is none."""
        self.learn(symbol)
        told = self._market.price(symbol)
        self._manager.ledger.mark(symbol, told.price)
        self.marks[symbol] = told.price
        return Last(told.at, told.price)

    def look(self) -> dict[str, PriceRange]:
        """Where what is held or works trades now, if it is time to look; a practice broker trades on it first."""
        began = self._elapsed()
        if began < self._due:
            return {}
        self._due = began + PRICES_EVERY
        wanted, found = self._symbols(), dict[str, PriceRange]()
        self._silent = {symbol: words for symbol, words in self._silent.items() if symbol in wanted}
        self._turn = [s for s in self._turn if s in wanted] + [s for s in wanted if s not in self._turn]
        for symbol in list(self._turn):
            if found and self._elapsed() - began > BUDGET:
                break
            self._turn.append(self._turn.pop(0))
            asked = self._elapsed()
            try:
                price = self.price(symbol).price
                self._practise(symbol)
            except (BadInput, Refused) as error:
                self._say(symbol, str(error))
                if self._elapsed() - asked > BUDGET:  # it hangs: the other accounts must not wait for it
                    self._rest = min(max(2 * self._rest, 2.0), LONGEST_REST)
                    self._due = self._elapsed() + self._rest
                    return found
                continue
            self._silent.pop(symbol, None)
            self._rest = 0.0
            found[symbol] = PriceRange(price, price, price)
        return found

    @property
    def trouble(self) -> str:
        """Why held orders wait: prices or contracts that cannot be had; empty where all can."""
        return "; ".join(f"no price of {symbol}: {words}" for symbol, words in sorted(self._silent.items()))

    def _say(self, symbol: str, words: str) -> None:
        if self._silent.get(symbol) != words:
            self._silent[symbol] = words
            self._manager.repository.note("no_price", symbol, self._manager.now, reason=words)

    def _practise(self, symbol: str) -> None:
        if self._practice is not None and self._manager.repository.open_orders(self._account, symbol):
            self._practice.on_depth(symbol, self._market.depth(symbol))

    def _symbols(self) -> list[str]:
        manager = self._manager
        held = {p.symbol for p in manager.ledger.positions(self._account) if p.direction is not None}
        return sorted(held | {order.symbol for order in manager.repository.open_orders(self._account)})
