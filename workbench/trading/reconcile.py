"""Reconciliation: what the broker knows, against what is on file; at start-up, and for as long as a session runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from decimal import Decimal, localcontext
from typing import TypeVar

from workbench.errors import LeaseLost
from workbench.model import FINAL, MONEY_CONTEXT, Order, OrderState
from workbench.ports import BrokerOrder, DriftBook
from workbench.trading.answers import EXTERNAL
from workbench.trading.order_manager import OrderManager
from workbench.trading.transitions import AT_BROKER, IN_FLIGHT, OrderEvent

T = TypeVar("T")

IN_FLIGHT_EVERY, ORDERS_EVERY, BOOKS_EVERY = 2.0, 10.0, 30.0
"""Seconds between two looks at orders that wait for an answer, at orders that work, at positions and cash."""
CENT = Decimal("0.005")
"""Cash that differs by less is the same to the cent."""
_LONGEST_WAIT = 30.0
_ADOPTED_WITHIN = timedelta(days=7)
"""How far back a restart looks for orders of others of which it did not come to tell anybody."""
_CHANGE_SECONDS = 10.0
"""After so long a change that the broker does not show was not taken."""
_WORKING_THERE = (OrderState.ACKED, OrderState.PARTIAL)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What reconciliation found at start-up; `drift` is what it could not explain, in words."""

    fills: int = 0
    settled: int = 0
    sent_again: int = 0
    drift: tuple[str, ...] = ()


def wrong_mode(now: str, wanted: str) -> str:
    """What is said of a broker in another mode than its account is for."""
    return f"the broker is in mode {now}, and the account is for {wanted}"


class Unanswered(Exception):
    """The broker could not be asked."""


