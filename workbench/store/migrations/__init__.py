"""Migrations of the research database, run by Alembic.

Alembic is imported on use: it takes longer to import than a database that is up to date takes to open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

REVISIONS = ("0001",)
"""Every revision, oldest first, so that a database's age is known without Alembic; a test compares them."""

HEAD = REVISIONS[-1]


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for one connection, whose transaction the migrations join."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "workbench.store:migrations")
    return config
