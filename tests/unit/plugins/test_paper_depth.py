"""The paper broker in depth: realism on bars, quotes and order books, each rule by a case worked by hand."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workbench_plugins.paper_broker import PaperBroker
from workbench_plugins.paper_realism import Realism
from workbench_plugins.paper_report import compare_fills, realism_report

from workbench.errors import BadInput, Refused, UnknownName
from workbench.fills import Costs
from workbench.model import (
    Bar,
    Depth,
    Handling,
    Instrument,
    Level,
    Order,
    OrderState,
    OrderType,
    Protection,
    Quote,
    Side,
    Validity,
)
from workbench.ports import BrokerOrder, Execution

D = Decimal
START = datetime(2024, 1, 2, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
BUY, SELL = Side.BUY, Side.SELL
X, Y = Instrument("X", lot=D(1), tick=D("0.01")), Instrument("Y", lot=D(1), tick=D("0.01"))


class Killed(BaseException):
    """The process ends here."""


class Desk:
    """A paper broker that is told orders, bars and quotes in a line each; opened again, it goes on from its book."""

    def __init__(self, *, cash: Any = 100_000, book: Path | None = None, **options: Any) -> None:
        self.options = {"book": book, **options}
        self.cash = D(cash)
        self.told: list[tuple[Any, ...]] = []
        self.fills: list[Execution] = []
        self.made: dict[str, Order] = {}
        self.day = 0
        self.open()

    def open(self) -> None:
        self.broker = PaperBroker(**self.options)
        self.broker.connect(self)
        self.broker.open_account("a", self.cash, [X, Y])

    def on_order(self, report: BrokerOrder) -> None:
        self.told.append((report.broker_id, str(report.state), report.reason))

    def on_fill(self, execution: Execution) -> None:
        self.told.append((execution.broker_id, "fill"))
        self.fills.append(execution)

    def order(self, name: str, side: Side, size: Any, **more: Any) -> Order:
        validity = more.pop("validity", Validity.GTC)
        for price in ("limit", "level"):
            if price in more:
                more[price] = D(more[price])
        made = Order(
            "s", f"c-{name}", "s", "a", more.pop("symbol", "X"), side, D(size), START, order_id=name,
            handling=Handling(validity=validity), **more,
        )  # fmt: skip
        self.made[name] = made
        self.broker.submit(made)
        return made

    def child(self, name: str, kind: OrderType, level: Any, size: Any, group: str = "g", **more: Any) -> Order:
        trail = Protection(trail=D(10)) if kind is OrderType.TRAILING_STOP else Protection()
        return self.order(
            name, SELL, size, type=kind, level=level, reduce_only=True, protection=trail, group=group, **more
        )

    def bar(self, open: Any, high: Any = None, low: Any = None, close: Any = None, volume: Any = 1000) -> None:
        self.day += 1
        start = START + self.day * DAY
        prices = [D(open if p is None else p) for p in (open, high, low, close)]
        self.broker.trade_bars({"X": Bar("X", start, start + DAY, *prices, None if volume is None else D(volume))})

    def book(self, second: float, bids: str, asks: str, symbol: str = "X") -> None:
        """An order book: "10@99.5 20@99" for a side."""
        sides = []
        for text in (bids, asks):
            pairs = [level.split("@") for level in text.split()]
            sides.append(tuple(Level(D(price), D(size)) for size, price in pairs))
        self.broker.on_depth(symbol, Depth(START + second * SECOND, *sides))

    def got(self) -> list[tuple[str, Decimal, Decimal]]:
        """The fills so far: order, size, price."""
        return [(f.broker_id, f.size, f.price) for f in self.fills]

    def state(self, name: str) -> tuple[str, Decimal]:
        found = next(o for o in self.broker.orders() if o.broker_id == name)
        return str(found.state), found.filled or D(0)

    def held(self) -> Decimal:
        return sum((p.size for p in self.broker.positions()), D(0))


# ---- realism: the settings -------------------------------------------------------------------------------------------


def test_settings_come_as_a_table_or_as_text_and_are_off_by_default() -> None:
    made = Realism(volume_share=D("0.1"), spread_bps=D(4), seed=7)
    assert Realism.of("volume_share=0.1, spread_bps=4, seed=7") == made
    assert Realism.of({"volume_share": 0.1, "spread_bps": 4, "seed": 7}) == made
    assert Realism.of(None) == Realism.of("") == Realism()
    assert not Realism().needs_volume
    assert not Realism().has_cost


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("volume_share=0", "realism volume_share .*must be finite and above 0"),
        ("volume_share=1.5", "must not be above 1; 0.1 means 10 %"),
        ("spread_bps=-1", "must be finite and not below 0"),
        ("jitter_bps=1001", "must not be above 1000 basis points"),
        ("latency_bars=1.5", "must be a whole number"),
        ("latency_bars=1, latency_s=2", "exclude each other"),
        ("impact=nan", "not finite"),
        ("impact", "is no setting; write name=value"),
        ("sigma=2", "must not be above 1"),
        ({"latency_bars": True}, "must be a whole number"),
    ],
)
def test_a_setting_that_cannot_be_is_named(given: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        PaperBroker(realism=given)
    with pytest.raises(UnknownName, match="did you mean spread_bps"):
        PaperBroker(realism="spred_bps=1")


# ---- realism on bars -------------------------------------------------------------------------------------------------


def test_an_order_takes_its_share_of_each_bars_volume_and_waits_for_the_rest() -> None:
    desk = Desk(realism="volume_share=0.1")
    desk.order("buy", BUY, 250)
    desk.bar(50, volume=1000)  # a tenth: 100
    assert desk.state("buy") == ("partial", 100)
    desk.bar(51, volume=999)  # 99.9, in whole lots 99
    desk.bar(52, volume=1000)  # 51 are left
    assert desk.got() == [("buy", 100, 50), ("buy", 99, 51), ("buy", 51, 52)]
    assert desk.state("buy") == ("filled", 250)
    # 100,000 - 100 × 50 - 99 × 51 - 51 × 52
    assert desk.broker.cash("a") == 100_000 - 5000 - 5049 - 2652


def test_orders_of_one_account_share_a_bars_volume_closes_first() -> None:
    desk = Desk(realism="volume_share=0.1")
    desk.order("buy", BUY, 60)
    desk.bar(50)
    desk.order("more", BUY, 80)
    desk.order("out", SELL, 60, reduce_only=True)
    desk.bar(50)  # 100: the close takes 60, the entry what is left
    assert desk.got()[1:] == [("out", 60, 50), ("more", 40, 50)]


def test_the_minimum_fee_is_paid_once_an_order_however_many_pieces_it_fills_in() -> None:
    desk = Desk(realism="volume_share=0.1", costs=Costs(D(10), minimum_fee=D(6)))
    desk.order("buy", BUY, 200)
    desk.bar(50)  # 0.1 % of 5,000 = 5, at least 6
    desk.bar(50)  # together 10, of which 6 are paid
    assert [f.fee for f in desk.fills] == [6, 4]


def test_what_the_cash_does_not_pay_for_ends_even_between_pieces() -> None:
    desk = Desk(cash=6000, realism="volume_share=0.1")
    desk.order("buy", BUY, 300)
    desk.bar(50)  # 100 for 5,000
    desk.bar(50)  # 1,000 is left: 20
    assert desk.got() == [("buy", 100, 50), ("buy", 20, 50)]
    assert desk.told[-1][:2] == ("buy", "cancelled")
    assert "cash of 1000.00" in desk.told[-1][2]


def test_a_stop_that_fires_cancels_its_target_and_its_rest_goes_at_the_next_opens() -> None:
    desk = Desk(realism="volume_share=0.1")
    desk.order("buy", BUY, 100)
    desk.bar(50)
    desk.child("stop", OrderType.STOP, 45, 100)
    desk.child("target", OrderType.TARGET, 60, 100)
    desk.bar(48, 49, 44, 46, volume=400)  # 40 of them at the stop
    assert desk.got()[1:] == [("stop", 40, 45)]
    assert desk.state("target") == ("cancelled", 0)
    desk.bar(70, 71, 69, 70, volume=1000)  # the rest takes what the market gives, here more
    assert desk.got()[2:] == [("stop", 60, 70)]
    assert desk.held() == 0


def test_each_piece_of_an_entry_has_children_of_its_own() -> None:
    desk = Desk(realism="volume_share=0.1")
    desk.order("buy", BUY, 150)
    desk.bar(50)
    desk.child("stop 1", OrderType.STOP, 45, 100, group=desk.fills[0].fill_id, parent_id="buy")
    desk.bar(52)
    desk.child("stop 2", OrderType.STOP, 47, 50, group=desk.fills[1].fill_id, parent_id="buy")
    desk.bar(48, 48, 46, 48)  # the second piece's alone
    assert (desk.got()[2:], desk.held()) == ([("stop 2", 50, 47)], 100)
    desk.bar(44)
    assert (desk.got()[3:], desk.held()) == ([("stop 1", 100, 44)], 0)


def test_a_stop_limit_that_fills_in_part_rests_as_a_limit_order() -> None:
    desk = Desk(realism="volume_share=0.1")
    desk.order("buy", BUY, 150, type=OrderType.STOP_LIMIT, level=51, limit=52)
    desk.bar(50, 52, 50, 52)  # 100 at 51
    desk.bar(53, 54, 53, 54)  # above its limit
    desk.bar(53, 53, 52, 53)  # touched: at its limit
    assert desk.got() == [("buy", 100, 51), ("buy", 50, 52)]


@pytest.mark.parametrize("bars", [1, 3])
def test_latency_in_bars_lets_bars_pass(bars: int) -> None:
    desk = Desk(realism=f"latency_bars={bars}")
    desk.order("buy", BUY, 10)
    for price in range(50, 50 + bars):
        desk.bar(price)
        assert desk.fills == []
    desk.bar(60)
    assert desk.got() == [("buy", 10, 60)]


def test_latency_in_seconds_waits_for_a_bar_that_begins_after_it() -> None:
    desk = Desk(realism="latency_s=1")
    desk.bar(50)  # ends at midnight, when the next begins
    desk.order("buy", BUY, 10)
    desk.bar(51)  # began a second too early
    desk.bar(52)
    assert desk.got() == [("buy", 10, 52)]


def test_latency_outlives_a_restart(tmp_path: Path) -> None:
    desk = Desk(realism="latency_s=1", book=tmp_path / "a.db")
    desk.bar(50)
    desk.order("buy", BUY, 10)
    desk.open()
    desk.bar(51)
    desk.open()
    assert desk.fills == []
    desk.bar(52)
    assert desk.got() == [("buy", 10, 52)]


@pytest.mark.parametrize("killed", [False, True])
def test_after_an_entry_inside_the_bar_only_what_hurts_counts(tmp_path: Path, *, killed: bool) -> None:
    class Protecting(Desk):
        def on_fill(self, execution: Execution) -> None:
            super().on_fill(execution)
            if len(self.fills) > 1:
                return
            if killed:
                raise Killed
            self.protect()

        def protect(self) -> None:
            self.child("target", OrderType.TARGET, 104, 10)

    desk = Protecting(book=tmp_path / "a.db")
    desk.order("buy", BUY, 10, type=OrderType.LIMIT, limit=98)
    if killed:  # after the fill was told, before it was protected: the bar is given again
        with pytest.raises(Killed):
            desk.bar(100, 105, 97, 99)
        desk.open()
        desk.protect()
        desk.day = 0
        desk.bar(100, 105, 97, 99)
    else:
        desk.bar(100, 105, 97, 99)
    assert desk.got() == [("buy", 10, 98)]  # 105 may have come before 98
    desk.bar(99, 104, 99, 104)
    assert desk.got()[1:] == [("target", 10, 104)]


def test_market_and_stop_orders_pay_half_the_spread_and_limit_orders_do_not() -> None:
    desk = Desk(realism="spread_bps=20", costs=Costs(slippage_bps=D(10)))
    desk.order("buy", BUY, 10)
    desk.order("stop", BUY, 10, type=OrderType.STOP, level=102)
    desk.order("limit", BUY, 10, type=OrderType.LIMIT, limit=99)
    desk.bar(100, 103, 98, 100)
    # slippage 10 + half of 20 = 20 basis points: 100.20, and 102 × 1.002 = 102.204, rounded up to the tick
    assert desk.got() == [("buy", 10, D("100.20")), ("stop", 10, D("102.21")), ("limit", 10, D(99))]


def test_impact_is_coefficient_times_sigma_times_the_root_of_the_share() -> None:
    desk = Desk(realism="impact=0.5, sigma=0.02")
    desk.order("buy", BUY, 90)
    desk.order("limit", BUY, 90, type=OrderType.LIMIT, limit=200)
    desk.bar(100, volume=1000)
    # 0.5 × 2 % × √0.09 = 0.3 %: 100.30; a limit order that is there at the open pays the open
    assert desk.got() == [("buy", 90, D("100.30")), ("limit", 90, D(100))]


def test_impact_is_that_of_the_size_the_cash_pays_for() -> None:
    desk = Desk(cash=9_000, realism="impact=0.5, sigma=0.02")
    desk.order("buy", BUY, 4000)
    desk.bar(100, volume=1000)
    # 90 at 100, so 0.3 % as above; at 100.30 the cash pays for 89
    assert desk.got() == [("buy", 89, D("100.30"))]


def test_without_a_sigma_it_is_parkinsons_of_the_bar() -> None:
    # ln(1.02) ÷ √(4 ln 2) = 0.0198026 ÷ 1.6651092 = 0.0118927; × 1 × √0.25 = 0.594635 %
    desk = Desk(realism={"impact": 1})
    desk.order("buy", BUY, 250)
    desk.bar(100, 102, 100, 101, volume=1000)
    assert desk.got() == [("buy", 250, D("100.60"))]  # 100.594635, rounded up
    flat = Desk(realism={"impact": 1})
    flat.order("buy", BUY, 250)
    flat.bar(100)
    assert flat.got() == [("buy", 250, 100)]  # a bar without a range has no volatility


def test_jitter_is_the_same_for_the_same_seed_and_costs_no_more_than_it_may() -> None:
    def prices(seed: int) -> list[Decimal]:
        desk = Desk(realism={"jitter_bps": 50, "seed": seed})
        for number in range(20):
            desk.order(f"o{number}", BUY, 1)
        desk.bar(100)
        return [f.price for f in desk.fills]

    assert prices(1) == prices(1) != prices(2)
    assert all(100 < price <= D("100.50") for price in prices(1))


@pytest.mark.parametrize("volume", [None, 0])
def test_a_bar_without_volume_is_named_where_volume_counts(volume: Any) -> None:
    desk = Desk(realism="volume_share=0.1")
    desk.order("buy", BUY, 1)
    with pytest.raises(BadInput, match=r"bar X: has no volume at 2024-01-03T00:00:00Z"):
        desk.bar(50, volume=volume)
    assert desk.fills == []


def test_an_order_for_a_day_or_for_at_once_ends_with_what_it_has() -> None:
    desk = Desk(realism="volume_share=0.1")
    desk.order("now", BUY, 130, validity=Validity.IOC)
    desk.bar(50)
    assert desk.got() == [("now", 100, 50)]
    assert desk.told[-1] == ("now", "cancelled", "nothing more to trade with at once")
    desk.order("day", BUY, 130, validity=Validity.DAY)
    desk.bar(50)
    desk.bar(50)
    assert desk.got()[1:] == [("day", 100, 50)]
    assert desk.told[-1] == ("day", "expired", "its day is over")


# ---- quotes and order books ------------------------------------------------------------------------------------------


def test_a_market_order_walks_the_book_level_by_level_from_the_next_one_on() -> None:
    desk = Desk()
    desk.book(0, "10@99", "10@100")
    desk.order("buy", BUY, 25)
    assert desk.fills == []
    desk.book(1, "10@99", "10@100 8@101 30@103")
    assert desk.got() == [("buy", 10, 100), ("buy", 8, 101), ("buy", 7, 103)]
    desk.order("sell", SELL, 25, reduce_only=True)
    desk.book(2, "20@99 3@98", "10@100")
    assert desk.state("sell") == ("partial", 23)
    desk.book(3, "20@97", "10@100")
    assert desk.got()[3:] == [("sell", 20, 99), ("sell", 3, 98), ("sell", 2, 97)]
    # bought for 1000 + 808 + 721, sold for 1980 + 294 + 194
    assert desk.broker.cash("a") == 100_000 - 2529 + 2468


def test_what_one_order_took_is_gone_for_the_next_at_the_same_instant() -> None:
    desk = Desk()
    desk.order("one", BUY, 12)
    desk.order("two", BUY, 12)
    desk.book(1, "", "10@100 10@101")
    assert desk.got() == [("one", 10, 100), ("one", 2, 101), ("two", 8, 101)]


def test_a_quote_is_a_book_of_one_level() -> None:
    desk = Desk()
    desk.order("buy", BUY, 5)
    desk.broker.on_quote("X", Quote(START, D(99), D("99.5"), D(100), D(3)))
    assert (desk.got(), desk.state("buy")) == ([("buy", 3, D("99.5"))], ("partial", 3))


def test_a_limit_order_takes_better_prices_at_once_and_its_own_once_it_rests() -> None:
    desk = Desk()
    desk.order("buy", BUY, 20, type=OrderType.LIMIT, limit=100)
    desk.book(1, "5@98", "4@99 4@100 9@101")  # it goes to them: 99 and 100, never 101
    assert desk.got() == [("buy", 4, 99), ("buy", 4, 100)]
    desk.book(2, "5@98", "9@101")  # the other side does not reach it
    desk.book(3, "5@95", "7@97")  # they come to it: at 100, as much as there is
    desk.book(4, "5@95", "70@100")
    assert desk.got()[2:] == [("buy", 7, 100), ("buy", 5, 100)]


def test_a_stop_fires_where_the_side_it_would_trade_with_reaches_it() -> None:
    desk = Desk()
    desk.order("stop", BUY, 10, type=OrderType.STOP, level=102)
    desk.order("careful", BUY, 10, type=OrderType.STOP_LIMIT, level=102, limit=102)
    desk.book(1, "9@100", "50@101")
    assert desk.fills == []
    desk.book(2, "9@101", "4@102 50@103")
    assert desk.got() == [("stop", 4, 102), ("stop", 6, 103)]
    desk.book(3, "9@100", "50@101")  # it rests at its limit since
    assert desk.got()[2:] == [("careful", 10, 102)]


def test_children_are_tried_at_the_price_that_closes_the_position() -> None:
    desk = Desk()
    desk.order("buy", BUY, 10)
    desk.book(1, "9@99", "50@100")
    desk.child("trail", OrderType.TRAILING_STOP, 90, 10)
    desk.child("target", OrderType.TARGET, 130, 10)
    desk.book(2, "9@120", "50@130")  # the ask is no price to sell at; the trail goes to 108
    assert desk.told[-1] == ("trail", "acked", "")
    desk.book(3, "6@108 9@107", "50@130")
    assert desk.got()[1:] == [("trail", 6, 108), ("trail", 4, 107)]
    assert desk.state("target") == ("cancelled", 0)
    assert desk.fills[-1].cause == "trailing_stop"


def test_latency_on_quotes_counts_from_the_quote_an_order_came_after() -> None:
    desk = Desk(realism="latency_s=2")
    desk.book(10, "9@99", "9@100")
    desk.order("buy", BUY, 5)
    desk.book(11.9, "9@99", "9@100")
    assert desk.fills == []
    desk.book(12, "9@100", "9@101")
    assert desk.got() == [("buy", 5, 101)]


def test_a_stale_or_late_quote_is_refused_and_so_is_a_market_order_on_one() -> None:
    desk = Desk(realism="quote_age_s=5")
    desk.book(0, "9@99", "9@100")
    desk.book(6, "9@9", "9@10", symbol="Y")
    with pytest.raises(Refused, match=r"quote of X is stale: 6.000 s behind the newest, at most 5"):
        desk.order("buy", BUY, 5)
    with pytest.raises(Refused, match=r"quote of X is stale: 5.500 s behind"):
        desk.book(0.5, "9@99", "9@100")
    desk.order("limit", BUY, 5, type=OrderType.LIMIT, limit=100)  # it can wait for a fresh one
    desk.book(3, "9@99", "9@100")
    assert desk.got() == [("limit", 5, 100)]
    with pytest.raises(Refused, match=r"is older than the last one"):
        desk.book(2, "9@99", "9@100")


def test_bars_and_quotes_are_not_mixed_for_one_symbol() -> None:
    desk = Desk()
    desk.bar(50)
    with pytest.raises(BadInput, match=r"quote X: trades on bars here; give one symbol bars or quotes, not both"):
        desk.book(1, "9@99", "9@100")
    desk.book(1, "9@99", "9@100", symbol="Y")
    with pytest.raises(BadInput, match=r"bar Y: trades on quotes here"):
        desk.broker.trade_bars({"Y": Bar("Y", START, START + DAY, D(1), D(1), D(1), D(1))})
    with pytest.raises(UnknownName, match="symbol Z"):
        desk.book(1, "", "", symbol="Z")


@pytest.mark.parametrize(
    ("bids", "asks", "words"),
    [("9@100", "9@100", "is not below the ask"), ("9@99 9@99", "", "best first"), ("", "9@101 9@100", "best first"),
     ("0@99", "", "must be finite and above 0")],
)  # fmt: skip
def test_a_book_that_cannot_be_is_named(bids: str, asks: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Desk().book(1, bids, asks)


# ---- what realism costs ----------------------------------------------------------------------------------------------


def round_trip(realism: Realism) -> list[Execution]:
    desk = Desk(realism=realism)
    desk.order("buy", BUY, 150)
    desk.bar(100)
    desk.bar(102)
    desk.order("sell", SELL, 150, reduce_only=True)
    for price in (110, 108, 106):
        desk.bar(price)
    return desk.fills


def test_the_report_takes_what_realism_costs_apart() -> None:
    spread, latency, partials, whole = realism_report(
        round_trip,
        {"spread": {"spread_bps": 20}, "latency": {"latency_bars": 1}, "partial fills": {"volume_share": 0.1}},
    )
    # none: 150 bought at 100, sold at 110. Half of 20 basis points: 100.10 and 109.89
    assert (spread.buy_bps, spread.sell_bps) == (10, 10)
    assert spread.cash == -150 * D("0.10") - 150 * D("0.11")
    # a bar later: bought at 102 × 1.001 = 102.102, up to 102.11; sold at 108 × 0.999 = 107.892, down to 107.89
    assert latency.cash == -150 * D("2.01") - 150 * D("2.00")
    # 100 a bar: the buy's other 50 come where the sale was decided, at 110.11; the sale's 50 at 106 × 0.999 = 105.894
    assert partials.cash == -50 * D("8.00") - 50 * D("2.00")
    assert (partials.fills, partials.more_fills, partials.more_size) == (4, 2, 0)
    assert whole.cash == spread.cash + latency.cash + partials.cash
    assert compare_fills("same", round_trip(Realism()), round_trip(Realism())).cash == 0
    with pytest.raises(BadInput, match="nothing to compare"):
        realism_report(round_trip, {})


# ---- whatever happens ------------------------------------------------------------------------------------------------


@st.composite
def runs(draw: st.DrawFn) -> tuple[str, dict[str, Any], list[Any]]:
    """Bars or quotes, a realism, and steps: orders, cancels, bars (open, high, low, close, volume) or books."""
    kind = draw(st.sampled_from(["bars", "books"]))
    realism: dict[str, Any] = {"seed": draw(st.integers(0, 3)), "latency_bars": draw(st.integers(0, 2))}
    if kind == "bars":
        realism["volume_share"] = draw(st.sampled_from([None, "0.1", "1"]))
        realism |= {name: draw(st.sampled_from([0, 5])) for name in ("spread_bps", "jitter_bps", "impact")}
    steps: list[Any] = []
    price = st.integers(80, 120)
    for number in range(draw(st.integers(6, 20))):
        what = draw(st.sampled_from(["order", "market", "market", "market", "order", "cancel"]))
        if what == "order":
            type_ = draw(st.sampled_from([OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT]))
            prices = {"limit": draw(price)} if type_.has_limit else {}
            prices |= {"level": draw(price)} if type_.has_level else {}
            more = {"type": type_, "reduce_only": draw(st.booleans()), "validity": draw(st.sampled_from(Validity))}
            steps.append((f"o{number}", draw(st.sampled_from(Side)), draw(st.integers(1, 400)), prices | more))
        elif what == "cancel":
            steps.append(f"o{draw(st.integers(0, 19))}")
        elif kind == "bars":
            low, a, b, high = sorted(draw(st.lists(price, min_size=4, max_size=4)))
            steps.append(((a, high, low, b), draw(st.integers(1, 3000))))
        else:
            middle = draw(price)
            sizes = draw(st.lists(st.integers(1, 200), min_size=4, max_size=4))
            bids = f"{sizes[0]}@{middle - 1} {sizes[1]}@{middle - 3}"
            steps.append((bids, draw(st.sampled_from(["", f"{sizes[2]}@{middle + 1} {sizes[3]}@{middle + 2}"]))))
    return kind, realism, steps


class Mortal(Desk):
    """A desk that may die at any notification; it then opens its book again and does the step it was at once more.

    A stop protects every entry that fills; what of it was not sent yet when it died is sent first.
    """

    life = 10**9

    def __init__(self, **options: Any) -> None:
        self.dealt: set[str] = set()
        super().__init__(**options)

    def on_order(self, report: BrokerOrder) -> None:
        self._hear()

    def on_fill(self, execution: Execution) -> None:
        self._hear()
        self.protect(execution)

    def _hear(self) -> None:
        self.life -= 1
        if self.life < 0:
            raise Killed

    def protect(self, fill: Execution) -> None:
        entry = self.made.get(fill.broker_id)
        known = {order.broker_id for order in self.broker.orders()}
        name = f"stop of {fill.fill_id}"
        is_entry = entry is not None and not entry.reduce_only and fill.side is BUY
        if is_entry and name not in known and fill.fill_id not in self.dealt:
            parent = fill.broker_id
            with suppress(Refused):  # as for the children of a second entry into one position
                self.child(name, OrderType.STOP, fill.price - 5, fill.size, group=fill.fill_id, parent_id=parent)
        self.dealt.add(fill.fill_id)

    def run(self, steps: list[Any], lives: list[int], *, reopen: bool = False) -> None:
        """Run the steps, killed after so many notifications a life; `reopen` opens the book anew at every step."""
        at, coming = 0, list(lives)
        while True:
            self.life = coming.pop(0) if coming else 10**9
            try:
                self.open()
                for fill in self.broker.fills():
                    self.protect(fill)
                while at < len(steps):
                    if reopen:
                        self.open()
                    self.do(at, steps[at])
                    at += 1
                return
            except Killed:
                continue

    def do(self, at: int, step: Any) -> None:
        self.day = at
        known = {order.broker_id: order for order in self.broker.orders()}
        if isinstance(step, str):
            if step in known and known[step].state in (OrderState.ACKED, OrderState.PARTIAL):
                self.broker.cancel(self.made[step])
        elif len(step) == 4:
            if step[0] not in known:
                self.order(step[0], step[1], step[2], **step[3])
        elif isinstance(step[0], str):
            self.book(at, *step)
        else:
            self.bar(*step[0], volume=step[1])

    def end(self) -> dict[str, Any]:
        return {
            "cash": self.broker.cash("a"),
            "positions": self.broker.positions(),
            "fills": [(f.broker_id, f.side, f.size, f.price, f.fee, f.time, f.cause) for f in self.broker.fills()],
            "orders": [(o.broker_id, o.state, o.filled, o.level, o.reason) for o in self.broker.orders()],
        }


COSTS = Costs(D(5), D(2), D(0), D("0.10"))


def order(name: str, side: Side, size: int, kind: OrderType = OrderType.MARKET, **more: Any) -> tuple[Any, ...]:
    return name, side, size, {"type": kind, "validity": Validity.GTC, **more}


BUSY_BARS: list[Any] = [
    order("limit", BUY, 250, OrderType.LIMIT, limit=98),
    order("stop", BUY, 150, OrderType.STOP, level=104),
    order("careful", BUY, 180, OrderType.STOP_LIMIT, level=103, limit=104),
    ((100, 101, 99, 100), 1000),
    ((100, 105, 97, 99), 1000),  # all three are reached, and share a hundred
    ((99, 99, 92, 93), 1000),  # a child fires, in part
    ((96, 100, 95, 100), 300),
    order("day", SELL, 70, OrderType.LIMIT, limit=99, validity=Validity.DAY),
    order("exit", SELL, 400, reduce_only=True),
    ((100, 106, 98, 99), 700),
    ((99, 104, 90, 91), 900),
    "careful",
    ((91, 104, 90, 104), 5000),
    ((104, 104, 80, 80), 5000),
]
BUSY_BOOKS: list[Any] = [
    order("limit", BUY, 60, OrderType.LIMIT, limit=100),
    order("stop", BUY, 30, OrderType.STOP, level=104),
    order("careful", BUY, 20, OrderType.STOP_LIMIT, level=103, limit=103),
    ("9@99", "9@101"),
    ("9@98", "9@99 9@100"),  # it rests: at 100
    order("market", BUY, 30),
    ("9@102", "9@104 9@106"),  # both stops fire, the market order shares what there is
    ("9@101", "9@103 9@105"),
    ("9@95 9@94", "9@97"),  # a child fires, in part
    order("exit", SELL, 60, reduce_only=True),
    ("9@93 50@90", "9@97"),
    ("90@92", "90@93"),
    ("90@80", "90@81"),
    ("90@79", "90@81"),
]


@pytest.mark.parametrize(
    ("steps", "realism"),
    [(BUSY_BARS, {"volume_share": "0.1", "spread_bps": 10, "jitter_bps": 30, "impact": 1}),
     (BUSY_BARS, {"volume_share": "0.1", "latency_bars": 2}),
     (BUSY_BARS, {"volume_share": "0.3", "latency_s": 90_000 - 7200}),
     (BUSY_BOOKS, {}), (BUSY_BOOKS, {"latency_bars": 1}), (BUSY_BOOKS, {"latency_s": 2})],
)  # fmt: skip
def test_killed_after_any_notification_and_opened_anew_at_every_step_it_ends_as_it_should(
    tmp_path: Path, steps: list[Any], realism: dict[str, Any]
) -> None:
    whole = Mortal(costs=COSTS, realism=realism)
    whole.run(steps, [])
    assert len(whole.broker.fills()) >= 6, "it hardly trades: it would show nothing"
    told = 10**9 - whole.life
    for life in range(told):
        killed = Mortal(costs=COSTS, realism=realism, book=tmp_path / f"{life}.db")
        killed.run(steps, [life])
        assert killed.end() == whole.end(), f"killed after {life} notifications"
    for name, lives in (("never", []), ("always", [0] * 200)):
        opened = Mortal(costs=COSTS, realism=realism, book=tmp_path / f"{name}.db")
        opened.run(steps, lives, reopen=True)
        assert opened.end() == whole.end(), name


@pytest.mark.parametrize(
    ("steps", "realism"),
    [([((100, 101, 99, 100), 1000), ((100, 101, 99, 100), 1000)], {"volume_share": "0.1"}),
     ([("9@99", "9@101"), ("9@99", "9@101")], {})],
)  # fmt: skip
def test_what_was_left_of_an_order_for_at_once_trades_no_more_after_a_crash(
    tmp_path: Path, steps: list[Any], realism: dict[str, Any]
) -> None:
    at_once = order("at once", BUY, 400, OrderType.LIMIT, limit=110, validity=Validity.IOC)
    whole = Mortal(costs=COSTS, realism=realism)
    whole.run([at_once, *steps], [])
    told = 10**9 - whole.life
    for life in range(told):
        killed = Mortal(costs=COSTS, realism=realism, book=tmp_path / f"{life}.db")
        killed.run([at_once, *steps], [life])
        assert killed.end() == whole.end(), f"killed after {life} notifications"
    fills, orders = whole.broker.fills(), whole.broker.orders()
    assert (len(fills), orders[0].state) == (1, OrderState.CANCELLED)
    assert orders[0].reason == "nothing more to trade with at once"


@given(runs(), st.lists(st.integers(0, 5), max_size=6))
@settings(deadline=None, max_examples=60)
def test_whatever_happens_the_books_agree_and_a_restart_changes_nothing(
    run: tuple[str, dict[str, Any], list[Any]], lives: list[int]
) -> None:
    kind, realism, steps = run
    desk = Mortal(costs=COSTS, realism=realism)
    desk.run(steps, [])
    fills = desk.broker.fills()
    assert desk.broker.cash("a") == 100_000 - sum(f.side.sign * f.size * f.price + f.fee for f in fills)
    assert desk.held() == sum(f.side.sign * f.size for f in fills)
    # cash and positions at their entry prices are the start, less fees, and what was realised
    positions = desk.broker._state.accounts["a"].positions.values()
    cost, realised = sum(p.size * p.entry_price for p in positions), sum(p.realised for p in positions)
    assert abs(desk.broker.cash("a") + cost - (100_000 - sum(f.fee for f in fills) + realised)) < D("1e-15")
    for order in desk.broker.orders():
        mine = [f for f in fills if f.broker_id == order.broker_id]
        assert sum(f.size for f in mine) == order.filled <= order.size
        limit = desk.made[order.broker_id].limit
        assert limit is None or all((f.price - limit) * f.side.sign <= 0 for f in mine), "worse than its limit"
    if kind == "bars" and realism["volume_share"]:
        for at, step in enumerate(steps):
            start = START + (at + 1) * DAY
            if not isinstance(step, str) and len(step) == 2:
                assert sum(f.size for f in fills if f.time == start) <= D(realism["volume_share"]) * step[1]
    with TemporaryDirectory() as folder:
        killed = Mortal(costs=COSTS, realism=realism, book=Path(folder) / "a.db")
        killed.run(steps, lives, reopen=bool(lives))
        assert killed.end() == desk.end()
        again = Mortal(costs=COSTS, realism=realism, book=Path(folder) / "a.db")
        assert again.end() == desk.end()


def test_a_changed_limit_has_not_rested_at_its_new_price() -> None:
    desk = Desk()
    buy = desk.order("buy", BUY, 20, type=OrderType.LIMIT, limit=98)
    desk.book(1, "5@97", "9@100")
    desk.broker.modify(replace(buy, limit=D(101)))
    desk.book(2, "5@97", "90@100")
    assert desk.got() == [("buy", 20, 100)]
