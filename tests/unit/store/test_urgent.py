"""Urgent transactions: others make way for a moment, and a file left behind by a crash stops nobody."""

from __future__ import annotations

import os
import time
from pathlib import Path

from workbench.store import FenceBook, TradingDatabase
from workbench.store.trading import MOMENT


def test_others_wait_while_an_urgent_one_is_under_way_and_not_for_longer_than_a_moment(tmp_path: Path) -> None:
    database = TradingDatabase(tmp_path / "trading.db")
    urgent = tmp_path / "trading.db-urgent"
    urgent.touch()
    began = time.monotonic()
    with database.transaction():
        waited = time.monotonic() - began
    assert MOMENT * 0.9 <= waited < 4 * MOMENT
    with database.urgent(), database.transaction():
        pass  # it waits for nobody
    assert not urgent.exists()
    database.close()


def test_a_file_left_behind_by_a_crash_stops_nobody(tmp_path: Path) -> None:
    database = TradingDatabase(tmp_path / "trading.db")
    urgent = tmp_path / "trading.db-urgent"
    urgent.touch()
    os.utime(urgent, (time.time() - 60, time.time() - 60))
    began = time.monotonic()
    with database.transaction():
        assert time.monotonic() - began < MOMENT / 2
    FenceBook(database).halt("r", "t")
    assert not urgent.exists()
    database.close()
