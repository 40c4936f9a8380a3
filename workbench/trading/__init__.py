"""Trading: from a signal to the ledger. Order manager, transitions, ledger, sessions, replay."""

from workbench.trading.children import client_order_id
from workbench.trading.clock import Clock, WallClock
from workbench.trading.desk_orders import DeskOrders
from workbench.trading.engine import Engine
from workbench.trading.facts import Hours
from workbench.trading.feeds import Feed, Instant, PollFeed, QuietFeed, ReplayFeed
from workbench.trading.ledger import Ledger
from workbench.trading.live_session import LiveSession
from workbench.trading.memory import MemoryRepository
from workbench.trading.monitor import PriceRange
from workbench.trading.order_manager import OrderManager
from workbench.trading.panic import Flattening
from workbench.trading.past import Past
from workbench.trading.postings import Heading
from workbench.trading.price_watch import PriceWatch
from workbench.trading.reconcile import Reconciled, Reconciler
from workbench.trading.replay import Replay, account_of, replay
from workbench.trading.screen import AlertLimits
from workbench.trading.session import BarSession, Market
from workbench.trading.settling import take_over
from workbench.trading.tickets import capability_table
from workbench.trading.transitions import FINAL, TRANSITIONS, WORKING, OrderEvent, following

__all__ = [
    "DeskOrders",
    "Heading",
    "PriceRange",
    "Reconciler",
    "capability_table",
    "WallClock",
    "ReplayFeed",
    "QuietFeed",
    "take_over",
    "PriceWatch",
    "Reconciled",
    "PollFeed",
    "Past",
    "LiveSession",
    "Instant",
    "Flattening",
    "Feed",
    "Engine",
    "Clock",
    "AlertLimits",
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
