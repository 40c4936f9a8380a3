"""All that the paper broker knows, kept in its book: orders, accounts, children, fills, and how far time has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

from workbench.errors import BadInput
from workbench.model import MONEY_CONTEXT, Instrument, Order, OrderState, Side, from_json, iso, to_json
from workbench.ports import BrokerListener, BrokerOrder, Execution
from workbench_plugins.paper_account import Account
from workbench_plugins.paper_book import PaperBook
from workbench_plugins.paper_children import Groups, Place, Protected

WORKS = (OrderState.ACKED, OrderState.PARTIAL)


@dataclass(frozen=True, slots=True)
class Wait:
    """How an order waits: it trades in a bar or quote later than `after`, the last it was given after or tried in.

    `skip` is how many traded bars it still lets pass and `active_at` (UTC) from when on it trades, where there is
    latency. `is_triggered` says that its level was reached: what is left takes what the market gives. `has_rested`
    says that it stood in the order book when the last quote came. `day` is the one an order for a day is good for.
    """

    after: datetime | None
    skip: int = 0
    active_at: datetime | None = None
    is_triggered: bool = False
    has_rested: bool = False
    day: date | None = None

    def to_doc(self) -> dict[str, Any]:
        """How it waits as JSON values, without what is as it is for most."""
        doc: dict[str, Any] = {"after": None if self.after is None else iso(self.after)}
        if self.skip:
            doc["skip"] = self.skip
        if self.active_at is not None:
            doc["active_at"] = iso(self.active_at)
        if self.is_triggered:
            doc["triggered"] = True
        if self.has_rested:
            doc["rested"] = True
        if self.day is not None:
            doc["day"] = self.day.isoformat()
        return doc

    @staticmethod
    def of_doc(doc: dict[str, Any]) -> "Wait":
        """How an order of a document waits."""
        active_at, day = doc.get("active_at"), doc.get("day")
        return Wait(
            instant(doc["after"]), doc.get("skip", 0), instant(active_at), doc.get("triggered", False),
            doc.get("rested", False), None if day is None else date.fromisoformat(day),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PaperEvent:
    """Something that no order report says: `kind` is margin_call, margin_restored or square_off; `at` is UTC."""

    kind: str
    account: str
    at: datetime
    words: str


class State:
    """What the broker knows, and the changes to it; `book.commit` makes the changes since the last one durable."""

    def __init__(self, book: Path | None) -> None:
        self.book = PaperBook(book)
        self.listener: BrokerListener | None = None
        self.accounts: dict[str, Account] = {}
        self.instruments: dict[str, Instrument] = {}
        self.orders: dict[str, Order] = {}
        self.numbers: dict[str, int] = {}
        """In which order the orders came."""
        self.client_ids: set[tuple[str, str]] = set()
        self.waiting: dict[str, Wait] = {}
        """Orders that wait or rest."""
        self.groups = Groups()
        self.inside: dict[Place, tuple[datetime, Decimal]] = {}
        """Positions entered inside a bar: the bar's start, and at what price."""
        self.fills: list[Execution] = []
        self.taken: dict[tuple[str, str, Side], tuple[datetime, Decimal]] = {}
        """How much (raw units) each account bought and sold of a symbol in the last bar or quote in which it did."""
        self.begun: dict[str, datetime] = {}
        """For each symbol the last bar that began."""
        self.ended: dict[str, datetime] = {}
        """For each symbol the end of that bar, or the time of the last quote."""
        self.quoted: dict[str, datetime] = {}
        """For each symbol that trades on quotes the time of the last one."""
        self.slips: dict[str, tuple[int, float]] = {}
        """For each symbol the slippage after its last traded bar: its rate, and what each raw unit adds (1e-8)."""
        self.marks: dict[str, Decimal] = {}
        self.events: list[PaperEvent] = []
        self._read()

    # ---- telling -----------------------------------------------------------------------------------------------------

    @property
    def tell(self) -> BrokerListener:
        """The listener. Raises BadInput where there is none."""
        if self.listener is None:
            raise BadInput("paper broker", "listener", "is not connected", "call connect before the first order")
        return self.listener

    def tell_of(self, order_id: str) -> None:
        """Report where an order stands."""
        self.tell.on_order(listed(self.orders[order_id]))

    def close(self, order_id: str, state: OrderState, reason: str) -> None:
        """End an order, and tell."""
        self.waiting.pop(order_id, None)
        self.keep_order(self.ended_as(order_id, state, reason))
        self.book.commit()
        self.tell_of(order_id)

    def ended_as(self, order_id: str, state: OrderState, reason: str) -> Order:
        """An order in the state it ends in."""
        return self.orders[order_id].but(state=state, reason=reason)

    def note(self, kind: str, account: str, at: datetime, words: str) -> None:
        """Keep an event with the next commit."""
        self.events.append(PaperEvent(kind, account, at, words))
        doc = {"kind": kind, "account": account, "at": iso(at), "words": words}
        self.book.put("event", str(len(self.events)), doc)

    # ---- children ----------------------------------------------------------------------------------------------------

    def detach(self, order_id: str) -> bool:
        """Take a child off its position; False when it was not there."""
        group = self.groups.holding(order_id)
        if group is None:
            return False
        group.detach(order_id)
        if not group.children:
            self.groups.remove(group)
        self.keep_group(group)
        return True

    # ---- keeping -----------------------------------------------------------------------------------------------------

    def keep_order(self, order: Order) -> None:
        """Change an order, and how it waits, with the next commit."""
        self.orders[order.order_id] = order
        self.numbers.setdefault(order.order_id, len(self.numbers))
        if self.book.is_kept:
            wait = self.waiting.get(order.order_id)
            doc = {"order": to_json(order), "waits": wait is not None, "after": None}
            self.book.put("order", order.order_id, doc | wait.to_doc() if wait is not None else doc)

    def wait(self, order_id: str, wait: Wait) -> None:
        """Change how an order waits, with the next commit."""
        self.waiting[order_id] = wait
        self.keep_order(self.orders[order_id])

    def keep_account(self, account: str) -> None:
        """Change an account with the next commit."""
        if self.book.is_kept:
            self.book.put("account", account, self.accounts[account].to_doc())

    def keep_group(self, group: Protected) -> None:
        """Change a group of children with the next commit, or take it out where it is gone."""
        if self.book.is_kept:
            is_there = any(group is other for other in self.groups.of(group.place))
            key = "|".join((*group.place, group.name) if group.name else group.place)
            self.book.put("protected", key, group.to_doc() if is_there else None)

    def keep_inside(self, place: Place, start: datetime, price: Decimal) -> None:
        """Note with the next commit that a position was entered inside a bar."""
        self.inside[place] = start, price
        if self.book.is_kept:
            self.book.put("inside", "|".join(place), [*place, iso(start), f"{price:f}"])

    def keep_fill(self, fill: Execution) -> None:
        """Add a fill with the next commit."""
        self.fills.append(fill)
        self._take(fill)
        self.book.put("fill", fill.fill_id, to_json(fill) if self.book.is_kept else None)

    def keep_time(self, kind: str, symbol: str, at: datetime) -> None:
        """Note the last bar ("begun"), its end ("ended") or the last quote ("quoted") of a symbol."""
        {"begun": self.begun, "ended": self.ended, "quoted": self.quoted}[kind][symbol] = at
        self.book.put(kind, symbol, iso(at))

    def keep_mark(self, symbol: str, price: Decimal) -> None:
        """Note what a symbol is worth."""
        self.marks[symbol] = price
        self.book.put("mark", symbol, f"{price:f}")

    def keep_slip(self, symbol: str, base: int, per_unit: float) -> None:
        """Note the slippage that counts after a bar."""
        self.slips[symbol] = base, per_unit
        self.book.put("slip", symbol, [base, per_unit])

    def taken_at(self, account: str, symbol: str, side: Side, at: datetime) -> Decimal:
        """How much (raw units) an account has bought or sold of a symbol in the bar or quote of an instant."""
        then, size = self.taken.get((account, symbol, side), (None, Decimal(0)))
        return size if then == at else Decimal(0)

    def pieces_of(self, order: Order) -> Sequence[Execution]:
        """The fills of an order so far, newest first."""
        found: list[Execution] = []
        left = order.filled
        for fill in reversed(self.fills):
            if left <= 0:
                break
            if fill.broker_id == order.order_id:
                found.append(fill)
                left -= fill.size
        return found

    def _take(self, fill: Execution) -> None:
        before = self.taken_at(fill.account, fill.symbol, fill.side, fill.time)
        with localcontext(MONEY_CONTEXT):
            raw = before + fill.size * fill.factor
        self.taken[fill.account, fill.symbol, fill.side] = fill.time, raw

    def _read(self) -> None:
        for order_id, doc in self.book.read("order"):
            order = self.orders[order_id] = from_json(Order, doc["order"])
            self.client_ids.add((order.account, order.client_order_id))
            if doc["waits"]:
                self.waiting[order_id] = Wait.of_doc(doc)
        self.numbers = {order_id: number for number, order_id in enumerate(self.orders)}
        only = {order.account: order.strategy for order in self.orders.values()}
        for name, doc in self.book.read("account"):
            self.accounts[name] = Account.of_doc(name, doc, only.get(name, ""))
        for _, doc in self.book.read("fill"):
            fill = from_json(Execution, doc)
            self.fills.append(fill)
            self._take(fill)
        for kind, known in (("begun", self.begun), ("ended", self.ended), ("quoted", self.quoted)):
            known.update({symbol: datetime.fromisoformat(at) for symbol, at in self.book.read(kind)})
        self.marks = {symbol: Decimal(price) for symbol, price in self.book.read("mark")}
        self.slips = {symbol: (int(base), float(more)) for symbol, (base, more) in self.book.read("slip")}
        for _, (account, strategy, symbol, start, price) in self.book.read("inside"):
            self.inside[account, strategy, symbol] = datetime.fromisoformat(start), Decimal(price)
        for _, doc in self.book.read("event"):
            at = datetime.fromisoformat(doc["at"])
            self.events.append(PaperEvent(doc["kind"], doc["account"], at, doc["words"]))
        for _, doc in self.book.read("protected"):
            self.groups.add(Protected.of_doc(doc, only.get(doc["account"], "")))


def listed(order: Order) -> BrokerOrder:
    """An order as it is listed; its broker's name for it is ours."""
    return BrokerOrder(
        order.account, order.symbol, order.side, order.size, order.state, order.client_order_id, order.order_id,
        order.type, order.limit, order.level, order.filled, order.reason, order.created_at, order.strategy,
    )  # fmt: skip


def instant(text: str | None) -> datetime | None:
    """A time of a document."""
    return None if text is None else datetime.fromisoformat(text)
