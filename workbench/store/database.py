"""The databases of a home: opened, checked, and migrated to the newest revision."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from functools import partial
from json import dumps
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from workbench.errors import BadInput
from workbench.store import migrations
from workbench.store.migrations import RESEARCH, Schema

_OTHER_HOME = "choose another with WORKBENCH_HOME"
_SMALLEST_PAGE = 512  # bytes; SQLite takes a file below that for an empty one, and writes over it
_MIGRATION_LOCK = 0x776F726B  # any fixed number, the same for all processes on one PostgreSQL database
_one_migration = threading.Lock()  # Alembic keeps the migration under way in a module-level proxy


def open_database(url: str | Path, schema: Schema = RESEARCH, *, lock_timeout: float = 10.0) -> Engine:
    """Open a database, made and migrated to the newest revision where needed; the caller disposes the engine.

    `url` is a SQLite file's path, `sqlite:///FILE` (the folder is made) or a `postgresql://…` one. `lock_timeout`, in
    seconds, is how long a SQLite writer waits for another. Transactions begin as writers; give a connection or engine
    the execution option `sqlite_begin="DEFERRED"` for reading alone.
    Raises BadInput for a home that cannot be written, a file that is no database or not ours, a database from a newer
    version, and a URL that cannot be used; errors of that sort in later use are BadInput too.
    """
    # a path is never read as a URL: it may hold signs that mean something there
    place = URL.create("sqlite", database=str(url)) if isinstance(url, Path) else _parse(url)
    is_sqlite = place.get_backend_name() == "sqlite"
    if is_sqlite:
        _make_folder(place)
    engine = _engine(place, {"timeout": lock_timeout, "isolation_level": None} if is_sqlite else {})
    event.listen(engine, "handle_error", partial(_raise_explained, place))
    if is_sqlite:
        event.listen(engine, "connect", partial(_set_up_connection, schema))
        event.listen(engine, "begin", _begin)
    try:
        if is_sqlite:
            _set_up_file(engine, place, lock_timeout)
        _migrate(engine, place, schema)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _parse(url: str) -> URL:
    try:
        place = make_url(url)
    except (ArgumentError, ValueError):
        # Not shown beyond its scheme: what cannot be parsed may still hold a password.
        raise BadInput(
            "database", url.partition(":")[0], "is not a URL", "give sqlite:///FILE or postgresql://…"
        ) from None
    if place.get_backend_name() not in ("sqlite", "postgresql"):
        raise BadInput(
            "database", place.drivername, "is not supported", "give a URL that begins with sqlite:/// or postgresql://"
        )
    return place


def _engine(place: URL, connect_args: dict[str, Any]) -> Engine:
    try:
        return create_engine(place, connect_args=connect_args, json_serializer=partial(dumps, allow_nan=False))
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        name = getattr(error, "name", None) or place.get_driver_name()
        raise BadInput(
            "database", _shown(place), f"needs the driver {name}", f"install it: pip install {name}"
        ) from None


def _shown(place: URL) -> str:
    return place.render_as_string(hide_password=True)


def _file(place: URL) -> Path | None:
    """The file of a SQLite URL; None in memory."""
    name = place.database or ""
    return Path(name.removeprefix("file:")).absolute() if name not in ("", ":memory:") else None


def _make_folder(place: URL) -> None:
    """Make the folder of a SQLite file, and refuse what SQLite itself would not or would not say."""
    file = _file(place)
    if file is None:
        return
    reason = ""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_dir():
            reason = f"{file.name} is a folder"
        elif file.exists() and 0 < file.stat().st_size < _SMALLEST_PAGE:
            reason = f"{file.name}: file is not a database"
    except OSError as error:
        reason = error.strerror or type(error).__name__
    if reason:
        raise BadInput("home", str(file.parent), f"cannot be written ({reason})", _OTHER_HOME)


# ---- connections -----------------------------------------------------------------------------------------------------


def _set_up_connection(schema: Schema, connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
    try:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA synchronous={schema.synchronous}")
    except sqlite3.Error:
        connection.close()  # the pool forgets a connection that fails here, and leaves it open
        raise


def _begin(connection: Connection) -> None:
    """Begin SQLite transactions ourselves: the driver's own control (off by isolation_level None) begins too late.

    IMMEDIATE unless asked otherwise: a deferred transaction that reads and then writes fails at once when another
    process wrote in between, whatever the busy timeout.
    """
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('sqlite_begin', 'IMMEDIATE')}")


def _set_up_file(engine: Engine, place: URL, lock_timeout: float) -> None:
    """Switch the file to WAL, for good, and find out now whether it can be written."""
    try:
        with closing(engine.raw_connection()) as pooled:
            connection = cast(sqlite3.Connection, pooled.driver_connection)
            _switch_to_wal(connection, time.monotonic() + lock_timeout)
            _check_writable(connection, lock_timeout)
    except sqlite3.Error as error:
        raise (_explain(place, error) or error) from None


def _switch_to_wal(connection: sqlite3.Connection, deadline: float) -> None:
    """Try until the deadline: SQLite switches with a read lock in hand, and so does not wait for the busy timeout."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _check_writable(connection: sqlite3.Connection, lock_timeout: float) -> None:
    """Start a write and roll it back: on a read-only file BEGIN IMMEDIATE alone quietly begins a read."""
    connection.execute("PRAGMA busy_timeout=0")
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute("PRAGMA user_version=0")
        finally:
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if not _is_busy(error):  # busy: somebody is writing, so it can be written
            raise
    finally:
        connection.execute(f"PRAGMA busy_timeout={round(lock_timeout * 1000)}")


