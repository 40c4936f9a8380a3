"""The contract for scripts around `serve`, on the home the demo leaves: real processes, real HTTP."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.served.conftest import Home, free_port, get, post

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def alert(key: str, action: str = "buy", **more: str) -> dict[str, str]:
    return {"ticker": "NASDAQ:AAPL", "action": action, "quantity": "3", "alert_id": key, **more}


def test_the_demo_does_the_research_half_and_prints_one_document(demo: tuple[Path, dict[str, Any]]) -> None:
    home, found = demo
    assert found["proofs"]["passed"]
    assert found["refused"]["first_leak"]["time"].endswith("Z")
    assert found["replay"]["fills"] == len(found["replay"]["fills_list"]) > 0
    page = Path(found["report"]).read_text()
    assert "AAPL" in page
    assert "(UTC)" in page
    assert '<script src="http' not in page, "the report must not need the network"
    assert len(found["steps"]) == 9
    listed = Home(home).json("runs", "list")
    kinds = ["backtest", "backtest", "proof", "proof", "replay", "walkforward"]
    assert sorted(run["kind"] for run in listed) == kinds


def test_the_demo_tells_of_promotion_refusal_and_alerts(demo: tuple[Path, dict[str, Any]]) -> None:
    told = demo[1]
    assert [event["stage"] for event in told["stages"]] == ["backtested", "walk-forward", "paper"]
    assert all(event["accepted"] and event["gates"] for event in told["stages"])
    assert told["refused"]["strategy"] == "PeeksAhead"
    assert told["refused"]["gate"] == "no_look_ahead"
    assert "later bars" in told["refused"]["reason"]
    assert told["alerts"] == {"sent": 2, "accepted": 1, "duplicates": 1}
    assert [order["state"] for order in told["orders"]] == ["filled"]
    assert [step["state"] for step in told["orders"][0]["history"]] == [
        "received", "ready", "sending", "acked", "filled",
    ]  # fmt: skip
    assert [fill["raw_size"] for fill in told["fills"]] == ["10.00000000"]
    assert told["seconds"] < 120


def test_an_alert_becomes_a_fill_and_a_repeat_nothing_more(home: Home) -> None:
    [stage] = home.json("stages")
    assert (stage["strategy"], stage["stage"], stage["account"]) == ("ema_cross", "paper", "paper:ema_cross")
    home.serve()
    hook = home.hook()
    assert hook["url"].endswith(hook["token"])
    assert {"ticker", "action"} <= hook["template"].keys()
    status, closed = post(hook["url"], alert("close", "sell"), "text/plain")
    assert (status, closed["status"]) == (202, "received")
    home.wait(lambda: not home.desk.positions())
    status, first = post(hook["url"], alert("1"), "application/octet-stream")
    assert status == 202
    status, again = post(hook["url"], alert("1"))
    assert (status, again["signal_id"]) == (200, first["signal_id"])
    [position] = home.wait(lambda: home.desk.positions())
    assert position["strategy"] == "ema_cross"
    [row] = [row for row in home.json("signals") if row["signal_id"] == first["signal_id"]]
    assert (row["alert_key"], row["status"]) == ("1", "ordered")
    [order] = [order for order in home.json("orders") if order["order_id"] in row["order_ids"]]
    assert (order["signal_id"], order["state"]) == (first["signal_id"], "filled")
    assert order["client_order_id"]
    [fill] = [fill for fill in home.json("fills") if fill["order_id"] == order["order_id"]]
    assert fill["raw_size"] == "3.00000000"


def test_what_cannot_be_taken_is_refused_with_the_reason(home: Home) -> None:
    home.serve()
    url = home.hook()["url"]
    base = url.rpartition("/")[0]
    for unknown in (f"{base}/{'x' * 43}", f"{base}/short", f"{base}/" + "y" * 2000):
        assert post(unknown, alert("1")) == (404, {"detail": "Not Found"})
    cases: list[tuple[bytes | dict[str, str], int, str]] = [
        (b"buy something now", 422, "no JSON"),
        (b"\xff\xfe", 422, "UTF-8"),
        (b"[1]", 422, "object"),
        ({"ticker": "AAPL"}, 422, "action"),
        ({"ticker": "AAPL", "action": "hold"}, 422, "hold"),
        ({"ticker": "TSLA", "action": "buy"}, 422, "TSLA"),
        (alert("q", quantity="NaN"), 422, "quantity"),
        (alert("q", quantity="-1"), 422, "quantity"),
        (b'{"ticker": "AAPL", "action": "buy", "x": "' + b"a" * 70_000 + b'"}', 413, "bytes"),
        (b'{"a":' * 10_000, 422, "body"),
    ]
    for body, status, words in cases:
        got, told = post(url, body)
        assert (got, words in told["detail"]) == (status, True), (body[:50] if isinstance(body, bytes) else body, told)
    assert post(url, alert("same"))[0] == 202
    got, told = post(url, alert("same", "sell"))
    assert got == 409
    assert "same" in told["detail"]
    assert [r["alert_key"] for r in home.json("signals") if r["source"] == "webhook:tv"] == ["same"]


def test_health_and_openapi_answer_and_no_token_is_kept_or_logged(home: Home) -> None:
    home.serve()
    hook = home.hook()
    post(hook["url"], alert("1"))
    base = hook["url"].partition("/hooks")[0]
    status, health = get(f"{base}/health")
    assert (status, health["engine"], health["halted"], health["database"]) == (200, True, False, "ok")
    assert get(f"{base}/health/live")[1] == {"status": "ok"}
    assert get(f"{base}/health/ready") == (200, {"status": "ok"})
    assert get(f"{base}/health/detailed")[1]["sessions"][0]["strategy"] == "ema_cross"
    assert "/hooks/{token}" in get(f"{base}/openapi.json")[1]["paths"]
    home.end()
    for path in home.path.rglob("*"):
        if path.is_file():
            assert hook["token"].encode() not in path.read_bytes(), path


def test_bad_use_of_serve_is_refused_in_one_line(home: Home) -> None:
    done = home.inside("serve", "--host", "0.0.0.0")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "until users exist" in done.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = home.run("serve", "--port", port, "--no-app")
        assert done.returncode == 2
        assert port in done.stderr
        assert "taken" in done.stderr
    assert home.inside("serve", "--port", "seven").returncode == 2
    home.serve()
    second = home.run("serve", "--port", str(free_port()), "--no-app")
    assert second.returncode == 1
    assert "runs already" in second.stderr
    engine = home.run("engine")
    assert engine.returncode == 1
    assert "runs already" in engine.stderr


def test_panic_flattens_refuses_and_holds_until_a_person_resumes(home: Home) -> None:
    home.serve()
    url = home.hook()["url"]
    assert home.wait(lambda: home.desk.positions())
    assert home.run("panic", "--reason", "drill").returncode == 0
    home.wait(lambda: home.desk.status()["flat"])
    assert home.json("positions") == []
    status, during = post(url, alert("during"))
    assert status == 202
    home.wait(lambda: _status(home, during["signal_id"]) == "refused")
    without = home.run("resume")
    assert without.returncode == 2
    assert "--confirm" in without.stderr
    assert home.run("resume", "--confirm").returncode == 0
    assert home.run("resume", "--confirm").returncode == 1
    _, after = post(url, alert("after"))
    home.wait(lambda: _status(home, after["signal_id"]) in ("ordered", "ignored"))  # the strategy may be in already


def test_killed_while_alerts_come_in_nothing_accepted_is_lost_or_doubled(home: Home) -> None:
    home.serve()
    url = home.hook()["url"]
    answered: dict[str, str] = {}

    def send(i: int) -> None:
        try:
            status, told = post(url, alert(f"k{i}", "buy" if i % 2 else "sell"))
        except OSError:
            return
        assert status in (200, 202)
        answered[f"k{i}"] = told["signal_id"]

    with ThreadPoolExecutor(8) as pool:
        for i in range(60):
            pool.submit(send, i)
            if i == 40:
                home.wait(lambda: len(answered) > 20)
                home.end(signal.SIGKILL)
    home.serve()
    for i in range(60):  # the sender repeats all it has: what was kept is recognised
        send(i)
    rows = home.wait(
        lambda: (found := _alerts(home)) and all(r["status"] != "received" for r in found.values()) and found
    )
    assert len(rows) == 60
    assert {key: rows[key]["signal_id"] for key in answered} == answered
    with sqlite3.connect(home.path / "trading.db") as file:
        [(doubled,)] = file.execute("select count(*) - count(distinct client_order_id) from orders").fetchall()
    file.close()
    assert doubled == 0


def test_the_order_of_a_killed_engine_is_not_sent_twice_and_the_session_goes_on(home: Home) -> None:
    home.serve()
    before = home.wait(lambda: home.desk.status()["sessions"][0]["bars"])
    home.end(signal.SIGKILL)
    stopped = home.json("status")["sessions"][0]["bars"]
    assert stopped >= before
    home.serve()
    home.wait(lambda: home.desk.status()["sessions"][0]["bars"] > stopped + 3)
    with sqlite3.connect(home.path / "trading.db") as file:
        points = file.execute("select count(*), count(distinct at) from equity").fetchall()
        bars = file.execute("select bars from sessions").fetchall()
    file.close()
    assert points[0][0] == points[0][1] >= bars[0][0] - 1


def test_a_demoted_strategy_closes_what_it_holds_and_its_alerts_are_refused(home: Home) -> None:
    home.serve()
    url = home.hook()["url"]
    assert home.wait(lambda: home.desk.positions())
    event = home.json("demote", "ema_cross", "--to", "backtested", "--reason", "drill")
    assert (event["accepted"], event["stage"]) == (True, "backtested")
    home.wait(lambda: home.desk.status()["sessions"][0]["state"] == "ended")
    assert home.json("positions") == []
    _, late = post(url, alert("late"))
    home.wait(lambda: _status(home, late["signal_id"]) == "refused")


def _status(home: Home, signal_id: str) -> str:
    return next(str(row["status"]) for row in home.desk.signals() if row["signal_id"] == signal_id)


def _alerts(home: Home) -> dict[str, Any]:
    return {row["alert_key"]: row for row in home.desk.signals() if row["source"] == "webhook:tv"}


def test_alerts_are_answered_in_time_while_a_page_keeps_the_app_busy(home: Home) -> None:
    home.serve()
    url = home.hook()["url"]
    app_port = free_port()
    command = [sys.executable, "-m", "tests.served.slow_app", "--home", str(home.path), "--port", str(app_port)]
    with subprocess.Popen(
        [*command, "--until-stdin-closes"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as app:
        assert app.stdin is not None
        assert app.stdout is not None
        assert app.stdout.readline().startswith(b"app: ")
        post(url, alert("first"))
        with ThreadPoolExecutor(1) as pool:
            began = time.monotonic()
            page = pool.submit(_opened, f"http://127.0.0.1:{app_port}/research")
            took = []
            while not page.done():
                started = time.monotonic()
                assert post(url, alert(f"busy-{len(took)}"))[0] == 202
                took.append(time.monotonic() - started)
                time.sleep(0.02)
            assert page.result() == 200
            assert time.monotonic() - began >= 3
        app.stdin.close()
        app.wait(30)
    assert len(took) > 20
    assert sorted(took)[int(len(took) * 0.95)] < 0.150


def _opened(url: str) -> int:
    with urllib.request.urlopen(url, timeout=60) as answer:
        answer.read()
        return int(answer.status)
