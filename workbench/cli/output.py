"""What the shell prints: one JSON document, or tables for people; progress on stderr."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from shutil import get_terminal_size
from typing import Any, TextIO

from workbench.ports import ProgressCallback, no_progress

_answers: TextIO | None = None


@contextmanager
def answers_only() -> Iterator[None]:
    """Keep stdout for the answer: whatever a strategy or a plugin prints goes to stderr."""
    global _answers
    _answers = sys.stdout
    if isinstance(_answers, io.TextIOWrapper):
        _answers.reconfigure(errors="backslashreplace")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
        _answers.flush()
    finally:
        _answers = None


def print_json(document: Any) -> None:
    """Print one JSON document on stdout; numbers that are not finite cannot be in it."""
    say(json.dumps(document, indent=2, allow_nan=False))


def say(text: str = "") -> None:
    """Print a line for people on stdout."""
    out = _answers or sys.stdout
    out.write(text + "\n")
    out.flush()


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table for people: as wide as it needs to be when piped, fitted to the terminal otherwise."""
    from rich.console import Console
    from rich.table import Table

    text = io.StringIO()  # rich would leave with its own code where the reader of a pipe has gone
    terminal = (_answers or sys.stdout).isatty()
    console = Console(file=text, width=get_terminal_size().columns if terminal else 200, highlight=False)
    made = Table(box=None, pad_edge=False, header_style="bold")
    for i, heading in enumerate(headings):
        made.add_column(heading, justify="left" if i == 0 else "right", overflow="fold")
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    console.print(made)
    say("\n".join(line.rstrip() for line in text.getvalue().splitlines()))


@contextmanager
def progress(show: bool = True) -> Iterator[ProgressCallback]:
    """A progress display on stderr while it is a terminal; nothing otherwise."""
    if not show or not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:>14}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = display.add_task(what, total=total)
            display.update(tasks[what], completed=done, total=total)

        yield report
