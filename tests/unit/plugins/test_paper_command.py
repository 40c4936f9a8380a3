"""What realism costs, as a command: steps on top of each other, and bad settings said before anything is replayed."""

from __future__ import annotations

import json

import pytest
from workbench_plugins.paper_broker import PaperBroker
from workbench_plugins.paper_command import STEPS, what_it_costs

from workbench import open_workbench
from workbench.bootstrap import Workbench
from workbench.cli.parser import run
from workbench.errors import BadInput


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workbench, str]:
    bench = open_workbench(tmp_path_factory.mktemp("realism"))
    made = bench.backtest("ema_cross", "sample:AAPL", start="2008-01-01", fees=5, slippage=0, size="value:10000")
    return bench, made.run_id


def test_each_step_is_set_against_the_one_before_and_all_against_none(home: tuple[Workbench, str]) -> None:
    bench, run_id = home
    rows = what_it_costs(bench, run_id)
    assert [row["name"] for row in rows] == [*STEPS, "together"]
    spread, *_, together = rows
    assert (spread["buy_bps"], spread["sell_bps"]) == (2, 2)  # half of four basis points each way
    assert spread["more_equity"] < 0
    assert together["end_equity"] == rows[-2]["end_equity"]
    assert together["more_equity"] == pytest.approx(sum(row["more_equity"] for row in rows[:-1]))
    assert len(bench.registry.find(kind="replay")) == 0  # no evidence


def test_the_command_answers_in_one_document(
    home: tuple[Workbench, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench, run_id = home
    monkeypatch.setenv("WORKBENCH_HOME", str(bench.settings.home))
    assert run(["realism", run_id, "--add", "spread_bps=10", "--last-days", "400", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in found["rows"]] == ["spread_bps=10", "together"]
    assert run(["realism", run_id, "--add", "spread_bps=10", "--last-days", "400"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("spread_bps=10")


@pytest.mark.parametrize("add", [["colour=2"], ["spread_bps=-1"], ["spread_bps=2", "spread_bps=2"], ["spread"]])
def test_a_bad_setting_is_named_before_anything_is_replayed(home: tuple[Workbench, str], add: list[str]) -> None:
    bench, run_id = home
    words = [word for text in add for word in ("--add", text)]
    with pytest.raises(BadInput):
        run(["realism", run_id, *words])
    assert bench.settings.home.exists()


def test_a_broker_of_ones_own_takes_no_precomputed_replay_and_is_not_recorded(home: tuple[Workbench, str]) -> None:
    bench, run_id = home
    with pytest.raises(BadInput, match="stands for the rule for fills alone"):
        bench.replay(run_id, precomputed=True, broker=lambda costs: PaperBroker(costs=costs))
    made = bench.replay(run_id, last_days=200, broker=lambda costs: PaperBroker(costs=costs))
    assert not made.run_id
