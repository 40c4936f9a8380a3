"""Crash: the server killed in a flood, and the same alert from many connections at once."""

from __future__ import annotations

import http.client
import json
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from tests.security.fort import Fort, until
from tests.security.inside import served_inside
from tests.security.wire import alert
from workbench.store import Inbox

ALERTS, COPIES, CONNECTIONS = (int(n) for n in os.environ.get("ATTACK_COPIES", "30x20x32").split("x"))
"""How many alerts, how often each and over how many connections; the long version has 1000x100x32."""


def pour(port: int, path: str, bodies: Iterable[bytes], connections: int) -> list[tuple[str, int, str]]:
    """Send messages over some connections at once: key, status and first signal of each that was answered."""
    waiting: SimpleQueue[bytes] = SimpleQueue()
    for body in bodies:
        waiting.put(body)
    found: list[tuple[str, int, str]] = []
    lock = threading.Lock()

    def work() -> None:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        mine: list[tuple[str, int, str]] = []
        try:
            while True:
                body = waiting.get_nowait()
                link.request("POST", path, body, {"Content-Type": "application/json"})
                answer = link.getresponse()
                told = json.loads(answer.read())
                mine.append((json.loads(body)["alert_id"], answer.status, told.get("signal_id", "")))
        except (Empty, OSError, http.client.HTTPException):
            pass
        finally:
            link.close()
            with lock:
                found.extend(mine)

    with ThreadPoolExecutor(connections) as pool:
        for _ in range(connections):
            pool.submit(work)
    return found


def bodies(prefix: str, count: int) -> list[bytes]:
    return [json.dumps(alert(f"{prefix} {i}")).encode() for i in range(count)]


def test_a_server_killed_in_a_flood_has_all_it_accepted_once_and_knows_it_again(build: Callable[..., Fort]) -> None:
    fort = build({"wide": {"rules": {"a_minute": 1_000_000}}}, settings="alerts_a_minute = 1000000\n").start()
    sent = bodies("kill", 4_000)
    with ThreadPoolExecutor(1) as pool:
        flood = pool.submit(pour, fort.port, fort.door("wide"), sent, 8)
        until(lambda: fort.query("select count(*) from alerts")[0][0] > 100, what="the flood")
        fort.kill()
        answered = flood.result(60)
    assert {status for _, status, _ in answered} == {202}
    assert 50 < len(answered) < len(sent), "killed in the middle"
    kept = fort.accepted("wide")
    assert all(kept[key] == 1 for key, _, _ in answered), "accepted and lost, or kept twice"
    assert set(kept.values()) == {1}
    on_file = dict(fort.query("select key, signal_id from signals"))
    assert all(on_file[key] == signal for key, _, signal in answered)
    fort.start()
    again = pour(fort.port, fort.door("wide"), sent[: len(answered) + 50], 4)
    by_key = {key: (status, signal) for key, status, signal in again}
    for key, _, signal in answered:
        if key in by_key:
            assert by_key[key] == (200, signal), key
    assert all(status == (200 if key in kept else 202) for key, status, _ in again)
    assert set(fort.accepted("wide").values()) == {1}


def copies(fort: Fort, prefix: str) -> list[Any]:
    """What is wrong after copies of each of some alerts came over many connections, in any order."""
    many = bodies(prefix, ALERTS) * COPIES
    random.Random(7).shuffle(many)
    answered = pour(fort.port, fort.door("wide"), many, CONNECTIONS)
    wrong: list[Any] = [] if len(answered) == len(many) else [f"{len(answered)} of {len(many)} answered"]
    signals: dict[str, set[str]] = {}
    for key, _, signal in answered:
        signals.setdefault(key, set()).add(signal)
    wrong += [f"{key} has {len(ids)} signals" for key, ids in signals.items() if len(ids) != 1]
    first = Counter(key for key, status, _ in answered if status == 202)
    wrong += [f"{key} was new {n} times" for key, n in first.items() if n != 1]
    wrong += [f"status {status}" for _, status, _ in answered if status not in (200, 202)][:5]
    kept = {key: n for key, n in fort.accepted("wide").items() if key.startswith(f"{prefix} ")}
    wrong += [f"{key} is kept {n} times" for key, n in kept.items() if n != 1]
    return wrong if len(kept) == ALERTS else [*wrong, f"{len(kept)} of {ALERTS} kept"]


def test_many_copies_of_each_alert_from_many_connections_make_one_signal_each(fort: Fort) -> None:
    assert copies(fort, "copy") == []


def test_an_inbox_that_knows_no_repeats_is_found_out(
    build: Callable[..., Fort], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Inbox.keep

    def forgetful(self: Inbox, receipts: Any) -> Any:
        from dataclasses import replace
        from secrets import token_hex

        return keep(self, [replace(receipt, key=f"{receipt.key} {token_hex(4)}") for receipt in receipts])

    monkeypatch.setattr(Inbox, "keep", forgetful)
    with served_inside(build({"wide": {}})) as inside:
        assert copies(inside, "copy")
