"""The store: databases, tables, migrations, and the run registry kept in them."""

from workbench.store.database import open_database
from workbench.store.runs import SqlRunRegistry

__all__ = ["SqlRunRegistry", "open_database"]
