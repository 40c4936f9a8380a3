"""Run registry: runs, their artifacts and the trials of a strategy family, kept for ever."""

from __future__ import annotations

import math
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select
from sqlalchemy.exc import IntegrityError

from workbench.errors import BadInput, UnknownName
from workbench.model import utc
from workbench.ports import Artifact, RunRecord, Trial
from workbench.store import tables
from workbench.store.artifacts import check_names, read_checked, staged
from workbench.store.insert import insert_new
from workbench.store.json_value import json_value

_SHORTEST_PREFIX = 6
_MOST_LISTED = 10
_IDS_PER_QUERY = 500  # databases limit the variables of a statement


class SqlRunRegistry:
    """The run registry in a database, with artifacts as files; append-only.

    `engine` comes from `open_database`, and its owner disposes it. Threads and processes may share a registry.
    """

    def __init__(self, engine: Engine, artifacts_folder: Path) -> None:
        self._engine = engine
        self._reader = engine.execution_options(sqlite_begin="DEFERRED")
        self._folder = artifacts_folder

    def add(self, run: RunRecord, artifacts: Sequence[Artifact] = (), trials: Iterable[Trial] = ()) -> None:
        """Keep a run with its artifacts and the trials it made, all or nothing.

        A trial that its family has already is kept with the run that came first. After a crash there may be files
        without a run, never a run without its files.
        Raises BadInput for an id that is no UUID or is taken, a time without a zone, seconds that are negative or
        not finite, values JSON does not have, artifact names that are no file names or differ from `run.artifacts`
        (where that is given), and trials of another run.
        """
        # All that can be wrong is found, and all slow work done, before the one transaction holds up other writers.
        run_row = _run_row(run)
        check_names(artifacts)
        names = sorted(artifact.name for artifact in artifacts)
        if run.artifacts and sorted(run.artifacts) != names:
            raise BadInput(
                "run artifacts", ", ".join(run.artifacts), "are not those given", f"given: {', '.join(names) or 'none'}"
            )
        artifact_rows = [_artifact_row(run.run_id, artifact) for artifact in artifacts]
        trial_rows = _trial_rows(run, trials)
        with staged(self._folder / run.run_id, artifacts) as publish, self._engine.begin() as connection:
            try:
                connection.execute(tables.runs.insert(), run_row)
            except IntegrityError:
                raise BadInput("run", run.run_id, "is kept already", "give a new run its own id") from None
            publish()  # after the row, which shows the id to be free; before the commit, which promises the files
            if artifact_rows:
                connection.execute(tables.artifacts.insert(), artifact_rows)
            if trial_rows:
                connection.execute(insert_new(connection, tables.trials), trial_rows)

    def get(self, run_id: str) -> RunRecord:
        """One run by its id or an unambiguous beginning of it, of 6 characters or more; artifacts by name.

        Raises UnknownName, or BadInput for a beginning that is too short or fits several runs, which it lists.
        """
        with self._reader.connect() as connection:
            full_id = _full_id(connection, run_id)
            row = connection.execute(select(tables.runs).where(tables.runs.c.run_id == full_id)).one()
            return _records(connection, [row])[0]

    def find(
        self, *, kind: str | None = None, strategy: str | None = None, limit: int | None = None
    ) -> Sequence[RunRecord]:
        """Runs, newest first by their start, of one kind or strategy where given, at most `limit` (≥ 0)."""
        if limit is not None and limit < 0:
            raise BadInput("limit", limit, "is below 0", "leave it out for all runs")
        table = tables.runs
        query = select(table).order_by(table.c.started_at.desc(), table.c.run_id.desc()).limit(limit)
        if kind is not None:
            query = query.where(table.c.kind == kind)
        if strategy is not None:
            query = query.where(table.c.strategy == strategy)
        with self._reader.connect() as connection:
            return _records(connection, connection.execute(query).all())

    def artifact(self, run_id: str, name: str) -> bytes:
        """One artifact's content; `run_id` as in `get`.

        Raises UnknownName; BadInput when the file is gone or no longer matches its hash.
        """
        table = tables.artifacts
        with self._reader.connect() as connection:
            full_id = _full_id(connection, run_id)
            query = select(table.c.name, table.c.sha256).where(table.c.run_id == full_id)
            hashes = {row.name: row.sha256 for row in connection.execute(query)}
        if name not in hashes:
            raise UnknownName("artifact", name, hashes)
        return read_checked(self._folder / full_id / name, hashes[name])

    def trials(self, family: str, more: Iterable[Trial] = ()) -> int:
        """How many distinct (parameters, data) a family was evaluated on, with `more` that are not on file yet."""
        table = tables.trials
        mine = select(func.count()).select_from(table).where(table.c.family == family)
        wanted = {(trial.params_fingerprint, trial.data_fingerprint) for trial in more}
        names, known = sorted({params for params, _ in wanted}), set[tuple[str, str]]()
        with self._reader.connect() as connection:
            count = connection.scalar(mine) or 0
            for start in range(0, len(names), _IDS_PER_QUERY):
                some = table.c.params_fingerprint.in_(names[start : start + _IDS_PER_QUERY])
                columns = table.c.params_fingerprint, table.c.data_fingerprint
                rows = connection.execute(select(*columns).where(table.c.family == family, some))
                known |= {(row[0], row[1]) for row in rows}
        return count + len(wanted - known)


