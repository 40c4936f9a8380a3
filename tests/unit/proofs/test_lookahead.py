"""The look-ahead proof catches leaks of every kind, and passes what is causal."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from workbench_strategies.crosses import EmaCross

from workbench import Bars, Signals, Strategy, cross_above, cross_below
from workbench.proofs import Locator, prove_no_lookahead
from workbench.strategy import load_strategy_file
from workbench.testing.conformance import random_bars


class NextBar(Strategy):
    def signals(self, bars: Bars) -> Signals:
        return Signals(entries=np.append(bars.close[1:], np.inf) > bars.close)


class WholeMean(Strategy):
    def signals(self, bars: Bars) -> Signals:
        return Signals(entries=bars.close > bars.close.mean() if len(bars) else [])


class Centred(Strategy):
    def signals(self, bars: Bars) -> Signals:
        middle = bars.frame["close"].rolling(5, center=True).mean()
        return Signals(entries=bars.close > middle.to_numpy())


class WeeklyClose(Strategy):
    """Compares with the close of the week the bar lies in, known only at its end."""

    def signals(self, bars: Bars) -> Signals:
        close = bars.frame["close"]
        weekly = (
            close.groupby(close.index.tz_localize(None).to_period("W").astype(str)).transform("last")
            if len(close)
            else close
        )
        return Signals(entries=(close < weekly).to_numpy())


class OneIn97(Strategy):
    """Looks one bar ahead at every 97th bar only."""

    def signals(self, bars: Bars) -> Signals:
        close = bars.close
        up = cross_above(close, bars.sma(5))
        for t in range(96, len(bars) - 1, 97):
            up[t] = close[t + 1] > close[t]
        return Signals(entries=up, exits=cross_below(close, bars.sma(5)))


class BackFilled(Strategy):
    def signals(self, bars: Bars) -> Signals:
        sparse = bars.frame["close"].where(np.arange(len(bars)) % 10 == 9)
        return Signals(entries=(bars.close < sparse.bfill().to_numpy()))


class Scaled(Strategy):
    """Scales by the highest price of the whole history."""

    def signals(self, bars: Bars) -> Signals:
        return Signals(entries=bars.close / bars.high.max() > 0.97 if len(bars) else [])


class LeakInTheSize(Strategy):
    def signals(self, bars: Bars) -> Signals:
        tomorrow = np.append(bars.close[1:], 100.0)
        return Signals(entries=cross_above(bars.close, bars.sma(5)), size=np.where(tomorrow > bars.close, 10.0, 1.0))


class Kept(Strategy):
    """Keeps the longest history it ever saw on itself."""

    def signals(self, bars: Bars) -> Signals:
        seen = self.__dict__.get("seen")
        if seen is None or len(seen) < len(bars):
            self.__dict__["seen"] = seen = bars.close
        ahead = np.array([seen[min(t + 1, len(seen) - 1)] for t in range(len(bars))])
        return Signals(entries=ahead > bars.close)


LEAKS = [NextBar, WholeMean, Centred, WeeklyClose, OneIn97, BackFilled, Scaled, LeakInTheSize, Kept]


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_is_caught_and_shown(leak: type[Strategy]) -> None:
    proof = prove_no_lookahead(leak(), random_bars(400, 1))
    assert not proof.passed
    assert proof.first_leak is not None
    assert proof.first_leak["time"].endswith("Z")
    assert proof.first_leak["with_future"] != proof.first_leak["without_future"]
    assert proof.first_leak["field"] in proof.reason
    assert proof.leaking_cuts > 0


class Causal(Strategy):
    """Everything a causal strategy may do: cached indicators, numpy, pandas."""

    def signals(self, bars: Bars) -> Signals:
        frame = bars.frame
        slow = frame["close"].ewm(span=30, adjust=False).mean().to_numpy()
        high = frame["high"].rolling(20).max().shift(1).to_numpy()
        return Signals(entries=(bars.close > high) & (bars.close > slow), exits=cross_below(bars.close, bars.sma(10)))


def test_a_causal_strategy_passes_and_says_what_was_cut() -> None:
    proof = prove_no_lookahead(Causal(), random_bars(300, 2))
    assert proof.passed, proof.reason
    assert proof.cuts == 300
    assert proof.rows_compared == 300 * 301 // 2
    assert proof.coverage.startswith("after every one of 300 bars, in this process")


def test_beyond_the_limit_cuts_are_at_signals_and_at_random_and_coverage_is_stated() -> None:
    bars = random_bars(1200, 3)
    proof = prove_no_lookahead(Causal(), bars, every_up_to=500)
    assert proof.passed
    assert proof.cuts < 1200
    assert "all" in proof.coverage
    assert "500 random bars" in proof.coverage
    assert "% of 1200 bars" in proof.coverage
    for leak in LEAKS:
        assert not prove_no_lookahead(leak(), bars, every_up_to=500).passed, leak


class NeedsTen(Strategy):
    def signals(self, bars: Bars) -> Signals:
        if len(bars) < 10:
            raise IndexError("too short")
        return Signals(entries=cross_above(bars.close, bars.sma(10)))


class NeedsTenAndSaysSo(NeedsTen):
    @property
    def warmup(self) -> int:
        return 10


def test_a_strategy_that_breaks_on_a_short_history_must_declare_a_warmup() -> None:
    failed = prove_no_lookahead(NeedsTen(), random_bars(100, 1))
    assert not failed.passed
    assert "IndexError: too short" in failed.reason
    assert "declare warmup" in failed.reason
    assert prove_no_lookahead(NeedsTenAndSaysSo(), random_bars(100, 1)).passed


def test_pandas_is_at_hand_inside_signals() -> None:
    frame = random_bars(3, 0).frame
    assert isinstance(frame, pd.DataFrame)
    assert str(frame.index.tz) == "UTC"


REMEMBERS = """
from workbench import Signals, Strategy

