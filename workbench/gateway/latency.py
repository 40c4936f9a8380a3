"""Latency: how long things take lately, by stage."""

from __future__ import annotations

import math
import threading
from collections import deque

from workbench.gateway.http import Stages

SHARES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
"""The percentiles told."""


class Latency:
    """The last `size` durations of each stage; noting one costs next to nothing, the percentiles are worked out on
    demand. Safe to use from several threads."""

    def __init__(self, size: int = 512) -> None:
        self._size = size
        self._seen: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def note(self, stage: str, seconds: float) -> None:
        """Note how long a stage took, once."""
        with self._lock:
            self._seen.setdefault(stage, deque(maxlen=self._size)).append(seconds)

    def note_stages(self, prefix: str, stages: Stages) -> None:
        """Note the stages of one answer, and their sum, under `prefix`."""
        for name in ("connect", "send", "wait", "read", "total"):
            self.note(f"{prefix} {name}", getattr(stages, name))

    def table(self) -> dict[str, dict[str, float]]:
        """Percentiles of each stage in milliseconds, by nearest rank: each is a duration that was seen."""
        with self._lock:
            seen = {stage: sorted(kept) for stage, kept in self._seen.items()}
        return {
            stage: {
                name: round(1000 * kept[max(math.ceil(share * len(kept)), 1) - 1], 3) for name, share in SHARES.items()
            }
            for stage, kept in seen.items()
        }
