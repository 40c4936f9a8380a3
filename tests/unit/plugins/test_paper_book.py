"""The paper broker's book: killed after any notification and opened again, it ends where one never killed ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from workbench_plugins.paper_book import PaperBook
from workbench_plugins.paper_broker import PaperBroker

from workbench.errors import BadInput, Refused
from workbench.fills import Costs
from workbench.model import Bar, Fill, Instrument, Order, OrderState, Protection, Side
from workbench.ports import BrokerOrder, Execution
from workbench.trading.children import children_of

D = Decimal
START = datetime(2024, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
BUY, SELL = Side.BUY, Side.SELL
INSTRUMENTS = {"X": Instrument("X", lot=D(1), tick=D("0.01")), "Y": Instrument("Y", lot=D("0.001"))}
COSTS = Costs(D("5"), D("2"), D("0"), D("0.10"))


class Killed(BaseException):
    """The process ends here."""


class Owner:
    """Runs a script of orders, cancels and bars on a broker, and protects entries; killed, it goes on from its file.

    What it knows after a kill is what a database would: which step it was at, and which fills it has dealt with.
    """

    def __init__(self, script: Sequence[Any], book: Path | None) -> None:
        self.script, self.book = script, book
        self.step = 0
        self.dealt: set[str] = set()
        self.sent: dict[str, Order] = {}
        self.life = 10**9
        """After how many notifications it is killed."""
        self.told = self.kills = 0

    # ---- what the broker tells ---------------------------------------------------------------------------------------

    def _heard(self) -> None:
        self.told += 1
        self.life -= 1
        if self.life < 0:
            raise Killed

    def on_order(self, report: BrokerOrder) -> None:
        self._heard()

    def on_fill(self, execution: Execution) -> None:
        self._heard()
        self.protect(execution)

    # ---- what it does ------------------------------------------------------------------------------------------------

    def open(self) -> None:
        self.broker = PaperBroker(COSTS, self.book)
        self.broker.connect(self)
        self.broker.open_account("a", D(10_000), INSTRUMENTS.values())

    def protect(self, done: Execution) -> None:
        """Attach the children of an entry that filled, those the broker does not have yet."""
        entry = self.sent[done.client_order_id]
        if not entry.reduce_only:
            fill = Fill(done.fill_id, entry.order_id, done.account, entry.strategy, done.symbol, done.side, done.size,
                        done.price, done.fee, done.time, done.cause, done.factor)  # fmt: skip
            for child in children_of(entry, fill, INSTRUMENTS[entry.symbol], START):
                self.submit(replace(child, order_id=f"id {child.client_order_id}"))
        self.dealt.add(done.fill_id)

    def submit(self, order: Order) -> None:
        self.sent[order.client_order_id] = order
        if order.client_order_id not in {o.client_order_id for o in self.broker.orders()}:
            try:
                self.broker.submit(order)
            except Refused:
                return  # as for the children of a second entry into one position

    def run(self, *lives: int) -> None:
        """Run to the end of the script, killed after so many notifications in each of its lives."""
        coming = list(lives)
        while True:
            self.life = coming.pop(0) if coming else 10**9
            try:
                self.open()
                for fill in self.broker.fills():
                    if fill.fill_id not in self.dealt:
                        self.protect(fill)
                while self.step < len(self.script):
                    self.do(self.script[self.step])
                    self.step += 1
            except Killed:
                self.kills += 1
                continue
            return

    def do(self, what: Any) -> None:
        if isinstance(what, Order):
            self.submit(replace(what, created_at=START + self.step * DAY))
        elif isinstance(what, str):
            for order in self.broker.orders():
                if order.client_order_id == what and order.state is OrderState.ACKED:
                    self.broker.cancel(self.sent[what])
        else:
            self.broker.trade_bars(at(self.step, what))

    def end(self) -> dict[str, Any]:
        """All that the broker knows, by client order ids."""
        return {
            "cash": self.broker.cash("a"),
            "positions": self.broker.positions(),
            "fills": [replace(f, broker_id="") for f in self.broker.fills()],
            "orders": [(o.client_order_id, o.state, o.filled, o.level, o.reason) for o in self.broker.orders()],
        }


def at(step: int, rows: dict[str, Any]) -> dict[str, Bar]:
    """The bars of a step: open, high, low, close by symbol; a row of None was not traded."""
    start = START + step * DAY
    bars = {}
    for symbol, row in rows.items():
        prices = [D(p) for p in (row or (1, 1, 1, 1))]
        bars[symbol] = Bar(symbol, start, start + DAY, *prices, traded=row is not None)
    return bars


def order(name: str, side: Side, size: Any, symbol: str = "X", *, reduce: bool = False, **levels: Any) -> Order:
    protection = Protection(**{kind: D(percent) for kind, percent in levels.items()})
    return Order(
        "s",
        name,
        "s",
        "a",
        symbol,
        side,
        D(size),
        START,
        reduce_only=reduce,
        protection=protection,
        order_id=f"id {name}",
    )


# ---- scripts ---------------------------------------------------------------------------------------------------------


@st.composite
def rows(draw: st.DrawFn) -> Any:
    prices = sorted(draw(st.lists(st.integers(60, 140), min_size=4, max_size=4)))
    low, a, b, high = prices
    return (a, high, low, b) if draw(st.booleans()) else (b, high, low, a)


@st.composite
def scripts(draw: st.DrawFn) -> list[Any]:
    script: list[Any] = []
    names: list[str] = []
    percents = st.none() | st.integers(2, 30)
    for _ in range(draw(st.integers(2, 14))):
        kind = draw(st.sampled_from(["order", "order", "bar", "bar", "bar", "cancel"]))
        if kind == "order":
            reduce = draw(st.integers(0, 3)) == 0
            levels = {} if reduce else {name: draw(percents) for name in ("stop", "target", "trail")}
            names.append(f"o{len(names)}")
            script.append(
                order(
                    names[-1], draw(st.sampled_from(Side)), draw(st.sampled_from([1, 5, 40, 200])),
                    draw(st.sampled_from("XXY")), reduce=reduce, **{k: v for k, v in levels.items() if v is not None},
                )
            )  # fmt: skip
        elif kind == "bar":
            bars = {
                symbol: draw(rows() | st.none()) for symbol in draw(st.sampled_from([("X",), ("X", "Y"), ("Y", "X")]))
            }
            script.append(bars)
        elif names:
            script.append(draw(st.sampled_from(names)))
    return script


BUSY: list[Any] = [
    order("short", SELL, 20, "Y", stop=5, trail=8),
    order("long", BUY, 200, stop=10, target=30, trail=6),  # cut to what the cash pays for
    {"X": (100, 105, 99, 104), "Y": (100, 101, 90, 92)},
    {"X": (104, 120, 103, 118), "Y": None},
    {"Y": (91, 92, 80, 82), "X": (118, 119, 111, 112)},  # the long's trail
    order("late", BUY, 5, stop=10, target=3),
    "late",
    order("again", BUY, 5, stop=10, target=3),
    order("too much", BUY, 2000, "Y", reduce=True),
    order("nothing", SELL, 5, "Y", reduce=True),
    {"X": (100, 101, 100, 101), "Y": (82, 95, 82, 94)},
    {"X": (101, 110, 101, 110), "Y": (94, 99, 93, 95)},  # the target
    order("turn", BUY, 3, stop=2, trail=50),
    order("far", BUY, 5000, "Y"),
    order("poor", BUY, 5000, "Y"),
    {"X": (100, 100, 90, 90), "Y": (10, 10, 10, 10)},
]


def uninterrupted(script: Sequence[Any]) -> Owner:
    owner = Owner(script, None)
    owner.run()
    return owner


def test_the_busy_script_does_a_little_of_everything() -> None:
    end = uninterrupted(BUSY).end()
    assert {f.cause for f in end["fills"]} == {"entry", "exit", "stop", "target", "trailing_stop"}
    states = {state for _, state, *_ in end["orders"]}
    assert states >= {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED}


def test_with_a_book_that_is_never_closed_it_ends_as_without(tmp_path: Path) -> None:
    kept = Owner(BUSY, tmp_path / "deep" / "a.db")
    kept.run()
    assert kept.end() == uninterrupted(BUSY).end()


def test_killed_after_any_one_notification_it_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = uninterrupted(BUSY)
    for life in range(whole.told):
        owner = Owner(BUSY, tmp_path / f"{life}.db")
        owner.run(life)
        assert owner.kills == 1
        assert owner.end() == whole.end(), f"killed after {life} notifications"


@given(scripts(), st.lists(st.integers(0, 6), max_size=8))
@example(BUSY, [0] * 200)  # killed at every single one
@example(BUSY, [1] * 200)
@settings(max_examples=120)
def test_killed_as_often_as_may_be_it_ends_as_one_that_was_not(script: list[Any], lives: list[int]) -> None:
    whole = uninterrupted(script)
    with TemporaryDirectory() as folder:
        owner = Owner(script, Path(folder) / "a.db")
        owner.run(*lives)
        assert owner.end() == whole.end()
        reopened = Owner([], Path(folder) / "a.db")
        reopened.open()
        assert reopened.end() == whole.end()


@given(scripts())
@example(BUSY)
@settings(max_examples=40)
def test_a_bar_given_again_changes_nothing(script: list[Any]) -> None:
    class Twice(Owner):
        def do(self, what: Any) -> None:
            super().do(what)
            told = self.told
            if isinstance(what, dict):
                super().do(what)
            assert self.told == told or not isinstance(what, dict)

    owner = Twice(script, None)
    owner.run()
    assert owner.end() == uninterrupted(script).end()


# ---- the book itself -------------------------------------------------------------------------------------------------


def test_an_account_of_the_book_goes_on_as_it_stands(tmp_path: Path) -> None:
    owner = Owner([order("buy", BUY, 10), {"X": (100, 100, 100, 100)}], tmp_path / "a.db")
    owner.run()
    again = PaperBroker(COSTS, tmp_path / "a.db")
    again.open_account("a", D(999_999), INSTRUMENTS.values())
    assert again.cash("a") == owner.broker.cash("a") < 10_000
    with pytest.raises(Refused, match="client order id buy was used before"):
        again.submit(order("buy", BUY, 10))
    with pytest.raises(BadInput, match="is not connected"):
        again.submit(order("other", BUY, 10))


def test_documents_come_back_in_the_order_in_which_they_were_first_kept(tmp_path: Path) -> None:
    book = PaperBook(tmp_path / "a.db")
    for key in "cab":
        book.put("order", key, {"key": key})
    book.put("other", "a", [1])
    book.commit()
    book.put("order", "c", "changed")
    book.put("order", "a", None)
    book.put("order", "never", None)
    assert [key for key, _ in PaperBook(tmp_path / "a.db").read("order")] == ["c", "a", "b"]  # not committed yet
    book.commit()
    book.commit()
    assert list(PaperBook(tmp_path / "a.db").read("order")) == [("c", "changed"), ("b", {"key": "b"})]
    assert list(book.read("other")) == [("a", [1])]


def test_without_a_path_nothing_is_kept() -> None:
    book = PaperBook(None)
    book.put("order", "a", 1)
    book.commit()
    assert (book.is_kept, list(book.read("order"))) == (False, [])


def test_what_was_committed_is_on_disk(tmp_path: Path) -> None:
    book = PaperBook(tmp_path / "a.db")
    assert book._file is not None
    assert book._file.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert book._file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
