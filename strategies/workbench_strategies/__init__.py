"""The strategy library; a module a family, listed here as records so that nothing heavy is imported."""

from collections.abc import Iterator

from workbench.hookspecs import StrategyRecord, hookimpl


@hookimpl
def workbench_strategies() -> Iterator[StrategyRecord]:
    """Yield the library."""
    for name, factory, summary in (
        ("buy_and_hold", "holding:BuyAndHold", "Long from the first bar on; the yardstick for the others"),
        ("sma_cross", "crosses:SmaCross", "Long while the fast simple average is above the slow one"),
        ("ema_cross", "crosses:EmaCross", "Long while the fast exponential average is above the slow one"),
        ("macd_trend", "crosses:MacdTrend", "Long while MACD is above its signal line"),
        ("rsi_reversion", "reversion:RsiReversion", "Buys oversold, sells back to the middle"),
        ("bollinger_reversion", "reversion:BollingerReversion", "Buys below the lower band, sells at the middle"),
        ("donchian_breakout", "breakouts:DonchianBreakout", "Long on a new high, out on a new low"),
    ):
        yield StrategyRecord(name, f"workbench_strategies.{factory}", summary)
