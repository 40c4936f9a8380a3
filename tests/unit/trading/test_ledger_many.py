"""A long run of made-up events through the books, against exact fractions kept beside them."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from workbench.model import Booking, BookingKind, Fill, Side
from workbench.trading import Heading, Ledger

EVENTS = int(os.environ.get("LEDGER_EVENTS", "15000"))
START = datetime(2024, 1, 2, tzinfo=UTC)
ACCOUNTS = {"a": Decimal(1_000_000), "b": Decimal("250000.37")}


def test_many_events_leave_nothing_over_in_any_account() -> None:
    rng = random.Random(7)
    ledger, entries = Ledger.rebuilt(ACCOUNTS, []), []
    cash = {account: Fraction(amount) for account, amount in ACCOUNTS.items()}
    other: dict[str, Fraction] = defaultdict(Fraction)  # dividends, charges, corrections
    held: dict[tuple[str, str, str], Fraction] = defaultdict(Fraction)
    for nth in range(EVENTS):
        account, strategy = rng.choice(("a", "b")), rng.choice(("s", "t", "manual"))
        symbol, at = rng.choice(("X", "Y", "Z", "W")), START + timedelta(seconds=nth)
        if rng.random() < 0.97:
            size = Decimal(rng.randrange(1, 10**7)) / Decimal(10 ** rng.randrange(0, 7))
            price = Decimal(rng.randrange(1, 10**9)) / Decimal(10 ** rng.randrange(2, 9))
            fee = Decimal(rng.randrange(0, 5_000)) / 1000
            side = rng.choice((Side.BUY, Side.SELL))
            entry: Fill | Booking = Fill(f"f{nth}", f"o{nth}", account, strategy, symbol, side, size, price, fee, at)
            cash[account] -= side.sign * Fraction(size) * Fraction(price) + Fraction(fee)
            held[account, strategy, symbol] += side.sign * Fraction(size)
        else:
            kind = rng.choice((BookingKind.DIVIDEND, BookingKind.CHARGE, BookingKind.CORRECTION, BookingKind.FUNDING))
            amount = Decimal(rng.randrange(-50_000, 50_000)) / 100
            entry = Booking(
                account, kind, at, amount, symbol=symbol, strategy=strategy, reason="r", booking_id=f"b{nth}"
            )
            cash[account] += Fraction(amount)
            other[account] += Fraction(amount)
        entries.append(entry)
        assert ledger.apply(entry)
        if rng.random() < 0.02:
            assert not ledger.apply(entry), "a repeat was counted"
    for account in ACCOUNTS:
        assert Fraction(ledger.cash(account)) == cash[account]
        assert sum(map(Fraction, ledger.balances(account).values())) == 0
        for strategy in ("s", "t", "manual"):
            for symbol in ("X", "Y", "Z", "W"):
                size = ledger.position(account, strategy, symbol).size
                assert Fraction(size) == held[account, strategy, symbol]
                lots = ledger.lots(account, strategy, symbol)
                assert sum((lot for lot, _ in lots), Decimal(0)) == size
                assert all(lot * size > 0 for lot, _ in lots), "lots of both sides at once"
        # what came in is what is there: cash and holdings against capital, gains, fees and the rest
        fees = Fraction(ledger.total(account, Heading.FEES))
        charged = sum(Fraction(e.amount) for e in entries if isinstance(e, Booking) and e.account == account
                      and e.kind is BookingKind.CHARGE)  # fmt: skip
        gained = Fraction(ledger.realised(account))
        cost = Fraction(ledger.total(account, Heading.HOLDING))
        assert cash[account] + cost == Fraction(ACCOUNTS[account]) + gained - (fees + charged) + other[account]
    again = Ledger.rebuilt(ACCOUNTS, entries)
    assert all(again.balances(account) == ledger.balances(account) for account in ACCOUNTS)
    assert again.positions() == ledger.positions()
