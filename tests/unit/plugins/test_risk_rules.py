"""The rules of the research profile, worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workbench_plugins.risk_rules import Balance, Sizing, WholeLots

from tests.support import research_chain
from workbench.model import (
    SIZE_STEP,
    Action,
    Direction,
    Instrument,
    Position,
    Protection,
    Signal,
    SizeRequest,
    on_grid,
)
from workbench.ports import RiskContext
from workbench.testing import check_risk_rule

D = Decimal
NOW = datetime(2024, 1, 2, tzinfo=UTC)


def context(
    size: str = "all",
    close: Any = 50,
    factor: Any = 1,
    equity: Any = 10_000,
    cash: Any = None,
    lot: Any = 1,
    left: Any = None,
    **levels: Any,
) -> RiskContext:
    """A context from plain numbers; `left` is what the rules before left."""
    signal = Signal(
        "t", "k", "s", "a", "X", Action.ENTRY, Direction.LONG, NOW, NOW + timedelta(days=1), D(close), D(factor),
        SizeRequest.parse(size), Protection(**{name: D(value) for name, value in levels.items()}),
    )  # fmt: skip
    return RiskContext(
        signal=signal,
        instrument=Instrument("X", lot=None if lot is None else D(lot)),
        position=Position("a", "s", "X"),
        equity=D(equity),
        cash=D(equity if cash is None else cash),
        size=None if left is None else D(left),
        at=NOW,
    )


@pytest.mark.parametrize("rule", [Sizing(), WholeLots(), Balance()])
def test_a_rule_passes_the_conformance_suite(rule: Any) -> None:
    check_risk_rule(rule)


@pytest.mark.parametrize(
    ("asked", "levels", "raw", "halved"),
    [
        # equity 10,000 at a close of 50; "halved" is the raw size when the raw price is 100 (factor 0.5)
        ("all", {}, 200, 100),
        ("shares:7", {}, 7, 7),  # shares are raw whatever the adjustment
        ("value:2500", {}, 50, 25),
        ("percent:10", {}, 20, 10),
        ("risk:1", {"stop": 4}, 50, 25),  # risks 100 over 2 a share
        ("risk:1", {"trail": 2}, 100, 50),
        ("risk:1", {"stop": 4, "trail": 2}, 100, 50),  # the tighter counts
        ("risk:0.5", {"stop": 5, "target": 1}, 20, 10),  # a target is no risk
    ],
)
def test_a_size_by_hand_with_and_without_an_adjustment(asked: str, levels: Any, raw: int, halved: int) -> None:
    assert Sizing().judge(context(asked, **levels)).size == raw
    assert Sizing().judge(context(asked, factor="0.5", **levels)).size == halved


@pytest.mark.parametrize("levels", [{}, {"target": 5}])
def test_a_size_by_risk_without_a_stop_or_trail_is_denied(levels: Any) -> None:
    verdict = Sizing().judge(context("risk:1", **levels))
    assert (verdict.decision, verdict.size) == ("deny", None)
    assert verdict.reason == "a size by risk needs a stop or a trail"


@pytest.mark.parametrize("equity", [0, -5])
@pytest.mark.parametrize("asked", ["all", "value:10", "percent:10", "risk:1"])
def test_without_equity_a_size_from_equity_is_denied(asked: str, equity: int) -> None:
    verdict = Sizing().judge(context(asked, equity=equity, stop=5))
    assert (verdict.decision, verdict.reason) == ("deny", f"no equity: {equity}.00")


def test_sizing_shows_the_figures_it_looked_at() -> None:
    figures = Sizing().judge(context("percent:10")).figures
    assert figures == {"equity": "10000.00000000", "close": "50", "rule": "percent:10"}


@pytest.mark.parametrize(
    ("left", "lot", "expected", "decision"),
    [
        ("10", 1, "10", "allow"),
        ("10.9", 1, "10", "cut"),
        ("99", 25, "75", "cut"),
        ("100", 25, "100", "allow"),
        ("9.9999999999", 1, "10", "allow"),  # what rounding made of ten
        (5 * SIZE_STEP + SIZE_STEP / 3, None, 5 * SIZE_STEP, "cut"),
        ("1.05", "0.1", "1.0", "cut"),
    ],
)
def test_a_size_is_cut_to_whole_lots(left: Any, lot: Any, expected: Any, decision: str) -> None:
    verdict = WholeLots().judge(context(left=left, lot=lot))
    assert (verdict.size, verdict.decision) == (D(expected), decision)


@pytest.mark.parametrize(("left", "lot"), [("0.99", 1), ("24.9", 25), ("0", 1), (SIZE_STEP / 2, None)])
def test_less_than_one_lot_is_denied(left: Any, lot: Any) -> None:
    verdict = WholeLots().judge(context(left=left, lot=lot))
    assert verdict.decision == "deny"
    assert verdict.reason.endswith("is below one lot")


def test_whole_lots_before_any_sizing_is_denied() -> None:
    assert WholeLots().judge(context()).reason == "no size to cut: put a sizing rule first"


@pytest.mark.parametrize(
    ("left", "factor", "cash", "said"),
    [("200", 1, 10_000, False), ("201", 1, 10_000, True), ("100", "0.5", 10_000, False), ("101", "0.5", 10_000, True)],
)
def test_balance_allows_and_says_when_the_notional_is_above_the_cash(
    left: str, factor: Any, cash: int, said: bool
) -> None:
    verdict = Balance().judge(context(left=left, factor=factor, cash=cash))
    assert (verdict.decision, verdict.size) == ("allow", None)
    assert bool(verdict.reason) is said


@pytest.mark.parametrize("equity", ["0", "-0.01"])
def test_balance_denies_without_equity(equity: str) -> None:
    assert Balance().judge(context("shares:1", equity=equity, left=1)).decision == "deny"


@given(
    st.sampled_from(["all", "percent:37.5", "value:1234.56", "risk:2", "shares:3.7"]),
    st.decimals(min_value=D("0.01"), max_value=1000, places=4),
    st.decimals(min_value=D("0.001"), max_value=10, places=4),
    st.sampled_from([None, 1, 25, "0.001"]),
)
@settings(deadline=None, max_examples=150)
def test_the_whole_profile_gives_whole_lots_worth_no_more_than_asked(
    asked: str, close: Decimal, factor: Decimal, lot: Any
) -> None:
    shown = context(asked, close=close, factor=factor, lot=lot, stop=5)
    decision = research_chain().judge(shown)
    if decision.reason:
        assert decision.size == 0
        return
    assert on_grid(decision.size, shown.instrument.size_step)
    raw_price = close / factor
    most = {
        "all": 10_000,
        "percent:37.5": 3_750,
        "value:1234.56": D("1234.56"),
        "risk:2": 200 / D("0.05"),
        "shares:3.7": D("3.7") * raw_price,
    }
    assert decision.size * raw_price <= most[asked] + shown.instrument.size_step * raw_price * D("1e-8")
