"""The ledger: fills counted once, exact, and accounts and strategies kept apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import BadInput, UnknownName
from workbench.model import Fill, Position, Side
from workbench.trading import Ledger
from workbench.trading.postings import Heading

D = Decimal
NOW = datetime(2024, 1, 2, tzinfo=UTC)
ACCOUNTS = {"one": D(10_000), "two": D("777.77")}
SYMBOLS = ("X", "Y")


def fill(number: int = 1, side: Side = Side.BUY, size: Any = 10, price: Any = 5, fee: Any = 0, **changes: Any) -> Fill:
    made = Fill(f"f{number}", "o", "one", "s", "X", side, D(size), D(price), D(fee), NOW + timedelta(days=number))
    return replace(made, **changes)


def opened() -> Ledger:
    return Ledger.rebuilt(ACCOUNTS, [])


@st.composite
def many_fills(draw: st.DrawFn) -> list[Fill]:
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(sorted(ACCOUNTS)),
                st.sampled_from(("s", "t")),
                st.sampled_from(SYMBOLS),
                st.sampled_from(Side),
                st.decimals(min_value=D("0.00000001"), max_value=1000, places=8),
                st.decimals(min_value=D("0.00000001"), max_value=1000, places=8),
                st.decimals(min_value=0, max_value=10, places=4),
            ),
            max_size=25,
        )
    )
    return [
        Fill(f"f{i}", "o", account, strategy, symbol, side, size, price, fee, NOW + timedelta(minutes=i))
        for i, (account, strategy, symbol, side, size, price, fee) in enumerate(rows)
    ]


def state(ledger: Ledger) -> tuple[Any, ...]:
    return (
        {account: ledger.cash(account) for account in ACCOUNTS},
        sorted(ledger.positions(), key=lambda p: (p.account, p.strategy, p.symbol)),
        ledger.entries,
    )


def test_a_fill_moves_cash_by_its_value_and_its_fee() -> None:
    ledger = opened()
    assert ledger.apply(fill(1, Side.BUY, 10, 5, "0.25"))
    assert ledger.cash("one") == D("9949.75")
    assert ledger.apply(fill(2, Side.SELL, 10, 6, "0.25"))
    assert ledger.cash("one") == D("10009.50")
    assert ledger.position("one", "s", "X") == Position("one", "s", "X", realised=D(10))


def test_a_fill_reported_twice_is_counted_once() -> None:
    ledger = opened()
    assert ledger.apply(fill())
    assert not ledger.apply(fill())
    assert not ledger.apply(fill(price=99))  # the id decides, not the rest
    assert ledger.cash("one") == 9950
    assert ledger.position("one", "s", "X").size == 10
    assert len(ledger.entries) == 3


def test_one_fill_id_in_two_accounts_is_two_fills() -> None:
    ledger = opened()
    assert ledger.apply(fill())
    assert ledger.apply(fill(account="two"))
    assert ledger.position("two", "s", "X").size == 10


@given(many_fills())
@settings(deadline=None, max_examples=75)
def test_a_ledger_rebuilt_from_the_same_fills_is_the_same(fills: list[Fill]) -> None:
    ledger = opened()
    for one in fills:
        ledger.apply(one)
        ledger.apply(one)
    assert state(Ledger.rebuilt(ACCOUNTS, fills)) == state(ledger)
    assert state(Ledger.rebuilt(ACCOUNTS, [f for f in fills for _ in range(2)])) == state(ledger)


@given(many_fills())
@settings(deadline=None, max_examples=75)
def test_cash_and_positions_are_exactly_what_the_fills_sum_to(fills: list[Fill]) -> None:
    ledger = Ledger.rebuilt(ACCOUNTS, fills)
    marks = {"X": D("12.34567891"), "Y": D("0.00000003")}
    for symbol, price in marks.items():
        ledger.mark(symbol, price)
    for account, start in ACCOUNTS.items():
        mine = [f for f in fills if f.account == account]
        cash = Fraction(start) - sum(
            (f.side.sign * Fraction(f.size) * Fraction(f.price) + Fraction(f.fee) for f in mine), Fraction(0)
        )
        assert Fraction(ledger.cash(account)) == cash
        value = Fraction(0)
        for strategy in ("s", "t"):
            for symbol in SYMBOLS:
                theirs = [f for f in mine if (f.strategy, f.symbol) == (strategy, symbol)]
                size = sum((f.side.sign * Fraction(f.size) for f in theirs), Fraction(0))
                assert Fraction(ledger.position(account, strategy, symbol).size) == size
                value += size * Fraction(marks[symbol])
        assert Fraction(ledger.equity(account)) == cash + value


@given(many_fills())
@settings(deadline=None, max_examples=50)
def test_the_entries_of_an_account_add_up_to_its_cash(fills: list[Fill]) -> None:
    ledger = Ledger.rebuilt(ACCOUNTS, fills)
    for account in ACCOUNTS:
        rows = [entry for entry in ledger.entries if entry.account == account]
        assert sum(Fraction(e.under(Heading.CASH)) for e in rows) == Fraction(ledger.cash(account))
    assert len(ledger.entries) == len(ACCOUNTS) + len(fills)


def test_two_strategies_in_one_account_share_cash_and_not_positions() -> None:
    ledger = opened()
    ledger.apply(fill(1, Side.BUY, 10, 5))
    ledger.apply(fill(2, Side.SELL, 4, 5, strategy="t"))
    assert ledger.position("one", "s", "X").size == 10
    assert ledger.position("one", "t", "X").size == -4
    assert ledger.cash("one") == 9970
    assert {p.strategy for p in ledger.positions("one")} == {"s", "t"}


def test_two_accounts_do_not_mix() -> None:
    ledger = opened()
    ledger.apply(fill(1))
    assert ledger.cash("two") == ACCOUNTS["two"]
    assert ledger.positions("two") == []
    assert [p.account for p in ledger.positions()] == ["one"]


def test_a_closed_position_is_not_listed_and_keeps_its_gain() -> None:
    ledger = opened()
    ledger.apply(fill(1))
    ledger.apply(fill(2, Side.SELL, 10, 7))
    assert ledger.positions() == []
    assert ledger.position("one", "s", "X").realised == 20
    assert ledger.equity("one") == 10_020


def test_a_symbol_without_a_mark_is_valued_at_its_last_fill() -> None:
    ledger = opened()
    assert ledger.equity("one") == 10_000
    ledger.apply(fill())
    assert ledger.equity("one") == 10_000 - fill().fee
    assert ledger.equity("two") == ACCOUNTS["two"]
    ledger.mark("X", D(6))
    assert ledger.equity("one") == 10_010


@pytest.mark.parametrize("price", [D(0), D(-1), D("NaN"), D("Infinity"), 1.0])
def test_a_mark_that_is_no_positive_decimal_is_refused_by_name(price: Any) -> None:
    with pytest.raises(BadInput, match=r"mark of X"):
        opened().mark("X", price)


def test_an_unknown_account_is_named_and_nothing_is_counted() -> None:
    ledger = opened()
    with pytest.raises(UnknownName, match=r"account three: unknown; known: one, two"):
        ledger.apply(fill(account="three"))
    for ask in (ledger.cash, ledger.equity):
        with pytest.raises(UnknownName, match=r"account three"):
            ask("three")
    ledger.open_account("three", D(1000))
    assert ledger.apply(fill(account="three"))  # the refused fill was not remembered as counted
    assert ledger.cash("three") == 950


def test_an_account_is_opened_once_with_cash() -> None:
    ledger = opened()
    with pytest.raises(BadInput, match=r"account one: exists already"):
        ledger.open_account("one", D(5))
    for cash in (D(0), D(-1), D("NaN"), 100.0):
        with pytest.raises(BadInput, match=r"cash"):
            ledger.open_account("new", cash)  # type: ignore[arg-type]
    with pytest.raises(UnknownName):
        ledger.cash("new")


def test_a_position_never_traded_is_flat() -> None:
    assert opened().position("one", "s", "Z") == Position("one", "s", "Z")
