"""Session ports: how far each strategy's session has come, kept so that a restart goes on from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One account's session: its strategy and feed, the start of the last bar traded in full, and its clock.

    `state` is starting, running, blocked, failed, finished or ended, and `reason` says why.
    """

    account: str
    strategy: str
    feed: Mapping[str, Any]
    state: str
    reason: str
    cursor: datetime | None
    clock: datetime | None
    bars: int
    updated_at: datetime


class Sessions(Protocol):
    """What a running session writes."""

    def set_state(self, account: str, state: str, reason: str = "") -> None:
        """Say that a session runs, is blocked, failed, finished or ended, and why."""

    def traders(self) -> Mapping[str, str]:
        """Which strategy trades each account whose session has not ended; MANUAL where people alone do."""

    def keep(self, account: str, at: datetime, marks: Mapping[str, Decimal], equity: Decimal) -> None:
        """Between bars: marks and equity as they stand at a moment, by the session's clock."""

    def advance(
        self, account: str, cursor: datetime, clock: datetime, marks: Mapping[str, Decimal], equity: Decimal
    ) -> None:
        """A bar was traded in full: the cursor, the marks at its close and the account's equity, together."""
