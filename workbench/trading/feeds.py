"""Feeds: where a session's bars come from, an instant at a time, and which clock it runs on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from workbench.data import PriceHistory
from workbench.errors import BadInput, WorkbenchError
from workbench.model import Bar, from_ns, iso
from workbench.trading.clock import Clock
from workbench.trading.past import Past

_DAY = 86_400 * 10**9
_WEEK = 7 * _DAY


@dataclass(frozen=True, slots=True)
class Instant:
    """The bars of one instant, all closed."""

    start: datetime
    bars: Mapping[str, Bar]

    @property
    def end(self) -> datetime:
        """When the last of them had closed."""
        return max(bar.end for bar in self.bars.values())


class Feed(Protocol):
    """Bars as they close. Opened once; a restart opens it after the last instant that was traded in full."""

    notes: list[str]
    """What a reader should know, such as a correction of the past; the session journals and empties it."""

    def open(self, after: datetime | None, keep: int) -> dict[str, Past]:
        """What is past for the strategy: all up to and including the instant `after`, or what this feed begins after.

        Raises BadInput for an instant the feed does not have.
        """

    def next(self) -> Instant | None:
        """The next instant, if it is due; None where nothing is due now. None is skipped, and none comes twice."""

    def now(self) -> datetime:
        """The session's clock, UTC."""

    @property
    def is_finished(self) -> bool:
        """Whether nothing will come any more."""

    @property
    def is_behind(self) -> bool:
        """Whether a later instant than the one given last has closed already."""


