"""Walk-forward: windows, search and stitching, checked by hand."""

from __future__ import annotations

import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from tests.support import DAY, flat, make_history, make_terms, scripted
from workbench import BadInput, Bars, Signals, Strategy, open_workbench
from workbench.research import Metrics, Span, combinations, parse_axis, walk_forward
from workbench.research.windows import split

BENCH = open_workbench(tempfile.mkdtemp())  # trials are counted there


class BuyFirst(Strategy):
    """Compares with its first bar, and breaks where there is none."""

    def signals(self, bars: Bars) -> Signals:
        return Signals(entries=bars.close > bars.close[0])


def days(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int64) * DAY


def test_rolling_windows_follow_each_other_without_gap_or_overlap() -> None:
    found = split(days(10), Span(4), Span(2), anchored=False)
    assert [(w.train_first, w.train_stop, w.test_first, w.test_stop) for w in found] == [
        (0, 4, 4, 6),
        (2, 6, 6, 8),
        (4, 8, 8, 10),
    ]


def test_anchored_windows_keep_their_first_bar() -> None:
    found = split(days(11), Span(4), Span(2), anchored=True)
    assert [(w.train_first, w.train_stop, w.test_stop) for w in found] == [(0, 4, 6), (0, 6, 8), (0, 8, 10)]


def test_calendar_windows_keep_to_months() -> None:
    found = split(days(365 * 3), Span(1, "years"), Span(6, "months"), anchored=False)
    starts = [np.datetime64(int(days(365 * 3)[w.test_first]), "ns").astype("datetime64[D]") for w in found]
    assert [str(s) for s in starts] == ["1971-01-01", "1971-07-01", "1972-01-01"]
    joined = [w.test_stop for w in found[:-1]]
    assert joined == [w.test_first for w in found[1:]]


@pytest.mark.parametrize("first", range(25, 40))
@pytest.mark.parametrize(("train", "test"), [("2m", "1m"), ("1y", "5m"), ("6w", "10d")])
def test_calendar_windows_join_whatever_day_of_the_month_they_begin_on(first: int, train: str, test: str) -> None:
    times = days(900)[first:]
    found = split(times, Span.parse("train", train), Span.parse("test", test), anchored=False)
    assert len(found) > 2
    assert [w.test_stop for w in found[:-1]] == [w.test_first for w in found[1:]]
    assert all(w.train_stop == w.test_first for w in found)


@pytest.mark.parametrize("text", ["0", "-5", "x", "", "2q", "1.5", "99999999999y", "20001y"])
def test_a_span_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadInput, match="train"):
        Span.parse("train", text)


def test_a_symbol_that_starts_later_is_not_asked_before_its_first_bar() -> None:
    early, late = (
        make_history(flat(*range(100, 160)), symbol="A"),
        make_history(flat(*[5.0] * 20), symbol="B", days=range(40, 60)),
    )
    touchy = type("Touchy", (BuyFirst,), {})()
    found = walk_forward("touchy", touchy, [early, late], make_terms(), train=Span(20), test=Span(10))
    assert len(found.windows) == 4


def test_spans_too_long_or_of_two_kinds_are_refused() -> None:
    with pytest.raises(BadInput, match="does not fit"):
        split(days(10), Span(9999, "years"), Span(1, "years"), anchored=False)
    with pytest.raises(BadInput, match="does not fit into 10 bars"):
        split(days(10), Span(9), Span(2), anchored=False)
    with pytest.raises(BadInput, match="both in bars or both in calendar time"):
        split(days(10), Span(4), Span(1, "years"), anchored=False)


def test_an_axis_includes_both_ends_and_names_what_is_wrong() -> None:
    strategy = type(BENCH.strategy("rsi_reversion").strategy)
    assert parse_axis(strategy, "n=10:14:2") == ("n", [10, 12, 14])
    assert parse_axis(strategy, "oversold=20:21:0.5") == ("oversold", [20.0, 20.5, 21.0])
    assert parse_axis(strategy, "shorts=true,false") == ("shorts", [True, False])
    for text in ("n", "n=", "m=1:2:1", "n=5:1:1", "n=1:5:0", "n=1:2:3:4", "n=1:900:1", "n=a:b:c", "shorts=1:2:1"):
        with pytest.raises(BadInput):
            parse_axis(strategy, text)


