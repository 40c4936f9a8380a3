"""Signal: the wish to trade, whatever its origin."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from workbench.errors import BadInput
from workbench.model.ids import new_id
from workbench.model.numbers import MONEY_CONTEXT, decimal, positive
from workbench.model.ticket import AT_MARKET, Ticket
from workbench.model.times import utc


class Direction(StrEnum):
    """Which way a position looks."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """+1 for long, -1 for short."""
        return 1 if self is Direction.LONG else -1

    @property
    def opposite(self) -> Direction:
        """The other direction."""
        return Direction.SHORT if self is Direction.LONG else Direction.LONG


class Action(StrEnum):
    """What a signal does: opens, closes, trades a size whatever is held, or goes to a target position."""

    ENTRY = "entry"
    EXIT = "exit"
    TRADE = "trade"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Protection:
    """The one-cancels-other levels of an entry, in percent of its fill price; None where there is none."""

    stop: Decimal | None = None
    target: Decimal | None = None
    trail: Decimal | None = None

    def __post_init__(self) -> None:
        for name in ("stop", "target", "trail"):
            value = getattr(self, name)
            if value is not None and positive(name, value) >= 100 and name != "target":
                raise BadInput(name, value, "must be below 100 percent of the fill price")

    @property
    def any(self) -> bool:
        """Whether there is any level at all."""
        return self.stop is not None or self.target is not None or self.trail is not None


@dataclass(frozen=True, slots=True)
class Caps:
    """The most an entry may be, whatever its size rule says: raw units, and value in the account's currency."""

    most_size: Decimal | None = None
    most_value: Decimal | None = None

    def __post_init__(self) -> None:
        for name in ("most_size", "most_value"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))

    def largest(self, raw_price: Decimal) -> Decimal | None:
        """The largest size at a raw price; None where nothing bounds it."""
        found = [self.most_size] if self.most_size is not None else []
        if self.most_value is not None:
            found.append(MONEY_CONTEXT.divide(self.most_value, raw_price))
        return min(found, default=None)


class SizeRule(StrEnum):
    """How the size of an entry is worked out from equity and close at the signal."""

    ALL = "all"
    SHARES = "shares"
    VALUE = "value"
    PERCENT = "percent"
    RISK = "risk"


@dataclass(frozen=True, slots=True)
class SizeRequest:
    """A size rule and its amount: units, currency, percent of equity; none for ALL."""

    rule: SizeRule = SizeRule.ALL
    amount: Decimal | None = None

    def __post_init__(self) -> None:
        if self.rule is SizeRule.ALL:
            if self.amount is not None:
                raise BadInput("size", f"all:{self.amount}", "all takes no amount", "write all")
            return
        if self.amount is None:
            raise BadInput("size", self.rule.value, "needs an amount", f"as in {self.rule.value}:10")
        if positive(f"size {self.rule.value}", self.amount) > 10**15:
            raise BadInput("size", str(self), "must not be above 1e15")
        if self.rule in (SizeRule.PERCENT, SizeRule.RISK) and self.amount > 100:
            raise BadInput("size", f"{self.rule.value}:{self.amount}", "must not be above 100 percent of equity")

    @staticmethod
    @lru_cache(maxsize=256)
    def parse(text: str) -> SizeRequest:
        """A size rule from text: all, shares:N, value:N, percent:P or risk:P."""
        name, _, amount = text.strip().lower().partition(":")
        if name not in set(SizeRule):
            raise BadInput("size", text, "is no size rule", "write all, shares:N, value:N, percent:P or risk:P")
        return SizeRequest(SizeRule(name), decimal(f"size {name}", amount) if amount else None)

    def __str__(self) -> str:
        return self.rule.value if self.amount is None else f"{self.rule.value}:{self.amount.normalize(MONEY_CONTEXT):f}"


@dataclass(frozen=True, slots=True)
class Signal:
    """A wish to trade one symbol, with its provenance.

    (`source`, `key`) is unique: a repeat of a key is the same signal. `bar_time` is the bar it was seen on (UTC),
    `available_at` when that bar was closed. `reference_price` is that bar's close, `factor` its adjustment. A TRADE
    buys (long) or sells (short) its size whatever is held; a TARGET goes to a position of its size in its direction.
    """

    source: str
    key: str
    strategy: str
    account: str
    symbol: str
    action: Action
    direction: Direction
    bar_time: datetime
    available_at: datetime
    reference_price: Decimal
    factor: Decimal = Decimal(1)
    size: SizeRequest = SizeRequest()
    protection: Protection = Protection()
    ticket: Ticket = AT_MARKET
    caps: Caps = Caps()
    data_fingerprint: str = ""
    signal_id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        for name in ("source", "key", "strategy", "account", "symbol"):
            if not getattr(self, name):
                raise BadInput(f"signal {name}", getattr(self, name), "must not be empty")
        positive("reference_price", self.reference_price)
        positive("factor", self.factor)
        object.__setattr__(self, "bar_time", utc("bar_time", self.bar_time))
        object.__setattr__(self, "available_at", utc("available_at", self.available_at))
        if self.available_at < self.bar_time:
            raise BadInput("available_at", self.available_at.isoformat(), "is before the bar it belongs to")
