"""The contract for scripts: commands, keys and exit codes, on data of the test's own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Done

Shell = Callable[..., Done]


def test_backtest_has_every_key_and_hand_worked_numbers(shell: Shell, tmp_path: Path) -> None:
    rows = [
        "time,open,high,low,close",
        *(f"2024-01-{d:02}T00:00:00Z,{p},{p},{p},{p}" for d, p in enumerate((10, 10, 20, 30), 1)),
    ]
    (tmp_path / "steps.csv").write_text("\n".join(rows))
    done = shell(
        "backtest", "buy_and_hold", "--data", "csv:steps.csv", "--fees", "0", "--slippage", "0", "--cash", "1000",
        "--lot", "1", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = done.json
    assert {"run_id", "strategy", "params", "data", "metrics", "trades", "pending"} <= found.keys()
    assert {"source", "symbols", "start", "end", "bars", "fingerprint"} <= found["data"].keys()
    assert found["data"]["symbols"] == ["steps"]
    assert found["data"]["bars"] == 4
    assert found["data"]["start"] == "2024-01-01T00:00:00Z"
    trade = found["trades"][0]
    assert trade == trade | {
        "symbol": "steps", "direction": "long", "entry_time": "2024-01-02T00:00:00Z", "entry_price": 10.0,
        "exit_time": None, "exit_price": None, "size": 100.0, "pnl": 2000.0, "return": 2.0, "status": "open",
    }  # fmt: skip
    metrics = found["metrics"]
    assert metrics["total_return"] == 2.0
    assert metrics["max_drawdown"] == 0.0
    assert metrics["trades"] == 1
    assert metrics["win_rate"] is None
    assert metrics["undefined"]["win_rate"] == "no closed trades"
    returns = np.array([0, 0, 1, 0.5])
    assert metrics["sharpe"] == pytest.approx(returns.mean() / returns.std(ddof=1) * np.sqrt(365))
    assert metrics["sortino"] is None
    assert found["pending"] == []


def test_every_option_of_a_backtest_is_taken(shell: Shell, prices: Path) -> None:
    done = shell(
        "backtest", "sma_cross", "--data", f"csv:{prices}", "--start", "2024-01-05", "--end", "2024-02-20",
        "--set", "fast=2", "--set", "slow=5", "--fees", "12.5", "--slippage", "2", "--cash", "5000", "--size", "risk:1",
        "--stop", "3", "--target", "6", "--trail", "4", "--lot", "2", "--tick", "0.5",
        "--calendar", "always", "--tz", "UTC",
        "--min-fee", "1", "--per-share", "0.01", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = done.json
    assert found["params"] == {"fast": 2, "slow": 5, "shorts": False}
    assert found["data"]["start"] == "2024-01-05T00:00:00Z"
    assert found["data"]["end"] == "2024-02-20T00:00:00Z"
    assert found["terms"] == {
        "cash": 5000.0, "shared_cash": False, "size": "risk:1", "fee_bps": 12.5, "slippage_bps": 2.0, "per_share": 0.01,
        "minimum_fee": 1.0, "stop": 3.0, "target": 6.0, "trail": 4.0, "costs": None, "slippage": "2", "fill_at": "open",
    }  # fmt: skip
    for trade in found["trades"]:
        assert trade["size"] % 2 == 0
        assert trade["entry_price"] * 2 == int(trade["entry_price"] * 2)


def test_prove_says_yes_with_exit_0_and_no_with_exit_1(shell: Shell) -> None:
    done = shell("prove", "sma_cross", "--data", "sample:FB", "--json")
    assert done.code == 0, done.err
    found = done.json
    assert found["lookahead"]["passed"]
    assert found["warmup"]["passed"]
    assert found["warmup"]["bars_needed"] == 51
    assert found["parity"] == found["parity"] | {"passed": True, "first_difference": None}
    assert found["parity"]["compared_trades"] >= 1
    leak = Path(__file__).parents[2] / "workbench" / "cli" / "demo_peeking.py"
    done = shell("prove", f"{leak}:PeeksAhead", "--data", "sample:FB", "--json")
    assert done.code == 1
    assert not done.json["lookahead"]["passed"]
    assert done.json["lookahead"]["first_leak"]["time"].startswith("2012-")
    assert done.json["parity"]["first_difference"] is not None


def test_walkforward_has_windows_stitched_and_efficiency(shell: Shell) -> None:
    done = shell(
        "walkforward", "ema_cross", "--data", "sample:IBM", "--train", "750", "--test", "250", "--grid", "fast=5:15:5",
        "--grid", "slow=30:50:10", "--metric", "total_return", "--anchored", "--workers", "2", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = done.json
    assert {"windows", "stitched", "efficiency"} <= found.keys()
    keys = {"train_start", "train_end", "test_start", "test_end", "params", "in_sample", "out_of_sample"}
    assert all(keys <= window.keys() for window in found["windows"])
    assert len(found["windows"]) == 10
    assert {w["train_start"] for w in found["windows"]} == {"2000-03-01T00:00:00Z"}
    assert all(a["test_end"] < b["test_start"] for a, b in zip(found["windows"], found["windows"][1:], strict=False))
    assert found["tried"] == 90


def test_runs_are_listed_shown_and_rerun_with_the_same_numbers(shell: Shell, prices: Path) -> None:
    first = shell(
        "backtest", "sma_cross", "--data", f"csv:{prices}", "--set", "fast=2", "--set", "slow=5", "--json"
    ).json
    walked = shell(
        "walkforward", "sma_cross", "--data", f"csv:{prices}", "--train", "30", "--test", "10", "--grid", "fast=2:4:1",
        "--set", "slow=6", "--json",
    ).json  # fmt: skip
    proof = shell("prove", "sma_cross", "--data", f"csv:{prices}", "--set", "fast=2", "--set", "slow=5", "--json").json
    listed = shell("runs", "list", "--json").json
    assert [r["run_id"] for r in listed] == [proof["run_id"], walked["run_id"], first["run_id"]]
    assert [r["kind"] for r in listed] == ["proof", "walkforward", "backtest"]
    assert len(shell("runs", "list", "--limit", "1", "--json").json) == 1
    shown = shell("runs", "show", first["run_id"], "--json").json
    assert shown["metrics"] == first["metrics"]
    assert {"result.json", "equity.parquet", "strategy.py"} <= set(shown["artifacts"])
    assert shown["family_trials"] == 4  # 2/5 once, and three of the grid with slow=6
    for run in (first, walked, proof):
        again = shell("runs", "rerun", run["run_id"], "--json")
        assert again.code == 0, again.err
        assert again.json["same"]
        assert again.json["differences"] == []


def test_a_rerun_says_what_differs(shell: Shell, tmp_path: Path, prices: Path) -> None:
    file = tmp_path / "mine.py"
    text = (
        "from workbench import Signals, Strategy\nclass Mine(Strategy):\n    def signals(self, bars):\n"
        "        return Signals(entries=bars.close > {}, exits=bars.close < 104)\n"
    )
    file.write_text(text.format(108))
    run = shell("backtest", f"{file}:Mine", "--data", f"csv:{prices}", "--json").json
    file.write_text(text.format(109))
    again = shell("runs", "rerun", run["run_id"], "--json")
    assert again.code == 1
    what = {d["what"] for d in again.json["differences"]}
    assert "code" in what
    assert "figure total_return" in what
    file.write_text(text.format(108))
    prices.write_text(prices.read_text().replace(",1000\n", ",2000\n", 1))
    again = shell("runs", "rerun", run["run_id"], "--json")
    assert again.code == 0, "the figures are the same"
    assert {d["what"] for d in again.json["differences"]} == {"data"}


def test_help_and_plugins_import_nothing_heavy() -> None:
    heavy = "{'numpy', 'pandas', 'vectorbt', 'sqlalchemy', 'numba', 'rich', 'bokeh', 'alembic'}"
    for arguments in (["--help"], ["plugins", "--json"], ["backtest", "--help"]):
        code = (
            f"import sys\nsys.argv = ['workbench'] + {arguments!r}\nfrom workbench.cli import main\n"
            f"try:\n    main()\nexcept SystemExit:\n    pass\nsys.stderr.write(str(sorted({heavy} & set(sys.modules))))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stderr.strip() == "[]", (arguments, done.stderr)


def test_nothing_but_the_document_is_on_stdout(shell: Shell) -> None:
    for arguments in (("plugins",), ("strategies",), ("check", "--data", "sample:FB"), ("runs", "list")):
        done = shell(*arguments, "--json")
        assert done.code == 0
        json.loads(done.out)
        assert shell(*arguments).code == 0


def test_debug_shows_the_traceback(shell: Shell) -> None:
    with pytest.raises(Exception, match="ema_cros"):
        shell("--debug", "backtest", "ema_cros", "--data", "sample:AAPL")


LOUD = """
import sys
from workbench import Signals, Strategy
class Prints(Strategy):
    def signals(self, bars):
        print("hello", len(bars))
        return Signals(entries=bars.close > 104, exits=bars.close < 102)
