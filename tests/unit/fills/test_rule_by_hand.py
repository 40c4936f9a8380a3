"""Every row of the table for fills, worked by hand, on the kernel and on the order path alike."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import flat, make_history, make_terms, paper, research_chain, run, scripted
from workbench.data import PriceHistory
from workbench.fills import Terms
from workbench.proofs import prove_parity
from workbench.research import Backtest, backtest

Legs = list[tuple[int, str, float, float, str]]


def legs(result: Backtest) -> Legs:
    """Fills as (bar, side, size, price, cause); the order path has made the same, or this fails."""
    proof, path = prove_parity(result, lambda: paper(result.terms), research_chain(), live_history=5000)
    assert proof.passed, proof.reason
    assert [f.cause for f in path.fills if f.symbol == "X"] == [
        ("entry", "exit", "stop", "trailing_stop", "target")[c]
        for c, row in zip(result.outcome.causes, result.outcome.orders, strict=True)
        if result.tape.symbols[row["col"]] == "X"
    ]
    causes = ("entry", "exit", "stop", "trailing_stop", "target")
    return [
        (int(r["idx"]), "sell" if r["side"] else "buy", float(r["size"]), float(r["price"]), causes[c])
        for r, c in zip(result.outcome.orders, result.outcome.causes, strict=True)
    ]


def one(bars: Any, terms: Terms | None = None, history: dict[str, Any] | None = None, **signals: Any) -> Legs:
    return legs(run(bars, signals, terms, **(history or {})))


SHARES = make_terms(size="shares:10")


def test_row_1_an_untraded_bar_fills_nothing_and_the_order_waits() -> None:
    bars = flat(100, 101, 102, 103)
    assert one(bars, SHARES, {"traded": [True, False, True, True]}, entries={0}) == [(2, "buy", 10, 102, "entry")]


def test_row_1_an_untraded_bar_tests_no_stop_and_gives_no_signal() -> None:
    bars = [(100,) * 4, (100,) * 4, (100, 100, 80, 80), (100,) * 4, (100,) * 4]
    terms = make_terms(size="shares:10", stop="5")
    traded = [True, True, False, True, True]
    assert one(bars, terms, {"traded": traded}, entries={0}, exits={2}) == [(1, "buy", 10, 100, "entry")]


def test_row_1_an_untraded_bar_is_marked_at_the_last_traded_close() -> None:
    result = run([(100,) * 4, (100, 110, 100, 110), (50,) * 4], {"entries": {0}}, SHARES, traded=[True, True, False])
    assert result.outcome.equity.tolist() == [10_000, 10_100, 10_100]


def test_row_2_an_exit_pending_at_the_open_beats_the_stop_of_that_bar() -> None:
    bars = [(100,) * 4, (100,) * 4, (99, 99, 80, 85)]
    terms = make_terms(size="shares:10", stop="5")
    assert one(bars, terms, entries={0}, exits={1})[1] == (2, "sell", 10, 99, "exit")


def test_row_3_a_reversal_is_two_orders_at_one_price_with_two_costs() -> None:
    result = run(
        flat(100, 100, 120, 120), {"entries": {0}, "short_entries": {1}}, make_terms(size="shares:10", fees="10")
    )
    assert legs(result) == [(1, "buy", 10, 100, "entry"), (2, "sell", 10, 120, "exit"), (2, "sell", 10, 120, "entry")]
    assert result.outcome.orders["fees"].tolist() == pytest.approx([1.0, 1.2, 1.2])


def test_row_3_a_reversal_is_sized_from_equity_at_the_signals_close() -> None:
    # equity at the close of bar 2 is 10,000 + 100 × 10 = 11,000 and the close 110: 100 units
    bars = [(100,) * 4, (100,) * 4, (100, 110, 100, 110), (90,) * 4]
    assert one(bars, entries={0}, short_entries={2})[1:] == [
        (3, "sell", 100, 90, "exit"),
        (3, "sell", 100, 90, "entry"),
    ]


def test_row_4_cash_short_is_cut_to_affordable_whole_lots() -> None:
    # 100 wanted at 100; the open of 105 and 1 % fees leave 10,000 ÷ 106.05 = 94.29
    bars = [(100,) * 4, (105,) * 4]
    assert one(bars, make_terms(fees="100"), entries={0}) == [(1, "buy", 94, 105, "entry")]
    assert one(bars, make_terms(fees="100"), {"lot": "10"}, entries={0}) == [(1, "buy", 90, 105, "entry")]


def test_row_4_no_affordable_lot_is_rejected_with_the_reason() -> None:
    result = run([(100,) * 4, (201,) * 4, (201,) * 4], {"entries": {0}}, make_terms(cash="200", size="shares:1"))
    assert legs(result) == []
    assert result.rejected[0]["reason"] == "the cash at the fill pays for no whole lot"


def test_row_5_a_shorts_notional_may_not_exceed_the_cash_at_the_fill() -> None:
    # 100 wanted at 100; at the open of 125 cash of 10,000 allows 80
    assert one([(100,) * 4, (125,) * 4], short_entries={0}) == [(1, "sell", 80, 125, "entry")]


def test_row_6_prices_are_rounded_to_the_tick_against_us() -> None:
    bars = [(100,) * 4, (100.03,) * 4, (100.03,) * 4]
    assert one(bars, SHARES, {"tick": "0.05"}, entries={0}, exits={1}) == [
        (1, "buy", 10, 100.05, "entry"),
        (2, "sell", 10, 100.0, "exit"),
    ]


def test_row_6_slippage_moves_the_price_before_it_is_rounded() -> None:
    # 100 × 1.0012 = 100.12 → 100.15; 100 × 0.9988 = 99.88 → 99.85
    terms = make_terms(size="shares:10", slippage="12")
    assert one(flat(100, 100, 100), terms, {"tick": "0.05"}, entries={0}, exits={1}) == [
        (1, "buy", 10, 100.15, "entry"),
        (2, "sell", 10, 99.85, "exit"),
    ]


def test_row_6_a_price_on_the_tick_stays_there_without_slippage() -> None:
    assert one(flat(0.3, 0.3), SHARES, {"tick": "0.1"}, entries={0}) == [(1, "buy", 10, 0.3, "entry")]


def test_row_6_lots_of_an_adjusted_series_are_lots_of_the_raw_price() -> None:
    # adjusted 50 at factor 0.5 is a raw 100: 10,000 buys 100 raw shares, which is 200 in adjusted units
    history = make_history(flat(50, 50, 50), lot="30", factor=[0.5, 0.5, 0.5])
    assert legs(run(history, {"entries": {0}})) == [(1, "buy", 180, 50, "entry")]  # 90 raw


def test_row_6_per_share_fees_of_an_adjusted_series_count_raw_shares() -> None:
    history = make_history(flat(50, 50), factor=[0.5, 0.5])
    result = run(history, {"entries": {0}}, make_terms(size="shares:20", per_share="0.25"))
    assert result.outcome.orders["size"].tolist() == [40]
    assert result.outcome.orders["fees"].tolist() == [5.0]


def test_row_7_levels_hang_from_the_fill_after_slippage_and_a_stop_rounds_to_the_worse_fill() -> None:
    # fill 100 × 1.01 = 101; stop 3 % below 97.97 → 97.95 on ticks of 0.05; out at 97.95 × 0.99 = 96.97 → 96.95
    bars = [(100,) * 4, (100, 100, 97.95, 98)]
    terms = make_terms(size="shares:10", slippage="100", stop="3")
    assert one(bars, terms, {"tick": "0.05"}, entries={0})[1] == (1, "sell", 10, 96.95, "stop")
    above = [(100,) * 4, (100, 100, 97.96, 98)]
    assert len(one(above, terms, {"tick": "0.05"}, entries={0})) == 1


def test_row_7_a_target_rounds_to_the_harder_price() -> None:
    # fill 100.05, target 3 % above 103.0515 → 103.10 on ticks of 0.05
    terms = make_terms(size="shares:10", target="3")
    bars = [(100,) * 4, (100.05, 103.05, 100.05, 101), (101, 103.1, 101, 102)]
    assert one(bars, terms, {"tick": "0.05"}, entries={0})[1] == (2, "sell", 10, 103.1, "target")


@pytest.mark.parametrize(
    ("bar", "price", "cause"),
    [
        ((90, 120, 85, 100), 90, "stop"),  # 8: open through the stop
        ((95, 120, 90, 100), 95, "stop"),  # 8: open at the stop
        ((115, 120, 90, 100), 115, "target"),  # 9: open through the target
        ((110, 120, 90, 100), 110, "target"),  # 9: open at the target
        ((100, 120, 95, 100), 95, "stop"),  # 10: both touched
        ((100, 110, 96, 100), 110, "target"),  # 11: target touched
    ],
)
def test_rows_8_to_11_for_a_long(bar: tuple[float, ...], price: float, cause: str) -> None:
    terms = make_terms(size="shares:10", stop="5", target="10")
    assert one([(100,) * 4, (100,) * 4, bar], terms, entries={0})[1] == (2, "sell", 10, price, cause)


@pytest.mark.parametrize(
    ("bar", "price", "cause"),
    [
        ((110, 115, 80, 100), 110, "stop"),
        ((105, 115, 80, 100), 105, "stop"),
        ((85, 115, 80, 100), 85, "target"),
        ((90, 115, 80, 100), 90, "target"),
        ((100, 105, 80, 100), 105, "stop"),
        ((100, 104, 90, 100), 90, "target"),
    ],
)
def test_rows_8_to_11_for_a_short(bar: tuple[float, ...], price: float, cause: str) -> None:
    terms = make_terms(size="shares:10", stop="5", target="10")
    assert one([(100,) * 4, (100,) * 4, bar], terms, short_entries={0})[1] == (2, "buy", 10, price, cause)


def test_rows_8_and_10_a_stop_is_slipped_and_rows_9_and_11_a_target_is_not() -> None:
    terms = make_terms(size="shares:10", slippage="100", stop="5", target="10")
    # fill 101: stop 95.95, target 111.1
    assert one([(100,) * 4, (100, 100, 90, 90)], terms, entries={0})[1] == (1, "sell", 10, 94.9905, "stop")
    assert one([(100,) * 4, (100,) * 4, (90, 95, 90, 90)], terms, entries={0})[1] == (2, "sell", 10, 89.1, "stop")
    assert one([(100,) * 4, (100, 120, 100, 100)], terms, entries={0})[1] == (1, "sell", 10, 111.1, "target")
    assert one([(100,) * 4, (100,) * 4, (115, 120, 115, 115)], terms, entries={0})[1] == (2, "sell", 10, 115, "target")


def test_row_12_the_tighter_of_stop_and_trail_counts() -> None:
    terms = make_terms(size="shares:10", stop="5", trail="10")
    bars = [(100,) * 4, (100,) * 4, (100, 100, 94, 96)]
    assert one(bars, terms, entries={0})[1] == (2, "sell", 10, 95, "stop")
    terms = make_terms(size="shares:10", stop="20", trail="10")
    bars = [(100,) * 4, (100,) * 4, (100, 100, 89, 96)]
    assert one(bars, terms, entries={0})[1] == (2, "sell", 10, 90, "trailing_stop")


def test_row_13_a_trail_starts_at_the_fill_and_counts_the_entry_bars_extreme_after_its_test() -> None:
    terms = make_terms(size="shares:10", trail="10")
    # the entry bar's low of 91 is tested against 90, then its high of 120 lifts the trail to 108
    bars = [(100,) * 4, (100, 120, 91, 115), (112, 112, 107, 110)]
    assert one(bars, terms, entries={0})[1] == (2, "sell", 10, 108, "trailing_stop")


def test_row_13_a_trail_never_loosens() -> None:
    terms = make_terms(size="shares:10", trail="10")
    bars = [(100,) * 4, (100, 120, 100, 115), (112, 113, 109, 110), (110, 110, 107, 109)]
    assert one(bars, terms, entries={0})[1] == (3, "sell", 10, 108, "trailing_stop")


def test_row_14_after_a_stop_the_rest_of_the_bar_is_flat() -> None:
    terms = make_terms(size="shares:10", stop="5", target="10")
    bars = [(100,) * 4, (100, 130, 80, 100), (100, 130, 80, 100)]
    assert one(bars, terms, entries={0}) == [(1, "buy", 10, 100, "entry"), (1, "sell", 10, 95, "stop")]


def test_row_15_an_exit_beats_its_sides_entry_and_does_nothing_when_flat() -> None:
    assert one(flat(100, 101, 102), SHARES, entries={0}, exits={0}) == []
    assert one(flat(100, 101, 102), SHARES, entries={0, 1}, exits={1}) == [
        (1, "buy", 10, 101, "entry"),
        (2, "sell", 10, 102, "exit"),
    ]


def test_row_16_entries_of_both_sides_are_ignored_and_exits_kept() -> None:
    assert one(flat(100, 101, 102), SHARES, entries={0}, short_entries={0}) == []
    # long from 0; at 1 both entries and the short's exit: nothing; at 2 both entries and the long's exit: the long's
    # exit beats its entry first (row 15), so what is left is a short entry: a reversal
    found = one(flat(*range(100, 105)), SHARES, entries={0, 1, 2}, short_entries={1, 2}, exits={2})
    assert found == [(1, "buy", 10, 101, "entry"), (3, "sell", 10, 103, "exit"), (3, "sell", 10, 103, "entry")]


def test_row_17_an_entry_while_that_side_is_held_is_ignored() -> None:
    assert one(flat(100, 101, 102, 103), SHARES, entries={0, 1, 2}) == [(1, "buy", 10, 101, "entry")]


def test_row_18_an_opposite_entry_reverses_from_short_too() -> None:
    assert one(flat(100, 101, 102), SHARES, short_entries={0}, entries={1}) == [
        (1, "sell", 10, 101, "entry"),
        (2, "buy", 10, 102, "exit"),
        (2, "buy", 10, 102, "entry"),
    ]


def test_row_19_after_a_stop_an_entry_at_the_close_opens_again() -> None:
    terms = make_terms(size="shares:10", stop="5")
    bars = [(100,) * 4, (100, 100, 90, 92), (93,) * 4]
    assert one(bars, terms, entries={0, 1})[2] == (2, "buy", 10, 93, "entry")


def test_row_20_an_exit_while_flat_is_ignored() -> None:
    assert one(flat(100, 101, 102), SHARES, exits={0}, short_exits={1}) == []


def test_row_21_a_signal_on_the_last_bar_is_pending() -> None:
    result = run(flat(100, 101), {"entries": {1}}, SHARES)
    assert result.pending == [{"symbol": "X", "action": "entry", "direction": "long", "size": 10.0}]
    held = run(flat(100, 101, 102), {"entries": {0}, "exits": {2}}, SHARES)
    assert held.pending == [{"symbol": "X", "action": "exit", "direction": None, "size": None}]


def test_row_22_a_position_open_at_the_end_is_marked_and_not_in_the_win_rate() -> None:
    result = run(flat(100, 100, 110), {"entries": {0}}, SHARES)
    assert result.trade_list[0].status == "open"
    assert result.trade_list[0].pnl == 100
    assert result.metrics["win_rate"] is None
    assert result.metrics.reasons["win_rate"] == "no closed trades"


def test_row_24_the_minimum_fee_is_an_orders_so_a_reversal_pays_twice() -> None:
    result = run(flat(100, 100, 100), {"entries": {0}, "short_entries": {1}}, make_terms(size="shares:1", minimum="5"))
    assert result.outcome.orders["fees"].tolist() == [5, 5, 5]
    assert result.outcome.equity[-1] == 10_000 - 15


def test_row_24_the_minimum_fee_is_left_room_for() -> None:
    # 100 shares would cost 10,000 and leave nothing for the fee of 5: 99
    assert one(flat(100, 100), make_terms(minimum="5"), entries={0}) == [(1, "buy", 99, 100, "entry")]


def two(terms: Terms, first: dict[str, Any], second: dict[str, Any], prices: tuple[float, ...]) -> Backtest:
    histories: list[PriceHistory] = [make_history(flat(*prices), symbol=s) for s in ("X", "Y")]
    return backtest("script", scripted(histories, first, second), histories, terms)


def test_row_25_cash_is_split_equally_and_one_symbol_cannot_use_anothers() -> None:
    result = two(make_terms(), {"entries": {0}}, {"entries": {0}}, (100, 100))
    legs(result)
    assert result.outcome.orders["size"].tolist() == [50, 50]


def test_row_25_shared_cash_serves_entries_in_symbol_order() -> None:
    result = two(make_terms(size="value:7000", shared_cash=True), {"entries": {0}}, {"entries": {0}}, (100, 100))
    legs(result)
    assert result.outcome.orders["size"].tolist() == [70, 30]


def test_row_25_shared_cash_lets_exits_go_before_entries() -> None:
    # Y is held for all cash; X enters at the open at which Y leaves
    result = two(make_terms(shared_cash=True), {"entries": {1}}, {"entries": {0}, "exits": {1}}, (100, 100, 100))
    legs(result)
    by_symbol = {(result.tape.symbols[r["col"]], int(r["idx"])): r["size"] for r in result.outcome.orders}
    assert by_symbol == {("X", 2): 100, ("Y", 1): 100, ("Y", 2): 100}


def test_sizes_are_worked_out_at_the_signals_close() -> None:
    bars = [(100,) * 4, (80,) * 4]
    for size, wanted in (("shares:7", 7), ("value:950", 9), ("percent:50", 50), ("all", 100)):
        assert one(bars, make_terms(size=size), entries={0})[0][2] == wanted
    # 2 % of 10,000 at risk ÷ (5 % of 100) = 40
    assert one(bars, make_terms(size="risk:2", stop="5"), entries={0})[0][2] == 40
    assert one(bars, make_terms(size="risk:2", stop="5", trail="4"), entries={0})[0][2] == 50


def test_a_signals_own_size_and_levels_replace_the_runs() -> None:
    bars = [(100,) * 4, (100, 100, 97, 98), (98,) * 4]
    found = one(bars, make_terms(stop="50"), entries={0}, size=[3.0, 1.0, 1.0], stop=[2.0, float("nan"), 9.0])
    assert found == [(1, "buy", 3, 100, "entry"), (1, "sell", 3, 98, "stop")]


def test_more_lots_than_an_integer_holds_are_still_lots() -> None:
    # 1e12 of cash at a price of 1e-6 is 1e18 units, 1e26 lots of 1e-8
    result = run(
        flat(0.000001, 0.000001, 0.000002), {"entries": {0}}, make_terms(cash="1000000000000"), lot="0.00000001"
    )
    assert result.outcome.orders["size"].tolist() == [pytest.approx(1e18)]
    assert result.metrics["total_return"] == pytest.approx(1.0)
