"""OpenAlgo's WebSocket, in a thread of its own: order updates and ticks, with reconnects and their freshness."""

import json
import logging
import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from websockets.sync.client import ClientConnection, connect

from workbench.errors import WorkbenchError
from workbench_plugins.openalgo_api import Key, Line
from workbench_plugins.openalgo_symbols import Symbols
from workbench_plugins.openalgo_wire import Unreadable, instant, number, optional, text

MOST_WAITING = 10_000
"""Ticks that wait for `drain`; the oldest are dropped beyond, as a newer price makes them worthless."""

# The library logs every frame, the one with the API key among them: this logger takes nothing, whatever others take.
_MUTE = logging.Logger("openalgo-stream", logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class Tick:
    """A last traded price. `at` is UTC, None where the feed does not say; `heard` is when it came, on the monotonic
    clock."""

    symbol: str
    price: Decimal
    at: datetime | None
    heard: float


class Stream:
    """Keeps one connection up: authenticates, subscribes, hears, and comes back after a break with growing pauses.

    `on_order` is called in the stream's thread with the order id and the filled quantity (None where it is not told)
    of each update, `on_up` each time the updates flow (again): what happened before was missed. `carries_orders` is
    whether they flow now.
    """

    def __init__(
        self,
        url: str,
        key: Key,
        line: Line,
        symbols: Symbols,
        on_order: Callable[[str, Decimal | None], None],
        on_up: Callable[[], None],
        *,
        pause: float = 0.5,
        longest_pause: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._key, self._line, self._symbols = url, key, line, symbols
        self._on_order, self._on_up = on_order, on_up
        self._pause, self._longest, self._clock = pause, longest_pause, clock
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._wanted: dict[tuple[str, str], str] = {}
        self._unsaid: list[tuple[str, str]] = []
        self._ticks: deque[Tick] = deque(maxlen=MOST_WAITING)
        self._last: dict[str, Tick] = {}
        self.carries_orders = False
        self.heard: float | None = None
        self.connections = 0
        self.dropped = 0

    def start(self) -> None:
        """Begin, in a daemon thread."""
        self._thread = threading.Thread(target=self._run, name="openalgo-stream", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; within a few seconds."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)

    def subscribe(self, names: Iterable[str]) -> None:
        """Hear last prices of symbols, now and after each reconnect; BadInput for a symbol without an exchange."""
        keys = {self._symbols.to_wire(name): name for name in names}
        with self._lock:
            self._unsaid += [key for key in keys if key not in self._wanted]
            self._wanted.update(keys)

    def drain(self) -> list[Tick]:
        """Ticks since the last call, oldest first."""
        found = []
        with suppress(IndexError):
            while True:
                found.append(self._ticks.popleft())
        return found

    def last(self, symbol: str) -> Tick | None:
        """The last tick of a symbol, None before the first."""
        return self._last.get(symbol)

    def age(self, symbol: str = "") -> float:
        """Seconds since the last tick of a symbol, or since anything at all was heard; infinite before the first."""
        heard = self.heard if not symbol else getattr(self._last.get(symbol), "heard", None)
        return math.inf if heard is None else self._clock() - heard

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            began = self._clock()
            try:
                self._connect()
            except Exception as error:  # noqa: BLE001 - whatever broke, it must come back
                self._line.trouble("stream", f"stream: {self._key.hide(str(error) or type(error).__name__)}")
            finally:
                self.carries_orders = False
            # one that stood for a while was a good one: the pause begins anew
            failures = 0 if self._clock() - began > 10 else failures + 1
            pause = min(self._pause * 2 ** min(max(failures - 1, 0), 10), self._longest)
            self._stop.wait(pause * random.uniform(0.8, 1.2))

    def _connect(self) -> None:
        """One connection's life."""
        with connect(
            self._url, proxy=None, open_timeout=5, close_timeout=1, ping_interval=10, ping_timeout=10, compression=None,
            logger=_MUTE,
        ) as connection:  # fmt: skip
            self._say(connection, {"action": "authenticate", "api_key": self._key.reveal()})
            told = self._hear(connection, 10)
            if told is None or told.get("type") != "auth" or told.get("status") != "success":
                raise ConnectionError(f"not let in: {(told or {}).get('message', 'no answer')}")
            self.connections += 1
            self._say(connection, {"action": "subscribe_orders"})
            with self._lock:
                self._unsaid = list(self._wanted)
            while not self._stop.is_set():
                self._subscribe(connection)
                told = self._hear(connection, 0.2)
                if told is not None:
                    self._take(told)

    def _subscribe(self, connection: ClientConnection) -> None:
        with self._lock:
            new, self._unsaid = self._unsaid, []
        if new:
            asked = [{"symbol": symbol, "exchange": exchange} for exchange, symbol in new]
            self._say(connection, {"action": "subscribe", "symbols": asked, "mode": "LTP"})

    def _take(self, told: dict[str, Any]) -> None:
        """One message; what is not known is left alone, as newer servers say more."""
        kind = told.get("type")
        if kind == "order_update":
            try:
                self._on_order(text(told, "orderid", "stream"), optional(told, "filled_quantity", "stream"))
            except Unreadable:
                self.dropped += 1
                self._on_up()  # something happened, and the books will tell what
        elif kind == "market_data":
            self._tick(told)
        elif kind == "subscribe_orders" and told.get("status") == "success":
            self.carries_orders = True
            self._line.trouble("stream")
            self._on_up()
        elif told.get("status") == "error" or kind == "error":
            words = f"stream: {told.get('code', 'error')}: {told.get('message', '')}"
            if told.get("code") == "INVALID_ACTION":
                words = "stream: this OpenAlgo server pushes no order updates, so its books are asked instead"
            self._line.trouble("stream", self._key.hide(words))

    def _tick(self, told: dict[str, Any]) -> None:
        """Keep a tick; one without a price above 0 is dropped, never passed on as a price."""
        try:
            data = told.get("data")
            symbol = self._symbols.to_text(text(told, "exchange", "tick"), text(told, "symbol", "tick"))
            price = number(data if isinstance(data, dict) else {}, "ltp", "tick")
            at = instant((data or {}).get("timestamp"), "tick", datetime.now(UTC))
        except WorkbenchError:
            self.dropped += 1
            return
        if price <= 0:
            self.dropped += 1
            return
        tick = Tick(symbol, price, at, self._clock())
        self._last[symbol] = tick
        self._ticks.append(tick)

    def _say(self, connection: ClientConnection, message: dict[str, Any]) -> None:
        connection.send(json.dumps(message))

    def _hear(self, connection: ClientConnection, within: float) -> dict[str, Any] | None:
        """The next message that is an object, None where none came in time."""
        try:
            raw = connection.recv(timeout=within)
        except TimeoutError:
            return None
        self.heard = self._clock()
        try:
            told = json.loads(raw)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            self.dropped += 1
            return {}
        return told
