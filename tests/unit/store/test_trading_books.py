"""The books of the trading database: lease, panic fence, alerts, stages and sessions, each on a real file."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, func, inspect, select, text, update

from tests.support import hook_on_file, receipt_of
from tests.unit.store.test_migrations import schema
from workbench.errors import BadInput, LeaseLost, Refused
from workbench.model import Hook, Stage
from workbench.ports import Fence, Figure, GateAnswer, StageEvent, Standing, Version
from workbench.store import (
    FenceBook,
    HookBook,
    Inbox,
    Lease,
    SessionBook,
    SqlStageBook,
    TradingDatabase,
    migrations,
    open_database,
)
from workbench.store import signal_tables as s
from workbench.store import trading_tables as t
from workbench.store.migrations import TRADING

D = Decimal
NOW = datetime(2024, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[TradingDatabase]:
    made = TradingDatabase(tmp_path / "trading.db")
    yield made
    made.close()


def shift(database: TradingDatabase, column: Any, by: timedelta) -> None:
    """Move every time in a column, as if so much time had passed."""
    with database.transaction() as connection:
        microseconds = round(by.total_seconds() * 1e6)
        connection.exec_driver_sql(f"UPDATE {column.table.name} SET {column.name} = {column.name} + {microseconds}")


# ---- lease -----------------------------------------------------------------------------------------------------------


def test_a_lease_has_one_holder_while_its_process_lives_and_names_it(database: TradingDatabase) -> None:
    first, second = Lease(database, "engine"), Lease(database, "engine")
    assert not first.is_held()
    first.take()
    first.take()  # its own holder may
    with pytest.raises(Refused, match=f"engine of this home runs already, as process {os.getpid()} on "):
        second.take()
    assert second.is_held()
    Lease(database, "server").take()  # another name is another lease
    with pytest.raises(LeaseLost):
        second.renew()
    second.release()  # not its own: nothing
    first.renew()
    first.release()
    assert not second.is_held()
    second.take()
    with pytest.raises(LeaseLost):
        first.renew()


TAKE = """
import sys
from workbench.store import Lease, TradingDatabase
Lease(TradingDatabase(sys.argv[1]), "engine", seconds=600).take()
print("taken")
sys.stdout.flush()
sys.stdin.read()
"""


def test_a_lease_is_refused_while_another_process_lives_and_taken_over_at_once_when_it_has_died(
    database: TradingDatabase, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'trading.db'}"
    with subprocess.Popen([sys.executable, "-c", TAKE, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"taken"
        mine = Lease(database, "engine")
        with pytest.raises(Refused, match=f"as process {other.pid} on "):
            mine.take()
        assert mine.is_held()
        other.kill()
        other.wait()
        assert not mine.is_held()
        mine.take()  # ten minutes before its time is up
        assert mine.is_held()
        mine.renew()


def test_a_lease_whose_time_is_up_is_free_to_take_and_is_renewed_only_while_nobody_did(
    database: TradingDatabase,
) -> None:
    lease = Lease(database, "engine", seconds=10)
    lease.take()
    shift(database, t.leases.c.until, timedelta(seconds=-11))
    assert not lease.is_held()
    lease.renew()
    assert lease.is_held()
    shift(database, t.leases.c.until, timedelta(seconds=-11))
    other = Lease(database, "engine")
    other.take()  # though the process that had it still lives
    with pytest.raises(LeaseLost):
        lease.renew()
    lease.release()
    assert other.is_held()
    other.renew()


def test_a_lease_of_no_time_at_all_is_never_held(database: TradingDatabase) -> None:
    lease = Lease(database, "engine", seconds=0)
    lease.take()
    assert not lease.is_held()
    lease.renew()
    assert not lease.is_held()


def test_a_lease_of_another_machine_runs_out_only_with_its_time(database: TradingDatabase) -> None:
    Lease(database, "engine", seconds=600).take()
    with database.transaction() as connection:
        connection.execute(update(t.leases).values(host="elsewhere", pid=2**22 + 1))
    mine = Lease(database, "engine")
    with pytest.raises(Refused, match="on elsewhere"):
        mine.take()
    shift(database, t.leases.c.until, timedelta(seconds=-600))
    mine.take()


def test_of_many_who_ask_at_once_one_gets_the_lease(database: TradingDatabase) -> None:
    leases = [Lease(database, "engine") for _ in range(8)]
    got: list[Lease] = []

    def take(lease: Lease) -> None:
        try:
            lease.take()
        except Refused:
            return
        got.append(lease)

    together(take, leases)
    assert len(got) == 1
    got[0].renew()


def together(work: Any, items: list[Any]) -> None:
    """Do something with every item, each in a thread of its own, all at once."""
    gate = threading.Barrier(len(items))

    def begin(item: Any) -> None:
        gate.wait()
        work(item)

    threads = [threading.Thread(target=begin, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# ---- fence -----------------------------------------------------------------------------------------------------------


def test_the_fence_is_raised_seen_flat_and_lowered_in_this_order_only(database: TradingDatabase) -> None:
    fence = FenceBook(database)
    assert (fence.now(), fence.is_flat()) == (Fence(), False)
    with pytest.raises(Refused, match="nothing to resume"):
        fence.resume("me")
    assert fence.halt("fire", "me") == 1
    assert fence.now() == Fence(1, True, "fire")
    with pytest.raises(Refused, match="has not flattened everything yet"):
        fence.resume("me")
    fence.set_flat(1)
    assert fence.is_flat()
    fence.resume("me")
    assert (fence.now().epoch, fence.now().halted) == (1, False)
    with pytest.raises(Refused, match="nothing to resume"):
        fence.resume("me")


def test_a_panic_in_a_panic_must_be_seen_flat_itself(database: TradingDatabase) -> None:
    fence = FenceBook(database)
    fence.halt("one", "me")
    fence.set_flat(1)
    assert fence.halt("two", "me") == 2
    fence.set_flat(1)  # what was seen before the second
    assert not fence.is_flat()
    with pytest.raises(Refused):
        fence.resume("me")
    fence.set_flat(2)
    fence.set_flat(2)
    fence.resume("me")
    with database.reading() as connection:
        kinds = list(connection.scalars(select(t.journal.c.kind).order_by(t.journal.c.seq)))
    assert kinds == ["panic", "flat", "panic", "flat", "resume"]


def test_panics_raised_at_once_each_have_an_epoch_of_their_own(database: TradingDatabase) -> None:
    fence, epochs = FenceBook(database), []
    together(lambda n: epochs.append(fence.halt(str(n), "me")), list(range(6)))
    assert sorted(epochs) == [1, 2, 3, 4, 5, 6]
    assert fence.now().epoch == 6


# ---- inbox -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def inbox(database: TradingDatabase) -> Inbox:
    return Inbox(database)


@pytest.fixture
def hook(database: TradingDatabase) -> Hook:
    return hook_on_file(database, "door", "s", "secret token")


def test_an_alert_is_kept_with_all_it_said_and_waits_to_be_acted_on(inbox: Inbox, hook: Hook) -> None:
    [kept] = inbox.keep([receipt_of(hook, quantity="1.50")])
    assert (kept.status, kept.is_repeat, kept.conflict) == ("received", False, "")
    [waiting] = inbox.waiting()
    assert (waiting.signal_id, waiting.source, waiting.key, waiting.strategy, waiting.epoch) == (
        kept.signal_id, "webhook:door", "k", "s", 0,
    )  # fmt: skip
    assert waiting.alert == {"ticker": "X", "action": "buy", "quantity": "1.50"}
    [row] = inbox.rows()
    assert row.received_at == waiting.received_at
    [alert] = inbox.alerts()
    assert (alert.body, alert.status, row.alert_id) == ("body", "accepted", alert.alert_id)


def test_a_repeat_is_answered_with_what_is_kept_and_what_became_of_it(inbox: Inbox, hook: Hook) -> None:
    first, again = inbox.keep([receipt_of(hook), receipt_of(hook, body="sent once more")])
    assert again == replace(first, is_repeat=True)
    inbox.settle(first.signal_id, "refused", "too old")
    [late] = inbox.keep([receipt_of(hook)])
    assert late == replace(first, status="refused", is_repeat=True)
    assert len(inbox.rows()) == 1
    assert inbox.waiting() == []


def test_another_wish_under_a_used_key_is_a_conflict_and_not_kept(inbox: Inbox, hook: Hook) -> None:
    [first] = inbox.keep([receipt_of(hook, body="buy ten")])
    [other] = inbox.keep([receipt_of(hook, meaning="something else", body="buy twenty")])
    assert other == replace(first, is_repeat=True, conflict="buy ten")
    assert len(inbox.rows()) == 1


def test_the_same_key_through_another_hook_is_another_alert(
    inbox: Inbox, hook: Hook, database: TradingDatabase
) -> None:
    other = hook_on_file(database, "back door", "other", "t")
    kept = inbox.keep([receipt_of(hook), receipt_of(other)])
    assert [k.is_repeat for k in kept] == [False, False]
    assert [w.strategy for w in inbox.waiting()] == ["s", "other"]


def test_without_a_key_the_same_wish_is_a_repeat_for_a_minute(
    inbox: Inbox, hook: Hook, database: TradingDatabase
) -> None:
    [first] = inbox.keep([receipt_of(hook, None)])
    [again] = inbox.keep([receipt_of(hook, None)])
    [other] = inbox.keep([receipt_of(hook, None, "another wish")])
    assert again == replace(first, is_repeat=True)
    assert (other.is_repeat, other.conflict) == (False, "")
    shift(database, s.alerts.c.kept_at, -timedelta(seconds=60))
    [later] = inbox.keep([receipt_of(hook, None)])
    assert not later.is_repeat
    assert len({row.key for row in inbox.rows()}) == len(inbox.rows()) == 3


def test_alerts_wait_oldest_first_and_no_more_than_asked_for(inbox: Inbox, hook: Hook) -> None:
    kept = inbox.keep([receipt_of(hook, str(n)) for n in range(5)])
    assert [w.signal_id for w in inbox.waiting(3)] == [k.signal_id for k in kept[:3]]
    inbox.settle(kept[0].signal_id, "ignored", "flat already")
    inbox.settle(kept[0].signal_id, "refused", "settled once, it stays so")
    assert [w.key for w in inbox.waiting()] == ["1", "2", "3", "4"]
    assert next((row.key, row.status, row.reason) for row in inbox.rows(5)) == ("0", "ignored", "flat already")
    assert [row.key for row in inbox.rows(2)] == ["3", "4"]


def test_an_alert_bears_the_epoch_it_came_in_under(inbox: Inbox, hook: Hook, database: TradingDatabase) -> None:
    inbox.keep([receipt_of(hook, "before")])
    FenceBook(database).halt("fire", "me")
    inbox.keep([receipt_of(hook, "behind")])
    assert [w.epoch for w in inbox.waiting()] == [0, 1]


@pytest.mark.parametrize("key", ["k", None])
def test_the_same_alert_from_many_threads_at_once_makes_one_row(inbox: Inbox, hook: Hook, key: str | None) -> None:
    kept: list[Any] = []
    together(lambda n: kept.extend(inbox.keep([receipt_of(hook, key)])), list(range(12)))
    assert len(inbox.rows()) == 1
    assert len({k.signal_id for k in kept}) == 1
    assert sorted(k.is_repeat for k in kept) == [False] + [True] * 11


def test_of_alerts_kept_together_none_is_kept_where_one_cannot_be(inbox: Inbox, hook: Hook) -> None:
    with pytest.raises(Exception, match="JSON"):
        inbox.keep([receipt_of(hook, "good"), receipt_of(hook, "bad", quantity=D(1))])
    assert inbox.rows() == []


# ---- stages and sessions ---------------------------------------------------------------------------------------------


def version(**more: Any) -> Version:
    given: dict[str, Any] = {"params": {"n": 3, "x": 0.1, "on": True, "none": None}, "options": {"fees": "5"}}
    return Version(**({
        "strategy": "s", "reference": "library:s", "family": "s@1", "code_fingerprint": "c", "data": "sample:X,Y",
        "data_fingerprint": "d",
    } | given | more))  # fmt: skip


def attempt(after: Stage, **more: Any) -> StageEvent:
    figures = (Figure("trades", 12, "at least 10", True), Figure("Sharpe", 0.25, "at least 0.3", False))
    answers = (
        GateAnswer("g", False, "Sharpe 0.25", figures, "run-1"),
        GateAnswer("h", True, figures=(Figure("costs", None, "above 0", True),)),
    )
    return StageEvent(
        **({
            "strategy": "s", "before": Stage.RESEARCH, "after": after, "accepted": True, "at": NOW, "by": "me",
            "reason": "why – ja", "run_id": None, "version": version(), "answers": answers,
        } | more)
    )  # fmt: skip


def test_stages_and_attempts_come_back_as_they_were(database: TradingDatabase) -> None:
    book = SqlStageBook(database)
    assert (book.get("s"), list(book.all()), list(book.events())) == (None, [], [])
    refused = attempt(Stage.BACKTESTED, accepted=False, run_id="run-1")
    assert book.record(refused, None, None)
    assert book.get("s") is None
    standing = Standing("s", Stage.PAPER, version(), "paper:s", NOW)
    accepted = attempt(Stage.PAPER, answers=())
    assert book.record(accepted, standing, None)
    assert book.get("s") == standing
    paused = replace(standing, stage=Stage.PAUSED, paused_from=Stage.PAPER, since=NOW + timedelta(microseconds=1))
    assert book.record(attempt(Stage.PAUSED), paused, standing)
    other = Standing("a", Stage.BACKTESTED, version(strategy="a"), "", NOW)
    assert book.record(attempt(Stage.BACKTESTED, strategy="a"), other, None)
    assert list(book.all()) == [other, paused]
    assert list(book.events("s")) == [refused, accepted, attempt(Stage.PAUSED)]
    assert [e.strategy for e in book.events()] == ["s", "s", "s", "a"]


def test_an_attempt_on_what_no_longer_stands_so_is_not_kept(database: TradingDatabase) -> None:
    book = SqlStageBook(database)
    standing = Standing("s", Stage.PAPER, version(), "paper:s", NOW)
    assert book.record(attempt(Stage.PAPER), standing, None)
    for expected in (None, replace(standing, stage=Stage.LIVE), replace(standing, since=NOW + timedelta(seconds=1)),
                     replace(standing, version=version(code_fingerprint="newer"))):  # fmt: skip
        assert not book.record(attempt(Stage.RETIRED), replace(standing, stage=Stage.RETIRED), expected)
    assert book.get("s") == standing
    assert len(book.events()) == 1


def test_of_two_moves_at_once_one_is_kept(database: TradingDatabase) -> None:
    book, kept = SqlStageBook(database), []
    standing = Standing("s", Stage.BACKTESTED, version(), "", NOW)
    together(lambda n: kept.append(book.record(attempt(Stage.BACKTESTED, by=str(n)), standing, None)), list(range(6)))
    assert sorted(kept) == [False] * 5 + [True]
    assert len(book.events()) == 1


def test_parameters_that_are_no_json_are_refused_by_name_and_leave_nothing(database: TradingDatabase) -> None:
    book = SqlStageBook(database)
    with pytest.raises(BadInput, match=r"version\.params\.n"):
        book.record(attempt(Stage.PAPER, version=version(params={"n": float("nan")})), None, None)
    assert list(book.events()) == []


def test_an_account_keeps_the_cash_and_a_session_the_feed_it_was_made_with(database: TradingDatabase) -> None:
    book = SessionBook(database)
    assert book.open_account("a", "paper", "USD", D("1000.50")) == D("1000.50")
    assert book.open_account("a", "paper", "USD", D(5)) == D("1000.50")
    assert [(row.account, row.cash, row.currency) for row in book.accounts()] == [("a", "1000.50", "USD")]
    made = book.begin("s", "a", {"kind": "loop", "symbols": ["X", "Y"]})
    assert (made.state, made.cursor, made.clock, made.bars) == ("starting", None, None, 0)
    assert book.begin("s", "a", {"kind": "poll", "symbols": ["Z"]}) == made
    assert (book.symbols("a"), book.symbols("nobody")) == (["X", "Y"], [])


def test_a_bar_moves_cursor_marks_and_equity_together(database: TradingDatabase) -> None:
    book, second = SessionBook(database), timedelta(seconds=1)
    book.begin("s", "a", {"symbols": ["X"]})
    book.begin("s", "b", {"symbols": ["X"]})
    book.advance("a", NOW, NOW + second, {"X": D("1.10"), "Y": D("1E+2")}, D(1000))
    book.advance("a", NOW + second, NOW + 2 * second, {"X": D("1.25")}, D("999.5"))
    row = book.all()[0]
    assert (row.cursor, row.clock, row.bars) == (NOW + second, NOW + 2 * second, 2)
    assert book.all()[1].cursor is None
    assert (book.marks("a"), book.marks("b")) == ({"X": D("1.25"), "Y": D(100)}, {})
    assert list(book.equity("a")) == [(NOW, D(1000)), (NOW + second, D("999.5"))]
    assert list(book.equity("a", 1)) == [(NOW + second, D("999.5"))]


def test_a_state_is_journalled_when_it_changes_and_not_again(database: TradingDatabase) -> None:
    book = SessionBook(database)
    book.begin("s", "a", {})
    for state, reason in (("running", ""), ("blocked", "drift"), ("blocked", "drift"), ("blocked", "paused")):
        book.set_state("a", state, reason)
    book.set_state("nobody", "failed", "there is none")
    assert [(row.state, row.reason) for row in book.all()] == [("blocked", "paused")]
    with database.reading() as connection:
        facts = list(connection.scalars(select(t.journal.c.facts).where(t.journal.c.subject == "a")))
    assert [fact["event"] for fact in facts] == ["made", "running", "blocked", "blocked"]


# ---- the file --------------------------------------------------------------------------------------------------------


def test_what_is_written_together_is_kept_together_or_not_at_all(database: TradingDatabase) -> None:
    fence, book = FenceBook(database), SessionBook(database)

    def fail() -> None:
        with database.transaction():
            fence.halt("fire", "me")
            book.open_account("a", "paper", "USD", D(1))
            hook_on_file(database, "door", "s", "t")
            assert fence.now().halted  # seen inside
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (fence.now(), list(book.accounts()), list(HookBook(database).hooks())) == (Fence(), [], [])
    with database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(t.journal)) == 0


def test_a_change_by_anybody_is_noticed_and_none_is_not(database: TradingDatabase, tmp_path: Path) -> None:
    changes = database.change_counter()
    seen = changes()
    assert changes() == seen
    FenceBook(database).halt("one", "me")
    assert changes() != seen
    seen = changes()
    other = TradingDatabase(tmp_path / "trading.db")
    with other.reading():
        pass
    assert changes() == seen
    FenceBook(other).halt("two", "me")
    assert changes() != seen
    other.close()


def test_every_commit_is_on_disk_when_it_returns(database: TradingDatabase) -> None:
    levels: list[Any] = []

    def note(connection: Connection) -> None:
        levels.append(
            (
                connection.exec_driver_sql("PRAGMA synchronous").scalar(),
                connection.exec_driver_sql("PRAGMA journal_mode").scalar(),
            )
        )

    event.listen(database.engine, "commit", note)
    together(
        lambda n: hook_on_file(database, f"door {n}", "s", f"token {n}"), list(range(4))
    )  # on connections of their own
    Lease(database, "engine").take()
    FenceBook(database).halt("fire", "me")
    SessionBook(database).open_account("a", "paper", "USD", D(1))
    assert SqlStageBook(database).record(attempt(Stage.PAPER), None, None)
    assert levels == [(2, "wal")] * 8  # 2 is FULL


def clauses(connection: Connection) -> dict[str, list[str]]:
    """Every table and index by its parts: the order of its constraints says nothing."""
    return {
        name: sorted(part.rstrip(" )") for part in sql.split(", CONSTRAINT "))
        for name, sql in schema(connection).items()
    }


def test_migrations_give_the_trading_schema_and_can_be_taken_back(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "trading.db", TRADING)
    direct = create_engine("sqlite://")
    with direct.begin() as connection:
        t.metadata.create_all(connection)
        expected = clauses(connection)
    direct.dispose()
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), t.metadata) == []
        assert clauses(connection) == expected
        script = ScriptDirectory.from_config(migrations.configuration(connection, TRADING))
        assert tuple(each.revision for each in script.walk_revisions())[::-1] == TRADING.revisions
        assert connection.execute(text("SELECT epoch, halted, flat_at FROM fence")).all() == [(0, 0, None)]
    with engine.begin() as connection:
        command.downgrade(migrations.configuration(connection, TRADING), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    with engine.begin() as connection:
        command.upgrade(migrations.configuration(connection, TRADING), TRADING.head)
        assert clauses(connection) == expected
    engine.dispose()


def test_without_a_key_only_a_copy_of_the_tickers_newest_alert_is_a_repeat(inbox: Inbox, hook: Hook) -> None:
    asked = [("X", "buy"), ("X", "exit"), ("X", "buy"), ("Y", "buy"), ("X", "buy"), ("X", "exit")]
    kept = [inbox.keep([receipt_of(hook, None, f"{t} {a}", ticker=t, action=a)])[0] for t, a in asked]
    assert [k.is_repeat for k in kept] == [False, False, False, False, True, False]
    assert kept[4].signal_id == kept[2].signal_id
