"""Costs: what trading takes, in research and on paper alike."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from workbench.errors import BadInput
from workbench.model import decimal, not_negative

RATE_ONE = 100_000_000


@dataclass(frozen=True, slots=True)
class Costs:
    """Fees and slippage of one order.

    `fee_bps` and `slippage_bps` are basis points (0.01 %) of notional and of price, at most 1,000 and with at most
    4 decimals; `per_share` is currency a raw share, `minimum_fee` currency an order.
    """

    fee_bps: Decimal = Decimal(0)
    slippage_bps: Decimal = Decimal(0)
    per_share: Decimal = Decimal(0)
    minimum_fee: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        for name, label in (
            ("fee_bps", "fees"),
            ("slippage_bps", "slippage"),
            ("per_share", "per-share"),
            ("minimum_fee", "min-fee"),
        ):
            value = decimal(label, getattr(self, name))
            not_negative(label, value)
            if name.endswith("_bps"):
                if value > 1000:
                    raise BadInput(label, value, "must not be above 1000 basis points (10 %)", "10 means 0.1 %")
                if value != round(value, 4):
                    raise BadInput(label, value, "must have at most 4 decimals")
            object.__setattr__(self, name, value)

    @property
    def slippage_rate(self) -> int:
        """The slippage in units of 1e-8."""
        return int(self.slippage_bps * 10_000)


def rate_of_percent(percent: float) -> int:
    """A percentage as an integer rate in units of 1e-8, to the nearest."""
    return round(percent * 1_000_000)


def percent_of_rate(rate: int) -> Decimal:
    """The exact percentage of an integer rate."""
    return Decimal(rate) / 1_000_000
