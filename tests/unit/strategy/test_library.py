"""Every strategy of the library passes the conformance suite and refuses parameters that do not go together."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from workbench_strategies import workbench_strategies

from workbench.errors import BadInput
from workbench.strategy import Bars, Strategy
from workbench.testing import check_strategy
from workbench.testing.conformance import random_bars

RECORDS = list(workbench_strategies())
NAMES = [record.name for record in RECORDS]


def of(name: str) -> type[Strategy]:
    record = next(record for record in RECORDS if record.name == name)
    module, _, attribute = record.factory.partition(":")
    found: type[Strategy] = getattr(importlib.import_module(module), attribute)
    return found


def bars(*closes: float) -> Bars:
    return Bars(np.arange(len(closes)), closes, closes, closes, closes)


def variants(name: str) -> list[Strategy]:
    """The strategy with its defaults, and with every switch turned."""
    made = of(name)()
    return [made, *(made.replace(**{n: not p.default}) for n, p in made.declared().items() if p.type is bool)]


def test_the_library_names_each_strategy_once_with_a_summary() -> None:
    assert len(set(NAMES)) == len(NAMES) == 7
    assert all(record.summary for record in RECORDS)


@pytest.mark.parametrize("name", NAMES)
def test_a_strategy_passes_the_conformance_suite(name: str) -> None:
    check_strategy(of(name), bars=300)


@pytest.mark.parametrize("name", NAMES)
def test_with_shorts_it_passes_too_and_mirrors_what_it_did(name: str) -> None:
    for made in variants(name)[1:]:
        kind = type("Turned", (type(made),), {})
        turned = {n: type(p)(made.params[n], low=p.low, high=p.high, doc=p.doc) for n, p in made.declared().items()}
        for n, param in turned.items():
            setattr(kind, n, param)
            param.__set_name__(kind, n)
        check_strategy(kind, bars=300)
        assert made.answer(random_bars(400, 3)).short_entries.any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", range(12))
def test_a_short_history_is_answered_for_every_length_of_window(name: str, count: int) -> None:
    prices = random_bars(count, 5)
    for made in variants(name):
        for n, param in made.declared().items():
            values = [] if param.type is bool else [param.low, param.high]
            for value in values:
                try:
                    changed = made.replace(**{n: value})
                except BadInput:
                    continue
                assert len(changed.answer(prices)) == count


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_has_a_doc_and_bounds_that_hold(name: str) -> None:
    for n, param in of(name).declared().items():
        assert param.doc
        if param.type is bool:
            continue
        assert param.low <= param.default <= param.high
        for beyond in (param.low - 1, param.high + 1):
            with pytest.raises(BadInput, match=rf"parameter {n} .*out of range"):
                of(name)(**{n: beyond})


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("sma_cross", {"fast": 50, "slow": 50}, "fast must be below slow, not 50 against 50"),
        ("sma_cross", {"fast": 60, "slow": 20}, "fast must be below slow, not 60 against 20"),
        ("ema_cross", {"fast": 48}, "fast must be below slow, not 48 against 48"),
        ("macd_trend", {"slow": 12}, "fast must be below slow, not 12 against 12"),
        ("rsi_reversion", {"oversold": 50.0, "overbought": 50.0}, "oversold must be below overbought"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(name: str, params: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        of(name)(**params)
    assert str(caught.value).startswith(f"parameters of {of(name).__name__} ")


@pytest.mark.parametrize("name", NAMES)
def test_the_declared_warmup_is_above_nothing_and_grows_with_the_windows(name: str) -> None:
    made = of(name)()
    assert made.warmup is not None
    assert made.warmup >= 1
    for n, param in made.declared().items():
        if param.type is int:
            assert made.replace(**{n: param.default + 1}).warmup >= made.warmup


def test_a_cross_by_hand_enters_and_leaves_on_the_bar_it_happens() -> None:
    answer = of("sma_cross")(fast=2, slow=3).answer(bars(5, 4, 3, 4, 6, 7, 5, 3))
    # averages of 2: -, 4.5, 3.5, 3.5, 5, 6.5, 6, 4; of 3: -, -, 4, 3.67, 4.33, 5.67, 6, 5
    assert np.flatnonzero(answer.entries).tolist() == [4]
    assert np.flatnonzero(answer.exits).tolist() == [7]


def test_a_breakout_by_hand_compares_with_the_bars_before_and_not_with_its_own() -> None:
    answer = of("donchian_breakout")(entry=2, exit=2).answer(bars(1, 2, 2, 3, 2, 1, 0))
    assert np.flatnonzero(answer.entries).tolist() == [3]
    assert np.flatnonzero(answer.exits).tolist() == [5, 6]


def test_buying_and_holding_wishes_to_be_long_at_every_bar() -> None:
    made = of("buy_and_hold")
    assert made().answer(bars(1, 2, 3)).entries.all()
    assert made(short=True).answer(bars(1, 2, 3)).short_entries.all()
    assert not made(short=True).answer(bars(1, 2, 3)).entries.any()


def test_reversion_buys_below_the_band_and_sells_at_the_middle() -> None:
    answer = of("bollinger_reversion")(n=4, width=1.0).answer(bars(10, 11, 10, 11, 10, 5, 6, 9, 10))
    assert np.flatnonzero(answer.entries).tolist() == [5]
    assert answer.exits[8]
    assert not answer.exits[5]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "buy_and_hold"])
def test_a_price_at_rest_is_no_reason_to_enter(name: str) -> None:
    x = np.r_[random_bars(150, 11).close, np.full(60, 100.1)]
    answer = of(name)().answer(bars(*x))
    assert not answer.entries[205:].any()
