"""Executors: one function at many tasks, here, on threads, on processes or on a Dask cluster."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
import threading
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from workbench.strategy import FILE_MODULES

HAND_OVER = 0.0002
"""Seconds after which a thread hands the interpreter's lock to one that waits for it, while threads work for us."""
_kept: dict[str, Any] = {}
"""What this process was sent, by its token: one thing at a time."""


Run = Callable[..., Iterator[tuple[int, Any]]]
"""`run(tasks, *, ahead=4, cancelled=…)`, as `worked` describes it."""


@contextmanager
def working(
    executor: Executor | None, function: Callable[[Any, Any], Any], shared: Any, *, helps: bool = False
) -> Iterator[Run]:
    """Hand out a way to work batches of tasks, one after the other, for which `shared` is sent once; see `worked`."""
    if executor is None:

        def here(
            tasks: Iterable[Any], *, ahead: int = 4, cancelled: Callable[[], bool] = lambda: False
        ) -> Iterator[tuple[int, Any]]:
            for place, task in enumerate(tasks):
                if cancelled():
                    return
                yield place, function(shared, task)

        yield here
        return
    submit, end = _sender(executor, function, shared)
    running: list[Future[Any]] = []

    def run(
        tasks: Iterable[Any], *, ahead: int = 4, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[int, Any]]:
        numbered, under_way = enumerate(tasks), dict[Future[Any], tuple[int, Any]]()
        try:
            while True:
                while len(under_way) < ahead and not cancelled():
                    place, task = next(numbered, (-1, None))
                    if place < 0:
                        break
                    under_way[submit(task)] = place, task
                if not under_way:
                    return
                done = {future for future in under_way if future.done()}
                if helps and not done and (late := next((f for f in reversed(under_way) if f.cancel()), None)):
                    place, task = under_way.pop(late)
                    yield place, function(shared, task)
                    continue
                for future in done or wait(under_way, return_when=FIRST_COMPLETED).done:
                    yield under_way.pop(future)[0], future.result()
        finally:
            running.extend(future for future in under_way if not future.cancel())

    with _hand_over.quickly() if isinstance(executor, ThreadPoolExecutor) else nullcontext():
        try:
            yield run
        finally:
            end(running)


def worked(
    executor: Executor | None,
    function: Callable[[Any, Any], Any],
    shared: Any,
    tasks: Iterable[Any],
    *,
    ahead: int = 4,
    cancelled: Callable[[], bool] = lambda: False,
    helps: bool = False,
) -> Iterator[tuple[int, Any]]:
    """Yield (place of the task, `function(shared, task)`) for every task, in the order in which they are done.

    `shared` is sent to each process once, however many tasks it gets, with classes of files and notebooks by value;
    `function` must be importable by its name. At most `ahead` tasks are under way, and no more are begun once it is
    cancelled; who `helps` works one that waits itself where so many are, rather than wait. A Dask cluster makes again
    what a dead worker took with it. Raises what the function raised, and BrokenExecutor where a process of a pool died.
    """
    with working(executor, function, shared, helps=helps) as run:
        yield from run(tasks, ahead=ahead, cancelled=cancelled)


def _sender(
    executor: Executor, function: Callable[[Any, Any], Any], shared: Any
) -> tuple[Callable[[Any], Future[Any]], Callable[[list[Future[Any]]], None]]:
    """How a task is submitted, and what to do at the end with those that are still running."""
    if isinstance(executor, ThreadPoolExecutor):
        return lambda task: executor.submit(function, shared, task), lambda running: None
    packed = _packed(shared)
    if type(executor).__module__.partition(".")[0] == "distributed":
        client = executor._client  # type: ignore[attr-defined]  # there is no other way from the executor to it
        with warnings.catch_warnings():
            # it is sent as part of a task on purpose: what is only scattered is gone with the workers that had it
            warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)
            held = client.submit(pickle.loads, packed, pure=False)
        return lambda task: executor.submit(function, held, task), lambda running: held.release()
    handle, name = tempfile.mkstemp(prefix="workbench-", suffix=".shared")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(packed)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    token = str(uuid.uuid4())

    def end(running: list[Future[Any]]) -> None:
        wait(running)  # they may yet have to read the file
        Path(name).unlink(missing_ok=True)

    return lambda task: executor.submit(_run, function, token, name, task), end


def _run(function: Callable[[Any, Any], Any], token: str, name: str, task: Any) -> Any:
    """One task in a process of a pool, which reads what is shared once."""
    if token not in _kept:
        _kept.clear()
        _kept[token] = pickle.loads(Path(name).read_bytes())
    return function(_kept[token], task)


class _HandOver:
    """Has threads hand over quickly while any search goes on: by itself Python lets one that comes back from compiled
    code wait for 5 ms, longer than that code takes."""

    def __init__(self) -> None:
        self._lock, self._users, self._usual = threading.Lock(), 0, 0.0

    @contextmanager
    def quickly(self) -> Iterator[None]:
        with self._lock:
            if not self._users:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(HAND_OVER, self._usual))
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    sys.setswitchinterval(self._usual)


_hand_over = _HandOver()


def _packed(shared: Any) -> bytes:
    """What is shared as bytes; classes that no other process could import by name go by value."""
    import cloudpickle

    by_value = [module for name, module in list(sys.modules.items()) if name.startswith(FILE_MODULES)]
    for module in by_value:
        cloudpickle.register_pickle_by_value(module)
    try:
        packed: bytes = cloudpickle.dumps(shared)
    finally:
        for module in by_value:
            cloudpickle.unregister_pickle_by_value(module)
    return packed
