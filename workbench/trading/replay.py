"""Replay: bars of the past, one at a time, through the order path in memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.data import PriceHistory
from workbench.fills import Terms
from workbench.model import MONEY_CONTEXT, Fill, Order, OrderState, from_ns
from workbench.ports import BarBroker, ProgressCallback, no_progress
from workbench.risk import RiskChain
from workbench.strategy import Bars, Strategy
from workbench.trading.ledger import Ledger
from workbench.trading.memory import MemoryRepository
from workbench.trading.order_manager import OrderManager
from workbench.trading.session import BarSession, Market


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay did: orders, fills and the journal as the repository keeps them, and equity after each instant.

    `times` are UTC nanoseconds of bar starts, `equity` the total over all accounts in currency. `mode` is stepwise
    or precomputed, `elapsed_s` the seconds it took: the strategy's answers, risk, orders and journal.
    """

    repository: MemoryRepository
    ledger: Ledger
    broker: BarBroker
    accounts: dict[str, Decimal]
    times: NDArray[np.int64]
    equity: NDArray[np.float64]
    bars: int
    data: Mapping[str, Any] = field(default_factory=dict)
    run_id: str = ""
    mode: str = "stepwise"
    elapsed_s: float = 0.0

    @property
    def fills(self) -> list[Fill]:
        """All fills, oldest first."""
        return list(self.repository.fills())

    @property
    def waiting(self) -> list[Order]:
        """Orders that wait for a bar that did not come."""
        return [o for o in self.repository.orders() if o.state is OrderState.ACKED and o.level is None]

    @property
    def bars_a_second(self) -> float:
        """How many bars of one symbol went by in a second."""
        return self.bars / self.elapsed_s if self.elapsed_s > 0 else 0.0

    def summary(self) -> dict[str, Any]:
        """What happened, in figures, as JSON values; money as text, exact."""
        states = Counter(str(order.state) for order in self.repository.orders())
        with localcontext(MONEY_CONTEXT):
            start = sum(self.accounts.values(), Decimal(0))
            fees = sum((fill.fee for fill in self.fills), Decimal(0))
            cash = sum((self.ledger.cash(account) for account in self.accounts), Decimal(0))
        return {
            "bars": self.bars,
            "signals": len(self.repository.signals()),
            "orders": len(self.repository.orders()),
            "order_states": dict(states),
            "fills": len(self.fills),
            "fees": f"{fees:.2f}",
            "cash": f"{cash:.2f}",
            "start_cash": f"{start:.2f}",
            "end_equity": round(float(self.equity[-1]), 2) if len(self.equity) else float(start),
            "positions": {
                p.symbol: {"size": f"{p.size:.8f}", "entry_price": f"{p.entry_price:.8f}"}
                for p in self.ledger.positions()
            },
            "journal_entries": len(self.repository.journal()),
        }


def account_of(symbol: str, terms: Terms) -> str:
    """The account a symbol trades in: one for all where cash is shared, else one of its own."""
    return "paper" if terms.shared_cash else f"paper:{symbol}"


@dataclass(frozen=True, slots=True)
class Ground:
    """What a replay stands on, whichever way it goes: histories, open accounts, the order path in memory.

    `times` are all instants of the histories, `first` the place of the first one that is traded.
    """

    histories: tuple[PriceHistory, ...]
    terms: Terms
    broker: BarBroker
    repository: MemoryRepository
    ledger: Ledger
    manager: OrderManager
    accounts: dict[str, Decimal]
    times: NDArray[np.int64]
    first: int

    def markets(self) -> list[Market]:
        """The symbols as a session trades them, each with its columns and its account."""
        return [
            Market(h.symbol, account_of(h.symbol, self.terms), Bars(**h.columns), h.fingerprint) for h in self.histories
        ]

    def replay(self, mode: str, equity: NDArray[np.float64], began: float) -> Replay:
        """What a replay that has ended did; it began at `began` on the performance counter."""
        bars = sum(int((h.times >= self.times[self.first]).sum()) for h in self.histories) if len(equity) else 0
        return Replay(
            self.repository, self.ledger, self.broker, self.accounts, self.times[self.first :], equity, bars,
            mode=mode, elapsed_s=time.perf_counter() - began,
        )  # fmt: skip


def prepare(
    histories: Sequence[PriceHistory], terms: Terms, broker: BarBroker, risk: RiskChain, trade_from: int
) -> Ground:
    """Open the accounts and put the order path together, in memory."""
    instruments = {history.symbol: history.instrument for history in histories}
    with localcontext(MONEY_CONTEXT):
        share = terms.cash if terms.shared_cash else terms.cash / len(histories)
    accounts = {account_of(symbol, terms): share for symbol in instruments}
    repository, ledger = MemoryRepository(), Ledger()
    for account, cash in accounts.items():
        ledger.open_account(account, cash)
        mine = [i for i in instruments.values() if account_of(i.symbol, terms) == account]
        broker.open_account(account, cash, mine)
    times = histories[0].times if len(histories) == 1 else np.unique(np.concatenate([h.times for h in histories]))
    manager = OrderManager(repository, broker, risk, ledger, instruments, from_ns(int(times[0])))
    first = int(np.searchsorted(times, trade_from))
    return Ground(tuple(histories), terms, broker, repository, ledger, manager, accounts, times, first)


def replay(
    name: str,
    strategy: Strategy,
    histories: Sequence[PriceHistory],
    terms: Terms,
    broker: BarBroker,
    risk: RiskChain,
    *,
    live_history: int,
    trade_from: int = 0,
    progress: ProgressCallback = no_progress,
) -> Replay:
    """Trade histories bar by bar. Bars that start before `trade_from` (ns UTC) are only past for the strategy."""
    began = time.perf_counter()
    ground = prepare(histories, terms, broker, risk, trade_from)
    session = BarSession(name, strategy, terms, ground.markets(), broker, ground.manager, history=live_history)
    times, first, ledger = ground.times, ground.first, ground.ledger
    at = {h.symbol: np.searchsorted(h.times, times) for h in histories}
    present = {h.symbol: np.isin(times, h.times) for h in histories}
    equity = np.empty(len(times) - first)
    for i in range(first, len(times)):
        now = {h.symbol: h.bar(int(at[h.symbol][i])) for h in histories if present[h.symbol][i]}
        seen = {symbol: int(at[symbol][i]) + 1 for symbol in now}
        session.on_bars(now, seen, max(bar.end for bar in now.values()))
        with localcontext(MONEY_CONTEXT):
            equity[i - first] = float(sum((ledger.equity(account) for account in ground.accounts), Decimal(0)))
        if i % 64 == 0:
            progress("replay", i - first, len(equity))
    progress("replay", len(equity), len(equity))
    return ground.replay("stepwise", equity, began)
