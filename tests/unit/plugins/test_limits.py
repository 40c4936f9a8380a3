"""The limits of the trading profile, worked by hand: at, below and above their bounds, and closed without facts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench_plugins.limits import DailyLoss, MarketHours, MaxPositions, MaxTradesADay, OrderRate, PositionSize
from workbench_plugins.risk_rules import Balance, Sizing, WholeLots

from workbench.errors import BadInput
from workbench.model import Action, Direction, Instrument, Position, Signal, SizeRequest, on_grid
from workbench.ports import AccountFacts, RiskContext
from workbench.risk import RiskChain
from workbench.testing import check_risk_rule

D = Decimal
NOW = datetime(2024, 1, 2, 15, tzinfo=UTC)


def facts(**more: Any) -> AccountFacts:
    return AccountFacts(**({"day": date(2024, 1, 2), "day_start_equity": D(10_000)} | more))


def context(
    size: Any = 10,
    *,
    close: Any = 50,
    factor: Any = 1,
    equity: Any = 10_000,
    cash: Any = None,
    lot: Any = 1,
    asked: str = "all",
    known: AccountFacts | None = None,
) -> RiskContext:
    """A context from plain numbers; `size` is what the rules before left, in raw units."""
    signal = Signal(
        "t", "k", "s", "a", "X", Action.ENTRY, Direction.LONG, NOW, NOW, D(close), D(factor), SizeRequest.parse(asked)
    )
    return RiskContext(
        signal=signal,
        instrument=Instrument("X", lot=None if lot is None else D(lot)),
        position=Position("a", "s", "X"),
        equity=D(equity),
        cash=D(equity if cash is None else cash),
        size=None if size is None else D(size),
        at=NOW,
        facts=known,
    )


@pytest.mark.parametrize(
    "rule", [PositionSize(), MaxPositions(), MaxTradesADay(), DailyLoss(), MarketHours(), OrderRate(), Balance()]
)
def test_a_limit_passes_the_conformance_suite(rule: Any) -> None:
    check_risk_rule(rule)


@pytest.mark.parametrize("rule", [MaxPositions(), MaxTradesADay(), DailyLoss(), MarketHours(), OrderRate()])
def test_a_limit_without_the_accounts_facts_denies(rule: Any) -> None:
    verdict = rule.judge(context())
    assert (verdict.decision, verdict.reason) == ("deny", "the account's facts are not known here")


# ---- position size ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "lot", "factor", "close", "decision", "left"),
    [
        # 10 % of 10,000 is 1,000: 20 shares at 50
        ("19", 1, 1, 50, "allow", None),
        ("20", 1, 1, 50, "allow", None),
        ("20.5", 1, 1, 50, "cut", "20"),
        ("21", 1, 1, 50, "cut", "20"),
        ("200", 1, 1, 51, "cut", "19"),  # 19.6 shares
        ("200", 5, 1, 51, "cut", "15"),
        ("200", None, 1, 51, "cut", "19.607843"),
        # a factor of 0.5: the raw price is 100, 10 raw shares
        ("10", 1, "0.5", 50, "allow", None),
        ("11", 1, "0.5", 50, "cut", "10"),
        # a factor of 2: the raw price is 25, 40 raw shares
        ("40", 1, 2, 50, "allow", None),
        ("41", 1, 2, 50, "cut", "40"),
    ],
)
def test_an_entry_is_cut_to_whole_lots_of_its_share_of_the_equity(
    size: str, lot: Any, factor: Any, close: Any, decision: str, left: str | None
) -> None:
    verdict = PositionSize(10).judge(context(size, lot=lot, factor=factor, close=close))
    assert (verdict.decision, verdict.size) == (decision, None if left is None else D(left))
    assert verdict.figures["limit"] == "1000.00"
    assert bool(verdict.reason) is (decision != "allow")


@pytest.mark.parametrize(("lot", "close", "equity"), [(25, 50, 10_000), (1, 1001, 10_000), (1, 50, 0), (1, 50, -500)])
def test_a_share_that_pays_for_no_lot_denies(lot: int, close: int, equity: int) -> None:
    verdict = PositionSize(10).judge(context(25, lot=lot, close=close, equity=equity))
    assert verdict.decision == "deny"
    assert verdict.reason.endswith("less than one lot")


def test_position_size_before_any_sizing_denies() -> None:
    assert PositionSize().judge(context(None)).reason == "no size to cut: put a sizing rule first"


@given(
    st.decimals("0.000001", 10_000, places=6), st.decimals("0.01", 2_000, places=2),
    st.decimals("0.01", 20, places=3), st.sampled_from([None, 1, 25, "0.001"]), st.integers(1, 1000),
)  # fmt: skip
def test_what_position_size_leaves_is_never_more_and_never_above_its_share(
    size: Decimal, close: Decimal, factor: Decimal, lot: Any, percent: int
) -> None:
    shown = context(size, close=close, factor=factor, lot=lot)
    verdict = PositionSize(percent).judge(shown)
    left = {"allow": size, "deny": D(0), "cut": verdict.size}[verdict.decision]
    assert left is not None
    assert left <= size
    lot_value = shown.instrument.size_step * close / factor
    assert left * close / factor <= 100 * percent + lot_value * D("1e-8")
    if verdict.decision == "cut":
        assert on_grid(left, shown.instrument.size_step)


# ---- counts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("open_symbols", "most", "decision"),
    [
        ("", 1, "allow"),
        ("X", 1, "allow"),  # an entry in what is held already is no symbol more
        ("Y", 1, "deny"),
        ("YZ", 3, "allow"),
        ("YZW", 3, "deny"),
        ("XYZ", 3, "allow"),
    ],
)
def test_a_symbol_too_many_is_denied(open_symbols: str, most: int, decision: str) -> None:
    verdict = MaxPositions(most).judge(context(known=facts(open_symbols=frozenset(open_symbols))))
    assert verdict.decision == decision
    if decision == "deny":
        assert verdict.reason == f"it would be position {most + 1}, at most {most}"


@pytest.mark.parametrize(("before", "decision"), [(0, "allow"), (4, "allow"), (5, "deny"), (6, "deny")])
def test_an_entry_too_many_a_day_is_denied(before: int, decision: str) -> None:
    verdict = MaxTradesADay(5).judge(context(known=facts(entries_today=before)))
    assert verdict.decision == decision
    assert verdict.figures == {"entries": str(before + 1), "limit": "5", "day": "2024-01-02"}


@pytest.mark.parametrize(("before", "decision"), [(0, "allow"), (59, "allow"), (60, "deny")])
def test_an_order_too_many_a_minute_is_denied(before: int, decision: str) -> None:
    verdict = OrderRate(60).judge(context(known=facts(orders_last_minute=before)))
    assert verdict.decision == decision
    assert verdict.figures == {"orders": str(before + 1), "limit": "60"}


# ---- loss and hours --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("equity", "decision"),
    [
        ("10500", "allow"),
        ("10000", "allow"),
        ("9800.01", "allow"),
        ("9800", "deny"),
        ("9799.99", "deny"),
        ("0", "deny"),
    ],
)
def test_after_a_days_loss_entries_are_denied(equity: str, decision: str) -> None:
    verdict = DailyLoss(2).judge(context(equity=equity, known=facts()))
    assert verdict.decision == decision
    assert verdict.figures["day_start_equity"] == "10000.00"


@pytest.mark.parametrize("start", [0, -5])
def test_a_day_that_began_without_equity_denies(start: int) -> None:
    verdict = DailyLoss().judge(context(known=facts(day_start_equity=D(start))))
    assert verdict.reason == f"the day began without equity: {start:.2f}"


@pytest.mark.parametrize(("is_open", "decision"), [(True, "allow"), (None, "allow"), (False, "deny")])
def test_entries_wait_for_the_market_unless_bars_are_a_day_or_longer(is_open: bool | None, decision: str) -> None:
    assert MarketHours().judge(context(known=facts(market_open=is_open))).decision == decision


# ---- balance in the trading profile ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "reserved", "factor", "decision", "left"),
    [
        ("20", 0, 1, "allow", None),  # 1,000 of cash at 50
        ("21", 0, 1, "cut", "20"),
        ("20", 500, 1, "cut", "10"),  # entries under way may still take 500
        ("10", 500, 1, "allow", None),
        ("6", 500, "0.5", "cut", "5"),  # at a raw price of 100
        ("1", 950, 1, "allow", None),
        ("1", 951, 1, "deny", None),
        ("1", 2000, 1, "deny", None),
    ],
)
def test_balance_cuts_to_the_cash_that_entries_under_way_leave(
    size: str, reserved: int, factor: Any, decision: str, left: str | None
) -> None:
    known = facts(reserved=D(reserved))
    verdict = Balance().judge(context(size, cash=1000, factor=factor, known=known))
    assert (verdict.decision, verdict.size) == (decision, None if left is None else D(left))


# ---- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "keyword", "value", "name"),
    [
        (PositionSize, "max_percent", 0, "position_size.max_percent"),
        (PositionSize, "max_percent", -1, "position_size.max_percent"),
        (PositionSize, "max_percent", 1000.1, "position_size.max_percent"),
        (PositionSize, "max_percent", "much", "position_size.max_percent"),
        (PositionSize, "max_percent", True, "position_size.max_percent"),
        (DailyLoss, "max_percent", 0, "daily_loss.max_percent"),
        (DailyLoss, "max_percent", 101, "daily_loss.max_percent"),
        (DailyLoss, "max_percent", float("nan"), "daily_loss.max_percent"),
        (MaxPositions, "most", 0, "max_positions.most"),
        (MaxPositions, "most", 1.5, "max_positions.most"),
        (MaxTradesADay, "most", True, "max_trades_a_day.most"),
        (MaxTradesADay, "most", "5", "max_trades_a_day.most"),
        (OrderRate, "most", -1, "order_rate.most"),
        (OrderRate, "most", None, "order_rate.most"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(rule: Any, keyword: str, value: Any, name: str) -> None:
    with pytest.raises(BadInput) as error:
        rule(**{keyword: value})
    assert error.value.parameter == f"setting limits.{name}"


def test_the_whole_profile_cuts_in_turn_and_the_tightest_counts() -> None:
    chain = RiskChain(
        [("sizing", Sizing()), ("position_size", PositionSize(10)), ("whole_lots", WholeLots()), ("balance", Balance())]
    )
    decision = chain.judge(context(None, cash=600, known=facts(reserved=D(100))))
    assert decision.size == 10  # 200 for all, 20 for a tenth, 10 for the 500 that are free
    assert [v.decision for v in decision.verdicts] == ["allow", "cut", "allow", "cut"]
