"""Risk ports: what a rule sees and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from workbench.model import Instrument, Position, Signal


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What portfolio limits look at, read in the transaction that keeps the intent; all by the session's clock.

    `day` is the date in the market's zone and `day_start_equity` the equity when it began. `open_symbols` are those
    with a position or an entry under way, `reserved` the currency that entries under way may still take (each at its
    symbol's last mark). `entries_today` counts the strategy's entries that were not denied, `orders_last_minute` the
    account's orders. `market_open` is None where bars are daily or longer: their orders wait for the next open.
    """

    day: date
    day_start_equity: Decimal
    open_symbols: frozenset[str] = frozenset()
    reserved: Decimal = Decimal(0)
    entries_today: int = 0
    orders_last_minute: int = 0
    market_open: bool | None = None


@dataclass(frozen=True, slots=True)
class RiskContext:
    """What a risk rule sees: the signal, what it would trade, and the account as it stands.

    `size` is what the rules before this one left, in raw units; None before the sizing rule.
    `equity` and `cash` are the account's, marked at the signal's reference price. `facts` are there in the trading
    profile and None in research, which knows no portfolio limits.
    """

    signal: Signal
    instrument: Instrument
    position: Position
    equity: Decimal
    cash: Decimal
    size: Decimal | None
    at: datetime
    facts: AccountFacts | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule's answer: allow, cut (to `size`) or deny, with the reason and the figures it looked at."""

    rule: str
    decision: str
    reason: str = ""
    size: Decimal | None = None
    figures: Mapping[str, str] = field(default_factory=dict)


class RiskRule(Protocol):
    """One rule of the risk chain; it may deny or cut an entry, never enlarge it. An exception in it denies."""

    def judge(self, context: RiskContext) -> Verdict:
        """Judge one entry."""
