"""A live session over real files: SQLite for what is kept, a paper broker with a book, a feed of made-up bars."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from workbench_plugins.paper_broker import PaperBroker

from tests.support import flat, hook_on_file, make_history, make_terms, receipt_of, research_chain, scripted, stand
from workbench import Bars, Signals, Strategy
from workbench.data import PriceHistory
from workbench.model import Fill, Order, OrderState, OrderType, Side, Signal, Stage
from workbench.ports import BrokerOrder, Execution, SessionRow, Waiting
from workbench.signals import parse_alert
from workbench.store import (
    FenceBook,
    Inbox,
    Lease,
    SessionBook,
    SqlDriftBook,
    SqlOrderRepository,
    SqlRequestBook,
    TradingDatabase,
)
from workbench.trading import AlertLimits, Hours, Ledger, LiveSession, OrderManager, ReplayFeed

D = Decimal
START = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = 20
"""The first bar that is replayed; those before it are past."""


class Clock:
    """A clock that goes as it is told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def elapsed(self) -> float:
        return self.seconds


def bars(count: int = 30, symbol: str = "X", **changed: tuple[float, float, float, float]) -> PriceHistory:
    """Daily bars at 100, but for those changed, as in b24=(95, 95, 90, 92)."""
    rows = flat(*([100.0] * count))
    for name, row in changed.items():
        rows[int(name[1:])] = row
    return make_history(rows, symbol=symbol)


