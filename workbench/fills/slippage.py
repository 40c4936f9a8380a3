"""Slippage: by how much a fill is worse than its price, where that depends on the market or on the size."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import BadInput
from workbench.model import Bar, decimal, not_negative

ONE = 100_000_000
MOST_RATE = ONE // 2
"""Slippage never takes more than half of a price."""
_LIMITS = {"fixed": 1000, "spread": 2000, "volatility": 1000, "volume": 1000}
_NAMES = {"fixed": "fixed_bps", "spread": "spread_bps", "volatility": "range_percent", "volume": "volume_percent"}
_EXAMPLE = "write basis points as in 5, or spread:4, volatility:10, volume:2, or several joined by +"


@dataclass(frozen=True, slots=True)
class Slippage:
    """What a market order or a stop pays beside its price; what it adds up, each part 0 where it is not used.

    `fixed_bps` are basis points of the price; `spread_bps` is the whole spread in basis points, of which half is paid;
    `range_percent` is the percent of the last closed traded bar's range (high − low, as a share of its close) that is
    paid; `volume_percent` is the percent of the price that an order as large as that bar's volume moves it by, a
    smaller one in proportion. The last closed bar is the one before a fill at the open or inside a bar, and the bar
    itself for a fill at its close; without one those parts are 0.
    """

    fixed_bps: Decimal = Decimal(0)
    spread_bps: Decimal = Decimal(0)
    range_percent: Decimal = Decimal(0)
    volume_percent: Decimal = Decimal(0)

    @staticmethod
    def parse(text: str) -> Slippage:
        """Slippage from "5" (basis points), or "spread:4+volatility:10+volume:2". Raises BadInput."""
        found: dict[str, Decimal] = {}
        for part in str(text).split("+"):
            name, _, number = part.strip().rpartition(":")
            name = name.strip().lower() or "fixed"
            if name not in _NAMES:
                raise BadInput("slippage", text, f"{name} is no slippage model", _EXAMPLE)
            value = not_negative("slippage", decimal("slippage", number))
            if value > _LIMITS[name]:
                unit = "basis points (10 %)" if name == "fixed" else "basis points" if name == "spread" else "percent"
                raise BadInput("slippage", text, f"must not be above {_LIMITS[name]} {unit}", "10 means 0.1 %")
            if value != round(value, 4):
                raise BadInput("slippage", text, "must have at most 4 decimals")
            if _NAMES[name] in found:
                raise BadInput("slippage", text, f"names {name} twice")
            found[_NAMES[name]] = value
        return Slippage(**found)

    @property
    def is_fixed(self) -> bool:
        """Whether it is the same at every bar and for every size."""
        return not self.range_percent and not self.volume_percent

    @property
    def needs_volume(self) -> bool:
        """Whether bars need a volume."""
        return self.volume_percent > 0

    @property
    def fixed_rate(self) -> int:
        """The part that is always the same, in units of 1e-8, to the nearest."""
        return min(int(self.fixed_bps * 10_000 + self.spread_bps * 5_000), MOST_RATE)

    def rates(
        self, high: NDArray[np.float64], low: NDArray[np.float64], close: NDArray[np.float64],
        volume: NDArray[np.float64], traded: NDArray[np.bool_],
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:  # fmt: skip
        """Rates before each of T bars and after the last, (T + 1,), and what each raw unit of an order adds, (T + 1,).

        Both in units of 1e-8 of the price.
        """
        base, more = np.full(len(close) + 1, self.fixed_rate, np.int64), np.zeros(len(close) + 1)
        last = np.maximum.accumulate(np.where(traded, np.arange(len(close)), -1)) if len(close) else np.empty(0, int)
        known = last >= 0
        rows = np.maximum(last, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            own = self.of_range(high, low, close).astype(np.int64)
            per_unit = np.where(volume > 0, float(self.volume_percent) * 1e6 / volume, 0.0)
        base[1:] += np.where(known, own[rows], 0) if len(close) else 0
        more[1:] = np.where(known, per_unit[rows], 0.0) if len(close) else 0.0
        return np.minimum(base, MOST_RATE), more

    def of_range(self, high: Any, low: Any, close: Any) -> Any:
        """What a bar's range adds, in units of 1e-8."""
        return np.rint(float(self.range_percent) * 1e6 * (high - low) / close)

    def after(self, bar: Bar) -> tuple[int, float]:
        """What counts after a traded bar, as `rates` has it."""
        high, low, close = float(bar.high), float(bar.low), float(bar.close)
        volume = float(bar.volume or 0)
        base = min(self.fixed_rate + int(self.of_range(high, low, close)), MOST_RATE)
        return base, float(self.volume_percent) * 1e6 / volume if volume > 0 else 0.0

    def bps(self, base: int, per_unit: float, raw: Decimal) -> Decimal:
        """Basis points of an order of so many raw units, from rates as `rates` gives them."""
        rate = base + int(np.floor(per_unit * float(raw) + 0.5 + 1e-6)) if per_unit else base
        return Decimal(min(rate, MOST_RATE)) / 10_000

    def __str__(self) -> str:
        told = [f"{name}:{getattr(self, field):f}" for name, field in _NAMES.items() if getattr(self, field)]
        if told == [f"fixed:{self.fixed_bps:f}"] or not told:
            return f"{self.fixed_bps:f}"
        return "+".join(told)