class ReplayFeed:
    """The last days of some histories, at a pace of its own; looped, each lap some weeks later than the one before.

    Its clock is the end of the last bar given. Laps are moved by whole weeks, so that days of the week stay.
    """

    is_behind = False
    """It gives each at its own time."""

    def __init__(
        self, histories: Sequence[PriceHistory], *, last_days: int, seconds_per_bar: float, loop: bool, clock: Clock
    ) -> None:
        self.notes: list[str] = []
        self._histories, self._clock, self._pace = list(histories), clock, seconds_per_bar
        times = np.unique(np.concatenate([h.times for h in histories]))
        first = int(np.searchsorted(times, times[-1] - last_days * _DAY, side="right"))
        if first == 0 or first >= len(times):
            raise BadInput("last_days", last_days, "leaves no past or nothing to trade", "choose fewer days")
        self._times = times[first:]
        last_end = max(int(h.ends[-1]) for h in histories)
        self._lap = ((last_end - int(self._times[0])) // _WEEK + 1) * _WEEK
        self._loop = loop
        self._before = from_ns(int(times[first - 1]))
        self._given, self._due, self._now = 0, 0.0, self._before

    def open(self, after: datetime | None, keep: int) -> dict[str, Past]:
        """What is past: what lies before the replayed days, and every instant up to `after`, laps included."""
        self._given = 0 if after is None or after == self._before else self._place(after) + 1
        first = int(self._times[0])
        past = {}
        for history in self._histories:
            stop = int(np.searchsorted(history.times, first))
            if stop == 0:
                raise BadInput("feed", history.symbol, "has no bars before the replayed days", "choose fewer days")
            past[history.symbol] = Past.of(history.window(0, stop), keep)
        for symbol, bars in self._played(keep).items():
            for bar in bars:
                past[symbol].append(bar)
        ends = [p.last.end for p in past.values() if p.last is not None]
        self._now = self._instant(self._given - 1).end if self._given else max(ends)
        self._due = self._clock.elapsed() + self._pace
        return past

    def next(self) -> Instant | None:
        """The next instant, once its time at this feed's pace has come."""
        if self.is_finished or self._clock.elapsed() < self._due:
            return None
        instant = self._instant(self._given)
        self._given += 1
        self._due = max(self._due + self._pace, self._clock.elapsed())
        self._now = max(self._now, instant.end)
        return instant

    def now(self) -> datetime:
        """The end of the last bar given."""
        return self._now

    @property
    def is_finished(self) -> bool:
        """Whether the last bar was given; never when looped."""
        return not self._loop and self._given >= len(self._times)

    def _instant(self, nth: int) -> Instant:
        lap, at = divmod(nth, len(self._times))
        shift, start = timedelta(microseconds=lap * self._lap // 1000), self._times[at]
        bars = {}
        for history in self._histories:
            i = int(np.searchsorted(history.times, start))
            if i < history.bars and history.times[i] == start:
                bar = history.bar(i)
                bars[history.symbol] = replace(bar, start=bar.start + shift, end=bar.end + shift) if lap else bar
        return Instant(from_ns(int(start)) + shift, bars)

    def _played(self, keep: int) -> dict[str, list[Bar]]:
        """The last bars, up to `keep` of each symbol, that were given already; oldest first."""
        found: dict[str, list[Bar]] = {h.symbol: [] for h in self._histories if h.times[-1] >= self._times[0]}
        for nth in range(self._given - 1, -1, -1):
            if all(len(bars) >= keep for bars in found.values()):
                break
            for symbol, bar in self._instant(nth).bars.items():
                found[symbol].append(bar)
        return {symbol: bars[::-1] for symbol, bars in found.items()}

    def _place(self, start: datetime) -> int:
        """Which instant, counted from 0 over all laps, begins then."""
        wanted = round(start.timestamp() * 1_000_000) * 1000
        lap = max(0, (wanted - int(self._times[0])) // self._lap)
        at = int(np.searchsorted(self._times, wanted - lap * self._lap))
        if at >= len(self._times) or self._times[at] != wanted - lap * self._lap or (lap and not self._loop):
            raise BadInput("feed", iso(start), "was traded last, and is no bar of the data any more")
        return lap * len(self._times) + at


class QuietFeed:
    """No bars: for an account that people alone trade. Its clock is the one it is given."""

    def __init__(self, clock: Clock) -> None:
        self.notes: list[str] = []
        self._clock = clock

    def open(self, after: datetime | None, keep: int) -> dict[str, Past]:
        """Nothing is past."""
        return {}

    def next(self) -> Instant | None:
        """Nothing comes."""
        return None

    def now(self) -> datetime:
        """The clock's time."""
        return self._clock.now()

    is_behind = False

    @property
    def is_finished(self) -> bool:
        """Never: what people ask for may always come."""
        return False


class PollFeed:
    """Files that grow: looked at every so often, and every bar that has closed since is given, in order.

    Its clock is the one it is given (the wall clock). A past that changed is noted, and a file that cannot be read is
    noted and tried again. With several files the slowest one sets the pace.
    """

    def __init__(
        self,
        load: Callable[[], Sequence[PriceHistory]],
        signature: Callable[[], Hashable],
        *,
        every: float,
        clock: Clock,
    ) -> None:
        self.notes: list[str] = []
        self._load, self._signature, self._every, self._clock = load, signature, every, clock
        self._queue: deque[Instant] = deque()
        self._seen: Hashable = None
        self._last: int = 0
        self._due = 0.0
        self._prints: dict[str, tuple[int, str]] = {}
        self._trouble = ""
        self._again = 0.0

    def open(self, after: datetime | None, keep: int) -> dict[str, Past]:
        """What is past: all that has closed by now, or up to `after`."""
        histories = self._load()
        newest = min(int(h.times[-1]) for h in histories)  # the slowest file sets the pace from the start
        self._last = newest if after is None else round(after.timestamp() * 1_000_000) * 1000
        past = {}
        for history in histories:
            stop = int(np.searchsorted(history.times, self._last, side="right"))
            if stop == 0:
                raise BadInput("feed", history.symbol, "has no bars before the first to trade", "give it some history")
            past[history.symbol] = Past.of(history.window(0, stop), keep)
            self._prints[history.symbol] = stop, history.window(0, stop).fingerprint
        if after is not None and not any((h.times == self._last).any() for h in histories):
            raise BadInput("feed", iso(after), "was traded last, and is no bar of the data any more")
        return past

    def next(self) -> Instant | None:
        """The next instant that has closed; looks at the files where none is left."""
        if not self._queue and self._clock.elapsed() >= self._due:
            self._due = self._clock.elapsed() + self._every
            self._look()
        return self._queue.popleft() if self._queue else None

    @property
    def is_behind(self) -> bool:
        """Whether more wait: it was away, or the file grew by several."""
        return bool(self._queue)

    def now(self) -> datetime:
        """The clock's time."""
        return self._clock.now()

    @property
    def is_finished(self) -> bool:
        """Never: a file may always grow."""
        return False

    def _look(self) -> None:
        signature, now = self._signature(), self._clock.elapsed()
        # a bar may close without its file changing: look again after a bar's length at the latest
        if signature == self._seen and not self._trouble and now < self._again:
            return
        try:
            histories = self._load()
        except (WorkbenchError, OSError) as error:  # half written, or locked: it is there at the next look
            if str(error) != self._trouble:
                self.notes.append(f"cannot be read now, will be tried again: {error}")
            self._trouble = str(error)
            return
        self._seen, self._trouble = signature, ""
        self._again = now + min(h.interval_ns for h in histories) / 1e9
        for history in histories:
            count, known = self._prints.get(history.symbol, (0, ""))
            if count and (history.bars < count or history.window(0, count).fingerprint != known):
                self.notes.append(f"{history.symbol}: bars that were traded on have changed; what was done stays")
            self._prints[history.symbol] = history.bars, history.fingerprint
        # an instant is given once every file has reached it: a bar that came after its fellows would be skipped
        reached = min(int(h.times[-1]) for h in histories)
        times = np.unique(np.concatenate([h.times for h in histories]))
        starts = times[(times > self._last) & (times <= reached)]
        for start in starts:
            bars = {}
            for history in histories:
                i = int(np.searchsorted(history.times, start))
                if i < history.bars and history.times[i] == start:
                    bars[history.symbol] = history.bar(i)
            self._queue.append(Instant(from_ns(int(start)), bars))
        if len(starts):
            self._last = int(starts[-1])