def test_combinations_leave_out_what_the_cross_check_refuses() -> None:
    strategy = type(BENCH.strategy("ema_cross").strategy)
    found = combinations(strategy, {}, {"fast": [10, 20, 30], "slow": [20, 30]})
    assert [(s.params["fast"], s.params["slow"]) for s in found] == [(10, 20), (10, 30), (20, 30)]
    with pytest.raises(BadInput, match="none is allowed"):
        combinations(strategy, {}, {"fast": [60], "slow": [50]})


def test_row_23_a_position_is_closed_at_the_next_windows_first_open_with_costs() -> None:
    # always long: buys at the second bar of each test window, sells at the first of the next
    prices = [100, 100, 100, 100, 110, 120, 120, 130, 140, 140]
    history = make_history(flat(*prices))
    strategy = scripted([history], {"entries": np.ones(10, bool)})
    found = walk_forward(
        "hold", strategy, [history], make_terms(size="shares:10", fees="10"), train=Span(2), test=Span(4)
    )
    assert [(w.window.test_first, w.window.test_stop) for w in found.windows] == [(2, 6), (6, 10)]
    legs = [(int(r["idx"]) + 2, int(r["side"]), float(r["price"])) for r in found.outcome.orders]
    assert legs == [(3, 0, 100), (6, 1, 120), (7, 0, 130)]
    fees = [1.0, 1.2, 1.3]
    assert found.outcome.orders["fees"].tolist() == pytest.approx(fees)
    assert found.outcome.equity[-1] == pytest.approx(10_000 + 10 * 20 + 10 * 10 - sum(fees))
    assert [t.status for t in found.trade_list] == ["closed", "open"]


def test_the_stitched_equity_is_one_account_and_windows_compound_to_it() -> None:
    found = BENCH.walk_forward(
        "ema_cross", "sample:AAPL", train=500, test=250, grid=["fast=5:20:5", "slow=30:60:10"], record=False
    )
    growth = np.prod([1 + w.out_of_sample["total_return"] for w in found.windows])
    assert found.metrics["total_return"] == pytest.approx(growth - 1)
    assert len(found.outcome.equity) == sum(w.window.test_stop - w.window.test_first for w in found.windows)
    assert found.tried == len(found.windows) * 16
    chosen = {tuple(w.strategy.params.values()) for w in found.windows}
    assert len(chosen) > 1, "the search always chose the same"


def test_the_winner_has_the_best_figure_of_the_grid_on_its_train() -> None:
    options = {"train": 500, "test": 250, "record": False}
    found = BENCH.walk_forward("sma_cross", "sample:IBM", grid=["fast=5:20:5"], metric="total_return", **options)
    for window in found.windows:
        span = found.tape.times[[window.window.train_first, window.window.train_stop - 1]]
        # the same train by hand: the whole past before it is known to the strategy but not traded
        for fast in (5, 10, 15, 20):
            alone = BENCH.walk_forward("sma_cross", "sample:IBM", {"fast": fast}, metric="total_return", **options)
            same = next(w for w in alone.windows if alone.tape.times[w.window.train_first] == span[0])
            assert same.in_sample["total_return"] <= window.in_sample["total_return"] + 1e-12


def test_a_leak_does_not_reach_over_a_windows_end() -> None:
    # looks at the last close of whatever it is given: knows the future inside its window only
    found = BENCH.walk_forward(
        "workbench/cli/demo_peeking.py:PeeksAhead", "sample:IBM", train=500, test=250, record=False
    )
    whole = BENCH.backtest("workbench/cli/demo_peeking.py:PeeksAhead", "sample:IBM", record=False)
    last = found.windows[0].window.test_stop - 1
    entered = {t.entry_idx for t in whole.trade_list}
    assert entered, "the leak trades"
    assert all(t.entry_idx != last + 1 for t in found.trade_list), "no signal of the last bar is used"


