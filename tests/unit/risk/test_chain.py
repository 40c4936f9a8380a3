"""The risk chain fails closed: whatever a rule does wrong is a denial, and every verdict is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.model import Action, Direction, Instrument, Position, Signal
from workbench.ports import RiskContext, Verdict
from workbench.risk import RiskChain

D = Decimal
NOW = datetime(2024, 1, 2, tzinfo=UTC)


def context(**changes: Any) -> RiskContext:
    signal = Signal("t", "k", "s", "a", "X", Action.ENTRY, Direction.LONG, NOW, NOW + timedelta(days=1), D(100))
    made = RiskContext(signal, Instrument("X", lot=D(1)), Position("a", "s", "X"), D(1000), D(1000), None, NOW)
    return replace(made, **changes)


class Rule:
    """Answers what it is given, or raises it; keeps what it was shown."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.shown = answer, []

    def judge(self, shown: RiskContext) -> Any:
        self.shown.append(shown)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def allow(size: Any = None) -> Rule:
    return Rule(Verdict("own name", "allow", size=size if size is None else D(size)))


def cut(size: Any) -> Rule:
    return Rule(Verdict("own name", "cut", "less", size=D(size)))


def deny(reason: str = "because") -> Rule:
    return Rule(Verdict("own name", "deny", reason))


def judge(*rules: Rule) -> Any:
    return RiskChain([(f"r{i}", rule) for i, rule in enumerate(rules)]).judge(context())


def test_rules_are_asked_in_order_each_with_what_the_one_before_left() -> None:
    rules = [allow(100), cut(60), allow(), cut(50)]
    decision = judge(*rules)
    assert [rule.shown[0].size for rule in rules] == [None, 100, 60, 60]
    assert (decision.size, decision.reason) == (50, "")
    assert [(v.rule, v.decision) for v in decision.verdicts] == [
        ("r0", "allow"),
        ("r1", "cut"),
        ("r2", "allow"),
        ("r3", "cut"),
    ]


def test_the_first_denial_ends_it_and_keeps_the_verdicts_so_far() -> None:
    last = allow()
    decision = judge(allow(100), deny(), last)
    assert (decision.size, decision.reason, last.shown) == (0, "r1: because", [])
    assert [v.decision for v in decision.verdicts] == ["allow", "deny"]


def test_a_verdict_goes_by_the_name_the_rule_is_registered_under() -> None:
    assert judge(allow(1)).verdicts[0].rule == "r0"


@pytest.mark.parametrize(
    "error", [RuntimeError("bug"), ZeroDivisionError("x"), KeyError("k"), AssertionError(), SystemExit("bye")]
)
def test_a_rule_that_raises_denies_and_says_what_it_raised(error: BaseException) -> None:
    decision = judge(allow(100), Rule(error))
    assert decision.size == 0
    assert decision.reason.startswith(f"r1: raised {type(error).__name__}")


@pytest.mark.parametrize("answer", [None, True, "allow", D(5), object()])
def test_a_rule_that_answers_no_verdict_denies(answer: Any) -> None:
    decision = judge(allow(100), Rule(answer))
    assert (decision.size, decision.verdicts[-1].decision) == (0, "deny")


@pytest.mark.parametrize("word", ["", "ALLOW", "yes", "reject", None])
def test_a_decision_that_is_none_of_the_three_denies(word: Any) -> None:
    decision = judge(allow(100), Rule(Verdict("x", word)))
    assert decision.reason == f"r1: answered {word!r}, not allow, cut or deny"


@pytest.mark.parametrize("size", [D("NaN"), D("sNaN"), D("Infinity"), D("-Infinity"), D(-1), float("nan"), 5.0, "5"])
def test_a_size_that_is_no_finite_decimal_from_zero_up_denies(size: Any) -> None:
    for before in ([], [allow(100)]):
        decision = judge(*before, Rule(Verdict("x", "allow", size=size)))
        assert decision.size == 0
        assert decision.reason


@pytest.mark.parametrize("size", ["100.0001", "101", "1e30"])
def test_a_rule_that_enlarges_the_size_denies(size: str) -> None:
    decision = judge(allow(100), allow(size))
    assert decision.size == 0
    assert "enlarged the size from 100 to" in decision.reason


def test_the_rounding_of_whole_lots_is_no_enlargement() -> None:
    assert judge(allow("99.9999999995"), allow(100)).size == 100


def test_a_cut_that_names_no_size_denies_and_lets_nothing_through() -> None:
    decision = judge(allow(100), Rule(Verdict("x", "cut", "too large")))
    assert (decision.size, decision.verdicts[-1].decision) == (0, "deny")


@pytest.mark.parametrize("rules", [[], [allow()], [allow(0)], [allow(100), cut(0)]])
def test_without_a_size_above_zero_in_the_end_it_is_denied(rules: list[Rule]) -> None:
    decision = judge(*rules)
    assert (decision.size, decision.reason) == (0, "chain: no rule gave a size above 0")


@given(
    st.lists(
        st.one_of(
            st.builds(
                Verdict,
                rule=st.just("x"),
                decision=st.sampled_from(["allow", "cut", "deny", "?"]),
                size=st.none() | st.decimals(),
            ),
            st.sampled_from([RuntimeError("x"), None]),
        ),
        max_size=6,
    )
)
@settings(deadline=None, max_examples=150)
def test_whatever_rules_answer_the_size_is_finite_never_larger_and_denial_is_zero(answers: list[Any]) -> None:
    decision = judge(allow(100), *map(Rule, answers))
    assert decision.size.is_finite()
    assert 0 <= decision.size <= D(100) + D("1e-8")
    assert (decision.size == 0) == bool(decision.reason)
    assert all(v.decision in ("allow", "cut", "deny") for v in decision.verdicts)
