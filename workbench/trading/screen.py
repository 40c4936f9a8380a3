"""Screen: what the rules of a hook and an algo say to a signal before it may become an order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from workbench.errors import BadInput
from workbench.model import (
    BY_SIGNAL,
    BY_TIME,
    MONEY_CONTEXT,
    Caps,
    Condition,
    Protection,
    SizeRequest,
    Window,
    size_as_sent,
)
from workbench.ports import Plan, Waiting
from workbench.signals import SOURCE, Alert, symbol_of
from workbench.trading.price_watch import Last

LATER = "later"
"""What is said of a signal that could not be acted on now, for a reason that may pass."""


@dataclass(frozen=True, slots=True)
class AlertLimits:
    """How old an alert may be, by the wall clock, when the engine comes to it."""

    most_age: timedelta = timedelta(seconds=60)


def why_refused(plan: Plan, waiting: Waiting, alert: Alert, now: datetime) -> str:
    """Why an algo refuses a signal, entry or exit, at an instant of the wall clock; '' where it does not.

    What an algo was when the alert came may not be what it is now: it is asked as it is.
    """
    from_hook, from_clock = waiting.source.startswith("webhook:"), waiting.source.startswith(SOURCE)
    if from_hook and plan.rules is None:
        return "its hook is not there any more"
    if not waiting.algo:
        return ""
    algo = plan.algo
    if algo is None:
        return f"algo {waiting.algo} was removed"
    if algo.strategy != waiting.strategy:
        return f"algo {algo.name} drives {algo.strategy} now"
    if not algo.active:
        return f"algo {algo.name} is inactive"
    if from_hook and algo.trigger != BY_SIGNAL:
        return f"algo {algo.name} is {algo.trigger} now: alerts do not reach it"
    if from_clock and algo.trigger != BY_TIME:
        return f"algo {algo.name} is {algo.trigger} now: it has no times"
    if not plan.group_active:
        return "its group is inactive or has expired"
    if algo.expires_at is not None and now >= algo.expires_at:
        return f"algo {algo.name} expired at {algo.expires_at:%Y-%m-%d %H:%M} UTC"
    if waiting.override:
        return ""
    said = alert.to_dict()
    return next((f"condition: not {c}" for c in algo.conditions if not Condition.parse(c).holds(said)), "")


def _short(price: Decimal) -> str:
    """A price as people read it."""
    return f"{price:.8f}".rstrip("0").rstrip(".")


def entry_asked(
    plan: Plan,
    waiting: Waiting,
    alert: Alert,
    symbol: str,
    now: datetime,
    usual: Protection,
    last: Callable[[], Last | None],
) -> tuple[SizeRequest | None, Protection, Caps] | str:
    """Size rule (None for the strategy's own), protection and caps of an entry, or why the rules refuse it.

    `last` gives the market's last price, `usual` is how the strategy protects its entries. A person's override passes
    windows, the limit a day and the price; caps hold always.
    """
    rules, algo = plan.rules, plan.algo
    try:
        if rules is not None and rules.symbols:
            symbol_of(symbol, rules.symbols, whose="the hook takes entries of these alone")
    except BadInput as error:
        return str(error)
    if words := _why_not(plan, waiting, alert, now, last):
        return words
    sent = size_as_sent(alert.quantity, alert.size)
    size = sent if algo is None else algo.size(alert.quantity, alert.size)
    own = alert.stop is not None or alert.target is not None
    caps = Caps() if rules is None else Caps(rules.most_size, rules.most_value)
    return size, Protection(alert.stop, alert.target) if own else usual, caps


def _why_not(plan: Plan, waiting: Waiting, alert: Alert, now: datetime, last: Callable[[], Last | None]) -> str:
    rules, algo = plan.rules, plan.algo
    if waiting.override:
        return ""
    if rules is not None and rules.price_within is not None and alert.price is not None:
        known = last()
        if known is None:
            return "the market has no price to hold its own against"
        raw = MONEY_CONTEXT.divide(known.price, known.factor)
        off = MONEY_CONTEXT.divide(abs(alert.price - raw), raw) * 100
        if off > rules.price_within:
            return (
                f"its price {alert.price:f} is {off:.1f} percent off the market's {_short(raw)}; "
                f"the hook takes {rules.price_within:f}"
            )
    if algo is not None and algo.windows and not any(Window.parse(text).holds(now) for text in algo.windows):
        return f"outside of {' and '.join(algo.windows)}"
    if algo is not None and algo.entries_a_day is not None and plan.entries_today >= algo.entries_a_day:
        return f"algo {algo.name} had its {algo.entries_a_day} entries of the day ({algo.zone})"
    return ""
