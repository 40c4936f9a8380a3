"""Drift ports: where the books and a broker differ, and when it was last looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing in which the books of an account and its broker differ.

    `about` says what it is about, unique among the open ones of an account, as `position:SPY`, `cash`, `order:ID`.
    `symbol` is what takes no new risk meanwhile; empty for the whole account. Times are UTC, by the wall clock.
    """

    account: str
    about: str
    symbol: str
    words: str
    first_at: datetime
    seen_at: datetime
    resolved_at: datetime | None = None
    resolved_by: str = ""
    resolution: str = ""


class DriftBook(Protocol):
    """Keeps drifts; one that was resolved stays on file."""

    def see(self, account: str, about: str, symbol: str, words: str) -> bool:
        """Keep a difference, or that it is still there; whether it is a new one."""

    def known(self, account: str, about: str) -> bool:
        """Whether there ever was one about this, resolved ones too."""

    def resolve(self, account: str, about: str, by: str, resolution: str) -> bool:
        """Close one; False where it is not open."""

    def open(self, account: str | None = None) -> Sequence[Drift]:
        """Those that are not resolved, oldest first."""

    def looked(self, account: str, trouble: str, facts: Mapping[str, Any]) -> None:
        """Keep that an account was looked at at its broker, or why it could not be."""
