"""What the simulated broker speaks about: listings, quotes, orders, trades, what it took, and its quirks.

Frozen values all, but `Quirks`: those are switches that a test may throw while the server runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal

IST = timezone(timedelta(hours=5, minutes=30), "IST")
ZERO = Decimal(0)
PERISHABLE = ("open", "trigger pending")
"""The order statuses that can still become another."""

Key = tuple[str, str]
"""A symbol and its exchange."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One row of the symbol master; `kind` is EQ, INDEX, FUT, CE, PE or PERPFUT."""

    symbol: str
    exchange: str
    name: str
    kind: str
    token: str
    lot: Decimal = Decimal(1)
    tick: Decimal = Decimal("0.05")
    expiry: str = ""
    strike: Decimal = ZERO
    freeze: int = 1_000_000

    @property
    def key(self) -> Key:
        return self.symbol, self.exchange

    @property
    def derivative(self) -> bool:
        return self.kind in ("FUT", "CE", "PE", "PERPFUT")


def _master() -> dict[Key, Listing]:
    """Three shares on two exchanges, an index, a future, two options, a perpetual; expiries lie far ahead."""
    rows = [
        Listing(name, exchange, name, "EQ", f"{number}{exchange}")
        for number, name in enumerate(("RELIANCE", "SBIN", "INFY"), 101)
        for exchange in ("NSE", "BSE")
    ]
    lot, expiry = Decimal(65), "31-DEC-30"
    rows += [
        Listing("NIFTY", "NSE_INDEX", "NIFTY", "INDEX", "201"),
        Listing("NIFTY31DEC30FUT", "NFO", "NIFTY", "FUT", "301", lot, Decimal("0.1"), expiry, freeze=1800),
        Listing(
            "NIFTY31DEC3025000CE", "NFO", "NIFTY", "CE", "302", lot, expiry=expiry, strike=Decimal(25_000), freeze=1800
        ),
        Listing(
            "NIFTY31DEC3025000PE", "NFO", "NIFTY", "PE", "303", lot, expiry=expiry, strike=Decimal(25_000), freeze=1800
        ),
        Listing("BTCUSDT", "CRYPTO", "BTC", "PERPFUT", "401", Decimal("0.001"), Decimal("0.5")),
    ]
    return {row.key: row for row in rows}


MASTER = _master()


@dataclass(frozen=True, slots=True)
class Quote:
    """The market in one symbol; a zero bid or ask means that side is empty."""

    symbol: str
    exchange: str
    bid: Decimal
    ask: Decimal
    ltp: Decimal
    open: Decimal
    high: Decimal
    low: Decimal
    prev_close: Decimal
    volume: Decimal
    at: datetime
    oi: int = 0

    def touch(self, action: str) -> Decimal:
        """The price a taker gets: a buyer the ask, a seller the bid, and the last price where that side is empty."""
        return (self.ask if action == "BUY" else self.bid) or self.ltp


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a client asks for, validated."""

    strategy: str
    symbol: str
    exchange: str
    action: str
    quantity: Decimal
    pricetype: str = "MARKET"
    product: str = "MIS"
    price: Decimal = ZERO
    trigger_price: Decimal = ZERO

    @classmethod
    def read(cls, body: dict[str, Any], **more: Any) -> Ticket:
        """A ticket from a validated body; `more` overrides it."""
        body = body | more
        return cls(
            strategy=body["strategy"],
            symbol=body["symbol"],
            exchange=body["exchange"],
            action=body["action"].upper(),
            quantity=body["quantity"],
            pricetype=body.get("pricetype", "MARKET"),
            product=body.get("product", "MIS"),
            price=body.get("price", ZERO),
            trigger_price=body.get("trigger_price", ZERO),
        )

    @property
    def key(self) -> Key:
        return self.symbol, self.exchange

    @property
    def sign(self) -> int:
        return 1 if self.action == "BUY" else -1


@dataclass(frozen=True, slots=True)
class Order:
    """An order in the broker's book; `paid` is the sum of price times quantity of its fills."""

    orderid: str
    ticket: Ticket
    status: str
    at: datetime
    filled: Decimal = ZERO
    paid: Decimal = ZERO
    triggered: bool = False
    reason: str = ""

    @property
    def left(self) -> Decimal:
        return self.ticket.quantity - self.filled

    @property
    def average(self) -> Decimal:
        return self.paid / self.filled if self.filled else ZERO


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill."""

    tradeid: str
    orderid: str
    ticket: Ticket
    quantity: Decimal
    price: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """An order the broker took, refused later or not; kept over restarts, so that duplicates can be counted."""

    orderid: str
    mode: str
    strategy: str
    symbol: str
    exchange: str
    action: str
    quantity: Decimal
    pricetype: str
    product: str
    price: Decimal
    trigger_price: Decimal


@dataclass(slots=True)
class Quirks:
    """How the broker behind OpenAlgo behaves, where brokers differ; may be changed while the server runs.

    - `echo_tag`: the live order book carries `strategy`. No mapping read does so (broker/*/mapping/order_data.py);
      a broker that can be searched by tag needs it. The sandbox always echoes.
    - `trade_ids`: the live trade book carries `tradeid`. The documented one has none
      (docs/api/account-services/tradebook.md); newer Zerodha mappings do, most brokers do not. The sandbox always does.
    - `dialect`: "zerodha" (numbers, quantities of the order book as floats, "2026-01-30 09:15:00") or "angel" (texts,
      "30-Jan-2026 09:15:00", and "09:15:00" without a date in the trade book, as OpenAlgo's documents show it).
    - `late_rejections`: lot, tick, product and funds are judged after `success` was answered, and only the order book
      shows `rejected`; False answers 400 at once.
    - `unknown_order`: the code for changing an order the broker does not know (Zerodha's cancel answers 500).
    - `refused_cancel`: the code for cancelling one that is finished (Zerodha's mapping makes it 500).
    - `margin_supported`: False answers 501.
    - the limits are a second, an address and an endpoint, in a moving window, as OpenAlgo's decorators count them.
    """

    echo_tag: bool = False
    trade_ids: bool = False
    dialect: Literal["zerodha", "angel"] = "zerodha"
    late_rejections: bool = True
    unknown_order: int = 404
    refused_cancel: int = 500
    margin_supported: bool = True
    orders_a_second: int = 10
    smart_orders_a_second: int = 10
    others_a_second: int = 50


def now_ist() -> datetime:
    """The wall clock in India, where every OpenAlgo server lives."""
    return datetime.now(UTC).astimezone(IST)
