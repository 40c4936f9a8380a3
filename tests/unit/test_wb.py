"""The set-up script `wb`, tried on a tiny project named workbench.

The quick tests give it an environment whose pip is a stub that notes how it was called; the slow ones install for real.
"""

from __future__ import annotations

import ast
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[2]
WB = REPO / "wb"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stubs are POSIX scripts")

MAIN = """
import os, sys
if sys.argv[1:2] == ["exit"]:
    sys.exit(int(sys.argv[2]))
print(sys.argv[1:])
"""

# What the stub does with "install": STUB_SLEEP waits, STUB_FAIL fails; "-e ." makes the project importable.
STUB_PIP = """
import os, pathlib, sys, time
arguments = sys.argv[1:]
if arguments == ["--version"]:
    print("pip 99.0 from nowhere")
elif arguments[0] == "config":
    print(os.environ.get("STUB_CONFIG", ""))
else:
    with open("calls.txt", "a") as calls:
        print("pip", *arguments, file=calls)
    time.sleep(float(os.environ.get("STUB_SLEEP", 0)))
    if os.environ.get("STUB_FAIL"):
        sys.exit("the stub was told to fail")
    if "-e" in arguments:
        (pathlib.Path(__file__).parents[1] / "project.pth").write_text(os.getcwd())
"""
STUB_UV = """#!/bin/sh
echo uv "$@" >> calls.txt
echo "find-links: $UV_FIND_LINKS" >> uv-saw.txt
if [ -n "$STUB_UV_FAIL" ]; then exit 1; fi
case "$*" in *"-e ."*) pwd > "$(echo "$(dirname "$0")"/../lib/python*/site-packages)/project.pth" ;; esac
"""


def block(name: str) -> str:
    """The lines of one package in the real lock."""
    found = re.search(rf"(?m)^{name}==.*(?:\n[ \t].*)*", (REPO / "requirements.lock").read_text())
    assert found
    return found.group() + "\n"


def environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WB_", "STUB_", "PYTHON", "UV_FIND_LINKS"))}
    return kept | more


def run(
    wb: Path, *arguments: str, cwd: Path | None = None, python: str = sys.executable, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, str(wb), *arguments], cwd=cwd, env=environment(**more), capture_output=True, text=True, check=False
    )


def project(folder: Path, lock: str) -> Path:
    """A small checkout; its wb."""
    (folder / "workbench").mkdir(parents=True)
    (folder / "workbench" / "__init__.py").touch()
    (folder / "workbench" / "__main__.py").write_text(MAIN)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "workbench"\nversion = "1"\n[tool.setuptools]\npackages = ["workbench"]\n'
    )
    (folder / "requirements.lock").write_text(lock)
    shutil.copy(WB, folder / "wb")
    return folder / "wb"


@pytest.fixture
def wb(tmp_path: Path) -> Path:
    """A checkout in a path with spaces, with an environment whose pip is the stub; nothing is set up yet."""
    script = project(tmp_path / "a check out", "# nothing\n")
    venv.create(script.parent / ".venv", symlinks=True)
    stub = site(script) / "pip"
    stub.mkdir()
    (stub / "__init__.py").touch()
    (stub / "__main__.py").write_text(STUB_PIP)
    return script


def site(wb: Path) -> Path:
    (found,) = (wb.parent / ".venv" / "lib").glob("python*/site-packages")
    return found


def calls(wb: Path) -> list[str]:
    path = wb.parent / "calls.txt"
    return path.read_text().splitlines() if path.exists() else []


def stub_uv(wb: Path) -> None:
    (wb.parent / "requirements.lock").write_text("# first\nuv==1.0 \\\n    --hash=sha256:00\nzz==1\n")
    program = wb.parent / ".venv" / "bin" / "uv"
    program.write_text(STUB_UV)
    program.chmod(0o755)


# --- the usual start -------------------------------------------------------------------------------------------------


def test_first_run_installs_and_second_starts_at_once(wb: Path) -> None:
    first = run(wb, "a b", "--json")
    assert (first.returncode, first.stdout) == (0, "['a b', '--json']\n"), first.stderr  # stdout is the command's alone
    assert all(line.startswith("Setting up: ") for line in first.stderr.splitlines())
    assert calls(wb) == [
        f"pip install --require-hashes -r {wb.parent / 'requirements.lock'}",
        "pip install --force-reinstall --no-deps --no-build-isolation -e .",
    ]
    second = run(wb, "again")
    assert (second.returncode, second.stdout, second.stderr) == (0, "['again']\n", "")
    assert len(calls(wb)) == 2


