"""Parity certificate: the order path, fed bar by bar, makes the backtest's trades."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from workbench.model import PRICE_STEP, Fill, OrderState, Side, from_ns, iso
from workbench.ports import BarBroker, ProgressCallback, no_progress
from workbench.research.backtest import Backtest
from workbench.risk import RiskChain
from workbench.trading import Replay, replay

SIZE_TOLERANCE = 1e-9
"""Sizes without a lot are cut to 1e-8 from float64 money and may differ by this share or by one such step."""
EQUITY_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class ParityProof:
    """What was compared. Fills must be the same one by one: symbol, bar, side, price as integer ticks, whole lots.

    `history` tells how much past the strategy saw at each bar. Equity after each bar must agree to a billionth.
    """

    passed: bool
    symbols: list[str]
    bars: int
    compared_fills: int
    compared_trades: int
    history: str
    max_equity_difference: float
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
    difference = _first_difference(expected, got)
    gap = max(
        (abs(a - b) / max(abs(a), 1.0) for a, b in zip(backtest.outcome.equity, run.equity, strict=True)), default=0.0
    )
    reason = ""
    if difference is None and gap > EQUITY_TOLERANCE:
        reason = f"the fills agree but equity differs by {gap:.2e}"
    elif difference is not None:
        reason = f"at {difference['time']}: backtest {difference['backtest']}, order path {difference['order_path']}"
    if not reason:
        reason = _books(run) or _pending(backtest, run)
    shown = (
        None
        if difference is None and not reason
        else difference or {"time": None, "backtest": None, "order_path": reason}
    )
    return (
        ParityProof(
            not reason, tape.symbols, run.bars, min(len(expected), len(got)), len(backtest.trade_list), history, float(gap),
            shown, reason,
        ),
        run,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Leg:
    """One fill as both sides tell it: price in whole ticks of 1e-8, size in units of the price."""

    time: str
    symbol: str
    side: str
    price: int
    size: float

    def same(self, other: _Leg, step: float) -> bool:
        return (self.time, self.symbol, self.side, self.price) == (
            other.time, other.symbol, other.side, other.price,
        ) and abs(self.size - other.size) <= max(SIZE_TOLERANCE * abs(other.size), step)  # fmt: skip

    def __str__(self) -> str:
        return f"{self.side} {self.size:.8f} {self.symbol} at {Decimal(self.price) * PRICE_STEP:f}"


def _expected(backtest: Backtest) -> list[tuple[_Leg, float]]:
    tape, outcome = backtest.tape, backtest.outcome
    legs = []
    for row in outcome.orders:
        column = int(row["col"])
        raw_step = 0.0 if tape.histories[column].instrument.lot is not None else 1.5e-8
        step = raw_step / float(tape.factor[row["idx"], column])
        leg = _Leg(
            iso(from_ns(int(tape.times[row["idx"]]))), tape.symbols[column], "sell" if row["side"] else "buy",
            round(float(row["price"]) * 1e8), float(row["size"]),
        )  # fmt: skip
        legs.append((leg, step))
    return legs


def _got(run: Replay, backtest: Backtest) -> list[_Leg]:
    """The order path's fills, symbol by symbol as the kernel's records are; within a symbol as they happened."""
    place = {symbol: i for i, symbol in enumerate(backtest.tape.symbols)}
    fills: Sequence[Fill] = sorted(run.fills, key=lambda f: place[f.symbol])
    return [
        _Leg(iso(f.time), f.symbol, "buy" if f.side is Side.BUY else "sell", int(f.price / PRICE_STEP), float(f.size))
        for f in fills
    ]


def _first_difference(expected: list[tuple[_Leg, float]], got: list[_Leg]) -> dict[str, Any] | None:
    for (leg, step), other in zip(expected, got, strict=False):
        if not leg.same(other, step):
            return {"time": min(leg.time, other.time), "backtest": str(leg), "order_path": str(other)}
    if len(expected) > len(got):
        leg = expected[len(got)][0]
        return {"time": leg.time, "backtest": str(leg), "order_path": "nothing"}
    if len(got) > len(expected):
        return {"time": got[len(expected)].time, "backtest": "nothing", "order_path": str(got[len(expected)])}
    return None


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
