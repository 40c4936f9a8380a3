"""Work sent elsewhere: once, by value where it must, and made again where a worker died."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from workbench_strategies.crosses import SmaCross

from tests.support import make_history, make_terms
from workbench import Bars, Param, Signals, Strategy, open_workbench
from workbench.bootstrap import sweeping
from workbench.errors import BadInput
from workbench.research import Span, executors, grid_sets, permutation_test, sweep, walk_forward
from workbench.research.executors import worked, working
from workbench.research.sweep import slices

SETS, _ = grid_sets(SmaCross, {}, {"fast": list(range(2, 8)), "slow": list(range(10, 30, 4))})


def history() -> Any:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.02, 300)))
    return make_history([(c, c * 1.01, c * 0.99, c) for c in close.round(2)], tick="0.01")


class Heavy:
    """Something shared that counts how often it is unpacked in a process."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        with Path(state["file"]).open("a") as file:
            file.write(f"{os.getpid()}\n")


def twice(shared: Heavy, task: int) -> int:
    return task * 2


def dies_once(shared: str, task: int) -> int:
    """Takes its own process along at the third task, the first time."""
    if task == 3 and not Path(shared).exists():
        Path(shared).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def test_what_is_shared_is_unpacked_once_in_each_process(tmp_path: Path) -> None:
    shared = Heavy()
    shared.__dict__["file"] = str(tmp_path / "unpacked")
    with ProcessPoolExecutor(2) as pool:
        found = dict(worked(pool, twice, shared, range(40)))
    assert found == {i: i * 2 for i in range(40)}
    seen = (tmp_path / "unpacked").read_text().split()
    assert len(seen) == len(set(seen)) <= 2


def test_batches_one_after_the_other_share_what_was_sent_once(tmp_path: Path) -> None:
    shared = Heavy()
    shared.__dict__["file"] = str(tmp_path / "unpacked")
    with ProcessPoolExecutor(2) as pool, working(pool, twice, shared) as run:
        for batch in range(5):
            assert dict(run(range(batch, batch + 6))) == {i: (batch + i) * 2 for i in range(6)}
    seen = (tmp_path / "unpacked").read_text().split()
    assert len(seen) == len(set(seen)) <= 2


def test_a_bayesian_search_sends_the_prices_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed, sent = executors._packed, []
    monkeypatch.setattr(executors, "_packed", lambda shared: sent.append(shared) or packed(shared))
    bench = open_workbench(tmp_path)
    options = {"search": "bayes", "trials": 9, "start": "2005-01-01", "workers": 2, "executor": "process"}
    found = bench.sweep("sma_cross", "sample:AAPL", grid=["fast=5:20:5", "slow=30:60:10"], **options)
    assert (len(found), len(sent)) == (9, 1)


@pytest.mark.parametrize(("seconds", "largest"), [(0.00001, 128), (0.01, 24), (0.2, 2), (5.0, 1)])
def test_slices_are_as_long_as_a_cancel_can_wait_for(seconds: float, largest: int) -> None:
    now, found = [0.0], []
    for first, stop in slices(1_000, 128, clock=lambda: now[0]):
        found.append((first, stop))
        now[0] += seconds * (stop - first)
    assert [i for first, stop in found for i in range(first, stop)] == list(range(1_000))
    assert max(stop - first for first, stop in found[4:]) <= largest


def test_threads_hand_over_quickly_while_they_work_and_as_ever_afterwards() -> None:
    usual = sys.getswitchinterval()
    with ThreadPoolExecutor(2) as pool, working(pool, lambda shared, task: sys.getswitchinterval(), None) as run:
        assert all(value == pytest.approx(executors.HAND_OVER) for _, value in run(range(3)))
        with working(pool, lambda shared, task: task, None) as other:  # another search meanwhile
            assert dict(other([7])) == {0: 7}
        assert sys.getswitchinterval() == pytest.approx(executors.HAND_OVER)
    assert sys.getswitchinterval() == pytest.approx(usual)


def test_no_more_than_so_many_tasks_are_taken_ahead() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for i in range(50):
            taken.append(i)
            yield i

    with ThreadPoolExecutor(2) as pool:
        for done, _ in enumerate(worked(pool, lambda shared, task: task, None, tasks(), ahead=3)):
            assert len(taken) <= done + 1 + 3


def test_who_helps_works_one_itself_where_the_others_are_behind_and_each_is_worked_once() -> None:
    me, helped = threading.current_thread(), threading.Event()
    worked_by: dict[int, list[bool]] = {}

    def slow_elsewhere(shared: None, task: int) -> int:
        mine = threading.current_thread() is me
        worked_by.setdefault(task, []).append(mine)
        if mine:
            helped.set()
        assert helped.wait(10), "nobody helped"
        return task

    with ThreadPoolExecutor(1) as pool:
        found = dict(worked(pool, slow_elsewhere, None, range(40), ahead=3, helps=True))
    assert found == {i: i for i in range(40)}
    assert sorted(worked_by) == list(range(40))
    assert all(len(times) == 1 for times in worked_by.values())
    assert {mine for times in worked_by.values() for mine in times} == {True, False}


def test_who_helps_leaves_alone_what_somebody_works_on() -> None:
    begun: list[int] = []

    def slow(shared: None, task: int) -> int:
        begun.append(task)
        time.sleep(0.005)
        return task

    with ThreadPoolExecutor(2) as pool:
        found = dict(worked(pool, slow, None, range(40), ahead=2, helps=True))
    assert found == {i: i for i in range(40)}
    assert sorted(begun) == list(range(40))


