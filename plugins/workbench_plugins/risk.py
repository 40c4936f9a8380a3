"""The bundled risk rules, as records."""

from collections.abc import Iterator

from workbench.hookspecs import RiskRuleRecord, hookimpl


@hookimpl
def workbench_risk_rules() -> Iterator[RiskRuleRecord]:
    """Yield the rules of the research profile, and the limits of the trading profile."""
    yield RiskRuleRecord("sizing", "workbench_plugins.risk_rules:Sizing", "Works out the size the strategy asks for")
    yield RiskRuleRecord("whole_lots", "workbench_plugins.risk_rules:WholeLots", "Cuts the size to whole lots")
    yield RiskRuleRecord("balance", "workbench_plugins.risk_rules:Balance", "Denies an entry without any equity")
    limits = "workbench_plugins.limits"
    yield RiskRuleRecord("position_size", f"{limits}:PositionSize", "Cuts to a share of the equity (max_percent)")
    yield RiskRuleRecord("max_positions", f"{limits}:MaxPositions", "Denies a symbol too many (most)")
    yield RiskRuleRecord("max_trades_a_day", f"{limits}:MaxTradesADay", "Denies an entry too many a day (most)")
    yield RiskRuleRecord("daily_loss", f"{limits}:DailyLoss", "Denies entries after a day's loss (max_percent)")
    yield RiskRuleRecord("market_hours", f"{limits}:MarketHours", "Denies entries while the market is closed")
    yield RiskRuleRecord("order_rate", f"{limits}:OrderRate", "Denies entries above so many orders a minute (most)")
