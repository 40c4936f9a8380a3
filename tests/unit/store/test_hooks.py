"""Hooks, groups and algos on file: tokens known by their hashes, rotated and revoked; names that stay unique."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support import hook_on_file
from workbench.errors import BadInput, UnknownName
from workbench.model import Algo, Group, HookRules
from workbench.signals import token_hash
from workbench.store import HookBook, TradingDatabase, new_hook


@pytest.fixture
def database(tmp_path: Path) -> Iterator[TradingDatabase]:
    made = TradingDatabase(tmp_path / "trading.db")
    yield made
    made.close()


@pytest.fixture
def book(database: TradingDatabase) -> HookBook:
    return HookBook(database)


def test_a_hook_is_found_by_its_token_which_is_not_kept(
    book: HookBook, database: TradingDatabase, tmp_path: Path
) -> None:
    hook = hook_on_file(database, "door", "s", "secret token")
    assert book.by_token(token_hash("secret token")) == hook
    assert book.by_token(token_hash("another")) is None
    assert book.by_token("") is None
    assert list(book.hooks()) == [hook]
    with pytest.raises(BadInput, match="hook name door: is taken"):
        book.create(new_hook("door", "other"), token_hash("another token"))
    assert book.by_token(token_hash("another token")) is None
    for file in tmp_path.iterdir():
        assert b"secret token" not in file.read_bytes()


def test_all_that_a_hook_asks_for_comes_back_as_it_was_kept(book: HookBook) -> None:
    rules = HookRules(
        secret="ab" * 32, signed=True, addresses=("tradingview", "10.0.0.0/8"), symbols=("X",),
        most_size=Decimal("1.5"), a_day=3, age=None,
    )  # fmt: skip
    made = new_hook("door", group="g", format="chartink", settings={"action": "buy"}, rules=rules, about="why")
    book.create(made, "h")
    assert book.hook("door") == made
    assert "52.89.214.238/32" in made.rules.addresses


def test_a_rotated_token_is_good_until_its_overlap_ends(book: HookBook, database: TradingDatabase) -> None:
    hook = hook_on_file(database, "door", "s", "one")
    book.rotate("door", token_hash("two"), timedelta(seconds=60))
    assert book.by_token(token_hash("one")) == book.by_token(token_hash("two")) == hook
    book.rotate("door", token_hash("three"), timedelta(0))
    assert [book.by_token(token_hash(text)) for text in ("one", "two", "three")] == [None, None, hook]
    book.rotate("door", token_hash("four"), timedelta(microseconds=1))
    assert book.by_token(token_hash("three")) is None
    assert book.by_token(token_hash("four")) == hook


def test_a_revoked_hook_is_as_unknown_as_one_nobody_made(book: HookBook, database: TradingDatabase) -> None:
    hook_on_file(database, "h", "s", "token")
    book.rotate("h", token_hash("newer"), timedelta(hours=1))
    book.revoke("h")
    assert book.by_token(token_hash("token")) is book.by_token(token_hash("newer")) is None
    for act in (book.revoke, book.hook):
        with pytest.raises(UnknownName, match="h"):
            act("h")
    assert list(book.hooks()) == []
    assert [hook.name for hook in book.hooks(revoked=True)] == ["h"]


def test_groups_and_algos_are_kept_changed_and_taken_away_in_the_order_that_leaves_nothing_hanging(
    book: HookBook,
) -> None:
    with pytest.raises(UnknownName, match="algo a"):
        book.keep_group(Group("g", ("a",)), new=True)
    algo = Algo("a", "s", windows=("mon-fri 9:15-15:15 Asia/Kolkata",), actions={"buy": "short"}, priority=2)
    book.keep_algo(algo, new=True)
    with pytest.raises(BadInput, match="is taken"):
        book.keep_algo(algo, new=True)
    assert book.algo("a") == algo
    group = Group("g", ("a",), recognise=True)
    book.keep_group(group, new=True)
    assert book.group("g") == group
    book.create(new_hook("door", group="g"), "hash")
    with pytest.raises(BadInput, match="is in group g"):
        book.remove_algo("a")
    with pytest.raises(BadInput, match="hook door goes to"):
        book.remove_group("g")
    book.revoke("door")
    book.remove_group("g")
    book.remove_algo("a")
    assert (list(book.groups()), list(book.algos())) == ([], [])
    with pytest.raises(UnknownName, match="algo a"):
        book.remove_algo("a")
