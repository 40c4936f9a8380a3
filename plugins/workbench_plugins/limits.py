"""The limits of the trading profile. Each reads the account's facts, by the session's clock; without them it denies."""

from decimal import Decimal, localcontext
from typing import Any

from workbench.errors import BadInput
from workbench.fills import whole_lots
from workbench.model import MONEY_CONTEXT, decimal
from workbench.ports import RiskContext, Verdict

_NO_FACTS = "the account's facts are not known here"


class PositionSize:
    """Cuts an entry to `max_percent` of the equity."""

    def __init__(self, max_percent: Any = 10) -> None:
        self.most = _percent("position_size.max_percent", max_percent, Decimal(1000))

    def judge(self, context: RiskContext) -> Verdict:
        """Cut to the share; deny where that is no lot."""
        if context.size is None:
            return Verdict("position_size", "deny", "no size to cut: put a sizing rule first")
        with localcontext(MONEY_CONTEXT):
            price = context.signal.reference_price / context.signal.factor
            allowed = context.equity * self.most / 100
            most = whole_lots(max(allowed, Decimal(0)) / price, Decimal(1), context.instrument)
            figures = {"notional": f"{context.size * price:.2f}", "limit": f"{allowed:.2f}"}
        if context.size <= most:
            return Verdict("position_size", "allow", figures=figures)
        words = f"{self.most:f} % of the equity is {allowed:.2f}"
        if most <= 0:
            return Verdict("position_size", "deny", f"{words}, less than one lot", figures=figures)
        return Verdict("position_size", "cut", words, most, figures)


class MaxPositions:
    """Denies an entry that would be a symbol too many."""

    def __init__(self, most: Any = 10) -> None:
        self.most = _whole("max_positions.most", most)

    def judge(self, context: RiskContext) -> Verdict:
        """Entries under way count."""
        if context.facts is None:
            return Verdict("max_positions", "deny", _NO_FACTS)
        count = len(context.facts.open_symbols | {context.signal.symbol})
        figures = {"positions": str(count), "limit": str(self.most)}
        if count > self.most:
            return Verdict(
                "max_positions", "deny", f"it would be position {count}, at most {self.most}", figures=figures
            )
        return Verdict("max_positions", "allow", figures=figures)


class MaxTradesADay:
    """Denies a strategy's entries beyond so many a day of the market's zone."""

    def __init__(self, most: Any = 5) -> None:
        self.most = _whole("max_trades_a_day.most", most)

    def judge(self, context: RiskContext) -> Verdict:
        """Every entry that was not denied counts, whatever became of it."""
        if context.facts is None:
            return Verdict("max_trades_a_day", "deny", _NO_FACTS)
        count = context.facts.entries_today + 1
        figures = {"entries": str(count), "limit": str(self.most), "day": context.facts.day.isoformat()}
        if count > self.most:
            words = f"it would be entry {count} of {context.facts.day}, at most {self.most}"
            return Verdict("max_trades_a_day", "deny", words, figures=figures)
        return Verdict("max_trades_a_day", "allow", figures=figures)


class DailyLoss:
    """Denies entries once the account has lost `max_percent` of the equity it began the day with."""

    def __init__(self, max_percent: Any = 2) -> None:
        self.most = _percent("daily_loss.max_percent", max_percent, Decimal(100))

    def judge(self, context: RiskContext) -> Verdict:
        """Open positions count at their last marks."""
        if context.facts is None:
            return Verdict("daily_loss", "deny", _NO_FACTS)
        start = context.facts.day_start_equity
        if start <= 0:
            return Verdict("daily_loss", "deny", f"the day began without equity: {start:.2f}")
        with localcontext(MONEY_CONTEXT):
            lost = (start - context.equity) * 100 / start
        figures = {"lost_percent": f"{lost:.4f}", "limit": f"{self.most:f}", "day_start_equity": f"{start:.2f}"}
        if lost >= self.most:
            words = f"{lost:.2f} % lost since the day began, the limit is {self.most:f} %"
            return Verdict("daily_loss", "deny", words, figures=figures)
        return Verdict("daily_loss", "allow", figures=figures)


class MarketHours:
    """Denies entries while the market is closed; bars of a day and longer are not asked, they fill at the next open."""

    def judge(self, context: RiskContext) -> Verdict:
        """By the calendar of the data, on the session's clock."""
        if context.facts is None:
            return Verdict("market_hours", "deny", _NO_FACTS)
        if context.facts.market_open is False:
            return Verdict("market_hours", "deny", f"the market is closed at {context.at.isoformat()}")
        return Verdict("market_hours", "allow")


class OrderRate:
    """Denies entries above so many orders a minute, so that a broker's limit stays far."""

    def __init__(self, most: Any = 60) -> None:
        self.most = _whole("order_rate.most", most)

    def judge(self, context: RiskContext) -> Verdict:
        """Every market order of the account counts, exits too."""
        if context.facts is None:
            return Verdict("order_rate", "deny", _NO_FACTS)
        count = context.facts.orders_last_minute + 1
        figures = {"orders": str(count), "limit": str(self.most)}
        if count > self.most:
            return Verdict("order_rate", "deny", f"{count} orders in a minute, at most {self.most}", figures=figures)
        return Verdict("order_rate", "allow", figures=figures)


def _percent(name: str, value: Any, high: Decimal) -> Decimal:
    number = decimal(f"setting limits.{name}", value)
    if not 0 < number <= high:
        raise BadInput(f"setting limits.{name}", value, f"must be above 0 and at most {high}", "it is in percent")
    return number


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadInput(f"setting limits.{name}", value, "must be a whole number from 1")
    return value
