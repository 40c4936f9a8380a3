"""The life of an order: the table is whole, ends where it says, and loses no fill."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from workbench.errors import IllegalTransition
from workbench.model import OrderState as S
from workbench.trading import FINAL, TRANSITIONS, WORKING, following
from workbench.trading import OrderEvent as E

FILLS = (E.FILL_PART, E.FILL_ALL)
AT_THE_BROKER = [S.SENDING, S.UNKNOWN, S.ACKED, S.PARTIAL, S.CANCEL_PENDING, S.MODIFY_PENDING]
STARTS = {S.RECEIVED, S.EXTERNAL}
"""Where an order begins: ours with a signal, another's by being found at the broker."""


@pytest.mark.parametrize(("state", "event"), list(itertools.product(S, E)))
def test_every_pair_is_in_the_table_or_refused_naming_both(state: S, event: E) -> None:
    if (state, event) in TRANSITIONS:
        assert following(state, event) is TRANSITIONS[state, event]
        return
    with pytest.raises(IllegalTransition) as caught:
        following(state, event)
    text = str(caught.value)
    assert f"order in state {state.value}: event {event.value} is not allowed; allowed: " in text
    assert "\n" not in text
    for allowed in E:
        if (state, allowed) in TRANSITIONS:
            assert allowed.value in text.partition("allowed: ")[2]


def test_the_table_holds_states_and_events_alone() -> None:
    for (state, event), after in TRANSITIONS.items():
        assert isinstance(state, S)
        assert isinstance(event, E)
        assert isinstance(after, S)


@pytest.mark.parametrize("event", list(E))
def test_nothing_leaves_denied(event: E) -> None:
    with pytest.raises(IllegalTransition, match=r"allowed: nothing"):
        following(S.DENIED, event)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_an_end_leads_on_only_by_a_fill_or_a_contradiction(state: S) -> None:
    on = {event for (before, event), after in TRANSITIONS.items() if before is state and after is not state}
    assert on <= {*FILLS, E.CONTRADICT}


@pytest.mark.parametrize("state", sorted(FINAL - {S.DENIED}))
def test_a_fill_after_the_end_leads_to_filled_or_to_a_person_or_stays_counted(state: S) -> None:
    for event in FILLS:
        if (state, event) in TRANSITIONS:
            assert following(state, event) in (state, S.FILLED, S.QUARANTINED)
    assert (state, E.CONTRADICT) in TRANSITIONS


def test_every_state_is_reached_from_a_beginning() -> None:
    reached = set(STARTS)
    while True:
        more = {after for (before, _), after in TRANSITIONS.items() if before in reached} - reached
        if not more:
            break
        reached |= more
    assert reached == set(S)


def test_nothing_leads_back_to_a_beginning() -> None:
    assert all(after not in STARTS for (before, _), after in TRANSITIONS.items() if before not in STARTS)


def test_quarantine_is_left_by_a_person_alone() -> None:
    out = {event: after for (before, event), after in TRANSITIONS.items() if before is S.QUARANTINED}
    assert out.pop(E.RULE) is S.CANCELLED
    assert set(out.values()) == {S.QUARANTINED}


def test_a_person_rules_on_what_is_in_doubt_alone() -> None:
    assert {before for before, event in TRANSITIONS if event is E.RULE} == {S.UNKNOWN, S.QUARANTINED}


def test_an_order_becomes_unknown_while_it_is_sent_alone() -> None:
    assert [pair for pair, after in TRANSITIONS.items() if after is S.UNKNOWN] == [(S.SENDING, E.LOSE)]


def test_an_order_kept_here_goes_to_the_broker_by_ready_alone() -> None:
    after = {a for (before, _), a in TRANSITIONS.items() if before is S.HELD}
    assert after == {S.READY, S.HELD, S.FILLED, S.CANCELLED, S.EXPIRED, S.REJECTED, S.QUARANTINED}
    assert following(S.HELD, E.TRIGGER) is S.READY
    assert [pair for pair, to in TRANSITIONS.items() if to is S.HELD and pair[0] is not S.HELD] == [
        (S.RECEIVED, E.PARK), (S.READY, E.PARK),
    ]  # fmt: skip


@pytest.mark.parametrize("event", [E.MODIFY, E.MODIFY_PARTIAL, E.REFUSE_CHANGE, E.REFUSE_CHANGE_PARTIAL])
def test_a_change_that_was_answered_leaves_an_order_that_works(event: E) -> None:
    partial = event in (E.MODIFY_PARTIAL, E.REFUSE_CHANGE_PARTIAL)
    assert following(S.MODIFY_PENDING, event) is (S.PARTIAL if partial else S.ACKED)


