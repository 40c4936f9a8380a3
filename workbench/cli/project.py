"""The project's own checks: style, types, floors, tests. They need a checkout, not an installed package."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

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


def test(options: argparse.Namespace) -> int:
    """Run every step; exit 1 where one failed. All output but the JSON goes to stderr."""
    if not (ROOT / "tests").is_dir():
        raise BadInput("workbench test", str(ROOT), "is no checkout", "clone the repository and run ./wb test there")
    python = sys.executable
    fast = ["-m", "not slow"] if options.fast else []
    steps = {
        "format": [python, "-m", "ruff", "format", "--check", "."],
        "lint": [python, "-m", "ruff", "check", "."],
        "types": [python, "-m", "mypy"],
        "floors": [python, "-c", "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"],
        "tests": [python, "-m", "pytest", "-n", "2", "--dist", "worksteal", "-q", "--durations=12", *fast],
        "notebooks": [python, "-m", "pytest", "--nbval", "-q", "-n", "2", "--dist", "loadscope", "notebooks"],
    }
    for name in options.only or []:
        if name not in steps:
            raise UnknownName("step", name, steps)
    results = []
    for name in options.only or steps:
        began = time.perf_counter()
        sys.stderr.write(f"== {name}\n")
        sys.stderr.flush()
        output = sys.stderr if options.json else None
        code = subprocess.run(steps[name], cwd=ROOT, stdout=output, check=False).returncode
        seconds = round(time.perf_counter() - began, 1)
        results.append({"step": name, "passed": code == 0, "seconds": seconds})
        sys.stderr.write(f"== {name}: {'passed' if code == 0 else 'FAILED'} in {seconds} s\n")
    if options.json:
        print_json(results)
    return 0 if all(r["passed"] for r in results) else 1