def test_exit_code_is_passed_through(wb: Path) -> None:
    assert run(wb, "exit", "7").returncode == 7
    assert run(wb, "exit", "0").returncode == 0


def test_by_a_symlink_and_from_another_folder(wb: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    (other / "workbench").mkdir(parents=True)  # must not be taken for the package
    (other / "types.py").write_text("raise SystemExit('taken for the standard library')")
    (other / "link").symlink_to(wb)
    for _ in range(2):
        done = run(other / "link", "x", cwd=other)
        assert (done.returncode, done.stdout) == (0, "['x']\n"), done.stderr
    assert os.listdir(other / "workbench") == []


def test_runs_as_a_program(wb: Path) -> None:
    assert os.access(WB, os.X_OK)
    run(wb)
    done = subprocess.run([str(wb), "x"], env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "['x']\n"), done.stderr


def test_the_start_imports_next_to_nothing(wb: Path) -> None:
    run(wb)
    code = (
        "import os, runpy, sys; before = set(sys.modules)\n"
        "os.execv = lambda *_: sys.exit(' '.join(sorted(set(sys.modules) - before)))\n"
        f"sys.argv = ['wb']; runpy.run_path({str(wb)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    imported = set(done.stderr.split())
    assert imported & {"_sha256", "hashlib"}  # it got as far as comparing the stamp
    assert not imported & {"subprocess", "shutil", "tempfile", "urllib.request", "importlib.util"}


def hears_interrupts() -> None:
    """Undo what a shell does to a job in the background: tests run there would start children deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


# --- setting up again ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_installs_again_and_keeps_plugins(wb: Path, name: str) -> None:
    run(wb)
    (site(wb) / "plugin.py").touch()
    with (wb.parent / name).open("a") as file:
        file.write("# changed\n")
    assert run(wb).returncode == 0
    assert len(calls(wb)) == 4
    assert (site(wb) / "plugin.py").exists()
    assert run(wb).stderr == ""


def test_failure_exits_3_names_the_log_and_is_redone(wb: Path) -> None:
    failed = run(wb, STUB_FAIL="1")
    log = wb.parent / ".venv" / "wb-setup.log"
    lines = failed.stderr.splitlines()
    assert (failed.returncode, failed.stdout) == (3, "")
    assert f"wb: set-up failed: installing the locked packages failed; log: {log}" in lines
    assert lines[-1].strip() == "the stub was told to fail"
    assert "told to fail" in log.read_text()
    assert run(wb).returncode == 0


def test_interrupted_update_puts_every_locked_package_right(wb: Path) -> None:
    run(wb)
    (wb.parent / "requirements.lock").write_text("# changed\n")
    with subprocess.Popen(
        [sys.executable, str(wb)],
        env=environment(STUB_SLEEP="30"),
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=hears_interrupts,
    ) as process:
        wait_for(lambda: len(calls(wb)) == 3)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr
        assert b"interrupted" in process.stderr.read()
    assert process.returncode == 130
    assert run(wb, "x").stdout == "['x']\n"
    assert calls(wb)[3].startswith("pip install --force-reinstall --require-hashes")
    assert run(wb).stderr == ""


def test_a_killed_set_up_whose_installer_lives_on_is_waited_for(wb: Path) -> None:
    with subprocess.Popen(
        [sys.executable, str(wb)], env=environment(STUB_SLEEP="1.5"), stderr=subprocess.DEVNULL
    ) as process:
        wait_for(lambda: len(calls(wb)) == 1)
        process.kill()
    done = run(wb, "x")
    assert "waiting for another set-up" in done.stderr
    assert (done.returncode, done.stdout) == (0, "['x']\n")


def test_two_at_once_install_once(wb: Path) -> None:
    command = [sys.executable, str(wb), "x"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    more = environment(STUB_SLEEP="0.5")
    with subprocess.Popen(command, env=more, **pipes) as one, subprocess.Popen(command, env=more, **pipes) as two:
        answers = [one.communicate(), two.communicate()]
    assert [one.returncode, two.returncode] == [0, 0]
    assert [out for out, _ in answers] == ["['x']\n"] * 2
    assert sum("waiting for another set-up" in err for _, err in answers) == 1
    assert len(calls(wb)) == 2


def test_a_folder_that_is_no_environment_is_left_alone(wb: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").touch()
    done = run(wb, WB_VENV=str(mine))
    assert done.returncode == 3
    assert "is no Python environment" in done.stderr
    assert os.listdir(mine) == ["thesis.txt"]


def test_wb_venv_chooses_another_folder(wb: Path, tmp_path: Path) -> None:
    (wb.parent / ".venv").rename(tmp_path / "other")
    assert run(wb, "x", WB_VENV=str(tmp_path / "other")).stdout == "['x']\n"
    assert not (wb.parent / ".venv").exists()


def test_an_incomplete_checkout_is_said(wb: Path) -> None:
    (wb.parent / "requirements.lock").unlink()
    done = run(wb)
    assert done.returncode == 3
    assert "requirements.lock" in done.stderr
    assert "Traceback" not in done.stderr


# --- uv and pip ------------------------------------------------------------------------------------------------------


def test_uv_is_fetched_by_its_own_lines_of_the_lock_and_used(wb: Path, tmp_path: Path) -> None:
    stub_uv(wb)
    done = run(wb, "x", STUB_CONFIG=f"global.find-links={f'{tmp_path} {tmp_path}/missing'!r}")
    assert done.stdout == "['x']\n", done.stderr
    assert (wb.parent / "uv-saw.txt").read_text() == f"find-links: {tmp_path}\n" * 2
    start = f"uv pip install --python {wb.parent / '.venv' / 'bin' / 'python'}"
    assert calls(wb) == [
        f"pip install --require-hashes --only-binary :all: -r {wb.parent / '.venv' / 'wb-uv.txt'}",
        f"{start} --require-hashes -r {wb.parent / 'requirements.lock'}",
        f"{start} --reinstall --no-deps --no-build-isolation -e .",
    ]
    assert (wb.parent / ".venv" / "wb-uv.txt").read_text() == "uv==1.0 \\\n    --hash=sha256:00\n"
    assert "sync" not in "".join(calls(wb))


def test_where_uv_fails_pip_goes_on(wb: Path) -> None:
    stub_uv(wb)
    done = run(wb, "x", STUB_UV_FAIL="1")
    assert done.stdout == "['x']\n", done.stderr
    assert "uv failed" in done.stderr
    assert [line.split()[0] for line in calls(wb)] == ["pip", "uv", "pip", "uv", "pip"]
    assert calls(wb)[2] == f"pip install --require-hashes -r {wb.parent / 'requirements.lock'}"


def test_where_uv_cannot_be_had_pip_goes_on(wb: Path) -> None:
    stub_uv(wb)
    (wb.parent / ".venv" / "bin" / "uv").unlink()
    done = run(wb, "x")
    assert done.stdout == "['x']\n", done.stderr
    assert "uv cannot be had" in done.stderr


def test_wb_no_uv_forces_pip(wb: Path) -> None:
    stub_uv(wb)
    assert run(wb, WB_NO_UV="1").returncode == 0
    assert all(line.startswith("pip ") for line in calls(wb))
    assert not any("wb-uv.txt" in line for line in calls(wb))


@pytest.fixture(scope="module")
def functions() -> dict[str, Any]:
    return runpy.run_path(str(WB), run_name="wb")


def test_pip_settings_become_uv_variables(functions: dict[str, Any], tmp_path: Path) -> None:
    there, gone = str(tmp_path), str(tmp_path / "gone")
    listing = "\n".join(
        f"{key}={value!r}"
        for key, value in {
            ":env:.find-links": f"{there} {gone}",
            "global.find-links": "/overridden",
            "global.index-url": "https://index.example/simple",
            "global.extra-index-url": f"\nhttps://one.example\nfile://{gone}\nfile://{there}",
            "global.cert": gone,
            "install.trusted-host": "one.example",
            "freeze.timeout": "10",
        }.items()
    )
    variables, options = functions["uv_settings"](listing, {})
    assert variables == {
        "UV_DEFAULT_INDEX": "https://index.example/simple",
        "UV_INDEX": f"https://one.example file://{there}",
        "UV_FIND_LINKS": there,
        "UV_INSECURE_HOST": "one.example",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    assert options == []
    own = {"UV_INDEX_URL": "x", "UV_EXTRA_INDEX_URL": "x", "UV_FIND_LINKS": "x", "UV_INSECURE_HOST": "x"}
    assert functions["uv_settings"](listing, own | {"UV_INDEX_STRATEGY": "first-index"}) == ({}, [])


def test_no_index_and_no_settings(functions: dict[str, Any]) -> None:
    assert functions["uv_settings"]("global.no-index='true'", {})[1] == ["--no-index"]
    assert functions["uv_settings"]("", {}) == ({"UV_INDEX_STRATEGY": "unsafe-best-match"}, [])


# --- Python too old --------------------------------------------------------------------------------------------------


def test_parses_under_old_pythons_and_is_short() -> None:
    source = WB.read_text()
    ast.parse(source, feature_version=(3, 6))
    assert source.startswith("#!/usr/bin/env python3\n")
    assert len(source.splitlines()) < 300


def run_as_old(wb: Path, path: Path) -> subprocess.CompletedProcess[str]:
    code = (
        "import runpy, sys; sys.version_info = (3, 8, 18, 'final', 0); "
        f"sys.argv = [{str(wb)!r}, 'demo']; runpy.run_path({str(wb)!r}, run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-c", code], env=environment(PATH=str(path)), capture_output=True, text=True, check=False
    )


def test_old_python_is_refused_in_one_line(tmp_path: Path) -> None:
    done = run_as_old(project(tmp_path / "c", ""), tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "3.8.18" in line
    assert "3.11 or newer" in line
    assert "install" in line
    assert not (tmp_path / "c" / ".venv").exists()


def test_old_python_hands_over_to_a_newer_one_that_runs(tmp_path: Path) -> None:
    wb = project(tmp_path / "c", "")
    for name, script in (
        ("python3.13", "exit 127"),  # a shim for a version that is not installed
        ("python3.11", 'if [ "$1" != -c ]; then echo "newer: $2"; exit 5; fi'),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    done = run_as_old(wb, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (5, "newer: demo\n", "")


# --- for real --------------------------------------------------------------------------------------------------------


FRESH = pytest.mark.skipif(
    not os.environ.get("FRESH"),
    reason="CI sets a fresh checkout up itself; FRESH=1 does it here, and what may go wrong",
)


@pytest.mark.slow
@FRESH
def test_fresh_checkout_for_real(tmp_path: Path) -> None:
    wb = project(tmp_path / "one two", block("setuptools") + block("uv"))
    done = run(wb, "hello")
    assert done.stdout == "['hello']\n", done.stderr
    assert "with uv" in done.stderr
    assert "failed" not in done.stderr
    python = wb.parent / ".venv" / "bin" / "python"

    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "my_plugin.py").touch()
    (foreign / "pyproject.toml").write_text('[project]\nname = "my-plugin"\nversion = "1"\n')
    uv = [str(wb.parent / ".venv" / "bin" / "uv"), "pip", "install", "--python", str(python), "-q"]
    subprocess.run([*uv, "--no-build-isolation", "--no-deps", str(foreign)], env=environment(), check=True)
    with (wb.parent / "requirements.lock").open("a") as lock:
        lock.write(block("pluggy"))
    assert "Setting up" in run(wb).stderr
    subprocess.run([str(python), "-c", "import my_plugin, pluggy"], check=True)
    assert run(wb, "x").stderr == ""

    moved = tmp_path / "moved"
    wb.parent.rename(moved)
    done = run(moved / "wb", "hello")
    assert done.stdout == "['hello']\n", done.stderr
    assert "moved or copied" in done.stderr
    assert re.search(r"install again if you need them: my-plugin \(", done.stderr)
    script = subprocess.run([moved / ".venv" / "bin" / "pip", "--version"], capture_output=True, text=True, check=True)
    assert str(moved) in script.stdout


@pytest.mark.slow
@FRESH
def test_killed_fresh_set_up_is_made_anew_and_two_at_once_share_it(tmp_path: Path) -> None:
    wb = project(tmp_path / "c", block("setuptools"))
    with subprocess.Popen(
        [sys.executable, str(wb)],
        env=environment(),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=hears_interrupts,
    ) as process:
        wait_for((wb.parent / ".venv" / "pyvenv.cfg").exists)
        os.killpg(process.pid, signal.SIGKILL)
    (wb.parent / ".venv" / "half").touch()
    pipes: dict[str, Any] = {"env": environment(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, str(wb), "x"]
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as two:
        answers = [one.communicate(), two.communicate()]
    assert [out for out, _ in answers] == ["['x']\n"] * 2, answers
    said = "".join(err for _, err in answers)
    assert said.count("the last set-up did not finish") == said.count("waiting for another set-up") == 1
    assert said.count("Setting up: making") == 1
    assert not (wb.parent / ".venv" / "half").exists()


@pytest.mark.slow
@FRESH
def test_a_wrong_hash_is_refused(tmp_path: Path) -> None:
    wrong = re.sub("sha256:.{64}", "sha256:" + "0" * 64, block("pluggy"))
    done = run(project(tmp_path / "c", wrong + block("setuptools")))
    assert (done.returncode, done.stdout) == (3, "")
    assert "DO NOT MATCH THE HASHES" in done.stderr


def wait_for(condition: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
