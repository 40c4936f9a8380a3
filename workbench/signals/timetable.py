"""Timetable: the signals of scheduled algos, each once, whatever breaks off."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from workbench.errors import BadInput
from workbench.model import Algo, Moment, iso
from workbench.ports import Kept, Receipt, Wanted
from workbench.signals.alert import Alert
from workbench.signals.routing import taken_by

SOURCE = "algo:"
"""What the source of such a signal begins with; the algo's name follows."""
EVERY = 1.0
"""Seconds between two looks at what algos there are."""
LOOK_BACK = timedelta(days=1)
"""How far back it looks for what was missed while nobody ran."""


class _Inbox(Protocol):
    def keep(self, receipts: Sequence[Receipt]) -> Sequence[Kept]: ...

    def find(self, receipt: Receipt) -> Kept | None: ...


class Timetable:
    """Puts an alert into the inbox when a time of a scheduled algo has come; what is older than `most_age` is missed.

    `scheduled` gives the active algos with times, each with the instant since which it is as it is: what lay before
    that is nobody's wish. What is missed is on file as a refused alert. Times are the wall clock's; that instant and
    action are the alert's key, so that none comes twice, over a crash or beside another engine.
    """

    def __init__(
        self,
        scheduled: Callable[[], Sequence[tuple[Algo, datetime]]],
        inbox: _Inbox,
        symbols_of: Callable[[str], Collection[str]],
        now: Callable[[], datetime],
        elapsed: Callable[[], float],
        most_age: timedelta,
    ) -> None:
        self._scheduled, self._inbox, self._symbols_of = scheduled, inbox, symbols_of
        self._now, self._elapsed, self._most_age = now, elapsed, most_age
        self._look_at = float("-inf")
        self._looked: datetime | None = None
        self._seen: set[tuple[str, str]] = set()

    def keep_due(self) -> bool:
        """Keep an alert for each time that has come since the last look; whether any had."""
        if self._elapsed() < self._look_at:
            return False
        now = self._now()
        receipts: list[Receipt] = []
        seen = set()
        next_at = now + timedelta(seconds=EVERY)
        for algo, since in self._scheduled():
            for line in algo.times:
                seen.add((algo.name, line))
                start = max(since, now - LOOK_BACK)
                if self._looked is not None and (algo.name, line) in self._seen:
                    start = self._looked
                moment = Moment.parse(line)
                receipts += [self._receipt(algo, moment, at, now) for at in moment.between(start, now)]
                next_at = min(next_at, next(moment.between(now, next_at), next_at))
        receipts.sort(key=lambda receipt: receipt.came_at)
        new = [receipt for receipt in receipts if self._inbox.find(receipt) is None]
        if new:
            self._inbox.keep(new)
        self._seen, self._looked = seen, max(now, self._looked or now)  # a clock set back brings nothing twice
        self._look_at = self._elapsed() + max((next_at - self._now()).total_seconds(), 0.0)
        return bool(new)

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
