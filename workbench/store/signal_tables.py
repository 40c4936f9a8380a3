"""Tables of signals in the trading database: hooks, groups, algos, alerts as they came, and what each asked for.

Alerts and signals are append-only, save for what became of them. A change needs a migration.
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Index, Integer, MetaData, String, Table, Text, UniqueConstraint, false

from workbench.store.tables import UtcInstant
from workbench.store.tables import metadata as research

metadata = MetaData(naming_convention=research.naming_convention)

hooks = Table(
    "hooks",
    metadata,
    Column("hook_id", String(36), primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("strategy", String, nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("created_at", UtcInstant, nullable=False),
    Column("revoked_at", UtcInstant),
    Column("group_name", String, nullable=False, server_default=""),
    Column("format", String, nullable=False, server_default="tradingview"),
    Column("doc", JSON, nullable=False, server_default="{}"),
)

# A token that was rotated out is good until its time.
old_tokens = Table(
    "old_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("hook_id", String(36), nullable=False),
    Column("until", UtcInstant, nullable=False),
)

groups = Table(
    "groups",
    metadata,
    Column("name", String, primary_key=True),
    Column("doc", JSON, nullable=False),
    Column("changed_at", UtcInstant, nullable=False),
)

algos = Table(
    "algos",
    metadata,
    Column("name", String, primary_key=True),
    Column("doc", JSON, nullable=False),
    Column("changed_at", UtcInstant, nullable=False),
)

# One row for each distinct alert, and for each kind of refused one a minute; (source, key) makes a repeat the same.
alerts = Table(
    "alerts",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("alert_id", String(36), nullable=False, unique=True),
    Column("source", String, nullable=False),
    Column("key", String, nullable=False),
    Column("tickers", String, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("came_at", UtcInstant, nullable=False),
    Column("kept_at", UtcInstant, nullable=False),
    Column("repeats", Integer, nullable=False, server_default="0"),
    Column("repeated_at", UtcInstant),
    Column("address", String, nullable=False, server_default=""),
    Column("meaning", String(64), nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("source", "key"),
    Index(None, "source", "tickers", "seq"),
)

# An alert's row is written by the server before it answers; `signal` stays null until the engine has acted on it.
# A strategy's own signal is written with it. (source, key) makes a repeat the same signal.
signals = Table(
    "signals",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("signal_id", String(36), nullable=False, unique=True),
    Column("source", String, nullable=False),
    Column("key", String, nullable=False),
    Column("strategy", String, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("received_at", UtcInstant, nullable=False),
    Column("settled_at", UtcInstant),
    Column("epoch", Integer, nullable=False),
    Column("meaning", String(64), nullable=False),
    Column("body", Text),
    Column("alert", JSON(none_as_null=True)),
    Column("signal", JSON(none_as_null=True)),
    Column("alert_id", String(36), nullable=False, server_default=""),
    Column("algo", String, nullable=False, server_default=""),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("not_before", UtcInstant),
    Column("override", Boolean, nullable=False, server_default=false()),
    Column("replay_of", String(36)),
    UniqueConstraint("source", "key"),
    Index(None, "status", "seq"),
    Index(None, "alert_id"),
)
