"""The peers' environment, made on demand beside this file, and one run of a peer in it."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FOLDER = HERE / ".peers"
PYTHON = FOLDER / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
PEERS = {"backtesting.py": "peer_backtesting.py", "NautilusTrader": "peer_nautilus.py"}


def install() -> str:
    """Make the environment of `peers.txt` unless it is there: why that failed, or nothing.

    pip's own settings say where packages come from. The environment ignores itself in git.
    """
    wanted, done = (HERE / "peers.txt").read_text(), FOLDER / "installed.txt"
    if done.is_file() and done.read_text() == wanted:
        return ""
    venv.create(FOLDER, clear=True, with_pip=True)
    (FOLDER / ".gitignore").write_text("*\n")
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "-r", str(HERE / "peers.txt")]
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    except subprocess.TimeoutExpired:
        return "could not be installed: it took more than 15 minutes"
    if made.returncode:
        return f"could not be installed: {(made.stderr.strip().splitlines() or ['pip said nothing'])[-1]}"
    done.write_text(wanted)
    return ""


def run(peer: str, file: Path, bars: int, fast: int, slow: int, size: int, fee_rate: str) -> dict[str, Any]:
    """One run of a peer in a process of its own: bars, seconds and trades; or `error`."""
    command = [str(PYTHON), str(HERE / PEERS[peer]), str(file), str(bars), str(fast), str(slow), str(size), fee_rate]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    except subprocess.TimeoutExpired:
        return {"error": "took more than 5 minutes"}
    if ran.returncode:
        return {"error": f"failed: {(ran.stderr.strip().splitlines() or ['it said nothing'])[-1]}"}
    found: dict[str, Any] = json.loads(ran.stdout.strip().splitlines()[-1])
    return found
