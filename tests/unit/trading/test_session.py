"""The session: closed bars alone, in order, and never a future row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np
import pytest
from workbench_plugins.paper_broker import PaperBroker

from tests.support import make_terms, research_chain
from workbench.errors import BadInput
from workbench.model import Action, Bar, Direction, Instrument, Side
from workbench.strategy import Bars, Signals, Strategy
from workbench.trading import BarSession, Ledger, Market, MemoryRepository, OrderManager

D = Decimal
DAY = timedelta(days=1)
START = datetime(2024, 1, 1, tzinfo=UTC)
CLOSES = [100.0 + i for i in range(30)]


class Recorder(Strategy):
    """Notes what it was shown and answers the flags it is told, at the last row."""

    seen: ClassVar[list[tuple[str, int, float, int]]] = []
    flags: ClassVar[tuple[str, ...]] = ()

    def signals(self, bars: Bars) -> Signals:
        self.seen.append((bars.symbol, len(bars), float(bars.close[-1]), int(bars.times[-1])))
        last = np.arange(len(bars)) == len(bars) - 1
        return Signals(**dict.fromkeys(self.flags, last))


def columns(symbol: str) -> Bars:
    times = [int((START + i * DAY).timestamp()) * 10**9 for i in range(len(CLOSES))]
    return Bars(times, CLOSES, CLOSES, CLOSES, CLOSES, symbol=symbol)


def bar(day: int, symbol: str = "X", **changes: Any) -> Bar:
    price = D(str(CLOSES[day]))
    times = {"start": START + day * DAY, "end": START + (day + 1) * DAY}
    prices = dict.fromkeys(("open", "high", "low", "close"), price)
    return Bar(symbol, **(times | prices | changes))


class Floor:
    """A session over two symbols in one account, with everything it works on."""

    def __init__(self, flags: tuple[str, ...] = (), history: int = 5, **terms: str) -> None:
        self.strategy = type("Told", (Recorder,), {"seen": [], "flags": flags})()
        self.broker, self.repository, self.ledger = PaperBroker(), MemoryRepository(), Ledger()
        instruments = {s: Instrument(s, lot=D(1)) for s in ("X", "Y")}
        self.ledger.open_account("a", D(10_000))
        self.broker.open_account("a", D(10_000), instruments.values())
        manager = OrderManager(self.repository, self.broker, research_chain(), self.ledger, instruments, START)
        markets = [Market(s, "a", columns(s), f"print-{s}") for s in instruments]
        self.session = BarSession(
            "told", self.strategy, make_terms(**({"size": "shares:1"} | terms)), markets, self.broker, manager,
            history=history,
        )  # fmt: skip

    def on(self, day: int, now: datetime | None = None, **bars: Bar) -> None:
        given: Mapping[str, Bar] = bars or {"X": bar(day)}
        self.session.on_bars(given, dict.fromkeys(given, day + 1), now or START + (day + 1) * DAY)

    def kinds(self) -> list[str]:
        return [entry["kind"] for entry in self.repository.journal()]


def test_a_forming_bar_is_journalled_and_neither_traded_nor_shown() -> None:
    floor = Floor(("entries",))
    floor.on(0)
    before = floor.ledger.equity("a")
    floor.on(1, now=START + 2 * DAY - timedelta(microseconds=1))
    assert len(floor.strategy.seen) == 1
    assert floor.repository.fills() == []
    assert floor.ledger.equity("a") == before
    assert floor.kinds()[-1] == "forming"
    assert floor.repository.journal()[-1]["subject"] == "X"


def test_a_forming_bar_is_traded_once_it_has_closed() -> None:
    floor = Floor(("entries",))
    floor.on(0)
    floor.on(1, now=START + DAY)
    floor.on(1)
    assert [s[1] for s in floor.strategy.seen] == [1, 2]
    assert [f.price for f in floor.repository.fills()] == [101]


def test_a_closed_bar_beside_a_forming_one_is_taken_alone() -> None:
    floor = Floor()
    late = bar(0, "Y", end=START + 2 * DAY)
    floor.on(0, X=bar(0), Y=late)
    assert [s[0] for s in floor.strategy.seen] == ["X"]
    assert floor.kinds() == ["forming"]


@pytest.mark.parametrize("day", [4, 3, 0])
def test_bars_that_stand_still_or_run_backwards_are_refused(day: int) -> None:
    floor = Floor()
    for step in range(5):
        floor.on(step)
    shown = len(floor.strategy.seen)
    with pytest.raises(BadInput, match=r"bar of X 2024-01-0\d.*does not follow the last, 2024-01-05"):
        floor.on(day)
    assert len(floor.strategy.seen) == shown


def test_a_bar_that_runs_backwards_beside_another_symbols_next_bar_is_refused() -> None:
    floor = Floor()
    floor.on(3, X=bar(3), Y=bar(3, "Y"))
    with pytest.raises(BadInput, match=r"bar of Y .*does not follow the last, "):
        floor.on(4, X=bar(4), Y=bar(2, "Y"))


def test_an_untraded_bar_gives_no_signal_no_fill_and_no_mark() -> None:
    floor = Floor(("entries",))
    floor.on(0)
    floor.on(1, X=bar(1, traded=False))
    assert len(floor.strategy.seen) == 1
    assert floor.repository.fills() == []
    floor.on(2)
    assert [f.price for f in floor.repository.fills()] == [102]
    floor.on(3, X=bar(3, traded=False))
    assert floor.ledger.equity("a") == 10_000  # still marked at 102, not at 103


def test_a_strategy_sees_at_most_its_history_and_never_a_future_row() -> None:
    floor = Floor(history=5)
    for day in range(20):
        floor.on(day)
    assert [s[1] for s in floor.strategy.seen] == [min(day + 1, 5) for day in range(20)]
    assert [s[2] for s in floor.strategy.seen] == CLOSES[:20]
    assert [s[3] for s in floor.strategy.seen] == [int((START + d * DAY).timestamp()) * 10**9 for d in range(20)]


def test_a_declared_warmup_longer_than_the_history_counts() -> None:
    floor = Floor(history=5)
    strategy = type("Warm", (Recorder,), {"seen": [], "warmup": property(lambda self: 8)})()
    session = BarSession("w", strategy, make_terms(), [], floor.broker, floor.session.manager, history=5)
    assert session.history == 8


def test_a_signal_carries_its_bar_its_closing_time_and_its_data() -> None:
    floor = Floor(("entries",), stop="5", trail="2.5")
    floor.on(3)
    [signal] = floor.repository.signals()
    assert (signal.bar_time, signal.available_at) == (START + 3 * DAY, START + 4 * DAY)
    assert (signal.reference_price, signal.data_fingerprint) == (103, "print-X")
    assert (signal.protection.stop, signal.protection.target, signal.protection.trail) == (5, None, D("2.5"))
    assert str(signal.size) == "shares:1"


def test_one_instant_told_in_two_zones_is_one_signal() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    keys = []
    for start in (START, START.astimezone(zone)):
        floor = Floor(("entries",))
        floor.on(0, X=bar(0, start=start, end=start + DAY))
        keys += [signal.key for signal in floor.repository.signals()]
    assert len(keys) == 2
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("entries",), [(Action.ENTRY, Direction.LONG)]),
        (("entries", "exits"), [(Action.EXIT, Direction.LONG)]),  # row 15
        (("entries", "short_entries"), []),  # row 16
        (("entries", "short_entries", "short_exits"), [(Action.EXIT, Direction.SHORT), (Action.ENTRY, Direction.LONG)]),
        (("exits", "short_entries"), [(Action.EXIT, Direction.LONG), (Action.ENTRY, Direction.SHORT)]),
        ((), []),
    ],
)
def test_flags_become_signals_exits_first(flags: tuple[str, ...], expected: list[Any]) -> None:
    floor = Floor(flags)
    floor.on(0)
    assert [(s.action, s.direction) for s in floor.repository.signals()] == expected


def test_a_signal_is_traded_at_the_next_bars_open_and_not_before() -> None:
    floor = Floor(("entries",))
    floor.on(0)
    assert floor.repository.fills() == []
    floor.on(1)
    [fill] = floor.repository.fills()
    assert (fill.side, fill.price, fill.time) == (Side.BUY, 101, START + DAY)


def test_without_trading_bars_are_marked_and_the_strategy_is_not_asked() -> None:
    floor = Floor(("entries",))
    floor.session.on_bars({"X": bar(0)}, {"X": 1}, START + DAY, trade=False)
    assert floor.strategy.seen == []
    assert floor.session.last_seen == {"X": START}
