"""Questions: one that goes wrong raises; it never answers that there is nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from workbench.model import OrderState
from workbench.testing.brokers.desk import Desk
from workbench.testing.brokers.house import House
from workbench.testing.brokers.record import case

ASKED: dict[str, Callable[[Desk], object]] = {
    "orders": lambda desk: desk.broker.orders(),
    "fills": lambda desk: desk.broker.fills(),
    "positions": lambda desk: desk.broker.positions(),
    "cash": lambda desk: desk.broker.cash(desk.rig.account),
}


class Questions:
    """What is asked, and what a silent broker means."""

    @pytest.mark.parametrize("what", list(ASKED))
    @case
    def test_a_question_that_goes_wrong_raises(self, desk: Desk, what: str) -> None:
        desk.hold(3)
        desk.fail("queries")
        with pytest.raises(Exception, match=r".*"):
            ASKED[what](desk)

    @pytest.mark.parametrize("what", list(ASKED))
    @case
    def test_the_same_question_is_answered_whole_afterwards(self, desk: Desk, what: str) -> None:
        desk.hold(3)
        desk.send(desk.limit())
        desk.settle()
        before = ASKED[what](desk)
        desk.fail("queries")
        with pytest.raises(Exception, match=r".*"):
            ASKED[what](desk)
        desk.rig.mend()
        assert ASKED[what](desk) == before

    @case
    def test_an_account_without_trades_answers_with_nothing(self, desk: Desk) -> None:
        assert list(desk.broker.orders()) == []
        assert list(desk.broker.fills()) == []
        assert list(desk.broker.positions()) == []

    @case
    def test_an_answer_is_not_changed_by_what_happens_later(self, desk: Desk) -> None:
        desk.hold(3)
        orders, fills, positions = list(desk.broker.orders()), desk.broker.fills(), desk.broker.positions()
        counts = len(orders), len(fills), len(positions)
        held = [p.size for p in positions]
        desk.hold(2)
        assert (len(orders), len(fills), len(positions)) == counts, "a list that was handed out grew"
        assert [p.size for p in positions] == held

    @case
    def test_the_core_takes_a_silent_broker_for_silent_and_never_for_flat(self, desk: Desk) -> None:
        house = House(desk)
        house.ask(3, rests=False)
        desk.quote(0)
        house.rounds(2)
        resting = house.ask(4)
        desk.fail("queries")
        house.rounds(3)
        assert house.reconciler.trouble, "nobody was told that the broker is silent"
        assert house.state(resting) is OrderState.ACKED
        assert house.held() == desk.lots(3)
        desk.rig.mend()
        house.rounds(3)
        assert house.reconciler.trouble == ""
        assert house.troubles == []
