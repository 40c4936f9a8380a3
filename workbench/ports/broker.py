"""Broker ports: somewhere to send orders to, and what it reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol, runtime_checkable

from workbench.model import Bar, Depth, Instrument, Order, OrderState, OrderType, Position, Side, Validity


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """One order as its broker has it, pushed or listed.

    `state` is acked, partial, filled, cancelled, expired or rejected. `client_order_id` is empty where the broker does
    not give it back; `broker_id` is its own name for the order. Sizes and prices are in the units of our orders;
    `filled` is None where the broker does not say, `at` (UTC) when it took the order, None where unknown. `strategy` is
    for a broker that keeps positions by strategy and made the order itself, as when it squares off.
    """

    account: str
    symbol: str
    side: Side
    size: Decimal
    state: OrderState
    client_order_id: str = ""
    broker_id: str = ""
    type: OrderType = OrderType.MARKET
    limit: Decimal | None = None
    level: Decimal | None = None
    filled: Decimal | None = None
    reason: str = ""
    at: datetime | None = None
    strategy: str = ""


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill as the broker reports it; `fill_id` is unique within the account and the same at each report.

    It names its order by `client_order_id`, by `broker_id`, or by both. `time` is UTC. `fee` is in the currency of the
    account unless `currency` names another for price and fee alike. `factor` is as in `workbench.model.Fill`,
    `strategy` as in `BrokerOrder`.
    """

    fill_id: str
    account: str
    symbol: str
    side: Side
    size: Decimal
    price: Decimal
    fee: Decimal
    time: datetime
    client_order_id: str = ""
    broker_id: str = ""
    cause: str = ""
    factor: Decimal = Decimal(1)
    currency: str = ""
    strategy: str = ""


class BrokerListener(Protocol):
    """What a broker tells the order manager, in the order in which things happened, in the thread that called it."""

    def on_order(self, report: BrokerOrder) -> None:
        """Where an order stands at the broker: taken, changed, or ended."""

    def on_fill(self, execution: Execution) -> None:
        """A piece of an order traded."""


@dataclass(frozen=True, slots=True)
class BrokerCapabilities:
    """What a broker does by itself; the conformance suite proves each claim. What it does not, is done here or refused.

    `resend` is "dedupes" (a repeated client order id is refused), "searchable" (the id comes back in queries) or
    "blind" (neither). `listed_within` is by how many seconds after `submit` ended, however it ended, an order that was
    taken stands in `orders()`: absence before that proves nothing. `types` are held at the broker. `protection` says
    that it keeps stop, target and trail of a position as one-cancels-other orders and clamps reduce-only orders.
    `products` are the margin products it knows, the first its default. `exact_cash` says that `cash` is what deposits
    and fills alone explain, to the cent. `places` is to how many decimals it tells an order's size and prices back,
    where that is fewer than it takes: a difference that small is none.
    """

    resend: str = "blind"
    types: frozenset[OrderType] = frozenset({OrderType.MARKET})
    validities: frozenset[Validity] = frozenset({Validity.GTC, Validity.DAY})
    products: tuple[str, ...] = ()
    protection: bool = False
    shorts: bool = False
    modify: bool = False
    iceberg: bool = False
    after_market: bool = False
    exact_cash: bool = True
    listed_within: float = 0.0
    places: int | None = None


@dataclass(frozen=True, slots=True)
class BrokerHealth:
    """How a broker is doing: whether it answers, in which mode, and how fast by stage (percentiles in ms).

    `mode` is "live", "sandbox" or "paper". `budget` is the share of its rate limit that is free, 0 to 1. `trouble` is
    empty while all is well, else what is wrong in words.
    """

    mode: str
    is_connected: bool = True
    trouble: str = ""
    budget: float = 1.0
    latency_ms: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LastPrice:
    """What a symbol last traded at; `at` is when, UTC, or when it was told where the market does not say."""

    symbol: str
    at: datetime
    price: Decimal


class Market(Protocol):
    """Where contracts and prices can be asked for, as at most brokers: what people trade by hand on.

    Each call answers within seconds. Raises UnknownName for a symbol that is not traded there, naming near ones, and
    Refused, with the reason, where it cannot be asked or has no price.
    """

    def instrument(self, symbol: str) -> Instrument:
        """A contract: its grids, currency and expiry."""

    def price(self, symbol: str) -> LastPrice:
        """What a symbol last traded at."""

    def depth(self, symbol: str) -> Depth:
        """The order book of a symbol."""


@runtime_checkable
class Broker(Protocol):
    """Somewhere to send orders to. Used from one thread; what comes in elsewhere waits for `deliver`."""

    capabilities: BrokerCapabilities

    @property
    def market(self) -> Market | None:
        """What it tells of contracts and prices; None where it tells nothing."""

    def connect(self, listener: BrokerListener) -> None:
        """Start reporting to a listener; once, before the first order. Questions are answered without."""

    def check(self, order: Order) -> str:
        """Why this broker would refuse an order, known without asking it; empty where it may take it."""

    def submit(self, order: Order) -> None:
        """Send one order, once, without retries.

        Raises workbench.errors.Refused for a definite refusal and workbench.errors.NotSent where no byte left; after
        anything else, and after a time-out, its fate is unknown. An answer goes to the listener, inside the call or
        later.
        """

    def modify(self, order: Order) -> None:
        """Ask for a working order to take the size, limit and level it is given with; the listener hears the answer."""

    def cancel(self, order: Order) -> None:
        """Ask for a working order to be cancelled; the answer comes to the listener."""

    def deliver(self) -> bool:
        """Tell the listener what came in since; whether anything did. Called often; never waits."""

    def orders(self) -> Sequence[BrokerOrder]:
        """All orders of the day as the broker sees them; raises where it cannot be asked."""

    def fills(self) -> Sequence[Execution]:
        """All fills of the day."""

    def positions(self) -> Sequence[Position]:
        """All positions that are not flat, netted over strategies."""

    def cash(self, account: str) -> Decimal:
        """Cash of an account."""

    def health(self) -> BrokerHealth:
        """How it is doing, without asking it."""

    def close(self) -> None:
        """Let go of connections, threads and files; nothing is cancelled. It is not used afterwards."""


@runtime_checkable
class BarBroker(Broker, Protocol):
    """A broker that trades on bars, phase by phase, as paper and replay do."""

    def open_account(self, account: str, cash: Decimal, instruments: Iterable[Instrument]) -> None:
        """Add an account with its starting cash and what it may trade."""

    def trade_bars(self, bars: Mapping[str, Bar]) -> None:
        """Let one instant's bars happen: fills at the open, then inside the bar, then trails move."""


@runtime_checkable
class ClosingBroker(BarBroker, Protocol):
    """A bar broker that can also fill at the close of a bar, for strategies that trade there."""

    def close_bars(self, bars: Mapping[str, Bar]) -> None:
        """Fill at their close the market orders that came since these bars, the last ones, happened."""


@runtime_checkable
class DepthBroker(Broker, Protocol):
    """A broker that trades on order books, as paper does on those of a market."""

    def open_account(self, account: str, cash: Decimal, instruments: Iterable[Instrument]) -> None:
        """Add an account with its starting cash; for one that there is, what else it may trade."""

    def on_depth(self, symbol: str, depth: Depth) -> None:
        """Let the order book of an instant happen. Raises Refused for one that is too old to trade on."""
