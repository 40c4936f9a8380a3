"""The watch: asks the books when something moved, and from time to time anyway, and keeps what is new."""

import math
import queue
import threading
import time
from collections.abc import Callable
from decimal import Decimal

from workbench.errors import WorkbenchError
from workbench.ports import BrokerOrder, Execution
from workbench_plugins.openalgo_api import Api, Line
from workbench_plugins.openalgo_books import Books, filled_of

GAP = 0.05
"""Seconds between two looks at least: updates come in bursts."""
LAG = 30.0
"""Seconds for which fills that were announced are looked for at once; after that the usual rounds must do."""


class Watch:
    """A thread that turns "something happened" into orders and fills, as only the books tell fills with stable ids.

    The stream nudges it. A feed can be up and mute, so it also looks every `every` seconds, or every `rarely` seconds
    while order updates flow. What it finds new waits for `drain`; after a start it finds the whole day new, as nobody
    knows what was missed.
    """

    def __init__(
        self,
        api: Api,
        books: Books,
        line: Line,
        is_told: Callable[[], bool],
        *,
        every: float = 2.0,
        rarely: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._books, self._line, self._is_told = api, books, line, is_told
        self._every, self._rarely, self._clock = every, max(rarely, every), clock
        self._found: queue.SimpleQueue[tuple[float, BrokerOrder | Execution]] = queue.SimpleQueue()
        self._nudged = threading.Event()
        self._stop = threading.Event()
        self._announced: dict[str, tuple[Decimal, float]] = {}
        self._told_fills: set[str] = set()
        self._told_orders: dict[str, tuple[float, BrokerOrder]] = {}
        self._outdated: dict[str, float] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.looks = 0

    def start(self) -> None:
        """Begin, in a daemon thread."""
        self._thread = threading.Thread(target=self._run, name="openalgo-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; within a few seconds, or once the question it waits for is answered."""
        self._stop.set()
        self._nudged.set()
        if self._thread is not None:
            self._thread.join(5)

    def nudge(self, order_id: str = "", filled: Decimal | None = None) -> None:
        """Say that something happened, and how much of an order has filled where that was told."""
        if order_id and filled:
            with self._lock:
                self._announced[order_id] = filled, self._clock()
        self._nudged.set()

    def outdate(self, order_id: str) -> None:
        """Forget what was read of an order until now, as it was changed just now; the next look tells it anew."""
        self._outdated[order_id] = self._clock()

    def drain(self) -> list[BrokerOrder | Execution]:
        """What was found since the last call, in the order in which it happened as far as the books tell."""
        found: list[BrokerOrder | Execution] = []
        while True:
            try:
                began, one = self._found.get_nowait()
            except queue.Empty:
                return found
            if isinstance(one, Execution) or began > self._outdated.get(one.broker_id, -math.inf):
                found.append(one)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._nudged.clear()
            is_behind = False
            try:
                is_behind = self._look()
                failures = 0
                self._line.trouble("books")
            except Exception as error:  # noqa: BLE001 - a watch that ends unseen would lose every later fill
                failures += 1
                told = str(error) if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {error}"
                self._line.trouble("books", f"books: {told}")
            self.looks += 1
            usual = self._rarely if self._is_told() else self._every
            if failures:
                # a server that is down is asked less and less, though a nudge still asks at once
                usual = min(self._every * 2 ** min(failures, 6), 30.0)
            self._stop.wait(GAP)
            self._nudged.wait(3 * GAP if is_behind else max(usual - GAP, 0))
        self._api.close()

    def _look(self) -> bool:
        """Ask the books and keep what is new, fills before the states they lead to; whether fills are still missing."""
        began = self._clock()
        orders, fills = self._books.both()
        for fill in fills:
            if fill.fill_id not in self._told_fills:
                self._found.put((began, fill))
                self._told_fills.add(fill.fill_id)
        filled = filled_of(fills)
        now = self._clock()
        for order in orders:
            told_at, told = self._told_orders.get(order.broker_id, (-math.inf, None))
            if told != order or told_at <= self._outdated.get(order.broker_id, -math.inf):
                self._found.put((began, order))
                self._told_orders[order.broker_id] = began, order
                if order.filled and filled.get(order.broker_id, Decimal(0)) < order.filled:
                    # a trade book lags behind its order book
                    with self._lock:
                        self._announced[order.broker_id] = order.filled, now
        with self._lock:
            self._announced = {
                order_id: (size, at)
                for order_id, (size, at) in self._announced.items()
                if filled.get(order_id, Decimal(0)) < size and now - at < LAG
            }
            return bool(self._announced)
