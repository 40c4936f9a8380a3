"""Orders of several legs: in turn, all or none, unwound or kept, and after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.trading.test_order_manager import Desk
from workbench.errors import BadInput, Refused
from workbench.model import OnFailure, Order, OrderState, OrderType, Signal
from workbench.ports import RiskContext, Verdict
from workbench.trading.legs import in_turn

D = Decimal
T, S = OrderType, OrderState


@pytest.fixture
def desk() -> Desk:
    return Desk()


def signals(desk: Desk, *legs: tuple[str, str], on_failure: OnFailure = OnFailure.UNWIND, **more: Any) -> list[Signal]:
    """A leg of 10 for each (side, symbol)."""
    made = [desk.wish(side, 10, symbol=symbol, **more) for side, symbol in legs]
    return in_turn(made, "group", on_failure)


def place(desk: Desk, *legs: tuple[str, str], **more: Any) -> dict[str, Order]:
    return {order.symbol: order for order in desk.manager.handle_legs(signals(desk, *legs, **more))}


SPREAD = (("sell", "X"), ("buy", "Y"))


def outcome(desk: Desk, symbol: str) -> Decimal:
    return desk.ledger.position("a", "s", symbol).size


def test_what_buys_goes_first_and_what_sells_once_it_has_filled(desk: Desk) -> None:
    legs = place(desk, *SPREAD)
    assert (legs["Y"].state, legs["X"].state) == (S.ACKED, S.HELD)
    assert not desk.look(later=60)
    desk.fill(legs["Y"], 4)
    assert not desk.look(later=60)
    desk.fill(legs["Y"], 6)
    assert desk.look()
    assert desk.now(legs["X"]).state is S.ACKED
    desk.fill(legs["X"])
    assert (outcome(desk, "X"), outcome(desk, "Y")) == (-10, 10)
    assert not desk.look(later=60)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_legs_of_one_side_go_together(desk: Desk, side: str) -> None:
    legs = place(desk, (side, "X"), (side, "Y"))
    assert {leg.state for leg in legs.values()} == {S.ACKED}


@pytest.mark.parametrize("legs", [SPREAD, tuple(reversed(SPREAD))])
def test_where_one_leg_is_denied_none_is_sent(desk: Desk, legs: Sequence[tuple[str, str]]) -> None:
    class NoShorts:
        def judge(self, context: RiskContext) -> Verdict:
            short = context.signal.direction == "short"
            return Verdict("no_shorts", "deny", "no shorts") if short else Verdict("no_shorts", "allow", size=D(10))

    desk.rule.judge = NoShorts().judge  # type: ignore[method-assign]
    made = place(desk, *legs)
    assert (made["X"].state, made["Y"].state) == (S.DENIED, S.CANCELLED)
    assert made["Y"].reason == "leg X cannot be had: rule: no shorts"
    assert desk.broker.sent == []
    desk.look()
    assert desk.broker.sent == []


def test_where_one_leg_may_take_no_risk_none_is_sent_and_both_say_why(desk: Desk) -> None:
    desk.manager.drifts = {"X": "drift: position in X"}
    made = place(desk, *SPREAD)
    assert desk.broker.sent == []
    assert made["Y"].reason == "leg X cannot be had: drift: position in X"
    status = {s.symbol: desk.repository.outcomes[s.signal_id][0] for s in desk.repository.signals()}
    assert status == {"X": "refused", "Y": "refused"} or status == {"X": "refused", "Y": "denied"}


def test_a_leg_of_two_orders_that_is_denied_says_why(desk: Desk) -> None:
    """A trade through zero is a close and an opening; the opening is what was denied."""
    desk.hold(symbol="X")
    desk.rule.reason = "no more"
    made = desk.manager.handle_legs([*(replace(s, size=desk.wish("sell", 15).size) for s in
                                       signals(desk, ("sell", "X"))), *signals(desk, ("sell", "Y"))])  # fmt: skip
    assert {order.state for order in made} == {S.CANCELLED, S.DENIED}
    assert "no more" in next(order.reason for order in made if order.state is S.CANCELLED)


def test_where_a_leg_was_rejected_what_the_other_had_is_closed(desk: Desk) -> None:
    legs = place(desk, *SPREAD)
    desk.fill(legs["Y"])

    def refuse(order: Order) -> None:
        raise Refused("no margin")

    taken, desk.broker.on_submit = desk.broker.on_submit, refuse
    desk.look()
    assert desk.now(legs["X"]).state is S.REJECTED
    desk.broker.on_submit = taken
    desk.look()
    closing = desk.broker.sent[-1]
    assert (closing.symbol, closing.side, closing.size, closing.reduce_only) == ("Y", "sell", 10, True)
    desk.fill(closing)
    for _ in range(3):
        desk.look(later=60)
    assert (outcome(desk, "X"), outcome(desk, "Y")) == (0, 0)
    assert len(desk.broker.sent) == 3


def test_where_the_first_leg_is_cancelled_in_part_the_second_never_goes_and_the_part_is_closed(desk: Desk) -> None:
    legs = place(desk, *SPREAD)
    desk.fill(legs["Y"], 4)
    desk.report(legs["Y"], "cancelled", reason="by the exchange")
    desk.look()
    assert desk.now(legs["X"]).state is S.CANCELLED
    assert desk.now(legs["X"]).reason == "leg Y was cancelled: by the exchange"
    assert [(o.symbol, o.side, o.size) for o in desk.broker.sent[1:]] == [("Y", "sell", 4)]


def test_a_leg_still_working_is_cancelled_and_closed_only_once_it_has_ended(desk: Desk) -> None:
    desk.broker.on_cancel = lambda order: None
    legs = place(desk, ("buy", "X"), ("buy", "Y"))
    desk.fill(legs["X"], 3)
    desk.report(legs["Y"], "rejected", reason="no")
    desk.look()
    assert desk.broker.cancelled == [legs["X"].order_id]
    desk.fill(legs["X"], 2)  # crossed
    desk.look()
    assert len(desk.broker.sent) == 2
    desk.report(legs["X"], "cancelled")
    desk.look()
    assert desk.broker.sent[-1].size == 5


def test_kept_legs_go_on_without_the_one_that_failed(desk: Desk) -> None:
    legs = place(desk, *SPREAD, on_failure=OnFailure.KEEP)
    desk.fill(legs["Y"], 4)
    desk.report(legs["Y"], "cancelled")
    for _ in range(2):
        desk.look()
    assert desk.now(legs["X"]).state is S.ACKED
    desk.fill(legs["X"])
    desk.look(later=60)
    assert (outcome(desk, "X"), outcome(desk, "Y")) == (-10, 4)


def test_a_restart_before_the_second_leg_goes_on_with_it(desk: Desk) -> None:
    legs = place(desk, *SPREAD)
    desk.begin()
    assert not desk.look(later=1)
    desk.fill(legs["Y"])
    desk.begin()
    assert desk.look(later=1)
    assert desk.now(legs["X"]).state is S.ACKED


def test_a_restart_before_the_unwinding_unwinds_and_a_second_one_does_nothing_more(desk: Desk) -> None:
    legs = place(desk, *SPREAD)
    desk.fill(legs["Y"], 4)
    desk.report(legs["Y"], "cancelled")
    for _ in range(3):
        desk.begin()
        desk.manager.monitor.legs.recall("a")
        desk.look(later=1)
    assert [(o.symbol, o.size) for o in desk.broker.sent] == [("Y", 10), ("Y", 4)]
    desk.fill(desk.broker.sent[-1])
    desk.begin()
    desk.manager.monitor.legs.recall("a")
    desk.look(later=1)
    assert (len(desk.broker.sent), outcome(desk, "Y")) == (2, 0)


def test_an_unwinding_never_sells_what_is_held_no_more(desk: Desk) -> None:
    legs = place(desk, ("buy", "X"), ("buy", "Y"))
    desk.fill(legs["X"])
    [sold] = desk.trade("sell", 6)
    desk.fill(sold)
    desk.report(legs["Y"], "rejected", reason="no")
    for _ in range(3):
        desk.look(later=1)
    for order in desk.broker.sent[3:]:
        desk.fill(order)
    assert outcome(desk, "X") == 0, "unwinding opened a position the other way"


def test_a_leg_of_unknown_fate_is_waited_for_and_noted_once(desk: Desk) -> None:
    lost = []

    def lose(order: Order) -> None:
        if order.symbol == "X":
            lost.append(order)
            raise TimeoutError
        desk.report(order)

    desk.broker.on_submit = lose
    legs = place(desk, ("buy", "X"), ("buy", "Y"))
    desk.report(legs["Y"], "rejected", reason="no")
    for _ in range(20):
        desk.look(later=1)
    assert desk.now(legs["X"]).state is S.UNKNOWN
    noted = [line for line in desk.repository.journal() if line["kind"] == "not_cancelled"]
    assert len(noted) <= 1, f"the journal grew by {len(noted)} lines in 20 looks"


def test_legs_given_again_are_answered_with_their_orders(desk: Desk) -> None:
    wanted = signals(desk, *SPREAD)
    first = desk.manager.handle_legs(wanted)
    again = desk.manager.handle_legs(wanted)
    assert sorted(o.order_id for o in again) == sorted(o.order_id for o in first)
    assert len(desk.repository.orders()) == 2


def test_an_unwinding_that_cannot_be_sized_stops_no_other_order() -> None:
    """Four tenths filled where lots are whole: it cannot be closed by an order, and must not raise into the session."""
    desk = Desk(lot="1")
    legs = place(desk, *SPREAD)
    desk.fill(legs["Y"], "0.4")
    desk.report(legs["Y"], "cancelled")
    try:
        desk.look()
    except BadInput as error:
        pytest.fail(f"a look at the orders raised: {error}")
