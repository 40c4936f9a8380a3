"""Signals: every field that cannot be is refused by name; sizes and levels as they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import BadInput
from workbench.model import Action, Direction, Protection, Signal, SizeRequest, SizeRule

D = Decimal
START = datetime(2024, 1, 2, tzinfo=UTC)
NOT_POSITIVE = [D("NaN"), D("sNaN"), D("Infinity"), D("-Infinity"), D(0), D(-1), 1.0, 1, True, "1"]


def signal(**changes: Any) -> Signal:
    fields: dict[str, Any] = {
        "source": "strategy:x",
        "key": "k",
        "strategy": "x",
        "account": "paper",
        "symbol": "X",
        "action": Action.ENTRY,
        "direction": Direction.LONG,
        "bar_time": START,
        "available_at": START + timedelta(days=1),
        "reference_price": D(10),
    }
    return Signal(**(fields | changes))


def test_a_sound_signal_has_an_id_of_its_own_and_is_frozen() -> None:
    assert signal().signal_id != signal().signal_id
    with pytest.raises(AttributeError):
        signal().key = "other"  # type: ignore[misc]


@pytest.mark.parametrize("field", ["source", "key", "strategy", "account", "symbol"])
@pytest.mark.parametrize("value", ["", None])
def test_an_empty_name_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(BadInput, match=rf"signal {field} .*must not be empty"):
        signal(**{field: value})


@pytest.mark.parametrize("field", ["reference_price", "factor"])
@pytest.mark.parametrize("value", NOT_POSITIVE)
def test_a_price_or_factor_that_is_no_positive_decimal_is_refused(field: str, value: Any) -> None:
    with pytest.raises(BadInput, match=rf"^{field} "):
        signal(**{field: value})


@pytest.mark.parametrize("field", ["bar_time", "available_at"])
def test_a_time_without_a_zone_is_refused_by_name(field: str) -> None:
    with pytest.raises(BadInput, match=rf"{field} .*has no time zone"):
        signal(**{field: datetime(2024, 1, 2)})  # noqa: DTZ001


def test_a_signal_known_before_its_bar_is_refused() -> None:
    with pytest.raises(BadInput, match=r"available_at .*before the bar it belongs to"):
        signal(available_at=START - timedelta(microseconds=1))
    assert signal(available_at=START).available_at == START


def test_directions_have_signs_and_opposites() -> None:
    assert (Direction.LONG.sign, Direction.SHORT.sign) == (1, -1)
    assert Direction.LONG.opposite is Direction.SHORT
    assert Direction.SHORT.opposite is Direction.LONG


# ---- protection ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stop", "target", "trail"])
@pytest.mark.parametrize("value", NOT_POSITIVE)
def test_a_level_that_is_no_positive_decimal_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(BadInput, match=rf"^{name} "):
        Protection(**{name: value})


@pytest.mark.parametrize("name", ["stop", "trail"])
def test_a_stop_or_trail_of_the_whole_price_is_refused_and_just_below_is_taken(name: str) -> None:
    with pytest.raises(BadInput, match=rf"{name} .*below 100 percent"):
        Protection(**{name: D(100)})
    assert Protection(**{name: D("99.999")}).any


def test_a_target_may_be_above_the_whole_price() -> None:
    assert Protection(target=D(300)).target == 300


def test_no_level_at_all_protects_nothing() -> None:
    assert not Protection().any
    assert Protection(target=D(1)).any


# ---- size requests ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rule", "amount"),
    [
        ("all", SizeRule.ALL, None),
        (" ALL ", SizeRule.ALL, None),
        ("shares:10", SizeRule.SHARES, D(10)),
        ("Shares:0.5", SizeRule.SHARES, D("0.5")),
        ("value:2500.50", SizeRule.VALUE, D("2500.50")),
        ("percent:100", SizeRule.PERCENT, D(100)),
        ("risk:0.25", SizeRule.RISK, D("0.25")),
        ("value:1e4", SizeRule.VALUE, D(10_000)),
    ],
)
def test_a_size_is_read_from_text(text: str, rule: SizeRule, amount: Decimal | None) -> None:
    assert SizeRequest.parse(text) == SizeRequest(rule, amount)


@pytest.mark.parametrize("text", ["", "10", ":", ":10", "half", "kelly:1", "share:10", "shares 10", "al l"])
def test_text_that_is_no_size_rule_is_refused_with_the_rules_there_are(text: str) -> None:
    with pytest.raises(BadInput, match=r"is no size rule; write all, shares:N, value:N, percent:P or risk:P"):
        SizeRequest.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "all:5",
        "shares",
        "shares:",
        "value:ten",
        "percent:nan",
        "risk:inf",
        "shares:0",
        "value:-5",
        "percent:100.01",
        "risk:101",
        "shares:1:2",
        "shares:1,000",
    ],
)
def test_an_amount_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"size"):
        SizeRequest.parse(text)


@pytest.mark.parametrize("rule", [rule for rule in SizeRule if rule is not SizeRule.ALL])
@pytest.mark.parametrize("value", NOT_POSITIVE)
def test_an_amount_that_is_no_positive_decimal_is_refused(rule: SizeRule, value: Any) -> None:
    with pytest.raises(BadInput, match=rf"size {rule.value}"):
        SizeRequest(rule, value)


@given(
    st.sampled_from([rule for rule in SizeRule if rule is not SizeRule.ALL]),
    st.decimals(min_value=D("0.0001"), max_value=100, places=8),
)
@settings(deadline=None, max_examples=100)
def test_a_size_written_out_reads_back_as_itself(rule: SizeRule, amount: Decimal) -> None:
    request = SizeRequest(rule, amount)
    assert SizeRequest.parse(str(request)) == request
    assert "e" not in str(request).partition(":")[2].lower()


def test_all_is_written_without_an_amount_and_hundreds_in_full() -> None:
    assert str(SizeRequest()) == "all"
    assert str(SizeRequest(SizeRule.VALUE, D("1E+4"))) == "value:10000"
