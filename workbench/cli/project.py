"""The project's own checks: style, types, floors, tests. They need a checkout, not an installed package."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from workbench.cli.output import print_json
from workbench.errors import BadInput, UnknownName

ROOT = Path(__file__).resolve().parents[2]


def faults(options: argparse.Namespace) -> int:
    """Run the fault harness: the order path killed and troubled, against a broker that misbehaves."""
    if not (ROOT / "tests" / "faults").is_dir():
        raise BadInput(
            "workbench faults", str(ROOT), "is no checkout", "clone the repository and run ./wb faults there"
        )
    given = ["--seeds", options.seeds, "--first-seed", options.first_seed]
    given += ["--mutant", options.mutant] if options.mutant else []
    given += [word for mode in options.mode or [] for word in ("--mode", mode)]
    given += ["--json"] if options.json else []
    return subprocess.run([sys.executable, "-m", "tests.faults", *given], cwd=ROOT, check=False).returncode


def attack(options: argparse.Namespace) -> int:
    """Run the long attack on the webhook server: a flood of every kind, many copies at once, and much that is odd."""
    if not (ROOT / "tests" / "security").is_dir():
        raise BadInput(
            "workbench attack", str(ROOT), "is no checkout", "clone the repository and run ./wb attack there"
        )
    given = []
    for name, text in (("--minutes", options.minutes), ("--rate", options.rate)):
        try:
            is_good = 0 < float(text) <= 10_000
        except ValueError:
            is_good = False
        if not is_good:
            raise BadInput(name, text, "must be a number above 0 and at most 10,000")
        given += [name, text]
    given += ["--json"] if options.json else []
    return subprocess.run([sys.executable, "-m", "tests.security.attack", *given], cwd=ROOT, check=False).returncode


def test(options: argparse.Namespace) -> int:
    """Run every step; exit 1 where one failed. All output but the JSON goes to stderr."""
    if not (ROOT / "tests").is_dir():
        raise BadInput("workbench test", str(ROOT), "is no checkout", "clone the repository and run ./wb test there")
    python = sys.executable
    fast = ["-m", "not slow"] if options.fast else []
    # two processes: a third makes those wait that look at the clock; whole files, in the order of tests/conftest.py
    spread = ["-n", "2", "--dist", "loadscope", "--no-loadscope-reorder"]
    steps = {
        "format": [python, "-m", "ruff", "format", "--check", "."],
        "lint": [python, "-m", "ruff", "check", "."],
        "types": [python, "-m", "mypy"],
        "floors": [python, "-c", "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"],
        "tests": [python, "-m", "pytest", "-q", "--durations=12", *spread, *fast],
        "notebooks": [python, "-m", "pytest", "-q", *spread[:4], "-p", "tests.kernels", "--nbval", "notebooks"],
    }
    for name in options.only or []:
        if name not in steps:
            raise UnknownName("step", name, steps)
    chosen = options.only or list(steps)
    # tests start hundreds of processes: each would compile every package anew
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    needs_it = bool({"tests", "notebooks"} & set(chosen))
    compiling = subprocess.Popen([python, "-m", "tests.compiled"], cwd=ROOT, env=environment) if needs_it else None
    # tests wait often: what they leave of two processors is enough for the types, behind them
    beside, since = None, time.perf_counter()
    if {"types", "tests"} <= set(chosen):
        nice = ["nice", "-n", "19"] if shutil.which("nice") else []
        command = [*nice, *steps["types"]]
        beside = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    results = []
    for name in chosen:
        if name == "types" and beside is not None:
            continue
        if compiling is not None and name in ("tests", "notebooks"):
            compiling.wait()
        began = time.perf_counter()
        sys.stderr.write(f"== {name}\n")
        sys.stderr.flush()
        output = sys.stderr if options.json else None
        code = subprocess.run(steps[name], cwd=ROOT, env=environment, stdout=output, check=False).returncode
        seconds = round(time.perf_counter() - began, 1)
        results.append(_told(name, code, seconds))
    if beside is not None:
        sys.stderr.write(f"== types\n{beside.communicate()[0]}")
        results.append(_told("types", beside.returncode, round(time.perf_counter() - since, 1)))
    if options.json:
        print_json(results)
    return 0 if all(r["passed"] for r in results) else 1


def _told(name: str, code: int, seconds: float) -> dict[str, Any]:
    sys.stderr.write(f"== {name}: {'passed' if code == 0 else 'FAILED'} in {seconds} s\n")
    return {"step": name, "passed": code == 0, "seconds": seconds}
