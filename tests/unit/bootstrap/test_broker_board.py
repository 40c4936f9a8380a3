"""The broker board: configured brokers with their mode, and one that cannot be asked beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from workbench_apps.brokers import page_html

from workbench import open_workbench
from workbench.testing.openalgo import OpenAlgoServer

OPENALGO = """
[brokers.mine]
plugin = "openalgo"
url = "{url}"
ws_url = ""
api_key_env = "BOARD_KEY"
answer_within = 2.0
[brokers.gone]
plugin = "openalgo"
url = "http://127.0.0.1:9"
ws_url = ""
api_key_env = "BOARD_KEY"
[brokers.odd]
plugin = "openalgo"
colour = "red"
api_key_env = "BOARD_KEY"
[brokers.nameless]
plugin = "no_such_broker"
"""


@pytest.fixture
def server() -> Any:
    with OpenAlgoServer() as running:
        yield running


def board(home: Path, server: OpenAlgoServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    home.mkdir(exist_ok=True)
    (home / "workbench.toml").write_text(OPENALGO.format(url=server.url))
    monkeypatch.setenv("BOARD_KEY", server.api_key)
    return {row["broker"]: row for row in open_workbench(home).trading.by_hand.brokers()}


def test_a_sandbox_is_said_to_be_one_in_the_shell_and_in_the_app(
    tmp_path: Path, server: OpenAlgoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.exchange.analyze = True
    found = board(tmp_path, server, monkeypatch)
    assert (found["mine"]["mode"], found["mine"]["is_connected"], found["mine"]["trouble"]) == ("sandbox", True, "")
    assert found["mine"]["resend"] == "blind"
    assert found["mine"]["orders"]["stop"] == "native"
    assert found["mine"]["orders"]["target"] == "held here"
    page = page_html([], [found["paper"], found["mine"]])
    assert "SANDBOX" in page
    server.exchange.analyze = False
    found = board(tmp_path, server, monkeypatch)
    assert found["mine"]["mode"] == "live"
    assert "LIVE" in page_html([], [found["mine"]])


def test_brokers_that_cannot_be_made_or_asked_are_named_and_the_others_stand(
    tmp_path: Path, server: OpenAlgoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = board(tmp_path, server, monkeypatch)
    assert list(found) == ["paper", "mine", "gone", "odd", "nameless"]
    assert not found["gone"]["is_connected"]
    assert found["gone"]["trouble"]
    assert "colour" in found["odd"]["trouble"]
    assert "no_such_broker" in found["nameless"]["trouble"]
    assert server.api_key not in str(found)
