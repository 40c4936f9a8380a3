"""Orders kept here: levels, times and pieces, and that stop and exit never both sell the same position."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.test_order_manager import NOW, Desk
from workbench.errors import NotSent, Refused
from workbench.model import Fill, Order, OrderState, OrderType, Protection, Side, Validity
from workbench.trading import Hours

D = Decimal
T, S = OrderType, OrderState
LIMITS = {"types": frozenset({T.MARKET, T.LIMIT})}
STOPS = {"types": frozenset({T.MARKET, T.STOP})}
ZONE = ZoneInfo("UTC")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def sent(desk: Desk) -> list[tuple[OrderType, Side, Decimal]]:
    return [(order.type, order.side, order.size) for order in desk.broker.sent]


# ---- levels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "side", "level", "short_of", "reaches"),
    [
        (T.STOP, "buy", 110, (90, "109.99"), (90, 110)),
        (T.STOP, "sell", 90, ("90.01", 120), (90, 120)),
        (T.TARGET, "buy", 90, ("90.01", 120), (90, 120)),
        (T.TARGET, "sell", 110, (80, "109.99"), (80, 110)),
        (T.STOP_LIMIT, "buy", 110, (90, "109.99"), (110, 130)),
        (T.STOP_LIMIT, "sell", 90, ("90.01", 120), (70, 80)),
        (T.LIMIT_IF_TOUCHED, "buy", 90, ("90.01", 120), (70, 80)),
        (T.LIMIT_IF_TOUCHED, "sell", 110, (80, "109.99"), (120, 130)),
    ],
)
def test_a_level_is_reached_by_the_side_its_type_waits_for(
    kind: T, side: str, level: int, short_of: tuple[Any, Any], reaches: tuple[Any, Any]
) -> None:
    desk = Desk(**LIMITS)
    prices = {"level": level} | ({"limit": 100} if kind.has_limit else {})
    [order] = desk.trade(side, 3, kind, **prices)
    assert (order.state, desk.broker.sent) == (S.HELD, [])
    assert not desk.look()  # without a price nothing moves
    assert not desk.look(*short_of)
    assert desk.now(order).state is S.HELD
    assert desk.look(*reaches)
    [at_broker] = desk.broker.sent
    assert (at_broker.type, at_broker.level, at_broker.size) == (T.LIMIT if kind.has_limit else T.MARKET, None, 3)
    assert at_broker.limit == (100 if kind.has_limit else None)
    assert f"reached its level {level}" in [line.get("reason") for line in desk.repository.journal()]
    assert desk.now(order).state is S.ACKED
    assert not desk.look(*reaches)
    assert len(desk.broker.sent) == 1


def test_a_price_of_another_symbol_reaches_nothing(desk: Desk) -> None:
    desk.trade("sell", 3, T.STOP, level=90)
    assert not desk.look(1, symbol="Y")


@pytest.mark.parametrize(("side", "begins", "moved", "back"), [("sell", 95, 114, 115), ("buy", 105, 84, 83)])
def test_a_trailing_stop_follows_the_best_price_and_never_loosens(
    desk: Desk, side: str, begins: int, moved: int, back: int
) -> None:
    best = 120 if side == "sell" else 80
    [order] = desk.trade(side, 2, T.TRAILING_STOP, trail=5)
    assert (order.state, order.level) == (S.HELD, begins)
    assert desk.look(best)
    assert desk.now(order).level == moved
    assert not desk.look(back)
    assert desk.now(order).level == moved
    assert desk.look(moved)
    assert sent(desk) == [(T.MARKET, Side(side), 2)]


@given(st.sampled_from(["buy", "sell"]), st.lists(st.integers(60, 140), min_size=1, max_size=15))
@settings(max_examples=60)
def test_a_trail_is_what_the_best_price_so_far_says_until_it_is_reached(side: str, prices: list[int]) -> None:
    desk = Desk(tick="0.01")
    [order] = desk.trade(side, 2, T.TRAILING_STOP, trail=10)
    best, share = D(100), D("0.9") if side == "sell" else D("1.1")
    for price in prices:
        level = best * share
        if price <= level if side == "sell" else price >= level:
            desk.look(price)
            assert sent(desk) == [(T.MARKET, Side(side), 2)]
            return
        desk.look(price)
        best = max(best, D(price)) if side == "sell" else min(best, D(price))
        assert desk.now(order).level == best * share
    assert desk.broker.sent == []


def test_the_trail_of_a_position_follows_and_closes_it(desk: Desk) -> None:
    desk.hold(protection=Protection(trail=D(5)))
    trail = desk.repository.open_orders("a")[0]
    assert (trail.state, trail.level) == (S.HELD, 95)
    desk.look(110, 120)
    assert desk.now(trail).level == 114
    desk.look(113)
    desk.fill(trail, price=113)
    assert (desk.held(), desk.now(trail).state) == (0, S.FILLED)


def test_a_level_is_tried_before_the_trail_moves_within_one_range(desk: Desk) -> None:
    """Which came first is not known: the worse is taken."""
    desk.trade("sell", 2, T.TRAILING_STOP, trail=5)
    desk.look(95, 200)
    assert sent(desk) == [(T.MARKET, Side.SELL, 2)]


# ---- times -----------------------------------------------------------------------------------------------------------


def test_an_order_kept_here_is_over_at_its_instant_and_not_before(desk: Desk) -> None:
    till = NOW + timedelta(hours=1)
    [order] = desk.trade("buy", 3, T.TARGET, level=90, good_till=till)
    assert not desk.look(95, later=3599.999)
    assert desk.look(90, later=0.001)
    assert (desk.now(order).state, desk.now(order).reason) == (S.EXPIRED, f"good till {till.isoformat()}")
    assert desk.broker.sent == []


def test_an_order_at_the_broker_is_cancelled_once_its_time_is_over() -> None:
    desk = Desk(**LIMITS)
    [order] = desk.trade("buy", 3, T.LIMIT, limit=90, good_till=NOW + timedelta(hours=1))
    assert order.state is S.ACKED
    assert not desk.look(later=3599)
    assert desk.look(later=1)
    assert desk.broker.cancelled == [order.order_id]
    assert desk.now(order).state is S.CANCELLED


def test_an_order_at_the_broker_whose_time_is_over_is_asked_to_be_cancelled_once() -> None:
    desk = Desk(**LIMITS)
    desk.broker.on_cancel = lambda order: None
    desk.trade("buy", 3, T.LIMIT, limit=90, good_till=NOW + timedelta(hours=1))
    for _ in range(3):
        desk.look(later=3600)
    assert len(desk.broker.cancelled) == 1


@pytest.mark.parametrize(("validity", "state"), [(Validity.DAY, S.EXPIRED), (Validity.GTC, S.HELD)])
def test_good_for_a_day_ends_with_the_day_of_the_market(validity: Validity, state: OrderState) -> None:
    desk = Desk(hours=Hours(ZoneInfo("Asia/Kolkata")))  # midnight there is 18:30 here
    [order] = desk.trade("sell", 3, T.STOP, level=90, validity=validity)
    assert not desk.look(later=18.5 * 3600 - 1)
    assert desk.now(order).state is S.HELD
    desk.look(later=1)
    assert desk.now(order).state is state


def test_a_time_that_passed_beats_a_level_that_is_reached_at_once(desk: Desk) -> None:
    desk.trade("sell", 3, T.STOP, level=90, good_till=NOW + timedelta(seconds=1))
    desk.look(50, later=2)
    assert desk.broker.sent == []


def test_an_order_for_after_the_market_waits_for_it_to_open() -> None:
    opened = False
    desk = Desk(hours=Hours(ZONE, lambda at: opened))
    [order] = desk.trade("buy", 3, after_market=True)
    assert order.state is S.HELD
    assert not desk.look(100, later=60)
    opened = True
    assert desk.look()
    assert sent(desk) == [(T.MARKET, Side.BUY, 3)]


def test_an_order_for_after_the_market_goes_to_a_broker_that_takes_it() -> None:
    desk = Desk(hours=Hours(ZONE, lambda at: False), after_market=True)
    [order] = desk.trade("buy", 3, after_market=True)
    assert order.state is S.ACKED


def test_an_order_released_here_lives_as_long_as_any_intent_and_is_not_late_at_birth() -> None:
    desk = Desk(intent_life=timedelta(seconds=10))
    [order] = desk.trade("sell", 3, T.STOP, level=90)
    desk.look(90, later=86_400)
    assert desk.now(order).state is S.ACKED


def unsent(order: Order) -> None:
    raise NotSent("the line is down")


def test_an_order_of_which_no_byte_left_is_tried_again_a_second_later_and_till_its_end() -> None:
    desk = Desk(intent_life=timedelta(seconds=10))
    desk.broker.on_submit = unsent
    [order] = desk.trade("buy", 3)
    assert (order.state, order.reason) == (S.READY, "the line is down")
    desk.look(later=0.5)
    assert len(desk.broker.sent) == 1
    desk.look(later=0.5)
    assert len(desk.broker.sent) == 2
    desk.look(later=9)
    assert (len(desk.broker.sent), desk.now(order).state) == (2, S.EXPIRED)


def test_an_order_that_could_not_be_sent_is_not_sent_once_its_time_is_over(desk: Desk) -> None:
    """Its time was that of its ticket before it was released, and is so still."""
    taken, desk.broker.on_submit = desk.broker.on_submit, unsent
    [order] = desk.trade("sell", 3, T.STOP, level=90, good_till=NOW + timedelta(seconds=60))
    desk.look(90, later=1)
    assert desk.now(order).state is S.READY
    desk.broker.on_submit = taken
    desk.look(90, later=60)
    assert desk.now(order).state is S.EXPIRED


# ---- pieces ----------------------------------------------------------------------------------------------------------


def test_slices_go_one_after_the_other_with_a_pause_and_the_last_is_the_rest(desk: Desk) -> None:
    [whole] = desk.trade("buy", 8, slice_size=3, slice_pause=60)
    assert whole.state is S.HELD
    assert desk.look()
    assert not desk.look(later=120), "the next piece went out beside the last"
    desk.fill(desk.broker.sent[0])
    assert (desk.now(whole).filled, desk.now(whole).state) == (3, S.HELD)
    assert desk.look()  # its pause counts from when it was sent
    assert not desk.look()
    desk.fill(desk.broker.sent[1])
    assert not desk.look(later=59.9)
    assert desk.look(later=0.1)
    assert sent(desk) == [(T.MARKET, Side.BUY, 3), (T.MARKET, Side.BUY, 3), (T.MARKET, Side.BUY, 2)]
    desk.fill(desk.broker.sent[2])
    assert (desk.now(whole).state, desk.now(whole).filled, desk.held()) == (S.FILLED, 8, 8)
    assert not desk.look(later=120)
    assert len({o.client_order_id for o in desk.repository.orders()}) == 4


def test_an_iceberg_shows_a_piece_at_a_time_and_all_of_it_at_a_broker_that_can(desk: Desk) -> None:
    desk.trade("buy", 8, display=3)
    desk.look()
    assert sent(desk) == [(T.MARKET, Side.BUY, 3)]
    able = Desk(iceberg=True)
    [order] = able.trade("buy", 8, display=3)
    assert (order.state, sent(able)) == (S.ACKED, [(T.MARKET, Side.BUY, 8)])


def test_the_fills_of_pieces_are_counted_in_parts(desk: Desk) -> None:
    [whole] = desk.trade("buy", 8, slice_size=5)
    desk.look()
    desk.fill(desk.broker.sent[0], 2)
    assert desk.now(whole).filled == 2
    assert not desk.look(later=5)
    desk.fill(desk.broker.sent[0], 3)
    assert desk.now(whole).filled == 5


@pytest.mark.parametrize("state", ["rejected", "cancelled", "expired"])
def test_a_piece_that_cannot_be_had_ends_the_whole_with_its_reason(desk: Desk, state: str) -> None:
    [whole] = desk.trade("buy", 8, slice_size=3)
    desk.look()
    desk.fill(desk.broker.sent[0])
    desk.look()
    desk.report(desk.broker.sent[1], state, reason="no margin")
    desk.look()
    assert desk.now(whole).state is S.CANCELLED
    assert desk.now(whole).reason == f"piece 2 was {state}: no margin"
    assert (desk.now(whole).filled, len(desk.broker.sent)) == (3, 2)


def test_a_piece_refused_at_once_ends_the_whole(desk: Desk) -> None:
    def refuse(order: Order) -> None:
        raise Refused("no margin")

    desk.broker.on_submit = refuse
    [whole] = desk.trade("buy", 8, slice_size=3)
    for _ in range(3):
        desk.look(later=10)
    assert (len(desk.broker.sent), desk.now(whole).state) == (1, S.CANCELLED)


def test_cancelling_the_whole_takes_the_piece_at_the_broker_back(desk: Desk) -> None:
    [whole] = desk.trade("buy", 8, slice_size=3)
    desk.look()
    desk.fill(desk.broker.sent[0], 1)
    desk.manager.cancel(whole.order_id)
    assert desk.broker.cancelled == [desk.broker.sent[0].order_id]
    assert (desk.now(whole).state, desk.now(whole).filled) == (S.CANCELLED, 1)
    assert not desk.look(later=10)


def test_a_piece_that_fills_after_the_whole_was_cancelled_is_counted_in_both(desk: Desk) -> None:
    desk.broker.on_cancel = lambda order: None
    [whole] = desk.trade("buy", 8, slice_size=3)
    desk.look()
    desk.manager.cancel(whole.order_id)
    desk.fill(desk.broker.sent[0])
    assert (desk.now(whole).state, desk.now(whole).filled, desk.held()) == (S.CANCELLED, 3, 3)


def test_a_restart_between_two_pieces_goes_on_with_the_next(desk: Desk) -> None:
    [whole] = desk.trade("buy", 8, slice_size=3, slice_pause=60)
    desk.look()
    desk.fill(desk.broker.sent[0])
    desk.begin()
    assert not desk.look(later=59)
    assert desk.look(later=1)
    assert sent(desk) == [(T.MARKET, Side.BUY, 3)] * 2
    desk.begin()
    assert not desk.look(later=600), "the piece at the broker was forgotten"
    desk.fill(desk.broker.sent[1])
    desk.look(later=60)
    desk.fill(desk.broker.sent[2])
    assert (desk.now(whole).state, desk.held()) == (S.FILLED, 8)


def test_a_crash_between_a_pieces_fill_and_its_count_never_sends_too_much(desk: Desk) -> None:
    [whole] = desk.trade("buy", 8, slice_size=5)
    desk.look()
    desk.manager.monitor.piece_moved = lambda piece: None  # type: ignore[method-assign] # the process ends here
    desk.fill(desk.broker.sent[0])
    desk.begin()
    desk.look(later=10)
    assert [order.size for order in desk.broker.sent] == [5, 3]
    desk.fill(desk.broker.sent[1])
    assert (desk.now(whole).state, desk.held()) == (S.FILLED, 8)


@pytest.mark.parametrize("pieces", ["slice_size", "display"])
def test_pieces_of_an_order_that_waits_for_a_level_wait_for_it_too(desk: Desk, pieces: str) -> None:
    desk.trade("sell", 8, T.TARGET, level=110, **{pieces: 3})
    desk.look(100)
    assert desk.broker.sent == []
    desk.look(110)
    desk.look(110)
    assert sent(desk) == [(T.MARKET, Side.SELL, 3)]


def test_each_piece_of_an_entry_is_protected_by_itself(desk: Desk) -> None:
    [whole] = desk.trade("buy", 6, slice_size=3, protection=Protection(stop=D(10)))
    for price in (100, 110):
        desk.look()
        desk.fill(desk.broker.sent[-1], price=price)
    stops = [o for o in desk.repository.open_orders("a") if o.protects]
    assert [(stop.size, stop.level) for stop in stops] == [(3, 90), (3, 99)]
    assert desk.now(whole).state is S.FILLED


def test_an_exit_in_pieces_never_sells_more_than_is_held(desk: Desk) -> None:
    desk.hold()
    [whole] = desk.trade("sell", 10, slice_size=6)
    desk.look()
    desk.fill(desk.broker.sent[-1])
    [other] = desk.trade("sell", 3)
    desk.fill(other)
    desk.look(later=1)
    assert desk.broker.sent[-1].size == 1
    desk.fill(desk.broker.sent[-1])
    for _ in range(3):
        desk.look(later=1)
    assert (desk.held(), desk.now(whole).state, len(desk.broker.sent)) == (0, S.CANCELLED, 4)


# ---- stop and exit never both sell -----------------------------------------------------------------------------------


def resting(desk: Desk) -> Decimal:
    """What all orders at the broker could sell."""
    working = (S.ACKED, S.PARTIAL, S.CANCEL_PENDING, S.MODIFY_PENDING, S.SENDING, S.UNKNOWN)
    return sum((o.remaining for o in desk.repository.open_orders("a") if o.reduce_only and o.state in working), D(0))


def test_an_exit_waits_until_the_stop_at_the_broker_has_ended() -> None:
    desk = Desk(**STOPS)
    desk.broker.on_cancel = lambda order: None
    desk.hold(protection=Protection(stop=D(10)))
    stop = desk.broker.sent[-1]
    [closing] = desk.exit()
    assert closing.state is S.HELD
    assert closing.reason == f"waits until order {stop.order_id} has ended: both would sell the same position"
    assert (desk.broker.cancelled, desk.broker.sent[-1]) == ([stop.order_id], stop)
    assert not desk.look(later=5)
    desk.report(stop, "cancelled")
    assert desk.look()
    assert (desk.now(closing).state, desk.broker.sent[-1].size) == (S.ACKED, 10)


def test_an_exit_that_waited_for_a_stop_that_filled_is_cancelled() -> None:
    desk = Desk(**STOPS)
    desk.broker.on_cancel = lambda order: None
    desk.hold(protection=Protection(stop=D(10)))
    stop = desk.broker.sent[-1]
    [closing] = desk.exit()
    desk.fill(stop, price=90)
    desk.look()
    assert (desk.now(closing).state, desk.held(), len(desk.broker.sent)) == (S.CANCELLED, 0, 2)


def test_an_exit_that_waited_for_a_stop_that_filled_in_part_sells_the_rest_alone() -> None:
    desk = Desk(**STOPS)
    desk.broker.on_cancel = lambda order: None
    desk.hold(protection=Protection(stop=D(10)))
    stop = desk.broker.sent[-1]
    [closing] = desk.exit()
    desk.fill(stop, 4, price=90)
    desk.report(stop, "cancelled")
    desk.look()
    assert desk.broker.sent[-1].size == 6
    desk.fill(desk.now(closing))
    assert desk.held() == 0


def test_an_exit_waits_while_the_stops_fate_is_unknown(desk: Desk) -> None:
    desk = Desk(**STOPS)
    [entry] = desk.enter(protection=Protection(stop=D(10)))
    desk.broker.on_submit = lambda order: (_ for _ in ()).throw(TimeoutError())
    desk.fill(entry)
    [closing] = desk.exit()
    desk.look(later=5)
    assert desk.now(closing).state is S.HELD


@pytest.mark.parametrize("kinds", [{"stop": D(10), "target": D(20)}, {"stop": D(10), "target": D(20), "trail": D(5)}])
def test_a_range_that_reaches_stop_and_target_sells_once(desk: Desk, kinds: dict[str, Decimal]) -> None:
    desk.hold(protection=Protection(**kinds))
    for _ in range(3):
        desk.look(80, 130)
        assert resting(desk) <= 10
    assert len(desk.broker.sent) == 2
    desk.fill(desk.broker.sent[-1], price=90)
    desk.look(80, 130)
    assert (desk.held(), len(desk.repository.open_orders("a"))) == (0, 0)


def test_a_target_of_one_piece_leaves_the_stop_of_the_other_piece() -> None:
    desk = Desk(**STOPS)
    [entry] = desk.enter(protection=Protection(stop=D(10), target=D(10)))
    desk.fill(entry, 4, price=100)
    desk.fill(entry, 6, price=120)
    for _ in range(3):
        desk.look(110)  # the target of the first piece alone
    desk.fill(desk.broker.sent[-1], price=110)
    assert desk.held() == 6
    guarding = [o for o in desk.repository.open_orders("a") if o.type is T.STOP and o.reduce_only]
    assert sum(o.remaining for o in guarding) == 6, "what is left is held without its stop"


def test_a_partial_close_leaves_what_is_still_held_protected() -> None:
    desk = Desk(**STOPS)
    desk.hold(protection=Protection(stop=D(10)))
    [closing] = desk.trade("sell", 4)
    desk.look()
    desk.fill(desk.now(closing))
    assert desk.held() == 6
    desk.look()
    guarding = [o for o in desk.repository.open_orders("a") if o.reduce_only and o.level == 90]
    assert sum(o.remaining for o in guarding) >= 6, "what is left is held without its stop"


def test_a_protecting_broker_is_left_to_clamp() -> None:
    desk = Desk(protection=True)
    desk.hold(protection=Protection(stop=D(10)))
    [closing] = desk.exit()
    assert (closing.state, desk.broker.cancelled) == (S.ACKED, [])


def test_another_strategys_stop_keeps_no_exit_waiting() -> None:
    desk = Desk(**STOPS)
    desk.hold(protection=Protection(stop=D(10)), strategy="t")
    desk.hold()
    [closing] = desk.exit()
    assert closing.state is S.ACKED


def test_an_exit_of_more_than_is_left_is_cut_and_of_nothing_is_cancelled(desk: Desk) -> None:
    desk.hold()
    desk.broker.on_submit = unsent
    [closing] = desk.exit()
    assert closing.state is S.READY
    desk.broker.on_submit = lambda order: desk.report(order)
    desk.ledger.apply(execution_of(desk, 7))
    desk.look(later=1)
    assert (desk.broker.sent[-1].size, desk.now(closing).state) == (3, S.ACKED)
    other = replace(closing, order_id="other", client_order_id="other", state=S.READY)
    desk.repository.add_order(other, [], NOW)
    desk.ledger.apply(execution_of(desk, 3))
    desk.manager.send(other)
    assert desk.repository.order("other").state is S.CANCELLED
    assert desk.repository.order("other").reason == "nothing left to reduce"


def execution_of(desk: Desk, size: int) -> Any:
    return Fill(f"by hand {size}", "o", "a", "s", "X", Side.SELL, D(size), D(100), D(0), NOW)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("price"), st.integers(80, 130), st.integers(0, 20)),
        st.tuples(st.just("exit"), st.just(0), st.just(0)),
        st.tuples(st.just("sell"), st.integers(1, 12), st.just(0)),
        st.tuples(st.just("fill"), st.integers(0, 5), st.integers(1, 10)),
        st.tuples(st.just("confirm"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("restart"), st.just(0), st.just(0)),
    ),
    max_size=25,
)


@given(STEPS, st.booleans())
@settings(max_examples=120)
def test_whatever_happens_the_orders_at_the_broker_never_sell_more_than_is_held(
    steps: list[tuple[str, int, int]], stops: bool
) -> None:
    desk = Desk(**(STOPS if stops else {}))
    desk.broker.on_cancel = lambda order: None
    desk.hold(protection=Protection(stop=D(10), target=D(10), trail=D(5)))
    for what, one, two in steps:
        working = [o for o in desk.repository.open_orders("a") if o.reduce_only and o.state in (
            S.ACKED, S.PARTIAL, S.CANCEL_PENDING)]  # fmt: skip
        if what == "price":
            desk.look(one, one + two, later=1)
        elif what == "exit":
            desk.exit()
        elif what == "sell" and desk.held() >= one:
            desk.trade("sell", one)
        elif what == "restart":
            desk.begin()
        elif working and what == "fill":
            order = working[one % len(working)]
            desk.fill(order, min(D(two), order.remaining))
        elif working and what == "confirm":
            order = working[one % len(working)]
            if order.state is S.CANCEL_PENDING:
                desk.report(order, "cancelled")
        assert desk.held() >= 0
        assert resting(desk) <= desk.held()
