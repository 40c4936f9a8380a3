"""The store: databases, tables, migrations, and what is kept in them."""

from workbench.store.database import open_database
from workbench.store.fence import FenceBook
from workbench.store.inbox import Hook, Inbox, Kept, Receipt, Waiting
from workbench.store.lease import Lease
from workbench.store.orders import SqlOrderRepository
from workbench.store.runs import SqlRunRegistry
from workbench.store.sessions import SessionBook, SessionRow
from workbench.store.stages import SqlStageBook
from workbench.store.trading import TradingDatabase

__all__ = [
    "FenceBook",
    "Hook",
    "Inbox",
    "Kept",
    "Lease",
    "Receipt",
    "SessionBook",
    "SessionRow",
    "SqlOrderRepository",
    "SqlRunRegistry",
    "SqlStageBook",
    "TradingDatabase",
    "Waiting",
    "open_database",
]
