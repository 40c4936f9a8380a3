"""Boarding: the promotion board, with the gates of every plugin and the accounts of the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.bootstrap.venues import Venues
from workbench.errors import BadInput, UnknownName
from workbench.model import Stage
from workbench.ports import StageBook, Version
from workbench.promotion import Board, Guard

if TYPE_CHECKING:
    from workbench.bootstrap.desk import Workbench


def board_of(bench: Workbench, book: StageBook, changed_since: Callable[[Version], str]) -> Board:
    """The board of a home. Raises UnknownName and BadInput, by the setting's name, for gates and accounts."""
    plugins, thresholds = bench.plugins, bench.settings.gates
    records = plugins.records("gate")
    for name in thresholds:
        if name not in {record.name for record in records}:
            raise UnknownName("setting gates", name, (record.name for record in records))
    guards = []
    for record in records:
        try:
            gate = record.resolve()(**thresholds.get(record.name, {}))
        except TypeError as error:
            raise BadInput(f"settings of gate {record.name}", "its keys", str(error)) from None
        guards.append(Guard(Stage(getattr(record, "stage")), record.name, gate))  # noqa: B009 - a gate's record has it
    venues = Venues(bench)
    venues.check()
    return Board(book, bench.registry, guards, changed_since, account_for=venues.account_for)
