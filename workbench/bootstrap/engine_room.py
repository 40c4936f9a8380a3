"""The engine room: sessions, brokers and the engine, wired for one home."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from workbench.bootstrap.desk import Workbench
from workbench.bootstrap.venues import Opening, Venues
from workbench.data import Calendar, PriceHistory
from workbench.errors import BadInput
from workbench.fills import Terms
from workbench.model import Instrument
from workbench.ports import MANUAL, BarBroker, SessionRow, Standing
from workbench.research import RunSpec
from workbench.risk import TRADING
from workbench.signals import Timetable
from workbench.store import Lease, SqlOrderRepository
from workbench.strategy import Bars, Signals, Strategy
from workbench.trading import (
    AlertLimits,
    Engine,
    Hours,
    Ledger,
    LiveSession,
    OrderManager,
    PollFeed,
    PriceWatch,
    QuietFeed,
    ReplayFeed,
    WallClock,
    take_over,
)

if TYPE_CHECKING:
    from workbench.trading import Feed
    from workbench.trading.past import Past

_FILES = ("csv", "parquet")
_DAY = 86_400 * 10**9
INTENT_LIFE = timedelta(days=4)
"""How long, by a replay's own clock, a decision may wait to be sent: over a long weekend, since daily bars jump."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What a session is made of beside its venue."""

    name: str
    strategy: Strategy
    terms: Terms
    feed: Feed
    past: dict[str, Past]
    fingerprints: dict[str, str]
    instruments: dict[str, Instrument]
    currency: str
    hours: Hours
    life: timedelta
    changed: str


class EngineRoom:
    """Makes the engine of a home, and a session for each strategy that trades."""

    def __init__(self, bench: Workbench) -> None:
        self._bench, self._desk, self._clock = bench, bench.trading, WallClock()
        self._venues = Venues(bench)
        self.lease = Lease(self._desk.database, "engine")
        self.repository = SqlOrderRepository(self._desk.database, self.lease)

    def engine(self) -> Engine:
        """The engine; takes the lease. Raises Refused where another process of this home has it."""
        desk = self._desk
        self._venues.check()
        self._bench.risk_chain(self._rules())  # a bad limit is said now, not at the first alert
        self.lease.take()
        timetable = Timetable(
            desk.webhooks.book.scheduled, desk.inbox.keep_unknown, desk.symbols_of,
            self._clock.now, self._clock.elapsed, timedelta(seconds=self._bench.settings.alert_age),
        )  # fmt: skip
        return Engine(
            desk.stage_book, desk.inbox, desk.requests_on_file, desk.fence, desk.session_book, self.lease,
            self.session, desk.holds, desk.database.change_counter(), self._clock,
            list(self._venues.configured), timetable.keep_due,
        )  # fmt: skip

    def session(self, account: str, standing: Standing | None) -> LiveSession:
        """A session that goes on from where its account was left; of people alone where there is no standing.

        Raises BadInput where its data cannot be loaded, and what its broker raises where that cannot be asked.
        """
        part = self._by_hand(account) if standing is None else self._of_strategy(standing)
        book, venue = self._desk.session_book, self._venues.venue(account, part.terms)
        try:
            known = next((row for row in book.accounts() if row.account == account), None)
            if known is not None:
                self._venues.check_kept(known, venue, part.currency)
                opening = Opening(Decimal(known.cash))
            else:
                opening = self._venues.opening(account, venue, part.terms)
            cash = opening.cash
            if isinstance(venue.broker, BarBroker):
                venue.broker.open_account(account, cash, part.instruments.values())
            ledger = Ledger.rebuilt({account: cash}, self.repository.books(account))
            for symbol, price in book.marks(account).items():
                ledger.mark(symbol, price)
            manager = OrderManager(
                self.repository, venue.broker, self._bench.risk_chain(self._rules()), ledger, part.instruments,
                part.feed.now(), hours=part.hours, intent_life=part.life,
            )  # fmt: skip
            if known is None:
                with self.repository.transaction():  # the books begin with all that is there, or not at all
                    book.open_account(account, venue.name, part.currency, cash, venue.mode)
                    for symbol, (size, price) in opening.there.items():
                        take_over(manager, account, symbol, size, price, "was there before", "opening")
            watch = None
            if venue.market is not None:
                watch = PriceWatch(venue.market, manager, account, part.currency, self._clock.elapsed)
            settings = self._bench.settings
            session = LiveSession(
                part.name, account, part.strategy, part.terms, part.feed, part.past, part.fingerprints, venue.broker,
                manager, book, self._desk.drift_book, history=settings.live_history,
                limits=AlertLimits(timedelta(seconds=settings.alert_age)), wall=lambda: datetime.now(UTC), watch=watch,
                mode=venue.mode, shared=venue.shared, on_close=venue.close,
            )  # fmt: skip
        except BaseException:
            venue.close()
            raise
        if part.changed:
            session.fail(part.changed)
        return session

    def _of_strategy(self, standing: Standing) -> _Part:
        """What a strategy's session is made of: its bars, from where they were left."""
        version, settings, book = standing.version, self._bench.settings, self._desk.session_book
        spec = RunSpec(version.reference, version.data, version.params, version.options)
        strategy, changed = self._strategy(standing)
        histories = self._bench.histories(spec)  # first: where they cannot be had, nothing has begun
        begun = book.begin(standing.strategy, standing.account, self._feed_doc(standing))
        book.set_symbols(standing.account, [history.symbol for history in histories])
        _check_alike(histories)
        feed = self._feed(spec, begun, histories)
        # on the wall clock a decision goes stale while nobody is there; a replay's clock stands still meanwhile
        life = timedelta(seconds=settings.alert_age) if begun.feed["kind"] == "poll" else INTENT_LIFE
        past = feed.open(begun.cursor, max(settings.live_history, strategy.warmup or 0))
        if begun.cursor is None:  # where it began is kept: a crash in the first bar must not move it
            begins = max(p.last.start for p in past.values() if p.last is not None)
            book.place(standing.account, begins, feed.now())
        return _Part(
            standing.strategy, strategy, self._bench.terms(spec), feed, past,
            {history.symbol: history.fingerprint for history in histories},
            {history.symbol: history.instrument for history in histories},
            histories[0].instrument.currency, _hours(histories[0]), life, changed,
        )  # fmt: skip

    def _by_hand(self, account: str) -> _Part:
        """What the session of an account is made of that people alone trade: no bars, the prices of its market."""
        settings = self._venues.configured[account]
        self._desk.session_book.begin(MANUAL, account, {"kind": "quiet"})
        life = timedelta(seconds=self._bench.settings.alert_age)
        return _Part(
            MANUAL, _Absent(), Terms(), QuietFeed(self._clock), {}, {}, {}, settings.currency,
            _hours_of(settings.calendar, within_days=True), life, "",
        )  # fmt: skip

    def _strategy(self, standing: Standing) -> tuple[Strategy, str]:
        """The promoted strategy; or one that wants nothing, and why, where it is not what was promoted."""
        changed = self._desk.changed_since(standing.version, prices=False)
        if changed:
            return _Absent(), changed
        return self._bench.strategy(standing.version.reference, standing.version.params).strategy, ""

    def _rules(self) -> tuple[str, ...]:
        return self._bench.settings.risk_rules or TRADING

    def _feed_doc(self, standing: Standing) -> dict[str, object]:
        source = standing.version.data.partition(":")[0]
        kind = self._bench.settings.feeds.get(standing.strategy, "loop" if source == "sample" else "poll")
        return {"kind": kind, "data": standing.version.data, "last_days": self._bench.settings.loop_days}

    def _feed(self, spec: RunSpec, begun: SessionRow, histories: list[PriceHistory]) -> Feed:
        settings, kind = self._bench.settings, begun.feed["kind"]
        if kind == "poll":
            paths = [Path(symbol) for symbol in spec.symbols] if spec.source in _FILES else []
            growing = RunSpec(
                spec.strategy, spec.data, spec.params, {k: v for k, v in spec.options.items() if k != "end"}
            )
            return PollFeed(
                lambda: self._bench.histories(growing),
                lambda: _signature(paths),
                every=settings.poll_seconds,
                clock=self._clock,
            )
        return ReplayFeed(
            histories,
            last_days=int(begun.feed["last_days"]),
            seconds_per_bar=settings.seconds_per_bar,
            loop=kind == "loop",
            clock=self._clock,
        )


