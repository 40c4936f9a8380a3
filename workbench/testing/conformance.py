"""The conformance suites: what a data source, strategy, broker, risk rule or plugin must do to be trusted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from workbench.data import load_history
from workbench.errors import BadInput, Refused
from workbench.model import (
    Action,
    Bar,
    Direction,
    Instrument,
    Order,
    OrderState,
    OrderType,
    Position,
    Protection,
    Side,
    Signal,
)
from workbench.ports import BarBroker, BrokerOrder, DataRequest, DataSource, Execution, RiskContext, RiskRule
from workbench.proofs import prove_no_lookahead
from workbench.strategy import Bars, Strategy

_DAY = datetime(2024, 1, 2, tzinfo=UTC)
_ROCKET = Instrument("ROCKET", lot=Decimal(1), tick=Decimal("0.01"))
IMPORT_SECONDS = 0.1
"""The most that importing an entry point's module may add."""


def check_data_source(source: DataSource, symbol: str | None = None) -> None:
    """A source lists its symbols, loads them the same each time, passes the checks, and refuses a symbol by name."""
    symbols = list(source.symbols())
    assert len(set(symbols)) == len(symbols), "symbols() names one twice"
    wanted = symbol or (symbols[0] if symbols else None)
    assert wanted, "give a symbol: the source lists none"
    first = load_history("conformance", source, DataRequest(wanted))
    again = load_history("conformance", source, DataRequest(wanted))
    assert first.fingerprint == again.fingerprint, f"two loads of {wanted} differ"
    assert first.bars > 0, f"{wanted} has no bars"
    told = ""
    try:
        source.load(DataRequest("no-such-symbol"))
    except BadInput as error:
        told = str(error)
    assert "no-such-symbol" in told, f"load() of an unknown symbol must raise BadInput naming it, not {told!r}"


def check_strategy(strategy: type[Strategy], *, bars: int = 400) -> None:
    """A strategy answers on any history from none up, the same each time, and does not look ahead on random prices."""
    made = strategy()
    for name, param in made.declared().items():
        assert param.doc, f"parameter {name} has no doc"
    for seed in range(3):
        prices = random_bars(bars, seed)
        for count in (0, 1, 2, 3, 10, bars):
            answer = made.answer(prices.rows(0, count))
            assert len(answer) == count
            assert answer.first_difference(made.answer(prices.rows(0, count))) is None, "two answers differ"
        proof = prove_no_lookahead(made, prices)
        assert proof.passed, proof.reason


def check_risk_rule(rule: RiskRule) -> None:
    """A rule answers allow, cut or deny, gives a size that is finite, never larger, and the same answer twice."""
    for size in (None, Decimal(100)):
        context = RiskContext(
            signal=_signal(Action.ENTRY, Direction.LONG),
            instrument=_ROCKET,
            position=Position("conformance", "conformance", "ROCKET"),
            equity=Decimal(10_000),
            cash=Decimal(10_000),
            size=size,
            at=_DAY,
        )
        verdict = rule.judge(context)
        assert verdict.decision in ("allow", "cut", "deny"), f"answered {verdict.decision!r}"
        assert verdict.decision != "deny" or verdict.reason, "denies without a reason"
        if verdict.size is not None:
            assert verdict.size.is_finite()
            assert verdict.size >= 0
            assert size is None or verdict.size <= size, f"enlarged {size} to {verdict.size}"
        assert rule.judge(context) == verdict, "two answers differ"


