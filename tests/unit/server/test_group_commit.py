"""Group commit: requests that come in together share a commit; one that cannot be kept fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from workbench_server.group_commit import GroupCommit

from workbench.errors import BadInput
from workbench.ports import Kept, Receipt, Wanted
from workbench.store import Inbox, TradingDatabase


class Counting(Inbox):
    """Counts its commits, and cannot keep one body."""

    commits = 0

    def keep(self, receipts: Sequence[Receipt]) -> list[Kept]:
        self.commits += 1
        if any(receipt.body == "bad" for receipt in receipts):
            raise BadInput("body", "bad", "cannot be kept")
        return super().keep(receipts)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Counting]:
    database = TradingDatabase(tmp_path / "trading.db")
    yield Counting(database)
    database.close()


def receipt(inbox: Inbox, key: str, body: str = "{}") -> Receipt:
    return Receipt("webhook:h", key, key, body, (Wanted("s", {}),), datetime.now(UTC))


def kept(inbox: Inbox, receipts: Sequence[Receipt]) -> list[Kept | BaseException]:
    async def all_at_once() -> list[Kept | BaseException]:
        commits = GroupCommit(inbox)
        try:
            return await asyncio.gather(*(commits.keep(r) for r in receipts), return_exceptions=True)
        finally:
            await asyncio.to_thread(commits.stop)

    return asyncio.run(all_at_once())


def test_a_hundred_alerts_at_once_share_a_few_commits(inbox: Counting) -> None:
    answers = kept(inbox, [receipt(inbox, str(i)) for i in range(100)])
    assert len({a.signal_ids for a in answers if isinstance(a, Kept)}) == 100
    assert inbox.commits < 30
    assert len(inbox.rows()) == 100


def test_copies_in_one_commit_are_one_alert_and_the_first_is_no_repeat(inbox: Counting) -> None:
    answers = [a for a in kept(inbox, [receipt(inbox, "same")] * 50) if isinstance(a, Kept)]
    assert len(answers) == 50
    assert len({a.signal_ids for a in answers}) == 1
    assert sum(not a.is_repeat for a in answers) == 1
    assert len(inbox.rows()) == 1


def test_one_that_cannot_be_kept_fails_alone(inbox: Counting) -> None:
    some = [receipt(inbox, str(i), "bad" if i == 5 else "{}") for i in range(10)]
    answers = kept(inbox, some)
    assert [i for i, a in enumerate(answers) if isinstance(a, BaseException)] == [5]
    assert len(inbox.rows()) == 9
