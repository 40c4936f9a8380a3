"""A panic against everything at once: nothing is sent behind the fence, and what is open is closed through crashes."""

from __future__ import annotations

import os
import random
import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.faults.world import World
from tests.support import stand
from workbench.model import Order, Side, Stage
from workbench.ports import Verdict
from workbench.store import FenceBook, Lease, SqlOrderRepository, TradingDatabase
from workbench.trading.transitions import OrderEvent, move

RACES = int(os.environ.get("PANIC_RACES", "100"))
WRITERS = 50
NOW = datetime(2024, 1, 2, tzinfo=UTC)


@pytest.fixture
def memory_folder(tmp_path: Path) -> Path:
    """A folder in memory where there is one: these tests are about order, not about disks."""
    if not Path("/dev/shm").is_dir():
        return tmp_path
    folder = Path("/dev/shm") / f"panic-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


class Unfenced(SqlOrderRepository):
    """Broken on purpose: looks at the fence first and authorises afterwards."""

    def authorise(self, order: Order, at: datetime) -> str:
        if self.fence().halted:
            return "panic"
        threading.Event().wait(0.001)
        move(self, order, OrderEvent.AUTHORISE, at)
        return ""


def race(folder: Path, repository_class: type[SqlOrderRepository], races: int) -> int:
    """Authorise against a panic, again and again: how often something was let out behind the fence."""
    database = TradingDatabase(folder / "trading.db")
    stand(database, "s", "a", Stage.PAPER)
    lease = Lease(database, "engine", seconds=3600)
    lease.take()
    repository, fence, leaks = repository_class(database, lease), FenceBook(database), 0
    rng = random.Random(5)
    for nth in range(races):
        ready = Order("g", f"c{nth}", "s", "a", f"X{nth}", Side.BUY, Decimal(1), NOW, epoch=fence.now().epoch)
        repository.add_order(ready, [Verdict("r", "allow")], NOW)
        ready = move(repository, ready, OrderEvent.PASS, NOW)
        gate, answers = threading.Barrier(2), list[str]()
        late = rng.choice((0.0, 0.0, 0.0005, 0.001))

        sender = threading.Thread(target=_authorise, args=(repository, ready, gate, late, answers))
        sender.start()
        gate.wait()
        epoch = fence.halt("race", "t")
        sender.join()
        lines = repository.journal_of("order", [ready.order_id])
        sent = next((int(line["seq"]) for line in lines if line.get("event") == "authorise"), None)
        raised = next(int(line["seq"]) for line in reversed(repository.journal_of("panic", [str(epoch)])))
        leaks += sent is not None and sent > raised
        assert (answers[0] == "") == (sent is not None)
        fence.set_flat(epoch)
        fence.resume("t")
    database.close()
    return leaks


def _authorise(
    repository: SqlOrderRepository, order: Order, gate: threading.Barrier, late: float, answers: list[str]
) -> None:
    gate.wait()
    threading.Event().wait(late)
    answers.append(repository.authorise(order, NOW))


@pytest.mark.slow
def test_nothing_is_let_out_behind_the_fence_in_any_race(memory_folder: Path) -> None:
    assert race(memory_folder, SqlOrderRepository, RACES) == 0


@pytest.mark.slow
def test_a_fence_that_is_looked_at_before_the_write_is_found_out(memory_folder: Path) -> None:
    assert race(memory_folder, Unfenced, 60) > 0


def test_the_fence_goes_up_among_fifty_writers_and_stops_every_one_of_them(memory_folder: Path) -> None:
    database = TradingDatabase(memory_folder / "trading.db")
    stand(database, "s", "a", Stage.PAPER)
    lease = Lease(database, "engine", seconds=3600)
    lease.take()
    repository, fence, stop = SqlOrderRepository(database, lease), FenceBook(database), threading.Event()
    begun = threading.Semaphore(0)

    def write(nth: int) -> None:
        made = 0
        while not stop.is_set():
            order = Order("g", f"c{nth}-{made}", "s", "a", f"X{nth}", Side.BUY, Decimal(1), NOW)
            made += 1
            with repository.transaction():
                repository.add_order(order, [Verdict("r", "allow")], NOW)
                order = move(repository, order, OrderEvent.PASS, NOW)
            refused = repository.authorise(order, NOW)
            begun.release()
            if refused:
                move(repository, replace(order, reason=refused), OrderEvent.CANCEL, NOW)
                return

    writers = [threading.Thread(target=write, args=(nth,)) for nth in range(WRITERS)]
    for writer in writers:
        writer.start()
    for _ in range(WRITERS * 2):
        begun.acquire()
    epoch = fence.halt("now", "t")
    for writer in writers:
        writer.join(timeout=60)
    stop.set()
    assert not any(writer.is_alive() for writer in writers)
    raised = int(repository.journal_of("panic", [str(epoch)])[-1]["seq"])
    let_out = [int(line["seq"]) for line in repository.journal() if line.get("event") == "authorise"]
    assert let_out, "nothing was sent before: no race"
    assert max(let_out) < raised
    database.close()


def flatten(folder: Path, seed: int, kill_at: int | None) -> int:
    """A life in a process of its own: trade some bars, then a panic, until the broker twice shows nothing."""
    child = os.fork()
    if child == 0:
        try:
            world = World(folder, seed, kill_at)
            world.engine.step()
            fence = FenceBook(world.database)
            while not fence.now().halted and world.sessions.all()[0].bars < 7:
                world.feed.let = 1
                world.engine.step()
            if not fence.now().halted:
                fence.halt("test", "t")
            epoch = fence.now().epoch
            for _ in range(40):
                world.feed.let = 1
                world.session.step()
                if world.session.flatten(epoch):
                    os._exit(0)
            os._exit(4)
        except BaseException:
            os._exit(3)
    return os.waitpid(child, 0)[1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_panic_closes_everything_through_crashes_and_nothing_twice(memory_folder: Path, seed: int) -> None:
    whole = memory_folder / "whole"
    whole.mkdir()
    assert flatten(whole, seed, None) == 0
    rng, crashes = random.Random(seed), 0
    for nth in range(6):
        folder = memory_folder / str(nth)
        folder.mkdir()
        for kill_at in (*(rng.randrange(10, 130) for _ in range(4)), None):
            status = flatten(folder, seed, kill_at)
            if status == 0:
                break
            assert os.WIFSIGNALED(status), status
            crashes += 1
        facts = World(folder, seed).facts()
        assert (facts["position"], facts["broker"], facts["duplicates"]) == ("0", [], [])
        assert facts["cash"][0] == facts["cash"][1]
    assert crashes >= 4