class Room:
    """What an engine room wires, for one strategy and account, over the files of a folder; made anew, a restart."""

    def __init__(
        self,
        folder: Path,
        history: PriceHistory | Sequence[PriceHistory] | None = None,
        strategy: Strategy | None = None,
        *,
        name: str = "s",
        size: str = "shares:10",
        repository: type[SqlOrderRepository] = SqlOrderRepository,
        database: TradingDatabase | None = None,
        lease: Lease | None = None,
        clock: Clock | None = None,
        **levels: str,
    ) -> None:
        given = history or bars()
        self.histories = [given] if isinstance(given, PriceHistory) else list(given)
        self.name, self.account = name, f"paper:{name}"
        self.database = database or TradingDatabase(folder / "trading.db")
        self.lease = lease or Lease(self.database, "engine", seconds=600)
        if lease is None:
            self.lease.take()
        self.repository = repository(self.database, self.lease)
        self.book, self.inbox, self.fence = SessionBook(self.database), Inbox(self.database), FenceBook(self.database)
        self.drifts, self.requests = SqlDriftBook(self.database), SqlRequestBook(self.database)
        self.clock = clock or Clock()
        self.wall = START
        terms = make_terms(size=size, **levels)
        begun = self.book.begin(name, self.account, {"symbols": [h.symbol for h in self.histories]})
        self.feed = ReplayFeed(self.histories, last_days=10, seconds_per_bar=1.0, loop=False, clock=self.clock)
        past = self.feed.open(begun.cursor, 100)
        cash = self.book.open_account(self.account, "paper", "USD", terms.cash)
        instruments = {h.symbol: h.instrument for h in self.histories}
        self.broker = PaperBroker(terms.costs, folder / f"{name}.db")
        self.broker.open_account(self.account, cash, instruments.values())
        self.ledger = Ledger.rebuilt({self.account: cash}, self.repository.books(self.account))
        for symbol, price in self.book.marks(self.account).items():
            self.ledger.mark(symbol, price)
        self.manager = OrderManager(
            self.repository, self.broker, research_chain(), self.ledger, instruments, self.feed.now(),
            hours=Hours(ZoneInfo("UTC")), intent_life=timedelta(days=4),
        )  # fmt: skip
        self.session = LiveSession(
            name, self.account, strategy or scripted(self.histories, *({} for _ in self.histories)), terms, self.feed,
            past, {h.symbol: h.fingerprint for h in self.histories}, self.broker, self.manager, self.book,
            self.drifts, history=100, limits=AlertLimits(timedelta(seconds=60)), wall=lambda: self.wall,
            elapsed=self.clock.elapsed,
        )  # fmt: skip

    def step(self, count: int = 1) -> None:
        """Let so many bars happen."""
        for _ in range(count):
            self.clock.seconds += 1
            assert self.session.step()

    def to(self, bar: int) -> None:
        """Let bars happen up to and including one."""
        cursor = self.row().cursor
        done = FIRST - 1 if cursor is None else (cursor - START).days
        self.step(bar - done)

    def finish(self) -> None:
        while not self.feed.is_finished:
            self.step()

    def row(self) -> SessionRow:
        return next(row for row in self.book.all() if row.account == self.account)

    def state(self) -> tuple[str, str]:
        return self.row().state, self.row().reason

    def held(self, symbol: str = "X") -> Decimal:
        return self.ledger.position(self.account, self.name, symbol).size

    def fills(self) -> list[tuple[int, Side, Decimal, Decimal, str]]:
        """Day, side, size, price and cause of every fill on file."""
        return [((f.time - START).days, f.side, f.size, f.price, f.cause) for f in self.repository.fills(self.account)]

    def orders(self) -> list[Order]:
        return [order for order in self.repository.orders() if order.account == self.account]

    def notes(self, kind: str) -> list[str]:
        return [line.get("reason", "") for line in self.repository.journal() if line["kind"] == kind]

    def alert(self, *, key: str | None = None, age: float = 1.0, **said: str) -> tuple[str, str]:
        """Send an alert through a hook and let the session act on it: its status and reason on file."""
        waiting = self.keep(key=key, age=age, **said)
        outcome = self.session.handle_alert(waiting, self.inbox.plan(waiting, self.wall))
        if outcome is not None:
            self.inbox.settle(waiting.signal_id, *outcome)
        row = next(row for row in self.inbox.rows() if row.signal_id == waiting.signal_id)
        return row.status, row.reason

    def keep(self, *, key: str | None = None, age: float = 1.0, **said: str) -> Waiting:
        """Keep an alert in the inbox; the wall clock is so many seconds later when it is come to."""
        body = "{" + ", ".join(f'"{name}": "{value}"' for name, value in ({"ticker": "X"} | said).items()) + "}"
        parsed = parse_alert(body.encode())
        hook = hook_on_file(self.database, f"hook of {self.name}", self.name, f"token of {self.name}")
        number = len(self.inbox.rows())
        [kept] = self.inbox.keep([receipt_of(hook, key or f"k{number}", parsed.meaning, body, **parsed.to_dict())])
        waiting = next(w for w in self.inbox.waiting(1000) if w.signal_id == kept.signal_id)
        self.wall = waiting.received_at + timedelta(seconds=age)
        return waiting

    def close(self) -> None:
        self.lease.release()  # a process that ends loses it
        self.database.close()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """A session that trades alerts alone, begun, with its strategy on paper."""
    made = begun(tmp_path)
    yield made
    made.close()


def begun(folder: Path, *args: Any, **more: Any) -> Room:
    """A session whose strategy stands on paper, started."""
    made = Room(folder, *args, **more)
    stand(made.database, made.name, made.account, Stage.PAPER)
    made.session.start()
    return made


# ---- bars and signals ------------------------------------------------------------------------------------------------


def test_signals_trade_at_the_next_open_and_the_cursor_moves_with_every_bar(tmp_path: Path) -> None:
    history = bars(b23=(101, 103, 101, 103), b25=(105, 105, 105, 105))
    room = begun(tmp_path, history, scripted([history], {"entries": {22}, "exits": {24}}))
    assert room.state() == ("running", "")
    assert room.row().cursor is None
    room.to(22)
    assert room.row().cursor == START + timedelta(days=22)
    assert room.row().clock == START + timedelta(days=23)
    assert (room.row().bars, room.fills(), len(room.orders())) == (3, [], 1)
    room.step()
    assert room.fills() == [(23, Side.BUY, 10, 101, "entry")]
    assert room.book.marks(room.account) == {"X": 103}
    assert room.book.equity(room.account, 1) == [(START + timedelta(days=23), D(10_020))]
    room.finish()
    assert room.fills()[1:] == [(25, Side.SELL, 10, 105, "exit")]
    assert (room.held(), room.ledger.cash(room.account), room.broker.cash(room.account)) == (0, 10_040, 10_040)
    assert room.repository.open_day(room.account, (START + timedelta(days=25)).date(), D(1)) != 1
    room.clock.seconds += 1
    assert not room.session.step()
    assert room.state() == ("finished", "the last bar of the data was traded")
    room.close()