def test_only_ready_leads_to_sending_and_only_an_unsent_order_returns() -> None:
    assert [pair for pair, after in TRANSITIONS.items() if after is S.SENDING] == [(S.READY, E.AUTHORISE)]
    into_ready = {pair for pair, after in TRANSITIONS.items() if after is S.READY}
    asked = {(S.RECEIVED, E.PASS), (S.AWAITING_APPROVAL, E.PASS)}
    kept = {(S.HELD, E.TRIGGER), (S.READY, E.MODIFY)}
    assert into_ready == asked | kept | {(S.SENDING, E.UNSENT), (S.UNKNOWN, E.UNSENT)}


def test_an_unknown_order_is_sent_again_only_once_it_is_proven_never_to_have_arrived() -> None:
    after = {e: a for (before, e), a in TRANSITIONS.items() if before is S.UNKNOWN}
    assert after.pop(E.UNSENT) is S.READY
    assert not set(after.values()) & {S.READY, S.SENDING}


@pytest.mark.parametrize("state", AT_THE_BROKER)
def test_an_order_that_may_be_at_the_broker_takes_fills_and_contradictions(state: S) -> None:
    assert following(state, E.FILL_ALL) is S.FILLED
    assert following(state, E.FILL_PART) not in FINAL
    assert following(state, E.CONTRADICT) is S.QUARANTINED


def test_an_order_found_at_the_broker_may_contradict_itself_too() -> None:
    assert following(S.EXTERNAL, E.CONTRADICT) is S.QUARANTINED


def test_working_and_final_share_no_state() -> None:
    assert not WORKING & FINAL
    assert set(AT_THE_BROKER) <= WORKING


@pytest.mark.parametrize("fill", FILLS)
def test_an_acknowledgement_overtaken_by_a_fill_changes_nothing(fill: E) -> None:
    filled = following(following(S.READY, E.AUTHORISE), fill)
    assert following(filled, E.ACKNOWLEDGE) is filled


@pytest.mark.parametrize("state", [S.CANCEL_PENDING, S.MODIFY_PENDING])
def test_a_late_acknowledgement_or_refusal_while_a_change_is_asked_for_is_taken(state: S) -> None:
    assert following(state, E.ACKNOWLEDGE) is state
    assert following(state, E.REJECT) is S.REJECTED


def test_a_broker_may_move_a_trail_while_its_cancel_is_asked_for() -> None:
    assert following(S.CANCEL_PENDING, E.MODIFY) is S.CANCEL_PENDING


class Life(RuleBasedStateMachine):
    """Random events on one order of 10, with the size filled counted beside the table."""

    @initialize(start=st.sampled_from(sorted(STARTS)))
    def begin(self, start: S) -> None:
        self.state, self.filled = start, 0

    @rule(event=st.sampled_from([e for e in E if e not in FILLS]))
    def happen(self, event: E) -> None:
        before = self.state
        try:
            self.state = following(before, event)
        except IllegalTransition:
            assert (before, event) not in TRANSITIONS
            return
        if before in FINAL and self.state is not before:
            assert event is E.CONTRADICT

    @rule(size=st.integers(1, 10))
    def fill(self, size: int) -> None:
        before, total = self.state, self.filled + size
        event = E.CONTRADICT if total > 10 else E.FILL_ALL if total == 10 else E.FILL_PART
        try:
            self.state = following(before, event)
        except IllegalTransition:  # loud: named, never swallowed
            assert before in (S.RECEIVED, S.AWAITING_APPROVAL, S.READY, S.HELD, S.DENIED, S.EXTERNAL)
            return
        if event is not E.CONTRADICT:
            self.filled = total
        if total >= 10:
            assert self.state in (S.FILLED, S.QUARANTINED)
        if before in FINAL:  # counted, or for a person to look at
            assert self.state in (before, S.FILLED, S.QUARANTINED)

    @invariant()
    def stays_in_the_enum(self) -> None:
        assert isinstance(getattr(self, "state", S.RECEIVED), S)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(st.sampled_from(S), st.lists(st.sampled_from([e for e in E if e is not E.RULE]), max_size=30))
@settings(deadline=None, max_examples=100)
def test_quarantine_and_denial_hold_whatever_comes_but_a_persons_word(start: S, events: list[E]) -> None:
    state, stuck = start, None
    for event in events:
        if (state, event) in TRANSITIONS:
            state = following(state, event)
        assert stuck is None or state is stuck
        if state in (S.QUARANTINED, S.DENIED):
            stuck = state
