"""vectorbt as the oracle: the same fills from the same signals, and the same figures from the same orders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.support import make_history, make_terms, run
from workbench import Bars, Signals, Strategy, open_workbench
from workbench.research import Backtest


@pytest.fixture(scope="module")
def vbt() -> Any:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import vectorbt

    return vectorbt


def shifted(flags: np.ndarray) -> np.ndarray:
    return np.concatenate([[False], flags[:-1]])


def walk(draw: np.random.Generator, count: int) -> np.ndarray:
    close = np.round(100 * np.exp(np.cumsum(draw.normal(0, 0.02, count))), 2)
    open_ = np.round(close * np.exp(draw.normal(0, 0.01, count)), 2)
    high = np.round(np.maximum(open_, close) * (1 + np.abs(draw.normal(0, 0.01, count))), 2)
    low = np.round(np.minimum(open_, close) * (1 - np.abs(draw.normal(0, 0.01, count))), 2)
    return np.column_stack([open_, high, low, close])


def oracle(vbt: Any, bars: np.ndarray, signals: dict[str, np.ndarray], **options: Any) -> Any:
    """vectorbt's own simulation under the settings of docs/fills.md."""
    index = pd.date_range("2020-01-01", periods=len(bars), freq="D", tz="UTC")
    columns = {name: pd.Series(bars[:, i], index) for i, name in enumerate(("open", "high", "low", "close"))}
    return vbt.Portfolio.from_signals(
        columns["close"],
        entries=shifted(signals["entries"]),
        exits=shifted(signals["exits"]),
        short_entries=shifted(signals["short_entries"]),
        short_exits=shifted(signals["short_exits"]),
        price=columns["open"],
        open=columns["open"],
        high=columns["high"],
        low=columns["low"],
        size=10,
        size_type="amount",
        fees=0.001,
        init_cash=1e6,
        upon_long_conflict="exit",
        upon_short_conflict="exit",
        upon_dir_conflict="ignore",
        upon_opposite_entry="reverse",
        stop_entry_price="fillprice",
        freq="1D",
        **options,
    )


@pytest.mark.parametrize("seed", range(40))
def test_without_stops_positions_and_value_are_the_same_at_every_bar(vbt: Any, seed: int) -> None:
    draw = np.random.default_rng(seed)
    bars = walk(draw, 300)
    often = draw.choice([0.02, 0.1, 0.4])
    names = ("entries", "exits", "short_entries", "short_exits")
    signals = {name: draw.random(300) < often for name in names}
    ours = run(make_history(bars.tolist()), signals, make_terms(cash="1000000", size="shares:10", fees="10"))
    theirs = oracle(vbt, bars, signals)
    held = ours.positions["X"].to_numpy()
    # what a trade closed and opened at one open holds afterwards is its new side
    assert np.array_equal(held, theirs.assets().to_numpy())
    assert np.allclose(ours.outcome.equity, theirs.value().to_numpy(), rtol=1e-12)
    assert len(ours.trade_list) == theirs.trades.count()


@pytest.mark.parametrize("seed", range(20))
def test_fills_at_the_close_are_vectorbts_without_a_shift(vbt: Any, seed: int) -> None:
    draw = np.random.default_rng(500 + seed)
    bars = walk(draw, 300)
    often = draw.choice([0.02, 0.1, 0.4])
    signals = {name: draw.random(300) < often for name in ("entries", "exits", "short_entries", "short_exits")}
    terms = replace(make_terms(cash="1000000", size="shares:10", fees="10"), fill_at="close")
    ours = run(make_history(bars.tolist()), signals, terms)
    index = pd.date_range("2020-01-01", periods=300, freq="D", tz="UTC")
    close = pd.Series(bars[:, 3], index)
    theirs = vbt.Portfolio.from_signals(
        close, **signals, size=10, size_type="amount", fees=0.001, init_cash=1e6, upon_long_conflict="exit",
        upon_short_conflict="exit", upon_dir_conflict="ignore", upon_opposite_entry="reverse", freq="1D",
    )  # fmt: skip
    assert np.array_equal(ours.positions["X"].to_numpy(), theirs.assets().to_numpy())
    assert np.allclose(ours.outcome.equity, theirs.value().to_numpy(), rtol=1e-12)
    assert len(ours.trade_list) == theirs.trades.count()
    assert not ours.pending, "what is asked for fills on its own bar"


@pytest.mark.parametrize("seed", range(40))
def test_with_stops_they_agree_where_the_entry_bar_cannot_touch_a_level(vbt: Any, seed: int) -> None:
    draw = np.random.default_rng(1000 + seed)
    bars = walk(draw, 300)
    never = np.zeros(300, bool)
    signals = dict.fromkeys(("exits", "short_entries", "short_exits"), never)
    signals["entries"] = draw.random(300) < 0.1
    entered = shifted(signals["entries"])
    bars[entered] = bars[entered][:, [0, 0, 0, 0]]  # a bar that may be an entry bar has no range
    terms = make_terms(cash="1000000", size="shares:10", fees="10", stop="3", target="5")
    ours = run(make_history(bars.tolist()), signals, terms)
    theirs = oracle(vbt, bars, signals, sl_stop=0.03, tp_stop=0.05)
    assert np.array_equal(ours.positions["X"].to_numpy(), theirs.assets().to_numpy())
    assert np.allclose(ours.outcome.equity, theirs.value().to_numpy(), rtol=1e-9)


