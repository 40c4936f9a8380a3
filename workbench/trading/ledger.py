"""Ledger: cash and positions of every account, worked out from fills alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from workbench.errors import BadInput, UnknownName
from workbench.model import MONEY_CONTEXT, Fill, Position, positive


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger: what a deposit or a fill did to an account's cash."""

    account: str
    what: str
    subject: str
    amount: Decimal
    fee: Decimal
    time: datetime | None


class Ledger:
    """Append-only; a fill is counted once whatever happens, and the same fills give the same state.

    Positions are held per (account, strategy, symbol). Amounts are exact Decimals in the account's currency.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._cash: dict[str, Decimal] = {}
        self._positions: dict[tuple[str, str, str], Position] = {}
        self._marks: dict[str, Decimal] = {}
        self._seen: set[tuple[str, str]] = set()

    def open_account(self, account: str, cash: Decimal) -> None:
        """Add an account with its starting cash."""
        if account in self._cash:
            raise BadInput("account", account, "exists already")
        self._cash[account] = positive("cash", cash)
        self.entries.append(Entry(account, "deposit", account, cash, Decimal(0), None))

    def apply(self, fill: Fill) -> bool:
        """Count a fill; False when it was counted before."""
        if (fill.account, fill.fill_id) in self._seen:
            return False
        if fill.account not in self._cash:
            raise UnknownName("account", fill.account, self._cash)
        self._seen.add((fill.account, fill.fill_id))
        with localcontext(MONEY_CONTEXT):
            amount = -fill.side.sign * fill.size * fill.price
            self._cash[fill.account] += amount - fill.fee
        self.entries.append(Entry(fill.account, "fill", fill.fill_id, amount, fill.fee, fill.time))
        key = fill.account, fill.strategy, fill.symbol
        self._positions[key] = self.position(*key).after(fill)
        return True

    def mark(self, symbol: str, price: Decimal) -> None:
        """Set the price positions of a symbol are valued at."""
        self._marks[symbol] = positive(f"mark of {symbol}", price)

    def mark_of(self, symbol: str, otherwise: Decimal) -> Decimal:
        """The last mark of a symbol, or what to take where there is none yet."""
        return self._marks.get(symbol, otherwise)

    def cash(self, account: str) -> Decimal:
        """Cash of an account, proceeds of shorts included."""
        if account not in self._cash:
            raise UnknownName("account", account, self._cash)
        return self._cash[account]

    def position(self, account: str, strategy: str, symbol: str) -> Position:
        """What a strategy holds of a symbol; flat where nothing was ever traded."""
        return self._positions.get((account, strategy, symbol)) or Position(account, strategy, symbol)

    def positions(self, account: str | None = None) -> list[Position]:
        """All positions that are not flat."""
        return [p for p in self._positions.values() if p.size != 0 and account in (None, p.account)]

    def equity(self, account: str) -> Decimal:
        """Cash plus positions at their last marks. Raises BadInput for a position without a mark."""
        with localcontext(MONEY_CONTEXT):
            total = self.cash(account)
            for position in self.positions(account):
                if position.symbol not in self._marks:
                    raise BadInput("mark", position.symbol, "has no price yet", "mark it before asking for equity")
                total += position.size * self._marks[position.symbol]
            return total

    @classmethod
    def rebuilt(cls, accounts: dict[str, Decimal], fills: Iterable[Fill]) -> Ledger:
        """The ledger that starting cash and fills alone lead to."""
        ledger = cls()
        for account, cash in accounts.items():
            ledger.open_account(account, cash)
        for fill in fills:
            ledger.apply(fill)
        return ledger
