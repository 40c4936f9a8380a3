"""Migrations of the two databases, run by Alembic: one folder of revisions each.

Alembic is imported on use: it takes longer to import than a database that is up to date takes to open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.store import tables, trading_tables

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, MetaData


@dataclass(frozen=True)
class Schema:
    """One database's tables, its revisions (oldest first, so that an age is known without Alembic), and how it syncs.

    `synchronous` is SQLite's: with WAL, NORMAL never corrupts but a power cut can lose the last commits; FULL loses
    none.
    """

    name: str
    metadata: MetaData
    folder: str
    revisions: tuple[str, ...]
    synchronous: str

    @property
    def head(self) -> str:
        """The newest revision."""
        return self.revisions[-1]


RESEARCH = Schema("research", tables.metadata, "versions", ("0001", "0002"), "NORMAL")
"""Runs and artifacts: what a power cut takes can be run again."""

TRADING = Schema("trading", trading_tables.orders.metadata, "trading", ("t0001", "t0002", "t0003", "t0004"), "FULL")
"""Stages, alerts, orders, fills: nothing here can be run again."""

REVISIONS, HEAD = RESEARCH.revisions, RESEARCH.head


def configuration(connection: Connection, schema: Schema = RESEARCH) -> Config:
    """Alembic's configuration for one connection, whose transaction the migrations join."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection, "metadata": schema.metadata})
    config.set_main_option("script_location", "workbench.store:migrations")
    config.set_main_option("path_separator", "newline")  # a checkout's path may hold spaces
    config.set_main_option("version_locations", f"workbench.store:migrations/{schema.folder}")
    return config
