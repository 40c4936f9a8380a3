"""Trials: each (parameters, data) of a family counts once, whoever adds it, and however many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from workbench.errors import BadInput
from workbench.store import SqlRunRegistry, tables

from .samples import EQUITY, START, count, in_process, make_run, trials_of


def test_each_parameters_and_data_of_a_family_count_once(registry: SqlRunRegistry, engine: Engine) -> None:
    first, second, other = make_run(), make_run(), make_run(family="rsi@1")
    registry.add(first, trials=iter(trials_of(first, "p1", "p2", "p1")))
    registry.add(second, trials=trials_of(second, "p2", "p3") + trials_of(second, "p2", data="d2"))
    registry.add(other, trials=trials_of(other, "p1"))
    assert registry.trials("ema_cross@1") == 4
    assert registry.trials("rsi@1") == 1
    assert registry.trials("never seen") == 0
    with engine.connect() as connection:
        table = tables.trials
        query = select(table).where(table.c.params_fingerprint == "p2", table.c.data_fingerprint == "d1")
        row = connection.execute(query).one()
    assert (row.run_id, row.evaluated_at) == (first.run_id, START)


def test_a_trial_of_another_run_is_refused(registry: SqlRunRegistry, engine: Engine) -> None:
    run, other = make_run(), make_run()
    with pytest.raises(BadInput, match=f"^trial {other.run_id}: is of another run than {run.run_id}; "):
        registry.add(run, trials=trials_of(other, "p1"))
    assert count(engine)["runs"] == 0


def test_threads_count_each_trial_once(registry: SqlRunRegistry) -> None:
    def add(n: int) -> None:
        run = make_run()
        registry.add(run, [EQUITY], trials_of(run, *(f"p{n + k}" for k in range(10))))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert registry.trials("ema_cross@1") == 49
    assert len(registry.find()) == 40


def test_processes_count_each_trial_once(registry: SqlRunRegistry, tmp_path: Path) -> None:
    code = """
        for n in range(30):
            run_id = new_id()
            registry.add(run(n), [Artifact("a.txt", "text/plain", b"a")], [trial(f"p{n + k}") for k in range(5)])
        engine.dispose()
    """
    processes = [in_process(code, tmp_path) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert registry.trials("family") == 34
    assert len(registry.find()) == 120
