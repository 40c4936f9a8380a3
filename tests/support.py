"""Made-up histories and strategies for the tests."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from workbench_plugins.paper_broker import PaperBroker
from workbench_plugins.risk_rules import Balance, Sizing, WholeLots

from workbench import Bars, Signals, Strategy
from workbench.data import PriceHistory
from workbench.fills import Costs, Terms
from workbench.model import Hook, Instrument, SizeRequest, Stage
from workbench.ports import Receipt, StageEvent, Standing, Version, Wanted
from workbench.research import Backtest, backtest
from workbench.risk import RiskChain
from workbench.signals import token_hash
from workbench.store import HookBook, SqlStageBook, TradingDatabase, new_hook

DAY = 86_400 * 10**9


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that is made once a run, by the process that asks first; the others wait for it. It is to be copied."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # the one that all processes of the run share
    path, claim, ready = base / name, base / f"{name}.claimed", base / f"{name}.ready"
    try:
        claim.mkdir()
    except FileExistsError:
        end = time.monotonic() + 300
        while not ready.exists():
            assert time.monotonic() < end, f"{name} was not made; the process that makes it says why"
            time.sleep(0.1)
        return path
    path.mkdir()
    make(path)
    ready.touch()
    return path


def hook_on_file(database: TradingDatabase, name: str = "h", strategy: str = "s", token: str = "token") -> Hook:
    """A hook that is kept, its token known only by its hash; the open one of the name where there is one."""
    book = HookBook(database)
    known = next((hook for hook in book.hooks() if hook.name == name), None)
    if known is None:
        known = new_hook(name, strategy)
        book.create(known, token_hash(token))
    return known


def receipt_of(hook: Hook, key: str | None = "k", meaning: str = "m", body: str = "body", **alert: Any) -> Receipt:
    """An alert that came through a hook and asks its strategy for something."""
    said = {"ticker": "X", "action": "buy"} | alert
    return Receipt(hook.source, key, meaning, body, (Wanted(hook.strategy, said),), datetime.now(UTC))


def make_history(
    bars: Sequence[Sequence[float]],
    *,
    symbol: str = "X",
    lot: str | None = "1",
    tick: str | None = None,
    factor: Sequence[float] | None = None,
    traded: Sequence[bool] | None = None,
    days: Sequence[int] | None = None,
    interval: int = DAY,
) -> PriceHistory:
    """A history from (open, high, low, close) rows; adjusted where factors are given."""
    rows = np.array(bars, dtype=np.float64).reshape(-1, 4)
    count = len(rows)
    times = np.array(range(count) if days is None else days, dtype=np.int64) * interval
    instrument = Instrument(
        symbol,
        lot=None if lot is None else Decimal(lot),
        tick=None if tick is None else Decimal(tick),
        adjusted=factor is not None,
    )
    return PriceHistory(
        source="test",
        symbol=symbol,
        instrument=instrument,
        calendar="always",
        zone="UTC",
        interval_ns=interval,
        periods_per_year=365.0 * DAY / interval,
        times=times,
        ends=times + interval,
        open=rows[:, 0].copy(),
        high=rows[:, 1].copy(),
        low=rows[:, 2].copy(),
        close=rows[:, 3].copy(),
        volume=np.ones(count),
        factor=np.ones(count) if factor is None else np.array(factor, dtype=np.float64),
        traded=np.ones(count, bool) if traded is None else np.array(traded, dtype=bool),
    )


def flat(*prices: float) -> list[tuple[float, float, float, float]]:
    """Bars that open, trade and close at one price each."""
    return [(p, p, p, p) for p in prices]


class Scripted(Strategy):
    """Answers what it was told for each symbol, by bar time; a subclass holds the script."""

    script: dict[str, dict[str, Any]] = {}  # noqa: RUF012 - each subclass sets its own

    def signals(self, bars: Bars) -> Signals:
        told = self.script[bars.symbol]
        rows = np.searchsorted(told["times"], bars.times)
        return Signals(**{name: np.asarray(column)[rows] for name, column in told.items() if name != "times"})


def scripted(histories: Sequence[PriceHistory], *columns: dict[str, Any]) -> Strategy:
    """A strategy that answers given columns, one dict a history; flags may be sets of positions."""
    script = {}
    for history, told in zip(histories, columns, strict=True):
        full: dict[str, Any] = {"times": history.times}
        for name, column in told.items():
            if name in ("entries", "exits", "short_entries", "short_exits") and isinstance(column, (set, frozenset)):
                full[name] = np.isin(np.arange(history.bars), list(column))
            else:
                full[name] = np.asarray(column)
        script[history.symbol] = full
    return type("Script", (Scripted,), {"script": script})()


def make_terms(
    cash: str = "10000",
    size: str = "all",
    fees: str = "0",
    slippage: str = "0",
    minimum: str = "0",
    per_share: str = "0",
    *,
    shared_cash: bool = False,
    **levels: str,
) -> Terms:
    """Terms from texts."""
    return Terms(
        cash=Decimal(cash),
        costs=Costs(Decimal(fees), Decimal(slippage), Decimal(per_share), Decimal(minimum)),
        size=SizeRequest.parse(size),
        shared_cash=shared_cash,
        **{name: Decimal(value) for name, value in levels.items()},
    )


def run(
    bars: Sequence[Sequence[float]] | PriceHistory,
    signals: dict[str, Any],
    terms: Terms | None = None,
    **history: Any,
) -> Backtest:
    """Backtest one symbol on scripted signals."""
    made = bars if isinstance(bars, PriceHistory) else make_history(bars, **history)
    return backtest("script", scripted([made], signals), [made], terms or make_terms())


def research_chain() -> RiskChain:
    """The research profile's rules."""
    return RiskChain([("sizing", Sizing()), ("whole_lots", WholeLots()), ("balance", Balance())])


def paper(terms: Terms) -> PaperBroker:
    """A paper broker with the costs of the terms."""
    return PaperBroker(costs=terms.costs)


def stand(database: TradingDatabase, strategy: str, account: str, stage: Stage) -> None:
    """Put a strategy into a stage behind promotion's back, as only a test may."""
    book = SqlStageBook(database)
    before = book.get(strategy)
    version = Version(strategy, strategy, strategy, "code", {}, "sample:X", "data", {})
    now = datetime.now(UTC)
    event = StageEvent(
        strategy, before.stage if before else Stage.RESEARCH, stage, True, now, "test", "", None, version
    )
    assert book.record(event, Standing(strategy, stage, version, account, now), before)
