"""What realism costs: the same run under one realism after the other, and how its fills differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Protocol

from workbench.errors import BadInput
from workbench.model import MONEY_CONTEXT, Side
from workbench_plugins.paper_realism import Realism


class Filled(Protocol):
    """What the report reads of a fill; `workbench.model.Fill` and `workbench.ports.Execution` have it."""

    @property
    def side(self) -> Side: ...
    @property
    def size(self) -> Decimal: ...
    @property
    def price(self) -> Decimal: ...
    @property
    def fee(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class CostRow:
    """How one run's fills differ from another's, in the currency of the prices.

    `fills` and `size` are counts and units of the realistic run, `more_fills` and `more_size` what it has beyond the
    other. `buy_bps` and `sell_bps` are how much worse its prices are, fill by fill, in basis points of the other (None
    where one of the two has other fills on that side). `cash` is what its fills brought (negative: took) beyond the
    other's, of which `fees` are higher fees; where sizes differ, part of `cash` is in positions instead.
    """

    name: str
    fills: int
    more_fills: int
    size: Decimal
    more_size: Decimal
    buy_bps: Decimal | None
    sell_bps: Decimal | None
    fees: Decimal
    cash: Decimal


def compare_fills(name: str, baseline: Sequence[Filled], realistic: Sequence[Filled]) -> CostRow:
    """Set a realistic run's fills against the baseline's."""
    with localcontext(MONEY_CONTEXT):
        size, size_before = _size(realistic), _size(baseline)
        buys, sells = (_worse(side, baseline, realistic) for side in (Side.BUY, Side.SELL))
        fees = sum((f.fee for f in realistic), Decimal(0)) - sum((f.fee for f in baseline), Decimal(0))
        return CostRow(
            name, len(realistic), len(realistic) - len(baseline), size, size - size_before, buys, sells, fees,
            _cash(realistic) - _cash(baseline),
        )  # fmt: skip


def realism_report(
    make_run: Callable[[Realism], Sequence[Filled]], steps: Mapping[str, Mapping[str, object]]
) -> list[CostRow]:
    """What each setting costs on top of those before it, and at the end all of them together against none.

    `steps` are settings of `Realism` by the name of their row, added one after the other; `make_run` does the same run
    under a realism and gives its fills. Raises BadInput where there is no step.
    """
    if not steps:
        raise BadInput("steps", "{}", "there is nothing to compare", "name at least one setting of Realism")
    rows: list[CostRow] = []
    settings: dict[str, object] = {}
    first = before = make_run(Realism())
    for name, added in steps.items():
        settings |= added
        now = make_run(Realism.of(settings))
        rows.append(compare_fills(name, before, now))
        before = now
    return [*rows, compare_fills("together", first, before)]


def _size(fills: Sequence[Filled]) -> Decimal:
    return sum((fill.size for fill in fills), Decimal(0))


def _cash(fills: Sequence[Filled]) -> Decimal:
    return sum((-f.side.sign * f.size * f.price - f.fee for f in fills), Decimal(0))


def _worse(side: Side, baseline: Sequence[Filled], realistic: Sequence[Filled]) -> Decimal | None:
    """By how many basis points a side's prices are worse, fill by fill; rounded to a hundredth.

    None where one has other fills: a year of averages at other sizes and times would say nothing of prices.
    """
    pairs = [[f.price for f in fills if f.side is side] for fills in (baseline, realistic)]
    if not pairs[0] or len(pairs[0]) != len(pairs[1]):
        return None
    ratios = [now / before for before, now in zip(*pairs, strict=True)]
    return round(side.sign * (sum(ratios, Decimal(0)) / len(ratios) - 1) * 10_000, 2)
