"""Jobs: long work of the package in a thread of its own, one at a time, with how far it is and a way to cancel it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workbench.errors import Refused
from workbench.ports import ProgressCallback

Act = Callable[[ProgressCallback, Callable[[], bool]], Any]
"""What a job does: called with where to report progress and with what says that it was cancelled."""


@dataclass(frozen=True)
class Progress:
    """How far a job is: what is going on, since when, how much of it was done when it was first heard of."""

    what: str = ""
    done: int = 0
    total: int = 0
    at: float = 0.0
    since: float = 0.0
    first: int = 0

    @property
    def rate(self) -> float | None:
        """How many a second; None while that cannot be said."""
        took = self.at - self.since
        return (self.done - self.first) / took if took > 0 and self.done > self.first else None

    def seconds_left(self, now: float) -> float | None:
        """How long it still takes at this rate."""
        return None if self.rate is None else max((self.total - self.done) / self.rate - (now - self.at), 0.0)


class Job:
    """One piece of work. It is read from any thread; whoever shows it asks now and then."""

    def __init__(self, title: str, act: Act) -> None:
        self.title, self._act = title, act
        self.result: Any = None
        self.error: Exception | None = None
        self.progress = Progress()
        self.began = time.monotonic()
        self._cancelled, self._ended = threading.Event(), threading.Event()

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked it to stop."""
        return self._cancelled.is_set()

    @property
    def has_ended(self) -> bool:
        """Whether its result or its error is there."""
        return self._ended.is_set()

    def cancel(self) -> None:
        """Ask it to stop; it does after what it is just at."""
        self._cancelled.set()

    def report(self, what: str, done: int, total: int) -> None:
        """Take down how far it is; called by the work, often."""
        now, was = time.monotonic(), self.progress
        since, first = (was.since, was.first) if what == was.what else (now, done)
        self.progress = Progress(what, done, total, now, since, first)

    def run(self) -> None:
        """Do it."""
        try:
            self.result = self._act(self.report, self._cancelled.is_set)
        except Exception as error:  # noqa: BLE001 - whatever it was is told on the page
            self.error = error
        finally:
            self._ended.set()

    def wait(self, seconds: float) -> bool:
        """Wait for its end at most so long, and say whether it has ended."""
        return self._ended.wait(seconds)


class Jobs:
    """The jobs of this app. They belong to no page: one that is left or loaded again finds its job where it is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.newest: Job | None = None

    @property
    def running(self) -> Job | None:
        """The job that is going on."""
        newest = self.newest
        return None if newest is None or newest.has_ended else newest

    def begin(self, title: str, act: Act) -> Job:
        """Begin a job in a thread of its own. Raises Refused while another one is going on."""
        with self._lock:
            if (other := self.running) is not None:
                raise Refused(f"one job at a time: {other.title} is still going on; wait for it, or cancel it")
            job = self.newest = Job(title, act)
        threading.Thread(target=job.run, daemon=True, name=f"job {title}").start()
        return job

    def stop(self, seconds: float) -> None:
        """Cancel what is going on and give it so long to keep what is done."""
        if (job := self.running) is not None:
            job.cancel()
            job.wait(seconds)
