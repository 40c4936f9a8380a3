"""Tables of the research database: runs, their artifacts, the trials of a strategy family, and searches.

All are append-only: nothing in this package updates or deletes a row. A change here needs a migration; a test
holds the two together.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    MetaData,
    String,
    Table,
    TypeDecorator,
)

from workbench.model import utc

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UtcInstant(TypeDecorator[datetime]):
    """A zoned instant, kept as whole microseconds since 1970 in UTC and handed back in UTC.

    An integer, because SQLite has no time type and drivers differ on zones. Raises BadInput for a time without a zone.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (utc("time", value) - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# The columns bear the names of RunRecord's fields: the repository maps one to the other by name.
runs = Table(
    "runs",
    metadata,
    Column("run_id", String(36), primary_key=True),
    Column("kind", String, nullable=False),
    Column("strategy", String, nullable=False),
    Column("family", String, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("params", JSON, nullable=False),
    Column("data", JSON, nullable=False),
    Column("data_fingerprint", String, nullable=False),
    Column("code_fingerprint", String, nullable=False),
    Column("environment", JSON, nullable=False),
    Column("environment_fingerprint", String, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("started_at", UtcInstant, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("passed", Boolean),
    Index(None, "started_at"),
    Index(None, "kind", "started_at"),
    Index(None, "strategy", "started_at"),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("run_id", String(36), ForeignKey("runs.run_id"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("media_type", String, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
)

# The key is the trial itself, so whichever process comes first counts it; `run_id` is the run that was first.
trials = Table(
    "trials",
    metadata,
    Column("family", String, primary_key=True),
    Column("params_fingerprint", String, primary_key=True),
    Column("data_fingerprint", String, primary_key=True),
    Column("run_id", String(36), ForeignKey("runs.run_id"), nullable=False),
    Column("evaluated_at", UtcInstant, nullable=False),
)

# The log of a search that learns from its trials, as the sampler's library writes it.
search_log = Table(
    "search_log",
    metadata,
    Column("study", String, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("entry", JSON, nullable=False),
)
