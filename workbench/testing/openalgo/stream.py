"""The WebSocket: authenticate, subscribe, ticks, order updates, as websocket_proxy/server.py speaks it."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
import time
from decimal import Decimal
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from workbench.testing.openalgo.answers import BROKER, Body, plain
from workbench.testing.openalgo.exchange import Exchange
from workbench.testing.openalgo.market import levels
from workbench.testing.openalgo.values import MASTER, Key, Order, Quote

MODES = {"LTP": 1, "QUOTE": 2, "DEPTH": 3}
USER = "loopback-user"


class Stream:
    """The stream's server; `silent` keeps connections up and tells nothing, `twice` tells order updates twice.

    A feed that is up and mute has lost fills before, and OpenAlgo's documents promise an update twice where a broker
    has both a push channel and a postback.
    """

    def __init__(self, exchange: Exchange, api_key: str, host: str, port: int) -> None:
        self.exchange, self.api_key, self.host, self.port = exchange, api_key, host, port
        self.silent = False
        self.twice = False
        self._clients: set[_Client] = set()
        self._lock = threading.Lock()
        self._server: Server | None = None
        exchange.on_quote.append(self._tick)
        exchange.on_order.append(self._update)

    @property
    def clients(self) -> int:
        """How many connections stand."""
        return len(self._clients)

    def start(self) -> None:
        listening = socket.create_server((self.host, self.port))
        self.port = listening.getsockname()[1]
        self._server = serve(self._serve, sock=listening, open_timeout=2, close_timeout=1, compression=None)
        threading.Thread(target=self._server.serve_forever, name="openalgo-stream", daemon=True).start()

    def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self.cut()
            self._server.shutdown()
            self._server = None

    def cut(self) -> None:
        """Drop every connection without a closing word."""
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            client.drop()
        for client in clients:
            client.gone.wait(2)

    def _serve(self, connection: ServerConnection) -> None:
        client = _Client(self, connection)
        with self._lock:
            self._clients.add(client)
        try:
            client.serve()
        finally:
            with self._lock:
                self._clients.discard(client)
            client.gone.set()

    def _tick(self, quote: Quote) -> None:
        if not self.silent:
            with self._lock:
                clients = list(self._clients)
            for client in clients:
                client.tick(quote)

    def _update(self, mode: str, order: Order) -> None:
        if self.silent:
            return
        with self._lock:
            clients = [client for client in self._clients if client.orders]
        for client in clients:
            for _ in range(2 if self.twice else 1):
                client.send(update(mode, order))


class _Client:
    """One connection: a thread that reads and one that writes, so that a slow reader never holds the exchange."""

    def __init__(self, stream: Stream, connection: ServerConnection) -> None:
        self.stream, self.connection = stream, connection
        self.known = self.orders = False
        self.gone = threading.Event()
        self._wanted: dict[Key, set[int]] = {}
        self._outbox: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def serve(self) -> None:
        writer = threading.Thread(target=self._write, name="openalgo-stream-writer", daemon=True)
        writer.start()
        with contextlib.suppress(ConnectionClosed):
            for message in self.connection:
                self._hear(message)
        self._outbox.put(None)
        writer.join(2)

    def send(self, message: Body) -> None:
        self._outbox.put(json.dumps(message))

    def drop(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.socket.shutdown(socket.SHUT_RDWR)

    def tick(self, quote: Quote) -> None:
        for mode in sorted(self._wanted.get((quote.symbol, quote.exchange), ())):
            self.send(tick(self.stream.exchange, quote, mode))

    def _write(self) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            while (message := self._outbox.get()) is not None:
                self.connection.send(message)

    def _error(self, code: str, message: str) -> None:
        self.send({"status": "error", "code": code, "message": message})

    def _hear(self, message: str | bytes) -> None:
        try:
            heard = json.loads(message)
            action = heard.get("action") or heard.get("type")
        except (ValueError, AttributeError):
            self._error("INVALID_JSON", "Invalid JSON message")
            return
        if action in ("authenticate", "auth"):
            self._authenticate(heard)
        elif action == "ping":
            self.send({"type": "pong", "status": "success", "server_timestamp": int(time.time() * 1000)})
        elif action not in ("subscribe", "unsubscribe", "unsubscribe_all", "subscribe_orders", "unsubscribe_orders"):
            self._error("INVALID_ACTION", f"Invalid action: {action}")
        elif not self.known:
            self._error("NOT_AUTHENTICATED", "You must authenticate first")
        elif action.endswith("_orders"):
            self.orders = action == "subscribe_orders"
            words = "Subscribed to" if self.orders else "Unsubscribed from"
            self._acknowledge(heard, action, status="success", message=f"{words} order updates")
        else:
            self._subscribe(heard, action)

    def _authenticate(self, heard: Body) -> None:
        """A wrong key is told and the connection stays; a missing broker session is another error."""
        key = heard.get("api_key") or heard.get("apikey")
        if key != self.stream.api_key:
            self._error("AUTHENTICATION_ERROR", "Invalid API key" if key else "API key is required")
        elif self.stream.exchange.session_expired:
            self._error("BROKER_INIT_ERROR", "No authentication token found")
        else:
            self.known = True
            features = {"ltp": True, "quote": True, "depth": True}
            self.send(
                {
                    "type": "auth",
                    "status": "success",
                    "message": "Authentication successful",
                    "broker": BROKER,
                    "user_id": USER,
                    "supported_features": features,
                }
            )

    def _subscribe(self, heard: Body, action: str) -> None:
        raw = heard.get("mode", "Quote")
        mode = raw if raw in (1, 2, 3) else MODES.get(str(raw).upper())
        if mode is None:
            self._error("INVALID_MODE", f"Invalid mode: {raw}")
            return
        name = {1: "LTP", 2: "Quote", 3: "Depth"}[mode]
        asked = heard.get("symbols") or ([heard] if heard.get("symbol") else [])
        if action == "unsubscribe_all":
            asked = [{"symbol": symbol, "exchange": exchange} for symbol, exchange in self._wanted]
        elif not asked:
            self._error("INVALID_PARAMETERS", "At least one symbol must be specified")
            return
        good: list[Body] = []
        bad: list[Body] = []
        for one in asked:
            key = (one.get("symbol"), one.get("exchange"))
            row = {"symbol": key[0], "exchange": key[1], "mode": name, "broker": BROKER}
            if key not in MASTER:
                bad.append(row | {"status": "error", "message": f"Symbol {key[0]} not found for exchange {key[1]}"})
                continue
            good.append(row | {"status": "success"} | ({"depth": 5} if action == "subscribe" else {}))
            if action == "subscribe":
                self._wanted[key] = self._wanted.get(key, set()) | {mode}
            elif action == "unsubscribe":
                self._wanted[key] = self._wanted.get(key, set()) - {mode}
        if action == "subscribe":
            told: Body = {"status": "partial" if bad else "success", "subscriptions": good + bad}
            self._acknowledge(heard, action, **told, message="Subscription processing complete", broker=BROKER)
            return
        if action == "unsubscribe_all":
            self._wanted = {}
        status = "success" if not bad else "partial" if good else "error"
        words = "Unsubscription processing complete"
        self._acknowledge(
            heard, "unsubscribe", status=status, message=words, successful=good, failed=bad, broker=BROKER
        )

    def _acknowledge(self, heard: Body, kind: str, **more: Any) -> None:
        """An acknowledgement, with the client's `request_id` if it gave one."""
        self.send({"type": kind, **more, **({"request_id": heard["request_id"]} if "request_id" in heard else {})})


