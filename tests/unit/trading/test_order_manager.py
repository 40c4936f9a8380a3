"""The order manager against a broker that does what each test tells it to."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.doubles import ToldBroker, execution, report
from workbench.errors import BadInput, Refused, WorkbenchError
from workbench.model import (
    Action,
    Direction,
    Fill,
    Handling,
    Instrument,
    Order,
    OrderState,
    OrderType,
    Protection,
    Side,
    Signal,
    SizeRequest,
    SizeRule,
    Ticket,
)
from workbench.ports import BrokerCapabilities, Execution, RiskContext, Verdict
from workbench.risk import RiskChain
from workbench.trading import Hours, Ledger, MemoryRepository, OrderManager
from workbench.trading.monitor import PriceRange

D = Decimal
NOW = datetime(2024, 1, 2, tzinfo=UTC)
LEVELS = Protection(stop=D(10), target=D(20), trail=D(5))


class Rule:
    """Allows what was asked for, ten where no size was, or denies with the reason it holds."""

    reason = ""

    def judge(self, context: RiskContext) -> Verdict:
        size = context.signal.size.amount or D(10)
        return Verdict("rule", "deny", self.reason) if self.reason else Verdict("rule", "allow", size=size)


class Desk:
    """An order manager with a broker of some capabilities, a rule and an account of 10,000."""

    def __init__(
        self,
        hours: Hours | None = None,
        intent_life: timedelta | None = None,
        tick: str | None = None,
        lot: str | None = None,
        **capabilities: Any,
    ) -> None:
        self.repository, self.ledger, self.rule = MemoryRepository(), Ledger(), Rule()
        self.broker = ToldBroker(BrokerCapabilities(**capabilities))
        self.ledger.open_account("a", D(10_000))
        steps = {"lot": lot and D(lot), "tick": tick and D(tick)}
        self.instruments = {symbol: Instrument(symbol, **steps) for symbol in ("X", "Y")}  # type: ignore[arg-type]
        self.begin(hours, intent_life)
        self.count = 0

    def begin(self, hours: Hours | None = None, intent_life: timedelta | None = None) -> None:
        """Make the order manager; once more, a restart on what is on file."""
        start = self.manager.now if hasattr(self, "manager") else NOW
        self.manager = OrderManager(
            self.repository, self.broker, RiskChain([("rule", self.rule)]), self.ledger, self.instruments, start,
            hours=hours, intent_life=intent_life,
        )  # fmt: skip

    def signal(self, action: Action = Action.ENTRY, direction: Direction = Direction.LONG, **more: Any) -> Signal:
        self.count += 1
        at = NOW + timedelta(days=self.count)
        fields: dict[str, Any] = {"key": f"k{self.count}", "strategy": "s", "account": "a", "symbol": "X"}
        return Signal("test", **(fields | more), action=action, direction=direction, bar_time=at, available_at=at,
                      reference_price=D(100))  # fmt: skip

    def enter(self, direction: Direction = Direction.LONG, **more: Any) -> list[Order]:
        return self.manager.handle(self.signal(Action.ENTRY, direction, **more))

    def trade(
        self,
        side: str = "buy",
        size: Any = 10,
        kind: OrderType = OrderType.MARKET,
        action: Action = Action.TRADE,
        **more: Any,
    ) -> list[Order]:
        """Buy or sell a size whatever is held; `limit` and `level` are prices, all else is of handling or the signal.
        """  # fmt: skip
        return self.manager.handle(self.wish(side, size, kind, action, **more))

    def wish(
        self, side: str = "buy", size: Any = 10, kind: OrderType = OrderType.MARKET, action: Action = Action.TRADE,
        **more: Any,
    ) -> Signal:  # fmt: skip
        """The signal of a trade."""
        prices = {name: D(more.pop(name)) for name in ("limit", "level") if name in more}
        of_handling = {name: more.pop(name) for name in list(more) if name in Handling.__dataclass_fields__}
        for name in ("trail", "display", "slice_size", "slice_pause"):
            if name in of_handling:
                of_handling[name] = D(of_handling[name])
        at = {"bar_time": self.manager.now, "available_at": self.manager.now}
        return replace(
            self.signal(action, Direction.LONG if side == "buy" else Direction.SHORT),
            size=SizeRequest(SizeRule.SHARES, D(size)), ticket=Ticket(kind, **prices, handling=Handling(**of_handling)),
            **(at | more),
        )  # fmt: skip

    def exit(self, direction: Direction = Direction.LONG, **more: Any) -> list[Order]:
        return self.manager.handle(self.signal(Action.EXIT, direction, **more))

    def fill(self, order: Order, size: Any = None, price: Any = 100, fill_id: str | None = None) -> Execution:
        self.count += 1
        made = execution(order, fill_id or f"f{self.count}", size, price, time=NOW)
        self.ledger.mark(order.symbol, D(price))
        self.manager.answers.on_fill(made)
        return made

    def report(self, order: Order, state: str = "acked", **more: Any) -> None:
        """Let the broker say where an order stands."""
        self.manager.answers.on_order(report(order, state, **more))

    def look(self, low: Any = None, high: Any = None, *, symbol: str = "X", later: float = 0) -> bool:
        """Look at the orders kept here, some seconds later, with the range of a symbol where one is given."""
        self.manager.now += timedelta(seconds=later)
        if low is None:
            return self.manager.monitor.look("a", {})
        top = D(low if high is None else high)
        return self.manager.monitor.look("a", {symbol: PriceRange(D(low), top, top)})

    def hold(self, direction: Direction = Direction.LONG, **more: Any) -> Order:
        [entry] = self.enter(direction, **more)
        self.fill(entry)
        return self.repository.order(entry.order_id)

    def now(self, order: Order) -> Order:
        return self.repository.order(order.order_id)

    def held(self) -> Decimal:
        return self.ledger.position("a", "s", "X").size


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_entry_is_judged_sent_once_and_acknowledged(desk: Desk) -> None:
    [order] = desk.enter()
    assert (order.state, order.side, order.size, order.reduce_only) == (OrderState.ACKED, Side.BUY, 10, False)
    assert [o.order_id for o in desk.broker.sent] == [order.order_id]
    assert desk.broker.sent[0].state is OrderState.SENDING  # on file before a byte leaves
    steps = [e.get("event") for e in desk.repository.journal() if e["subject"] == order.order_id]
    assert steps == [None, "pass", "authorise", "acknowledge"]


def test_a_repeated_signal_is_answered_with_the_first_ones_orders(desk: Desk) -> None:
    signal = desk.signal()
    first = desk.manager.handle(signal)
    again = desk.manager.handle(replace(signal, signal_id="another delivery"))
    assert again == first
    assert len(desk.broker.sent) == len(desk.repository.orders()) == 1


def test_a_repeated_reversal_is_answered_with_both_orders(desk: Desk) -> None:
    desk.hold()
    signal = desk.signal(Action.ENTRY, Direction.SHORT)
    first = desk.manager.handle(signal)
    assert desk.manager.handle(signal) == first
    assert len(first) == 2


def test_an_entry_denied_by_risk_is_kept_with_its_verdicts_and_never_sent(desk: Desk) -> None:
    desk.rule.reason = "too much"
    [order] = desk.enter()
    assert (order.state, order.reason, order.size) == (OrderState.DENIED, "rule: too much", 0)
    assert desk.repository.verdicts[order.order_id] == (Verdict("rule", "deny", "too much"),)
    assert desk.broker.sent == []


def test_an_exit_is_reduce_only_of_the_whole_position_and_never_judged(desk: Desk) -> None:
    desk.hold()
    desk.rule.reason = "no more"
    [order] = desk.exit()
    assert (order.side, order.size, order.reduce_only) == (Side.SELL, 10, True)
    desk.fill(order, price=110)
    assert (desk.held(), desk.ledger.cash("a")) == (0, 10_100)


def test_a_definite_refusal_is_rejected_with_its_reason(desk: Desk) -> None:
    def refuse(order: Order) -> None:
        raise Refused("market closed")

    desk.broker.on_submit = refuse
    [order] = desk.enter()
    assert (order.state, order.reason) == (OrderState.REJECTED, "market closed")


@pytest.mark.parametrize("error", [TimeoutError("no answer"), ConnectionError("reset"), ValueError("odd")])
def test_any_other_error_leaves_the_order_unknown_and_it_is_not_sent_again(desk: Desk, error: Exception) -> None:
    def fail(order: Order) -> None:
        raise error

    desk.broker.on_submit = fail
    signal = desk.signal()
    [order] = desk.manager.handle(signal)
    assert (order.state, order.reason) == (OrderState.UNKNOWN, f"{type(error).__name__}: {error}")
    assert desk.manager.handle(signal) == [order]
    assert desk.enter() == []  # nor does another entry go out beside it
    assert len(desk.broker.sent) == 1


@pytest.mark.parametrize("fill", [False, True])
def test_an_error_after_the_broker_took_the_order_keeps_what_is_known(desk: Desk, fill: bool) -> None:
    def take_then_fail(order: Order) -> None:
        desk.broker.listener.on_order(report(order))
        if fill:
            desk.fill(order)
        raise TimeoutError("the answer was cut off")

    desk.broker.on_submit = take_then_fail
    [order] = desk.enter()
    assert order.state is (OrderState.FILLED if fill else OrderState.ACKED)
    assert desk.held() == (10 if fill else 0)


def test_a_fill_that_overtakes_its_acknowledgement_is_counted_and_the_late_one_is_harmless(desk: Desk) -> None:
    desk.broker.on_submit = lambda order: (desk.fill(order), desk.broker.listener.on_order(report(order)))[-1]
    [order] = desk.enter()
    assert (order.state, desk.held()) == (OrderState.FILLED, 10)


def test_a_reversal_is_two_orders_closing_first(desk: Desk) -> None:
    desk.hold()
    closing, opening = desk.enter(Direction.SHORT)
    assert (closing.side, closing.size, closing.reduce_only) == (Side.SELL, 10, True)
    assert (opening.side, opening.size, opening.reduce_only) == (Side.SELL, 10, False)
    assert closing.client_order_id != opening.client_order_id
    desk.fill(closing)
    desk.fill(opening)
    assert desk.held() == -10


def test_a_reversal_whose_entry_is_denied_still_closes(desk: Desk) -> None:
    desk.hold()
    desk.rule.reason = "no shorts"
    closing, opening = desk.enter(Direction.SHORT)
    assert (closing.state, opening.state) == (OrderState.ACKED, OrderState.DENIED)


def test_a_reversal_that_cannot_be_judged_leaves_no_order_waiting_to_be_sent(desk: Desk) -> None:
    desk.ledger.apply(Fill("f", "o", "a", "other", "NEVER-MARKED", Side.BUY, D(1), D(1), D(0), NOW))
    desk.ledger.apply(Fill("g", "o", "a", "s", "X", Side.BUY, D(10), D(100), D(0), NOW))
    with suppress(BadInput):
        desk.enter(Direction.SHORT)
    assert [o.state for o in desk.repository.orders() if o.state is OrderState.READY] == []


@pytest.mark.parametrize("direction", list(Direction))
def test_an_exit_while_flat_is_ignored_and_journalled(desk: Desk, direction: Direction) -> None:
    assert desk.exit(direction) == []
    assert desk.repository.orders() == []
    assert desk.repository.journal()[-1]["kind"] == "ignored"


def test_an_exit_of_the_other_side_is_ignored(desk: Desk) -> None:
    desk.hold()
    assert desk.exit(Direction.SHORT) == []


def test_an_exit_while_an_exit_is_working_is_ignored(desk: Desk) -> None:
    desk.hold()
    assert len(desk.exit()) == 1
    assert desk.exit() == []


def test_an_entry_while_held_or_while_one_is_working_is_ignored(desk: Desk) -> None:
    [order] = desk.enter()
    assert desk.enter() == []
    desk.fill(order)
    assert desk.enter() == []
    assert len(desk.broker.sent) == 1


def test_an_exit_cancels_an_entry_that_is_still_working(desk: Desk) -> None:
    [entry] = desk.enter()
    assert desk.exit() == []
    assert desk.now(entry).state is OrderState.CANCELLED


def test_an_exit_while_the_entrys_fate_is_unknown_does_not_break(desk: Desk) -> None:
    desk.broker.on_submit = lambda order: (_ for _ in ()).throw(TimeoutError())
    [entry] = desk.enter()
    assert desk.exit() == []
    assert desk.now(entry).state is OrderState.UNKNOWN


@pytest.mark.parametrize("strategy", ["s", "another"])
def test_an_exit_of_unknown_fate_blocks_entries_of_its_account_and_instrument(desk: Desk, strategy: str) -> None:
    desk.hold()
    desk.broker.on_submit = lambda order: (_ for _ in ()).throw(TimeoutError())
    [closing] = desk.exit()
    assert closing.state is OrderState.UNKNOWN
    sent = len(desk.broker.sent)
    desk.enter(strategy=strategy)
    assert len(desk.broker.sent) == sent


@pytest.mark.parametrize(
    ("error", "state"), [(Refused("too late"), OrderState.ACKED), (TimeoutError("cut off"), OrderState.CANCEL_PENDING)]
)
def test_a_cancel_that_fails_is_answered_by_the_table_and_not_thrown(
    desk: Desk, error: Exception, state: OrderState
) -> None:
    def fail(order: Order) -> None:
        raise error

    [entry] = desk.enter()
    desk.broker.on_cancel = fail
    desk.manager.cancel(entry.order_id)
    assert desk.now(entry).state is state


def test_a_cancel_of_an_order_at_its_end_is_nothing(desk: Desk) -> None:
    entry = desk.hold()
    desk.manager.cancel(entry.order_id)
    assert desk.broker.cancelled == []


def test_an_entry_in_a_symbol_nobody_knows_is_refused_by_name(desk: Desk) -> None:
    with pytest.raises(WorkbenchError, match=r"NOPE"):
        desk.enter(symbol="NOPE")
    assert desk.broker.sent == []


def test_an_entry_the_other_way_takes_back_one_that_still_works(desk: Desk) -> None:
    [long] = desk.enter()
    [short] = desk.enter(Direction.SHORT)
    assert desk.now(long).state is OrderState.CANCELLED
    assert (short.state, short.side) == (OrderState.ACKED, Side.SELL)


def test_an_exit_of_the_side_a_reversal_enters_leaves_the_account_flat(desk: Desk) -> None:
    desk.hold()
    close, short = desk.enter(Direction.SHORT)
    assert desk.exit(Direction.SHORT) == []
    assert desk.now(short).state is OrderState.CANCELLED
    desk.fill(close)
    assert desk.held() == 0


def test_a_close_that_contradicts_itself_keeps_no_other_from_closing(desk: Desk) -> None:
    desk.hold()
    [close] = desk.exit()
    desk.repository.change_order(replace(desk.now(close), state=OrderState.QUARANTINED), "contradict", NOW)
    [again] = desk.exit()
    assert (again.state, again.side) == (OrderState.ACKED, Side.SELL)
