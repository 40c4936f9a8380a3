"""The house's rules: floors, folders, the public surface, and hooks that are documented and tested."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import workbench
from workbench.hookspecs import RECORD_TYPES, Hooks
from workbench.testing import check_bar_broker, check_data_source, check_plugin_import, check_risk_rule

ROOT = Path(__file__).resolve().parents[2]
CONTAINERS = ("apps", "plugins", "server", "strategies")
BUNDLED = sorted({e.value for e in entry_points(group="workbench") if e.dist and e.dist.name == "workbench"})


def sources() -> list[Path]:
    folders = ("workbench", *CONTAINERS, "tests", "benchmarks")
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)]


def test_the_floors_and_import_rules_hold() -> None:
    code = "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c(['--no-cache']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_nothing_imports_a_container_folder_by_its_bare_name() -> None:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in names:
                assert name.split(".")[0] not in CONTAINERS, f"{path}: import {name}"
    for folder in CONTAINERS:
        assert not (ROOT / folder / "__init__.py").exists()


def test_the_public_names_are_these() -> None:
    assert sorted(workbench.__all__) == [
        "BadInput", "Bars", "Param", "Refused", "Signals", "Strategy", "Workbench", "WorkbenchError", "cross_above",
        "cross_below", "deflated_sharpe_ratio", "open_workbench", "shift",
    ]  # fmt: skip
    for name in workbench.__all__:
        assert getattr(workbench, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = workbench.nonsense


def test_every_hook_has_a_docstring_example_a_heading_and_a_test() -> None:
    page = (ROOT / "docs" / "hooks.md").read_text()
    tests = "".join(p.read_text() for p in (ROOT / "tests").rglob("*.py")) + "".join(
        p.read_text() for p in (ROOT / "plugins").rglob("*.py")
    )
    hooks = [name for name in vars(Hooks) if name.startswith("workbench_")]
    assert sorted(hooks) == sorted(RECORD_TYPES)
    for hook in hooks:
        doc = getattr(Hooks, hook).__doc__ or ""
        assert "Example::" in doc, hook
        assert f"def {hook}" in doc, hook
        assert f"\n## {hook}\n" in page, hook
        assert tests.count(f"def {hook}") > 0, hook


def test_files_have_one_noun_and_at_most_300_lines() -> None:
    for path in sources():
        if "tests" not in path.parts:
            lines = path.read_text().count("\n")
            assert lines <= 320, f"{path.relative_to(ROOT)} has {lines} lines"


@pytest.mark.parametrize("module", BUNDLED)
def test_a_bundled_plugin_imports_nothing_heavy(module: str) -> None:
    check_plugin_import(module)


def test_bundled_parts_pass_the_conformance_suites() -> None:
    from workbench_plugins.paper_broker import PaperBroker
    from workbench_plugins.risk_rules import Balance, Sizing, WholeLots
    from workbench_plugins.sample_source import SampleSource

    check_data_source(SampleSource())
    check_bar_broker(PaperBroker)
    for rule in (Sizing(), WholeLots(), Balance()):
        check_risk_rule(rule)


def test_no_commit_names_a_registry_or_a_machines_path() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    for name in filter(None, listed):
        path = ROOT / name
        if path.suffix in (".lock", ".png") or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for mark in ("/" + "work/main", "/" + "root/", "files.python" + "hosted.org"):
            assert mark not in text, f"{name} names {mark}"


def test_notebooks_are_kept_with_their_outputs_but_without_libraries_in_them() -> None:
    books = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert len(books) >= 2
    for book in books:
        assert book.stat().st_size < 1_000_000, f"{book.name}: clear the output of cells tagged clear-output"
        cells = [c for c in json.loads(book.read_text())["cells"] if c["cell_type"] == "code"]
        assert sum(bool(c["outputs"]) for c in cells) > len(cells) / 2, f"{book.name} has no outputs"
