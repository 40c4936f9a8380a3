"""Terms: what a run trades under. Backtest, walk-forward, replay and paper read the same object."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from workbench.errors import BadInput
from workbench.fills.costs import Costs, percent_of_rate, rate_of_percent
from workbench.model import Protection, SizeRequest, SizeRule, decimal, positive


@dataclass(frozen=True, slots=True)
class Terms:
    """Cash, costs, size and levels of a run.

    `cash` is split equally among the symbols, unless `shared_cash` (row 25). `size`, `stop`, `target` and `trail`
    (percent of the fill price) replace what the strategy declares, and so does `fill_at`: "open" for the
    open of the bar after a signal, "close" for the close it was seen at (row 26); None leaves that as it is.
    """

    cash: Decimal = Decimal(100_000)
    costs: Costs = field(default_factory=lambda: Costs(Decimal(10), Decimal(5)))
    size: SizeRequest | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    trail: Decimal | None = None
    shared_cash: bool = False
    fill_at: str | None = None

    def __post_init__(self) -> None:
        positive("cash", self.cash)
        if self.cash > 10**12:
            raise BadInput("cash", self.cash, "must not be above 1e12", "work in a larger unit")
        for name in ("stop", "target", "trail"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _percent(name, value))
        if self.fill_at is not None:
            _fill_at(self.fill_at)

    def at_close(self, strategy: Any) -> bool:
        """Whether signals fill at the close they are seen at: by the run, else by the strategy."""
        return _fill_at(self.fill_at if self.fill_at is not None else strategy.fill_at) == "close"

    def size_for(self, strategy: Any) -> SizeRequest:
        """The size rule that counts: the run's, else the strategy's."""
        if self.size is not None:
            return self.size
        declared = strategy.size
        return declared if isinstance(declared, SizeRequest) else SizeRequest.parse(str(declared))

    def protection_for(self, strategy: Any) -> Protection:
        """The levels that count: the run's, else the strategy's, each on its own."""
        levels = {}
        for name in ("stop", "target", "trail"):
            own = getattr(self, name)
            declared = getattr(strategy, name)
            levels[name] = own if own is not None else None if declared is None else _percent(name, declared)
        return Protection(**levels)

    def check_for(self, strategy: Any) -> None:
        """Refuse a size by risk without any stop to measure the risk by."""
        levels, _ = self.protection_for(strategy), self.at_close(strategy)
        if self.size_for(strategy).rule is SizeRule.RISK and levels.stop is None and levels.trail is None:
            raise BadInput(
                "size", str(self.size_for(strategy)), "needs a stop to measure the risk by", "give --stop or --trail"
            )


def _fill_at(value: str) -> str:
    if value not in ("open", "close"):
        raise BadInput("fill_at", value, "is neither open nor close", "open: of the next bar; close: of this one")
    return value


def _percent(name: str, value: Decimal | float) -> Decimal:
    """A level's percentage as the kernel will use it: a whole multiple of 1e-6 percent."""
    number = positive(name, decimal(name, value))
    if number >= 100 and name != "target":
        raise BadInput(name, value, "must be below 100 percent of the fill price", "5 means 5 %")
    if number > 100_000:
        raise BadInput(name, value, "must not be above 100000 percent")
    rate = rate_of_percent(float(number))
    if rate == 0:
        raise BadInput(name, value, "is finer than 0.000001 percent")
    return percent_of_rate(rate)