@pytest.mark.parametrize("executor", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_gives_the_same_numbers(executor: type) -> None:
    job = {"train": 800, "test": 400, "grid": ["fast=5:20:5"], "record": False}
    alone = BENCH.walk_forward("ema_cross", "sample:MSFT", **job)
    with executor(2) as pool:
        together = BENCH.walk_forward("ema_cross", "sample:MSFT", executor=pool, **job)
    assert alone.to_dict() == together.to_dict()


def test_efficiency_is_the_ratio_of_annual_returns_or_says_why_not() -> None:
    found = BENCH.walk_forward("ema_cross", "sample:AAPL", train="3y", test="1y", record=False)
    mean = np.mean([w.in_sample["annual_return"] for w in found.windows])
    assert found.efficiency[0] == pytest.approx(found.metrics["annual_return"] / mean)
    losing = BENCH.walk_forward("buy_and_hold", "sample:AAPL", {"short": True}, train="3y", test="1y", record=False)
    assert losing.efficiency[0] is None
    assert "lost money" in losing.efficiency[1]


GRID = ["fast=5:20:5", "slow=30:60:10"]


def test_purged_the_search_does_not_see_the_bars_before_a_test() -> None:
    job = {"train": 500, "test": 250, "grid": GRID, "record": False}
    plain = BENCH.walk_forward("ema_cross", "sample:IBM", **job)
    purged = BENCH.walk_forward("ema_cross", "sample:IBM", purge=40, **job)
    for a, b in zip(plain.windows, purged.windows, strict=True):
        assert (b.window.train_first, b.window.train_stop) == (a.window.train_first, a.window.train_stop - 40)
        assert (b.window.test_first, b.window.test_stop) == (a.window.test_first, a.window.test_stop)
        assert b.in_sample["bars"] == 460
    with pytest.raises(BadInput, match="does not fit"):
        BENCH.walk_forward("ema_cross", "sample:IBM", purge=499, **job)


def test_sets_that_keep_what_is_required_go_first_and_a_window_without_any_says_so() -> None:
    job = {"train": 500, "test": 250, "grid": GRID, "record": False}
    found = BENCH.walk_forward("ema_cross", "sample:IBM", require={"trades": 9}, **job)
    kept = [w.kept for w in found.windows]
    assert set(kept) == {True, False}
    for window in found.windows:
        assert window.kept is (window.in_sample["trades"] >= 9)
    with pytest.raises(BadInput, match="luck"):
        BENCH.walk_forward("ema_cross", "sample:IBM", require={"luck": 1}, **job)


def test_an_objective_of_ones_own_chooses_and_sees_the_figures_of_a_train() -> None:
    def few_trades(figures: Metrics) -> float | None:
        trades = figures["trades"]
        return None if not trades else -float(trades)

    found = BENCH.walk_forward(
        "sma_cross", "sample:IBM", train=500, test=250, grid=GRID, metric=few_trades, record=False
    )
    by_name = BENCH.walk_forward("sma_cross", "sample:IBM", train=500, test=250, grid=GRID, record=False)
    assert found.metric == "few_trades"
    pairs = zip(found.windows, by_name.windows, strict=True)
    assert all(a.in_sample["trades"] <= b.in_sample["trades"] for a, b in pairs)
    assert "sharpe in" in found.table.columns


def test_degradation_is_by_how_much_the_figure_falls() -> None:
    found = BENCH.walk_forward("ema_cross", "sample:AAPL", train=500, test=250, grid=GRID, record=False)
    told = found.to_dict()
    falls = [w["in_sample"]["sharpe"] - w["out_of_sample"]["sharpe"] for w in told["windows"]]
    assert [w["degradation"] for w in told["windows"]] == falls
    assert told["degradation"] == pytest.approx(np.mean(falls))


def test_cancelled_the_windows_that_were_done_are_the_walk() -> None:
    done: list[int] = []
    found = BENCH.walk_forward(
        "ema_cross", "sample:AAPL", train=500, test=250, grid=GRID, record=False,
        progress=lambda what, n, of: done.append(n), cancelled=lambda: len(done) >= 3,
    )  # fmt: skip
    assert len(found.windows) == 3
    assert len(found.outcome.equity) == 750


def test_several_symbols_are_walked_as_a_backtest_trades_them() -> None:
    job = {"train": 400, "test": 200, "grid": ["fast=5:15:10"], "record": False, "shared_cash": "true"}
    found = BENCH.walk_forward("sma_cross", "sample:AAPL,IBM", size="percent:40", **job)
    assert {t.symbol for t in found.trade_list} == {"AAPL", "IBM"}
    growth = np.prod([1 + w.out_of_sample["total_return"] for w in found.windows])
    assert found.metrics["total_return"] == pytest.approx(growth - 1)
