"""From gross to net: worked by hand, and adding up on random runs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from workbench_plugins.cost_models import india_intraday

from tests.parity.made_up import make_case
from tests.support import make_history, make_terms, run
from workbench.fills import Costs
from workbench.research import backtest

BARS = [(100, 100, 100, 100), (100, 101, 99, 100), (110, 110, 110, 110), (110, 110, 110, 110)]


def test_gross_slippage_and_fees_are_as_worked_by_hand() -> None:
    terms = make_terms(cash="100000", size="shares:100", fees="10", slippage="100")
    found = run(make_history(BARS), {"entries": {0}, "exits": {1}}, terms).costs
    # bought 100 at 101, sold at 108.9: slippage 100 + 110, fees 10.10 + 10.89, made 790 before them
    assert found.slippage == pytest.approx(210)
    assert found.charges == {"fees": pytest.approx(20.99)}
    assert found.gross == pytest.approx(1000)
    assert found.net == pytest.approx(1000 - 210 - 20.99)
    assert (found.turnover, found.orders) == (pytest.approx(20_990), 2)
    assert [name for name, _ in found.rows()] == ["gross", "slippage", "fees", "net"]


def test_each_charge_of_a_model_has_its_line() -> None:
    terms = replace(make_terms(cash="100000", size="shares:100"), costs=Costs(model=india_intraday()))
    found = run(make_history(BARS), {"entries": {0}, "exits": {1}}, terms).costs
    assert list(found.charges) == ["brokerage", "STT", "exchange", "SEBI fee", "GST", "stamp duty"]
    assert found.charges["brokerage"] == pytest.approx(3 + 3.3)
    assert found.charges["STT"] == 3  # 0.025 % of 11,000 is 2.75, to the rupee
    assert found.charges["stamp duty"] == pytest.approx(0.3)
    assert found.gross == pytest.approx(1000)


def test_on_random_runs_the_lines_add_up_and_the_fees_are_those_of_the_orders() -> None:
    for seed in range(60):
        case = make_case(seed)
        result = backtest("x", case.strategy, case.histories, case.terms)
        found = result.costs
        assert sum(amount for _, amount in found.rows()[:-1]) == pytest.approx(found.net, abs=1e-6)
        assert found.fees == pytest.approx(float(result.outcome.orders["fees"].sum()), abs=1e-6)
        assert found.slippage >= -1e-6, "fills are never better than their prices"


def test_a_run_without_trades_costs_nothing() -> None:
    found = run(make_history(BARS), {}, make_terms()).costs
    assert (found.gross, found.slippage, found.net, found.orders) == (0, 0, 0, 0)
