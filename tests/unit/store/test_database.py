"""Opening a database: what it is set to, who may open it at once, and how each fault is told in one line."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from workbench.errors import BadInput
from workbench.model import new_id
from workbench.store import migrations, open_database
from workbench.store.tables import artifacts, runs


def url_of(file: Path) -> str:
    return f"sqlite:///{file}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "research.db"


@pytest.fixture
def engine(file: Path) -> Iterator[Engine]:
    engine = open_database(url_of(file))
    yield engine
    engine.dispose()


def fault(url: str, **options: float) -> str:
    """The one line a user reads when a database cannot be opened."""
    with pytest.raises(BadInput) as caught:
        open_database(url, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---- settings --------------------------------------------------------------------------------------------------------


def test_a_missing_folder_is_made(file: Path, engine: Engine) -> None:
    assert file.is_file()


def test_every_connection_has_wal_foreign_keys_normal_sync_and_ten_seconds(engine: Engine) -> None:
    def pragmas() -> list[object]:
        names = ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    with engine.connect() as connection:
        assert pragmas() == ["wal", 1, 1, 10_000]
        with engine.execution_options(sqlite_begin="DEFERRED").connect() as connection:
            assert pragmas() == ["wal", 1, 1, 10_000]


def test_a_row_that_points_nowhere_is_refused(engine: Engine) -> None:
    row = {"run_id": new_id(), "name": "a", "media_type": "text/plain", "sha256": "0", "size": 1}
    with pytest.raises(IntegrityError, match="FOREIGN KEY"), engine.begin() as connection:
        connection.execute(insert(artifacts), row)


def test_ddl_is_rolled_back_with_its_transaction(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE half (a INTEGER)"))
        connection.rollback()
    assert "half" not in inspect(engine).get_table_names()


def test_read_then_write_waits_for_another_writer(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))

    def count(_: int) -> None:
        with engine.begin() as connection:
            seen = connection.scalar(text("SELECT n FROM counter"))
            connection.execute(text("UPDATE counter SET n = :n"), {"n": (seen or 0) + 1})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(200)))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT n FROM counter")) == 200


def test_a_reader_is_not_held_up_by_a_writer(engine: Engine) -> None:
    with engine.begin() as writer, engine.execution_options(sqlite_begin="DEFERRED").connect() as reader:
        writer.execute(text("CREATE TABLE new (a INTEGER)"))
        assert reader.execute(select(runs.c.run_id)).all() == []


def test_a_database_in_memory_works() -> None:
    engine = open_database("sqlite://")
    assert "runs" in inspect(engine).get_table_names()
    engine.dispose()


# ---- opening at once, and again --------------------------------------------------------------------------------------


def test_opening_again_imports_no_alembic(file: Path, engine: Engine) -> None:
    code = "import sys; from workbench.store import *; open_database(sys.argv[1]); print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, url_of(file)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_processes_that_open_a_fresh_home_at_once_all_succeed(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from workbench.store import open_database\n"
        "import alembic.command\n"  # so that the processes are at the same point when they go
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for n in range(5):\n"
        "    engine = open_database(f'sqlite:///{sys.argv[1]}/{n}/research.db')\n"
        "    with engine.begin() as connection:\n"
        "        assert connection.exec_driver_sql('SELECT count(*) FROM alembic_version').scalar() == 1\n"
        "    engine.dispose()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert ends == [("", 0)] * 4


def test_threads_that_open_fresh_homes_at_once_all_succeed(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)

    def open_one(n: int) -> list[str]:
        barrier.wait()
        engine = open_database(url_of(tmp_path / str(n % 2) / "research.db"))
        try:
            return inspect(engine).get_table_names()
        finally:
            engine.dispose()

    with ThreadPoolExecutor(8) as pool:
        assert all("trials" in names for names in pool.map(open_one, range(8)))


def test_a_home_in_use_by_a_long_writer_still_opens(file: Path, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE long (a INTEGER)"))
        open_database(url_of(file)).dispose()


# ---- faults, provoked in ways that hold for root too -----------------------------------------------------------------


def test_a_home_that_is_a_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("")
    assert fault(url_of(home / "research.db")) == (
        f"home {home}: cannot be written (File exists); choose another with WORKBENCH_HOME"
    )


def test_a_parent_that_is_a_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "parent").write_text("")
    home = tmp_path / "parent" / "home"
    assert fault(url_of(home / "research.db")) == (
        f"home {home}: cannot be written (Not a directory); choose another with WORKBENCH_HOME"
    )


def test_a_database_path_that_is_a_folder_is_named_with_the_remedy(file: Path) -> None:
    file.mkdir(parents=True)
    assert fault(url_of(file)) == (
        f"home {file.parent}: cannot be written (research.db is a folder); choose another with WORKBENCH_HOME"
    )


@pytest.mark.parametrize("content", [b"x", b"not a database, but long enough to look like one " * 100])
def test_a_file_that_is_no_database_is_named_and_left_alone(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    assert fault(url_of(file)) == (
        f"home {file.parent}: cannot be written (research.db: file is not a database); "
        "choose another with WORKBENCH_HOME"
    )
    assert file.read_bytes() == content


def test_a_read_only_database_is_named_with_the_remedy(file: Path) -> None:
    open_database(url_of(file)).dispose()
    assert fault(f"sqlite:///file:{file}?mode=ro&uri=true") == (
        f"home {file.parent}: cannot be written (research.db: attempt to write a readonly database); "
        "choose another with WORKBENCH_HOME"
    )


def test_a_damaged_database_is_told_when_it_is_read(file: Path) -> None:
    engine = open_database(url_of(file))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE big AS SELECT zeroblob(100000) AS a"))
    engine.dispose()
    content = bytearray(file.read_bytes())
    content[100:4096] = b"\xff" * 3996
    file.write_bytes(content)
    assert "research.db: " in fault(url_of(file))


def test_a_home_that_goes_away_later_is_told_in_one_line(file: Path, engine: Engine) -> None:
    engine.dispose()
    shutil.rmtree(file.parent)
    file.parent.write_text("")
    with pytest.raises(BadInput, match=r"^home .*: cannot be written \(research.db: unable to open"):
        engine.connect()


def test_a_database_held_too_long_is_told_in_one_line(file: Path, engine: Engine) -> None:
    other = open_database(url_of(file), lock_timeout=0.05)
    with engine.begin(), pytest.raises(BadInput, match="is held by another process; try again") as caught:
        other.connect().begin()
    assert str(file.parent) in str(caught.value)
    other.dispose()


def test_a_fresh_file_held_too_long_is_told_in_one_line(file: Path) -> None:
    file.parent.mkdir()
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert "is held by another process" in fault(url_of(file), lock_timeout=0.05)
    holder.close()


def test_a_database_from_a_newer_version_is_named_and_left_alone(file: Path, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    assert fault(url_of(file)) == (
        f"database {file}: was written by a newer version (revision 0999, this version knows up to "
        f"{migrations.HEAD}); upgrade workbench, or choose another home with WORKBENCH_HOME"
    )
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "0999"


def test_a_database_of_another_program_is_named_and_left_alone(file: Path) -> None:
    file.parent.mkdir()
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE runs (a INTEGER)")
    other.close()
    assert "belongs to another program (it has a table runs)" in fault(url_of(file))


def test_a_text_that_is_no_url_is_told_without_its_password() -> None:
    message = fault("postgresql//trader:secret@host/db")
    assert "is not a URL" in message
    assert "secret" not in message


def test_a_database_that_is_not_supported_is_named() -> None:
    assert fault("mysql://trader:secret@host/db") == (
        "database mysql: is not supported; give a URL that begins with sqlite:/// or postgresql://"
    )


def test_a_driver_that_is_not_installed_is_named() -> None:
    message = fault("postgresql+nosuchdriver://trader:secret@host/db")
    assert message == (
        "database postgresql+nosuchdriver://trader:***@host/db: needs the driver nosuchdriver; "
        "install it: pip install nosuchdriver"
    )
