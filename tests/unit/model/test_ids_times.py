"""Identifiers sort by time; instants are UTC or refused."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import BadInput
from workbench.model import from_ns, iso, new_id, utc
from workbench.model import ids as ids_module

IST = timezone(timedelta(hours=5, minutes=30))


def test_an_id_has_the_layout_of_uuid_version_7() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(new_id())
    after = time.time_ns() // 1_000_000
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert before <= made.int >> 80 <= after


@given(st.integers(0, (1 << 48) - 1), st.binary(min_size=10, max_size=10))
@settings(deadline=None, max_examples=100)
def test_time_version_variant_and_random_bits_stand_where_the_rfc_puts_them(milliseconds: int, random: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids_module.time, "time_ns", lambda: milliseconds * 1_000_000 + 999_999)
        patch.setattr(ids_module.os, "urandom", lambda count: random[:count])
        value = uuid.UUID(new_id()).int
    given_bits = int.from_bytes(random, "big")
    assert value >> 80 == milliseconds
    assert value >> 76 & 0xF == 7
    assert value >> 62 & 0x3 == 2
    assert value & ((1 << 62) - 1) == given_bits & ((1 << 62) - 1)
    assert value >> 64 & 0xFFF == given_bits >> 64 & 0xFFF


def test_ids_made_later_sort_later(monkeypatch: pytest.MonkeyPatch) -> None:
    start = 1_700_000_000_000
    made = []
    for step in range(50):
        monkeypatch.setattr(ids_module.time, "time_ns", lambda step=step: (start + 7 * step) * 1_000_000)
        made.append(new_id())
    assert made == sorted(made)


def test_ten_thousand_ids_are_all_different() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_an_instant_without_a_zone_is_refused_with_the_remedy() -> None:
    with pytest.raises(BadInput, match=r"bar_time 2024-01-02T00:00:00: has no time zone; give it one"):
        utc("bar_time", datetime(2024, 1, 2))  # noqa: DTZ001


def test_an_instant_of_another_zone_becomes_the_same_instant_in_utc() -> None:
    made = utc("t", datetime(2024, 1, 2, 5, 30, tzinfo=IST))
    assert made == datetime(2024, 1, 2, tzinfo=UTC)
    assert made.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1_999, datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        (1_704_153_600_000_000_000, datetime(2024, 1, 2, tzinfo=UTC)),
    ],
)
def test_unix_nanoseconds_become_the_instant_cut_to_microseconds(nanoseconds: int, expected: datetime) -> None:
    assert from_ns(nanoseconds) == expected


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
@settings(deadline=None, max_examples=100)
def test_text_of_an_instant_ends_in_z_and_reads_back(moment: datetime) -> None:
    text = iso(moment)
    assert text.endswith("Z")
    assert "T" in text
    assert datetime.fromisoformat(text) == moment
    assert iso(moment.astimezone(IST)) == text


def test_a_midnight_stays_a_full_time() -> None:
    assert iso(datetime(2024, 1, 2, tzinfo=UTC)) == "2024-01-02T00:00:00Z"


def test_text_of_an_instant_without_a_zone_is_refused_and_never_guessed() -> None:
    with pytest.raises(BadInput, match=r"has no time zone"):
        iso(datetime(2024, 1, 2))  # noqa: DTZ001
