"""Group commit: alerts that come in together share one durable commit."""

from __future__ import annotations

import asyncio
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.ports import Kept, Receipt

if TYPE_CHECKING:
    from workbench.store import Inbox

MOST = 256
"""Alerts in one commit."""


@dataclass(slots=True)
class _Waiting:
    receipt: Receipt
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Kept]


class GroupCommit:
    """One thread that writes: while it commits, the alerts that arrive gather for the next commit."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="group-commit", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and end."""
        self._queue.put(None)
        self._thread.join()

    async def keep(self, receipt: Receipt) -> Kept:
        """Keep an alert; it is on disk when this returns. Raises what the file raises: then it was not kept."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(receipt, loop, loop.create_future())
        self._queue.put(waiting)
        return await waiting.answer

    def _work(self) -> None:
        ends = False
        while not ends:
            batch: list[_Waiting] = []
            item = self._queue.get()
            while True:
                if item is None:
                    ends = True
                    break
                batch.append(item)
                if len(batch) == MOST or self._queue.empty():
                    break
                item = self._queue.get()
            if batch:
                self._commit(batch)

    def _commit(self, batch: list[_Waiting]) -> None:
        try:
            kept = self._inbox.keep([waiting.receipt for waiting in batch])
        except Exception as error:  # noqa: BLE001 - whoever waits must be told, whatever it was
            if len(batch) > 1:  # one that cannot be kept must not take the others along
                for waiting in batch:
                    self._commit([waiting])
                return
            _answer(batch[0], error)
            return
        for waiting, answer in zip(batch, kept, strict=True):
            _answer(waiting, answer)


def _answer(waiting: _Waiting, answer: Kept | Exception) -> None:
    def tell() -> None:
        if waiting.answer.cancelled():  # the sender went away; the alert is kept all the same
            return
        if isinstance(answer, Exception):
            waiting.answer.set_exception(answer)
        else:
            waiting.answer.set_result(answer)

    waiting.loop.call_soon_threadsafe(tell)
