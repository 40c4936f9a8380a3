"""RunSpec: all that is needed to make a run again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from workbench.errors import BadInput, UnknownName
from workbench.fills import CostModel, Costs, Slippage, Terms
from workbench.model import SizeRequest, decimal, positive

OPTIONS = (
    "start", "end", "fees", "slippage", "per_share", "min_fee", "cash", "shared_cash", "size", "stop", "target",
    "trail", "lot", "tick", "calendar", "tz", "costs", "fill_at",
)  # fmt: skip
"""What a run may be told besides strategy, parameters and data; the same names in the shell and in Python."""


DEFAULTS = {"fees": "10", "slippage": "5", "cash": "100000"}
"""What counts where nothing is given; written into every spec, so that a rerun has them."""
SMALLEST, LARGEST = Decimal("1e-12"), Decimal("1e12")
"""Numbers of a run lie in between, or are 0."""


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One run as it was asked for: strategy reference, parameters, SOURCE:SYMBOLS, and options as text.

    Options that were not given are left out, so that their defaults show. Raises BadInput for what cannot be read.
    """

    strategy: str
    data: str
    params: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.options:
            if name not in OPTIONS:
                raise UnknownName("option", name, OPTIONS)
        source, _, symbols = self.data.partition(":")
        if not source or not symbols.strip(","):
            raise BadInput("data", self.data, "is no SOURCE:SYMBOL", "write for example sample:AAPL or csv:prices.csv")

    @property
    def source(self) -> str:
        """The data source's name."""
        return self.data.partition(":")[0]

    @property
    def symbols(self) -> list[str]:
        """The symbols, or paths of files."""
        return [s.strip() for s in self.data.partition(":")[2].split(",") if s.strip()]

    def terms(self, model: CostModel | None = None) -> Terms:
        """What the run trades under; `model` is the one that the option `costs` names."""
        given = self.options
        usual = Terms()
        if ("costs" in given) != (model is not None):
            raise BadInput("costs", given.get("costs"), "names no model that was found", "see workbench plugins")
        slippage, moving = given.get("slippage", ""), None
        if any(letter.isalpha() and letter not in "eE" for letter in slippage) and ":" in slippage:
            moving = Slippage.parse(slippage)
        costs = Costs(
            self._number("fees", usual.costs.fee_bps if model is None else Decimal(0)),
            self._number("slippage", usual.costs.slippage_bps) if moving is None else Decimal(0),
            self._number("per_share", Decimal(0)),
            self._number("min_fee", Decimal(0)),
            model,
            moving,
        )
        return Terms(
            cash=positive("cash", self._number("cash", usual.cash)),
            costs=costs,
            size=SizeRequest.parse(given["size"]) if "size" in given else None,
            stop=self._level("stop"),
            target=self._level("target"),
            trail=self._level("trail"),
            fill_at=given.get("fill_at"),
            shared_cash=_yes("shared_cash", given.get("shared_cash", "false")),
        )

    def grid_number(self, name: str) -> Decimal | None:
        """`lot` or `tick`, above 0, or None where it was not given."""
        return positive(name, self._number(name, Decimal(1))) if name in self.options else None

    def to_dict(self) -> dict[str, Any]:
        """The spec as JSON values."""
        return {
            "strategy": self.strategy,
            "data": self.data,
            "params": dict(self.params),
            "options": dict(self.options),
        }

    def _number(self, name: str, usual: Decimal) -> Decimal:
        if name not in self.options:
            return usual
        number = decimal(name, self.options[name])
        if number and not SMALLEST <= abs(number) <= LARGEST:
            raise BadInput(name, self.options[name], f"is not between {SMALLEST} and {LARGEST:.0e}")
        return number

    def _level(self, name: str) -> Decimal | None:
        return positive(name, self._number(name, Decimal(1))) if name in self.options else None


def _yes(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise BadInput(name, text, "is neither true nor false")
    return text.lower() == "true"
