"""Third-party plugins, each from a small distribution of its own, installed into a fresh environment."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

GOOD = """
from workbench.hookspecs import CommandRecord, DataSourceRecord, RiskRuleRecord, StrategyRecord, hookimpl

@hookimpl
def workbench_commands():
    yield CommandRecord("acme_hello", "{package}.parts:hello", "Greets")

@hookimpl
def workbench_strategies():
    yield StrategyRecord("acme_cross", "{package}.parts:AcmeCross", "Two averages that cross")

@hookimpl
def workbench_data_sources():
    yield DataSourceRecord("acme", "{package}.parts:AcmeSource", "One made-up symbol")

@hookimpl
def workbench_risk_rules():
    yield RiskRuleRecord("acme_never", "{package}.parts:Never", "Denies everything")
"""
GOOD_PARTS = """
import pandas as pd
from workbench import Param, Signals, Strategy, cross_above, cross_below
from workbench.model import Instrument
from workbench.ports import PriceTable, Verdict

class AcmeCross(Strategy):
    n = Param(5, low=2, high=50)
    def signals(self, bars):
        line = bars.sma(self.n)
        return Signals(entries=cross_above(bars.close, line), exits=cross_below(bars.close, line))

class AcmeSource:
    def symbols(self):
        return ["ROCKET"]
    def load(self, request):
        days = pd.date_range("2024-01-01", periods=80, freq="D").strftime("%Y-%m-%d")
        close = [100.0 + (i * 7) % 13 for i in range(80)]
        frame = pd.DataFrame({"time": days, "open": close, "high": close, "low": close, "close": close})
        return PriceTable(frame, Instrument("ROCKET"), volume_counts=False)

def hello(parser):
    parser.add_argument("name")

    def run(options, bench):
        print(f"hello {options.name} from {len(bench.plugins.records('strategy'))} strategies")
        return 0

    return run

class Never:
    def judge(self, context):
        return Verdict("acme_never", "deny", "never")
