"""The engine room: sessions, brokers and the engine, wired for one home."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from workbench.bootstrap.desk import Workbench
from workbench.data import Calendar, PriceHistory
from workbench.errors import BadInput
from workbench.ports import SessionRow, Standing
from workbench.research import RunSpec
from workbench.risk import TRADING
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
    ReplayFeed,
    WallClock,
)

if TYPE_CHECKING:
    from workbench.trading import Feed

_FILES = ("csv", "parquet")
_DAY = 86_400 * 10**9
INTENT_LIFE = timedelta(days=4)
"""How long, by a replay's own clock, a decision may wait to be sent: over a long weekend, since daily bars jump."""


class EngineRoom:
    """Makes the engine of a home, and a session for each strategy that trades."""

    def __init__(self, bench: Workbench) -> None:
        self._bench, self._desk, self._clock = bench, bench.trading, WallClock()
        self.lease = Lease(self._desk.database, "engine")
        self.repository = SqlOrderRepository(self._desk.database, self.lease)

    def engine(self) -> Engine:
        """The engine; takes the lease. Raises Refused where another process of this home has it."""
        desk = self._desk
        self._bench.risk_chain(self._rules())  # a bad limit is said now, not at the first alert
        self.lease.take()
        return Engine(
            desk.stage_book, desk.inbox, desk.requests_on_file, desk.fence, desk.session_book, self.lease,
            self.session, desk.holds, desk.database.change_counter(), self._clock,
        )  # fmt: skip

    def session(self, standing: Standing) -> LiveSession:
        """A session that goes on from where its account was left. Raises BadInput where its data cannot be loaded."""
        version, settings, book = standing.version, self._bench.settings, self._desk.session_book
        spec = RunSpec(version.reference, version.data, version.params, version.options)
        terms = spec.terms()
        strategy, changed = self._strategy(standing)
        begun = book.begin(standing.strategy, standing.account, self._feed_doc(standing))
        histories = self._bench.histories(spec)
        book.set_symbols(standing.account, [history.symbol for history in histories])
        _check_alike(histories)
        feed = self._feed(spec, begun, histories)
        # on the wall clock a decision goes stale while nobody is there; a replay's clock stands still meanwhile
        life = timedelta(seconds=settings.alert_age) if begun.feed["kind"] == "poll" else INTENT_LIFE
        past = feed.open(begun.cursor, max(settings.live_history, strategy.warmup or 0))
        if begun.cursor is None:  # where it began is kept: a crash in the first bar must not move it
            begins = max(p.last.start for p in past.values() if p.last is not None)
            book.place(standing.account, begins, feed.now())
        currency = histories[0].instrument.currency
        cash = book.open_account(standing.account, "paper", currency, terms.cash)
        instruments = {history.symbol: history.instrument for history in histories}
        broker = self._bench.paper_broker(terms, self._book_of(standing.account))
        broker.open_account(standing.account, cash, instruments.values())
        ledger = Ledger.rebuilt({standing.account: cash}, self.repository.books(standing.account))
        for symbol, price in book.marks(standing.account).items():
            ledger.mark(symbol, price)
        manager = OrderManager(
            self.repository, broker, self._bench.risk_chain(self._rules()), ledger, instruments, feed.now(),
            hours=_hours(histories[0]), intent_life=life,
        )  # fmt: skip
        session = LiveSession(
            standing.strategy, standing.account, strategy, terms, feed, past,
            {history.symbol: history.fingerprint for history in histories}, broker, manager, book,
            self._desk.drift_book, history=settings.live_history,
            limits=AlertLimits(timedelta(seconds=settings.alert_age)),
            wall=lambda: datetime.now(UTC),
        )  # fmt: skip
        if changed:
            session.fail(changed)
        return session

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

    def _book_of(self, account: str) -> Path:
        name = "".join(c if c.isalnum() or c in "-_." else "_" for c in account)
        return self._bench.settings.home / "paper" / f"{name}.db"


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
    calendar = Calendar(history.calendar)
    zone = ZoneInfo(calendar.zone)
    if history.interval_ns >= _DAY:
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
