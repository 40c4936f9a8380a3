"""Requests on file: each key once, settled once, with the panic's epoch of when it came in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import BadInput, UnknownName
from workbench.store import FenceBook, SqlRequestBook, TradingDatabase

BODY = {"legs": [{"symbol": "X", "side": "buy", "size": "10", "limit": None, "gtt": True}], "n": 1}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[TradingDatabase]:
    made = TradingDatabase(tmp_path / "trading.db")
    yield made
    made.close()


@pytest.fixture
def book(database: TradingDatabase) -> SqlRequestBook:
    return SqlRequestBook(database)


def keep(book: SqlRequestBook, key: str = "k", **more: Any) -> Any:
    given = {"source": "app", "key": key, "account": "a", "kind": "place", "body": BODY, "by": "ann"} | more
    return book.keep(**given)


def test_a_request_comes_back_as_it_was_given(book: SqlRequestBook) -> None:
    kept = keep(book)
    assert (kept.source, kept.key, kept.account, kept.kind, kept.body, kept.by) == (
        "app", "k", "a", "place", BODY, "ann",
    )  # fmt: skip
    assert (kept.status, kept.reason, kept.answer, kept.epoch) == ("received", "", None, 0)
    assert kept.received_at.tzinfo is not None
    assert book.get(kept.request_id) == kept
    assert list(book.waiting()) == [kept]


def test_a_repeat_of_a_key_is_the_first_request_as_it_stands(book: SqlRequestBook) -> None:
    kept = keep(book)
    assert keep(book) == kept
    book.settle(kept.request_id, "done", "", {"orders": ["o"]})
    again = keep(book)
    assert (again.request_id, again.status, again.answer) == (kept.request_id, "done", {"orders": ["o"]})
    assert len(book.all()) == 1


@pytest.mark.parametrize("other", [{"account": "b"}, {"kind": "cancel"}, {"body": BODY | {"n": 2}}])
def test_a_key_used_for_something_else_is_refused_and_nothing_is_changed(
    book: SqlRequestBook, other: dict[str, Any]
) -> None:
    kept = keep(book)
    with pytest.raises(BadInput, match="key k: was used for another request; give each request a key of its own"):
        keep(book, **other)
    assert list(book.all()) == [kept]


def test_one_key_of_two_sources_is_two_requests(book: SqlRequestBook) -> None:
    assert keep(book).request_id != keep(book, source="cli").request_id


def test_a_request_is_settled_once(book: SqlRequestBook) -> None:
    kept = keep(book)
    book.settle(kept.request_id, "refused", "too late", {"orders": []})
    book.settle(kept.request_id, "done", "", {"orders": ["o"]})
    found = book.get(kept.request_id)
    assert (found.status, found.reason, found.answer) == ("refused", "too late", {"orders": []})
    assert list(book.waiting()) == []


def test_those_that_wait_come_oldest_first_and_not_more_than_asked_for(book: SqlRequestBook) -> None:
    kept = [keep(book, f"k{i}") for i in range(5)]
    book.settle(kept[1].request_id, "done", "", {})
    assert [r.key for r in book.waiting()] == ["k0", "k2", "k3", "k4"]
    assert [r.key for r in book.waiting(2)] == ["k0", "k2"]
    assert [r.key for r in book.all(last=2)] == ["k3", "k4"]


def test_a_request_has_the_epoch_of_when_it_came_in(database: TradingDatabase, book: SqlRequestBook) -> None:
    before = keep(book, "before")
    FenceBook(database).halt("fire", "me")
    assert (before.epoch, keep(book, "after").epoch, keep(book, "before").epoch) == (0, 1, 0)


def test_a_request_nobody_made_is_named(book: SqlRequestBook) -> None:
    with pytest.raises(UnknownName, match="request nope: unknown"):
        book.get("nope")
    book.settle("nope", "done", "", {})
    assert book.all() == []


def test_a_body_that_json_changes_is_the_same_request_when_it_is_given_again(book: SqlRequestBook) -> None:
    body = {"ids": ("a", "b"), 1: "one"}
    first = keep(book, body=body)
    assert keep(book, body=body).request_id == first.request_id


def test_one_key_given_by_many_at_once_is_one_request(book: SqlRequestBook) -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(keep(book).request_id)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(ids), len(set(ids)), len(book.all())) == (8, 1, 1)
