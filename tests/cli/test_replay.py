"""`workbench replay`: a strategy on data, a recorded run, and either from event to event."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Done
from workbench import open_workbench
from workbench.errors import BadInput

Shell = Callable[..., Done]
CROSS = ("sma_cross", "--set", "fast=2", "--set", "slow=5")
CLOCKED = ("run_id", "mode", "elapsed_s", "bars_a_second")


def figures(done: Done) -> dict[str, Any]:
    """What a replay found, without its id and its speed."""
    assert done.code == 0, done.err
    return {name: value for name, value in done.json.items() if name not in CLOCKED}


def test_a_recorded_run_is_replayed_with_its_own_data_params_and_options(shell: Shell, prices: Path) -> None:
    options = ("--data", f"csv:{prices}", "--cash", "5000", "--fees", "12.5", "--stop", "3", "--lot", "2")
    run = shell("backtest", *CROSS, *options, "--json").json["run_id"]
    named = shell("replay", *CROSS, *options, "--json")
    again = shell("replay", run, "--json")
    assert figures(again) == figures(named)
    assert again.json["mode"] == "stepwise"
    assert again.json["fills"] > 0
    assert again.json["elapsed_s"] > 0
    # elapsed_s is rounded to a microsecond
    assert again.json["bars_a_second"] == pytest.approx(60 / again.json["elapsed_s"], rel=1e-2)
    assert figures(shell("replay", run[:-2], "--json")) == figures(named)
    assert figures(shell("replay", again.json["run_id"], "--json")) == figures(named)
    assert shell("runs", "show", again.json["run_id"]).json["kind"] == "replay"


def test_the_last_days_of_a_recorded_replay_stay_unless_others_are_named(shell: Shell, prices: Path) -> None:
    run = shell("replay", *CROSS, "--data", f"csv:{prices}", "--last-days", "20", "--json").json
    assert 0 < run["bars"] < 25
    assert shell("replay", run["run_id"], "--json").json["bars"] == run["bars"]
    assert shell("replay", run["run_id"], "--last-days", "30", "--json").json["bars"] == run["bars"] + 10


def test_precomputed_needs_a_proof_of_this_code_with_these_parameters(
    shell: Shell, prices: Path, tmp_path: Path
) -> None:
    data = ("--data", f"csv:{prices}")
    run = shell("backtest", *CROSS, *data, "--json").json["run_id"]
    refused = shell("replay", run, "--precomputed", "--json")
    assert (refused.code, refused.out) == (1, "")
    assert "no recorded look-ahead proof" in refused.err
    assert "run workbench prove sma_cross first" in refused.err
    assert shell("prove", "sma_cross", "--set", "fast=3", "--set", "slow=5", *data, "--json").code == 0
    assert shell("replay", run, "--precomputed").code == 1, "a proof with other parameters is none"
    assert shell("prove", *CROSS, *data, "--json").code == 0
    done = shell("replay", run, "--precomputed", "--json")
    assert done.code == 0, done.err
    assert done.json["mode"] == "precomputed"
    assert figures(done) == figures(shell("replay", run, "--json"))
    assert figures(shell("replay", *CROSS, *data, "--precomputed", "--json")) == figures(done)
    rerun = shell("runs", "rerun", done.json["run_id"], "--json")
    assert (rerun.code, rerun.json["differences"]) == (0, [])
    assert "precomputed: " in shell("replay", run, "--precomputed").out


def test_precomputed_is_refused_after_a_failed_proof_and_after_a_change_of_code(
    shell: Shell, prices: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    text = (
        "import numpy as np\nfrom workbench import Signals, Strategy\nclass Mine(Strategy):\n"
        "    def signals(self, bars):\n        return Signals(entries=np.roll(bars.close, {}) > 104)\n"
    )
    given = (f"{file}:Mine", "--data", f"csv:{prices}")
    file.write_text(text.format(-1))
    assert shell("prove", *given).code == 1
    refused = shell("replay", *given, "--precomputed")
    assert refused.code == 1
    assert "did not pass" in refused.err
    file.write_text(text.format(0))
    assert "no recorded look-ahead proof" in shell("replay", *given, "--precomputed").err
    assert shell("prove", *given).code == 0
    assert shell("replay", *given, "--precomputed").code == 0


def test_a_run_that_cannot_be_replayed_says_why(shell: Shell, prices: Path) -> None:
    data = ("--data", f"csv:{prices}")
    run = shell("backtest", *CROSS, *data, "--json").json["run_id"]
    walked = shell(
        "walkforward", "sma_cross", *data, "--train", "30", "--test", "10", "--grid", "fast=2:4:1", "--set", "slow=6",
        "--json",
    ).json["run_id"]  # fmt: skip
    for arguments, words in (
        (("sma_cross",), ("run sma_cross", "--data")),
        (("x",), ("run x", "--data")),
        ((walked,), ("walk-forward",)),
        ((run, "--fees", "3"), ("--fees 3", "its own")),
        ((run, "--set", "fast=3"), ("--set fast=3", "its own")),
        ((run, "--shared-cash"), ("--shared-cash", "its own")),
    ):
        done = shell("replay", *arguments, "--json")
        assert (done.code, done.out) == (2, ""), arguments
        assert all(word in done.err for word in words), done.err


def test_the_desk_asks_for_data_or_a_run_alone(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="name the data"):
        open_workbench(tmp_path).replay("0190aaaa", params={"fast": 3})
