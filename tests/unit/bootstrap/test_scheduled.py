"""The engine of a home acts on the times of its scheduled algos, as its settings say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support import stand
from workbench import open_workbench
from workbench.bootstrap.engine_room import open_engine
from workbench.model import Stage


@pytest.mark.parametrize(("age", "outcome"), [("300", "taken"), ("0.001", "missed")])
def test_an_engine_that_starts_takes_the_times_that_came_a_moment_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: str, outcome: str
) -> None:
    (tmp_path / "workbench.toml").write_text(f"alert_age = {age}\n")
    bench = open_workbench(tmp_path)
    desk, now = bench.trading, datetime.now(UTC)
    try:
        stand(desk.database, "ema_cross", "paper:ema_cross", Stage.BACKTESTED)  # it has no session: nothing to load
        with monkeypatch.context() as patch:
            patch.setattr("workbench.store.hooks.wall", lambda: now - timedelta(hours=1))
            times = [f"{now - timedelta(minutes=1):%H:%M} exit AAPL"]
            desk.webhooks.create_algo("close", "ema_cross", active=True, trigger="scheduled", times=times)
        engine, lease = open_engine(bench)
        engine.step()
        lease.release()
        [alert] = desk.by_signal.alerts()
        assert alert["source"] == "algo:close"
        if outcome == "missed":
            assert (alert["status"], "was missed" in alert["reason"], desk.signals()) == ("refused", True, [])
        else:
            [signal] = desk.signals()
            assert (signal["status"], signal["algo"]) == ("refused", "close")
            assert signal["reason"] == "strategy ema_cross has no running session"
    finally:
        desk.database.close()