def test_they_differ_where_the_documentation_says_so(vbt: Any) -> None:
    # the entry bar touches the stop: we are out at once, vectorbt a bar later
    bars = np.array([[100.0] * 4, [100, 100, 90, 95], [95.0] * 4])
    never = np.zeros(3, bool)
    signals = dict.fromkeys(("exits", "short_entries", "short_exits"), never) | {
        "entries": np.array([True, False, False])
    }
    ours = run(make_history(bars.tolist()), signals, make_terms(size="shares:10", stop="3"))
    theirs = oracle(vbt, bars, signals, sl_stop=0.03)
    assert [int(i) for i in ours.outcome.orders["idx"]] == [1, 1]
    assert theirs.orders.records["idx"].tolist() == [1, 2]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Backtest]:
    bench = open_workbench(tmp_path_factory.mktemp("home"))
    return [
        bench.backtest("ema_cross", "sample:AAPL", {"shorts": True}, record=False, fees=10, slippage=5, stop=8),
        bench.backtest("donchian_breakout", "sample:IBM", record=False, fees=10, target=10, trail=5),
        bench.backtest("sma_cross", "sample:AAPL,IBM,MSFT,GOOG", record=False),
        bench.backtest("rsi_reversion", "sample:AAPL,IBM,MSFT", record=False, shared_cash="true", size="percent:50"),
        bench.backtest("buy_and_hold", "sample:FB", record=False, fees=0, slippage=0),
    ]


def test_the_portfolio_of_our_orders_has_our_value_and_metrics(vbt: Any, results: list[Backtest]) -> None:
    for result in results:
        portfolio = result.portfolio
        assert isinstance(portfolio, vbt.Portfolio)
        assert portfolio.wrapper.index.equals(result.index)
        value = portfolio.value(group_by=True) if len(result.tape.symbols) > 1 else portfolio.value()
        assert np.allclose(np.asarray(value).reshape(-1), result.outcome.equity, rtol=1e-9)
        year = f"{result.metrics['periods_per_year'] * 24:g}h"
        one = portfolio if len(result.tape.symbols) == 1 else portfolio.regroup(True)
        figures = {
            "total_return": one.total_return(),
            "max_drawdown": one.max_drawdown(),
            "sharpe": one.sharpe_ratio(year_freq=year),
            "sortino": one.sortino_ratio(year_freq=year),
            "annual_return": one.annualized_return(year_freq=year),
            "volatility": one.annualized_volatility(year_freq=year),
        }
        for name, theirs in figures.items():
            assert result.metrics[name] == pytest.approx(float(np.squeeze(theirs)), rel=1e-9), (result, name)


def test_vectorbts_trades_are_our_trades(vbt: Any, results: list[Backtest]) -> None:
    for result in results:
        theirs = result.portfolio.trades.records
        ours = sorted(result.trade_list, key=lambda t: (result.tape.symbols.index(t.symbol), t.entry_idx))
        assert len(theirs) == len(ours)
        assert np.allclose(theirs["pnl"], [t.pnl for t in ours], rtol=1e-9, atol=1e-6)
        assert np.allclose(theirs["return"], [t.returned for t in ours], rtol=1e-9, atol=1e-12)
        assert theirs["direction"].tolist() == [0 if t.direction == "long" else 1 for t in ours]
        assert theirs["status"].tolist() == [0 if t.status == "open" else 1 for t in ours]


def test_a_thousand_bars_with_two_orders_or_more_are_no_trouble(vbt: Any) -> None:
    flags = np.arange(3000) % 2 == 0
    prices = np.round(100 + 5 * np.sin(np.arange(3000) / 7), 2)
    bars = np.column_stack([prices] * 4)
    signals = {"entries": flags, "short_entries": ~flags}
    result = run(make_history(bars.tolist()), signals, make_terms(cash="100000", size="shares:10", fees="1"))
    counts = np.bincount(result.outcome.orders["idx"])
    assert (counts >= 2).sum() > 1000
    assert np.allclose(result.portfolio.value().to_numpy(), result.outcome.equity, rtol=1e-9)


class OnVectorbtsIndicators(Strategy):
    """vectorbt's own indicators inside `signals`."""

    def signals(self, bars: Bars) -> Signals:
        import vectorbt

        close = bars.frame["close"]
        fast, slow = vectorbt.MA.run(close, 10), vectorbt.MA.run(close, 30)
        return Signals(entries=fast.ma_crossed_above(slow), exits=fast.ma_crossed_below(slow))


def test_vectorbts_indicators_work_inside_signals_and_agree_with_ours(vbt: Any, tmp_path: Path) -> None:
    bench = open_workbench(tmp_path)
    theirs = bench.backtest(OnVectorbtsIndicators, "sample:IBM", record=False)
    ours = bench.backtest("sma_cross", "sample:IBM", {"fast": 10, "slow": 30}, record=False)
    assert len(ours.trade_list) > 50
    # vectorbt carries a running sum, so a few crosses of near-equal averages may differ by rounding
    same = {t.entry_time for t in ours.trade_list} & {t.entry_time for t in theirs.trade_list}
    assert len(same) > 0.95 * len(ours.trade_list)