# ---- rows ------------------------------------------------------------------------------------------------------------


def _run_row(run: RunRecord) -> dict[str, Any]:
    try:
        is_canonical = str(uuid.UUID(run.run_id)) == run.run_id
    except ValueError:
        is_canonical = False
    if not is_canonical:  # it becomes a folder's name, and find() and get() count on its spelling
        raise BadInput("run", run.run_id, "is not a UUID in lower case", "make ids with workbench.model.new_id()")
    if not math.isfinite(run.seconds) or run.seconds < 0:
        raise BadInput("seconds", run.seconds, "must be finite and not below 0")
    row = {column.name: getattr(run, column.name) for column in tables.runs.c}
    row |= {name: json_value(name, value) for name, value in row.items() if isinstance(value, Mapping)}
    row["started_at"] = utc("started_at", run.started_at)
    return row


def _artifact_row(run_id: str, artifact: Artifact) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "name": artifact.name,
        "media_type": artifact.media_type,
        "sha256": sha256(artifact.content).hexdigest(),
        "size": len(artifact.content),
    }


def _trial_rows(run: RunRecord, trials: Iterable[Trial]) -> list[dict[str, Any]]:
    """Rows of the distinct trials, in the order of their key: two writers in one order cannot deadlock."""
    keys = set()
    for trial in trials:
        if trial.run_id != run.run_id:
            raise BadInput("trial", trial.run_id, f"is of another run than {run.run_id}", "add it with its own run")
        keys.add((trial.params_fingerprint, trial.data_fingerprint))
    return [
        {
            "family": run.family,
            "params_fingerprint": params,
            "data_fingerprint": data,
            "run_id": run.run_id,
            "evaluated_at": run.started_at,
        }
        for params, data in sorted(keys)
    ]


# ---- records ---------------------------------------------------------------------------------------------------------


def _full_id(connection: Connection, beginning: str) -> str:
    """The id that a beginning stands for."""
    wanted = beginning.strip().lower()
    if len(wanted) < _SHORTEST_PREFIX:
        raise BadInput("run", beginning, f"is shorter than {_SHORTEST_PREFIX} characters", "see workbench runs list")
    column = tables.runs.c.run_id
    query = select(column).where(column.startswith(wanted, autoescape=True)).order_by(column).limit(_MOST_LISTED + 1)
    found: Sequence[str] = connection.scalars(query).all()
    if not found:
        count = connection.scalar(select(func.count()).select_from(tables.runs)) or 0
        # Ids made within a minute look alike, so "did you mean" would only mislead: the number of runs, no names.
        raise UnknownName(
            "run", beginning, [f"{count} run{'s' * (count > 1)}"] if count else [], "see workbench runs list"
        )
    if len(found) > 1:
        listed = ", ".join(found[:_MOST_LISTED]) + (" and more" if len(found) > _MOST_LISTED else "")
        raise BadInput("run", beginning, f"fits several runs: {listed}", "give more of the id")
    return found[0]


def _records(connection: Connection, rows: Sequence[Row[Any]]) -> list[RunRecord]:
    """Records of rows of `runs`, in their order, with the names of their artifacts."""
    table = tables.artifacts
    names: dict[str, list[str]] = defaultdict(list)
    ids = [row.run_id for row in rows]
    for start in range(0, len(ids), _IDS_PER_QUERY):
        query = select(table.c.run_id, table.c.name).where(table.c.run_id.in_(ids[start : start + _IDS_PER_QUERY]))
        for run_id, name in connection.execute(query):
            names[run_id].append(name)
    columns = [field.name for field in fields(RunRecord) if field.name != "artifacts"]
    return [
        RunRecord(**{name: getattr(row, name) for name in columns}, artifacts=tuple(sorted(names[row.run_id])))
        for row in rows
    ]