class _Absent(Strategy):
    """Stands for a strategy that may not be asked."""

    def signals(self, bars: Bars) -> Signals:
        return Signals(entries=bars.close < 0)


def _check_alike(histories: list[PriceHistory]) -> None:
    """Refuse symbols that one account cannot add up, or one clock not keep."""
    for what, found in (
        ("currency", {history.instrument.currency for history in histories}),
        ("calendar", {history.calendar for history in histories}),
    ):
        if len(found) > 1:
            listed = ", ".join(sorted(found))
            raise BadInput(what, listed, "differ among the symbols", "promote them as strategies of their own")


def _hours(history: PriceHistory) -> Hours:
    """The zone of a market's days; for bars within the day also whether it is open."""
    return _hours_of(history.calendar, within_days=history.interval_ns < _DAY)


def _hours_of(name: str, *, within_days: bool) -> Hours:
    calendar = Calendar(name)
    zone = ZoneInfo(calendar.zone)
    if not within_days:
        return Hours(zone)

    def is_open(at: datetime) -> bool:
        import numpy as np

        moment = int(at.timestamp() * 1_000_000) * 1000 - 1  # an order at the close waits for the next open
        sessions = calendar.sessions_around(moment, moment)
        return bool(sessions.trades_in(np.array([moment]), 1)[0])

    return Hours(zone, is_open)


def _signature(paths: list[Path]) -> Hashable:
    """What changes when a file does; where there are no files, always something new."""
    if not paths:
        return object()
    try:
        return tuple((stat.st_mtime_ns, stat.st_size) for stat in (path.stat() for path in paths))
    except OSError as error:
        return str(error)


def open_engine(bench: Workbench) -> tuple[Engine, Lease]:
    """The engine of a home, with its lease taken. Raises Refused where another process has it."""
    room = EngineRoom(bench)
    return room.engine(), room.lease
