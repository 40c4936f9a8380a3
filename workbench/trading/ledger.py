"""Ledger: double-entry books of every account, worked out from fills and bookings alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, localcontext

from workbench.errors import BadInput, UnknownName
from workbench.model import MONEY_CONTEXT, Booking, BookingKind, Fill, Position, positive
from workbench.trading.lots import Holding
from workbench.trading.postings import Heading, Posting, Transaction

SettlesOn = Callable[[datetime], date]
"""The day on which a trade's cash is settled."""


class Ledger:
    """Append-only; an entry is counted once whatever happens, and the same entries give the same state.

    Every entry is a transaction of postings that sum to nothing in each currency. Positions are held per (account,
    strategy, symbol), at average cost and in first-in-first-out lots at once. Amounts are exact Decimals, in the
    currency of the fill, which is the account's unless it names another. `settles_on` gives the day a trade settles;
    without it that is the trade's own (UTC).
    """

    def __init__(self, settles_on: SettlesOn | None = None) -> None:
        self.entries: list[Transaction] = []
        self._settles_on: SettlesOn = settles_on or (lambda at: at.date())
        self._currency: dict[str, str] = {}
        self._cash: dict[tuple[str, str], Decimal] = {}
        self._balances: dict[tuple[str, str, Heading, str, str], Decimal] = defaultdict(Decimal)
        self._holdings: dict[tuple[str, str, str], Holding] = {}
        self._marks: dict[str, Decimal] = {}
        self._rates: dict[str, Decimal] = {}
        self._seen: dict[tuple[str, str], Fill | None] = {}
        self._busted: set[tuple[str, str]] = set()

    # ---- what happens ------------------------------------------------------------------------------------------------

    def open_account(self, account: str, cash: Decimal, currency: str = "") -> None:
        """Add an account with its starting cash; `currency` is the name of its own currency."""
        if account in self._currency:
            raise BadInput("account", account, "exists already")
        positive("cash", cash)
        self._currency[account] = currency
        self._cash[account, currency] = Decimal(0)
        self._post(
            account, "deposit", account, None, currency, [(Heading.CASH, cash), (Heading.CAPITAL, cash.copy_negate())]
        )

    def apply(self, entry: Fill | Booking) -> bool:
        """Count a fill or a booking; False when it was counted before. Raises UnknownName and BadInput."""
        if isinstance(entry, Booking):
            return self._book(entry)
        fill = entry
        if (fill.account, fill.fill_id) in self._seen:
            return False
        self._known(fill.account)
        holding = self._holding(fill.account, fill.strategy, fill.symbol)
        with localcontext(MONEY_CONTEXT):
            amount = -fill.side.sign * fill.size * fill.price
            cost, gain = holding.trade(fill)
            currency = fill.currency or self._currency[fill.account]
            lines = [(Heading.CASH, amount - fill.fee), (Heading.HOLDING, cost), (Heading.GAIN, -gain)]
            if fill.fee:
                lines.append((Heading.FEES, fill.fee))
        self._seen[fill.account, fill.fill_id] = fill
        self._marks.setdefault(fill.symbol, fill.price)  # until there is another: others may trade what we do not watch
        self._post(
            fill.account, "fill", fill.fill_id, fill.time, currency, lines, fill.strategy, fill.symbol,
            self._settles_on(fill.time),
        )  # fmt: skip
        return True

    def _book(self, booking: Booking) -> bool:
        key = booking.account, f"booking:{booking.booking_id}"
        if key in self._seen:
            return False
        self._known(booking.account)
        if booking.kind is BookingKind.BUST:
            self._bust(booking)
        elif booking.kind is BookingKind.SPLIT:
            assert booking.ratio is not None
            for (account, _, symbol), holding in self._holdings.items():
                if account == booking.account and symbol == booking.symbol:
                    holding.split(booking.ratio)
            if booking.symbol in self._marks:
                with localcontext(MONEY_CONTEXT):
                    self._marks[booking.symbol] /= booking.ratio
            self._post(booking.account, "split", booking.booking_id, booking.at, "", [], "", booking.symbol)
        else:
            for strategy, amount in self._amounts(booking):
                heading = _HEADINGS[booking.kind]
                self._post(
                    booking.account, booking.kind, booking.booking_id, booking.at,
                    booking.currency or self._currency[booking.account],
                    [(Heading.CASH, amount), (heading, amount.copy_negate())], strategy, booking.symbol,
                )  # fmt: skip
        self._seen[key] = None
        return True

    def _amounts(self, booking: Booking) -> list[tuple[str, Decimal]]:
        """Whose cash changes by how much: cash a unit goes to every strategy that holds the symbol."""
        if booking.ratio is None:
            return [(booking.strategy, booking.amount)]
        with localcontext(MONEY_CONTEXT):
            return [
                (p.strategy, p.size * booking.ratio)
                for p in self.positions(booking.account)
                if p.symbol == booking.symbol and booking.strategy in ("", p.strategy)
            ]

    def _bust(self, booking: Booking) -> None:
        """Take a fill out again, as if it had never been, and its fee back."""
        key = booking.account, booking.subject
        fill = self._seen.get(key)
        if fill is None:
            raise UnknownName("fill", booking.subject, ())
        if key in self._busted:
            raise BadInput("booking subject", booking.subject, "was busted before")
        self._busted.add(key)
        holding = self._holding(fill.account, fill.strategy, fill.symbol)
        with localcontext(MONEY_CONTEXT):
            amount = fill.side.sign * fill.size * fill.price
            cost, gain = holding.without(fill)
            currency = fill.currency or self._currency[fill.account]
            lines = [(Heading.CASH, amount + fill.fee), (Heading.HOLDING, cost), (Heading.GAIN, -gain)]
            if fill.fee:
                lines.append((Heading.FEES, -fill.fee))
        self._post(
            fill.account, "bust", booking.booking_id, booking.at, currency, lines, fill.strategy, fill.symbol,
            self._settles_on(fill.time),
        )  # fmt: skip

    def _post(
        self,
        account: str,
        what: str,
        subject: str,
        time: datetime | None,
        currency: str,
        lines: list[tuple[Heading, Decimal]],
        strategy: str = "",
        symbol: str = "",
        settles: date | None = None,
    ) -> None:
        """Append one transaction whose postings sum to nothing, and count it."""
        postings = tuple(
            Posting(heading, amount, currency, strategy if heading is not Heading.CASH else "", symbol)
            for heading, amount in lines
            if amount or heading is Heading.CASH
        )
        entry = Transaction(account, what, subject, time, postings, settles or (time.date() if time else None))
        entry.check()
        with localcontext(MONEY_CONTEXT):
            for posting in postings:
                key = account, currency, posting.heading, strategy, symbol
                self._balances[key] += posting.amount
                if posting.heading is Heading.CASH:
                    self._cash[account, currency] = self._cash.get((account, currency), Decimal(0)) + posting.amount
        self.entries.append(entry)

    # ---- what stands -------------------------------------------------------------------------------------------------

    def mark(self, symbol: str, price: Decimal) -> None:
        """Set the price positions of a symbol are valued at."""
        self._marks[symbol] = positive(f"mark of {symbol}", price)

    def mark_rate(self, currency: str, rate: Decimal) -> None:
        """Set how much of an account's own currency one unit of another is worth, for `equity`."""
        self._rates[currency] = positive(f"rate of {currency}", rate)

    def mark_of(self, symbol: str, otherwise: Decimal) -> Decimal:
        """The last mark of a symbol, or what to take where there is none yet."""
        return self._marks.get(symbol, otherwise)

    def cash(self, account: str, currency: str | None = None) -> Decimal:
        """Cash of an account, proceeds of shorts and unsettled amounts included; in its own currency or another."""
        self._known(account)
        return self._cash.get((account, self._currency[account] if currency is None else currency), Decimal(0))

    def settled_cash(self, account: str, on: date, currency: str | None = None) -> Decimal:
        """Cash that is settled at the end of a day: trades whose settlement day is later are left out."""
        self._known(account)
        wanted = self._currency[account] if currency is None else currency
        with localcontext(MONEY_CONTEXT):
            later = (
                posting.amount
                for entry in self.entries
                if entry.account == account and entry.settles is not None and entry.settles > on
                for posting in entry.postings
                if posting.heading is Heading.CASH and posting.currency == wanted
            )
            return self.cash(account, wanted) - sum(later, Decimal(0))

    def currencies(self, account: str) -> list[str]:
        """The currencies an account has cash of, its own first."""
        self._known(account)
        own = self._currency[account]
        return [own, *sorted(c for a, c in self._cash if a == account and c != own)]

    def position(self, account: str, strategy: str, symbol: str) -> Position:
        """What a strategy holds of a symbol, at average cost; flat where nothing was ever traded."""
        holding = self._holdings.get((account, strategy, symbol))
        return Position(account, strategy, symbol) if holding is None else holding.position

    def positions(self, account: str | None = None) -> list[Position]:
        """All positions that are not flat."""
        return [h.position for key, h in self._holdings.items() if h.size and account in (None, key[0])]

    def lots(self, account: str, strategy: str, symbol: str) -> list[tuple[Decimal, Decimal]]:
        """The open first-in-first-out lots of a position, oldest first: signed size and price."""
        holding = self._holdings.get((account, strategy, symbol))
        return [] if holding is None else [(lot.size, lot.price) for lot in holding.lots]

    def realised(self, account: str, strategy: str | None = None, *, method: str = "average") -> Decimal:
        """Realised profit before fees, of an account or one of its strategies; `method` is average or fifo."""
        if method not in ("average", "fifo"):
            raise BadInput("method", method, "must be average or fifo")
        with localcontext(MONEY_CONTEXT):
            return sum(
                (
                    h.gain if method == "average" else h.fifo_gain
                    for (a, s, _), h in self._holdings.items()
                    if a == account and strategy in (None, s)
                ),
                Decimal(0),
            )

    def total(self, account: str, heading: Heading, strategy: str | None = None) -> Decimal:
        """The balance of a heading over all currencies of an account; of one strategy where it is named."""
        with localcontext(MONEY_CONTEXT):
            return sum(
                (
                    amount
                    for (a, _, h, s, _), amount in self._balances.items()
                    if a == account and h is heading and strategy in (None, s)
                ),
                Decimal(0),
            )

    def strategies(self, account: str) -> set[str]:
        """The strategies that ever traded in an account."""
        return {s for a, s, _ in self._holdings if a == account}

    def balances(self, account: str) -> Mapping[tuple[str, str, str, str], Decimal]:
        """Every balance that is not nothing, by (heading, currency, strategy, symbol); together they are nothing."""
        return {
            (heading.value, currency, strategy, symbol): amount
            for (a, currency, heading, strategy, symbol), amount in self._balances.items()
            if a == account and amount
        }

    def equity(self, account: str) -> Decimal:
        """Cash plus positions at their last marks, in the account's own currency.

        Raises BadInput for a position without a mark, and for another currency without a rate.
        """
        with localcontext(MONEY_CONTEXT):
            total = self.cash(account)
            for currency in self.currencies(account)[1:]:
                if self._cash[account, currency] and currency not in self._rates:
                    raise BadInput("rate", currency, "has no rate yet", "mark it before asking for equity")
                total += self._cash[account, currency] * self._rates.get(currency, Decimal(0))
            for holding in self._holdings.values():
                position = holding.position
                if position.account != account or not position.size:
                    continue
                if position.symbol not in self._marks:
                    raise BadInput("mark", position.symbol, "has no price yet", "mark it before asking for equity")
                value = position.size * self._marks[position.symbol]
                foreign = holding.currency not in ("", self._currency[account])
                total += value * self._rate(holding.currency) if foreign else value
            return total

    def _rate(self, currency: str) -> Decimal:
        if currency not in self._rates:
            raise BadInput("rate", currency, "has no rate yet", "mark it before asking for equity")
        return self._rates[currency]

    def _holding(self, account: str, strategy: str, symbol: str) -> Holding:
        key = account, strategy, symbol
        if key not in self._holdings:
            self._holdings[key] = Holding(*key)
        return self._holdings[key]

    def _known(self, account: str) -> None:
        if account not in self._currency:
            raise UnknownName("account", account, self._currency)

    @classmethod
    def rebuilt(
        cls,
        accounts: dict[str, Decimal],
        entries: Iterable[Fill | Booking],
        currency: str = "",
        settles_on: SettlesOn | None = None,
    ) -> Ledger:
        """The ledger that starting cash, fills and bookings alone lead to."""
        ledger = cls(settles_on)
        for account, cash in accounts.items():
            ledger.open_account(account, cash, currency)
        for entry in entries:
            ledger.apply(entry)
        return ledger


_HEADINGS = {
    BookingKind.DEPOSIT: Heading.CAPITAL,
    BookingKind.WITHDRAWAL: Heading.CAPITAL,
    BookingKind.DIVIDEND: Heading.DIVIDENDS,
    BookingKind.FUNDING: Heading.FUNDING,
    BookingKind.INTEREST: Heading.INTEREST,
    BookingKind.CHARGE: Heading.FEES,
    BookingKind.CORRECTION: Heading.CORRECTIONS,
}
