"""Money: an amount in one currency."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext

from workbench.errors import BadInput
from workbench.model.numbers import MONEY_CONTEXT


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency; amounts of two currencies never mix."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal) or not self.amount.is_finite():
            raise BadInput("amount", self.amount, "must be a finite Decimal")
        if not (self.currency.isalnum() and self.currency.isupper() and 3 <= len(self.currency) <= 10):
            raise BadInput(
                "currency", self.currency, "must be 3 to 10 capital letters or digits", "as in USD, INR, USDT"
            )

    def __add__(self, other: Money) -> Money:
        with localcontext(MONEY_CONTEXT):
            return Money(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        with localcontext(MONEY_CONTEXT):
            return Money(self.amount - self._same(other).amount, self.currency)

    def __neg__(self) -> Money:
        return Money(self.amount.copy_negate(), self.currency)

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise BadInput("currency", other.currency, f"cannot be added to {self.currency}", "convert it first")
        return other
