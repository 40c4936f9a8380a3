"""Breakdown: from gross to net, what trading cost a run, component by component."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.fills import Terms
from workbench.model import Side, from_ns
from workbench.research.tape import CAUSES, Outcome, Tape

_EXIT, _TARGET = CAUSES.index("exit"), CAUSES.index("target")


@dataclass(frozen=True, slots=True)
class Breakdown:
    """What a run made before and after costs, in currency: `gross` − `slippage` − the sum of `charges` = `net`.

    `net` is the change of equity, open positions marked at the last close. `charges` are those of the cost model by
    name; they add up to the fees. `slippage` is by how much fills were worse than their prices, rounding to the tick
    against us included: measured against the bar's open or close for what filled there, and worked back from its rate
    for stops. `turnover` is the sum of price × size, `orders` how many.
    """

    gross: float
    slippage: float
    charges: dict[str, float]
    net: float
    turnover: float
    orders: int

    @property
    def fees(self) -> float:
        """All charges together."""
        return sum(self.charges.values())

    def to_dict(self) -> dict[str, Any]:
        """The breakdown as JSON values."""
        return {
            "gross": self.gross, "slippage": self.slippage, "charges": dict(self.charges), "net": self.net,
            "turnover": self.turnover, "orders": self.orders,
        }  # fmt: skip

    def rows(self) -> list[tuple[str, float]]:
        """Each line from gross to net, costs below 0."""
        lines = [("gross", self.gross), ("slippage", -self.slippage)]
        return [*lines, *((name, -amount) for name, amount in self.charges.items()), ("net", self.net)]


def breakdown_of(tape: Tape, outcome: Outcome, terms: Terms, *, first: int = 0, at_close: bool = False) -> Breakdown:
    """Break down an outcome that began at bar `first` of the tape."""
    orders, costs = outcome.orders, terms.costs
    net = float(outcome.equity[-1]) - outcome.start_cash if len(outcome.equity) else 0.0
    rows, columns = orders["idx"] + first, orders["col"]
    turnover = orders["size"] * orders["price"]
    slippage = _slipped(tape, outcome, terms, rows, columns, at_close=at_close)
    charges: dict[str, float] = {}
    if costs.model is None:
        charges["fees"] = float(orders["fees"].sum())
    else:
        raw = orders["size"] * tape.factor[rows, columns]
        for i, order in enumerate(orders):
            parts = costs.parts(
                Side.SELL if order["side"] else Side.BUY, Decimal(repr(float(turnover[i]))),
                Decimal(repr(float(raw[i]))), from_ns(int(tape.times[rows[i]])).date(),
                maker=int(outcome.causes[i]) == _TARGET,
            )  # fmt: skip
            for name, amount in parts.items():
                charges[name] = charges.get(name, 0.0) + float(amount)
    gross = net + slippage + sum(charges.values())
    return Breakdown(gross, slippage, charges, net, float(turnover.sum()), len(orders))


def _slipped(
    tape: Tape, outcome: Outcome, terms: Terms, rows: NDArray[np.int64], columns: NDArray[np.int64], *, at_close: bool
) -> float:
    orders, causes = outcome.orders, outcome.causes
    if not len(orders):
        return 0.0
    at_market = causes <= _EXIT
    base, impact = tape.slipping(terms.costs.slippage, slice(0, len(tape)))
    rates = np.broadcast_to(base, (len(tape) + 1, base.shape[1]))[rows, columns].astype(float)
    if len(impact):
        rates += impact[rows, columns] * orders["size"] * tape.factor[rows, columns]
    sign = np.where(orders["side"] == 0, 1.0, -1.0)
    price = (tape.close if at_close else tape.open)[rows, columns] / 1e8
    worked_back = orders["price"] / (1 + sign * np.minimum(rates, 5e7) / 1e8)
    reference = np.where(at_market, price, np.where(causes == _TARGET, orders["price"], worked_back))
    return float((sign * (orders["price"] - reference) * orders["size"]).sum())
