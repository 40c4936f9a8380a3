"""A budget of requests: never more than the server allows, with a reserve for what is urgent."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workbench.errors import BadInput, UnknownName

SLACK = 0.05
"""Seconds by which a window is counted longer than it is: requests do not travel equally fast."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` requests in any window of `seconds`, of which `reserve` are kept for urgent ones."""

    count: int
    seconds: float = 1.0
    reserve: int = 0

    def __post_init__(self) -> None:
        if self.count < 1 or not self.seconds > 0:
            raise BadInput("limit", f"{self.count} in {self.seconds} s", "must be at least 1 in more than 0 s")
        if not 0 <= self.reserve < self.count:
            raise BadInput("reserve", self.reserve, f"must be at least 0 and below the limit of {self.count}")


class RateBudget:
    """What may be sent now, by kind of request; counted in a moving window, safe to use from several threads.

    The count is kept before the request goes: one that fails has still been counted, by the server too.
    """

    def __init__(
        self,
        limits: Mapping[str, Limit],
        *,
        clock: Callable[[], float] = time.monotonic,
        cap: float = 60.0,
        slack: float = SLACK,
    ) -> None:
        self._limits, self._clock, self._cap, self._slack = dict(limits), clock, cap, slack
        self._taken: dict[str, deque[float]] = {kind: deque() for kind in limits}
        self._barred: dict[str, float] = {}
        self._refusals: dict[str, int] = dict.fromkeys(limits, 0)
        self._lock = threading.Lock()

    def take(self, kind: str, *, urgent: bool = False) -> float:
        """Take one request: 0 where it may go now, else in how many seconds to ask again, with nothing taken.

        Only urgent ones may use the reserve. While barred by `penalty` nobody may.
        """
        limit = self._limit(kind)
        with self._lock:
            now = self._clock()
            barred = self._barred.get(kind, now) - now
            taken = self._within(kind, now)
            allowed = limit.count if urgent else limit.count - limit.reserve
            wait = 0.0
            if len(taken) >= allowed:
                # the one that must leave the window before there is room
                wait = taken[len(taken) - allowed] + limit.seconds + self._slack - now
            wait = max(wait, barred)
            if wait <= 0:
                taken.append(now)
                return 0.0
            return wait

    def penalty(self, kind: str, seconds: float = 1.0) -> float:
        """Let nobody send for a while, after a refusal for too many or a ban; how long, in seconds.

        Each further one without a `relief` between doubles it, up to the cap.
        """
        self._limit(kind)
        with self._lock:
            self._refusals[kind] += 1
            length = min(max(seconds, 0.0) * 2.0 ** min(self._refusals[kind] - 1, 30), self._cap)
            self._barred[kind] = max(self._barred.get(kind, 0.0), self._clock() + length)
            return length

    def relief(self, kind: str) -> None:
        """Note that the server took one: the next penalty begins anew."""
        self._limit(kind)
        with self._lock:
            self._refusals[kind] = 0

    def free_of(self, kind: str) -> float:
        """Which share of a limit is free, 0 to 1; 0 while barred."""
        limit = self._limit(kind)
        with self._lock:
            now = self._clock()
            if self._barred.get(kind, now) > now:
                return 0.0
            return 1 - len(self._within(kind, now)) / limit.count

    @property
    def free(self) -> float:
        """The smallest free share of all limits."""
        return min((self.free_of(kind) for kind in self._limits), default=1.0)

    def _within(self, kind: str, now: float) -> deque[float]:
        """What was taken in the window that ends now."""
        taken, limit = self._taken[kind], self._limits[kind]
        while taken and taken[0] + limit.seconds + self._slack <= now:
            taken.popleft()
        return taken

    def _limit(self, kind: str) -> Limit:
        if kind not in self._limits:
            raise UnknownName("kind of request", kind, self._limits)
        return self._limits[kind]
