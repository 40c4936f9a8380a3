"""Golden figures: strategies on real prices, fixed to the digit, so that any change of meaning is seen.

A change that is meant is written by `GOLDEN=write python -m pytest tests/parity/test_golden.py`, and explained in the
commit that changes tests/parity/golden.json.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from workbench import open_workbench

FILE = Path(__file__).with_name("golden.json")
BENCH = open_workbench(tempfile.mkdtemp())
FIGURES = ("total_return", "sharpe", "max_drawdown", "win_rate", "exposure", "fees", "end_equity")
RUNS: dict[str, tuple[str, str, dict[str, Any]]] = {
    f"{strategy} on {symbol}": (strategy, f"sample:{symbol}", {})
    for strategy in ("sma_cross", "ema_cross", "macd_trend", "rsi_reversion", "bollinger_reversion",
                     "donchian_breakout", "buy_and_hold")
    for symbol in ("AAPL", "IBM")
} | {
    "ema_cross on FB, shorts": ("ema_cross", "sample:FB", {"params": {"shorts": True, "fast": 5, "slow": 20}}),
    "ema_cross on GOOG at the close": ("ema_cross", "sample:GOOG", {"fill_at": "close"}),
    "sma_cross on MSFT, levels and risk": (
        "sma_cross", "sample:MSFT", {"size": "risk:1", "stop": 4, "target": 9, "trail": 6}),
    "donchian on IBM, Indian intraday": ("donchian_breakout", "sample:IBM", {"costs": "india_intraday"}),
    "ema_cross on AAPL, maker and taker, moving slippage": (
        "ema_cross", "sample:AAPL", {"costs": "crypto:maker=1,taker=6", "slippage": "spread:4+volatility:8+volume:50",
                                     "target": 12}),
    "rsi_reversion on four, shared cash": (
        "rsi_reversion", "sample:AAPL,GOOG,IBM,MSFT", {"shared_cash": "true", "size": "percent:30", "stop": 10}),
    "macd on four, cash in equal parts": (
        "macd_trend", "sample:AAPL,GOOG,IBM,MSFT", {"per_share": "0.005", "min_fee": "1"}),
}  # fmt: skip


def made(name: str) -> dict[str, Any]:
    """What a run is, in figures."""
    strategy, data, options = RUNS[name]
    given = dict(options)
    result = BENCH.backtest(strategy, data, given.pop("params", None), record=False, **given)
    told = [t.to_dict() for t in result.trade_list]
    names = "symbol", "direction", "entry_time", "entry_price", "exit_time", "exit_price", "exit_cause"
    few = [{name: trade[name] for name in names} for trade in (*told[:2], *told[-2:])]
    profit = sum(t["pnl"] for t in told)
    return {
        "trades": len(told), "rejected": len(result.rejected), "pending": len(result.pending), "profit": profit,
        "figures": {name: result.metrics[name] for name in FIGURES}, "first_and_last": few,
    }  # fmt: skip


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    if os.environ.get("GOLDEN") == "write":
        FILE.write_text(json.dumps({name: made(name) for name in RUNS}, indent=1) + "\n")
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_what_it_was(golden: dict[str, Any], name: str) -> None:
    was, now = golden[name], made(name)
    assert now["trades"] == was["trades"] >= 1
    assert (now["rejected"], now["pending"]) == (was["rejected"], was["pending"])
    assert now["profit"] == pytest.approx(was["profit"], rel=1e-9)
    for figure, value in was["figures"].items():
        assert now["figures"][figure] == (None if value is None else pytest.approx(value, rel=1e-9)), figure
    for a, b in zip(now["first_and_last"], was["first_and_last"], strict=True):
        for key, value in b.items():
            assert a[key] == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value), key


def test_every_run_of_the_table_is_there_and_none_twice(golden: dict[str, Any]) -> None:
    assert sorted(golden) == sorted(RUNS)
    assert len({json.dumps(run, sort_keys=True) for run in golden.values()}) == len(golden)
