"""Days and hours at the paper broker: when intraday positions are closed, and when trades settle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from workbench.errors import BadInput, UnknownName
from workbench_plugins.paper_realism import read_settings

_INDIA = "Asia/Kolkata"
INDIAN_CLOSES: Mapping[str, time] = {
    **dict.fromkeys(("NSE", "BSE", "NFO", "BFO"), time(15, 15)),
    **dict.fromkeys(("CDS", "BCD"), time(16, 45)),
    "MCX": time(23, 30),
    "NCDEX": time(17, 0),
}
"""When OpenAlgo's sandbox closes intraday positions, by exchange, in Indian time."""


def next_weekday(day: date) -> date:
    """The day after, Saturdays and Sundays left out; it knows no holidays."""
    later = day + timedelta(days=1)
    return later + timedelta(days=7 - later.weekday() if later.weekday() >= 5 else 0)


@dataclass(frozen=True, slots=True)
class SquareOff:
    """Closes positions of intraday `products` at the first traded bar or quote at or after their exchange's time.

    `closes` are local times in `zone` by the instruments' venue; at a venue that is not named nothing is closed.
    """

    closes: Mapping[str, time] = field(default_factory=lambda: dict(INDIAN_CLOSES))
    products: frozenset[str] = frozenset({"MIS"})
    zone: str = _INDIA

    @staticmethod
    def of(given: SquareOff | Mapping[str, Any] | str | bool | None) -> SquareOff | None:
        """Square-off by settings: "india" or true, false for none. Raises UnknownName."""
        if given is None or isinstance(given, SquareOff):
            return given
        if isinstance(given, bool):
            return SquareOff() if given else None
        if given != "india":
            raise UnknownName("square_off", str(given), ("india",))
        return SquareOff()

    def due(self, product: str, venue: str, opened: datetime) -> datetime | None:
        """When (UTC) a position opened at an instant is to be closed; None where never."""
        if product not in self.products or venue not in self.closes:
            return None
        local = opened.astimezone(ZoneInfo(self.zone))
        day = local.date() if local.time() < self.closes[venue] else local.date() + timedelta(days=1)
        return datetime.combine(day, self.closes[venue], ZoneInfo(self.zone)).astimezone(UTC)

    def is_over(self, product: str, venue: str, at: datetime) -> bool:
        """Whether no new position may be opened any more on the day of an instant."""
        if product not in self.products or venue not in self.closes:
            return False
        return at.astimezone(ZoneInfo(self.zone)).time() >= self.closes[venue]


@dataclass(frozen=True, slots=True)
class Settlement:
    """Trades of `products` (empty: all) settle `days` business days after their day in `zone`.

    `next_day` gives the business day after a day: pass one that knows the holidays; the default knows weekends.
    `settled_only` lets proceeds buy again only once they are settled; `needs_holdings` lets only what has been
    delivered be sold, and nothing be sold short.
    """

    days: int = 1
    products: frozenset[str] = frozenset({"CNC"})
    settled_only: bool = False
    needs_holdings: bool = False
    zone: str = _INDIA
    next_day: Callable[[date], date] = next_weekday

    def __post_init__(self) -> None:
        if isinstance(self.days, bool) or not isinstance(self.days, int) or not 0 <= self.days <= 10:
            raise BadInput("settlement days", self.days, "must be a whole number from 0 to 10", "1 means T+1")

    @staticmethod
    def of(given: Settlement | Mapping[str, Any] | str | None) -> Settlement | None:
        """Settlement by settings: a table, or a text such as "days=1, settled_only=yes". Raises BadInput."""
        if given is None or isinstance(given, Settlement):
            return given
        pairs = read_settings("settlement", given, ("days", "settled_only", "needs_holdings", "zone"), ("days",))
        for name in ("settled_only", "needs_holdings"):
            if isinstance(pairs.get(name), str):
                if pairs[name] not in ("yes", "no"):
                    raise BadInput(f"settlement {name}", pairs[name], "must be yes or no")
                pairs[name] = pairs[name] == "yes"
        return Settlement(**pairs)

    def applies(self, product: str) -> bool:
        """Whether trades under a product settle later."""
        return not self.products or product in self.products

    def day(self, at: datetime) -> date:
        """The trade's day of an instant."""
        return at.astimezone(ZoneInfo(self.zone)).date()

    def settles_on(self, at: datetime) -> date:
        """The day on which a trade of an instant settles."""
        day = self.day(at)
        for _ in range(self.days):
            day = self.next_day(day)
        return day
