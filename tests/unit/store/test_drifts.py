"""Drifts on file: each kept once while it is open, resolved once, and never lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.store import Lease, SqlDriftBook, SqlOrderRepository, TradingDatabase


@pytest.fixture
def database(tmp_path: Path) -> Iterator[TradingDatabase]:
    made = TradingDatabase(tmp_path / "trading.db")
    yield made
    made.close()


@pytest.fixture
def drifts(database: TradingDatabase) -> SqlDriftBook:
    return SqlDriftBook(database)


def noted(database: TradingDatabase, kind: str) -> list[str]:
    lines = SqlOrderRepository(database, Lease(database, "engine")).journal()
    return [line["reason"] for line in lines if line["kind"] == kind]


def test_a_drift_seen_again_is_one_drift_with_its_last_words(database: TradingDatabase, drifts: SqlDriftBook) -> None:
    assert drifts.see("a", "cash", "", "10 on file, 12 there")
    [first] = drifts.open("a")
    assert not drifts.see("a", "cash", "", "10 on file, 13 there")
    [drift] = drifts.open("a")
    assert (drift.words, drift.first_at, drift.resolved_at) == ("10 on file, 13 there", first.first_at, None)
    assert drift.seen_at >= first.seen_at
    assert noted(database, "drift") == ["10 on file, 12 there"]


def test_drifts_of_accounts_and_of_subjects_are_kept_apart_oldest_first(drifts: SqlDriftBook) -> None:
    for account, about, symbol in (("a", "position:X", "X"), ("b", "position:X", "X"), ("a", "cash", "")):
        assert drifts.see(account, about, symbol, "differs")
    assert [(d.about, d.symbol) for d in drifts.open("a")] == [("position:X", "X"), ("cash", "")]
    assert [d.account for d in drifts.open()] == ["a", "b", "a"]
    assert drifts.resolve("a", "position:X", "ann", "known")
    assert [d.about for d in drifts.open("b")] == ["position:X"]


def test_a_drift_is_resolved_once_and_stays_on_file(database: TradingDatabase, drifts: SqlDriftBook) -> None:
    assert not drifts.resolve("a", "cash", "ann", "there is none")
    drifts.see("a", "cash", "", "differs")
    assert drifts.resolve("a", "cash", "ann", "a fee of the bank")
    assert not drifts.resolve("a", "cash", "bob", "again")
    assert drifts.open() == []
    [drift] = drifts.history()
    assert (drift.resolved_by, drift.resolution) == ("ann", "a fee of the bank")
    assert drift.resolved_at is not None
    assert drift.resolved_at.tzinfo is not None
    assert noted(database, "drift_resolved") == ["a fee of the bank"]


def test_a_drift_that_comes_back_is_a_new_one(drifts: SqlDriftBook) -> None:
    drifts.see("a", "cash", "", "first")
    drifts.resolve("a", "cash", "evidence", "gone")
    assert drifts.see("a", "cash", "", "second")
    assert [d.words for d in drifts.open("a")] == ["second"]
    assert [d.words for d in drifts.history()] == ["first", "second"]
    assert [d.words for d in drifts.history(last=1)] == ["second"]


def test_the_last_look_at_an_account_is_kept_and_no_other(drifts: SqlDriftBook) -> None:
    drifts.looked("b", "the broker does not answer", {})
    drifts.looked("a", "", {"cash": "1"})
    drifts.looked("a", "", {"cash": "2"})
    assert [(row.account, row.trouble, row.facts) for row in drifts.looks()] == [
        ("a", "", {"cash": "2"}),
        ("b", "the broker does not answer", {}),
    ]


def test_drifts_are_there_after_the_file_was_closed(tmp_path: Path) -> None:
    first = TradingDatabase(tmp_path / "t.db")
    SqlDriftBook(first).see("a", "cash", "", "differs")
    first.close()
    again = TradingDatabase(tmp_path / "t.db")
    assert [d.words for d in SqlDriftBook(again).open("a")] == ["differs"]
    again.close()


def test_one_drift_seen_by_many_at_once_is_kept_once(database: TradingDatabase, drifts: SqlDriftBook) -> None:
    new: list[bool] = []
    threads = [threading.Thread(target=lambda: new.append(drifts.see("a", "cash", "", "w"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new) == [False] * 7 + [True]
    assert len(drifts.history()) == 1


def test_what_a_transaction_that_failed_saw_is_not_kept(database: TradingDatabase, drifts: SqlDriftBook) -> None:
    def fail() -> None:
        with database.transaction():
            drifts.see("a", "cash", "", "differs")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert drifts.history() == []
    assert noted(database, "drift") == []
