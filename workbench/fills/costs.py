"""Costs: what trading takes, in research and on paper alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

import numpy as np
from numpy.typing import NDArray

from workbench.errors import BadInput
from workbench.fills.charges import Charge, CostModel
from workbench.fills.slippage import Slippage
from workbench.model import MONEY_CONTEXT, Side, decimal, not_negative

RATE_ONE = 100_000_000


@dataclass(frozen=True, slots=True)
class Costs:
    """Fees and slippage of one order.

    `fee_bps` and `slippage_bps` are basis points (0.01 %) of notional and of price, at most 1,000 and with at most
    4 decimals; `per_share` is currency a raw share, `minimum_fee` currency an order. A `model` takes the place of the
    fees, a `moving` slippage that of the slippage in basis points: one of the two is given, not both.
    """

    fee_bps: Decimal = Decimal(0)
    slippage_bps: Decimal = Decimal(0)
    per_share: Decimal = Decimal(0)
    minimum_fee: Decimal = Decimal(0)
    model: CostModel | None = None
    moving: Slippage | None = None

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
        if self.model is not None and (self.fee_bps or self.per_share or self.minimum_fee):
            named = f"{self.model.name} beside fees of {self.fee_bps} bps"
            raise BadInput(
                "costs", named, "would be charged twice", "give --costs, or --fees, --per-share and --min-fee"
            )
        if self.moving is not None and self.slippage_bps:
            raise BadInput("slippage", f"{self.moving} beside {self.slippage_bps} bps", "would be paid twice")

    @property
    def slippage(self) -> Slippage:
        """The slippage, whichever way it was given."""
        return self.moving if self.moving is not None else Slippage(self.slippage_bps)

    def table(self) -> NDArray[np.float64]:
        """The charges as the kernel reads them: (days, charges, WIDTH)."""
        if self.model is not None:
            return self.model.table()
        usual = Charge("fees", self.fee_bps / 100, self.fee_bps / 100, per_unit=self.per_share, least=self.minimum_fee)
        return CostModel("fees", (usual,)).table()

    def epochs(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which of `table`'s days counts at each instant (ns UTC); one entry where there is one."""
        return np.zeros(1, np.int64) if self.model is None else self.model.epochs(times)

    def parts(
        self, side: Side, turnover: Decimal, raw: Decimal, day: date, *, maker: bool = False
    ) -> dict[str, Decimal]:
        """Each charge of one order, by name: of its turnover, raw units, and day (UTC)."""
        if self.model is not None:
            return self.model.parts(side, turnover, raw, day, maker=maker)
        with localcontext(MONEY_CONTEXT):
            return {"fees": max(self.minimum_fee, turnover * self.fee_bps / 10_000 + raw * self.per_share)}


def rate_of_percent(percent: float) -> int:
    """A percentage as an integer rate in units of 1e-8, to the nearest."""
    return round(percent * 1_000_000)


def percent_of_rate(rate: int) -> Decimal:
    """The exact percentage of an integer rate."""
    return Decimal(rate) / 1_000_000