class Quits(Strategy):
    def signals(self, bars):
        sys.exit(0)
"""


def test_what_a_strategy_prints_does_not_get_into_the_document(shell: Shell, tmp_path: Path, prices: Path) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    done = shell("backtest", "loud.py:Prints", "--data", f"csv:{prices}", "--json")
    assert done.json["metrics"]["trades"] > 0
    assert "hello 60" in done.err
    assert shell("prove", "loud.py:Prints", "--data", f"csv:{prices}", "--json").json["lookahead"]["passed"]


def test_a_strategy_that_exits_does_not_end_the_shell_as_if_all_were_well(
    shell: Shell, tmp_path: Path, prices: Path
) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    done = shell("backtest", "loud.py:Quits", "--data", f"csv:{prices}", "--json")
    assert (done.code, done.out) == (2, "")
    assert "SystemExit" in done.err


def test_json_may_stand_before_or_after_an_action(shell: Shell) -> None:
    assert shell("runs", "--json", "list").json == shell("runs", "list", "--json").json == []


@pytest.mark.parametrize("name", ["a?b", "p%20c", ":memory:x", "with space", "ü#'"])
def test_a_home_of_any_name_holds_its_own_runs(
    shell: Shell, tmp_path: Path, prices: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / name))
    assert shell("backtest", "buy_and_hold", "--data", f"csv:{prices}").code == 0
    assert (tmp_path / name / "research.db").is_file()
    assert len(shell("runs", "list", "--json").json) == 1


def test_an_edited_rule_is_another_trial_and_a_replay_can_be_rerun(shell: Shell, tmp_path: Path, prices: Path) -> None:
    file = tmp_path / "loud.py"
    for level in (104, 105):
        file.write_text(LOUD.replace("104", str(level)))
        run = shell("backtest", "loud.py:Prints", "--data", f"csv:{prices}", "--json").json
    assert shell("runs", "show", run["run_id"]).json["family_trials"] == 2
    played = shell("replay", "loud.py:Prints", "--data", f"csv:{prices}", "--json").json
    again = shell("runs", "rerun", played["run_id"], "--json")
    assert (again.code, again.json["differences"]) == (0, [])


def test_a_sweep_has_every_key_and_the_figures_of_its_backtests(shell: Shell, prices: Path) -> None:
    common = ("--data", f"csv:{prices}", "--fees", "5", "--slippage", "1", "--lot", "1")
    done = shell("sweep", "sma_cross", *common, "--grid", "fast=2:6:2", "--grid", "slow=4:8:2", "--top", "3", "--json")
    assert done.code == 0, done.err
    found = done.json
    assert {"sets", "left_out", "elapsed_s", "bars", "rate", "results", "trials_counted"} <= found.keys()
    assert (found["sets"], found["left_out"], found["trials_counted"], len(found["results"])) == (6, 3, 6, 3)
    best = found["results"][0]
    params = [word for name, value in best["params"].items() for word in ("--set", f"{name}={value}")]
    honest = shell("backtest", "sma_cross", *common, *params, "--json").json["metrics"]
    for name in ("total_return", "sharpe", "max_drawdown", "trades", "win_rate"):
        assert best[name] == (None if honest[name] is None else pytest.approx(honest[name], rel=1e-9)), name
    assert best["sharpe"] == max(row["sharpe"] for row in found["results"] if row["sharpe"] is not None)
    again = shell("sweep", "sma_cross", *common, "--grid", "fast=2:6:2", "--grid", "slow=4:8:2", "--json").json
    assert again["trials_counted"] == 6, "the same sets on the same prices are no new trials"
    drawn = [
        shell("sweep", "sma_cross", *common, "--grid", "fast=2:6", "--grid", "slow=7:30", "--search", "random",
              "--trials", "9", "--seed", "4", "--workers", "2", "--json").json for _ in range(2)
    ]  # fmt: skip
    assert drawn[0]["results"] == drawn[1]["results"]
    assert drawn[0]["trials_counted"] > 6


def test_overfit_has_every_key_for_a_sweep_and_for_a_run(shell: Shell) -> None:
    swept = shell(
        "sweep", "ema_cross", "--data", "sample:IBM", "--grid", "fast=4:12:4", "--grid", "slow=20:40:10", "--json"
    )
    assert swept.code == 0, swept.err
    keys = {"psr", "dsr", "min_track_record", "pbo", "reality_check_p", "spa_p", "permutation_p", "trials"}
    done = shell("overfit", swept.json["run_id"], "--permutations", "5", "--json")
    assert done.code == 0, done.err
    found = done.json
    assert keys <= found.keys()
    assert found["trials"] == swept.json["trials_counted"] == 9
    assert all(0 <= found[name] <= 1 for name in keys - {"min_track_record", "trials"})
    run = shell("backtest", "ema_cross", "--data", "sample:IBM", "--json").json
    text = shell("overfit", run["run_id"], "--permutations", "0")
    assert text.code == 0, text.err
    assert "10 trials of its family" in text.out
    assert "it was not asked for" in text.out
    assert shell("overfit", "0123456789abcdef").code == 2


def test_a_search_that_learns_answers_as_a_sweep_does_and_costs_and_fills_are_options(shell: Shell) -> None:
    done = shell(
        "sweep", "ema_cross", "--data", "sample:IBM", "--search", "bayes", "--trials", "12", "--seed", "3", "--costs",
        "crypto:maker=1,taker=4", "--slippage", "spread:4+volatility:5", "--fill-at", "close", "--constraint",
        "slow >= 3 * fast", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = done.json
    assert found["sets"] == 12
    assert all(r["params"]["slow"] >= 3 * r["params"]["fast"] for r in found["results"])
    assert found["terms"]["costs"] == "crypto"
    assert (found["terms"]["slippage"], found["terms"]["fill_at"]) == ("spread:4+volatility:5", "close")
    best = found["results"][0]
    again = shell(
        "backtest", "ema_cross", "--data", "sample:IBM", "--costs", "crypto:maker=1,taker=4", "--slippage",
        "spread:4+volatility:5", "--fill-at", "close", *(f"--set={n}={v}" for n, v in best["params"].items()), "--json",
    )  # fmt: skip
    assert again.json["metrics"]["sharpe"] == pytest.approx(best["sharpe"], rel=1e-9)
    for wrong, words in (
        (("--costs", "nowhere"), "nowhere"), (("--costs", "crypto:maker"), "KEY=VALUE"),
        (("--costs", "crypto", "--fees", "5"), "charged twice"), (("--costs", "crypto:x=1"), "crypto"),
        (("--slippage", "magic:3"), "magic"), (("--fill-at", "noon"), "noon"),
    ):  # fmt: skip
        refused = shell("backtest", "ema_cross", "--data", "sample:IBM", *wrong)
        assert refused.code == 2, wrong
        assert words in refused.err


def test_data_check_and_crossvalidate_print_one_document(shell: Shell) -> None:
    checked = shell("data", "check", "sample:IBM", "--json")
    assert checked.code == 0, checked.err
    assert checked.json["reports"]["IBM"]["ok"] is True
    assert shell("data", "check", "sample:NOPE").code == 2
    across = shell(
        "crossvalidate", "ema_cross", "--data", "sample:IBM", "--grid", "fast=4:12:4", "--folds", "5", "--purge", "5",
        "--json",
    )  # fmt: skip
    assert across.code == 0, across.err
    assert (across.json["splits"], across.json["paths"], len(across.json["path_list"])) == (10, 4, 4)


def test_every_command_tells_its_help() -> None:
    from workbench.cli.parser import _parser

    def shown(parser: Any, depth: int = 0) -> int:
        parser.format_help()
        found = 1
        for action in parser._actions:
            choices = getattr(action, "choices", None)
            if isinstance(choices, dict):
                found += sum(shown(child, depth + 1) for child in choices.values())
        return found

    assert shown(_parser()[0]) > 40