def test_what_the_past_says_wanted_before_it_began_is_not_traded(tmp_path: Path) -> None:
    history = bars()
    room = begun(tmp_path, history, scripted([history], {"entries": {5, FIRST - 1}}))
    room.finish()
    assert room.orders() == []
    room.close()


class Breaks(Strategy):
    """Enters on bar 21 and raises from bar 23 on."""

    def signals(self, bars: Bars) -> Signals:
        last = int(bars.times[-1]) // (86_400 * 10**9)
        if last >= 23:
            raise ZeroDivisionError("no luck")
        entries = bars.close < 0
        entries[-1] = last == 21
        return Signals(entries=entries)


def test_a_strategy_that_raises_is_stopped_and_named_and_its_stop_still_works(tmp_path: Path) -> None:
    room = begun(tmp_path, bars(b26=(98, 98, 90, 91)), Breaks(), stop="5")
    room.to(23)
    state, reason = room.state()
    assert state == "failed"
    assert "strategy Breaks on" in reason
    assert "raised ZeroDivisionError: no luck" in reason
    assert room.notes("strategy_failed") == [reason]
    assert room.held() == 10
    assert room.alert(action="short") == ("refused", reason)  # no new risk either
    room.session.let_in("")
    assert room.state() == (state, reason)
    room.finish()
    assert room.fills()[1:] == [(26, Side.SELL, 10, 95, "stop")]
    assert room.row().bars == 10
    room.clock.seconds += 1
    assert not room.session.step()
    assert room.state() == (state, reason)
    room.close()


def test_a_strategy_that_failed_can_still_be_exited_by_an_alert(tmp_path: Path) -> None:
    room = begun(tmp_path, bars(), Breaks())
    room.to(24)
    assert room.alert(action="sell") == ("ordered", "")
    room.step()
    assert room.held() == 0
    room.close()


# ---- alerts ----------------------------------------------------------------------------------------------------------


def test_a_buy_is_filled_at_the_next_open_in_the_size_it_names_or_the_runs_own(room: Room) -> None:
    room.to(21)
    assert room.alert(action="buy", quantity="7", price="1", key="one") == ("ordered", "")
    [order] = room.orders()
    assert (order.side, order.size, order.state, order.created_at) == (
        Side.BUY, 7, OrderState.ACKED, START + timedelta(days=22),
    )  # fmt: skip
    assert room.fills() == []
    room.step()
    assert room.fills() == [(22, Side.BUY, 7, 100, "entry")]
    assert room.alert(action="sell") == ("ordered", "")
    room.step()
    assert room.alert(action="short", ticker="NASDAQ:x") == ("ordered", "")
    room.step()
    assert room.held() == -10


def test_an_alert_seen_before_leads_to_the_orders_it_led_to(room: Room) -> None:
    room.to(21)
    waiting = room.keep(action="buy")
    assert room.session.handle_alert(waiting, room.inbox.plan(waiting, room.wall)) is None
    assert room.session.handle_alert(waiting, room.inbox.plan(waiting, room.wall)) is None
    assert len(room.orders()) == len(room.repository.signals()) == 1
    assert room.inbox.waiting() == []
    room.step(2)
    assert room.held() == 10


def test_an_alert_has_the_protection_of_the_run(tmp_path: Path) -> None:
    room = begun(tmp_path, stop="5", target="10")
    room.to(21)
    room.alert(action="buy")
    room.step()
    assert sorted((o.type, o.level) for o in room.repository.open_orders(room.account)) == [
        (OrderType.STOP, 95), (OrderType.TARGET, 110),
    ]  # fmt: skip
    room.close()


