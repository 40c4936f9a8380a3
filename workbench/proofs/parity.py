"""Parity certificate: the order path, fed bar by bar, makes the backtest's trades."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from workbench.model import PRICE_STEP, Fill, OrderState, Side, from_ns, iso
from workbench.ports import BarBroker, ProgressCallback, no_progress
from workbench.research.backtest import Backtest
from workbench.risk import RiskChain
from workbench.trading import Replay, replay

TOLERANCE = 1e-9
"""Sizes and equity must agree to this share: whole lots are the same lots, and nothing else differs but float64."""
FINE_LOTS, FINE_TOLERANCE = 1e7, 1e-6
"""Where a size is over so many lots, float64 money cannot tell one lot from the next: this share is allowed instead."""


@dataclass(frozen=True, slots=True)
class ParityProof:
    """What was compared. Fills must be the same one by one: symbol, bar, side, price as integer ticks, whole lots.

    `history` tells how much past the strategy saw at each bar. Equity after each bar and sizes must agree to
    `tolerance`.
    """

    passed: bool
    symbols: list[str]
    bars: int
    compared_fills: int
    compared_trades: int
    history: str
    max_equity_difference: float
    tolerance: float
    first_difference: dict[str, Any] | None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The certificate as JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def prove_parity(
    backtest: Backtest,
    make_broker: Callable[[], BarBroker],
    risk: RiskChain,
    *,
    live_history: int,
    progress: ProgressCallback = no_progress,
) -> tuple[ParityProof, Replay]:
    """Replay the backtest's bars through the order path and compare; the replay comes with the certificate."""
    tape = backtest.tape
    run = replay(
        backtest.name, backtest.strategy, tape.histories, backtest.terms, make_broker(), risk,
        live_history=live_history, progress=progress,
    )  # fmt: skip
    window = max(live_history, backtest.strategy.warmup or 0)
    longest = max(h.bars for h in tape.histories)
    history = "all bars before" if longest <= window else f"the last {window} bars"
    expected, got = _expected(backtest), _got(run, backtest)
    tolerance = _tolerance(backtest)
    difference = _first_difference(expected, got, tolerance)
    ours = backtest.outcome.equity
    gap = float(np.max(np.abs(ours - run.equity) / np.maximum(np.abs(ours), 1.0), initial=0.0))
    if difference is not None:
        reason = f"at {difference['time']}: backtest {difference['backtest']}, order path {difference['order_path']}"
    elif gap > tolerance:
        reason = f"the fills agree but equity differs by {gap:.2e}"
    else:
        reason = _books(run) or _pending(backtest, run)
    proof = ParityProof(
        passed=not reason,
        symbols=tape.symbols,
        bars=run.bars,
        compared_fills=min(len(expected), len(got)),
        compared_trades=len(backtest.trade_list),
        history=history,
        max_equity_difference=gap,
        tolerance=tolerance,
        first_difference=difference,
        reason=reason,
    )
    return proof, run


@dataclass(frozen=True, slots=True)
class _Leg:
    """One fill as both sides tell it: price in whole ticks of 1e-8, size in units of the price."""

    time: str
    symbol: str
    side: str
    price: int
    size: float

    def same(self, other: _Leg, tolerance: float) -> bool:
        return (self.time, self.symbol, self.side, self.price) == (
            other.time,
            other.symbol,
            other.side,
            other.price,
        ) and abs(self.size - other.size) <= tolerance * abs(other.size)

    def __str__(self) -> str:
        return f"{self.side} {self.size:.8f} {self.symbol} at {Decimal(self.price) * PRICE_STEP:f}"


def _expected(backtest: Backtest) -> list[_Leg]:
    tape, outcome = backtest.tape, backtest.outcome
    legs = []
    for row in outcome.orders:
        column = int(row["col"])
        leg = _Leg(
            iso(from_ns(int(tape.times[row["idx"]]))), tape.symbols[column], "sell" if row["side"] else "buy",
            round(float(row["price"]) * 1e8), float(row["size"]),
        )  # fmt: skip
        legs.append(leg)
    return legs


def _got(run: Replay, backtest: Backtest) -> list[_Leg]:
    """The order path's fills, symbol by symbol as the kernel's records are; within a symbol as they happened."""
    place = {symbol: i for i, symbol in enumerate(backtest.tape.symbols)}
    fills: Sequence[Fill] = sorted(run.fills, key=lambda f: place[f.symbol])
    return [
        _Leg(iso(f.time), f.symbol, "buy" if f.side is Side.BUY else "sell", int(f.price / PRICE_STEP), float(f.size))
        for f in fills
    ]


def _first_difference(expected: list[_Leg], got: list[_Leg], tolerance: float) -> dict[str, Any] | None:
    for leg, other in zip(expected, got, strict=False):
        if not leg.same(other, tolerance):
            return {"time": min(leg.time, other.time), "backtest": str(leg), "order_path": str(other)}
    if len(expected) > len(got):
        leg = expected[len(got)]
        return {"time": leg.time, "backtest": str(leg), "order_path": "nothing"}
    if len(got) > len(expected):
        return {"time": got[len(expected)].time, "backtest": "nothing", "order_path": str(got[len(expected)])}
    return None


def _tolerance(backtest: Backtest) -> float:
    """How far sizes may be apart: wider only where lots are finer than float64 money."""
    tape = backtest.tape
    lots = [
        float(row["size"]) * tape.factor[row["idx"], row["col"]] / tape.lot[row["col"]]
        for row in backtest.outcome.orders
    ]
    return FINE_TOLERANCE if max(lots, default=0.0) > FINE_LOTS else TOLERANCE


def _books(run: Replay) -> str:
    """Whether the ledger, worked out from fills alone, agrees with the broker's own books, to the last digit."""
    for account in run.accounts:
        ours, theirs = run.ledger.cash(account), run.broker.cash(account)
        if ours != theirs:
            return f"the ledger holds {ours} in {account} and the broker {theirs}"
    ours_held = {(p.account, p.symbol): p.size for p in run.ledger.positions()}
    theirs_held = {(p.account, p.symbol): p.size for p in run.broker.positions()}
    if ours_held != theirs_held:
        return f"the ledger's positions {ours_held} differ from the broker's {theirs_held}"
    stray = [o for o in run.repository.orders() if o.state in (OrderState.UNKNOWN, OrderState.QUARANTINED)]
    return f"order {stray[0].order_id} ended as {stray[0].state}: {stray[0].reason}" if stray else ""


def _pending(backtest: Backtest, run: Replay) -> str:
    """Whether the same orders wait after the last bar."""
    expected = sorted((p["symbol"], p["action"]) for p in backtest.pending)
    got = sorted((o.symbol, "exit" if o.reduce_only else "entry") for o in run.waiting)
    return "" if expected == got else f"pending after the last bar: backtest {expected}, order path {got}"
