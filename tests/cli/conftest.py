"""The shell, run as a process of its own in a home of its own, or inside this process where that is enough."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from workbench.cli import main


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run the shell inside this process with a fresh home and working folder."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """A CSV file of 60 daily bars that go up and down."""
    rows = ["time,open,high,low,close,volume"]
    for i in range(60):
        close = 100 + (i * 7) % 13
        rows.append(
            f"2024-{1 + i // 28:02}-{1 + i % 28:02}T00:00:00Z,{close - 0.5},{close + 1},{close - 1},{close},1000"
        )
    path = tmp_path / "prices.csv"
    path.write_text("\n".join(rows) + "\n")
    return path
