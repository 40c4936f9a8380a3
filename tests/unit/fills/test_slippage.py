"""Slippage that moves: worked by hand, known before the fill, and refused where it cannot be known."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import numpy as np
import pytest

from tests.support import make_history, make_terms, scripted
from workbench.errors import BadInput
from workbench.fills import Costs, Slippage
from workbench.research import Backtest, backtest

BARS = [(100, 104, 98, 100), (100, 102, 100, 101), (100, 100, 100, 100), (100, 110, 90, 100)]


def bought(slippage: str, *, size: str = "shares:10", fill_at: str | None = None) -> Backtest:
    history = replace(make_history(BARS, tick="0.0001"), volume=np.array([1000.0, 500.0, 100.0, 100.0]))
    terms = make_terms(cash="100000", size=size)
    terms = replace(terms, costs=Costs(moving=Slippage.parse(slippage)), fill_at=fill_at)
    return backtest("x", scripted([history], {"entries": {0}, "exits": {2}}), [history], terms)


@pytest.mark.parametrize(
    ("slippage", "paid", "got"),
    [
        ("spread:8", 100.04, 99.96),  # half of 0.08 %
        ("volatility:10", 100.6, 100.0),  # 10 % of bar 0's range of 6 % is 0.6 %; bar 2 has no range
        ("volume:5", 100.05, 99.5),  # 10 of 1,000 is 1 %, of 5 %; sold: 10 of 100, 0.5 %
        ("fixed:2+spread:8+volume:5", 100.11, 99.44),
    ],
)
def test_a_fill_pays_what_the_last_closed_bar_says(slippage: str, paid: float, got: float) -> None:
    [trade] = bought(slippage).trade_list
    assert (trade.entry_price, trade.exit_price) == pytest.approx((paid, got), abs=1e-9)


def test_a_fill_at_the_close_knows_that_bar_itself() -> None:
    [trade] = bought("volatility:10", fill_at="close").trade_list
    assert (trade.entry_price, trade.entry_idx) == (pytest.approx(100.6), 0)
    assert (trade.exit_price, trade.exit_idx) == (pytest.approx(100.0), 2)


def test_slippage_never_takes_more_than_half_of_a_price() -> None:
    [trade] = bought("volume:1000", size="shares:900").trade_list
    assert trade.entry_price == pytest.approx(150.0)


def test_later_bars_do_not_change_what_was_paid() -> None:
    honest = bought("volatility:10+volume:5").trade_list[0]
    history = make_history([*BARS[:2], (100, 999, 1, 100), (100, 999, 1, 100)], tick="0.0001")
    history = replace(history, volume=np.array([1000.0, 500.0, 7.0, 7.0]))
    terms = replace(
        make_terms(cash="100000", size="shares:10"), costs=Costs(moving=Slippage.parse("volatility:10+volume:5"))
    )
    other = backtest("x", scripted([history], {"entries": {0}}), [history], terms).trade_list[0]
    assert other.entry_price == honest.entry_price


def test_a_bar_without_volume_cannot_have_volume_slippage() -> None:
    history = replace(make_history(BARS), volume=np.array([1.0, np.nan, 1.0, 1.0]))
    terms = replace(make_terms(), costs=Costs(moving=Slippage.parse("volume:1")))
    with pytest.raises(BadInput, match="without a volume"):
        backtest("x", scripted([history], {"entries": {0}}), [history], terms)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("half:5", "half is no slippage model"),
        ("spread:5+spread:6", "twice"),
        ("spread:-1", "slippage"),
        ("spread:x", "slippage"),
        ("volatility:1001", "must not be above 1000 percent"),
        ("spread:0.00001", "at most 4 decimals"),
        ("", "slippage"),
    ],
)
def test_slippage_that_cannot_be_read_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Slippage.parse(text)


def test_slippage_is_written_as_it_is_read() -> None:
    for text in ("5", "0", "spread:4+volatility:10+volume:2", "fixed:2+spread:8"):
        assert Slippage.parse(str(Slippage.parse(text))) == Slippage.parse(text)
    with pytest.raises(BadInput, match="paid twice"):
        Costs(slippage_bps=D(1), moving=Slippage.parse("spread:4"))
