"""Charges: what an order costs beside its price, component by component, with the dates from which rates count."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, Decimal, localcontext
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workbench.errors import BadInput
from workbench.model import MONEY_CONTEXT, Side, decimal, not_negative, positive

MOST_CHARGES = 16
MOST_TIERS = 6
(BUY_TAKER, SELL_TAKER, BUY_MAKER, SELL_MAKER, PER_UNIT, PER_ORDER, LEAST, MOST, STEP, OF, TIERS) = range(11)
"""Places in a row of the compiled table; a tier's bound and rate follow in pairs."""
WIDTH = 11 + 2 * MOST_TIERS
_PERCENT = Decimal(100)
_HALF = Decimal("0.5")
_ROUND_GUARD = Decimal("1e-9")
"""A half counts as such within this share of a step: float64 money is never exact."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One component of what an order costs.

    `buy` and `sell` are percent of the turnover (price × size) of an order of that side, `maker_buy` and `maker_sell`
    of one that rested at its price, where they differ. With `tiers`, as in ((10000, 0.05), (50000, 0.02)), turnover
    above a bound is charged the percent beside it in place of `buy` and `sell`. `per_unit` is currency a raw unit,
    `per_order` currency an order. `least` and `most` bound the charge of an order, which is then rounded to a multiple
    of `step`, halves up. With `of`, names of charges before it, the percent is of their sum in place of the turnover.
    It counts from `since` until the day before `until` (dates, UTC). Raises BadInput.
    """

    name: str
    buy: Decimal = Decimal(0)
    sell: Decimal = Decimal(0)
    maker_buy: Decimal | None = None
    maker_sell: Decimal | None = None
    tiers: tuple[tuple[Decimal, Decimal], ...] = ()
    per_unit: Decimal = Decimal(0)
    per_order: Decimal = Decimal(0)
    least: Decimal = Decimal(0)
    most: Decimal | None = None
    step: Decimal = Decimal(0)
    of: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise BadInput("charge name", self.name, "must not be empty")
        for name in ("buy", "sell", "maker_buy", "maker_sell", "per_unit", "per_order", "least", "most", "step"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, not_negative(f"{self.name} {name}", decimal(name, value)))
        if self.most is not None and self.most < self.least:
            raise BadInput(f"{self.name} most", self.most, f"is below least, {self.least}")
        if len(self.tiers) > MOST_TIERS:
            raise BadInput(f"{self.name} tiers", len(self.tiers), f"are more than {MOST_TIERS}")
        bounds = [positive(f"{self.name} tier", decimal("tier", bound)) for bound, _ in self.tiers]
        if bounds != sorted(set(bounds)):
            raise BadInput(f"{self.name} tiers", bounds, "must rise", "give the lowest bound first")
        tiers = tuple((Decimal(bound), not_negative("tier", decimal("tier", rate))) for bound, rate in self.tiers)
        object.__setattr__(self, "tiers", tiers)
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise BadInput(f"{self.name} until", self.until, f"is not after since, {self.since}")

    def counts_on(self, day: date) -> bool:
        """Whether it is charged on a day."""
        return (self.since is None or self.since <= day) and (self.until is None or day < self.until)

    def rate(self, side: Side, *, maker: bool) -> Decimal:
        """The percent of turnover, before tiers."""
        own = self.maker_buy if side is Side.BUY else self.maker_sell
        usual = self.buy if side is Side.BUY else self.sell
        return own if maker and own is not None else usual

    def amount(self, base: Decimal, side: Side, raw: Decimal, *, maker: bool) -> Decimal:
        """The charge of one order on a base (turnover, or other charges), for so many raw units."""
        rate, total, begin = self.rate(side, maker=maker), Decimal(0), Decimal(0)
        for bound, higher in self.tiers:
            if base <= bound:
                break
            total += (bound - begin) * rate / _PERCENT
            begin, rate = bound, higher
        total += (base - begin) * rate / _PERCENT + raw * self.per_unit + self.per_order
        total = max(total, self.least)
        if self.most is not None:
            total = min(total, self.most)
        if self.step:
            total = (total / self.step + _HALF + _ROUND_GUARD).to_integral_value(ROUND_FLOOR) * self.step
        return total


