"""Session: a strategy run bar by bar, each closed bar through the order path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import numpy as np

from workbench.errors import BadInput
from workbench.fills import Terms, percent_of_rate, rate_of_percent
from workbench.model import Action, Bar, Direction, Protection, Signal, SizeRequest, SizeRule
from workbench.ports import BarBroker, Broker, ClosingBroker
from workbench.strategy import Bars, Strategy
from workbench.strategy import Columns as Answer
from workbench.trading.order_manager import OrderManager


class Columns(Protocol):
    """The growing past of one symbol: `Bars` of which only so many rows have closed, or a `Past` that grows."""

    def rows(self, first: int, stop: int) -> Bars:
        """The bars from `first` up to, not including, `stop`, copied."""


@dataclass(frozen=True, slots=True)
class Market:
    """One symbol a session trades: its account, the columns of its bars, and the fingerprint of the data.

    Rows of `columns` are read only up to the bar that has closed.
    """

    symbol: str
    account: str
    columns: Columns
    fingerprint: str


class BarSession:
    """Runs one strategy on bars that come one instant at a time.

    For each instant: the broker trades the bars, positions are marked at their closes, then the strategy answers over
    the past up to `history` bars and its last row becomes signals, which a bar broker fills at that close where the
    strategy trades there; a broker with a market of its own gets them once the bar has closed. A bar that has not
    closed by `now` is never used.
    """

    def __init__(
        self,
        name: str,
        strategy: Strategy,
        terms: Terms,
        markets: Sequence[Market],
        broker: Broker,
        manager: OrderManager,
        *,
        history: int,
    ) -> None:
        self.name, self.strategy, self.broker, self.manager = name, strategy, broker, manager
        self._bar_broker = broker if isinstance(broker, BarBroker) else None
        self._closes_bars = None
        if self._bar_broker is not None and terms.at_close(strategy):
            if not isinstance(broker, ClosingBroker):
                problem = f"is more than {type(broker).__name__} can, which fills at the open of the next bar"
                raise BadInput("fill_at", "close", problem, "give fill_at open, or another broker")
            self._closes_bars = broker
        self.markets = {market.symbol: market for market in markets}
        self.history = max(history, strategy.warmup or 0)
        self.size, self.protection = terms.size_for(strategy), terms.protection_for(strategy)
        self.last_seen: dict[str, datetime] = {}

    def on_bars(self, bars: Mapping[str, Bar], seen: Mapping[str, int], now: datetime, *, trade: bool = True) -> None:
        """Take one instant's bars. `seen` tells how many rows of each market's columns have closed, this one included.

        Raises BadInput for bars that run backwards; a forming bar is journalled and otherwise ignored.
        """
        closed = self.trade(bars, now)
        if trade:
            for signal in self.wanted(closed, seen):
                self.manager.handle(signal)
            self.close(closed)

    def trade(self, bars: Mapping[str, Bar], now: datetime) -> dict[str, Bar]:
        """Let the broker trade an instant's bars and mark the positions: the bars that have closed."""
        closed = {}
        for symbol, bar in bars.items():
            if bar.end > now:
                self.manager.repository.note("forming", symbol, now, bar=bar.start.isoformat())
                continue
            closed[symbol] = bar
        for symbol, bar in closed.items():
            last = self.last_seen.get(symbol)
            if last is not None and bar.start <= last:
                raise BadInput(
                    f"bar of {symbol}", bar.start.isoformat(), f"does not follow the last, {last.isoformat()}"
                )
        self.last_seen.update({symbol: bar.start for symbol, bar in closed.items()})
        if closed and self._bar_broker is not None:
            self._bar_broker.trade_bars(closed)
        for symbol, bar in closed.items():
            if bar.traded:
                self.manager.ledger.mark(symbol, bar.close)
        return closed

    def close(self, closed: Mapping[str, Bar]) -> None:
        """Let what was just asked for fill at the close of an instant's bars, where the strategy trades there."""
        if self._closes_bars is not None and closed:
            self._closes_bars.close_bars(closed)

    def wanted(self, closed: Mapping[str, Bar], seen: Mapping[str, int]) -> Iterator[Signal]:
        """What the strategy wants at the close of an instant's bars, symbol by symbol. Raises what it raises."""
        for symbol, market in self.markets.items():
            if symbol in closed and closed[symbol].traded:  # row 1: no signal on an untraded bar
                yield from self._signals(market, closed[symbol], seen[symbol])

    def _signals(self, market: Market, bar: Bar, rows: int) -> list[Signal]:
        """What the strategy wants at the close of a bar, exits first."""
        answer = self._answer(market, rows)
        if len(answer) == 0:
            return []
        long_entry, long_exit = bool(answer.entries[-1]), bool(answer.exits[-1])
        short_entry, short_exit = bool(answer.short_entries[-1]), bool(answer.short_exits[-1])
        long_entry, short_entry = long_entry and not long_exit, short_entry and not short_exit  # row 15
        if long_entry and short_entry:  # row 16
            long_entry = short_entry = False
        if not (long_exit or short_exit or long_entry or short_entry):
            return []
        wanted = [
            (long_exit, Action.EXIT, Direction.LONG),
            (short_exit, Action.EXIT, Direction.SHORT),
            (long_entry, Action.ENTRY, Direction.LONG),
            (short_entry, Action.ENTRY, Direction.SHORT),
        ]
        levels = self._levels(float(answer.stop[-1]), float(answer.target[-1]), float(answer.trail[-1]))
        size = self.size
        if not np.isnan(answer.size[-1]):
            size = SizeRequest(SizeRule.SHARES, Decimal(repr(float(answer.size[-1]))))
        return [
            Signal(
                source=f"strategy:{self.name}",
                key=f"{market.account}|{market.symbol}|{bar.start.isoformat()}|{action}|{direction}",
                strategy=self.name,
                account=market.account,
                symbol=market.symbol,
                action=action,
                direction=direction,
                bar_time=bar.start,
                available_at=bar.end,
                reference_price=bar.close,
                factor=bar.factor,
                size=size,
                protection=levels if action is Action.ENTRY else Protection(),
                data_fingerprint=market.fingerprint,
            )
            for flag, action, direction in wanted
            if flag
        ]

    def _answer(self, market: Market, rows: int) -> Answer:
        """The strategy's answer over the past; only its last row is read."""
        return self.strategy.answer(market.columns.rows(max(0, rows - self.history), rows))

    def _levels(self, stop: float, target: float, trail: float) -> Protection:
        """The levels of an entry: the answer's own where it gives any, else the run's."""
        own = {
            name: percent_of_rate(rate_of_percent(value))
            for name, value in (("stop", stop), ("target", target), ("trail", trail))
            if not np.isnan(value)
        }
        return replace(self.protection, **own) if own else self.protection