# ---- errors ----------------------------------------------------------------------------------------------------------


def _is_busy(error: BaseException) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _explain(place: URL, error: BaseException) -> BadInput | None:
    """Say what a driver's error means to the user; None for one that is a mistake of ours."""
    code = getattr(error, "sqlite_errorname", "")
    file = _file(place)
    if place.get_backend_name() != "sqlite":
        first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return BadInput("database", _shown(place), first_line, "check the URL and that the server runs")
    home, name = (str(file.parent), file.name) if file else (_shown(place), "the database")
    if _is_busy(error):
        return BadInput("home", home, f"{name} is held by another process", "try again when that has finished")
    if code.startswith("SQLITE_FULL"):
        return BadInput("home", home, f"cannot be written ({name}: disk full)", "free some space")
    unusable = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_IOERR", "SQLITE_PERM")
    if code.startswith(unusable):
        return BadInput("home", home, f"cannot be written ({name}: {error})", _OTHER_HOME)
    return None


def _raise_explained(place: URL, context: ExceptionContext) -> None:
    """Raise in place of SQLAlchemy's error one that a user can act on, where there is one."""
    original = context.original_exception
    is_outage = isinstance(context.sqlalchemy_exception, OperationalError) or hasattr(original, "sqlite_errorname")
    explained = _explain(place, original) if is_outage else None
    if explained is not None:
        raise explained from original


# ---- migration -------------------------------------------------------------------------------------------------------


def _migrate(engine: Engine, place: URL, schema: Schema) -> None:
    """Bring a database to the newest revision; several processes may do so at once, and one does."""
    with engine.connect().execution_options(sqlite_begin="DEFERRED") as connection:
        if _needs_migration(connection, place, schema):
            connection.rollback()
        else:
            return
    with _one_migration, engine.begin() as connection:
        if connection.dialect.name == "postgresql":  # SQLite holds its write lock from BEGIN IMMEDIATE on
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        if _needs_migration(connection, place, schema):
            from alembic import command

            command.upgrade(migrations.configuration(connection, schema), schema.head)


def _needs_migration(connection: Connection, place: URL, schema: Schema) -> bool:
    """Whether a database is older than this program.

    Raises BadInput for one that is newer, and for one that has our tables' names and is not ours.
    """
    known = set(inspect(connection).get_table_names())
    revision: str | None = None
    if "alembic_version" in known:
        revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    shown = str(_file(place) or _shown(place))
    if revision is None and (taken := sorted(known & schema.metadata.tables.keys())):
        raise BadInput("database", shown, f"belongs to another program (it has a table {taken[0]})", _OTHER_HOME)
    if revision is not None and revision not in schema.revisions:
        raise BadInput(
            "database",
            shown,
            f"was written by a newer version (revision {revision}, this version knows up to {schema.head})",
            "upgrade workbench, or choose another home with WORKBENCH_HOME",
        )
    return revision != schema.head
