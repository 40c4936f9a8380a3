"""A broker of a process of its own, that does on the wire what brokers do on their worst days. Plain HTTP and JSON.

`python -m tests.faults.exchange` prints its port and serves until its standard input closes. `POST /reset` begins a
seed; `POST /heal` ends its faults; `GET /truth` tells all it knows. What it took, it took: `taken` has every order,
with the intent the sender meant, which a blind broker is never seen to know.
"""

from __future__ import annotations

import json
import random
import socketserver
import sys
import threading
import time
from typing import Any

STALL = 0.25
"""Seconds for which a hanging answer hangs: longer than the client waits."""
LAG = 0.02
"""Seconds after which at the latest an order that was taken is listed; a seed may say otherwise."""
STATES = ("acked", "partial")

FAULTS = ("drop_before", "drop_after", "504_before", "504_after", "hang", "cut", "late", "ban", "restart", "garbage")


class Exchange:
    """What the broker knows in one seed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reset({"seed": 0, "mode": "dedupes", "faults": 0.0})

    def reset(self, told: dict[str, Any]) -> dict[str, Any]:
        self.mode, self.rate = told["mode"], float(told["faults"])
        self.rng = random.Random(told["seed"])
        self.forgets = bool(told.get("forgets"))
        self.lag = float(told.get("lag", LAG))
        self.orders: dict[str, dict[str, Any]] = {}
        self.taken: list[list[str]] = []
        self.fills: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.faults: dict[str, int] = {}
        self.down = 0
        self.ticks = 0
        return {}

    # ---- what may go wrong -------------------------------------------------------------------------------------------

    def fault(self, path: str) -> str:
        """What happens to the next request; nothing most of the time."""
        if self.down > 0:
            self.down -= 1
            return "refused"
        if self.rng.random() >= self.rate:
            return ""
        kind = self.rng.choice(FAULTS)
        if kind in ("ban", "restart"):
            self.down = self.rng.randrange(1, 6)
            if kind == "restart" and self.forgets:
                self._forget()
        if kind == "late" and path != "/submit":
            kind = "drop_before"
        self.faults[kind] = self.faults.get(kind, 0) + 1
        return kind

    def _forget(self) -> None:
        """Lose an order that works."""
        working = [b for b, order in self.orders.items() if order["state"] in STATES and not order["filled"]]
        if working:
            lost = self.orders[self.rng.choice(working)]
            lost["state"], lost["forgotten"] = "cancelled", True

    # ---- what it does ------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Time passes with each request: what rests may trade."""
        self.ticks += 1
        for name, order in self.orders.items():
            if order["state"] in STATES and order["due"] is not None and self.ticks >= order["due"]:
                left = order["size"] - order["filled"]
                part = left if left < 2 or self.rng.random() < 0.5 else left // 2
                order["due"] = self.ticks + self.rng.randrange(2, 9)
                self._fill(name, order, part)

    def _fill(self, name: str, order: dict[str, Any], size: int) -> None:
        order["filled"] += size
        order["state"] = "filled" if order["filled"] == order["size"] else "partial"
        fill = {"fill_id": f"x{len(self.fills) + 1}", "broker_id": name, "size": size, "price": 100 + self.ticks % 7,
                "fee": "0.05", "symbol": order["symbol"], "side": order["side"], "client_id": order["client_id"],
                "at": time.time()}  # fmt: skip
        self.fills.append(fill)
        if self.rng.random() >= self.rate:  # else the stream loses it: the list of fills still has it
            self.events.append(fill)
            if self.rng.random() < self.rate:
                self.events.append(fill)
            if len(self.events) > 1 and self.rng.random() < self.rate:
                self.events[-1], self.events[-2] = self.events[-2], self.events[-1]

    def submit(self, order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        intent = order["client_id"]
        if self.mode == "dedupes" and any(o["client_id"] == intent for o in self.orders.values()):
            return 409, {"error": f"client id {intent} was used before"}
        if self.rng.random() < 0.04:
            self.refused.append(intent)
            return 400, {"error": "no margin"}
        name = f"b{len(self.orders) + 1}"
        rests = order["type"] != "market"
        due = self.ticks if not rests else self.ticks + self.rng.randrange(3, 30)
        if rests and self.rng.random() < 0.4:
            due = None  # it rests until it is cancelled
        self.orders[name] = {
            **order, "state": "acked", "filled": 0, "forgotten": False, "due": due,
            "seen_from": time.time() + self.rng.random() * self.lag,
        }  # fmt: skip
        self.taken.append([name, intent])
        return 200, {"broker_id": name}

    def cancel(self, name: str) -> tuple[int, dict[str, Any]]:
        order = self.orders.get(name)
        if order is None or order["forgotten"]:
            return 404, {"error": f"order {name} is unknown"}
        if order["state"] not in STATES:
            return 409, {"error": f"order {name} is {order['state']}"}
        order["state"] = "cancelled"
        return 200, {"state": "cancelled"}

    def listed(self) -> dict[str, Any]:
        now, blind = time.time(), self.mode == "blind"
        return {
            "orders": [
                {"broker_id": name, "client_id": "" if blind else o["client_id"],
                 **{k: o[k] for k in ("symbol", "side", "size", "state", "filled", "type", "limit")}}
                for name, o in self.orders.items() if o["seen_from"] <= now and not o["forgotten"]
            ],
            "fills": [{**f, "client_id": "" if blind else f["client_id"]} for f in self.fills],
        }  # fmt: skip

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "/submit":
            return self.submit(body)
        if path == "/cancel":
            return self.cancel(body["broker_id"])
        if path == "/orders":
            return 200, self.listed()
        if path == "/events":
            told = self.events[body["after"] :]
            return 200, {"events": [{**f, "client_id": "" if self.mode == "blind" else f["client_id"]} for f in told],
                         "next": len(self.events)}  # fmt: skip
        positions: dict[str, int] = {}
        cash = 100_000.0
        for fill in self.fills:
            sign = 1 if fill["side"] == "buy" else -1
            positions[fill["symbol"]] = positions.get(fill["symbol"], 0) + sign * fill["size"]
            cash -= sign * fill["size"] * fill["price"] + float(fill["fee"])
        return 200, {"positions": positions, "cash": f"{cash:.2f}"}

    def truth(self) -> dict[str, Any]:
        return {"taken": self.taken, "orders": self.orders, "fills": self.fills, "refused": self.refused,
                "faults": self.faults, "books": self.answer("/books", {})[1]}  # fmt: skip


EXCHANGE = Exchange()


class Handler(socketserver.StreamRequestHandler):
    """One request, answered, spoilt or dropped."""

    def handle(self) -> None:
        head = self.rfile.readline().decode()
        if not head:
            return
        path, length = head.split()[1], 0
        while (line := self.rfile.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = json.loads(self.rfile.read(length) or b"{}")
        if path in ("/reset", "/heal", "/truth"):
            with EXCHANGE.lock:
                if path == "/heal":
                    EXCHANGE.rate, EXCHANGE.down = 0.0, 0
                self.send(200, EXCHANGE.reset(body) if path == "/reset" else EXCHANGE.truth())
            return
        with EXCHANGE.lock:
            fault = EXCHANGE.fault(path)
            if fault == "refused":
                return
            if fault in ("drop_before", "restart"):
                return
            if fault == "504_before":
                self.send(504, {})
                return
            if fault == "ban":
                self.send(429, {"error": "too many requests"})
                return
            if fault != "late":
                EXCHANGE.tick()
                status, answer = EXCHANGE.answer(path, body)
        if fault == "late":  # the connection is gone, and the order comes all the same
            self.connection.close()
            time.sleep(EXCHANGE.lag * EXCHANGE.rng.random())
            with EXCHANGE.lock:
                EXCHANGE.answer(path, body)
            return
        if fault == "drop_after":
            return
        if fault == "504_after":
            self.send(504, {})
        elif fault in ("hang", "cut"):
            self.send(status, answer, upto=EXCHANGE.rng.random())
            if fault == "hang":
                time.sleep(STALL)
        elif fault == "garbage":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>")
        else:
            self.send(status, answer)

    def send(self, status: int, answer: dict[str, Any], upto: float = 1.0) -> None:
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        data = (head + "Connection: close\r\n\r\n").encode() + body
        try:
            self.wfile.write(data if upto == 1.0 else data[: int(upto * len(data))])
            self.wfile.flush()
        except OSError:
            pass


class Server(socketserver.ThreadingTCPServer):
    """A thread a connection."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in the middle is no error here."""


def main() -> None:
    with Server(("127.0.0.1", 0), Handler) as server:
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    main()
