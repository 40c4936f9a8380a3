"""Instants: UTC inside, zoned at the edges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from workbench.errors import BadInput

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc(name: str, value: datetime) -> datetime:
    """Pass a zoned instant as UTC; BadInput for one without a zone."""
    if not isinstance(value, datetime):
        raise BadInput(name, value, f"a {type(value).__name__}, not a datetime")
    if value.tzinfo is None:
        raise BadInput(name, value.isoformat(), "has no time zone", "give it one, as in datetime(…, tzinfo=UTC)")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def from_ns(nanoseconds: int) -> datetime:
    """The UTC instant of Unix nanoseconds, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1_000)


def iso(value: datetime) -> str:
    """ISO 8601 in UTC with a Z; a midnight stays a full time."""
    return utc("time", value).isoformat().replace("+00:00", "Z")
