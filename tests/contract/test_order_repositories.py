"""One contract for every order repository: in memory, and on SQLite with the order manager's own use of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.doubles import ToldBroker
from tests.support import stand
from workbench.errors import IllegalTransition, LeaseLost, UnknownName
from workbench.model import (
    Action,
    Booking,
    BookingKind,
    Direction,
    Fill,
    Handling,
    Instrument,
    OnFailure,
    Order,
    OrderState,
    OrderType,
    Protection,
    Side,
    Signal,
    SizeRequest,
    SizeRule,
    Stage,
    Validity,
)
from workbench.ports import AccountFacts, OrderRepository, RiskContext, Verdict
from workbench.risk import RiskChain
from workbench.store import FenceBook, Lease, SqlOrderRepository, TradingDatabase
from workbench.trading import Hours, Ledger, MemoryRepository, OrderManager, client_order_id, following
from workbench.trading.transitions import OrderEvent

D = Decimal
NOW = datetime(2024, 1, 2, 15, tzinfo=UTC)


class Case:
    """A repository, and how its panic fence is raised and lowered."""

    def __init__(
        self, repository: OrderRepository, halt: Callable[[str], object], resume: Callable[[], object]
    ) -> None:
        self.repository, self.halt, self.resume = repository, halt, resume


@pytest.fixture(params=["memory", "sqlite"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "memory":
        memory = MemoryRepository()
        yield Case(memory, memory.halt, memory.resume)
        return
    database = TradingDatabase(tmp_path / "trading.db")
    lease = Lease(database, "engine", seconds=600)
    lease.take()
    stand(database, "s", "a", Stage.PAPER)
    fence = FenceBook(database)

    def resume() -> None:
        fence.set_flat(fence.now().epoch)
        fence.resume("test")

    yield Case(SqlOrderRepository(database, lease), lambda reason: fence.halt(reason, "test"), resume)
    database.close()


def signal(key: str = "k", **more: Any) -> Signal:
    fields: dict[str, Any] = {
        "source": "test", "key": key, "strategy": "s", "account": "a", "symbol": "X", "action": Action.ENTRY,
        "direction": Direction.LONG, "bar_time": NOW, "available_at": NOW, "reference_price": D(100),
    }  # fmt: skip
    return Signal(**(fields | more))


def order(of: Signal, leg: str = "open", **more: Any) -> Order:
    fields: dict[str, Any] = {
        "signal_id": of.signal_id, "client_order_id": client_order_id(of, leg), "strategy": "s", "account": "a",
        "symbol": "X", "side": Side.BUY, "size": D("1.000000000001"), "created_at": NOW,
    }  # fmt: skip
    return Order(**(fields | more))


def kept(repository: OrderRepository, made: Order, *events: OrderEvent) -> Order:
    """An order put on file and moved along the table."""
    repository.add_order(made, [Verdict("rule", "allow", "why", D(1), {"x": "1"})], NOW)
    for event in events:
        made = replace(made, state=following(made.state, event))
        repository.change_order(made, event, NOW)
    return made


def test_what_is_kept_comes_back_as_it_was(case: Case) -> None:
    repo = case.repository
    full = signal(
        size=SizeRequest(SizeRule.RISK, D("1.5")), protection=Protection(D("1.25"), D(7), D("0.5")),
        factor=D("0.123456789"), data_fingerprint="f",
    )  # fmt: skip
    assert repo.add_signal(full)
    assert list(repo.signals()) == [full]
    entry = order(full, protection=full.protection, expires_at=NOW + timedelta(minutes=5))
    child = order(
        full, "child", side=Side.SELL, type=OrderType.STOP, level=D("98.7500"), reduce_only=True,
        parent_id=entry.order_id, group="f1",
    )  # fmt: skip
    for made in (entry, child):
        kept(repo, made)
        assert repo.order(made.order_id) == made
    assert list(repo.orders()) == [entry, child]
    assert list(repo.orders_of(full)) == [entry]
    fill = Fill("f1", entry.order_id, "a", "s", "X", Side.BUY, D("1.0"), D("99.12345678"), D("0.01"), NOW, "entry")
    assert repo.add_fill(fill)
    assert list(repo.fills()) == [fill] == list(repo.fills("a"))
    assert not repo.fills("b")


def test_a_repeat_of_a_signal_or_a_fill_is_told_and_kept_once(case: Case) -> None:
    repo, first = case.repository, signal()
    assert repo.add_signal(first)
    assert not repo.add_signal(signal(direction=Direction.SHORT))
    assert list(repo.signals()) == [first]
    assert repo.add_signal(signal(source="other"))
    made = kept(repo, order(first))
    fill = Fill("f1", made.order_id, "a", "s", "X", Side.BUY, D(1), D(1), D(0), NOW)
    assert repo.add_fill(fill)
    assert not repo.add_fill(replace(fill, price=D(2)))
    assert repo.add_fill(replace(fill, account="b"))
    assert [f.price for f in repo.fills("a")] == [1]


def test_open_orders_are_those_not_at_their_end_oldest_first(case: Case) -> None:
    repo = case.repository
    made = [kept(repo, order(signal(str(i))), OrderEvent.PASS) for i in range(3)]
    other = kept(repo, order(signal("y"), symbol="Y"), OrderEvent.PASS)
    kept(repo, order(signal("z"), account="b"), OrderEvent.PASS)
    repo.change_order(replace(made[1], state=OrderState.CANCELLED), OrderEvent.CANCEL, NOW)
    assert [o.order_id for o in repo.open_orders("a", "X")] == [made[0].order_id, made[2].order_id]
    assert [o.order_id for o in repo.open_orders("a")] == [made[0].order_id, made[2].order_id, other.order_id]
    late = kept(repo, order(signal("late"), created_at=NOW + timedelta(seconds=1)))
    assert [o.order_id for o in repo.orders_since("a", NOW + timedelta(seconds=1))] == [late.order_id]
    with pytest.raises(UnknownName, match="nothing"):
        repo.order("nothing")


def test_authorise_moves_ready_to_sending_and_nothing_else(case: Case) -> None:
    repo = case.repository
    made = kept(repo, order(signal()), OrderEvent.PASS)
    assert repo.authorise(made, NOW) == ""
    assert repo.order(made.order_id).state is OrderState.SENDING
    if isinstance(repo, MemoryRepository):
        with pytest.raises(IllegalTransition):
            repo.authorise(repo.order(made.order_id), NOW)
    else:
        assert "sending" in repo.authorise(made, NOW)  # even by one that still holds it as ready
    events = [line.get("event") for line in repo.journal() if line["subject"] == made.order_id]
    assert events == [None, "pass", "authorise"]


def test_a_panic_stops_what_was_decided_before_it_and_lets_only_flattening_orders_pass(case: Case) -> None:
    repo = case.repository
    early = kept(repo, order(signal("1")), OrderEvent.PASS)
    case.halt("fire")
    assert repo.fence().halted
    assert repo.fence().epoch == 1
    assert "fire" in repo.authorise(early, NOW)
    during = kept(repo, order(signal("2"), epoch=1), OrderEvent.PASS)
    assert "fire" in repo.authorise(during, NOW)
    closing = kept(repo, order(signal("3"), epoch=1, reduce_only=True, flattens=True, side=Side.SELL), OrderEvent.PASS)
    assert repo.authorise(closing, NOW) == ""
    case.resume()
    assert "panic" in repo.authorise(early, NOW)
    late = kept(repo, order(signal("4"), epoch=1), OrderEvent.PASS)
    assert repo.authorise(late, NOW) == ""
    assert repo.order(early.order_id).state is OrderState.READY


def test_an_unknown_order_blocks_new_risk_on_its_symbol_and_no_exit(case: Case) -> None:
    repo = case.repository
    lost = kept(repo, order(signal("1")), OrderEvent.PASS)
    assert repo.authorise(lost, NOW) == ""
    repo.change_order(replace(repo.order(lost.order_id), state=OrderState.UNKNOWN), OrderEvent.LOSE, NOW)
    entry = kept(repo, order(signal("2")), OrderEvent.PASS)
    assert lost.order_id in repo.authorise(entry, NOW)
    closing = kept(repo, order(signal("3"), reduce_only=True, side=Side.SELL), OrderEvent.PASS)
    assert repo.authorise(closing, NOW) == ""
    elsewhere = kept(repo, order(signal("4"), symbol="Y"), OrderEvent.PASS)
    assert repo.authorise(elsewhere, NOW) == ""


def test_a_day_begins_with_the_first_equity_it_is_given(case: Case) -> None:
    repo = case.repository
    assert repo.open_day("a", date(2024, 1, 2), D("100.10")) == D("100.10")
    assert repo.open_day("a", date(2024, 1, 2), D(90)) == D("100.10")
    assert repo.open_day("a", date(2024, 1, 3), D(90)) == 90


def test_the_journal_numbers_its_lines(case: Case) -> None:
    repo = case.repository
    repo.note("kind", "subject", NOW, fact="1")
    repo.settle_signal(signal(), "refused", "too late", NOW)
    lines = [dict(line) for line in repo.journal()]
    assert [line["seq"] for line in lines] == [str(i + 1) for i in range(len(lines))]
    assert {"at", "kind", "subject"} <= lines[0].keys()
    assert (lines[0]["fact"], lines[1]["kind"], lines[1]["reason"]) == ("1", "refused", "too late")


# ---- books, names and pieces -----------------------------------------------------------------------------------------


def fill_of(made: Order, name: str, **more: Any) -> Fill:
    fields: dict[str, Any] = {"account": made.account, "price": D("1.5"), "time": NOW} | more
    return Fill(fill_id=name, order_id=made.order_id, strategy="s", symbol="X", side=Side.BUY, size=D(1), fee=D(0),
                **fields)  # fmt: skip


def test_books_are_fills_and_bookings_in_the_order_in_which_they_were_counted(case: Case) -> None:
    repo, made = case.repository, kept(case.repository, order(signal()))
    entries: list[Fill | Booking] = [
        Booking("a", BookingKind.DEPOSIT, NOW, D("5.25"), currency="EUR", by="ann"),
        fill_of(made, "f1", time=NOW + timedelta(days=9)),  # counted first, whatever its time
        Booking("a", BookingKind.SPLIT, NOW, ratio=D("0.333333333333333333"), symbol="X"),
        Booking("a", BookingKind.DIVIDEND, NOW, ratio=D("0.1"), symbol="X", strategy="s"),
        fill_of(made, "f2", currency="EUR", factor=D("0.5")),
        fill_of(made, "f3"),
        Booking("a", BookingKind.BUST, NOW, subject="f1", reason="the exchange took it back", by="ann"),
    ]
    for entry in entries:
        assert repo.add_fill(entry) if isinstance(entry, Fill) else repo.add_booking(entry)
    assert list(repo.books("a")) == entries
    assert list(repo.fills("a")) == [entry for entry in entries if isinstance(entry, Fill)]
    assert not repo.books("b")


def test_a_booking_is_kept_once_in_each_account(case: Case) -> None:
    repo, one = case.repository, Booking("a", BookingKind.DEPOSIT, NOW, D(5), booking_id="b1")
    assert repo.add_booking(one)
    assert not repo.add_booking(replace(one, amount=D(6)))
    assert repo.add_booking(replace(one, account="b"))
    assert list(repo.books("a")) == [one]
    noted = [line for line in repo.journal() if line["kind"] == "booking"]
    assert [(line["account"], line["amount"]) for line in noted] == [("a", "5"), ("b", "5")]


def test_bookings_of_one_account_stand_where_they_were_counted_whatever_others_do(case: Case) -> None:
    repo, mine = case.repository, kept(case.repository, order(signal()))
    theirs = kept(repo, order(signal("b"), account="b"))
    repo.add_fill(fill_of(mine, "f1"))
    booked = Booking("a", BookingKind.CHARGE, NOW, D(-1))
    repo.add_fill(fill_of(theirs, "f1"))
    repo.add_booking(booked)
    repo.add_fill(fill_of(theirs, "f2"))
    repo.add_fill(fill_of(mine, "f2"))
    assert [type(entry).__name__ for entry in repo.books("a")] == ["Fill", "Booking", "Fill"]
    assert [type(entry).__name__ for entry in repo.books("b")] == ["Fill", "Fill"]


def test_an_order_is_found_by_our_name_first_then_by_the_brokers_in_its_account_alone(case: Case) -> None:
    repo = case.repository
    one, two = kept(repo, order(signal("1"))), kept(repo, order(signal("2")))
    repo.change_order(replace(two, broker_id="B7"), "acknowledge", NOW)
    assert repo.find("a", one.client_order_id) == one
    found = repo.find("a", broker_id="B7")
    assert found is not None
    assert found.order_id == two.order_id
    assert repo.find("a", one.client_order_id, "B7") == one
    unknown_first = repo.find("a", "not ours", "B7")
    assert unknown_first is not None
    assert unknown_first.order_id == two.order_id
    assert repo.find("b", one.client_order_id, "B7") is None
    assert repo.find("a", "not ours", "B8") is None
    assert repo.find("a") is None
    assert repo.find("a", "", "") is None


def test_an_order_whose_broker_calls_it_otherwise_now_is_found_by_its_new_name_alone(case: Case) -> None:
    repo, made = case.repository, kept(case.repository, order(signal()))
    repo.change_order(replace(made, broker_id="B1"), "acknowledge", NOW)
    repo.change_order(replace(made, broker_id="B2"), "acknowledge", NOW)
    assert repo.find("a", broker_id="B2") is not None
    assert repo.find("a", broker_id="B1") is None


def test_pieces_are_those_of_one_order_oldest_first(case: Case) -> None:
    repo = case.repository
    whole, other = kept(repo, order(signal("1"))), kept(repo, order(signal("2")))
    pieces = [kept(repo, order(signal("1"), f"piece {i}", parent_id=whole.order_id)) for i in range(3)]
    kept(repo, order(signal("2"), "piece", parent_id=other.order_id))
    kept(repo, order(signal("1"), "of a piece", parent_id=pieces[0].order_id))
    assert list(repo.pieces_of(whole)) == pieces
    assert not repo.pieces_of(pieces[1])


def test_all_that_may_change_of_an_order_comes_back_changed(case: Case) -> None:
    repo = case.repository
    handling = Handling(
        Validity.DAY, "MIS", display=D("0.5"), after_market=True, legs="g", rank=1, on_failure=OnFailure.KEEP,
        good_till=NOW + timedelta(days=3),
    )  # fmt: skip
    made = kept(repo, order(signal(), type=OrderType.STOP_LIMIT, limit=D("9.5"), level=D(9), handling=handling))
    assert repo.order(made.order_id) == made
    changed = replace(
        made, state=OrderState.ACKED, type=OrderType.LIMIT, level=None, limit=D("9.25"), size=D("0.75"), broker_id="B",
        filled=D("0.25"), reason="why", expires_at=NOW,
    )  # fmt: skip
    repo.change_order(changed, "modify", NOW)
    assert repo.order(made.order_id) == changed
    trailing = order(signal("t"), type=OrderType.TRAILING_STOP, level=D(9), handling=Handling(trail=D("2.5")))
    assert repo.order(kept(repo, trailing).order_id) == trailing


# ---- the order manager over each of them -----------------------------------------------------------------------------


class OneSlot:
    """Allows one symbol in all, slowly, so that two who ask at once would both be let in."""

    def judge(self, context: RiskContext) -> Verdict:
        facts = context.facts
        assert isinstance(facts, AccountFacts)
        seen = facts.open_symbols - {context.signal.symbol}
        threading.Event().wait(0.05)
        return Verdict("one_slot", "deny", "taken") if seen else Verdict("one_slot", "allow", size=D(1))


def raced(repository: OrderRepository) -> tuple[int, list[str]]:
    """Four entries at once, each by an order manager of its own, for one free slot: how many were sent, and states."""
    broker, ledger = ToldBroker(), Ledger()
    ledger.open_account("a", D(1000))
    instruments = {symbol: Instrument(symbol) for symbol in "XYZW"}
    managers = [
        OrderManager(
            repository, broker, RiskChain([("one_slot", OneSlot())]), ledger, instruments, NOW,
            hours=Hours(ZoneInfo("UTC")),
        )
        for _ in instruments
    ]  # fmt: skip
    jobs = [(m, signal(s, symbol=s)) for m, s in zip(managers, instruments, strict=True)]
    threads = [threading.Thread(target=m.handle, args=(wanted,)) for m, wanted in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(broker.sent), sorted(str(o.state) for o in repository.orders())


def test_two_concurrent_entries_cannot_both_use_the_last_of_a_limit(case: Case) -> None:
    assert raced(case.repository) == (1, ["acked", "denied", "denied", "denied"])


def test_a_decision_outside_a_transaction_is_found_out() -> None:
    class Unguarded(MemoryRepository):
        def transaction(self) -> AbstractContextManager[None]:
            return nullcontext()

    assert raced(Unguarded())[0] > 1


def test_a_signal_that_fails_halfway_leaves_nothing_on_sqlite(tmp_path: Path) -> None:
    database = TradingDatabase(tmp_path / "t.db")
    lease = Lease(database, "engine")
    lease.take()
    repo = SqlOrderRepository(database, lease)

    def fail() -> None:
        with repo.transaction():
            repo.add_signal(signal())
            kept(repo, order(signal()))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not repo.signals()
    assert not repo.orders()
    assert not repo.journal()


def test_nothing_is_authorised_without_the_lease_or_the_stage(tmp_path: Path) -> None:
    database = TradingDatabase(tmp_path / "t.db")
    mine, theirs = Lease(database, "engine"), Lease(database, "engine")
    mine.take()
    repo = SqlOrderRepository(database, mine)
    made = kept(repo, order(signal()), OrderEvent.PASS)
    assert "no stage that trades" in repo.authorise(made, NOW)
    exit_ = kept(repo, order(signal("x"), reduce_only=True, side=Side.SELL), OrderEvent.PASS)
    assert repo.authorise(exit_, NOW) == ""
    for stage in (Stage.RESEARCH, Stage.WALK_FORWARD, Stage.PAUSED, Stage.RETIRED):
        stand(database, "s", "a", stage)
        assert "no stage that trades" in repo.authorise(made, NOW)
    stand(database, "s", "other", Stage.PAPER)
    assert "no stage that trades" in repo.authorise(made, NOW)
    stand(database, "s", "a", Stage.PAPER)
    mine.release()
    theirs.take()
    with pytest.raises(LeaseLost):
        repo.authorise(made, NOW)
    assert repo.order(made.order_id).state is OrderState.READY
