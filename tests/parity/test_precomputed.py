"""From event to event or bar by bar: the order path makes the same signals, orders, fills, journal, cash and equity.

`PRECOMPUTED_SEEDS=4000` runs more than CI does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from tests.parity.made_up import Case, _history, _signals, make_case
from tests.support import flat, make_history, make_terms, paper, research_chain, scripted
from workbench.model import Bar, Order, OrderType
from workbench.trading import Ledger, Replay, precomputed, replay
from workbench.trading.precomputed import Course, replay_precomputed

SEEDS = int(os.environ.get("PRECOMPUTED_SEEDS", "40"))
PARTS = 4
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def long_case(seed: int) -> Case:
    """A run with long stretches in which nothing happens, so that there is much to pass over."""
    draw, short = np.random.default_rng(seed + 10_000), make_case(seed)
    histories, columns = [], []
    for k in range(len(short.histories)):
        present = np.sort(draw.choice(700, int(draw.integers(300, 700)), replace=False))
        history = _history(draw, f"S{k}", present, 0.01)
        told = _signals(draw, history.bars)
        for name in ("entries", "exits", "short_entries", "short_exits"):
            if name in told:
                told[name] &= draw.random(history.bars) < draw.choice([0.02, 0.1])
        histories.append(history)
        columns.append(told)
    return Case(seed, histories, scripted(histories, *columns), short.terms)


def case_of(seed: int) -> Case:
    """Short and busy ones, and long and quiet ones, by turns."""
    return make_case(seed) if seed % 2 else long_case(seed)


def both(case: Case, trade_from: int = 0) -> tuple[Replay, Replay]:
    """The run of a case, bar by bar and from event to event."""
    given = "s", case.strategy, case.histories, case.terms
    bar_by_bar = replay(*given, paper(case.terms), research_chain(), live_history=5000, trade_from=trade_from)
    events = replay_precomputed(*given, paper(case.terms), research_chain(), trade_from=trade_from)
    return bar_by_bar, events


def told(run: Replay) -> dict[str, Any]:
    """All that a run left behind, with its random ids replaced by the order in which they first appear."""
    ids: dict[str, str] = {}

    def plain(value: Any) -> str:
        return _UUID.sub(lambda found: ids.setdefault(found[0], f"id{len(ids)}"), repr(value))

    book = run.repository
    return {
        "journal": [plain(dict(entry)) for entry in book.journal()],
        "signals": [plain(asdict(signal)) for signal in book.signals()],
        "orders": [plain(asdict(order)) for order in book.orders()],
        "verdicts": [plain(v) for v in book.verdicts.items()],
        "outcomes": [plain(v) for v in book.outcomes.items()],
        "fills": [plain(asdict(fill)) for fill in run.fills],
        "waiting": [plain(order.order_id) for order in run.waiting],
        "cash": [(a, run.ledger.cash(a), run.broker.cash(a)) for a in run.accounts],
        "end": [run.ledger.equity(account) for account in run.accounts],
        "positions": run.ledger.positions(),
        "bars": run.bars,
        "times": run.times.tolist(),
    }


def compared(case: Case, trade_from: int = 0) -> tuple[str, int]:
    """In what the two ways differ, empty where they agree; and how many fills there were to compare."""
    expected, got = both(case, trade_from)
    one, other = told(expected), told(got)
    for what, mine in one.items():
        if mine != other[what]:
            pairs = zip(mine, other[what], strict=False) if isinstance(mine, list) else [(mine, other[what])]
            return f"{what}: {next(((a, b) for a, b in pairs if a != b), 'one is longer')}", len(got.fills)
    gap = np.abs(expected.equity - got.equity) / np.maximum(np.abs(expected.equity), 1.0)
    return f"equity by {gap.max():.2e}" if gap.max(initial=0.0) > 1e-9 else "", len(got.fills)


@pytest.mark.parametrize("part", range(PARTS))
def test_random_runs_leave_the_same_behind(part: int) -> None:
    fills = 0
    for seed in range(part, SEEDS, PARTS):
        difference, count = compared(case_of(seed))
        assert difference == "", f"seed {seed}"
        fills += count
    assert fills > SEEDS / PARTS * 5, "the made-up runs hardly trade: they would show nothing"


def test_a_run_that_begins_late_leaves_the_same_behind() -> None:
    for seed in range(24):
        case = case_of(seed)
        times = np.unique(np.concatenate([h.times for h in case.histories]))
        assert compared(case, int(times[len(times) // 3]))[0] == "", f"seed {seed}"


def test_a_late_begin_after_the_last_bar_trades_nothing() -> None:
    case = make_case(1)
    bar_by_bar, events = both(case, max(int(h.times[-1]) for h in case.histories) + 1)
    assert told(bar_by_bar) == told(events)
    assert (events.bars, events.fills, len(events.equity)) == (0, [], 0)


def test_it_is_the_books_own_equity_at_every_instant() -> None:
    case = long_case(2)
    _, events = both(case)
    rebuilt = Ledger.rebuilt(events.accounts, events.fills)
    assert all(rebuilt.cash(a) == events.ledger.cash(a) for a in events.accounts)
    assert events.equity[-1] == pytest.approx(float(sum(events.ledger.equity(a) for a in events.accounts)), rel=1e-12)


def test_only_bars_with_an_event_reach_the_order_path(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    real = Course.bar
    monkeypatch.setattr(Course, "bar", lambda course: (given.append(course.row), real(course))[1])
    prices = flat(*([100.0] * 50), *([100.0] * 30), 94.0, *([100.0] * 919))
    history = make_history(prices)
    strategy = scripted([history], {"entries": {10, 40}, "exits": {900}})
    # signal, fill, an entry ignored, the stop, an exit while flat
    run = replay_precomputed("s", strategy, [history], (t := make_terms(stop="5")), paper(t), research_chain())
    assert given == [10, 11, 40, 80, 900]
    assert [fill.cause for fill in run.fills] == ["entry", "stop"]
    assert run.mode == "precomputed"
    assert run.bars == 1000
    assert run.elapsed_s > 0


# ---- tests of the test: each breaks one thing that matters -----------------------------------------------------------


def _late_touch(course: Course, row: int, stop: int, orders: list[Order]) -> int:
    return _touched(course, row + 1, stop, orders) if row + 1 < stop else stop


def _narrow(bar: Bar) -> Bar:
    return replace(bar, high=max(bar.open, bar.close), low=min(bar.open, bar.close))


def _without(kind: OrderType) -> Callable[[Any], tuple[float, float]]:
    return lambda orders: _band([order for order in orders if order.type is not kind] or [])


_touched, _bar, _band, _from = Course._touched, Course.bar, precomputed.band_of, Course._traded_from
BROKEN: dict[str, tuple[Any, str, Any]] = {
    "levels are not tried inside the bar of the entry": (Course, "bar", lambda c: _narrow(_bar(c))),
    "the bar after an event is not looked at": (Course, "_touched", _late_touch),
    "no target is seen": (precomputed, "band_of", _without(OrderType.TARGET)),
    "no stop is seen": (precomputed, "band_of", _without(OrderType.STOP)),
    "a trail does not move": (precomputed, "band_of", _without(OrderType.TRAILING_STOP)),
    "an order fills a bar late": (Course, "_traded_from", lambda c, row: _from(c, row + 1)),
    "other symbols keep an old mark": (precomputed, "_mark_others", lambda *_: None),
    "entries alone count": (precomputed, "signalling", lambda answer: answer.entries),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_variant_is_told_apart(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, broken = BROKEN[what]
    monkeypatch.setattr(owner, name, broken)
    assert any(_differs(case_of(seed)) for seed in range(60)), f"nobody sees that {what}"


def _differs(case: Case) -> bool:
    try:
        return compared(case)[0] != ""
    except Exception:  # a broken one may also fall over
        return True