class _Listener:
    """Keeps what a broker tells."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []
        self.fills: list[Execution] = []

    def on_order(self, report: BrokerOrder) -> None:
        if report.state in (OrderState.REJECTED, OrderState.CANCELLED, OrderState.EXPIRED):
            assert report.reason, "ends an order without a reason"
        self.told.append((report.state.value, report.client_order_id))

    def on_fill(self, execution: Execution) -> None:
        self.told.append(("fill", execution.client_order_id))
        self.fills.append(execution)


def check_bar_broker(make: Callable[[], BarBroker]) -> None:
    """A bar broker without costs fills at the open, keeps books that its fills explain, clamps and refuses."""
    broker, listener = make(), _Listener()
    broker.connect(listener)
    broker.open_account("conformance", Decimal(10_000), [_ROCKET])
    buy = _order(Side.BUY, Decimal(50), "a")
    broker.submit(buy)
    assert listener.told == [("acked", buy.client_order_id)], "submit must acknowledge, and not fill before a bar"
    broker.trade_bars({"ROCKET": replace(_bar(1, 100), traded=False)})
    assert not listener.fills, "an untraded bar fills nothing"
    broker.trade_bars({"ROCKET": _bar(2, 101)})
    assert [(f.price, f.size) for f in listener.fills] == [(Decimal(101), Decimal(50))], (
        "a market order fills at the open"
    )
    if broker.capabilities.resend == "dedupes":
        try:
            broker.submit(buy)
        except Refused:
            pass
        else:
            raise AssertionError("claims to dedupe, but took the same client order id twice")
    close = _order(Side.SELL, Decimal(80), "b", reduce_only=True)
    broker.submit(close)
    broker.trade_bars({"ROCKET": _bar(3, 103)})
    assert listener.fills[-1].size == 50, "a reduce-only order is clamped to the position"
    dear = _order(Side.BUY, Decimal(1_000), "c")
    broker.submit(dear)
    broker.trade_bars({"ROCKET": _bar(4, 200)})
    assert sum(f.size for f in listener.fills if f.client_order_id == dear.client_order_id) <= 51, (
        "bought more than the cash pays for"
    )
    idle = _order(Side.SELL, Decimal(1), "d", reduce_only=True)
    broker.submit(idle)
    broker.cancel(idle)
    assert listener.told[-1] == ("cancelled", idle.client_order_id)
    cash = Decimal(10_000) - sum((f.side.sign * f.size * f.price + f.fee for f in listener.fills), Decimal(0))
    assert broker.cash("conformance") == cash, "cash is not what the fills explain"
    assert len({f.fill_id for f in broker.fills()}) == len(listener.fills), "fills() and the listener disagree"


def check_plugin_import(module: str) -> None:
    """Importing an entry point's module adds no more than IMPORT_SECONDS to a bare start, best of five."""
    code = (
        "import sys, time, workbench.hookspecs\nt = time.perf_counter()\n"
        f"import {module}\nprint(time.perf_counter() - t)\n"
        "heavy = {'numpy', 'pandas', 'vectorbt', 'sqlalchemy', 'numba'} & set(sys.modules)\n"
        "assert not heavy, f'imports {heavy}'"
    )
    best = float("inf")
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        best = min(best, float(done.stdout))
    assert best <= IMPORT_SECONDS, f"{module} takes {best:.3f} s to import"


def random_bars(count: int, seed: int) -> Bars:
    """Made-up daily bars of a random walk: the same for the same seed."""
    generator = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(generator.normal(0, 0.02, count)))
    open_ = close * np.exp(generator.normal(0, 0.01, count))
    high = np.maximum(open_, close) * (1 + np.abs(generator.normal(0, 0.005, count)))
    low = np.minimum(open_, close) * (1 - np.abs(generator.normal(0, 0.005, count)))
    times = np.arange(count, dtype=np.int64) * 86_400 * 10**9
    return Bars(times, open_, high, low, close, generator.integers(1, 1000, count), symbol="RANDOM")


def _signal(action: Action, direction: Direction) -> Signal:
    return Signal(
        source="conformance",
        key=f"{action}",
        strategy="conformance",
        account="conformance",
        symbol="ROCKET",
        action=action,
        direction=direction,
        bar_time=_DAY,
        available_at=_DAY + timedelta(days=1),
        reference_price=Decimal(100),
        protection=Protection(stop=Decimal(5)),
    )


def _order(side: Side, size: Decimal, client_id: str, *, reduce_only: bool = False) -> Order:
    return Order(
        signal_id="conformance",
        client_order_id=client_id,
        strategy="conformance",
        account="conformance",
        symbol="ROCKET",
        side=side,
        size=size,
        created_at=_DAY,
        type=OrderType.MARKET,
        reduce_only=reduce_only,
    )


def _bar(day: int, price: int) -> Bar:
    start = _DAY + timedelta(days=day)
    level = Decimal(price)
    return Bar("ROCKET", start, start + timedelta(days=1), level, level, level, level)
