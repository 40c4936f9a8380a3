"""Migrations: they make exactly the tables that the code expects, and can be taken back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from mako.template import Template
from sqlalchemy import Connection, Engine, create_engine, inspect, text

from workbench.store import migrations, open_database
from workbench.store.tables import metadata


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'research.db'}")
    yield engine
    engine.dispose()


def schema(connection: Connection) -> dict[str, str]:
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version'"
    return {name: " ".join(sql.split()) for name, sql in connection.execute(text(query))}


def test_upgrade_from_nothing_gives_the_metadata(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_upgrade_from_nothing_gives_the_very_schema_that_create_all_gives(engine: Engine) -> None:
    direct = create_engine("sqlite://")  # compare_metadata looks at neither primary keys nor constraint names
    with direct.begin() as connection:
        metadata.create_all(connection)
        expected = schema(connection)
    direct.dispose()
    with engine.connect() as connection:
        assert schema(connection) == expected


def test_downgrade_takes_all_back_and_upgrade_makes_it_again(engine: Engine) -> None:
    with engine.begin() as connection:
        command.downgrade(migrations.configuration(connection), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    with engine.begin() as connection:
        command.upgrade(migrations.configuration(connection), "head")
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_migration_that_fails_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'research.db'}"
    real = command.upgrade

    def fail(config: object, revision: str) -> None:
        real(config, revision)  # type: ignore[arg-type]
        raise RuntimeError("power cut")

    monkeypatch.setattr(command, "upgrade", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        open_database(url)
    monkeypatch.setattr(command, "upgrade", real)
    plain = create_engine(url)
    assert inspect(plain).get_table_names() == []
    plain.dispose()
    open_database(url).dispose()


def test_the_revisions_named_in_code_are_those_on_file(engine: Engine) -> None:
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(migrations.configuration(connection))
    assert tuple(each.revision for each in script.walk_revisions())[::-1] == migrations.REVISIONS
    assert script.get_heads() == [migrations.HEAD]


def test_what_alembic_reads_by_path_is_in_the_package() -> None:
    folder = resources.files("workbench.store.migrations")
    assert folder.joinpath("env.py").is_file()
    assert folder.joinpath("script.py.mako").is_file()
    assert resources.files("workbench.store.migrations.versions").joinpath("r0001_runs.py").is_file()


def test_the_template_gives_a_module_that_compiles() -> None:
    template = resources.files("workbench.store.migrations").joinpath("script.py.mako").read_text(encoding="utf-8")
    values = dict.fromkeys(("up_revision", "down_revision", "branch_labels", "depends_on"), "0002")
    source = Template(template).render(message="Try it", imports="", upgrades="", downgrades="", **values)
    compile(str(source), "r0002_try_it.py", "exec")


def test_importing_the_store_leaves_the_slow_imports_out() -> None:
    code = (
        "import sys, workbench.store\n"
        "print(sorted({'alembic', 'pandas', 'numpy', 'sqlalchemy.dialects.postgresql'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
