"""Guard: who is asking, and how often they may: addresses, limits, and what a flood leaves in the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from workbench.errors import BadInput

MOST_KNOWN = 10_000
"""Addresses and hooks that are counted at a time; those quiet for longest are forgotten first."""
UNKNOWN_A_MINUTE = 30
"""Unknown tokens an address may try in a minute, before they are not even looked up."""
REFUSED_A_MINUTE = 60
"""Refused alerts of one hook that are kept in a minute; those after are counted."""


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Limit:
    """So many a minute, with a burst of as many; counted by name, forgotten when full again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def wait(self, name: str, a_minute: float) -> float:
        """Take one: 0 where there was one, else the seconds until there is."""
        now = self._clock()
        bucket = self._buckets.get(name)
        if bucket is None:
            self._forget(now)
            bucket = self._buckets[name] = _Bucket(a_minute, now)
        else:
            bucket.left = min(a_minute, bucket.left + (now - bucket.at) * a_minute / 60)
            bucket.at = now
        if bucket.left >= 1:
            bucket.left -= 1
            return 0.0
        return (1 - bucket.left) * 60 / a_minute

    def is_empty(self, name: str, a_minute: float) -> bool:
        """Whether nothing is left for a name; nothing is taken."""
        bucket = self._buckets.get(name)
        return bucket is not None and bucket.left + (self._clock() - bucket.at) * a_minute / 60 < 1

    def _forget(self, now: float) -> None:
        """Make room: a bucket not used for a minute is full again, whatever its limit."""
        if len(self._buckets) < MOST_KNOWN:
            return
        self._buckets = {name: bucket for name, bucket in self._buckets.items() if now - bucket.at < 60}
        while len(self._buckets) >= MOST_KNOWN:
            self._buckets.pop(next(iter(self._buckets)))


class Proxies:
    """The reverse proxies whose word on a sender's address is believed."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._trusted: list[IPv4Network | IPv6Network] = []
        for text in trusted:
            try:
                self._trusted.append(ip_network(text, strict=False))
            except ValueError:
                raise BadInput("trusted_proxies", text, "is no address or network", "as in 127.0.0.1") from None

    def sender(self, peer: str, forwarded: str) -> str:
        """The sender's address: the peer's, or behind trusted proxies the nearest one that is none of theirs.

        X-Forwarded-For is read from its right, where the proxies write; what stands further left the sender may
        have forged. An entry that is no address ends the reading at the proxy that passed it on.
        """
        found = peer
        for entry in reversed(forwarded.split(",") if forwarded else ()):
            if not self._is_trusted(found):
                break
            text = entry.strip().removeprefix("[").partition("]")[0]
            if text.count(":") == 1:  # IPv4 with a port
                text = text.partition(":")[0]
            try:
                found = str(ip_address(text))
            except ValueError:
                break
        return found

    def _is_trusted(self, address: str) -> bool:
        if not self._trusted:
            return False
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._trusted)
