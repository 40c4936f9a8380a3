"""The kernel and the order path with its bar-by-bar twin make the same fills, whatever happens.

`TWIN_SEEDS=6000` runs more than CI does.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.parity.made_up import make_case
from tests.support import paper, research_chain
from workbench.fills import kernel
from workbench.proofs import prove_parity
from workbench.research import backtest
from workbench.trading import Ledger

SEEDS = int(os.environ.get("TWIN_SEEDS", "200"))
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_random_runs_give_the_same_fills_equity_books_and_pending_orders(part: int) -> None:
    fills = 0
    for seed in range(part, SEEDS, PARTS):
        case = make_case(seed)
        result = backtest("twin", case.strategy, case.histories, case.terms)
        proof, path = prove_parity(result, lambda t=case.terms: paper(t), research_chain(), live_history=5000)
        assert proof.passed, f"seed {seed}: {proof.reason}"
        rebuilt = Ledger.rebuilt(path.accounts, path.fills)
        assert all(rebuilt.cash(a) == path.ledger.cash(a) for a in path.accounts), f"seed {seed}"
        fills += len(path.fills)
    assert fills > SEEDS / PARTS * 5, "the made-up runs hardly trade: they would show nothing"


def test_a_kernel_that_breaks_one_row_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    # A test of the test: the target filled where the stop was touched first (row 10 turned round).
    case = next(c for c in map(make_case, range(200)) if c.terms.stop is not None and c.terms.target is not None)
    honest = backtest("twin", case.strategy, case.histories, case.terms)
    assert (honest.outcome.causes == 2).any(), "the case must have a stop"
    real = kernel.simulate

    def broken(*arguments: object) -> object:
        found = list(real(*arguments))
        orders, causes = found[0].copy(), found[1]
        stops = np.flatnonzero(causes == 2)
        orders["price"][stops[0]] += 1e-8
        found[0] = orders
        return tuple(found)

    monkeypatch.setattr(kernel, "simulate", broken)
    result = backtest("twin", case.strategy, case.histories, case.terms)
    proof, _ = prove_parity(result, lambda: paper(case.terms), research_chain(), live_history=5000)
    assert not proof.passed, "a price that is one step of 1e-8 off must be seen"
    assert proof.first_difference is not None


def test_the_kernel_reads_nothing_outside_its_arrays() -> None:
    # numba leaves bounds unchecked; the same source run as plain Python checks them all.
    case = make_case(6)
    result = backtest("twin", case.strategy, case.histories, case.terms)
    plain = kernel.simulate.py_func
    calls: list[tuple[object, ...]] = []

    def spy(*arguments: object) -> object:
        calls.append(arguments)
        return plain(*arguments)

    original = kernel.simulate
    try:
        kernel.simulate = spy
        again = backtest("twin", case.strategy, case.histories, case.terms)
    finally:
        kernel.simulate = original
    assert calls
    assert np.array_equal(result.outcome.equity, again.outcome.equity)
