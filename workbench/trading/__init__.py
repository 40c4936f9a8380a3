"""Trading: from a signal to the ledger. Order manager, transitions, ledger, sessions, replay."""

from workbench.trading.children import client_order_id
from workbench.trading.facts import Hours
from workbench.trading.ledger import Ledger
from workbench.trading.memory import MemoryRepository
from workbench.trading.order_manager import OrderManager
from workbench.trading.replay import Replay, account_of, replay
from workbench.trading.session import BarSession, Market
from workbench.trading.transitions import FINAL, TRANSITIONS, WORKING, OrderEvent, following

__all__ = [
    "FINAL",
    "TRANSITIONS",
    "WORKING",
    "BarSession",
    "Hours",
    "Ledger",
    "Market",
    "MemoryRepository",
    "OrderEvent",
    "OrderManager",
    "Replay",
    "account_of",
    "client_order_id",
    "following",
    "replay",
]
