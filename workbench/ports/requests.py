"""Request ports: what people ask of orders, on file before the engine acts on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

MANUAL = "manual"
"""The strategy that people's own orders are kept under."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing a person asks for: to place, modify or cancel orders, to close positions, to settle what is in doubt.

    (`source`, `key`) is unique: a repeat is the same request and gets the same answer. `status` is received, done or
    refused; `answer` and `reason` are what came of it. Times are UTC, by the wall clock.
    """

    request_id: str
    source: str
    key: str
    account: str
    kind: str
    body: Mapping[str, Any]
    by: str
    received_at: datetime
    epoch: int
    status: str = "received"
    reason: str = ""
    answer: Mapping[str, Any] | None = None


class RequestQueue(Protocol):
    """The requests as the engine takes them."""

    def waiting(self, limit: int = 100) -> Sequence[Request]:
        """Requests nobody acted on yet, oldest first."""

    def settle(self, request_id: str, status: str, reason: str, answer: Mapping[str, Any]) -> None:
        """Say what came of one: done or refused."""