class Reconciler:
    """Keeps one account in line with its broker, on the broker's evidence.

    Orders in doubt are settled by what the broker has; one it proves never to have had goes out again under the same
    client order id, where the broker knows those ids and the time in which it lists what it took has passed. A blind
    broker proves nothing: there a person decides. What cannot be explained is a drift: it is kept, shown, and blocks
    new risk in its symbol until evidence or a person resolves it. A query that fails never means that there is nothing.
    `elapsed` is a clock in seconds that only rises. `mode` is in which the broker has to be, where that matters: what
    it says in another one is about other books, and no answer.
    """

    def __init__(
        self, manager: OrderManager, account: str, drifts: DriftBook, elapsed: Callable[[], float], mode: str = ""
    ) -> None:
        self.manager, self.account, self._mode = manager, account, mode
        self._drifts, self._elapsed = drifts, elapsed
        self._due = dict.fromkeys(("flight", "orders", "books"), 0.0)
        self._since: dict[str, float] = {}
        """When each order was first not as it should be."""
        self._odd: dict[str, Decimal] = {}
        """Differences seen once, and by how much: a fill may be on its way."""
        self._counted: set[str] = set()
        self._trouble, self._wait, self._again = "", 0.0, 0.0

    # ---- at start-up -------------------------------------------------------------------------------------------------

    def start(self) -> Reconciled:
        """Bring the account into line before anything new is sent. Raises where the broker cannot be asked.

        Orders that were being sent become UNKNOWN first. At the end what was decided and never sent goes out, what
        reduces first; with a drift only that.
        """
        manager, repository = self.manager, self.manager.repository
        for order in repository.open_orders(self.account):
            if order.state is OrderState.SENDING:
                manager.step(replace(order, reason="the process ended in the middle"), OrderEvent.LOSE)
        before = {order.order_id: order.state for order in repository.open_orders(self.account)}
        recent = repository.orders_since(self.account, manager.now - _ADOPTED_WITHIN)
        manager.answers.adopted |= {o.order_id for o in recent if o.strategy == EXTERNAL and o.broker_id}
        self._counted = {fill.fill_id for fill in repository.fills(self.account)}
        fills = len(self._counted)
        self._look_at_orders()
        self._look_at_books(at_once=True)
        manager.monitor.legs.recall(self.account)
        drift = tuple(d.words for d in self._drifts.open(self.account))
        waiting = [o for o in repository.open_orders(self.account) if o.state is OrderState.READY]
        for order in sorted(waiting, key=lambda o: not o.reduce_only):
            manager.send(order)
        now = self._elapsed()
        self._due = {"flight": now + IN_FLIGHT_EVERY, "orders": now + ORDERS_EVERY, "books": now + BOOKS_EVERY}
        settled = sum(1 for order_id, state in before.items() if repository.order(order_id).state is not state)
        return Reconciled(len(repository.fills(self.account)) - fills, settled, len(waiting), drift)

    # ---- for ever ----------------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Look at what is due; whether anything was. A broker that does not answer blocks new risk until it does."""
        now = self._elapsed()
        if now < self._again or now < min(self._due.values()):
            return False
        states = {order.state for order in self.manager.repository.open_orders(self.account)}
        missing = self.manager.answers.missing
        flight = now >= self._due["flight"] and (bool(states & IN_FLIGHT) or bool(missing))
        orders = now >= self._due["orders"] and bool(states & AT_BROKER)
        books = now >= self._due["books"] or bool(self._trouble)  # it answers again: that is told at once
        for name, every in (("flight", IN_FLIGHT_EVERY), ("orders", ORDERS_EVERY), ("books", BOOKS_EVERY)):
            if now >= self._due[name]:
                self._due[name] = now + every
        if not (flight or orders or books):
            return False
        try:
            if flight or orders or books:
                self._look_at_orders()
            if books:
                self._look_at_books(at_once=False)
        except Unanswered as error:
            self._fall_silent(str(error))
            return True
        self._trouble, self._wait = "", 0.0
        return True

    def look(self) -> str:
        """Look at everything now, as a person asks for it; why it could not be, empty where it could."""
        self._due = dict.fromkeys(self._due, 0.0)
        self._again = 0.0
        self.step()
        return self._trouble

    @property
    def trouble(self) -> str:
        """Why the broker could not be asked the last time; empty where it answered."""
        return self._trouble

    def _fall_silent(self, words: str) -> None:
        self._wait = min(max(2 * self._wait, IN_FLIGHT_EVERY), _LONGEST_WAIT)
        self._again = self._elapsed() + self._wait
        if words != self._trouble:
            self._trouble = words
            self._drifts.looked(self.account, words, {"health": asdict(self.manager.broker.health())})
            self.manager.repository.note("broker_silent", self.account, self.manager.now, reason=words)

    def _ask(self, question: Callable[[], T]) -> T:
        try:
            answer = question()
            now = self.manager.broker.health().mode if self._mode else ""
        except LeaseLost:
            raise
        except Exception as error:  # whatever it was, nothing is known now
            raise Unanswered(f"the broker does not answer: {type(error).__name__}: {error}") from error
        if now != self._mode:
            raise Unanswered(wrong_mode(now, self._mode))
        return answer

    # ---- orders ------------------------------------------------------------------------------------------------------

    def _look_at_orders(self) -> None:
        """Count the broker's fills, bring each order to where the broker has it, and judge those it does not list."""
        manager, repository = self.manager, self.manager.repository
        before = {order.order_id: order.state for order in repository.open_orders(self.account)}
        listed = [o for o in self._ask(manager.broker.orders) if o.account == self.account]
        fills = [f for f in self._ask(manager.broker.fills) if f.account == self.account]
        for report in listed:  # orders of others first: a fill alone does not say how large its order is
            if manager.answers.known(self.account, report.client_order_id, report.broker_id) is None:
                manager.answers.on_order(report)
        for fill in sorted(fills, key=lambda f: f.time):
            if fill.fill_id not in self._counted:
                manager.answers.on_fill(fill)
                self._counted.add(fill.fill_id)
        seen = set()
        for report in listed:
            order = manager.answers.known(self.account, report.client_order_id, report.broker_id)
            if order is not None and order.state in FINAL:
                seen.add(order.order_id)
                self._of_the_dead(order, report)
                continue
            manager.answers.on_order(report)
            order = manager.answers.known(self.account, report.client_order_id, report.broker_id)
            if order is not None:
                seen.add(order.order_id)
                self._listed(order, report)
        for order in repository.open_orders(self.account):
            # what was sent, or answered, since the list was asked for is no subject of it
            if order.order_id not in seen and before.get(order.order_id) is order.state:
                self._absent(order)
        self._watch_external()

    def _listed(self, order: Order, report: BrokerOrder) -> None:
        """An order the broker has: a cancel it never heard is asked for again, a change not shown was refused."""
        manager = self.manager
        if order.state is OrderState.CANCEL_PENDING and report.state in _WORKING_THERE:
            manager.changes.cancel_at_broker(order.order_id)
        elif order.state is OrderState.MODIFY_PENDING and self._for_long(order, _CHANGE_SECONDS):
            event = OrderEvent.REFUSE_CHANGE_PARTIAL if order.filled else OrderEvent.REFUSE_CHANGE
            manager.step(replace(order, reason="the broker does not show the change"), event)
        if order.state is not OrderState.MODIFY_PENDING:
            self._since.pop(order.order_id, None)
            self._since.pop(f"absent {order.order_id}", None)

    def _of_the_dead(self, order: Order, report: BrokerOrder) -> None:
        """An order that has ended here: alive at the broker at two looks in a row, it contradicts itself."""
        if report.state not in _WORKING_THERE or order.state is OrderState.FILLED:
            self._since.pop(f"dead {order.order_id}", None)
        elif f"dead {order.order_id}" in self._since:
            words = f"ended here as {order.state}, and {report.state} at the broker"
            if order.state is not OrderState.DENIED:
                self.manager.step(replace(order, reason=words), OrderEvent.CONTRADICT)
        else:
            self._since[f"dead {order.order_id}"] = self._elapsed()

    def _absent(self, order: Order) -> None:
        """An order the broker does not list."""
        manager, broker = self.manager, self.manager.broker.capabilities
        if order.state not in AT_BROKER and order.state not in IN_FLIGHT:
            return
        was_there = bool(order.broker_id or order.filled) or order.state in AT_BROKER
        if not was_there and broker.resend not in ("dedupes", "searchable"):  # absence proves nothing: a person decides
            if order.state is OrderState.SENDING and self._for_long(
                order, max(broker.listed_within, IN_FLIGHT_EVERY), "absent "
            ):
                manager.step(replace(order, reason="no answer"), OrderEvent.LOSE)
            return
        if not self._for_long(order, broker.listed_within, "absent "):
            return
        self._since.pop(f"absent {order.order_id}", None)
        if was_there:
            manager.step(replace(order, reason="the broker does not know it any more"), OrderEvent.CONTRADICT)
            return
        if order.state is OrderState.SENDING:
            order = manager.step(replace(order, reason="no answer"), OrderEvent.LOSE)
        ready = manager.step(replace(order, reason="proven never to have arrived"), OrderEvent.UNSENT)
        manager.send(ready)

    def _for_long(self, order: Order, seconds: float, why: str = "") -> bool:
        """Whether it was as it is for so long; the first time that is asked counts as its beginning."""
        now = self._elapsed()
        return now - self._since.setdefault(f"{why}{order.order_id}", now) >= seconds

    def _watch_external(self) -> None:
        """An order of others blocks new risk in its symbol until a person has looked at it."""
        repository, adopted = self.manager.repository, self.manager.answers.adopted
        found = {o.order_id: o for o in repository.open_orders(self.account) if o.strategy == EXTERNAL}
        found |= {order_id: repository.order(order_id) for order_id in adopted}
        adopted.clear()
        for order in found.values():
            about = f"order:{order.order_id}"
            if order.account == self.account and not self._drifts.known(self.account, about):
                words = (
                    f"{order.side} {order.size:f} {order.symbol} at the broker (its id {order.broker_id}) is not ours"
                )
                self._keep(about, order.symbol, words)

    # ---- positions and cash ------------------------------------------------------------------------------------------

    def _look_at_books(self, *, at_once: bool) -> None:
        """Compare positions and cash. A difference counts once it was seen twice in a row, at start-up at once."""
        manager = self.manager
        positions = [p for p in self._ask(manager.broker.positions) if p.account == self.account and p.size != 0]
        listed: dict[str, Decimal] = {}
        held: dict[str, Decimal] = {}
        with localcontext(MONEY_CONTEXT):
            for found, into in ((positions, listed), (manager.ledger.positions(self.account), held)):
                for position in found:
                    into[position.symbol] = into.get(position.symbol, Decimal(0)) + position.size
        odd: dict[str, tuple[str, str, Decimal]] = {}
        for symbol in sorted(held.keys() | listed.keys()):
            ours, theirs = held.get(symbol, Decimal(0)), listed.get(symbol, Decimal(0))
            if ours != theirs:
                words = f"position in {symbol}: {ours} on file, {theirs} at the broker"
                odd[f"position:{symbol}"] = symbol, words, theirs - ours
        cash = manager.ledger.cash(self.account)
        told = self._ask(lambda: manager.broker.cash(self.account))
        if manager.broker.capabilities.exact_cash and abs(cash - told) >= CENT:
            odd["cash"] = "", f"cash: {cash} on file, {told} at the broker", round(told - cash, 2)
        for about, (symbol, words, by) in odd.items():
            if at_once or self._odd.get(about) == by:
                self._keep(about, symbol, words)
        if any(self._odd.get(about) != by for about, (_, _, by) in odd.items()):
            self._due["books"] = self._elapsed() + IN_FLIGHT_EVERY  # looked at again soon
        self._odd = {about: by for about, (_, _, by) in odd.items()}
        for drift in self._drifts.open(self.account):
            if (drift.about == "cash" or drift.about.startswith("position:")) and drift.about not in odd:
                self._drifts.resolve(self.account, drift.about, "evidence", "books and broker agree again")
        self._block()
        health = asdict(manager.broker.health())
        self._drifts.looked(self.account, "", {"cash": str(told), "positions": str(len(positions)), "health": health})

    def _keep(self, about: str, symbol: str, words: str) -> None:
        """Keep a drift and take entries in its symbol back."""
        if self._drifts.see(self.account, about, symbol, words):
            self.manager.repository.note("alert", self.account, self.manager.now, reason=words)
            for order in self._entries(symbol):
                self.manager.cancel(order.order_id, f"drift: {words}")
        self._block()

    def _entries(self, symbol: str) -> Sequence[Order]:
        found = self.manager.repository.open_orders(self.account, symbol or None)
        return [order for order in found if not order.reduce_only and order.strategy != EXTERNAL]

    def _block(self) -> None:
        """Let the order manager know where no new risk may be taken."""
        self.manager.drifts = {d.symbol: f"drift: {d.words}" for d in self._drifts.open(self.account)}
