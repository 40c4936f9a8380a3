"""The ledger as double-entry books: whatever happens every entry balances, and cash and cost are exact."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import BadInput, UnknownName, WorkbenchError
from workbench.model import Booking, BookingKind, Fill, Side
from workbench.trading import Ledger
from workbench.trading.postings import Heading, Posting, Transaction

D = Decimal
K = BookingKind
NOW = datetime(2024, 1, 2, 15, tzinfo=UTC)
START = D(10_000)
CASH_KINDS = (K.DEPOSIT, K.WITHDRAWAL, K.DIVIDEND, K.FUNDING, K.INTEREST, K.CHARGE, K.CORRECTION)


def fill(name: str, side: Side, size: Any, price: Any, **more: Any) -> Fill:
    fee = D(more.pop("fee", 0))
    made = Fill(name, "o", "a", "s", "X", side, D(size), D(price), fee, NOW)
    return replace(made, **more)


def booking(kind: BookingKind, amount: Any = 0, **more: Any) -> Booking:
    needs: dict[str, Any] = {"symbol": "X" if kind in (K.DIVIDEND, K.FUNDING, K.SPLIT) else "", "reason": "why"}
    return Booking("a", kind, more.pop("at", NOW), D(amount), **(needs | more))


def books(*entries: Fill | Booking, **more: Any) -> Ledger:
    return Ledger.rebuilt({"a": START}, entries, **more)


AMOUNTS = st.decimals(min_value=D("0.0001"), max_value=1000, places=4)
SIZES = st.decimals(min_value=D("0.00000001"), max_value=1000, places=8)


@st.composite
def histories(draw: st.DrawFn, *, busts: bool = True, splits: bool = True) -> list[Fill | Booking]:
    """Fills of two strategies, symbols and currencies, with bookings of every kind between them."""
    made: list[Fill | Booking] = []
    kinds = ["fill"] * 6 + ["cash", "dividend"] + ["split"] * splits + ["bust"] * busts
    busted: set[str] = set()
    for nth in range(draw(st.integers(0, 20))):
        at, what = NOW + timedelta(minutes=nth), draw(st.sampled_from(kinds))
        symbol = draw(st.sampled_from("XY"))
        if what == "fill":
            made.append(
                Fill(f"f{nth}", "o", "a", draw(st.sampled_from("st")), symbol, draw(st.sampled_from(Side)), draw(SIZES),
                     draw(SIZES), draw(AMOUNTS), at, currency="" if symbol == "X" else "EUR")
            )  # fmt: skip
        elif what == "cash":
            kind = draw(st.sampled_from(CASH_KINDS))
            amount = draw(AMOUNTS)
            sign = {K.DEPOSIT: 1, K.WITHDRAWAL: -1}.get(kind) or draw(st.sampled_from([1, -1]))
            made.append(booking(kind, sign * amount, at=at, booking_id=f"b{nth}",
                                currency=draw(st.sampled_from(["", "EUR"]))))  # fmt: skip
        elif what == "dividend":
            made.append(booking(K.DIVIDEND, ratio=draw(AMOUNTS), symbol=symbol, at=at, booking_id=f"b{nth}"))
        elif what == "split":
            ratio = draw(st.sampled_from([D(2), D(3), D("0.5"), D("1.5"), D("0.1")]))
            made.append(booking(K.SPLIT, ratio=ratio, symbol=symbol, at=at, booking_id=f"b{nth}"))
        else:
            names = [e.fill_id for e in made if isinstance(e, Fill) and e.fill_id not in busted]
            if names:
                busted.add(name := draw(st.sampled_from(names)))
                made.append(booking(K.BUST, subject=name, at=at, booking_id=f"b{nth}"))
    return made


def whole(ledger: Ledger) -> dict[str, Any]:
    return {
        "cash": {c: ledger.cash("a", c) for c in ("", "EUR")},
        "positions": sorted(ledger.positions("a"), key=str),
        "balances": ledger.balances("a"),
        "lots": {(s, x): ledger.lots("a", s, x) for s in "st" for x in "XY"},
        "realised": [ledger.realised("a", method=m) for m in ("average", "fifo")],
    }


# ---- whatever happens ------------------------------------------------------------------------------------------------


@given(histories())
@settings(max_examples=150)
def test_every_entry_and_all_balances_together_sum_to_nothing_in_each_currency(entries: list[Fill | Booking]) -> None:
    ledger = books(*entries)
    for entry in ledger.entries:
        sums: dict[str, Fraction] = defaultdict(Fraction)
        for line in entry.postings:
            sums[line.currency] += Fraction(line.amount)
        assert not any(sums.values())
    total: dict[str, Fraction] = defaultdict(Fraction)
    for (_, currency, _, _), amount in ledger.balances("a").items():
        total[currency] += Fraction(amount)
    assert not any(total.values())


@given(histories())
@settings(max_examples=150)
def test_cash_is_to_the_last_digit_what_fills_and_bookings_explain(entries: list[Fill | Booking]) -> None:
    ledger = books(*entries)
    cash: dict[str, Fraction] = {"": Fraction(START), "EUR": Fraction(0)}
    sizes: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    fills = {e.fill_id: e for e in entries if isinstance(e, Fill)}
    split_since: dict[str, Fraction] = {}
    for entry in entries:
        if isinstance(entry, Fill):
            sizes[entry.strategy, entry.symbol] += entry.side.sign * Fraction(entry.size)
            cash[entry.currency] -= entry.side.sign * Fraction(entry.size) * Fraction(entry.price) + Fraction(entry.fee)
            split_since[entry.fill_id] = Fraction(1)
        elif entry.kind is K.SPLIT:
            assert entry.ratio is not None
            for key in sizes:
                if key[1] == entry.symbol:
                    sizes[key] *= Fraction(entry.ratio)
        elif entry.kind is K.BUST:
            gone = fills[entry.subject]
            cash[gone.currency] += gone.side.sign * Fraction(gone.size) * Fraction(gone.price) + Fraction(gone.fee)
        elif entry.ratio is not None:
            held = sum((size for (_, symbol), size in sizes.items() if symbol == entry.symbol), Fraction(0))
            cash[entry.currency] += held * Fraction(entry.ratio)
        else:
            cash[entry.currency] += Fraction(entry.amount)
        if isinstance(entry, Booking) and entry.kind is K.BUST:
            return  # what a bust does to sizes stands in tests of its own
    assert {c: Fraction(ledger.cash("a", c)) for c in cash} == cash
    for (strategy, symbol), size in sizes.items():
        assert Fraction(ledger.position("a", strategy, symbol).size) == size


@given(histories())
@settings(max_examples=100)
def test_the_lots_of_a_position_are_the_position_and_the_holding_its_cost(entries: list[Fill | Booking]) -> None:
    ledger = books(*entries)
    for position in ledger.positions("a"):
        lots = ledger.lots("a", position.strategy, position.symbol)
        assert sum((size for size, _ in lots), D(0)) == position.size
        assert len({size > 0 for size, _ in lots}) == 1
    held = sum((Fraction(v) for (h, *_), v in ledger.balances("a").items() if h == "holding"), Fraction(0))
    cost = sum((Fraction(h.cost) for h in ledger._holdings.values()), Fraction(0))
    assert held == cost


@given(histories())
@settings(max_examples=100)
def test_what_was_gained_by_either_method_and_what_is_open_is_all_the_same_money(
    entries: list[Fill | Booking],
) -> None:
    ledger = books(*entries)
    average = sum((h.gain + -h.cost for h in ledger._holdings.values()), D(0))
    fifo = sum((h.fifo_gain - sum((lot.cost for lot in h.lots), D(0)) for h in ledger._holdings.values()), D(0))
    assert abs(average - fifo) < D("1e-25")


@given(histories())
@settings(max_examples=100)
def test_books_rebuilt_and_given_twice_are_the_same(entries: list[Fill | Booking]) -> None:
    ledger = Ledger()
    ledger.open_account("a", START)
    for entry in entries:
        assert ledger.apply(entry)
        assert not ledger.apply(entry)
    assert whole(books(*entries)) == whole(ledger)


@given(histories(busts=False, splits=False))
@settings(max_examples=100)
def test_first_in_first_out_is_that_of_a_queue_of_fractions(entries: list[Fill | Booking]) -> None:
    ledger = books(*entries)
    queues: dict[tuple[str, str], deque[list[Fraction]]] = defaultdict(deque)
    gain = Fraction(0)
    for entry in entries:
        if not isinstance(entry, Fill):
            continue
        queue, size, price = queues[entry.strategy, entry.symbol], Fraction(entry.size), Fraction(entry.price)
        sign = entry.side.sign
        while size and queue and queue[0][0] * sign < 0:
            part = min(size, abs(queue[0][0]))
            gain += part * (price - queue[0][1]) * -sign
            queue[0][0] += sign * part
            size -= part
            if not queue[0][0]:
                queue.popleft()
        if size:
            queue.append([sign * size, price])
    assert abs(Fraction(ledger.realised("a", method="fifo")) - gain) < Fraction(1, 10**15)
    for (strategy, symbol), queue in queues.items():
        assert [Fraction(size) for size, _ in ledger.lots("a", strategy, symbol)] == [size for size, _ in queue]


@given(histories(busts=False))
@settings(max_examples=75)
def test_equity_is_cash_and_value_and_what_every_heading_explains(entries: list[Fill | Booking]) -> None:
    ledger = books(*entries)
    for symbol, price in (("X", D("12.5")), ("Y", D("0.75"))):
        ledger.mark(symbol, price)
    ledger.mark_rate("EUR", D("1.25"))
    value = ledger.cash("a") + ledger.cash("a", "EUR") * D("1.25")
    for p in ledger.positions("a"):
        value += p.size * (D("12.5") if p.symbol == "X" else D("0.75") * D("1.25"))
    assert abs(ledger.equity("a") - value) < D("1e-25")


# ---- by hand ---------------------------------------------------------------------------------------------------------


def test_average_and_first_in_first_out_by_hand() -> None:
    ledger = books(
        fill("1", Side.BUY, 10, 100), fill("2", Side.BUY, 10, 110), fill("3", Side.SELL, 15, 120, fee="2")
    )  # fmt: skip
    assert ledger.realised("a") == 225  # 15 × (120 − 105)
    assert ledger.realised("a", method="fifo") == 250  # 10 × 20 + 5 × 10
    assert ledger.lots("a", "s", "X") == [(5, 110)]
    assert ledger.position("a", "s", "X").entry_price == 105
    assert ledger.cash("a") == 10_000 - 2100 + 1800 - 2
    assert ledger.total("a", Heading.FEES) == 2
    assert ledger.total("a", Heading.HOLDING) == 525
    assert ledger.total("a", Heading.GAIN) == -225
    with pytest.raises(BadInput, match="method lifo: must be average or fifo"):
        ledger.realised("a", method="lifo")


def test_a_short_through_nothing_by_hand() -> None:
    ledger = books(fill("1", Side.SELL, 10, 100), fill("2", Side.BUY, 15, 90))
    assert (ledger.realised("a"), ledger.realised("a", method="fifo")) == (100, 100)
    assert ledger.lots("a", "s", "X") == [(5, 90)]
    assert ledger.cash("a") == 10_000 + 1000 - 1350


def test_thirds_lose_nothing() -> None:
    ledger = books(fill("1", Side.BUY, 3, "0.01"), *(fill(f"s{i}", Side.SELL, 1, "0.01") for i in range(3)))
    assert ledger.realised("a") == 0
    assert ledger.cash("a") == START
    assert [k for k in ledger.balances("a") if k[0] not in ("cash", "capital")] == []


def test_a_split_keeps_cost_and_cash_and_changes_units_marks_and_lots() -> None:
    ledger = Ledger.rebuilt({"a": START}, [fill("1", Side.BUY, 10, 100)])
    ledger.mark("X", D(120))
    before = ledger.equity("a")
    ledger.apply(booking(K.SPLIT, ratio=D(4)))
    position = ledger.position("a", "s", "X")
    assert (position.size, position.entry_price, ledger.lots("a", "s", "X")) == (40, 25, [(40, 25)])
    assert (ledger.equity("a"), ledger.mark_of("X", D(0)), ledger.cash("a")) == (before, 30, 9000)


def test_splits_of_ratios_that_never_end_leave_a_position_that_can_be_closed() -> None:
    third = D(1) / 3
    entries: list[Fill | Booking] = [fill(f"b{i}", Side.BUY, D("1.23456789") + i, 100) for i in range(5)]
    entries += [booking(K.SPLIT, ratio=third, booking_id=f"s{i}") for i in range(4)]
    ledger = books(*entries)
    size = ledger.position("a", "s", "X").size
    ledger.apply(fill("close", Side.SELL, size, 50))
    assert ledger.positions("a") == []
    assert ledger.lots("a", "s", "X") == []


@pytest.mark.parametrize(("side", "cash"), [(Side.BUY, 5), (Side.SELL, -5)])
def test_a_dividend_a_unit_goes_to_all_that_hold_and_is_owed_by_all_that_are_short(side: Side, cash: int) -> None:
    ledger = books(fill("1", side, 10, 100))
    before = ledger.cash("a")
    ledger.apply(booking(K.DIVIDEND, ratio=D("0.5")))
    assert ledger.cash("a") - before == cash
    assert ledger.total("a", Heading.DIVIDENDS, "s") == -cash


def test_a_dividend_is_of_what_is_held_when_it_is_counted() -> None:
    ledger = books(
        fill("1", Side.BUY, 10, 100), fill("2", Side.BUY, 20, 100, strategy="t"), booking(K.DIVIDEND, ratio=D(1)),
        fill("3", Side.BUY, 70, 100),
    )  # fmt: skip
    assert ledger.total("a", Heading.DIVIDENDS) == -30


@pytest.mark.parametrize(
    ("kind", "amount", "heading"),
    [(K.DEPOSIT, 5, Heading.CAPITAL), (K.WITHDRAWAL, -5, Heading.CAPITAL), (K.DIVIDEND, 5, Heading.DIVIDENDS),
     (K.FUNDING, -5, Heading.FUNDING), (K.INTEREST, 5, Heading.INTEREST), (K.CHARGE, -5, Heading.FEES),
     (K.CORRECTION, -5, Heading.CORRECTIONS)],
)  # fmt: skip
def test_a_booking_moves_cash_against_its_heading(kind: BookingKind, amount: int, heading: Heading) -> None:
    ledger = books(booking(kind, amount))
    assert ledger.cash("a") == 10_000 + amount
    assert ledger.total("a", heading) == -amount - (10_000 if heading is Heading.CAPITAL else 0)


def test_money_of_another_currency_is_kept_apart_and_valued_at_its_rate() -> None:
    ledger = Ledger.rebuilt({"a": START}, [fill("1", Side.BUY, 10, 100, fee="1", currency="EUR")], "USD")
    assert (ledger.cash("a"), ledger.cash("a", "EUR"), ledger.currencies("a")) == (10_000, -1001, ["USD", "EUR"])
    ledger.mark("X", D(110))
    with pytest.raises(BadInput, match="rate EUR: has no rate yet"):
        ledger.equity("a")
    ledger.mark_rate("EUR", D("1.1"))
    assert ledger.equity("a") == 10_000 + (1100 - 1001) * D("1.1")


def test_a_currency_named_as_the_accounts_own_is_the_accounts_own() -> None:
    ledger = Ledger.rebuilt({"a": START}, [fill("1", Side.BUY, 10, 100, currency="USD")], "USD")
    ledger.mark("X", D(110))
    assert (ledger.cash("a"), ledger.equity("a")) == (9000, 10_100)


def test_cash_is_settled_on_the_day_the_market_says() -> None:
    def next_day(at: datetime) -> date:
        return at.date() + timedelta(days=1)

    sold = fill("2", Side.SELL, 10, 100, fee="1", time=NOW + timedelta(days=1))
    ledger = books(fill("1", Side.BUY, 10, 100), sold, booking(K.DEPOSIT, 50), settles_on=next_day)
    assert ledger.cash("a") == 10_049
    assert ledger.settled_cash("a", date(2024, 1, 2)) == 10_050
    assert ledger.settled_cash("a", date(2024, 1, 3)) == 9_050
    assert ledger.settled_cash("a", date(2024, 1, 4)) == 10_049
    assert ledger.settled_cash("a", date(2024, 1, 4), "EUR") == 0


# ---- busts -----------------------------------------------------------------------------------------------------------


def test_a_fill_busted_at_once_leaves_nothing() -> None:
    ledger = books(fill("1", Side.BUY, 10, 100, fee="2"), booking(K.BUST, subject="1"))
    assert (ledger.cash("a"), ledger.positions("a"), ledger.realised("a")) == (START, [], 0)
    assert ledger.total("a", Heading.FEES) == 0


def test_a_bust_is_counted_once_and_only_of_a_fill_there_is() -> None:
    ledger = books(fill("1", Side.BUY, 10, 100))
    bust = booking(K.BUST, subject="1", booking_id="b")
    assert ledger.apply(bust)
    assert not ledger.apply(bust)
    with pytest.raises(BadInput, match="booking subject 1: was busted before"):
        ledger.apply(replace(bust, booking_id="c"))
    with pytest.raises(UnknownName, match="fill nope: unknown"):
        ledger.apply(booking(K.BUST, subject="nope"))
    assert ledger.cash("a") == START


@pytest.mark.parametrize("busted", ["1", "2", "3"])
def test_books_with_a_busted_fill_are_those_that_never_had_it(busted: str) -> None:
    fills = [fill("1", Side.BUY, 10, 100), fill("2", Side.BUY, 10, 110, fee="1"), fill("3", Side.SELL, 5, 130)]
    with_bust = books(*fills, booking(K.BUST, subject=busted))
    without = books(*(f for f in fills if f.fill_id != busted))
    assert with_bust.cash("a") == without.cash("a")
    assert with_bust.position("a", "s", "X") == without.position("a", "s", "X")
    assert with_bust.lots("a", "s", "X") == without.lots("a", "s", "X")
    assert with_bust.realised("a", method="fifo") == without.realised("a", method="fifo")


def test_a_fill_from_before_a_split_is_busted_in_the_units_of_today() -> None:
    ledger = books(
        fill("1", Side.BUY, 10, 100), fill("2", Side.BUY, 10, 100), booking(K.SPLIT, ratio=D(2)),
        booking(K.BUST, subject="2"),
    )  # fmt: skip
    assert ledger.position("a", "s", "X").size == 20


# ---- postings themselves ---------------------------------------------------------------------------------------------


def test_a_transaction_that_does_not_balance_is_refused_by_name() -> None:
    lines = (Posting(Heading.CASH, D(5), ""), Posting(Heading.GAIN, D("-4.99"), ""))
    with pytest.raises(WorkbenchError, match=r"ledger: fill f1 does not balance by 0\.01"):
        Transaction("a", "fill", "f1", None, lines).check()


def test_a_transaction_balances_in_each_currency_and_not_across_them() -> None:
    lines = (Posting(Heading.CASH, D(5), "USD"), Posting(Heading.GAIN, D(-5), "EUR"))
    with pytest.raises(WorkbenchError, match="does not balance"):
        Transaction("a", "fill", "f1", None, lines).check()


def test_a_booking_of_an_unknown_account_is_refused_and_not_remembered() -> None:
    ledger = books()
    other = replace(booking(K.DEPOSIT, 5), account="b")
    with pytest.raises(UnknownName, match="account b"):
        ledger.apply(other)
    ledger.open_account("b", D(1))
    assert ledger.apply(other)
