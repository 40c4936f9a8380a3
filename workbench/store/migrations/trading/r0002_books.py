"""What may change of an order's intent, bookings, requests, drifts, looks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "t0002"
down_revision = "t0001"
branch_labels = None
depends_on = None

_OF_ORDERS = ("type", "size", "limit_price", "broker_id")


def upgrade() -> None:
    """Add columns to orders, and the tables."""
    for name in _OF_ORDERS:
        op.add_column("orders", sa.Column(name, sa.String(), nullable=True))
    op.create_index(op.f("ix_orders_account_broker_id"), "orders", ["account", "broker_id"], unique=False)
    op.create_table(
        "bookings",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("booking_id", sa.String(), nullable=False),
        sa.Column("after_fill", sa.Integer(), nullable=False),
        sa.Column("booking", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_bookings")),
        sa.UniqueConstraint("account", "booking_id", name=op.f("uq_bookings_account_booking_id")),
    )
    op.create_table(
        "requests",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_requests")),
        sa.UniqueConstraint("request_id", name=op.f("uq_requests_request_id")),
        sa.UniqueConstraint("source", "key", name=op.f("uq_requests_source_key")),
    )
    op.create_index(op.f("ix_requests_status_seq"), "requests", ["status", "seq"], unique=False)
    op.create_table(
        "drifts",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.Column("resolved_by", sa.String(), nullable=False),
        sa.Column("resolution", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_drifts")),
    )
    op.create_index(op.f("ix_drifts_account_resolved_at"), "drifts", ["account", "resolved_at"], unique=False)
    op.create_table(
        "looks",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_looks")),
    )


def downgrade() -> None:
    """Remove them."""
    for table in ("looks", "drifts", "requests", "bookings"):
        op.drop_table(table)
    op.drop_index(op.f("ix_orders_account_broker_id"), table_name="orders")
    for name in _OF_ORDERS:
        op.drop_column("orders", name)
