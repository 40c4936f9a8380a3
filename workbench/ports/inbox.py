"""Inbox ports: alerts on file before they are answered, and what the engine sees of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from workbench.model import Algo, HookRules


@dataclass(frozen=True, slots=True)
class Wanted:
    """One signal of an alert: what it asks of one strategy, by which algo; '' where the hook drives it itself."""

    strategy: str
    alert: Mapping[str, Any]
    algo: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """One alert as it came in from a source.

    `key` is what makes it unique within its source; None where it carries nothing of the kind: then it repeats the
    newest of its tickers where that means the same and is less than `window` seconds old. `meaning` is a hash of what
    it asks for. `came_at` is when it was there. One that was `refused`, for the reason that says, has no signals, and
    without a key it is one of its kind a minute; a `note` tells what of it was left out.
    """

    source: str
    key: str | None
    meaning: str
    body: str
    signals: tuple[Wanted, ...]
    came_at: datetime
    address: str = ""
    refused: str = ""
    window: float = 60.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the inbox holds for an alert: its id, its signals' ids, the status of the first, and whether it was known.

    `conflict` holds the body of another alert that has its key, where it asks for something else.
    """

    alert_id: str
    signal_ids: tuple[str, ...]
    status: str
    is_repeat: bool = False
    conflict: str = ""

    @property
    def signal_id(self) -> str:
        """The first signal's id; '' of an alert that was refused."""
        return self.signal_ids[0] if self.signal_ids else ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A signal the engine has not acted on yet; `epoch` is the panic fence's when it came in.

    `attempts` were made before; `override` leaves out windows, limits, conditions and the price, at a person's word.
    """

    signal_id: str
    source: str
    key: str
    strategy: str
    alert: Mapping[str, Any]
    received_at: datetime
    epoch: int
    algo: str = ""
    priority: int = 0
    attempts: int = 0
    override: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What holds for a signal now: its hook's rules, and its algo; None where there is none any more."""

    rules: HookRules | None = None
    algo: Algo | None = None
    group_active: bool = True
    entries_today: int = 0
    """Entries that this algo made orders of since its day began."""


class AlertQueue(Protocol):
    """What the engine sees of the inbox."""

    def waiting(self, limit: int = 100, without: Collection[str] = ()) -> Sequence[Waiting]:
        """Signals nobody acted on yet and that are due, oldest first; of other strategies than these."""

    def plan(self, waiting: Waiting, now: datetime) -> Plan:
        """What holds for it now."""

    def settle(self, signal_id: str, status: str, reason: str) -> None:
        """Say why a signal is not acted on: refused, or ignored where there is nothing to do."""

    def put_off(self, signal_id: str, until: datetime, reason: str) -> None:
        """Try it again at a time; nothing of its strategy is given before."""