SEEN = {}


class ByBeginning(Strategy):
    \"\"\"Remembers its answer on the longest history that began at a time.\"\"\"

    def signals(self, bars):
        key = (bars.symbol, int(bars.times[0])) if len(bars) else None
        known = SEEN.get(key)
        if known is None or len(known) < len(bars):
            ahead = [bars.close[min(t + 1, len(bars) - 1)] > bars.close[t] for t in range(len(bars))]
            SEEN[key] = known = ahead
        return Signals(entries=known[: len(bars)])


class Quits(Strategy):
    def signals(self, bars):
        if len(bars) == 50:
            import os
            os._exit(0)
        return Signals(entries=bars.close > 100)


class Prints(Strategy):
    def signals(self, bars):
        print("hello", len(bars))
        return Signals(entries=bars.close > 100)
"""


def test_a_leak_through_memory_outside_the_strategy_is_caught_by_a_process_that_never_saw_later_bars(
    tmp_path: Path,
) -> None:
    file = tmp_path / "remembers.py"
    file.write_text(REMEMBERS)
    strategy = load_strategy_file(f"{file}:ByBeginning")()
    bars = random_bars(300, 1)
    here = prove_no_lookahead(strategy, bars)
    assert here.passed, "asked here it answers from memory: this is what the other process is for"
    assert "in this process" in here.coverage
    apart = prove_no_lookahead(strategy, bars, locator=Locator(f"{file}:ByBeginning", is_file=True))
    assert not apart.passed
    assert apart.leaking_cuts > 100
    assert "in a process that never saw a later one" in apart.coverage


def test_the_other_process_gives_the_same_answers_and_survives_what_a_strategy_prints(tmp_path: Path) -> None:
    file = tmp_path / "remembers.py"
    file.write_text(REMEMBERS)
    bars = random_bars(300, 2)
    proof = prove_no_lookahead(
        load_strategy_file(f"{file}:Prints")(), bars, locator=Locator(f"{file}:Prints", is_file=True)
    )
    assert proof.passed, proof.reason
    assert proof.cuts == 300
    library = Locator("workbench_strategies.crosses:EmaCross", is_file=False)
    assert prove_no_lookahead(EmaCross(fast=3, slow=9), bars, locator=library).passed


def test_a_strategy_that_ends_the_other_process_is_named(tmp_path: Path) -> None:
    file = tmp_path / "remembers.py"
    file.write_text(REMEMBERS.replace("len(bars) == 50", "len(bars) == 50 and SEEN.setdefault('n', 0) == 0"))
    quits = load_strategy_file(f"{file}:Quits")
    sys.modules[quits.__module__].SEEN["n"] = 1  # in this process it goes on
    proof = prove_no_lookahead(quits(), random_bars(100, 1), locator=Locator(f"{file}:Quits", is_file=True))
    assert not proof.passed
    assert "ended the process" in proof.reason
