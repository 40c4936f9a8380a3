"""Algos, windows and conditions: what they take, across midnights, weeks and changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import BadInput
from workbench.model import (
    Algo,
    Caps,
    Condition,
    Group,
    Hook,
    HookRules,
    Moment,
    SizeRequest,
    Window,
    from_json,
    id_at,
    new_id,
    to_json,
)

D = Decimal


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("window", "instant", "inside"),
    [
        ("mon-fri 09:15-15:15 Asia/Kolkata", "2026-01-05T03:45:00+00:00", True),  # Monday 09:15 there: included
        ("mon-fri 09:15-15:15 Asia/Kolkata", "2026-01-05T03:44:59+00:00", False),
        ("mon-fri 09:15-15:15 Asia/Kolkata", "2026-01-05T09:45:00+00:00", False),  # 15:15: excluded
        ("mon-fri 09:15-15:15 Asia/Kolkata", "2026-01-04T05:00:00+00:00", False),  # a Sunday
        ("fri 22:00-02:00", "2026-01-09T23:00:00+00:00", True),
        ("fri 22:00-02:00", "2026-01-10T01:59:00+00:00", True),  # Saturday, of the window that began on Friday
        ("fri 22:00-02:00", "2026-01-09T01:00:00+00:00", False),  # Friday, of one that began on Thursday
        ("fri-mon 9:00-10:00", "2026-01-11T09:30:00+00:00", True),
        ("fri-mon 9:00-10:00", "2026-01-13T09:30:00+00:00", False),
        ("09:30-16:00 America/New_York", "2026-03-06T14:30:00+00:00", True),  # winter: 09:30
        ("09:30-16:00 America/New_York", "2026-03-09T13:30:00+00:00", True),  # summer: the same hour there
        ("09:30-16:00 America/New_York", "2026-03-09T13:29:00+00:00", False),
    ],
)
def test_a_window_holds_its_start_and_not_its_end_by_the_clock_of_its_zone(
    window: str, instant: str, inside: bool
) -> None:
    assert Window.parse(window).holds(at(instant)) is inside


@pytest.mark.parametrize(
    "text", ["", "9-10", "09:00-09:00", "25:00-26:00", "xyz 09:00-10:00", "09:00-10:00 Mars/Base", "mon-fri"]
)
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="window"):
        Window.parse(text)


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 1439), st.integers(0, 1439))
def test_a_window_written_out_is_read_as_itself(first: int, last: int, start: int, end: int) -> None:
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    text = f"{days[first]}-{days[last]} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    if start == end:
        return
    window = Window.parse(text)
    assert Window.parse(str(window)) == window


@pytest.mark.parametrize(
    ("moment", "after", "until", "instants"),
    [
        ("mon-fri 15:15 Asia/Kolkata exit INFY", "2026-01-02T09:45:00+00:00", "2026-01-06T09:45:00+00:00",
         ["2026-01-05T09:45:00+00:00", "2026-01-06T09:45:00+00:00"]),  # Friday's own is not after it
        ("9:30 buy X", "2026-01-02T09:29:59.999999+00:00", "2026-01-02T09:30:00+00:00", ["2026-01-02T09:30:00+00:00"]),
        ("sun 23:30 Pacific/Auckland buy X", "2026-01-04T10:00:00+00:00", "2026-01-04T11:00:00+00:00",
         ["2026-01-04T10:30:00+00:00"]),
        ("sun 22:30 America/New_York buy X", "2026-01-05T03:00:00+00:00", "2026-01-05T04:00:00+00:00",
         ["2026-01-05T03:30:00+00:00"]),  # a Monday in UTC
        ("mon 00:30 Asia/Kolkata buy X", "2026-01-04T12:00:00+00:00", "2026-01-05T00:00:00+00:00",
         ["2026-01-04T19:00:00+00:00"]),  # a Sunday in UTC
        ("02:30 America/New_York buy X", "2026-03-08T00:00:00+00:00", "2026-03-09T00:00:00+00:00",
         ["2026-03-08T07:30:00+00:00"]),  # clocks go from 2 to 3: at 03:30 there
        ("01:30 America/New_York buy X", "2026-11-01T00:00:00+00:00", "2026-11-02T00:00:00+00:00",
         ["2026-11-01T05:30:00+00:00"]),  # comes twice that night: the first
        ("sat 23:30 America/Nuuk buy X", "2024-03-31T01:20:00+00:00", "2024-03-31T01:40:00+00:00",
         ["2024-03-31T01:30:00+00:00"]),  # clocks go forward over midnight: on the Sunday there
        ("09:15 Japan buy X", "2026-01-05T00:14:00+00:00", "2026-01-05T00:16:00+00:00", ["2026-01-05T00:15:00+00:00"]),
        ("09:30 America/New_York buy X", "2026-03-06T12:00:00+00:00", "2026-03-09T20:00:00+00:00",
         ["2026-03-06T14:30:00+00:00", "2026-03-07T14:30:00+00:00", "2026-03-08T13:30:00+00:00",
          "2026-03-09T13:30:00+00:00"]),
    ],
)  # fmt: skip
def test_a_moment_is_at_its_time_by_the_clock_of_its_zone_once_a_day(
    moment: str, after: str, until: str, instants: list[str]
) -> None:
    assert [found.isoformat() for found in Moment.parse(moment).between(at(after), at(until))] == instants


@given(
    st.sampled_from(["America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]),
    st.integers(0, 1439), st.integers(0, 400 * 24), st.lists(st.integers(0, 72), min_size=1, max_size=8),
)  # fmt: skip
def test_stretches_of_time_side_by_side_hold_each_instant_of_a_moment_once(
    zone: str, minute: int, hours: int, steps: list[int]
) -> None:
    moment = Moment.parse(f"{minute // 60:02}:{minute % 60:02} {zone} buy X")
    start = at("2026-01-01T00:00:00+00:00") + timedelta(hours=hours)
    found, here = [], start
    for step in steps:
        found += list(moment.between(here, here + timedelta(hours=step)))
        here += timedelta(hours=step)
    assert found == list(moment.between(start, here))
    days = [instant.astimezone(ZoneInfo(zone)).date() for instant in found]
    assert len(set(days)) == len(days)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "time"), ("09:00", "cannot be read"), ("09:00 buy", "cannot be read"), ("25:00 buy X", "no time of a day"),
        ("xyz 09:00 buy X", "time day xyz"), ("09:00 Mars/Base buy X", "time zone Mars/Base"),
        ("mon-fri 09:00 UTC hold X", "hold is none of"), ("09:00 ignore X", "ignore is none of"),
        ("09:00 Asia/Kolkata buy X Y", "cannot be read"), ("09:00 buy X\udcff", "time ticker"),
        ("09:00 buy X\x00", "time ticker"), (f"09:00 buy {'X' * 101}", "at most 100 characters"),
        ("09:00 BTC/USD buy X", "time zone BTC/USD"),
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Moment.parse(text)


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 1439))
def test_a_moment_written_out_is_read_as_itself(first: int, last: int, minute: int) -> None:
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    moment = Moment.parse(f"{days[first]}-{days[last]} {minute // 60:02}:{minute % 60:02} Buy BTC/USD")
    assert (moment.action, moment.ticker, moment.zone) == ("buy", "BTC/USD", "UTC")
    assert Moment.parse(str(moment)) == moment


def test_a_scheduled_algo_has_times_and_no_other_has() -> None:
    made = Algo("a", "s", trigger="scheduled", times=("mon 9:30 buy X", "mon 09:30 UTC buy X"))
    assert made.times == ("mon 09:30 UTC buy X",)
    assert from_json(Algo, to_json(made)) == made
    for fields, words in (
        ({"trigger": "scheduled"}, "times '': are missing"),
        ({"times": ("09:30 buy X",)}, "are those of a signal algo; make it scheduled"),
        ({"trigger": "manual", "times": ("09:30 buy X",)}, "are those of a manual algo"),
        ({"trigger": "scheduled", "times": tuple(f"09:{m:02} buy X" for m in range(51))}, "must be at most 50"),
        ({"trigger": "cron"}, "trigger cron: must be one of signal, scheduled, manual"),
    ):
        with pytest.raises(BadInput, match=words):
            Algo("a", "s", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "alert", "holds"),
    [
        ("price >= 100", {"price": "100.0"}, True),
        ("price < 100", {"price": "1e2"}, False),
        ("price > 5", {}, False),
        ("price != 5", {}, True),
        ("quantity = 3", {"quantity": "3.000"}, True),
        ("ticker in AAPL, msft", {"ticker": "MSFT"}, True),
        ("ticker in AAPL MSFT", {"ticker": "AAP"}, False),
        ("comment contains 'Break out'", {"comment": "a BREAK OUT!"}, True),
        ("action = buy", {"action": "sell"}, False),
        ("action != buy", {"action": "sell"}, True),
    ],
)
def test_a_condition_holds_of_what_the_alert_says(text: str, alert: dict[str, Any], holds: bool) -> None:
    condition = Condition.parse(text)
    assert condition.holds(alert) is holds
    assert Condition.parse(str(condition)).holds(alert) is holds


@pytest.mark.parametrize("text", ["", "price", "price >= x", "comment < 3", "lots = 3", "price ~ 5", "price = inf"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="condition"):
        Condition.parse(text)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "1st"}, "algo name"), ({"name": "a" * 61}, "algo name"), ({"sides": "up"}, "sides up"),
        ({"actions": {"buy": "hold"}}, "action buy"), ({"quantity": "lots:3"}, "quantity lots:3"),
        ({"quantity": "percent:200"}, "quantity percent:200"), ({"entries_a_day": 0}, "entries a day 0"),
        ({"zone": "Mars"}, "zone Mars"), ({"windows": ("soon",)}, "window soon"),
        ({"conditions": ("price",)}, "condition price"), ({"expires_at": datetime(2026, 1, 1)}, "expires_at"),  # noqa: DTZ001
    ],
)  # fmt: skip
def test_an_algo_that_means_nothing_is_refused_by_the_field(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput) as error:
        Algo(**({"name": "a", "strategy": "s"} | fields))
    assert str(error.value).startswith(words)


def test_algos_groups_and_rules_come_back_from_json_as_they_were() -> None:
    algo = Algo(
        "a", "s", True, "why", "long", {"sell": "exit"}, "risk:1", 3, datetime(2027, 1, 1, tzinfo=UTC),
        ("mon-fri 09:15-15:15 Asia/Kolkata",), "Asia/Kolkata", ("price > 5",), {"NIFTY1!": "NIFTY"}, 7,
    )  # fmt: skip
    assert from_json(Algo, to_json(algo)) == algo
    group = Group("g", ("a", "b"), "why", "first", True, False, datetime(2027, 1, 1, tzinfo=UTC))
    assert from_json(Group, to_json(group)) == group
    rules = HookRules("h", True, True, ("10.0.0.1",), ("X",), D("1.5"), D(100), 3, 60, None, 5.0, D("2.5"))
    assert from_json(HookRules, to_json(rules)) == rules


@pytest.mark.parametrize(
    ("quantity", "said", "size", "expected"),
    [
        ("signal", D(3), None, "shares:3"),
        ("signal", None, "percent:5", "percent:5"),
        ("signal", None, None, None),
        ("strategy", D(3), None, None),
        ("value:100", D(3), None, "value:100"),
    ],
)
def test_the_size_is_the_algos_else_the_alerts_else_the_strategys(
    quantity: str, said: Decimal | None, size: str | None, expected: str | None
) -> None:
    wanted = None if expected is None else SizeRequest.parse(expected)
    assert Algo("a", "s", quantity=quantity).size(said, size) == wanted


def test_a_group_names_an_algo_once_and_a_hook_leads_to_one_place() -> None:
    with pytest.raises(BadInput, match="named twice"):
        Group("g", ("a", "a"))
    with pytest.raises(BadInput, match="route"):
        Group("g", route="some")
    for strategy, group in (("", ""), ("s", "g")):
        with pytest.raises(BadInput, match="name one of the two"):
            Hook("id", "h", strategy, datetime.now(UTC), group)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"addresses": ("here",)}, "address here"), ({"most_size": D(0)}, "most size"), ({"a_day": 0}, "a day 0"),
        ({"age": 2e6}, "age 2000000"), ({"window": -1}, "window -1"),
    ],
)  # fmt: skip
def test_rules_that_mean_nothing_are_refused(rules: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput) as error:
        HookRules(**rules)
    assert str(error.value).startswith(words)


def test_caps_take_the_smaller_of_size_and_value() -> None:
    assert Caps().largest(D(10)) is None
    assert Caps(D(5)).largest(D(10)) == 5
    assert Caps(D(5), D(20)).largest(D(10)) == 2
    with pytest.raises(BadInput):
        Caps(D(0))


def test_ids_are_not_less_than_the_one_of_their_instant() -> None:
    before, made, after = id_at(datetime.now(UTC)), new_id(), id_at(datetime.now(UTC) + timedelta(milliseconds=2))
    assert before <= made < after
