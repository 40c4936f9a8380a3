"""The desk's commands on a home of their own: what is refused, in one line that says what to do, and what is empty."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done

Shell = Callable[..., Done]
MINE = """
from workbench import Bars, Signals, Strategy, cross_above, cross_below

class Mine(Strategy):
    def signals(self, bars: Bars) -> Signals:
        line = bars.sma(5)
        return Signals(entries=cross_above(bars.close, line), exits=cross_below(bars.close, line))
"""


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (("promote", "ema_cross", "--run", "0123456789", "--to", "paper"), 2, "run"),
        (("promote", "no_such", "--run", "0123456789", "--to", "paper"), 2, "no_such"),
        (("promote", "ema_cross", "--to", "paper"), 2, "--run"),
        (("promote", "ema_cross", "--run", "0123456789", "--to", "moon"), 2, "backtested"),
        (("demote", "ema_cross", "--to", "research"), 1, "research"),
        (("demote", "ema_cross", "--to", "moon"), 2, "moon"),
        (("hooks", "create", "--strategy", "no_such", "--name", "n"), 2, "no_such"),
        (("hooks", "create", "--strategy", "ema_cross", "--name", " "), 2, "name"),
        (("resume",), 2, "--confirm"),
        (("resume", "--confirm"), 1, "no panic"),
        (("orders", "--last", "0"), 2, "--last"),
        (("serve", "--port", "0"), 2, "--port"),
        (("serve", "--port", "8321", "--app-port", "8321"), 2, "app"),
        (("serve", "--host", "192.0.2.1"), 1, "until users exist"),
    ],
)
def test_bad_use_is_one_line_with_the_remedy(shell: Shell, command: tuple[str, ...], code: int, words: str) -> None:
    done = shell(*command)
    assert (done.code, done.out) == (code, ""), done.err
    assert done.err.count("\n") == 1
    assert words in done.err


def test_an_empty_home_answers_with_empty_lists_and_says_what_to_do(shell: Shell) -> None:
    for name in ("stages", "signals", "orders", "fills", "positions", "accounts", "hooks"):
        assert shell(name, "--json").json == []
        told = shell(name).out
        assert told.count("\n") == 1
        assert told.startswith("no ")
    found = shell("status", "--json").json
    assert (found["engine"], found["halted"], found["sessions"]) == (False, False, [])


def test_a_home_whose_settings_name_no_gate_or_limit_says_so(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for text, words in (("[gates.nothing]\nx = 1", "nothing"), ("[gates.backtest]\nmin_trade = 1", "min_trade")):
        (home / "workbench.toml").write_text(text)
        done = shell("stages")
        assert done.code == 2
        assert words in done.err
    (home / "workbench.toml").write_text("[limits.max_positions]\nmost = 0")
    done = shell("engine")
    assert done.code == 2
    assert "limits.max_positions.most" in done.err


def test_a_step_past_a_gate_is_refused_recorded_and_leaves_the_strategy_where_it_was(
    shell: Shell, tmp_path: Path, prices: Path
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    run = shell("backtest", "mine.py:Mine", "--data", f"csv:{prices}", "--json").json["run_id"]
    skipped = shell("promote", "mine.py:Mine", "--run", run, "--to", "paper", "--reason", "hurry", "--json")
    assert skipped.code == 1
    assert "backtested only" in skipped.err
    assert (skipped.json["accepted"], skipped.json["stage"], skipped.json["reason"]) == (False, "research", "hurry")
    short = shell("promote", "Mine", "--run", run, "--to", "backtested", "--json")
    assert short.code == 1
    gates = {gate["gate"]: gate for gate in short.json["gates"]}
    assert not gates["backtest"]["passed"]
    assert "bars 60, must be at least 250" in gates["backtest"]["reason"]
    assert "workbench prove" in gates["no_look_ahead"]["reason"]
    assert shell("stages", "--json").json == []


def test_a_changed_file_loses_its_evidence(shell: Shell, tmp_path: Path, prices: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "workbench.toml").write_text("[gates.backtest]\nmin_bars = 10\nmin_trades = 1\n")
    (tmp_path / "mine.py").write_text(MINE)
    run = shell("backtest", "mine.py:Mine", "--data", f"csv:{prices}", "--json").json["run_id"]
    shell("prove", "mine.py:Mine", "--data", f"csv:{prices}", "--json")
    (tmp_path / "mine.py").write_text(MINE + "\n# touched\n")
    done = shell("promote", "mine.py:Mine", "--run", run, "--to", "backtested", "--json")
    assert done.code == 1
    assert "has changed" in done.json["refused"][0]["reason"]
    (tmp_path / "mine.py").write_text(MINE)
    prices.write_text(prices.read_text().replace(",1000", ",1001", 1))
    done = shell("promote", "mine.py:Mine", "--run", run, "--to", "backtested", "--json")
    assert "prices" in done.json["refused"][0]["reason"]
