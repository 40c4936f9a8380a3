"""Postings: the lines of double-entry book-keeping."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, localcontext
from enum import StrEnum

from workbench.errors import WorkbenchError
from workbench.model import MONEY_CONTEXT


class Heading(StrEnum):
    """What a balance is of. Cash and holdings are what the account has; the others say where it came from."""

    CASH = "cash"
    HOLDING = "holding"
    CAPITAL = "capital"
    GAIN = "gain"
    FEES = "fees"
    DIVIDENDS = "dividends"
    FUNDING = "funding"
    INTEREST = "interest"
    CORRECTIONS = "corrections"


@dataclass(frozen=True, slots=True)
class Posting:
    """One line: an amount under a heading, positive where the account has more of it or spent it."""

    heading: Heading
    amount: Decimal
    currency: str
    strategy: str = ""
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class Transaction:
    """Postings that sum to nothing in each currency; `settles` is the day from which the cash may be used."""

    account: str
    what: str
    subject: str
    time: datetime | None
    postings: tuple[Posting, ...]
    settles: date | None = None

    def check(self) -> None:
        """Raise WorkbenchError where the postings do not sum to nothing."""
        totals: dict[str, Decimal] = {}
        with localcontext(MONEY_CONTEXT):
            for posting in self.postings:
                totals[posting.currency] = totals.get(posting.currency, Decimal(0)) + posting.amount
        for currency, total in totals.items():
            if total:
                where = f" in {currency}" if currency else ""
                raise WorkbenchError(f"ledger: {self.what} {self.subject} does not balance by {total}{where}")

    def under(self, heading: Heading) -> Decimal:
        """What the transaction did to one heading."""
        with localcontext(MONEY_CONTEXT):
            return sum((posting.amount for posting in self.postings if posting.heading is heading), Decimal(0))
