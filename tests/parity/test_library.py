"""Every strategy of the library passes every proof: on one symbol of the sample, with LIBRARY_SYMBOLS=all on each."""

from __future__ import annotations

import os
import tempfile

import pytest

from tests.support import paper, research_chain
from workbench import Bars, Param, Signals, Strategy, cross_above, cross_below, open_workbench
from workbench.data import PriceHistory
from workbench.fills import Terms
from workbench.proofs import prove, prove_parity
from workbench.research import RunSpec, backtest

BENCH = open_workbench(tempfile.mkdtemp())  # trials are counted there
NAMES = [record.name for record in BENCH.plugins.records("strategy")]
SYMBOLS = ("GOOG", "AAPL", "FB", "IBM", "MSFT")
WHOLE = os.environ.get("LIBRARY_SYMBOLS") == "all"
CUTS = 2000 if WHOLE else 400
"""At so many bars a proof of no look-ahead cuts the history."""


@pytest.fixture(scope="module")
def histories() -> dict[str, PriceHistory]:
    spec = RunSpec("none", f"sample:{','.join(SYMBOLS)}")
    return {h.symbol: h for h in BENCH.histories(spec)}


@pytest.mark.parametrize("symbol", SYMBOLS if WHOLE else SYMBOLS[:1])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_proven_long_and_short(name: str, symbol: str, histories: dict[str, PriceHistory]) -> None:
    strategy = BENCH.strategy(name).strategy
    side = "short" if name == "buy_and_hold" else "shorts"
    for shorts in (False, True) if symbol in ("FB", "GOOG") else (False,):
        chosen = strategy.replace(**{side: shorts})
        result = backtest(name, chosen, [histories[symbol]], Terms())
        proofs = prove(result, lambda: paper(Terms()), research_chain(), live_history=5000, lookahead_cuts=CUTS)
        assert proofs.passed, proofs.failures
        assert proofs.parity.compared_trades == len(result.trade_list) > 0


class Windowed(Strategy):
    """Declares its warm-up; beyond the live history it sees only so much."""

    n = Param(20, low=2, high=100)

    def signals(self, bars: Bars) -> Signals:
        line = bars.sma(self.n)
        return Signals(entries=cross_above(bars.close, line), exits=cross_below(bars.close, line))

    @property
    def warmup(self) -> int:
        return self.n + 1


def test_beyond_the_live_history_a_window_is_used_and_the_certificate_names_it(
    histories: dict[str, PriceHistory],
) -> None:
    result = backtest("windowed", Windowed(), [histories["IBM"]], Terms())
    proof, _ = prove_parity(result, lambda: paper(Terms()), research_chain(), live_history=300)
    assert proof.passed, proof.reason
    assert proof.history == "the last 300 bars"


class Expanding(Strategy):
    """Its answer depends on where the history began."""

    def signals(self, bars: Bars) -> Signals:
        mean = bars.frame["close"].expanding().mean().to_numpy()
        return Signals(entries=cross_above(bars.close, mean), exits=cross_below(bars.close, mean))


def test_a_strategy_that_depends_on_where_history_begins_fails_parity_in_a_window(
    histories: dict[str, PriceHistory],
) -> None:
    result = backtest("expanding", Expanding(), [histories["IBM"]], Terms())
    proof, _ = prove_parity(result, lambda: paper(Terms()), research_chain(), live_history=300)
    assert not proof.passed
    assert proof.first_difference is not None


@pytest.mark.parametrize("shared", (False, True) if WHOLE else (True,))
def test_many_symbols_with_shared_cash_are_in_parity(shared: bool, histories: dict[str, PriceHistory]) -> None:
    strategy, terms = BENCH.strategy("donchian_breakout", {"shorts": True}).strategy, Terms(shared_cash=shared)
    result = backtest("donchian_breakout", strategy, [histories[s] for s in ("AAPL", "GOOG")], terms)
    proof, _ = prove_parity(result, lambda: paper(terms), research_chain(), live_history=5000)
    assert proof.passed, proof.reason
    assert proof.compared_trades > 100
