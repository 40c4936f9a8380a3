"""The mode an account at a configured broker is for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "t0003"
down_revision = "t0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: a strategy's own paper account has none."""
    op.add_column("accounts", sa.Column("mode", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    """Take it away again."""
    op.drop_column("accounts", "mode")
