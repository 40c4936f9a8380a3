"""The warm-up proof measures how much past an answer needs, and fails what never settles."""

from __future__ import annotations

import numpy as np
import pytest

from workbench import Bars, Param, Signals, Strategy, cross_above, cross_below
from workbench.proofs import prove_warmup
from workbench.testing.conformance import random_bars


class Sma(Strategy):
    n = Param(20, low=2, high=500)
    says = Param(0, low=0, high=5000)

    def signals(self, bars: Bars) -> Signals:
        return Signals(
            entries=cross_above(bars.close, bars.sma(self.n)), exits=cross_below(bars.close, bars.sma(self.n))
        )

    @property
    def warmup(self) -> int | None:
        return self.says or None


class Ema(Strategy):
    n = Param(20, low=2, high=500)

    def signals(self, bars: Bars) -> Signals:
        return Signals(entries=cross_above(bars.close, bars.ema(self.n)))


class SinceTheBeginning(Strategy):
    def signals(self, bars: Bars) -> Signals:
        mean = np.cumsum(bars.close) / np.arange(1, len(bars) + 1)
        return Signals(entries=cross_above(bars.close, mean), exits=cross_below(bars.close, mean))


class EveryTenthBarOfTheHistory(Strategy):
    def signals(self, bars: Bars) -> Signals:
        return Signals(entries=np.arange(len(bars)) % 10 == 0)


@pytest.mark.parametrize("n", [5, 20, 50])
def test_a_cross_of_a_simple_average_needs_one_bar_more_than_its_length(n: int) -> None:
    proof = prove_warmup(Sma(n=n), random_bars(1000, 1))
    assert proof.passed
    assert proof.bars_needed == n + 1
    assert proof.last_difference is not None
    assert proof.last_difference["bars_of_past"] == n


def test_an_exponential_average_needs_several_times_its_length() -> None:
    proof = prove_warmup(Ema(n=20), random_bars(2000, 1))
    assert proof.passed
    assert 40 < proof.bars_needed < 400


def test_too_small_a_declaration_fails_and_names_both_figures() -> None:
    proof = prove_warmup(Sma(n=50, says=20), random_bars(1000, 1))
    assert not proof.passed
    assert proof.reason == "declares a warm-up of 20 bars and needs 51"
    assert prove_warmup(Sma(n=50, says=51), random_bars(1000, 1)).passed


@pytest.mark.parametrize("strategy", [SinceTheBeginning(), EveryTenthBarOfTheHistory()])
def test_an_answer_that_never_settles_fails(strategy: Strategy) -> None:
    proof = prove_warmup(strategy, random_bars(1000, 1))
    assert not proof.passed
    assert proof.bars_needed is None
    assert "never settles" in proof.reason


def test_too_short_a_history_is_said_to_be_that() -> None:
    assert not prove_warmup(Sma(n=2), random_bars(3, 1)).passed
    proof = prove_warmup(Sma(n=80), random_bars(100, 1))
    assert not proof.passed
    assert "100 bars" in proof.reason


class Never(Strategy):
    def signals(self, bars: Bars) -> Signals:
        return Signals(entries=np.zeros(len(bars), bool))


def test_a_history_without_a_signal_proves_nothing() -> None:
    proof = prove_warmup(Never(), random_bars(500, 1))
    assert not proof.passed
    assert "no signal to measure by" in proof.reason


class HighestEver(Strategy):
    def signals(self, bars: Bars) -> Signals:
        top = np.maximum.accumulate(bars.close) if len(bars) else bars.close
        return Signals(entries=bars.close >= top)


@pytest.mark.parametrize("seed", range(4))  # a history that sets no new high late cannot show it
def test_a_memory_that_lasts_for_ever_fails_though_dropping_bars_may_not_show_it(seed: int) -> None:
    proof = prove_warmup(HighestEver(), random_bars(1500, seed))
    assert not proof.passed
    assert "never settles" in proof.reason or "no signal to measure by" in proof.reason
