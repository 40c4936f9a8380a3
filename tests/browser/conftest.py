"""A browser, homes with something in them, and the app served over them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support import made_once
from workbench import open_workbench
from workbench.bootstrap import Workbench

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("/usr/bin/chromium")
PATIENCE = 30.0
OPTIONS = {"fees": "10", "slippage": "5", "start": "2005-01-01"}
ENGINE = """
import sys, threading
from workbench.bootstrap import open_workbench
from workbench.bootstrap.engine_room import open_engine
engine, lease = open_engine(open_workbench(sys.argv[1]))
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
print("runs", flush=True)
engine.run(stop)
"""


@contextmanager
def bench_of(home: Path) -> Iterator[Workbench]:
    """The desk of a home, its databases closed at the end."""
    bench = open_workbench(home)
    try:
        yield bench
    finally:
        bench.trading.database.close()
        bench.registry._engine.dispose()  # type: ignore[attr-defined]


@contextmanager
def process(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A process of this Python that ends when its stdin does."""
    environment = {**os.environ, **variables}
    with subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as made:
        assert made.stdin is not None
        try:
            yield made
        finally:
            made.stdin.close()
            try:
                made.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                made.kill()
                raise


@contextmanager
def app(home: Path) -> Iterator[str]:
    """The app over a home: where it listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with process("-m", "workbench_apps", "--home", str(home), "--port", str(port), "--until-stdin-closes") as served:
        assert served.stdout is not None
        assert served.stdout.readline() == f"app: http://127.0.0.1:{port}\n"
        yield f"http://127.0.0.1:{port}"


@contextmanager
def webhook_server(home: Path) -> Iterator[str]:
    """The webhook server over a home: where it listens."""
    with process("-m", "workbench_server", "--home", str(home), "--port", "0", "--until-stdin-closes") as served:
        assert served.stdout is not None
        yield served.stdout.readline().strip().removeprefix("server: ")


def answers(url: str) -> int:
    """The status a URL is answered with."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def wait_until(true: Callable[[], Any], what: str) -> None:
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"{what}: not within {PATIENCE} s"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with evidence for ema_cross, and one backtest of another strategy that is no evidence."""

    def record(folder: Path) -> None:
        with bench_of(folder / "home") as bench:
            bench.backtest("ema_cross", "sample:AAPL", **OPTIONS)
            bench.walk_forward("ema_cross", "sample:AAPL", train="3y", test="1y", grid=("slow=24:48:24",), **OPTIONS)
            bench.prove("ema_cross", "sample:AAPL", **OPTIONS)
            bench.backtest("rsi_reversion", "sample:AAPL", **OPTIONS)

    return made_once(tmp_path_factory, "recorded", record) / "home"


@pytest.fixture(scope="session")
def in_research(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of that home, for the tests that promote by clicks."""
    home = tmp_path_factory.mktemp("in_research") / "home"
    shutil.copytree(recorded, home)
    return home


@pytest.fixture(scope="module")
def on_paper(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of that home in which ema_cross was promoted to paper."""
    home = tmp_path_factory.mktemp("on_paper") / "home"
    shutil.copytree(recorded, home)
    with bench_of(home) as bench:
        runs = {run.kind: run.run_id for run in bench.registry.find(strategy="ema_cross")}
        for kind, stage in (("backtest", "backtested"), ("walkforward", "walk-forward"), ("proof", "paper")):
            event = bench.trading.promote("ema_cross", runs[kind], stage, "for the test")
            assert event.accepted, event
    return home


@pytest.fixture(scope="session")
def served(in_research: Path) -> Iterator[str]:
    """The app over recorded runs."""
    with app(in_research) as url:
        yield url


@pytest.fixture(scope="module")
def served_on_paper(on_paper: Path) -> Iterator[str]:
    """The app over a home that trades on paper."""
    with app(on_paper) as url:
        yield url


@pytest.fixture(scope="session")
def served_empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app over a home nobody used yet."""
    with app(tmp_path_factory.mktemp("empty") / "home") as url:
        yield url


@contextmanager
def engine_of(home: Path, seconds_per_bar: str = "0.3") -> Iterator[None]:
    """An engine that trades a home on paper, fast."""
    with process("-c", ENGINE, str(home), WORKBENCH_SECONDS_PER_BAR=seconds_per_bar) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "runs\n"
        yield


@pytest.fixture
def engine(on_paper: Path) -> Iterator[None]:
    """An engine that trades the home on paper, fast."""
    with engine_of(on_paper):
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, with one cache."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install chromium to run the browser tests")
    from playwright.sync_api import sync_playwright

    with ExitStack() as stack:
        started = stack.enter_context(sync_playwright())
        made = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        stack.callback(made.close)
        yield made.new_context(viewport={"width": 1400, "height": 900})  # one for all: its cache holds the scripts


@contextmanager
def watched_page(browser: Any) -> Iterator[Any]:
    """A page whose console must stay clean, and which must ask nobody but this machine."""
    complaints: list[str] = []
    asked: list[str] = []
    made = browser.new_page()
    made.set_default_timeout(PATIENCE * 1000)
    made.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    made.on("pageerror", lambda error: complaints.append(f"{error} {error.stack}"))
    made.on("request", lambda request: asked.append(request.url))
    made.on("websocket", lambda opened: asked.append(opened.url))
    yield made
    made.close()
    assert complaints == []
    local = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
    assert [url for url in asked if not url.startswith(local)] == []
    assert any(url.startswith("ws://") for url in asked)


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of a test's own, watched."""
    with watched_page(browser) as made:
        yield made


def click_until(button: Any, shown: Any) -> None:
    """Click a button or a row, again where the page replaced it under the click, until what it leads to is there."""
    from playwright.sync_api import TimeoutError as TooLate

    for _ in range(4):
        with suppress(TooLate):  # it may be gone for good, and what it leads to slow to come
            button.click(timeout=15_000)
        with suppress(TooLate):
            shown.wait_for(timeout=15_000)
            return
    said = button.page.locator("body").inner_text()
    raise AssertionError(f"{shown} is not there, however often {button} is clicked; the page says: {said[:3000]}")
