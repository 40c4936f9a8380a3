"""What goes wrong on demand: faults in the order they were asked for, and limits in a moving window."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

FAULTS = (
    "drop_before", "drop_after", "hang", "cut", "504_before", "504_after", "500_before", "500_after", "429",
    "expired", "garbage", "garbage_before", "slow",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that one request meets; `seconds` is for "slow" alone."""

    endpoint: str
    how: str
    seconds: float = 0.0

    @property
    def spares_the_work(self) -> bool:
        """Whether the request is never processed."""
        return self.how.endswith("_before") or self.how in ("429", "expired")

    @classmethod
    def read(cls, endpoint: str, how: str) -> Fault:
        """A fault from its name, "slow:0.5" with its seconds; ValueError names those there are."""
        name, _, seconds = how.partition(":")
        if name not in FAULTS or bool(seconds) != (name == "slow"):
            raise ValueError(f"{how!r} is no fault; there are {', '.join(FAULTS[:-1])} and slow:SECONDS")
        return cls(endpoint, name, float(seconds or 0))


class FaultQueue:
    """Faults, each taken by the next request to its endpoint; the endpoint "*" is any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def take(self, endpoint: str) -> Fault | None:
        with self._lock:
            for fault in self._waiting:
                if fault.endpoint in (endpoint, "*"):
                    self._waiting.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()


class Limiter:
    """So many requests a second for each address and endpoint, in a moving window; a refused one does not count."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._seen: dict[tuple[str, str], deque[float]] = {}

    def allows(self, address: str, endpoint: str, limit: int) -> bool:
        now = self._clock()
        with self._lock:
            seen = self._seen.setdefault((address, endpoint), deque())
            while seen and seen[0] <= now - 1:
                seen.popleft()
            if len(seen) >= limit:
                return False
            seen.append(now)
            return True

    def forget(self) -> None:
        """Start counting anew, as a restarted server does: its counters live in memory."""
        with self._lock:
            self._seen.clear()
