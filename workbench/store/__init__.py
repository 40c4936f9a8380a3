"""The store: databases, tables, migrations, and what is kept in them."""

from workbench.store.database import open_database
from workbench.store.drifts import SqlDriftBook
from workbench.store.fence import FenceBook
from workbench.store.hooks import HookBook, new_hook
from workbench.store.inbox import Inbox
from workbench.store.lease import Lease
from workbench.store.orders import SqlOrderRepository
from workbench.store.requests import SqlRequestBook
from workbench.store.runs import SqlRunRegistry
from workbench.store.search_log import SqlSearchLog
from workbench.store.sessions import SessionBook
from workbench.store.stages import SqlStageBook
from workbench.store.trading import TradingDatabase

__all__ = [
    "FenceBook",
    "HookBook",
    "Inbox",
    "Lease",
    "SessionBook",
    "SqlDriftBook",
    "SqlOrderRepository",
    "SqlRequestBook",
    "SqlRunRegistry",
    "SqlSearchLog",
    "SqlStageBook",
    "TradingDatabase",
    "new_hook",
    "open_database",
]