def test_cancelled_nothing_more_is_begun_and_what_is_done_comes() -> None:
    done: list[int] = []
    for place, _ in worked(None, lambda shared, task: task, None, range(10), cancelled=lambda: len(done) >= 4):
        done.append(place)
    assert done == [0, 1, 2, 3]


def test_a_process_that_dies_loses_nothing_that_is_done(tmp_path: Path) -> None:
    done: list[int] = []
    with ProcessPoolExecutor(1) as pool:
        results = worked(pool, dies_once, str(tmp_path / "died"), range(10), ahead=1)
        with pytest.raises(BrokenExecutor):
            done.extend(place for place, _ in results)
    assert done == [0, 1, 2]
    sets = [Slow(n=n, marker=str(tmp_path / "again"), deadly=27) for n in range(1, 31)]
    with ProcessPoolExecutor(1) as pool:
        found = sweep("slow", sets, [history()], make_terms(), axes={}, executor=pool, workers=1)
    assert found.cancelled
    assert 0 < len(found) < 30, "what was done before is kept"


def test_a_class_typed_here_goes_to_other_processes_by_value(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from workbench import Param, Signals, Strategy\n"
        "def rises(close, n):\n    import numpy as np\n"
        "    return np.concatenate([np.zeros(n, bool), close[n:] > close[:-n]])\n"
        "class Mine(Strategy):\n    n = Param(2, low=1, high=20)\n"
        "    def signals(self, bars):\n        up = rises(bars.close, self.n)\n"
        "        return Signals(entries=up, exits=~up)\n"
    )
    bench = open_workbench(tmp_path / "home")
    job: dict[str, Any] = {"grid": ["n=1:12:1"], "record": False, "workers": 2}
    alone = bench.sweep(f"{file}:Mine", "sample:IBM", **job)
    together = bench.sweep(f"{file}:Mine", "sample:IBM", executor="process", **job)
    assert np.array_equal(alone.table, together.table, equal_nan=True)


class Slow(Strategy):
    """Kills the process it runs in at one of its sets, the first time."""

    n = Param(1, low=1, high=30)
    marker = Param("")
    deadly = Param(7)

    def signals(self, bars: Bars) -> Signals:
        if self.n == self.deadly and self.marker and not Path(self.marker).exists():
            Path(self.marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        up = np.zeros(len(bars), bool)
        up[self.n :] = bars.close[self.n :] > bars.close[: -self.n]
        return Signals(entries=up, exits=~up)


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[Executor, str]]:
    """A Dask cluster of two processes on this machine."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as made,
        Client(made, set_as_default=False) as client,
    ):
        client.wait_for_workers(2)
        yield client.get_executor(pure=False, retries=3), str(client.scheduler.address)


@pytest.mark.slow
class TestDask:
    def test_a_cluster_gives_the_numbers_of_one_process(self, cluster: tuple[Executor, str], tmp_path: Path) -> None:
        pool, address = cluster
        made, terms = history(), make_terms()
        alone = sweep("sma", SETS, [made], terms, axes={})
        told: list[int] = []
        there = sweep(
            "sma", SETS, [made], terms, axes={}, executor=pool, workers=2, progress=lambda what, n, of: told.append(n)
        )
        assert np.array_equal(alone.table, there.table, equal_nan=True)
        assert told[-1] == len(SETS)
        assert len(told) > 1, "progress is shown on the way"
        job: dict[str, Any] = {"train": Span(100), "test": Span(50), "axes": {"fast": [2, 4], "slow": [10, 20]}}
        here = walk_forward("sma", SETS[0], [made], terms, **job)
        assert walk_forward("sma", SETS[0], [made], terms, executor=pool, **job).to_dict() == here.to_dict()
        one, two = (permutation_test(SETS[:3], [made], terms, permutations=6, executor=e) for e in (None, pool))
        assert sorted(one.drawn) == sorted(two.drawn)
        bench = open_workbench(tmp_path)
        named = address.replace("tcp://", "dask://")
        grid = ["fast=4:12:2", "slow=20:60:20"]
        byname = bench.sweep("ema_cross", "sample:IBM", grid=grid, executor=named, record=False)
        assert np.array_equal(
            byname.table, bench.sweep("ema_cross", "sample:IBM", grid=grid, record=False).table, equal_nan=True
        )

    def test_a_worker_that_dies_is_made_good_for(self, cluster: tuple[Executor, str], tmp_path: Path) -> None:
        pool, _ = cluster
        sets = [Slow(n=n, marker=str(tmp_path / "died")) for n in range(1, 31)]
        found = sweep("slow", sets, [history()], make_terms(), axes={}, executor=pool, workers=2)
        assert (tmp_path / "died").exists(), "a worker was killed"
        assert not found.cancelled
        assert len(found) == 30
        alone = sweep("slow", sets, [history()], make_terms(), axes={})
        assert np.array_equal(found.table, alone.table, equal_nan=True)

    def test_one_is_started_here_even_where_the_usual_port_is_taken(self) -> None:
        with socket.socket() as other:
            with suppress(OSError):  # another program of this machine may have it
                other.bind(("127.0.0.1", 8787))
                other.listen()
            with sweeping.executor_of("dask://local", 1) as (made, count):  # a warning is an error here
                assert made is not None
                assert (made.submit(pow, 2, 5).result(), count) == (32, 1)


@pytest.mark.parametrize(
    ("executor", "words"),
    [("dask://127.0.0.1:1", "does not answer"), ("dask://", "does not answer"), ("spark", "unknown")],
)
def test_an_executor_that_is_not_there_is_said_at_once(
    tmp_path: Path, executor: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "DASK_SECONDS", 1.0)
    with pytest.raises(BadInput, match=words):
        open_workbench(tmp_path).sweep("ema_cross", "sample:IBM", grid=["fast=4:8:2"], executor=executor)
