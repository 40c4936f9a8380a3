"""Inbox ports: alerts on file before they are answered, and the hooks they come through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Hook:
    """A door for alerts that drive one strategy; its token is known only by its hash."""

    hook_id: str
    name: str
    strategy: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """One alert as it came in.

    `key` is what makes it unique within its hook; None where it carries nothing of the kind. `meaning` is a hash of
    what it asks for.
    """

    hook: Hook
    key: str | None
    meaning: str
    body: str
    alert: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """What the inbox holds for an alert: its signal's id and status, and whether it was there before.

    `conflict` holds the body of another alert that has its key, where it asks for something else.
    """

    signal_id: str
    status: str
    is_repeat: bool = False
    conflict: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert the engine has not acted on yet; `epoch` is the panic fence's when it came in."""

    signal_id: str
    source: str
    key: str
    strategy: str
    alert: Mapping[str, Any]
    received_at: datetime
    epoch: int


class AlertQueue(Protocol):
    """What the engine sees of the inbox."""

    def waiting(self, limit: int = 100) -> Sequence[Waiting]:
        """Alerts nobody acted on yet, oldest first."""

    def settle(self, signal_id: str, status: str, reason: str) -> None:
        """Say why an alert is not acted on: refused, or ignored where there is nothing to do."""
