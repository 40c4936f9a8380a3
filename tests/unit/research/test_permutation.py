"""Permutations: what they keep, what they break, and that they find something only where there is something."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import make_history, make_terms
from workbench import Bars, Param, Signals, Strategy
from workbench.data import PriceHistory
from workbench.errors import BadInput
from workbench.research import permutation_test, permuted_bars, permuted_trades


def walk(seed: int, bars: int = 400, symbol: str = "X", pull: float = 0.0) -> PriceHistory:
    """A random walk; with `pull` a move is followed by another in its direction."""
    draw = np.random.default_rng(seed)
    moves = np.zeros(bars)
    for t in range(1, bars):
        moves[t] = pull * moves[t - 1] + draw.normal(0, 0.01)
    close = 100 * np.exp(np.cumsum(moves))
    open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(draw.normal(0, 0.001, bars))
    high, low = np.maximum(open_, close) * 1.003, np.minimum(open_, close) * 0.997
    return make_history(np.column_stack([open_, high, low, close]).round(4).tolist(), symbol=symbol, tick="0.0001")


class Follow(Strategy):
    """In after a bar that rose, out after one that fell."""

    n = Param(1, low=1, high=5)

    def signals(self, bars: Bars) -> Signals:
        rose = np.zeros(len(bars), bool)
        rose[self.n :] = bars.close[self.n :] > bars.close[: -self.n]
        return Signals(entries=rose, exits=~rose)


def test_a_path_keeps_its_beginning_its_moves_and_its_end() -> None:
    history = walk(1)
    [drawn] = permuted_bars([history], 7)
    assert drawn.open[0] == history.open[0]
    assert drawn.close[-1] == pytest.approx(history.close[-1], rel=1e-4)  # the ticks it is rounded to
    inside = [np.sort(np.log(h.close / h.open)) for h in (history, drawn)]
    gaps = [np.sort(np.log(h.open[1:] / h.close[:-1])) for h in (history, drawn)]
    assert np.allclose(*inside, atol=5e-6)
    assert np.allclose(*gaps, atol=5e-6)
    assert (drawn.high >= np.maximum(drawn.open, drawn.close)).all()
    assert (drawn.low <= np.minimum(drawn.open, drawn.close)).all()
    assert not np.allclose(drawn.close, history.close)
    assert np.allclose(np.round(drawn.close * 1e4), drawn.close * 1e4), "prices keep to the tick"


def test_histories_of_one_time_are_shuffled_alike_and_a_seed_is_a_path() -> None:
    pair = [walk(1, symbol="A"), walk(2, symbol="B")]
    one, two = permuted_bars(pair, 3)
    again, _ = permuted_bars(pair, 3)
    assert np.array_equal(one.close, again.close)
    before, after = (
        np.corrcoef(np.log(a.close / a.open), np.log(b.close / b.open))[0, 1] for a, b in (pair, (one, two))
    )
    assert before == pytest.approx(after, abs=1e-3)


def test_untraded_bars_stay_where_they_are() -> None:
    history = walk(1, 50)
    traded = np.ones(50, bool)
    traded[[0, 10, 49]] = False
    history = make_history(
        np.column_stack([history.open, history.high, history.low, history.close]).tolist(), traded=traded.tolist()
    )
    [drawn] = permuted_bars([history], 1)
    assert np.array_equal(drawn.traded, traded)
    assert drawn.close[10] == history.close[10]


def test_an_edge_is_seen_and_noise_is_not() -> None:
    terms = make_terms(cash="100000")
    real = permutation_test([Follow()], [walk(3, pull=0.4)], terms, permutations=60)
    assert real.p == 1 / 61, "no random order is as good as one in which moves follow each other"
    ps = [permutation_test([Follow()], [walk(s)], terms, permutations=40, seed=s).p for s in range(8)]
    assert min(ps) > 0.02
    assert 0.2 < np.mean(ps) < 0.8, "on noise p is anywhere"


def test_the_whole_search_is_made_again_on_each_path() -> None:
    terms, history = make_terms(cash="100000"), walk(5)
    sets = [Follow(n=n) for n in range(1, 6)]
    found = permutation_test(sets, [history], terms, permutations=40)
    alone = [permutation_test([s], [history], terms, permutations=40) for s in sets]
    assert found.original == max(a.original for a in alone)
    assert np.array_equal(found.drawn, np.max([a.drawn for a in alone], axis=0))
    worst = min(range(5), key=lambda i: alone[i].original)
    held = permutation_test(sets, [history], terms, permutations=40, subject=sets[worst])
    assert held.original == alone[worst].original
    assert held.p >= found.p


def test_cancelled_the_paths_that_were_done_count() -> None:
    done: list[int] = []
    found = permutation_test(
        [Follow()], [walk(1, 60)], make_terms(), permutations=50,
        progress=lambda what, n, of: done.append(n), cancelled=lambda: len(done) >= 5,
    )  # fmt: skip
    assert len(found.drawn) == 5
    with pytest.raises(BadInput, match="before it was cancelled"):
        permutation_test([Follow()], [walk(1, 60)], make_terms(), permutations=5, cancelled=lambda: True)


@pytest.mark.parametrize(("keywords", "words"), [({"permutations": 0}, "from 1"), ({"metric": "luck"}, "not measured")])
def test_what_cannot_be_tested_is_refused(keywords: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        permutation_test([Follow()], [walk(1, 60)], make_terms(), **keywords)  # type: ignore[arg-type]


def test_trades_that_win_more_than_a_coin_are_told_from_those_that_do_not() -> None:
    draw = np.random.default_rng(0)
    edge = permuted_trades(draw.normal(0.02, 0.02, 60))
    assert edge.p < 0.01
    assert permuted_trades(draw.normal(0.0, 0.02, 60) - 0.001).p > 0.05
    # four trades, every order of signs by hand: |sum| as high in 1 of 8 of those that count
    exact = permuted_trades([0.01, 0.01, 0.01], permutations=4000)
    assert exact.p == pytest.approx(1 / 8, abs=0.02)


def test_the_drawdown_of_an_order_is_that_of_its_compounded_trades() -> None:
    found = permuted_trades([0.1, -0.5, 0.2], permutations=500)
    assert found.drawdown == pytest.approx(-0.5)
    assert found.drawdowns.max() == pytest.approx(-0.5)
    assert found.drawdowns.min() == pytest.approx(-0.5)
    two = permuted_trades([-0.1, 0.5, -0.1], permutations=500)
    assert set(two.drawdowns.round(6)) == {-0.1, -0.19}


@pytest.mark.parametrize("returns", [[], [0.1], [0.1, np.nan], [[0.1, 0.2]]])
def test_too_few_trades_or_gaps_are_refused(returns: list[float]) -> None:
    with pytest.raises(BadInput, match="trades"):
        permuted_trades(returns)