@pytest.mark.parametrize(
    "said", [{"action": "exit"}, {"action": "sell"}, {"action": "sell", "market_position": "flat"}]
)
def test_an_exit_while_the_entry_still_waits_takes_it_back(room: Room, said: dict[str, str]) -> None:
    room.to(21)
    room.alert(action="buy")
    assert room.alert(**said) == ("ignored", "took back the entry under way")
    assert [order.state for order in room.orders()] == [OrderState.CANCELLED]
    room.step(3)
    assert (room.held(), room.fills()) == (0, [])


@pytest.mark.parametrize(
    ("age", "status"), [(59.0, "ordered"), (60.0, "ordered"), (60.5, "refused"), (86_400.0, "refused")]
)
def test_an_alert_too_old_when_it_is_come_to_is_refused(room: Room, age: float, status: str) -> None:
    room.to(21)
    found, reason = room.alert(action="buy", age=age)
    assert found == status
    assert reason == ("" if status == "ordered" else f"too old: it waited {age:.0f} s, at most 60")
    assert len(room.orders()) == (status == "ordered")


def test_an_alert_from_before_a_panic_is_refused_even_once_it_is_over(room: Room) -> None:
    room.to(21)
    waiting = room.keep(action="buy")
    epoch = room.fence.halt("test", "me")
    assert room.session.handle_alert(waiting, room.inbox.plan(waiting, room.wall)) == (
        "refused",
        "panic: it came in before a panic",
    )
    room.fence.set_flat(epoch)
    room.fence.resume("me")
    assert room.session.handle_alert(waiting, room.inbox.plan(waiting, room.wall)) == (
        "refused",
        "panic: it came in before a panic",
    )
    assert room.alert(action="buy") == ("ordered", "")


def test_an_alert_during_a_panic_is_refused_with_its_reason(room: Room) -> None:
    room.to(21)
    room.fence.halt("fire", "me")
    assert room.alert(action="buy") == ("refused", "panic: fire")
    assert room.orders() == []


def test_an_alert_on_a_symbol_that_is_not_traded_is_refused_and_those_that_are_are_named(room: Room) -> None:
    room.to(21)
    status, reason = room.alert(action="buy", ticker="NASDAQ:MSFT")
    assert status == "refused"
    assert reason.startswith("alert ticker NASDAQ:MSFT: unknown; known: X")


@pytest.mark.parametrize(
    ("said", "reason"),
    [({"action": "exit"}, "flat already"), ({"action": "sell"}, "a sell without a long position: flat"),
     ({"action": "sell", "market_position": "long"}, "parts of exits are not carried out")],
)  # fmt: skip
def test_an_alert_with_nothing_to_do_is_ignored_and_says_why(room: Room, said: dict[str, str], reason: str) -> None:
    room.to(21)
    status, why = room.alert(**said)
    assert status == "ignored"
    assert why.endswith(reason)


def test_an_alert_before_any_bar_was_traded_goes_by_the_last_close_of_the_past(room: Room) -> None:
    assert room.alert(action="buy") == ("ordered", "")
    [signal] = room.repository.signals()
    assert (signal.bar_time, signal.available_at) == (START + timedelta(days=19), START + timedelta(days=20))
    room.step()
    assert room.fills() == [(20, Side.BUY, 10, 100, "entry")]


# ---- reasons to take no entries --------------------------------------------------------------------------------------


def test_a_paused_strategy_takes_no_entry_and_its_exits_and_stops_work(tmp_path: Path) -> None:
    history = bars(b27=(100, 100, 90, 95))
    strategy = scripted([history], {"entries": {20, 22, 25, 26}, "exits": {23}})
    room = begun(tmp_path, history, strategy, stop="5")
    room.to(21)
    assert room.held() == 10
    room.session.let_in("the strategy is paused")
    assert room.state() == ("blocked", "the strategy is paused")
    room.to(24)
    assert room.held() == 0
    room.step()
    assert room.notes("refused") == ["the strategy is paused"] * 2  # those of bars 22 and 25
    assert room.alert(action="buy") == ("refused", "the strategy is paused")
    room.session.let_in("")
    assert room.state() == ("running", "")
    room.step()
    assert len(room.fills()) == 2
    room.step()
    assert [(day, cause) for day, *_, cause in room.fills()] == [
        (21, "entry"),
        (24, "exit"),
        (27, "entry"),
        (27, "stop"),
    ]
    room.close()


