"""Which kinds of orders a broker works itself, which are kept here, and which cannot be; each checked by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from workbench.errors import BadInput
from workbench.model import Handling, Instrument, Order, OrderType, Side, Ticket, Validity
from workbench.ports import BrokerCapabilities
from workbench.trading import Hours
from workbench.trading.tickets import capability_table, refusal, waits, way_of

D = Decimal
NOW = datetime(2024, 1, 31, 23, 30, tzinfo=UTC)
T = OrderType
ALL = frozenset(OrderType)
PRICES = {"limit": D(100), "level": D(99)}


def broker(*types: OrderType, **more: Any) -> BrokerCapabilities:
    return BrokerCapabilities(types=frozenset({T.MARKET, *types}), **more)


def order(kind: OrderType = T.MARKET, **more: Any) -> Order:
    prices = {n: v for n, v in PRICES.items() if (kind.has_limit if n == "limit" else kind.has_level)}
    side = more.pop("side", Side.BUY)
    return Order("s", "c", "s", "a", "X", side, D(10), NOW, type=kind, **(prices | more))


@pytest.mark.parametrize(
    ("has", "ways"),
    [
        ((), "native refused held refused held held refused"),
        ((T.LIMIT,), "native native held held held held held"),
        ((T.STOP,), "native refused native refused held held refused"),
        ((T.LIMIT, T.STOP, T.STOP_LIMIT), "native native native native held held held"),
        (tuple(ALL), "native native native native native native native"),
    ],
)
def test_every_type_is_native_held_or_refused_by_what_the_broker_holds(has: tuple[OrderType, ...], ways: str) -> None:
    kinds = (T.MARKET, T.LIMIT, T.STOP, T.STOP_LIMIT, T.TRAILING_STOP, T.TARGET, T.LIMIT_IF_TOUCHED)
    found = [way_of(kind, broker(*has)) for kind in kinds]
    assert found == [way.replace("held", "held here") for way in ways.split()]


def test_a_broker_that_takes_no_market_orders_takes_none_here_either() -> None:
    assert way_of(T.MARKET, BrokerCapabilities(types=frozenset())) == "refused"


@pytest.mark.parametrize(
    ("capabilities", "stop", "target"),
    [
        ({"protection": True}, "native", "native"),
        ({"types": ALL}, "native", "held here"),  # two that rest could both fill
        ({"types": ALL, "validities": frozenset({Validity.DAY})}, "held here", "held here"),
        ({}, "held here", "held here"),
    ],
)
def test_what_protects_a_position_is_native_where_it_stays_and_can_not_fill_twice(
    capabilities: dict[str, Any], stop: str, target: str
) -> None:
    at = BrokerCapabilities(**capabilities)
    assert way_of(T.STOP, at, protects=True) == stop
    assert way_of(T.TARGET, at, protects=True) == way_of(T.TRAILING_STOP, at, protects=True) == target


def test_the_table_names_every_kind_once_with_one_of_three_ways() -> None:
    for at in (BrokerCapabilities(), broker(*ALL, protection=True, modify=True, iceberg=True, after_market=True)):
        table = capability_table(at)
        assert {*OrderType, "bracket", "cover", "gtt", "iceberg", "after_market", "multi_leg", "slices", "smart",
                "modify"} == set(table)  # fmt: skip
        assert set(table.values()) <= {"native", "held here", "refused"}


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({}, {"bracket": "held here", "cover": "held here", "iceberg": "held here", "modify": "refused"}),
        ({"types": ALL}, {"bracket": "held here", "cover": "native"}),
        ({"protection": True, "modify": True}, {"bracket": "native", "cover": "native", "modify": "native"}),
        ({"iceberg": True, "after_market": True}, {"iceberg": "native", "after_market": "native"}),
    ],
)
def test_the_table_follows_the_capabilities(capabilities: dict[str, Any], expected: dict[str, str]) -> None:
    table = capability_table(BrokerCapabilities(**capabilities))
    assert {name: table[name] for name in expected} == expected
    assert {table[name] for name in ("gtt", "multi_leg", "slices", "smart")} == {"held here"}


@pytest.mark.parametrize("protection", [False, True])
@pytest.mark.parametrize("types", [frozenset({T.MARKET}), frozenset({T.MARKET, T.STOP}), ALL])
def test_the_table_says_of_a_bracket_what_becomes_of_its_children(
    types: frozenset[OrderType], protection: bool
) -> None:
    at = BrokerCapabilities(types=types, protection=protection)
    children = [order(k, side=Side.SELL, reduce_only=True, group="g") for k in (T.STOP, T.TARGET)]
    kept_here = any(waits(child, at) for child in children)
    assert capability_table(at)["bracket"] == ("held here" if kept_here else "native")


@pytest.mark.parametrize(
    ("handling", "at", "kept"),
    [
        ({}, {}, False),
        ({"rank": 1, "legs": "g"}, {}, True),
        ({"rank": 0, "legs": "g"}, {}, False),
        ({"slice_size": D(3)}, {"iceberg": True}, True),
        ({"display": D(3)}, {}, True),
        ({"display": D(3)}, {"iceberg": True}, False),
        ({"after_market": True}, {}, True),
        ({"after_market": True}, {"after_market": True}, False),
    ],
)
def test_an_order_is_kept_here_for_its_turn_its_pieces_or_the_market(
    handling: dict[str, Any], at: dict[str, Any], kept: bool
) -> None:
    assert waits(order(handling=Handling(**handling)), BrokerCapabilities(**at)) is kept


# ---- what cannot be --------------------------------------------------------------------------------------------------

FUTURE = Instrument("X", tick=D("0.05"), expiry=date(2024, 1, 31))
NEW_YORK, KOLKATA = Hours(ZoneInfo("America/New_York")), Hours(ZoneInfo("Asia/Kolkata"))


@pytest.mark.parametrize(
    ("made", "at", "words"),
    [
        (order(T.LIMIT, limit=D("100.03")), broker(T.LIMIT),
         "limit 100.03 is off the tick grid of X; give a multiple of 0.05"),
        (order(T.STOP, level=D("99.99")), broker(T.STOP),
         "level 99.99 is off the tick grid of X; give a multiple of 0.05"),
        (order(handling=Handling(product="MIS")), broker(products=("CNC", "NRML")),
         "product MIS is unknown at this broker; known: CNC, NRML"),
        (order(handling=Handling(product="MIS")), broker(), "product MIS is unknown at this broker; known: none"),
        (order(T.LIMIT), broker(), "this broker takes no limit order, and it cannot be held here"),
        (order(T.STOP_LIMIT), broker(T.STOP), "this broker takes no stop_limit order, and it cannot be held here"),
        (order(T.LIMIT, handling=Handling(Validity.IOC)), broker(T.LIMIT),
         "validity ioc is unknown at this broker; known: day, gtc"),
    ],
)  # fmt: skip
def test_what_cannot_be_names_what_it_is_the_bound_and_what_there_is(
    made: Order, at: BrokerCapabilities, words: str
) -> None:
    assert refusal(made, FUTURE, None, at) == words


def test_what_can_be_is_not_refused() -> None:
    at = broker(T.LIMIT, products=("MIS",))
    assert refusal(order(T.LIMIT, limit=D("100.05"), handling=Handling(product="MIS")), FUTURE, NEW_YORK, at) == ""
    assert refusal(order(T.STOP), FUTURE, NEW_YORK, broker()) == ""  # kept here
    assert refusal(order(handling=Handling(Validity.IOC)), FUTURE, None, broker()) == ""  # at market at once


def test_a_contract_expires_with_the_day_of_its_market_and_not_of_greenwich() -> None:
    assert refusal(order(), FUTURE, NEW_YORK, broker()) == ""  # still the 31st there
    assert refusal(order(), FUTURE, KOLKATA, broker()) == "contract X expired on 2024-01-31"  # the 1st there


@pytest.mark.parametrize("kind", [T.STOP_LIMIT, T.LIMIT_IF_TOUCHED])
def test_an_order_kept_here_is_refused_for_a_validity_its_limit_could_not_have_there(kind: OrderType) -> None:
    """Once triggered it goes out as a limit order with its own validity, which the broker does not know."""
    made = order(kind, handling=Handling(Validity.IOC))
    assert "validity ioc is unknown" in refusal(made, FUTURE, None, broker(T.LIMIT))


# ---- tickets themselves ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(OrderType))
def test_a_ticket_has_just_the_prices_and_the_trail_its_type_needs(kind: OrderType) -> None:
    if kind is T.TRAILING_STOP:
        assert Ticket(kind, handling=Handling(trail=D(5))).level is None
        with pytest.raises(BadInput, match="a trailing_stop order has a trail"):
            Ticket(kind)
        with pytest.raises(BadInput, match="a trailing stop's follows from the price; give its trail alone"):
            Ticket(kind, level=D(5), handling=Handling(trail=D(5)))
        return
    given = {n: v for n, v in PRICES.items() if (kind.has_limit if n == "limit" else kind.has_level)}
    assert Ticket(kind, **given).type is kind
    with pytest.raises(BadInput, match=f"a {kind} order has no trail"):
        Ticket(kind, **given, handling=Handling(trail=D(5)))
    for name in PRICES:
        with pytest.raises(BadInput, match=f"order {name}"):
            Ticket(kind, **(given | {name: None if name in given else D(1)}))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"display": D(0)}, "display Decimal('0')"),
        ({"slice_size": D(-1)}, "slice_size Decimal('-1')"),
        ({"trail": D(0)}, "trail Decimal('0')"),
        ({"trail": D(100)}, ": must be below 100 percent"),
        ({"slice_pause": D(-1)}, "slice_pause Decimal('-1')"),
        ({"slice_pause": D(86_401)}, "must not be above 86400 seconds"),
        ({"display": D(1), "slice_size": D(1)}, "exclude each other; give one of the two"),
        ({"good_till": datetime(2024, 1, 1)}, "good_till"),  # noqa: DTZ001
        ({"slice_size": D("NaN")}, "slice_size"),
        ({"display": 1.0}, "display"),
    ],
)
def test_a_handling_that_cannot_be_is_refused_by_name(given: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput) as caught:
        Handling(**given)
    assert words in str(caught.value)
