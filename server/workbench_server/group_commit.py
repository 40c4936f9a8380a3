"""Group commit: alerts that come in together share one durable commit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.ports import Kept, Receipt

if TYPE_CHECKING:
    from workbench.store import Inbox

MOST = 256
"""Alerts in one commit."""
LINGER = 0.01
"""Seconds a batch gathers for, at most, while every turn of the event loop brings more."""

_Waiting = tuple[Receipt, "asyncio.Future[Kept]"]


class GroupCommit:
    """Commits on the event loop itself: a batch goes to the disk once a turn of the loop brought no further alert.

    All that is on its way shares the commit, and one that is alone waits for one turn. A thread that writes meanwhile
    was tried and is slower: each of its many short calls waits for the interpreter's lock, up to 5 ms. The file's lock
    may be held for longer by another process, though: `quick` waits for it for a moment, and a batch that cannot be
    kept then goes to a thread, by the `patient` inbox, with the loop free again. For one event loop.
    """

    def __init__(self, quick: Inbox, patient: Inbox | None = None) -> None:
        self._quick, self._patient = quick, patient or quick
        self._gathered: list[_Waiting] = []
        self._is_asked = self._is_busy = False
        self._seen, self._since = 0, 0.0
        self._threads: set[threading.Thread] = set()

    def stop(self) -> None:
        """Wait for what a thread still writes; nothing is asked any more."""
        for thread in list(self._threads):
            thread.join()

    async def keep(self, receipt: Receipt) -> Kept:
        """Keep an alert; it is on disk when this returns. Raises what the file raises: then it was not kept."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Kept] = loop.create_future()
        self._gathered.append((receipt, answer))
        self._ask(loop)
        return await answer

    def _ask(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have what gathered committed, after this turn of the loop."""
        if self._gathered and not (self._is_asked or self._is_busy):
            self._is_asked, self._seen, self._since = True, 0, loop.time()
            loop.call_soon(self._commit, loop)

    def _commit(self, loop: asyncio.AbstractEventLoop) -> None:
        """Commit what gathered, unless this turn of the loop brought more."""
        count = len(self._gathered)
        if self._seen < count < MOST and loop.time() - self._since < LINGER:
            self._seen = count
            loop.call_soon(self._commit, loop)
            return
        self._is_asked = False
        batch, self._gathered = self._gathered[:MOST], self._gathered[MOST:]
        try:
            answers: Sequence[Kept | Exception] = self._quick.keep([receipt for receipt, _ in batch])
        except WorkbenchError:
            self._is_busy = True
            thread = threading.Thread(target=self._patiently, args=(loop, batch), name="group-commit", daemon=True)
            self._threads.add(thread)
            thread.start()
            return
        except Exception:  # noqa: BLE001 - one that cannot be kept must not take the others along
            answers = _one_by_one(self._quick, batch)
        self._tell(loop, batch, answers)

    def _patiently(self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting]) -> None:
        answers = _one_by_one(self._patient, batch)
        self._threads.discard(threading.current_thread())
        loop.call_soon_threadsafe(self._heard, loop, batch, answers)

    def _heard(
        self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting], answers: Sequence[Kept | Exception]
    ) -> None:
        self._is_busy = False
        self._tell(loop, batch, answers)

    def _tell(
        self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting], answers: Sequence[Kept | Exception]
    ) -> None:
        """Answer whoever waits, and go on with what came meanwhile."""
        for (_, waiting), answer in zip(batch, answers, strict=True):
            if waiting.cancelled():  # the sender went away; the alert is kept all the same
                continue
            if isinstance(answer, Exception):
                waiting.set_exception(answer)
            else:
                waiting.set_result(answer)
        self._ask(loop)


def _tried(inbox: Inbox, batch: Sequence[_Waiting]) -> Sequence[Kept | Exception]:
    try:
        return inbox.keep([receipt for receipt, _ in batch])
    except Exception as error:  # noqa: BLE001 - whoever waits must be told, whatever it was
        return [error] * len(batch)


def _one_by_one(inbox: Inbox, batch: Sequence[_Waiting]) -> Sequence[Kept | Exception]:
    """All in one commit, or where that fails each in its own."""
    answers = _tried(inbox, batch)
    if isinstance(answers[0], Exception) and len(batch) > 1:
        return [_tried(inbox, [waiting])[0] for waiting in batch]
    return answers
