"""NautilusTrader on the bars of a file: `peer_nautilus.py FILE BARS FAST SLOW SIZE FEE_RATE`; prints JSON.

Only `run` is timed. A market order fills at the close of the bar that led to it, which here is the next bar's open.
"""

from __future__ import annotations

import json
import sys
import time
from decimal import Decimal

from bars import DECIMALS, MINUTE, load
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

file, count, fast, slow, size, fee = sys.argv[1], *map(int, sys.argv[2:6]), Decimal(sys.argv[6])
VENUE = Venue("SIM")
NAME = InstrumentId(Symbol("X"), VENUE)
TYPE = BarType.from_str("X.SIM-1-MINUTE-LAST-EXTERNAL")


class SmaCross(Strategy):
    def __init__(self) -> None:
        super().__init__()
        self.fast, self.slow = SimpleMovingAverage(fast), SimpleMovingAverage(slow)
        self.before: float | None = None
        self.sold = 0

    def on_start(self) -> None:
        self.quantity = self.cache.instrument(NAME).make_qty(size)
        self.register_indicator_for_bars(TYPE, self.fast)
        self.register_indicator_for_bars(TYPE, self.slow)
        self.subscribe_bars(TYPE)

    def on_bar(self, bar: Bar) -> None:
        if not self.slow.initialized:
            return
        before, self.before = self.before, self.fast.value - self.slow.value
        if before is None:
            return
        if before <= 0 < self.before and self.portfolio.is_flat(NAME):
            self.submit_order(self.order_factory.market(NAME, OrderSide.BUY, self.quantity))
        elif before >= 0 > self.before and self.portfolio.is_net_long(NAME):
            self.submit_order(self.order_factory.market(NAME, OrderSide.SELL, self.quantity))

    def on_order_filled(self, event: object) -> None:
        self.sold += event.order_side == OrderSide.SELL  # type: ignore[attr-defined]


engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
engine.add_venue(VENUE, OmsType.NETTING, AccountType.CASH, [Money(100_000, USD)], base_currency=USD)
step = Price(10**-DECIMALS, DECIMALS)
engine.add_instrument(
    Equity(NAME, Symbol("X"), USD, DECIMALS, step, Quantity.from_int(1), 0, 0, maker_fee=fee, taker_fee=fee)
)
columns = load(file, count)
rows = zip(*(columns[name].tolist() for name in ("open", "high", "low", "close", "times")), strict=True)
volume = Quantity.from_int(1_000_000)
engine.add_data(
    [
        Bar(TYPE, *(Price(price, DECIMALS) for price in prices), volume, start + MINUTE, start + MINUTE)
        for *prices, start in rows
    ]
)
strategy = SmaCross()
engine.add_strategy(strategy)
began = time.perf_counter()
engine.run()
seconds = time.perf_counter() - began
print(json.dumps({"bars": count, "seconds": seconds, "trades": strategy.sold}))  # noqa: T201
