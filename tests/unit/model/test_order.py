"""Orders and fills: every field that cannot be is refused by name."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from workbench.errors import BadInput
from workbench.model import Direction, Fill, Order, OrderState, OrderType, Side

D = Decimal
NOW = datetime(2024, 1, 2, tzinfo=UTC)
NOT_A_SIZE = [D("NaN"), D("sNaN"), D("Infinity"), D("-Infinity"), D(-1), 1.0, 1, True, "1", None]


def order(**changes: Any) -> Order:
    fields: dict[str, Any] = {
        "signal_id": "s",
        "client_order_id": "c",
        "strategy": "x",
        "account": "paper",
        "symbol": "X",
        "side": Side.BUY,
        "size": D(10),
        "created_at": NOW,
    }
    return Order(**(fields | changes))


def fill(**changes: Any) -> Fill:
    fields: dict[str, Any] = {
        "fill_id": "f",
        "order_id": "o",
        "account": "paper",
        "strategy": "x",
        "symbol": "X",
        "side": Side.BUY,
        "size": D(10),
        "price": D(5),
        "fee": D(0),
        "time": NOW,
    }
    return Fill(**(fields | changes))


def test_a_new_order_is_received_with_an_id_of_its_own_and_frozen() -> None:
    made = order()
    assert (made.state, made.filled, made.remaining) == (OrderState.RECEIVED, 0, 10)
    assert made.order_id != order().order_id
    with pytest.raises(AttributeError):
        made.state = OrderState.READY  # type: ignore[misc]


@pytest.mark.parametrize(("field", "name"), [("size", "order size"), ("filled", "filled size")])
@pytest.mark.parametrize("value", NOT_A_SIZE)
def test_a_size_that_is_no_decimal_from_zero_up_is_refused_by_name(field: str, name: str, value: Any) -> None:
    with pytest.raises(BadInput, match=rf"^{name} "):
        order(**{field: value})


def test_more_filled_than_ordered_is_refused() -> None:
    with pytest.raises(BadInput, match=r"filled size .*above the order's size 10"):
        order(filled=D("10.00000001"))
    assert order(filled=D(10)).remaining == 0


def test_a_size_of_zero_is_for_denied_orders_alone() -> None:
    assert order(size=D(0), state=OrderState.DENIED).size == 0
    for state in (OrderState.READY, OrderState.SENDING, OrderState.ACKED):
        with pytest.raises(BadInput, match=r"order size"):
            order(size=D(0), state=state)


def test_what_remains_is_exact_for_sizes_of_many_digits() -> None:
    size, filled = D("98765432109876.12345678901234567891"), D("0.00000000000000000001")
    assert order(size=size, filled=filled).remaining == D("98765432109876.12345678901234567890")


def test_a_time_of_making_without_a_zone_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match=r"created_at .*has no time zone"):
        order(created_at=datetime(2024, 1, 2))  # noqa: DTZ001


@pytest.mark.parametrize("kind", list(OrderType))
def test_an_order_has_just_the_prices_its_type_needs(kind: OrderType) -> None:
    needs = {name: D(9) for name, has in (("limit", kind.has_limit), ("level", kind.has_level)) if has}
    made = order(type=kind, **needs)
    assert {name: getattr(made, name) for name in needs} == needs
    for name in ("limit", "level"):
        changed = needs | {name: None if name in needs else D(9)}
        with pytest.raises(
            BadInput, match=rf"order {name}.* a {kind.value} order has {'a' if name in needs else 'no'}"
        ):
            order(type=kind, **changed)


def test_limits_and_levels_are_had_by_the_types_whose_names_say_so() -> None:
    assert {kind for kind in OrderType if kind.has_limit} == {
        OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_IF_TOUCHED,
    }  # fmt: skip
    assert {kind for kind in OrderType if not kind.has_level} == {OrderType.MARKET, OrderType.LIMIT}


@pytest.mark.parametrize("level", [D(9), D(0)])
def test_a_market_order_takes_no_level_and_says_so(level: Decimal) -> None:
    with pytest.raises(BadInput, match=r"a market order has no level"):
        order(level=level)


@pytest.mark.parametrize("level", [D("NaN"), D("Infinity"), D(0), D(-1), 9.0, 9, True, "9"])
def test_a_level_that_is_no_positive_decimal_is_refused_by_name(level: Any) -> None:
    with pytest.raises(BadInput, match=r"^order level "):
        order(type=OrderType.STOP, level=level)


def test_an_opening_order_says_which_way_and_a_reducing_one_opens_nothing() -> None:
    assert order(side=Side.BUY).opens is Direction.LONG
    assert order(side=Side.SELL).opens is Direction.SHORT
    assert order(side=Side.SELL, reduce_only=True).opens is None
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)


# ---- fills -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["size", "price"])
@pytest.mark.parametrize("value", [*NOT_A_SIZE, D(0)])
def test_a_fills_size_or_price_that_is_no_positive_decimal_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(BadInput, match=rf"^fill {field} "):
        fill(**{field: value})


@pytest.mark.parametrize("value", NOT_A_SIZE)
def test_a_fee_that_is_no_decimal_from_zero_up_is_refused_by_name(value: Any) -> None:
    with pytest.raises(BadInput, match=r"^fill fee "):
        fill(fee=value)
    assert fill(fee=D(0)).fee == 0


def test_a_fill_without_a_time_zone_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match=r"fill time .*has no time zone"):
        fill(time=datetime(2024, 1, 2))  # noqa: DTZ001