def stray_order(folder: Path, *, trades: bool) -> None:
    """Somebody else buys three with the account of a session that is closed."""
    stray = PaperBroker(book=folder / "s.db")
    stray.connect(Silent())
    stray.open_account("paper:s", D(1), [bars().instrument])
    stray.submit(Order("g", "stray", "s", "paper:s", "X", Side.BUY, D(3), START))
    if trades:
        stray.trade_bars({"X": bars().bar(FIRST)})


@pytest.mark.parametrize("trades", [False, True])
def test_an_order_that_is_not_ours_blocks_entries_until_a_person_has_looked_at_it(tmp_path: Path, trades: bool) -> None:
    begun(tmp_path).close()
    stray_order(tmp_path, trades=trades)
    room = begun(tmp_path)
    state, reason = room.state()
    assert state == "blocked"
    assert reason.startswith("drift: buy 3 X at the broker (its id ")
    assert reason.endswith(" is not ours")
    assert room.alert(action="buy") == ("refused", reason)
    room.session.let_in("")
    assert room.state() == (state, reason)
    room.close()
    room = begun(tmp_path)
    assert room.state() == (state, reason), "a restart is no explanation"
    room.finish()  # its bars go on
    assert room.held() == 0
    room.close()


def test_what_others_traded_with_the_account_is_in_the_books_and_not_the_strategys(tmp_path: Path) -> None:
    begun(tmp_path).close()
    stray_order(tmp_path, trades=True)
    room = begun(tmp_path)
    assert (room.held(), room.ledger.position(room.account, "external", "X").size) == (0, 3)
    assert room.ledger.cash(room.account) == room.broker.cash(room.account)
    room.close()


def test_a_drift_nobody_explained_blocks_entries_until_a_restart_finds_none(tmp_path: Path) -> None:
    room = begun(tmp_path)
    room.broker._state.accounts[room.account].cash += 5
    room.broker._state.keep_account(room.account)
    room.broker._state.book.commit()
    room.close()
    room = begun(tmp_path)
    reason = "drift: cash: 10000 on file, 10005 at the broker"
    assert room.state() == ("blocked", reason)
    assert room.alert(action="buy") == ("refused", reason)
    room.session.let_in("")
    assert room.state() == ("blocked", reason)
    assert len(room.notes("drift")) == 1
    room.broker._state.accounts[room.account].cash -= 5
    room.broker._state.keep_account(room.account)
    room.broker._state.book.commit()
    room.close()
    room = begun(tmp_path)
    assert room.state() == ("running", "")
    assert room.alert(action="buy") == ("ordered", "")
    room.close()


class Silent:
    """Listens to a broker and does nothing."""

    def on_order(self, report: BrokerOrder) -> None: ...

    def on_fill(self, execution: Execution) -> None: ...


# ---- leaving ---------------------------------------------------------------------------------------------------------


def test_a_strategy_that_leaves_closes_what_it_holds_and_is_gone_once_that_is_done(tmp_path: Path) -> None:
    history = bars()
    room = begun(tmp_path, history, scripted([history], {"entries": {20, 22, 23, 24}}), stop="5", target="9")
    room.to(21)
    assert len(room.repository.open_orders(room.account)) == 2
    assert not room.session.leaving.reason
    room.session.leaving.leave("the strategy went to stage backtested")
    room.session.leaving.leave("and then somewhere else")
    stand(room.database, "s", room.account, Stage.BACKTESTED)
    assert room.session.leaving.reason
    assert not room.session.leaving.is_over
    for _ in range(3):
        room.session.leaving.close_held()
    assert [o.side for o in room.orders() if o.type is OrderType.MARKET] == [Side.BUY, Side.SELL]
    assert room.alert(action="buy") == ("refused", "the strategy went to stage backtested")
    room.step()
    assert (room.held(), room.fills()[-1][:2]) == (0, (22, Side.SELL))
    room.session.leaving.close_held()
    assert room.session.leaving.is_over
    room.step(2)
    assert len(room.fills()) == 2
    assert room.notes("leaving") == ["the strategy went to stage backtested"]
    room.close()


