"""The paper broker: conformance, children that cancel each other, cash and the rule for shorts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workbench_plugins.paper_broker import PaperBroker

from workbench.errors import BadInput, Refused, UnknownName
from workbench.fills import Costs
from workbench.model import Bar, Instrument, Order, OrderState, OrderType, Protection, Side
from workbench.ports import BrokerOrder, Execution
from workbench.testing import check_bar_broker

D = Decimal
START = datetime(2024, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
BUY, SELL = Side.BUY, Side.SELL


class Desk:
    """A paper broker with one account, told orders and bars in a line each, and what it told back."""

    def __init__(self, cash: Any = 1000, lot: Any = 1, **costs: str) -> None:
        self.broker = PaperBroker(Costs(**{name: D(value) for name, value in costs.items()}))
        self.broker.connect(self)
        self.broker.open_account("a", D(cash), [Instrument(s, lot=D(lot)) for s in ("X", "Y")])
        self.told: list[tuple[str, ...]] = []
        self.fills: list[Execution] = []
        self.taken: set[str] = set()
        self.day = 0
        self.names: dict[str, str] = {}
        self.made: dict[str, Order] = {}

    def on_order(self, report: BrokerOrder) -> None:
        name = self.names[report.broker_id]
        if report.state is OrderState.ACKED and name in self.taken:
            assert report.level is not None
            self.told.append(("level", name, f"{report.level:.2f}"))
        elif report.state is OrderState.ACKED:
            self.taken.add(name)
            self.told.append(("taken", name))
        else:
            self.told.append((report.state, name, report.reason))

    def on_fill(self, execution: Execution) -> None:
        self.told.append(("fill", self.names[execution.broker_id]))
        self.fills.append(execution)

    def order(self, name: str, side: Side, size: Any, **more: Any) -> Order:
        made = Order("s", f"client-{name}", "s", "a", more.pop("symbol", "X"), side, D(size), START, **more)
        self.names[made.order_id] = name
        self.made[name] = made
        self.broker.submit(made)
        return made

    def child(self, name: str, kind: OrderType, level: Any, side: Side = SELL, size: Any = 10) -> Order:
        trail = Protection(trail=D(10)) if kind is OrderType.TRAILING_STOP else Protection()
        return self.order(name, side, size, type=kind, level=D(level), reduce_only=True, protection=trail, group="g")

    def bar(self, open: Any, high: Any = None, low: Any = None, close: Any = None, symbol: str = "X") -> None:
        self.day += 1
        start = START + self.day * DAY
        prices = [D(p if p is not None else open) for p in (open, high, low, close)]
        self.told.clear()
        self.broker.trade_bars({symbol: Bar(symbol, start, start + DAY, *prices)})

    def held(self) -> Decimal:
        return sum((p.size for p in self.broker.positions()), D(0))


def long_with_children() -> Desk:
    desk = Desk()
    desk.order("buy", BUY, 10)
    desk.bar(50)
    desk.child("stop", OrderType.STOP, 45)
    desk.child("target", OrderType.TARGET, 60)
    return desk


def test_the_paper_broker_passes_the_conformance_suite() -> None:
    check_bar_broker(PaperBroker)


# ---- one cancels the other -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bar", "filled", "price"),
    [
        ((50, 51, 45, 46), "stop", 45),
        ((44, 46, 43, 46), "stop", 44),  # gapped through: the open
        ((50, 60, 49, 58), "target", 60),
        ((61, 62, 60, 61), "target", 61),
        ((50, 61, 44, 50), "stop", 45),  # both touched: the stop
    ],
)
def test_one_level_hit_fills_it_and_cancels_its_sibling(bar: Any, filled: str, price: int) -> None:
    desk = long_with_children()
    desk.bar(*bar)
    other = "target" if filled == "stop" else "stop"
    assert desk.told == [("fill", filled), ("cancelled", other, "one cancels the other")]
    assert (desk.fills[-1].price, desk.fills[-1].cause, desk.held()) == (price, filled, 0)
    desk.bar(50, 99, 1)
    assert desk.told == []


def test_an_exit_at_the_open_beats_the_levels_and_cancels_them() -> None:
    desk = long_with_children()
    desk.order("exit", SELL, 10, reduce_only=True)
    desk.bar(50, 70, 40)
    assert desk.told == [
        ("fill", "exit"),
        ("cancelled", "stop", "one cancels the other"),
        ("cancelled", "target", "one cancels the other"),
    ]
    assert [f.price for f in desk.fills] == [50, 50]


def test_a_cancelled_child_no_longer_fires_and_its_sibling_does() -> None:
    desk = long_with_children()
    desk.broker.cancel(desk.made["stop"])
    desk.bar(50, 51, 40)
    assert desk.told == []
    desk.bar(50, 60, 50)
    assert desk.told == [("fill", "target")]


def test_a_trail_moves_after_the_bar_and_never_loosens() -> None:
    desk = Desk()
    desk.order("buy", BUY, 10)
    desk.bar(50)
    desk.child("trail", OrderType.TRAILING_STOP, 45)
    desk.bar(50, 60, 46, 58)
    assert desk.told == [("level", "trail", "54.00")]
    desk.bar(58, 59, 55)
    assert desk.told == []
    desk.bar(58, 59, 54)
    assert desk.told == [("fill", "trail")]
    assert (desk.fills[-1].price, desk.fills[-1].cause) == (54, "trailing_stop")


@pytest.mark.parametrize(("side", "held"), [(SELL, False), (BUY, True)])
def test_a_child_that_would_not_reduce_is_refused_and_forgotten(side: Side, held: bool) -> None:
    desk = Desk()
    if held:
        desk.order("buy", BUY, 1)
        desk.bar(50)
    before = len(desk.broker.orders())
    with pytest.raises(Refused, match=r"needs a level and a position to reduce"):
        desk.child("stop", OrderType.STOP, 45, side)
    assert len(desk.broker.orders()) == before, "a refused order is listed among those taken"


def test_a_second_stop_for_one_position_is_refused() -> None:
    desk = long_with_children()
    with pytest.raises(Refused, match=r"has a stop order already"):
        desk.child("again", OrderType.STOP, 44)
    assert len(desk.broker.orders()) == 3


# ---- cash ------------------------------------------------------------------------------------------------------------


def test_an_order_is_cut_to_what_the_cash_pays_for_and_says_so() -> None:
    desk = Desk(cash=1000)
    desk.order("buy", BUY, 30)
    desk.bar(49)
    fill, closed = desk.told
    assert fill == ("fill", "buy")
    assert closed[:2] == ("cancelled", "buy")
    assert closed[2].startswith("cash of 1000.00 pays for 20.00000000 whole lots of 30.00000000 X at 49")
    assert (desk.held(), desk.broker.cash("a")) == (20, 20)


@pytest.mark.parametrize(
    ("costs", "size"),
    [
        ({}, 20),
        ({"fee_bps": "100"}, 19),  # 50 × 1.01 a share
        ({"slippage_bps": "100"}, 19),  # at 50.50
        ({"per_share": "0.5"}, 19),
        ({"minimum_fee": "1"}, 19),
        ({"minimum_fee": "50"}, 19),
        ({"minimum_fee": "51"}, 18),
    ],
)
def test_costs_are_paid_from_the_same_cash(costs: dict[str, str], size: int) -> None:
    desk = Desk(cash=1000, **costs)
    desk.order("buy", BUY, 100)
    desk.bar(50)
    assert desk.held() == size
    assert desk.broker.cash("a") >= 0


def test_not_even_one_lot_is_rejected_with_the_reason_and_the_order_is_over() -> None:
    desk = Desk(cash=1000, lot=25)
    desk.order("buy", BUY, 25)
    desk.bar(50)
    assert desk.told[0][:2] == ("rejected", "buy")
    assert "cash of 1000.00 pays for 0.00000000 whole lots of 25.00000000 X" in desk.told[0][2]
    desk.bar(1)
    assert (desk.told, desk.fills) == ([], [])


def test_a_short_is_cut_to_the_cash_and_its_proceeds_buy_nothing_more() -> None:
    desk = Desk(cash=1000)
    desk.order("short", SELL, 30)
    desk.bar(50)
    assert (desk.held(), desk.broker.cash("a")) == (-20, 2000)
    desk.order("more", SELL, 1)
    desk.order("other", BUY, 1, symbol="Y")
    desk.bar(50)
    assert desk.told[0][:2] == ("rejected", "more")
    desk.bar(50, symbol="Y")
    assert desk.told[0][:2] == ("rejected", "other")


def test_half_the_cash_short_leaves_the_other_half() -> None:
    desk = Desk(cash=1000)
    desk.order("short", SELL, 10)
    desk.bar(50)
    desk.order("more", SELL, 30)
    desk.bar(50)
    assert desk.held() == -20


def test_a_reversal_closes_before_it_opens_whatever_the_order_of_submission() -> None:
    desk = Desk(cash=1000)
    desk.order("buy", BUY, 20)
    desk.bar(50)
    desk.order("open", SELL, 20)
    desk.order("close", SELL, 20, reduce_only=True)
    desk.bar(50)
    assert [told[1] for told in desk.told] == ["close", "open"]
    assert desk.held() == -20


def test_a_reducing_order_is_clamped_and_one_with_nothing_to_reduce_is_cancelled() -> None:
    desk = Desk()
    desk.order("buy", BUY, 5)
    desk.bar(50)
    desk.order("close", SELL, 8, reduce_only=True)
    desk.order("twice", SELL, 8, reduce_only=True)
    desk.bar(50)
    assert desk.told == [
        ("fill", "close"),
        ("cancelled", "close", "clamped to the position"),
        ("cancelled", "twice", "nothing to reduce"),
    ]
    assert desk.held() == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"account": "b"}, "paper account b does not exist"), ({"symbol": "Z"}, "symbol Z is not traded here"),
     ({}, "was used before"), ({"client_order_id": "new", "size": D(0)}, "must be above 0")],
)  # fmt: skip
def test_an_order_that_cannot_be_taken_is_refused_with_the_reason(change: dict[str, Any], reason: str) -> None:
    desk = Desk()
    first = desk.order("buy", BUY, 1)
    with pytest.raises(Refused, match=reason):
        desk.broker.submit(replace(first, order_id="other", **change))
    assert len(desk.broker.orders()) == 1


def test_wrong_use_is_named() -> None:
    desk = Desk()
    nope = Order("s", "c", "s", "a", "X", BUY, D(1), START, order_id="nope")
    with pytest.raises(Refused, match=r"order nope is not working"):
        desk.broker.cancel(nope)
    with pytest.raises(Refused, match=r"order nope is not working"):
        desk.broker.modify(nope)
    with pytest.raises(UnknownName, match=r"account b"):
        desk.broker.cash("b")
    with pytest.raises(BadInput, match=r"account a: exists already"):
        desk.broker.open_account("a", D(1), [])
    lonely = PaperBroker()
    lonely.open_account("a", D(1), [Instrument("X")])
    with pytest.raises(BadInput, match=r"is not connected; call connect before the first order"):
        lonely.submit(Order("s", "c", "s", "a", "X", BUY, D(1), START))


@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 40), st.booleans(), st.integers(1, 100)), max_size=25))
@settings(deadline=None, max_examples=75)
def test_the_books_are_what_the_fills_explain_and_buying_never_overdraws(steps: list[Any]) -> None:
    desk = Desk(cash=1000, fee_bps="10", minimum_fee="1")
    for number, (side, size, reduce, price) in enumerate(steps):
        desk.order(f"o{number}", side, size, reduce_only=reduce)
        before = desk.broker.cash("a")
        made = len(desk.fills)
        desk.bar(price)
        if len(desk.fills) > made and side is BUY and not reduce:
            assert 0 <= desk.broker.cash("a") < before
    assert desk.broker.cash("a") == 1000 - sum(f.side.sign * f.size * f.price + f.fee for f in desk.fills)
    assert desk.held() == sum(f.side.sign * f.size for f in desk.fills)
