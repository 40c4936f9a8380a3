"""Precomputed replay: the strategy answers once over the whole past, and only bars with an event reach the order path.

A bar is an event where its row of the answer makes a signal, where an order waits for it, or where it may touch a level
of the position. Between two events nothing can happen: no order is there to fill, and no level is touched. One bar too
many changes nothing; one too few would be wrong, so every bound is drawn generously.
"""

from __future__ import annotations

import gc
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal, localcontext

import numpy as np
from numpy.typing import NDArray

from workbench.data import PriceHistory
from workbench.fills import Terms
from workbench.model import MONEY_CONTEXT, Bar, Order, OrderState, OrderType, Side
from workbench.ports import BarBroker, ProgressCallback, no_progress
from workbench.risk import RiskChain
from workbench.strategy import Bars, Columns, Strategy
from workbench.trading.replay import Ground, Replay, account_of, prepare
from workbench.trading.session import BarSession, Market

LEVELS = (OrderType.STOP, OrderType.TRAILING_STOP, OrderType.TARGET)
"""Children that only a price can set off. Every other order is tried at every bar."""
_AT_BROKER = OrderState.ACKED
_FIRST_LOOK = 256
"""Bars looked at first for a touched level; each further look is four times as far."""


def replay_precomputed(
    name: str,
    strategy: Strategy,
    histories: Sequence[PriceHistory],
    terms: Terms,
    broker: BarBroker,
    risk: RiskChain,
    *,
    trade_from: int = 0,
    progress: ProgressCallback = no_progress,
) -> Replay:
    """Trade histories from event to event, with the same signals, orders, fills and equity as bar by bar.

    Only for a strategy that does not look ahead: it is asked once, with every bar in sight. It sees its whole past at
    every bar, where bar by bar it sees as much as a live session keeps.
    """
    began = time.perf_counter()
    ground = prepare(histories, terms, broker, risk, trade_from)
    answers = {h.symbol: strategy.answer(Bars(**h.columns)) for h in histories}
    session = KnownSession(name, strategy, ground, answers)
    courses = [Course(h, answers[h.symbol], ground) for h in histories]
    with _no_collection():
        _run(session, ground, courses, progress)
    for course in courses:
        course.mark(len(ground.times) - 1)
    equity = equity_of(ground)
    progress("replay", len(equity), len(equity))
    return ground.replay("precomputed", equity, began)


def _run(session: BarSession, ground: Ground, courses: Sequence[Course], progress: ProgressCallback) -> None:
    """Go from event to event until there is none."""
    told, end = ground.first, len(ground.times)
    while (now := min(course.due for course in courses)) < end:
        due = [course for course in courses if course.due == now]
        bars = {course.history.symbol: course.bar() for course in due}
        if ground.terms.shared_cash:
            _mark_others(ground, courses, now, bars)
        seen = {course.history.symbol: course.row + 1 for course in due}
        session.on_bars(bars, seen, max(bar.end for bar in bars.values()))
        for course in due:
            course.advance()
        if now - told >= 50_000:
            told = now
            progress("replay", now - ground.first, end - ground.first)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from looking for garbage: what a replay makes it keeps, and each look would find more of it."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class KnownSession(BarSession):
    """A session whose strategy has answered over the whole of each history before it begins."""

    def __init__(self, name: str, strategy: Strategy, ground: Ground, answers: Mapping[str, Columns]) -> None:
        markets = [
            # the columns are never read again: the answers stand for them
            Market(h.symbol, account_of(h.symbol, ground.terms), _NOTHING, h.fingerprint)
            for h in ground.histories
        ]
        super().__init__(name, strategy, ground.terms, markets, ground.broker, ground.manager, history=1)
        self.answers = answers

    def _answer(self, market: Market, rows: int) -> Columns:
        return self.answers[market.symbol].rows(rows - 1, rows)