def test_a_strategy_that_leaves_takes_back_the_entry_that_waits(room: Room) -> None:
    room.to(21)
    room.alert(action="buy")
    room.session.leaving.leave("retired")
    room.session.leaving.close_held()
    assert [order.state for order in room.orders()] == [OrderState.CANCELLED]
    assert room.session.leaving.is_over


# ---- a crash ---------------------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process ends here."""


class Crashing(SqlOrderRepository):
    """A repository whose process ends after, or in the middle of, so many writes."""

    left = 10**9
    after = False

    def _count(self) -> None:
        type(self).left -= 1
        if self.left < 0:
            raise Crash

    def add_signal(self, signal: Signal) -> bool:
        self._count()
        return super().add_signal(signal)

    def add_order(self, order: Order, verdicts: Any, at: datetime, event: str = "") -> None:
        self._count()
        super().add_order(order, verdicts, at, event)

    def change_order(self, order: Order, event: str, at: datetime, before: str = "") -> None:
        if self.after:
            super().change_order(order, event, at, before)
        self._count()
        if not self.after:
            super().change_order(order, event, at, before)

    def authorise(self, order: Order, at: datetime) -> str:
        if not self.after:
            self._count()
        answer = super().authorise(order, at)
        if self.after:
            self._count()
        return answer

    def add_fill(self, fill: Fill) -> bool:
        self._count()
        return super().add_fill(fill)


def whole_run(folder: Path) -> Room:
    """A run with an entry, a trail that moves and fires, a reversal, a short that is stopped out, and an exit."""
    history = bars(
        b22=(100, 110, 100, 110), b23=(110, 111, 109, 109), b24=(105, 105, 95, 97), b25=(98, 99, 97, 98),
        b27=(98, 98, 90, 91), b28=(92, 120, 92, 119),
    )  # fmt: skip
    strategy = scripted([history], {"entries": {20, 24}, "short_entries": {26}, "exits": {21}})
    Crashing.left, Crashing.after = 10**9, False
    return Room(folder, history, strategy, repository=Crashing, stop="20", trail="4", target="30")


@pytest.mark.parametrize("every", [8, pytest.param(int(os.environ.get("BREAK_EVERY", "6")), marks=pytest.mark.slow)])
def test_broken_off_after_any_write_and_begun_again_it_ends_as_if_nothing_had_happened(
    tmp_path: Path, every: int
) -> None:
    whole = whole_run(tmp_path / "whole")
    stand(whole.database, "s", whole.account, Stage.PAPER)
    whole.close()
    shutil.copytree(tmp_path / "whole", tmp_path / "begun")
    whole = whole_run(tmp_path / "whole")
    whole.session.start()
    whole.finish()
    expected, cash, equity = whole.fills(), whole.ledger.cash(whole.account), whole.book.equity(whole.account)
    assert {cause for *_, cause in expected} >= {"entry", "exit", "trailing_stop"}
    whole.close()
    for writes in range(0, 1000, every):
        shutil.copytree(tmp_path / "begun", tmp_path / str(writes))
        room = whole_run(tmp_path / str(writes))
        Crashing.left, Crashing.after = writes, writes // every % 2 == 1
        try:
            room.session.start()
            room.finish()
        except Crash:
            room.close()
        else:
            room.close()
            break
        again = whole_run(tmp_path / str(writes))
        again.session.start()
        assert again.state() == ("running", ""), f"broken off at write {writes}"
        again.finish()
        assert again.fills() == expected, f"broken off at write {writes}"
        assert again.ledger.cash(again.account) == again.broker.cash(again.account) == cash
        assert again.book.equity(again.account) == equity
        assert not again.repository.open_orders(again.account)
        again.close()
    assert writes > 20
    Crashing.left = 10**9
