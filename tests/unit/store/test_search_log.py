"""The search log: numbered by whoever writes, each study by itself, read from any entry on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from workbench.errors import BadInput
from workbench.store import SqlSearchLog


def test_entries_come_back_in_their_order_each_study_by_itself(engine: Engine) -> None:
    log = SqlSearchLog(engine)
    log.append("a", [{"n": 0}, {"n": 1}])
    log.append("b", [{"n": 9}])
    log.append("a", [{"n": 2}])
    log.append("a", [])
    assert log.read("a", 0) == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert log.read("a", 2) == [{"n": 2}]
    assert log.read("b", 0) == [{"n": 9}]
    assert log.read("never", 0) == []


def test_writers_side_by_side_lose_and_double_nothing(engine: Engine) -> None:
    log = SqlSearchLog(engine)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: log.append("s", [{"n": i}, {"n": -i}]), range(1, 41)))
    found = [entry["n"] for entry in log.read("s", 0)]
    assert sorted(found) == sorted([*range(1, 41), *(-i for i in range(1, 41))])
    assert all(found[i] == -found[i + 1] for i in range(0, 80, 2)), "what was written together stays together"


def test_what_json_does_not_have_is_refused_and_nothing_is_kept(engine: Engine) -> None:
    log = SqlSearchLog(engine)
    with pytest.raises(BadInput, match="finite"):
        log.append("s", [{"n": 1}, {"n": float("inf")}])
    assert log.read("s", 0) == []