class Course:
    """The bars of one symbol in which something can happen, found one after the other.

    `row` is the place in the history of the next one, `due` its place among all instants; both are past the end where
    there is none.
    """

    def __init__(self, history: PriceHistory, answer: Columns, ground: Ground) -> None:
        self.history, self._ground = history, ground
        self._needs_last = not ground.terms.costs.slippage.is_fixed
        self._account = account_of(history.symbol, ground.terms)
        self._places = _places(history.times, ground.times)
        self._begin = int(np.searchsorted(self._places, ground.first))
        self._traded = np.flatnonzero(history.traded)
        self._signals = np.flatnonzero(signalling(answer) & history.traded).tolist()
        self._passed = bisect_left(self._signals, self._begin)
        self.row = self._begin - 1
        self.advance()

    def bar(self) -> Bar:
        """The bar of the next event."""
        return self.history.bar(self.row)

    def advance(self) -> None:
        """Go to the next event after the one that has just happened."""
        orders = self._ground.repository.open_orders(self._account, self.history.symbol)
        begin = self.row + 1
        self.row = self._next(begin, orders)
        if self._needs_last:  # what slippage reads of the bar before: that one too goes by the broker
            last = int(np.searchsorted(self._traded, self.row)) - 1
            if last >= 0 and begin <= self._traded[last] < self.row:
                self.row = int(self._traded[last])
        self.due = int(self._places[self.row]) if self.row < self.history.bars else len(self._ground.times)

    def mark(self, place: int) -> None:
        """Value the symbol at its last traded close up to an instant."""
        row = int(np.searchsorted(self._places, place, side="right"))
        last = int(np.searchsorted(self._traded, row)) - 1
        if last >= 0 and self._traded[last] >= self._begin:
            bar = self.history.bar(int(self._traded[last]))
            self._ground.ledger.mark(bar.symbol, bar.close)

    def _next(self, row: int, orders: Sequence[Order]) -> int:
        """The first event from a row on, with these orders working."""
        while self._passed < len(self._signals) and self._signals[self._passed] < row:
            self._passed += 1
        stop = self._signals[self._passed] if self._passed < len(self._signals) else self.history.bars
        if not orders:
            return stop
        held = [order for order in orders if order.type in LEVELS and order.reduce_only and order.state is _AT_BROKER]
        if len(held) < len(orders):
            return min(stop, self._traded_from(row))
        return self._touched(row, stop, held)

    def _traded_from(self, row: int) -> int:
        """The first traded bar that is not before a row; past the end where there is none."""
        if row < self.history.bars and self.history.traded[row]:
            return row
        place = int(np.searchsorted(self._traded, row))
        return int(self._traded[place]) if place < len(self._traded) else self.history.bars

    def _touched(self, row: int, stop: int, orders: Sequence[Order]) -> int:
        """The first traded bar from `row` on, before `stop`, that reaches out of the band; else `stop`."""
        low, high = band_of(orders)
        look = _FIRST_LOOK
        while row < stop:
            end = min(row + look, stop)
            cut = slice(row, end)
            out = (self.history.low[cut] <= low) | (self.history.high[cut] >= high)
            out &= self.history.traded[cut]
            found = int(out.argmax())
            if out[found]:
                return row + found
            row, look = end, look * 4
        return stop


def signalling(answer: Columns) -> NDArray[np.bool_]:
    """Rows that make a signal, as the session reads them: rows 15 and 16 of docs/fills.md."""
    long_entry = answer.entries & ~answer.exits
    short_entry = answer.short_entries & ~answer.short_exits
    return answer.exits | answer.short_exits | (long_entry ^ short_entry)


def band_of(orders: Sequence[Order]) -> tuple[float, float]:
    """The prices between which the children of a position stay as they are, both ends excluded.

    A trail stays until the price reaches its level or betters the best price since the fill. That price is not kept,
    but the level hangs from it, rounded away from it: so it lies at least as far as the level says.
    """
    low, high = 0.0, np.inf
    for order in orders:
        level, holds_long = float(order.level or 0), order.side is Side.SELL
        if (order.type is OrderType.TARGET) is holds_long:
            high = min(high, level)
        else:
            low = max(low, level)
        if order.type is OrderType.TRAILING_STOP:
            share = float(order.protection.trail or 0) / 100
            if holds_long:
                high = min(high, level / (1 - share))
            else:
                low = max(low, level / (1 + share))
    # a step of price, and far more than float64 loses
    return low * (1 + 1e-12) + 1e-8, high * (1 - 1e-12) - 1e-8


def equity_of(ground: Ground) -> NDArray[np.float64]:
    """The total over all accounts after each instant, worked out from the fills and the closes."""
    bars, symbols = len(ground.times) - ground.first, {h.symbol: i for i, h in enumerate(ground.histories)}
    changes: list[int] = [0]
    with localcontext(MONEY_CONTEXT):
        cash = sum(ground.accounts.values(), Decimal(0))
        held = [Decimal(0)] * len(symbols)
        states = [(float(cash), [0.0] * len(symbols))]
        instants = ground.times[ground.first :] // 1_000  # a fill's time is cut to microseconds
        for fill in ground.repository.fills():
            cash -= fill.side.sign * fill.size * fill.price + fill.fee
            held[symbols[fill.symbol]] += fill.side.sign * fill.size
            at = int(np.searchsorted(instants, int(fill.time.timestamp() * 1_000_000)))
            state = float(cash), [float(size) for size in held]
            if at == changes[-1]:
                states[-1] = state
            else:
                changes.append(at)
                states.append(state)
    lengths = np.diff([*changes, bars])
    equity = np.repeat(np.array([cash for cash, _ in states]), lengths)
    for i, history in enumerate(ground.histories):
        sizes = np.repeat(np.array([sizes[i] for _, sizes in states]), lengths)
        equity += sizes * _closes(history, ground)[ground.first :]
    return equity


def _closes(history: PriceHistory, ground: Ground) -> NDArray[np.float64]:
    """The last traded close at each instant; 0 before the first, when nothing can be held."""
    traded = np.zeros(len(ground.times), np.intp)
    traded[_places(history.times, ground.times)[history.traded]] = 1
    return np.concatenate([[0.0], history.close[history.traded]])[np.cumsum(traded)]


def _places(times: NDArray[np.int64], among: NDArray[np.int64]) -> NDArray[np.intp]:
    """Where some instants stand among all."""
    return np.arange(len(among)) if len(times) == len(among) else np.searchsorted(among, times)


def _mark_others(ground: Ground, courses: Sequence[Course], now: int, bars: Mapping[str, Bar]) -> None:
    """Value what is held of symbols whose bars are passed over: with shared cash, sizes depend on all of them."""
    held = {position.symbol for position in ground.ledger.positions()}
    for course in courses:
        if course.history.symbol in held and course.history.symbol not in bars:
            course.mark(now)


class _Nothing:
    """Columns nobody reads."""

    def rows(self, first: int, stop: int) -> Bars:
        raise NotImplementedError


_NOTHING = _Nothing()