"""
HEAD = "from workbench.hookspecs import DataSourceRecord, StrategyRecord, hookimpl\n"
BROKEN = {
    "broken_import": ("import surely_not_there\n", "ModuleNotFoundError"),
    "broken_exit": ("raise SystemExit(7)\n", "SystemExit"),
    "broken_record": (
        HEAD + "@hookimpl\ndef workbench_strategies():\n    yield {'name': 'x'}\n",
        "not a StrategyRecord",
    ),
    "broken_name": (
        HEAD + "@hookimpl\ndef workbench_strategies():\n    yield StrategyRecord('Bad Name', 'a:b', 'x')\n",
        "must match",
    ),
    "broken_late": (
        HEAD + "@hookimpl\ndef workbench_strategies():\n    yield StrategyRecord('late_one', 'a:b', 'x')\n"
        "    raise ValueError('too late')\n",
        "too late",
    ),
    "broken_hook": (HEAD + "@hookimpl\ndef workbench_strategys():\n    yield None\n", "workbench_strategys"),
    "broken_unmarked": (HEAD + "def workbench_strategies():\n    yield None\n", "not marked"),
    "broken_conflict": (
        HEAD + "@hookimpl\ndef workbench_strategies():\n    yield StrategyRecord('ema_cross', 'a:b', 'x')\n",
        "plugin strategies (workbench)",
    ),
    "broken_empty": ("", "implements no hook"),
}


def make_distribution(folder: Path, name: str, plugins: dict[str, dict[str, str]]) -> Path:
    """Write a distribution as a third party would: a package and an entry point for each plugin."""
    for plugin, files in plugins.items():
        for file, text in files.items():
            path = folder / name / f"{plugin}_package" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("{package}", f"{plugin}_package"))
    entries = "".join(f'{plugin} = "{plugin}_package"\n' for plugin in plugins)
    packages = ", ".join(f'"{plugin}_package"' for plugin in plugins)
    (folder / name / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "{name}"\nversion = "1.2.3"\n'
        f"[project.entry-points.workbench]\n{entries}"
        f"[tool.setuptools]\npackages = [{packages}]\n"
    )
    return folder / name


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment that sees this project's packages, with one good and every broken plugin installed in it."""
    folder = tmp_path_factory.mktemp("third party")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    site = next((folder / "venv" / "lib").glob("python*/site-packages"))
    # The project's own libraries are seen, not copied: this environment adds third-party plugins on top.
    (site / "base.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages")) + "\n")
    for path in (ROOT, *(ROOT / d for d in ("plugins", "strategies", "apps", "server"))):
        with (site / "base.pth").open("a") as file:
            file.write(f"{path}\n")
    broken = {name: {"__init__.py": text} for name, (text, _) in BROKEN.items()}
    sources = [
        make_distribution(folder, "acme-acme", {"acme": {"__init__.py": GOOD, "parts.py": GOOD_PARTS}}),
        make_distribution(folder, "acme-broken", broken),
    ]
    command = [sys.executable, "-m", "uv", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    command += ["--cache-dir", str(folder / "cache"), "--python", str(python)]
    done = subprocess.run([*command, *map(str, sources)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return python


def run(python: Path, home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the shell in the fresh environment."""
    environment = {"WORKBENCH_HOME": str(home), "PATH": "/usr/bin:/bin", "HOME": str(home), **variables}
    return subprocess.run(
        [str(python), "-m", "workbench", *arguments], capture_output=True, text=True, env=environment, check=False
    )


@pytest.mark.slow
def test_broken_plugins_are_named_with_their_error_and_the_rest_works(environment: Path, tmp_path: Path) -> None:
    done = run(environment, tmp_path, "plugins", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    by_name = {r["name"]: r for r in rows if r["kind"] == "plugin"}
    for name, (_, told) in BROKEN.items():
        row = by_name[name]
        assert row["status"] == "failed", row
        assert told in row["error"], row
        assert "\n" not in row["error"]
        assert row["distribution"] == "acme-broken"
    assert by_name["acme"] == by_name["acme"] | {"status": "loaded", "distribution": "acme-acme", "version": "1.2.3"}
    for bundled in ("sample", "csv", "parquet", "paper", "risk", "strategies"):
        assert by_name[bundled]["status"] == "loaded"
    assert not any(r["name"] == "late_one" for r in rows), "what a plugin yielded before it failed is not kept"


@pytest.mark.slow
def test_a_conflict_names_both_sides(environment: Path, tmp_path: Path) -> None:
    rows = json.loads(run(environment, tmp_path, "plugins", "--json").stdout)
    error = next(r["error"] for r in rows if r["name"] == "broken_conflict")
    assert "strategy ema_cross of plugin broken_conflict (acme-broken)" in error
    assert "plugin strategies (workbench)" in error


@pytest.mark.slow
def test_a_third_partys_strategy_and_data_run_through_the_same_door(environment: Path, tmp_path: Path) -> None:
    done = run(environment, tmp_path, "backtest", "acme_cross", "--data", "acme:ROCKET", "--set", "n=4", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["params"] == {"n": 4}
    assert found["metrics"]["trades"] > 3
    assert found["data"]["source"] == "acme"


@pytest.mark.slow
def test_a_third_partys_command_is_one_of_the_shells(environment: Path, tmp_path: Path) -> None:
    done = run(environment, tmp_path, "acme_hello", "Ada")
    assert (done.returncode, done.stdout) == (0, "hello Ada from 8 strategies\n"), done.stderr
    assert "acme_hello" in run(environment, tmp_path, "--help").stdout
    assert run(environment, tmp_path, "acme_hello").returncode == 2


@pytest.mark.slow
def test_a_blocked_plugin_is_listed_and_not_loaded(environment: Path, tmp_path: Path) -> None:
    done = run(environment, tmp_path, "plugins", "--json", WORKBENCH_BLOCKED_PLUGINS="acme,broken_exit")
    by_name = {r["name"]: r for r in json.loads(done.stdout) if r["kind"] == "plugin"}
    assert by_name["acme"]["status"] == by_name["broken_exit"]["status"] == "blocked"
    done = run(
        environment, tmp_path, "backtest", "acme_cross", "--data", "sample:AAPL", WORKBENCH_BLOCKED_PLUGINS="acme"
    )
    assert done.returncode == 2
    assert "acme_cross" in done.stderr
    assert done.stderr.count("\n") == 1
