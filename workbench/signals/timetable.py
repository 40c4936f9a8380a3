"""Timetable: the signals of scheduled algos, each once, whatever breaks off."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from workbench.errors import BadInput, WorkbenchError
from workbench.model import Algo, Moment, from_json, iso
from workbench.ports import Receipt, Wanted
from workbench.signals.alert import Alert
from workbench.signals.routing import taken_by

SOURCE = "algo:"
"""What the source of such a signal begins with; the algo's name follows."""
EVERY = 1.0
"""Seconds between two looks at what algos there are."""
LOOK_BACK = timedelta(days=1)
"""How far back it looks for what was missed while nobody ran."""

_Doc = Mapping[str, Any]


class Timetable:
    """Puts an alert into the inbox when a time of a scheduled algo has come; what is older than `most_age` is missed.

    `scheduled` gives the active algos that have times, as JSON values; `keep_unknown` puts alerts into the inbox that
    are not there, and says how many. No time before an algo was armed is its. What is missed, and an algo that cannot
    be read, is on file as a refused alert. Times are the wall clock's; instant, action and ticker are the alert's key,
    so that none comes twice, over a crash or beside another engine.
    """

    def __init__(
        self,
        scheduled: Callable[[], Mapping[str, _Doc]],
        keep_unknown: Callable[[Sequence[Receipt]], int],
        symbols_of: Callable[[str], Collection[str]],
        now: Callable[[], datetime],
        elapsed: Callable[[], float],
        most_age: timedelta,
    ) -> None:
        self._scheduled, self._keep_unknown, self._symbols_of = scheduled, keep_unknown, symbols_of
        self._now, self._elapsed, self._most_age = now, elapsed, most_age
        self._look_at = float("-inf")
        self._looked: datetime | None = None
        self._read: dict[str, tuple[_Doc, Algo | Exception]] = {}

    def keep_due(self) -> bool:
        """Keep an alert for each time that has come since the last look; whether any had."""
        if self._elapsed() < self._look_at:
            return False
        now = self._now()
        start = now - LOOK_BACK
        if self._looked is not None and self._looked <= now:  # else the clock was set back: what is on file is known
            start = max(start, self._looked)
        next_at = now + timedelta(seconds=EVERY)
        found: list[tuple[datetime, int, Receipt]] = []
        self._read = {name: self._known(name, doc) for name, doc in self._scheduled().items()}
        for name, (doc, algo) in self._read.items():
            if isinstance(algo, Exception):
                found.append((now, 0, _unreadable(name, doc, algo, now)))
                continue
            since = start if algo.armed_at is None or algo.armed_at > now else max(start, algo.armed_at)
            for moment in map(Moment.parse, algo.times):
                due = moment.between(since, now)
                found += [(at, -algo.priority, self._receipt(algo, moment, at, now)) for at in due]
                next_at = min(next_at, next(moment.between(now, next_at), next_at))
        found.sort(key=lambda one: one[:2])  # the highest priority first, of what is due at one instant
        kept = self._keep_unknown([receipt for _, _, receipt in found]) if found else 0
        self._looked = now
        self._look_at = self._elapsed() + min(max((next_at - self._now()).total_seconds(), 0.0), EVERY)
        return kept > 0

    def _known(self, name: str, doc: _Doc) -> tuple[_Doc, Algo | Exception]:
        """An algo, read anew where it changed."""
        known = self._read.get(name)
        if known is not None and known[0] == doc:
            return known
        try:
            return doc, from_json(Algo, doc)
        except (WorkbenchError, LookupError, TypeError, ValueError, AttributeError) as error:
            return doc, error

    def _receipt(self, algo: Algo, moment: Moment, at: datetime, now: datetime) -> Receipt:
        said = {"ticker": moment.ticker, "action": moment.action, "time": iso(at)}
        alert = Alert(moment.ticker, moment.action, time=iso(at), comment=f"scheduled: {moment}")
        source, body = SOURCE + algo.name, json.dumps(said)
        try:
            late = (now - at).total_seconds()
            if late > self._most_age.total_seconds():
                most = f"at most {self._most_age.total_seconds():g} s (alert_age)"
                raise BadInput("time", str(moment), f"was missed: no engine looked for {late:,.0f} s, {most}")
            taken = taken_by(algo, alert, self._symbols_of(algo.strategy))
        except BadInput as error:
            return Receipt(source, alert.key, alert.meaning, body, (), at, refused=str(error))
        wanted = Wanted(algo.strategy, taken.to_dict(), algo.name, algo.priority)
        return Receipt(source, alert.key, alert.meaning, body, (wanted,), at)


def _unreadable(name: str, doc: _Doc, error: Exception, now: datetime) -> Receipt:
    """What the log has of an algo that cannot be read: once as it is."""
    body = json.dumps(doc, default=str)
    key = f"unreadable {sha256(body.encode()).hexdigest()[:24]}"
    words = f"algo {name}: cannot be read, and none of its times is acted on ({type(error).__name__}: {error})"
    return Receipt(SOURCE + name, key, "", body, (), now, refused=words)