def tick(exchange: Exchange, quote: Quote, mode: int) -> Body:
    """A tick in a mode; its time is epoch milliseconds."""
    data: Body = {"ltp": float(quote.ltp), "timestamp": int(quote.at.timestamp() * 1000)}
    if mode > 1:
        data |= {name: float(getattr(quote, name)) for name in ("open", "high", "low")}
        data |= {"close": float(quote.prev_close), "volume": plain(quote.volume)}
    if mode > 2:
        sides = levels(exchange, (quote.symbol, quote.exchange))
        buy, sell = ([level | {"orders": 1} for level in side] for side in sides)
        data["depth"] = {"buy": buy, "sell": sell}
    where = {"symbol": quote.symbol, "exchange": quote.exchange, "mode": mode, "broker": BROKER}
    return {"type": "market_data", **where, "data": data}


def update(mode: str, order: Order) -> Body:
    """An order update, flat (docs/api/websocket-streaming/order-updates.md); it carries no time and no tag."""
    ticket = order.ticket
    pending = Decimal(0) if order.status == "rejected" else order.left
    return {
        "type": "order_update",
        "user_id": USER,
        "mode": mode,
        "broker": "sandbox" if mode == "analyze" else BROKER,
        "orderid": order.orderid,
        "symbol": ticket.symbol,
        "exchange": ticket.exchange,
        "action": ticket.action,
        "quantity": plain(ticket.quantity),
        "price": float(ticket.price),
        "trigger_price": float(ticket.trigger_price),
        "pricetype": ticket.pricetype,
        "product": ticket.product,
        "order_status": order.status,
        "filled_quantity": plain(order.filled),
        "pending_quantity": plain(pending),
        "average_price": float(order.average),
        "rejection_reason": order.reason,
    }
