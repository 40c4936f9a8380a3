"""Groups, algos, alerts as they came, tokens that are rotated out, and what a hook asks of an alert."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "t0004"
down_revision = "t0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and an alert of each signal that came through a hook: its key stays taken."""
    op.add_column("hooks", sa.Column("group_name", sa.String(), nullable=False, server_default=""))
    op.add_column("hooks", sa.Column("format", sa.String(), nullable=False, server_default="tradingview"))
    op.add_column("hooks", sa.Column("doc", sa.JSON(), nullable=False, server_default="{}"))
    op.create_table(
        "old_tokens",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("hook_id", sa.String(36), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_old_tokens")),
    )
    for name in ("groups", "algos"):
        op.create_table(
            name,
            sa.Column("name", sa.String(), nullable=False),
            sa.Column("doc", sa.JSON(), nullable=False),
            sa.Column("changed_at", sa.BigInteger(), nullable=False),
            sa.PrimaryKeyConstraint("name", name=op.f(f"pk_{name}")),
        )
    op.create_table(
        "alerts",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("alert_id", sa.String(36), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("tickers", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("came_at", sa.BigInteger(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("repeated_at", sa.BigInteger()),
        sa.Column("address", sa.String(), nullable=False, server_default=""),
        sa.Column("meaning", sa.String(64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_alerts")),
        sa.UniqueConstraint("alert_id", name=op.f("uq_alerts_alert_id")),
        sa.UniqueConstraint("source", "key", name=op.f("uq_alerts_source_key")),
    )
    op.create_index(op.f("ix_alerts_source_tickers_seq"), "alerts", ["source", "tickers", "seq"])
    op.add_column("signals", sa.Column("alert_id", sa.String(36), nullable=False, server_default=""))
    op.add_column("signals", sa.Column("algo", sa.String(), nullable=False, server_default=""))
    op.add_column("signals", sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("signals", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("signals", sa.Column("not_before", sa.BigInteger()))
    op.add_column("signals", sa.Column("override", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("signals", sa.Column("replay_of", sa.String(36)))
    op.create_index(op.f("ix_signals_alert_id"), "signals", ["alert_id"])
    op.drop_index(op.f("ix_signals_source_received_at"), "signals")  # each index costs an alert its share of a commit
    signals, alerts = (
        sa.table(name, *(sa.column(c) for c in columns))
        for name, columns in (
            ("signals", ("signal_id", "alert_id", "source", "key", "received_at", "meaning", "body", "alert")),
            ("alerts", ("alert_id", "source", "key", "tickers", "status", "reason", "came_at", "kept_at", "meaning",
                        "body")),
        )
    )  # fmt: skip
    empty, taken = sa.literal(""), sa.literal("accepted")
    old = sa.select(
        signals.c.signal_id, signals.c.source, signals.c.key, empty, taken, empty, signals.c.received_at,
        signals.c.received_at, signals.c.meaning, sa.func.coalesce(signals.c.body, ""),
    ).where(signals.c.source.like("webhook:%"))  # fmt: skip
    names = ["alert_id", "source", "key", "tickers", "status", "reason", "came_at", "kept_at", "meaning", "body"]
    op.execute(sa.insert(alerts).from_select(names, old))
    op.execute(sa.update(signals).where(signals.c.source.like("webhook:%")).values(alert_id=signals.c.signal_id))


def downgrade() -> None:
    """Take them away again."""
    op.create_index(op.f("ix_signals_source_received_at"), "signals", ["source", "received_at"])
    op.drop_index(op.f("ix_signals_alert_id"), "signals")
    for column in ("replay_of", "override", "not_before", "attempts", "priority", "algo", "alert_id"):
        op.drop_column("signals", column)
    for table in ("alerts", "algos", "groups", "old_tokens"):
        op.drop_table(table)
    for column in ("doc", "format", "group_name"):
        op.drop_column("hooks", column)