@dataclass(frozen=True)
class CostModel:
    """What orders cost, as a list of charges; the same object in sweep, backtest, replay and on paper.

    `name` is what it is called where figures are shown, `currency` which money its fixed amounts are in (empty: any).
    Raises BadInput for charges of one name on one day, and for a charge of one that does not stand before it.
    """

    name: str
    charges: tuple[Charge, ...]
    currency: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.charges:
            raise BadInput(f"cost model {self.name}", "no charge", "is given")
        for day in self.days:
            seen: list[str] = []
            for charge in self._on(day):
                if charge.name in seen:
                    raise BadInput(f"cost model {self.name}", charge.name, f"is charged twice on {day}")
                for other in charge.of:
                    if other not in seen and any(c.name == other for c in self.charges):
                        if any(c.name == other and c.counts_on(day) for c in self.charges):
                            raise BadInput(f"{charge.name} of", other, "must stand before it")
                    elif other not in seen:
                        raise BadInput(f"{charge.name} of", other, "is no charge of this model")
                seen.append(charge.name)
            if len(seen) > MOST_CHARGES:
                raise BadInput(f"cost model {self.name}", len(seen), f"charges are more than {MOST_CHARGES}")

    @cached_property
    def days(self) -> tuple[date, ...]:
        """The days from which on something is charged otherwise, the first the beginning of time."""
        changes = {day for c in self.charges for day in (c.since, c.until) if day is not None}
        return (date.min, *sorted(changes))

    def _on(self, day: date) -> Sequence[Charge]:
        return [charge for charge in self.charges if charge.counts_on(day)]

    @cached_property
    def _by_day(self) -> tuple[Sequence[Charge], ...]:
        return tuple(self._on(day) for day in self.days)

    def parts(
        self, side: Side, turnover: Decimal, raw: Decimal, day: date, *, maker: bool = False
    ) -> dict[str, Decimal]:
        """Each charge of one order: of its turnover (price × size), raw units, and day (UTC)."""
        found: dict[str, Decimal] = {}
        with localcontext(MONEY_CONTEXT):
            for charge in self._by_day[bisect_right(self.days, day) - 1]:
                base = sum((found.get(name, Decimal(0)) for name in charge.of), Decimal(0)) if charge.of else turnover
                found[charge.name] = charge.amount(base, side, raw, maker=maker)
        return found

    def fee(self, side: Side, turnover: Decimal, raw: Decimal, day: date, *, maker: bool = False) -> Decimal:
        """What one order costs; it does not fall as the order grows."""
        with localcontext(MONEY_CONTEXT):
            return sum(self.parts(side, turnover, raw, day, maker=maker).values(), Decimal(0))

    def table(self) -> NDArray[np.float64]:
        """The charges as the kernel reads them: (days, charges, WIDTH), rates as fractions."""
        most = max(len(some) for some in self._by_day)
        found = np.zeros((len(self.days), max(most, 1), WIDTH))
        found[:, :, MOST] = np.inf
        for rows, charges in zip(found, self._by_day, strict=True):
            names = [charge.name for charge in charges]
            for row, c in zip(rows, charges, strict=False):
                taker = float(c.buy / 100), float(c.sell / 100)
                maker = [float((own if own is not None else usual) / 100)
                         for own, usual in ((c.maker_buy, c.buy), (c.maker_sell, c.sell))]  # fmt: skip
                row[:OF] = (*taker, *maker, c.per_unit, c.per_order, c.least, np.inf if c.most is None else c.most,
                            c.step)  # fmt: skip
                row[OF] = sum(1 << names.index(other) for other in c.of if other in names) if c.of else 0
                row[TIERS] = len(c.tiers)
                for i, (bound, rate) in enumerate(c.tiers):
                    row[TIERS + 1 + 2 * i : TIERS + 3 + 2 * i] = bound, rate / 100
        return found

    def epochs(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which of `table`'s days counts at each instant (ns UTC)."""
        if len(self.days) == 1:
            return np.zeros(1, np.int64)
        firsts = [(day - date(1970, 1, 1)).days for day in self.days[1:]]
        return np.asarray(np.searchsorted(firsts, times // (86_400 * 10**9), side="right"), np.int64)
