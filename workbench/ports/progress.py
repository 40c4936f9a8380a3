"""Progress: how long work reports and is cancelled."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[str, int, int], None]
"""Called with (what is going on, done, total); an exception raised in it cancels the work."""


def no_progress(what: str, done: int, total: int) -> None:
    """Report nothing."""
