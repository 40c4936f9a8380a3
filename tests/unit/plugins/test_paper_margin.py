"""The paper broker's funds: margin and hedges, square-off, settlement, fee models, virtual capital; worked by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from workbench_plugins.paper_broker import PaperBroker
from workbench_plugins.paper_calendar import INDIAN_CLOSES, Settlement, SquareOff, next_weekday
from workbench_plugins.paper_margin import Contract, Leg, MarginRow, MarginTable, contract_of, worst_case
from workbench_plugins.paper_rules import start_cash

from workbench.errors import BadInput, Refused, UnknownName
from workbench.model import Bar, Handling, Instrument, Order, OrderType, Side
from workbench.ports import BrokerOrder, Execution

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
FRIDAY = datetime(2026, 11, 20, 3, 45, tzinfo=UTC)
"""09:15 in India: NSE opens."""
FUT, CALL, HIGHER = "NIFTY28NOV26FUT", "NIFTY28NOV26100CE", "NIFTY28NOV26110CE"
LISTED = [
    Instrument("X", "INR", tick=D("0.01"), lot=D(1), venue="NSE"),
    *(Instrument(s, "INR", tick=D("0.01"), lot=D(1), venue="NFO") for s in (FUT, CALL, HIGHER)),
]


class Desk:
    """A paper broker of Indian instruments, told orders and bars in a line each."""

    def __init__(self, *, cash: Any = 10_000, book: Path | None = None, **options: Any) -> None:
        self.broker = PaperBroker(book=book, **options)
        self.broker.connect(self)
        self.broker.open_account("a", None if cash is None else D(cash), LISTED)
        self.told: list[tuple[Any, ...]] = []
        self.fills: list[Execution] = []
        self.count = 0

    def on_order(self, report: BrokerOrder) -> None:
        self.told.append((report.broker_id, str(report.state), report.reason))

    def on_fill(self, execution: Execution) -> None:
        self.fills.append(execution)

    def order(self, name: str, side: Side, size: Any, symbol: str = "X", product: str = "", **more: Any) -> None:
        strategy = more.pop("strategy", "s")
        made = Order(
            "s", f"c-{name}", strategy, "a", symbol, side, D(size), FRIDAY, order_id=name,
            handling=Handling(product=product), **more,
        )  # fmt: skip
        self.broker.submit(made)

    def bar(self, price: Any, symbol: str = "X", at: datetime | None = None, **prices: Any) -> None:
        self.count += 1
        start = at or FRIDAY + self.count * MINUTE
        values = [D(prices.get(name, price)) for name in ("open", "high", "low", "close")]
        self.broker.trade_bars({symbol: Bar(symbol, start, start + MINUTE, *values)})

    def got(self) -> list[tuple[str, Decimal, Decimal]]:
        return [(f.broker_id, f.size, f.price) for f in self.fills]

    def held(self, symbol: str = "X") -> Decimal:
        return sum((p.size for p in self.broker.positions() if p.symbol == symbol), D(0))


# ---- the table -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "contract"),
    [
        ("RELIANCE", Contract("equity", "RELIANCE")),
        ("NIFTY28NOV26FUT", Contract("futures", "NIFTY|28NOV26")),
        ("M&M26NOV26FUT", Contract("futures", "M&M|26NOV26")),
        ("NIFTY28NOV2624000CE", Contract("option", "NIFTY|28NOV26", D(24000), "CE")),
        ("NFO:VEDL25APR24292.5PE", Contract("option", "VEDL|25APR24", D("292.5"), "PE")),
    ],
)
def test_a_symbol_says_what_its_contract_is(symbol: str, contract: Contract) -> None:
    assert contract_of(Instrument(symbol)) == contract


def test_the_row_in_force_is_the_products_own_and_the_latest() -> None:
    table = MarginTable((
        MarginRow("equity", "*", D(1), D("0.5")),
        MarginRow("equity", "MIS", D(5), D("0.1")),
        MarginRow("equity", "MIS", D(4), D("0.1"), date(2026, 6, 1)),
    ))  # fmt: skip
    assert table.row("equity", "MIS", date(2026, 5, 31)).leverage == 5
    assert table.row("equity", "MIS", date(2026, 6, 1)).leverage == 4
    assert table.row("equity", "CNC", date(2026, 6, 1)).leverage == 1
    with pytest.raises(BadInput, match=r"futures MIS: has no row in force on 2026-06-01"):
        table.row("futures", "MIS", date(2026, 6, 1))


@pytest.mark.parametrize(
    ("symbol", "product", "size", "needed"),
    [
        ("X", "MIS", 10, 200),  # 10 × 100 ÷ 5
        ("X", "CNC", 10, 1000),
        (FUT, "NRML", -10, 100),
        (CALL, "NRML", 10, 1000),  # the premium
        (CALL, "NRML", -10, 100),  # a tenth of 10 × the strike of 100
    ],
)
def test_indian_leverage(symbol: str, product: str, size: int, needed: int) -> None:
    table = MarginTable.of("india")
    assert table is not None
    leg = Leg(contract_of(Instrument(symbol)), product, D(size), D(100))
    assert table.required([leg], date(2026, 1, 1)) == needed
    assert table.required([leg], date(2026, 1, 1), maintenance=True) == needed * D("0.75")


@pytest.mark.parametrize(("product", "needed", "kept"), [("MARGIN", 500, 250), ("DAY", 250, 250), ("CASH", 1000, 1000)])
def test_american_leverage(product: str, needed: int, kept: int) -> None:
    table = MarginTable.of("us")
    assert table is not None
    leg = Leg(Contract("equity", "AAPL"), product, D(10), D(100))
    assert table.required([leg], date(2026, 1, 1)) == needed
    assert table.required([leg], date(2026, 1, 1), maintenance=True) == kept


def test_crypto_leverage_is_what_it_is_told() -> None:
    table = MarginTable.of("crypto=20")
    assert table is not None
    assert table.required([Leg(Contract("equity", "BTC"), "", D(-2), D(100))], date(2026, 1, 1)) == 10


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MarginTable.of("mars"), "margin table mars: unknown; known: crypto=LEVERAGE, india, us"),
        (lambda: MarginTable.of("crypto=0"), "crypto leverage .*above 0"),
        (lambda: MarginRow("bonds", "*", D(1), D(1)), "margin segment bonds: unknown"),
        (lambda: MarginRow("equity", "*", D(5), D("0.3")), "is above the initial margin, 1/5"),
        (lambda: SquareOff.of("moon"), "square_off moon: unknown; known: india"),
        (lambda: Settlement.of("days=11"), "whole number from 0 to 10; 1 means T\\+1"),
        (lambda: Settlement.of("days=1, settled_only=maybe"), "must be yes or no"),
    ],
)
def test_what_cannot_be_is_named(make: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        make()


# ---- hedges ----------------------------------------------------------------------------------------------------------


def legs(*given: tuple[str, int, Any]) -> list[Leg]:
    return [Leg(contract_of(Instrument(s)), "NRML", D(size), D(mark)) for s, size, mark in given]


PUT = "NIFTY28NOV2695PE"


@pytest.mark.parametrize(
    ("held", "worst"),
    [
        # bought at 100 for 5, sold at 110 for 2: worth 3 now, at worst nothing
        (legs((CALL, 1, 5), (HIGHER, -1, 2)), 3),
        # sold at 100 for 5, bought at 110 for 2: -3 now, at worst -10
        (legs((CALL, -1, 5), (HIGHER, 1, 2)), 7),
        # a future at 100 with a put at 95 for 2: 102 now, at worst 95
        (legs((FUT, 1, 100), (PUT, 1, 2)), 7),
        # a future at 100 against a call sold at 100 for 5: 95 now, at worst the future is worth nothing
        (legs((FUT, 1, 100), (CALL, -1, 5)), 95),
        # a call sold at 100 and two sold at 110 against one bought: falls for ever
        (legs((CALL, 1, 5), (HIGHER, -2, 2)), None),
        # a long and a short future cancel out
        (legs((FUT, 1, 100), (FUT, -1, 100)), 0),
    ],
)
def test_what_legs_of_one_series_can_lose_together(held: list[Leg], worst: Any) -> None:
    assert worst_case(held) == worst


def test_a_spread_binds_its_worst_case_and_nothing_is_set_off_across_expiries() -> None:
    table = MarginTable.of("india")
    assert table is not None
    on = date(2026, 1, 1)
    spread = legs((CALL, -10, 5), (HIGHER, 10, 2))
    # alone: a tenth of 10 × 100, and the premium of 10 × 2; together: 10 × 7
    assert table.required(spread[:1], on) + table.required(spread[1:], on) == 120
    assert table.required(spread, on) == 70
    later = legs((CALL, -10, 5), ("NIFTY26DEC26110CE", 10, 2))
    assert table.required(later, on) == 120
    # a future covered by a call could still lose 95 a unit: each alone, 100 and 100, is less
    assert table.required(legs((FUT, 10, 100), (CALL, -10, 5)), on) == 200


# ---- margin at the broker --------------------------------------------------------------------------------------------


def test_an_order_is_refused_before_it_is_taken_and_cut_when_it_fills() -> None:
    desk = Desk(margin="india")
    desk.bar(100)
    with pytest.raises(Refused, match=r"501 X at 100 as MIS needs a margin of 10020.00; free: 10000.00"):
        desk.order("big", BUY, 501, product="MIS")
    desk.order("all", BUY, 500, product="MIS")
    with pytest.raises(Refused, match=r"needs a margin of 20.00; free: 0.00"):  # what works binds as well
        desk.order("more", BUY, 1, product="MIS")
    desk.bar(101)  # 10,000 × 5 ÷ 101 = 495.05
    assert desk.got() == [("all", 495, 101)]
    assert desk.told[-1][1] == "cancelled"
    assert desk.broker.cash("a") == 10_000 - 495 * 101  # below nothing: the rest is lent
    assert desk.broker.margin("a") == 9999  # 495 × 101 ÷ 5
    assert desk.broker.equity("a") == 10_000


def test_delivery_has_no_leverage_and_a_short_needs_margin_too() -> None:
    desk = Desk(margin="india")
    desk.order("cnc", BUY, 500)  # CNC is the default
    desk.bar(100)
    assert desk.held() == 100
    desk = Desk(margin="india")
    desk.order("short", SELL, 600, product="MIS")
    desk.bar(100)
    assert desk.held() == -500


def test_a_call_comes_when_equity_falls_below_maintenance_and_goes_when_it_is_back(tmp_path: Path) -> None:
    desk = Desk(margin="india", book=tmp_path / "a.db")
    desk.order("buy", BUY, 500, product="MIS")
    desk.bar(100)
    # equity 10,000 - 500 × loss; maintenance 15 % of 500 × price: 94.2 gives 7,100 ≥ 7,065, 94 gives 7,000 < 7,050
    desk.bar("94.2")
    assert desk.broker.events() == ()
    desk.bar(94)
    assert [(e.kind, e.words) for e in desk.broker.events()] == [
        ("margin_call", "equity of 7000.00 is below the maintenance margin of 7050.00")
    ]
    again = Desk(margin="india", book=tmp_path / "a.db")
    assert again.broker.health().trouble == desk.broker.health().trouble == "margin call: a"
    assert again.broker.margin("a", maintenance=True) == 7050
    again.bar(93, at=FRIDAY + HOUR)
    assert len(again.broker.events()) == 1  # told once
    again.bar(96, at=FRIDAY + 2 * HOUR)
    assert [e.kind for e in again.broker.events()] == ["margin_call", "margin_restored"]
    assert again.broker.health().trouble == ""


def test_the_second_leg_of_a_spread_fits_where_it_lowers_what_is_bound() -> None:
    desk = Desk(cash=1000, margin="india")
    desk.bar(5, CALL)
    desk.bar(2, HIGHER)
    desk.order("sold", SELL, 100, CALL)
    desk.bar(5, CALL)  # a tenth of 100 × 100: all there is
    assert desk.broker.margin("a") == 1000
    with pytest.raises(Refused, match="needs a margin"):
        desk.order("naked", SELL, 10, CALL)
    desk.order("bought", BUY, 100, HIGHER)
    desk.bar(2, HIGHER)
    assert (desk.held(CALL), desk.held(HIGHER)) == (-100, 100)
    assert desk.broker.margin("a") == 700


def test_products_are_known_and_not_mixed_in_one_position() -> None:
    desk = Desk(margin="india")
    assert desk.broker.capabilities.products == ("CNC", "MIS", "NRML")
    with pytest.raises(Refused, match="product BO is unknown here; known: CNC, MIS, NRML"):
        desk.order("odd", BUY, 1, product="BO")
    desk.order("mis", BUY, 1, product="MIS")
    desk.bar(100)
    with pytest.raises(Refused, match="X is held as MIS: close it before opening it as CNC"):
        desk.order("cnc", BUY, 1)
    assert PaperBroker().capabilities.products == ()


# ---- square-off ------------------------------------------------------------------------------------------------------


def at(hour: int, minute: int, days: int = 0) -> datetime:
    """A time of that Friday in India."""
    return FRIDAY.replace(hour=0, minute=0) + timedelta(days=days, hours=hour, minutes=minute) - timedelta(minutes=330)


def test_the_times_are_those_of_the_exchanges() -> None:
    assert {venue: f"{close:%H:%M}" for venue, close in INDIAN_CLOSES.items()} == {
        "NSE": "15:15", "BSE": "15:15", "NFO": "15:15", "BFO": "15:15", "CDS": "16:45", "BCD": "16:45",
        "MCX": "23:30", "NCDEX": "17:00",
    }  # fmt: skip
    rule = SquareOff()
    assert rule.due("MIS", "MCX", at(10, 0)) == at(23, 30)
    assert rule.due("MIS", "NSE", at(15, 15)) == at(15, 15, days=1)
    assert rule.due("CNC", "NSE", at(10, 0)) is rule.due("MIS", "NYSE", at(10, 0)) is None


def test_intraday_positions_are_closed_at_the_first_bar_at_or_after_the_time(tmp_path: Path) -> None:
    desk = Desk(square_off="india", book=tmp_path / "a.db")
    desk.order("day", BUY, 10, product="MIS")
    desk.order("keep", BUY, 5, product="CNC", strategy="other")
    desk.bar(100, at=at(10, 0))
    desk.order("stop", SELL, 10, type=OrderType.STOP, level=D(90), reduce_only=True, group="g")
    desk.order("rest", BUY, 1, product="MIS", type=OrderType.LIMIT, limit=D(50))
    desk.bar(101, at=at(15, 14))
    assert len(desk.fills) == 2
    desk = Desk(square_off=True, book=tmp_path / "a.db")  # it knows after a crash
    desk.bar(103, at=at(15, 16), low=80, close=80)
    assert [(f.client_order_id, f.side, f.size, f.price) for f in desk.fills] == [("", SELL, 10, 103)]
    assert desk.told[0] == ("rest", "cancelled", "the position is closed at the end of the day")
    assert desk.told[1] == ("stop", "cancelled", "the position is closed at the end of the day")
    assert [(p.strategy, p.size) for p in desk.broker.positions()] == [("other", 5)]
    assert desk.broker.cash("a") == 10_000 - 15 * 100 + 10 * 103
    assert [e.kind for e in desk.broker.events()] == ["square_off"]
    desk.order("late", BUY, 1, product="MIS")
    desk.bar(103, at=at(15, 17))
    assert desk.told[-1] == ("late", "rejected", "no position of product MIS is opened at or after 15:15 at NSE")


def test_a_position_that_missed_its_time_is_closed_at_the_next_days_first_bar() -> None:
    desk = Desk(square_off="india")
    desk.order("day", SELL, 10, product="MIS")
    desk.bar(100, at=at(15, 10))
    desk.bar(98, at=at(9, 15, days=3))
    assert [f.price for f in desk.fills] == [100, 98]
    assert desk.held() == 0


# ---- settlement ------------------------------------------------------------------------------------------------------


def test_proceeds_settle_on_the_next_business_day_and_buy_nothing_before() -> None:
    desk = Desk(settlement="days=1, settled_only=yes")
    desk.order("buy", BUY, 100)
    desk.bar(100, at=at(10, 0))
    desk.order("sell", SELL, 100, reduce_only=True)
    desk.bar(101, at=at(10, 1))
    assert desk.broker.cash("a") == 10_100
    friday, monday = date(2026, 11, 20), date(2026, 11, 23)
    assert [desk.broker.settled_cash("a", day) for day in (friday, monday)] == [0, 10_100]
    desk.order("again", BUY, 10)
    desk.bar(100, at=at(10, 2))
    assert desk.told[-1][1] == "rejected"
    assert "settled cash of 0.00" in desk.told[-1][2]
    desk.order("monday", BUY, 10)
    desk.bar(100, at=at(10, 0, days=3))
    assert desk.held() == 10


def test_without_settled_only_unsettled_proceeds_buy() -> None:
    desk = Desk(settlement={"days": 1})
    desk.order("buy", BUY, 100)
    desk.bar(100, at=at(10, 0))
    desk.order("sell", SELL, 100, reduce_only=True)
    desk.bar(100, at=at(10, 1))
    desk.order("again", BUY, 100)
    desk.bar(100, at=at(10, 2))
    assert desk.held() == 100


def test_delivery_sells_what_was_delivered(tmp_path: Path) -> None:
    rule = Settlement(needs_holdings=True, next_day=lambda day: next_weekday(next_weekday(day)))  # Monday is a holiday
    desk = Desk(settlement=rule, book=tmp_path / "a.db")
    desk.order("buy", BUY, 10)
    desk.bar(100, at=at(10, 0))
    desk.order("stop", SELL, 10, type=OrderType.STOP, level=D(95), reduce_only=True, group="g")
    desk.order("early", SELL, 10, reduce_only=True)
    desk = Desk(settlement=rule, book=tmp_path / "a.db")
    desk.bar(94, at=at(10, 0, days=3))
    assert desk.told == [("early", "rejected", "0 of 10 X is settled: the rest cannot be sold yet")]
    with pytest.raises(Refused, match="CNC sells what is held, not short"):
        desk.order("short", SELL, 1)
    desk.bar(93, at=at(10, 0, days=4))  # Tuesday: the stop that could not sell before
    assert desk.got() == [("stop", 10, 93)]


def test_a_weekend_is_no_business_day() -> None:
    assert [next_weekday(date(2026, 11, day)) for day in (19, 20, 21, 22)] == [
        date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 23), date(2026, 11, 23)
    ]  # fmt: skip
    assert Settlement(days=2).settles_on(at(15, 0)) == date(2026, 11, 24)
    # 23:00 UTC on Thursday is Friday in India
    assert Settlement().day(datetime(2026, 11, 19, 23, tzinfo=UTC)) == date(2026, 11, 20)


# ---- fees and capital ------------------------------------------------------------------------------------------------


class Capped:
    """The lower of 3 % and 20 an order."""

    def fee(self, order: Order, size: Decimal, price: Decimal, factor: Decimal, at: datetime) -> Decimal:
        return min(size * price * D("0.03"), D(20))


def test_a_fee_model_takes_the_place_of_the_fees_and_counts_in_what_the_cash_pays_for() -> None:
    desk = Desk(cash=1000, fees=Capped())
    desk.order("buy", BUY, 100)
    desk.bar(49)  # 20 × 49 = 980, and 20
    assert [(f.size, f.fee) for f in desk.fills] == [(20, 20)]
    assert desk.broker.cash("a") == 0
    desk.order("sell", SELL, 1, reduce_only=True)
    desk.bar(50)
    assert desk.fills[-1].fee == D("1.50")


def test_an_indian_account_has_ten_million_where_it_names_no_cash() -> None:
    assert Desk(cash=None).broker.cash("a") == 10_000_000
    with pytest.raises(BadInput, match="an account in USD has no virtual capital of its own; name its cash"):
        start_cash("USD")
    with pytest.raises(UnknownName):
        PaperBroker(realism="nonsense=1")
