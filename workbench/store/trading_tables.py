"""Tables of the trading database: stages, orders, fills, the books, drifts, who may trade.

Fills, bookings, the journal, stage events and equity are append-only; an order's row changes only along the
transition table, and every change has its line in the journal. Amounts are text, exact. A change needs a migration.
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Date, Index, Integer, String, Table, Text, UniqueConstraint

from workbench.store.signal_tables import metadata
from workbench.store.tables import UtcInstant

stages = Table(
    "stages",
    metadata,
    Column("strategy", String, primary_key=True),
    Column("stage", String, nullable=False),
    Column("paused_from", String),
    Column("version", JSON, nullable=False),
    Column("account", String, nullable=False),
    Column("since", UtcInstant, nullable=False),
)

stage_events = Table(
    "stage_events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("strategy", String, nullable=False),
    Column("before", String, nullable=False),
    Column("after", String, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("at", UtcInstant, nullable=False),
    Column("by", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("run_id", String),
    Column("version", JSON, nullable=False),
    Column("answers", JSON, nullable=False),
    Index(None, "strategy", "seq"),
)

orders = Table(
    "orders",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("order_id", String(36), nullable=False, unique=True),
    Column("signal_id", String(36), nullable=False),
    Column("client_order_id", String(36), nullable=False, unique=True),
    Column("parent_id", String(36)),
    Column("strategy", String, nullable=False),
    Column("account", String, nullable=False),
    Column("symbol", String, nullable=False),
    Column("reduce_only", Boolean, nullable=False),
    Column("flattens", Boolean, nullable=False),
    Column("created_at", UtcInstant, nullable=False),
    Column("expires_at", UtcInstant),
    Column("epoch", Integer, nullable=False),
    Column("intent", JSON, nullable=False),
    Column("verdicts", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("filled", String, nullable=False),
    Column("level", String),
    Column("reason", Text, nullable=False),
    Column("final", Boolean, nullable=False),
    # what a broker or a change may alter of the intent; null in rows from before there were such changes
    Column("type", String),
    Column("size", String),
    Column("limit_price", String),
    Column("broker_id", String),
    Index(None, "account", "symbol", "final"),
    Index(None, "account", "broker_id"),
    Index(None, "account", "final"),
    Index(None, "account", "created_at"),
    Index(None, "signal_id"),
)

fills = Table(
    "fills",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("account", String, nullable=False),
    Column("fill_id", String, nullable=False),
    Column("order_id", String(36), nullable=False),
    Column("fill", JSON, nullable=False),
    UniqueConstraint("account", "fill_id"),
    Index(None, "order_id"),
)

# Books change by fills and by these. `after_fill` is the last fill counted before it, so that books can be rebuilt.
bookings = Table(
    "bookings",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("account", String, nullable=False),
    Column("booking_id", String, nullable=False),
    Column("after_fill", Integer, nullable=False),
    Column("booking", JSON, nullable=False),
    UniqueConstraint("account", "booking_id"),
)

# What people ask of orders, written down before the engine acts on it. (source, key) makes a repeat the same request.
requests = Table(
    "requests",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("request_id", String(36), nullable=False, unique=True),
    Column("source", String, nullable=False),
    Column("key", String, nullable=False),
    Column("account", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("body", JSON, nullable=False),
    Column("by", String, nullable=False),
    Column("received_at", UtcInstant, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("answer", JSON),
    Column("settled_at", UtcInstant),
    UniqueConstraint("source", "key"),
    Index(None, "status", "seq"),
)

# Where the books and the broker differ, one open row a thing; resolved by evidence or by a person, never removed.
drifts = Table(
    "drifts",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("account", String, nullable=False),
    Column("about", String, nullable=False),
    Column("symbol", String, nullable=False),
    Column("words", Text, nullable=False),
    Column("first_at", UtcInstant, nullable=False),
    Column("seen_at", UtcInstant, nullable=False),
    Column("resolved_at", UtcInstant),
    Column("resolved_by", String, nullable=False),
    Column("resolution", Text, nullable=False),
    Index(None, "account", "resolved_at"),
)

# When each account was last looked at at its broker, and how that went.
looks = Table(
    "looks",
    metadata,
    Column("account", String, primary_key=True),
    Column("at", UtcInstant, nullable=False),
    Column("trouble", Text, nullable=False),
    Column("facts", JSON, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcInstant, nullable=False),
    Column("written_at", UtcInstant, nullable=False),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("facts", JSON, nullable=False),
    Index(None, "subject", "seq"),
    Index(None, "kind", "seq"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account", String, primary_key=True),
    Column("broker", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("cash", String, nullable=False),
    Column("opened_at", UtcInstant, nullable=False),
    Column("mode", String, nullable=False, server_default=""),
)

days = Table(
    "days",
    metadata,
    Column("account", String, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("equity", String, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    Column("account", String, primary_key=True),
    Column("symbol", String, primary_key=True),
    Column("price", String, nullable=False),
    Column("at", UtcInstant, nullable=False),
)

equity = Table(
    "equity",
    metadata,
    Column("account", String, primary_key=True),
    Column("at", UtcInstant, primary_key=True),
    Column("equity", String, nullable=False),
    Column("closes", JSON, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("account", String, primary_key=True),
    Column("strategy", String, nullable=False),
    Column("feed", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("cursor", UtcInstant),
    Column("clock", UtcInstant),
    Column("bars", Integer, nullable=False),
    Column("updated_at", UtcInstant, nullable=False),
)

# One row. `epoch` rises with every panic; `flat_at` is when everything was seen flat after it.
fence = Table(
    "fence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("halted", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", String, nullable=False),
    Column("at", UtcInstant, nullable=False),
    Column("flat_at", UtcInstant),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String, primary_key=True),
    Column("holder", String(36), nullable=False),
    Column("host", String, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("until", UtcInstant, nullable=False),
)
