"""Runs, artifacts and processes that the tests of the store share."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from workbench.model import new_id
from workbench.ports import Artifact, RunRecord, Trial
from workbench.store import tables

START = datetime(2024, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)


def make_run(**changes: Any) -> RunRecord:
    run = RunRecord(
        run_id=new_id(),
        kind="backtest",
        strategy="ema_cross",
        family="ema_cross@1",
        spec={"symbol": "AAPL", "costs": {"fee": 0.001}},
        params={"fast": 12, "slow": 48},
        data={"bars": 2000, "first": "2000-01-03T00:00:00Z"},
        data_fingerprint="d1",
        code_fingerprint="c1",
        environment={"python": "3.11.7"},
        environment_fingerprint="e1",
        metrics={"sharpe": 0.1 + 0.2, "win_rate": None},
        started_at=START,
        seconds=1.25,
    )
    return replace(run, **changes)


def trials_of(run: RunRecord, *params: str, data: str = "d1") -> list[Trial]:
    return [Trial(each, data, run.run_id) for each in params]


EQUITY = Artifact("equity.csv", "text/csv", b"time,equity\n2024-01-02,100\n")
REPORT = Artifact("Report-1.html", "text/html", b"\x00\xff binary too")


def count(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in tables.metadata.tables.items()
        }


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def in_process(code: str, home: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a Python process with a registry on a home, and makers of runs and trials of its own."""
    start = """
        import sys
        from datetime import UTC, datetime
        from pathlib import Path
        from workbench.model import new_id
        from workbench.ports import Artifact, RunRecord, Trial
        from workbench.store import SqlRunRegistry, open_database
        engine = open_database(f"sqlite:///{sys.argv[1]}/research.db")
        registry = SqlRunRegistry(engine, Path(sys.argv[1]) / "artifacts")
        run_id = new_id()
        def run(params):
            return RunRecord(run_id, "sweep", "s", "family", {}, {"p": params}, {}, "d", "c", {}, "e", {},
                             datetime.now(UTC), 0.0)
        def trial(params):
            return Trial(params, "d", run_id)
    """
    source = "\n".join(line.removeprefix(" " * 8) for line in (start + code).splitlines())
    return subprocess.Popen([sys.executable, "-c", source, str(home), *arguments], text=True)
