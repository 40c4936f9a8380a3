"""The life of an order: which event may happen in which state, and where it leads. The only place that says so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from workbench.errors import IllegalTransition
from workbench.model import FINAL, Order
from workbench.model import OrderState as S
from workbench.ports import OrderRepository, Verdict

__all__ = ["AT_BROKER", "FINAL", "IN_FLIGHT", "TRANSITIONS", "WORKING", "OrderEvent", "following", "move"]


class OrderEvent(StrEnum):
    """What can happen to an order."""

    DENY = "deny"
    HOLD = "hold"
    PASS = "pass"
    PARK = "park"
    TRIGGER = "trigger"
    AUTHORISE = "authorise"
    UNSENT = "unsent"
    LOSE = "lose"
    ACKNOWLEDGE = "acknowledge"
    REJECT = "reject"
    FILL_PART = "fill_part"
    FILL_ALL = "fill_all"
    ASK_CANCEL = "ask_cancel"
    ASK_MODIFY = "ask_modify"
    CANCEL = "cancel"
    MODIFY = "modify"
    MODIFY_PARTIAL = "modify_partial"
    REFUSE_CHANGE = "refuse_change"
    REFUSE_CHANGE_PARTIAL = "refuse_change_partial"
    EXPIRE = "expire"
    CONTRADICT = "contradict"
    RULE = "rule"


E = OrderEvent

TRANSITIONS: dict[tuple[S, E], S] = {
    # what the risk chain, and a person where one is asked, says
    (S.RECEIVED, E.DENY): S.DENIED,
    (S.RECEIVED, E.HOLD): S.AWAITING_APPROVAL,
    (S.RECEIVED, E.PASS): S.READY,
    (S.AWAITING_APPROVAL, E.PASS): S.READY,
    (S.AWAITING_APPROVAL, E.DENY): S.DENIED,
    (S.AWAITING_APPROVAL, E.EXPIRE): S.EXPIRED,
    (S.AWAITING_APPROVAL, E.CANCEL): S.CANCELLED,
    # kept here: until a price or a time, until other legs filled, or while its pieces are worked
    (S.RECEIVED, E.PARK): S.HELD,
    (S.READY, E.PARK): S.HELD,  # another order that reduces the same position has to end first
    (S.HELD, E.TRIGGER): S.READY,
    (S.HELD, E.MODIFY): S.HELD,
    (S.HELD, E.FILL_PART): S.HELD,  # a piece of it filled
    (S.HELD, E.FILL_ALL): S.FILLED,
    (S.HELD, E.CANCEL): S.CANCELLED,
    (S.HELD, E.EXPIRE): S.EXPIRED,
    (S.HELD, E.REJECT): S.REJECTED,  # a piece of it was
    # sending, once
    (S.READY, E.AUTHORISE): S.SENDING,
    (S.READY, E.CANCEL): S.CANCELLED,
    (S.READY, E.EXPIRE): S.EXPIRED,
    (S.READY, E.MODIFY): S.READY,  # clamped to what is left to reduce
    (S.SENDING, E.UNSENT): S.READY,  # only by the process that saw no byte leave
    (S.SENDING, E.LOSE): S.UNKNOWN,
    (S.SENDING, E.ACKNOWLEDGE): S.ACKED,
    (S.SENDING, E.REJECT): S.REJECTED,
    (S.SENDING, E.FILL_PART): S.PARTIAL,  # a fill may overtake its acknowledgement
    (S.SENDING, E.FILL_ALL): S.FILLED,
    # evidence about an order nobody knew the fate of
    (S.UNKNOWN, E.ACKNOWLEDGE): S.ACKED,
    (S.UNKNOWN, E.FILL_PART): S.PARTIAL,
    (S.UNKNOWN, E.FILL_ALL): S.FILLED,
    (S.UNKNOWN, E.CANCEL): S.CANCELLED,
    (S.UNKNOWN, E.EXPIRE): S.EXPIRED,
    (S.UNKNOWN, E.REJECT): S.REJECTED,  # refused, or proven absent where it may not be sent again
    (S.UNKNOWN, E.UNSENT): S.READY,  # proven absent by complete histories, at a broker that knows our ids
    # at the broker
    (S.ACKED, E.ACKNOWLEDGE): S.ACKED,
    (S.ACKED, E.FILL_PART): S.PARTIAL,
    (S.ACKED, E.FILL_ALL): S.FILLED,
    (S.ACKED, E.REJECT): S.REJECTED,  # some brokers take first and refuse later
    (S.ACKED, E.ASK_CANCEL): S.CANCEL_PENDING,
    (S.ACKED, E.ASK_MODIFY): S.MODIFY_PENDING,
    (S.ACKED, E.CANCEL): S.CANCELLED,
    (S.ACKED, E.MODIFY): S.ACKED,  # by the broker itself: a trail that moved
    (S.ACKED, E.EXPIRE): S.EXPIRED,
    (S.PARTIAL, E.ACKNOWLEDGE): S.PARTIAL,
    (S.PARTIAL, E.FILL_PART): S.PARTIAL,
    (S.PARTIAL, E.FILL_ALL): S.FILLED,
    (S.PARTIAL, E.ASK_CANCEL): S.CANCEL_PENDING,
    (S.PARTIAL, E.ASK_MODIFY): S.MODIFY_PENDING,
    (S.PARTIAL, E.CANCEL): S.CANCELLED,
    (S.PARTIAL, E.MODIFY): S.PARTIAL,
    (S.PARTIAL, E.EXPIRE): S.EXPIRED,
    # a change asked for; fills may still come first
    (S.CANCEL_PENDING, E.CANCEL): S.CANCELLED,
    (S.CANCEL_PENDING, E.FILL_PART): S.CANCEL_PENDING,
    (S.CANCEL_PENDING, E.FILL_ALL): S.FILLED,
    (S.CANCEL_PENDING, E.ACKNOWLEDGE): S.CANCEL_PENDING,
    (S.CANCEL_PENDING, E.MODIFY): S.CANCEL_PENDING,  # a trail that moved meanwhile
    (S.CANCEL_PENDING, E.REJECT): S.REJECTED,
    (S.CANCEL_PENDING, E.REFUSE_CHANGE): S.ACKED,
    (S.CANCEL_PENDING, E.REFUSE_CHANGE_PARTIAL): S.PARTIAL,
    (S.CANCEL_PENDING, E.EXPIRE): S.EXPIRED,
    (S.MODIFY_PENDING, E.MODIFY): S.ACKED,
    (S.MODIFY_PENDING, E.MODIFY_PARTIAL): S.PARTIAL,
    (S.MODIFY_PENDING, E.ASK_CANCEL): S.CANCEL_PENDING,
    (S.MODIFY_PENDING, E.FILL_PART): S.MODIFY_PENDING,
    (S.MODIFY_PENDING, E.FILL_ALL): S.FILLED,
    (S.MODIFY_PENDING, E.ACKNOWLEDGE): S.MODIFY_PENDING,
    (S.MODIFY_PENDING, E.REJECT): S.REJECTED,
    (S.MODIFY_PENDING, E.REFUSE_CHANGE): S.ACKED,
    (S.MODIFY_PENDING, E.REFUSE_CHANGE_PARTIAL): S.PARTIAL,
    (S.MODIFY_PENDING, E.CANCEL): S.CANCELLED,
    (S.MODIFY_PENDING, E.EXPIRE): S.EXPIRED,
    # an acknowledgement that comes late says nothing new
    (S.FILLED, E.ACKNOWLEDGE): S.FILLED,
    (S.CANCELLED, E.ACKNOWLEDGE): S.CANCELLED,
    (S.EXPIRED, E.ACKNOWLEDGE): S.EXPIRED,
    (S.REJECTED, E.ACKNOWLEDGE): S.REJECTED,
    # fills count even after the end; one that cannot be is for a person to look at
    (S.CANCELLED, E.FILL_PART): S.CANCELLED,
    (S.CANCELLED, E.FILL_ALL): S.FILLED,
    (S.EXPIRED, E.FILL_PART): S.EXPIRED,
    (S.EXPIRED, E.FILL_ALL): S.FILLED,
    (S.REJECTED, E.FILL_PART): S.QUARANTINED,
    (S.REJECTED, E.FILL_ALL): S.QUARANTINED,
    (S.FILLED, E.FILL_PART): S.QUARANTINED,
    (S.READY, E.FILL_PART): S.QUARANTINED,  # it was said never to have left
    (S.READY, E.FILL_ALL): S.QUARANTINED,
    (S.READY, E.CONTRADICT): S.QUARANTINED,
    (S.HELD, E.CONTRADICT): S.QUARANTINED,
    (S.QUARANTINED, E.FILL_PART): S.QUARANTINED,
    (S.QUARANTINED, E.FILL_ALL): S.QUARANTINED,
    # evidence that cannot be, such as more filled than was asked for
    **{
        (state, E.CONTRADICT): S.QUARANTINED
        for state in (
            S.SENDING,
            S.UNKNOWN,
            S.ACKED,
            S.PARTIAL,
            S.CANCEL_PENDING,
            S.MODIFY_PENDING,
            S.CANCELLED,
            S.EXPIRED,
            S.REJECTED,
            S.FILLED,
            S.QUARANTINED,
            S.EXTERNAL,
        )
    },
    # a person has looked, and says that nothing more comes of it
    (S.UNKNOWN, E.RULE): S.CANCELLED,
    (S.QUARANTINED, E.RULE): S.CANCELLED,
    # found at the broker, not ours
    (S.EXTERNAL, E.ACKNOWLEDGE): S.EXTERNAL,
    (S.EXTERNAL, E.MODIFY): S.EXTERNAL,
    (S.EXTERNAL, E.ASK_CANCEL): S.CANCEL_PENDING,  # by a person, or a panic
    (S.EXTERNAL, E.REJECT): S.REJECTED,
    (S.EXTERNAL, E.FILL_PART): S.EXTERNAL,
    (S.EXTERNAL, E.FILL_ALL): S.FILLED,
    (S.EXTERNAL, E.CANCEL): S.CANCELLED,
    (S.EXTERNAL, E.EXPIRE): S.EXPIRED,
}

AT_BROKER = frozenset({S.ACKED, S.PARTIAL, S.CANCEL_PENDING, S.MODIFY_PENDING, S.EXTERNAL})
"""States in which the broker has it and it may trade."""

IN_FLIGHT = frozenset({S.SENDING, S.UNKNOWN, S.CANCEL_PENDING, S.MODIFY_PENDING})
"""States that wait for an answer."""

WORKING = AT_BROKER | IN_FLIGHT | {S.READY, S.HELD}
"""States in which an order may still trade."""


def following(state: S, event: E) -> S:
    """The state an event leads to. Raises IllegalTransition naming both, and what would be allowed."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        allowed = ", ".join(sorted(e for s, e in TRANSITIONS if s is state)) or "nothing"
        raise IllegalTransition(f"order in state {state}: event {event} is not allowed; allowed: {allowed}") from None


def move(repository: OrderRepository, order: Order, event: E, at: datetime) -> Order:
    """Move an order along the table, keep it and journal the event: the order as it is now."""
    moved = order.but(state=following(order.state, event))
    repository.change_order(moved, event, at, order.state)
    return moved


def decide(repository: OrderRepository, order: Order, verdicts: Sequence[Verdict], event: E, at: datetime) -> Order:
    """Keep a new order with what was decided of it, as one: the order as it is then."""
    decided = order.but(state=following(order.state, event))
    repository.add_order(decided, verdicts, at, event)
    return decided
