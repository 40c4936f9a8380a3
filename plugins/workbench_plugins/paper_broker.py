"""The paper broker: accounts of its own, traded on bars by the one rule for fills."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal, localcontext
from pathlib import Path

from workbench.errors import BadInput, Refused, UnknownName
from workbench.fills import Costs, affordable, open_price, order_fee, whole_lots
from workbench.model import (
    MONEY_CONTEXT,
    Bar,
    Instrument,
    Order,
    OrderState,
    OrderType,
    Position,
    Validity,
    from_json,
    iso,
    positive,
    to_json,
)
from workbench.ports import BrokerCapabilities, BrokerHealth, BrokerListener, BrokerOrder, Execution
from workbench_plugins.paper_book import PaperBook
from workbench_plugins.paper_resting import after_entry, match
from workbench_plugins.paper_state import Account, Protected, instant

_RESTING = frozenset({OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT})
_LONGEST_LIST = 2_000
"""How many of the orders that ended, and of the fills, are listed."""


class PaperBroker:
    """Implements `workbench.ports.BarBroker`.

    Market orders wait for the next traded bar and fill at its open; limit and stop orders rest from the next bar on;
    children of a position are tried inside the bar. Each strategy's position is held by itself.
    Nothing here is random: the same orders and bars give the same fills. With a `book` (a file) everything is on disk
    before it is told, and a bar that was broken off by a crash can be given again: what happened in it stays.
    """

    def __init__(self, costs: Costs | None = None, book: Path | None = None) -> None:
        self.capabilities = BrokerCapabilities(
            resend="dedupes",
            types=_RESTING | {OrderType.MARKET},
            validities=frozenset(Validity),
            protection=True,
            shorts=True,
            modify=True,
        )
        self.costs = costs or Costs()
        self._book = PaperBook(book)
        self._listener: BrokerListener | None = None
        self._accounts: dict[str, Account] = {}
        self._instruments: dict[str, Instrument] = {}
        self._orders: dict[str, Order] = {}
        self._client_ids: set[tuple[str, str]] = set()
        self._waiting: dict[str, datetime | None] = {}
        """Orders that wait or rest, with the bar they were given after: they trade in a later one."""
        self._protected: dict[tuple[str, str, str], Protected] = {}
        self._inside: dict[tuple[str, str, str], Decimal] = {}
        """Positions entered inside the bar that happens now, and at what price."""
        self._fills: list[Execution] = []
        self._begun: dict[str, datetime] = {}
        """For each symbol the last bar that began."""
        self._days: dict[str, date] = {}
        """The day each order good for a day first saw a bar of."""
        self._read_book()

    # ---- what a broker does ------------------------------------------------------------------------------------------

    def connect(self, listener: BrokerListener) -> None:
        """Start reporting to a listener."""
        self._listener = listener

    def open_account(self, account: str, cash: Decimal, instruments: Iterable[Instrument]) -> None:
        """Add an account with its starting cash and what it may trade; one that the book has goes on as it stands."""
        if account in self._accounts and not self._book.is_kept:
            raise BadInput("account", account, "exists already")
        self._instruments.update({instrument.symbol: instrument for instrument in instruments})
        if account not in self._accounts:
            self._accounts[account] = Account(account, positive("cash", cash))
            self._keep_account(account)
            self._book.commit()

    def check(self, order: Order) -> str:
        """Why an order would be refused: an unknown account or symbol, no size."""
        if order.account not in self._accounts:
            return f"paper account {order.account} does not exist; known: {', '.join(self._accounts)}"
        if order.symbol not in self._instruments:
            return f"symbol {order.symbol} is not traded here; known: {', '.join(self._instruments)}"
        return f"size {order.size} must be above 0" if order.size <= 0 else ""

    def submit(self, order: Order) -> None:
        """Take an order; Refused for what `check` says, and for a client order id seen before."""
        refusal = self.check(order)
        if refusal:
            raise Refused(refusal)
        if (order.account, order.client_order_id) in self._client_ids:
            raise Refused(f"client order id {order.client_order_id} was used before")
        if order.protects:
            self._attach(order)
        elif order.type is OrderType.MARKET or order.type in _RESTING:
            self._waiting[order.order_id] = self._begun.get(order.symbol)
        else:
            raise Refused(f"a {order.type} order is held here only to protect a position")
        self._client_ids.add((order.account, order.client_order_id))
        self._keep_order(replace(order, state=OrderState.ACKED))
        self._book.commit()
        self._tell_of(order.order_id)

    def modify(self, order: Order) -> None:
        """Change size, limit and level of a working order at once."""
        known = self._orders.get(order.order_id)
        if known is None or known.state not in (OrderState.ACKED, OrderState.PARTIAL):
            raise Refused(f"order {order.order_id} is not working")
        if order.size <= known.filled:
            raise Refused(f"size {order.size} is not above what has filled, {known.filled}")
        key = self._key(known)
        if known.protects and order.level is not None and key in self._protected:
            group = self._protected[key]
            group.detach(known.order_id)
            group.attach(replace(known, level=order.level))
            self._keep_protected(*key)
        self._keep_order(replace(known, size=order.size, limit=order.limit, level=order.level))
        self._book.commit()
        self._tell_of(order.order_id)

    def cancel(self, order: Order) -> None:
        """Cancel a working order at once."""
        order_id = order.order_id
        if order_id in self._waiting:
            del self._waiting[order_id]
        elif not self._detach(order_id):
            raise Refused(f"order {order_id} is not working")
        self._close(order_id, OrderState.CANCELLED, "asked for")

    def deliver(self) -> bool:
        """Nothing comes in by itself: everything is told when it happens."""
        return False

    def health(self) -> BrokerHealth:
        """It is here."""
        return BrokerHealth("paper")

    def orders(self) -> Sequence[BrokerOrder]:
        """Orders that work, and the last ones that ended."""
        ended = [order for order in self._orders.values() if order.state not in _WORKS][-_LONGEST_LIST:]
        return [_listed(o) for o in (*ended, *(o for o in self._orders.values() if o.state in _WORKS))]

    def fills(self) -> Sequence[Execution]:
        """The last fills."""
        return self._fills[-_LONGEST_LIST:]

    def positions(self) -> Sequence[Position]:
        """All positions that are not flat, each strategy's by itself."""
        return [p for a in self._accounts.values() for p in a.positions.values() if p.size != 0]

    def cash(self, account: str) -> Decimal:
        """Cash of an account, proceeds of shorts included."""
        if account not in self._accounts:
            raise UnknownName("account", account, self._accounts)
        return self._accounts[account].cash

    # ---- a bar happens -----------------------------------------------------------------------------------------------

    def trade_bars(self, bars: Mapping[str, Bar]) -> None:
        """Let one instant's bars happen; rows are those of the table in docs/fills.md."""
        traded = {symbol: bar for symbol, bar in bars.items() if bar.traded}  # row 1
        for symbol, bar in bars.items():
            if self._begun.get(symbol) != bar.start:
                self._begun[symbol] = bar.start
                self._book.put("begun", symbol, iso(bar.start))
        with localcontext(MONEY_CONTEXT):
            place = {symbol: i for i, symbol in enumerate(self._instruments)}
            waiting = sorted((self._orders[i] for i in self._waiting), key=lambda order: place[order.symbol])
            for reduce_only in (True, False):  # row 2: closes first; row 25: over all symbols, in their order
                for order in waiting:
                    if order.symbol not in traded or order.reduce_only is not reduce_only:
                        continue
                    bar = traded[order.symbol]
                    if order.order_id in self._waiting and self._waiting[order.order_id] != bar.start:
                        self._try(order, bar)
            for key, protected in list(self._protected.items()):
                if key[2] in traded and protected.tried != traded[key[2]].start:
                    protected.tried = traded[key[2]].start
                    self._keep_protected(*key)
                    self._try_levels(key, protected, traded[key[2]])
            self._inside.clear()
        self._book.commit()

    def _try(self, order: Order, bar: Bar) -> None:
        """Let one bar happen to an order that waits or rests."""
        if order.type is OrderType.MARKET:
            del self._waiting[order.order_id]
            price = open_price(bar.open, order.side, self.costs.slippage_bps, self._instruments[order.symbol])
            self._fill_at(order, price, bar)
            return
        if order.handling.validity is Validity.DAY:
            day = bar.start.date()
            if self._days.setdefault(order.order_id, day) < day:
                del self._waiting[order.order_id]
                self._close(order.order_id, OrderState.EXPIRED, "its day is over")
                return
        found = match(order, bar, self.costs.slippage_bps, self._instruments[order.symbol])
        if found is not None and found.price is not None:
            del self._waiting[order.order_id]
            if not found.at_open:
                self._inside[self._key(order)] = found.price
            self._fill_at(order, found.price, bar)
        elif found is not None:  # its stop was reached beyond its limit: a limit order from the next bar on
            self._waiting[order.order_id] = bar.start
            self._keep_order(replace(order, type=OrderType.LIMIT, level=None))
        elif order.handling.validity is Validity.IOC:
            del self._waiting[order.order_id]
            self._close(order.order_id, OrderState.CANCELLED, "nothing to trade with at once")

    def _fill_at(self, order: Order, price: Decimal, bar: Bar) -> None:
        account, instrument = self._accounts[order.account], self._instruments[order.symbol]
        if order.reduce_only:
            self._reduce(order, price, bar, "exit")
            return
        available = account.available()
        size = affordable(order.side, order.size, price, bar.factor, available, self.costs, instrument)  # rows 4 and 5
        reason = f"cash of {available:.2f} pays for {size:.8f} whole lots of {order.size:.8f} {order.symbol} at {price}"
        if size <= 0:
            self._close(order.order_id, OrderState.REJECTED, reason)
            return
        size = min(size, order.size)
        self._report(order, size, price, bar, "entry", rest=reason)
        if self._orders[order.order_id].state is not OrderState.FILLED:
            self._tell_of(order.order_id)

    def _try_levels(self, key: tuple[str, str, str], protected: Protected, bar: Bar) -> None:
        instrument = self._instruments[bar.symbol]
        if key in self._inside:
            bar = after_entry(bar, self._inside[key], protected.levels.entry)
        hit = protected.levels.hit(bar, self.costs.slippage_bps, instrument)
        if hit is not None:
            price, kind = hit
            self._reduce(self._orders[protected.children[kind]], price, bar, kind.value)
            return
        before = protected.levels
        protected.levels = before.after(bar)
        self._keep_protected(*key)
        trailing = protected.children.get(OrderType.TRAILING_STOP)
        if trailing is not None and protected.levels.extreme != before.extreme:
            moved = replace(protected.levels, stop=None).stop_now(instrument)
            if moved is not None:
                self._keep_order(replace(self._orders[trailing], level=moved[0]))
                self._book.commit()
                self._tell_of(trailing)

    def _reduce(self, order: Order, price: Decimal, bar: Bar, cause: str) -> None:
        """Fill a reduce-only order, clamped to the position; its siblings end with it."""
        key = self._key(order)
        position = self._accounts[order.account].position(order.strategy, order.symbol)
        if position.size * order.side.sign >= 0:
            self._detach(order.order_id)
            self._close(order.order_id, OrderState.CANCELLED, "nothing to reduce")
            return
        size = min(order.size, abs(position.size))
        siblings = self._protected.get(key) if size == abs(position.size) or order.protects else None
        ended = [s for s in siblings.children.values() if s != order.order_id] if siblings else []
        if siblings:
            del self._protected[key]
        self._keep_protected(*key)
        for sibling in ended:  # in one commit with the fill: after a crash nothing protects what is gone
            self._keep_order(self._ended(sibling, OrderState.CANCELLED, "one cancels the other"))
        self._report(order, size, price, bar, cause, rest="clamped to the position")
        for sibling in ended:
            self._tell_of(sibling)
        if size < order.size:
            self._tell_of(order.order_id)

    def _report(self, order: Order, size: Decimal, price: Decimal, bar: Bar, cause: str, *, rest: str) -> None:
        """Fill a piece of an order; what is left of it ends here, for the reason `rest`."""
        account = self._accounts[order.account]
        fee = order_fee(size, price, bar.factor, self.costs)
        fill = Execution(
            fill_id=f"paper-{len(self._fills) + 1}",
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            size=size,
            price=price,
            fee=fee,
            time=bar.start,
            client_order_id=order.client_order_id,
            broker_id=order.order_id,
            cause=cause,
            factor=bar.factor,
        )
        account.cash += -order.side.sign * size * price - fee
        held = account.position(order.strategy, order.symbol)
        account.positions[order.strategy, order.symbol] = held.after(order.side, size, price)
        filled = order.filled + size
        # what is left may be less than a lot, where the factor moved since the size was fixed: that is no rest
        left = whole_lots(order.size - filled, bar.factor, self._instruments[order.symbol])
        is_filled = filled == order.size or (left <= 0 and not order.reduce_only)
        state, reason = (OrderState.FILLED, "") if is_filled else (OrderState.CANCELLED, rest)
        self._keep_order(replace(order, filled=filled, state=state, reason=reason))
        self._fills.append(fill)
        self._book.put("fill", fill.fill_id, to_json(fill))
        self._keep_account(order.account)
        self._book.commit()
        self._tell.on_fill(fill)

    def _close(self, order_id: str, state: OrderState, reason: str) -> None:
        self._keep_order(self._ended(order_id, state, reason))
        self._book.commit()
        self._tell_of(order_id)

    def _ended(self, order_id: str, state: OrderState, reason: str) -> Order:
        return replace(self._orders[order_id], state=state, reason=reason)

    def _tell_of(self, order_id: str) -> None:
        self._tell.on_order(_listed(self._orders[order_id]))

    # ---- children ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _key(order: Order) -> tuple[str, str, str]:
        return order.account, order.strategy, order.symbol

    def _attach(self, child: Order) -> None:
        """File a child with its siblings."""
        key = self._key(child)
        position = self._accounts[child.account].position(child.strategy, child.symbol)
        if child.level is None or position.size * child.side.sign >= 0:
            raise Refused(f"a {child.type} order needs a level and a position to reduce")
        if key not in self._protected:
            self._protected[key] = Protected.of_position(position)
        self._protected[key].attach(child)
        self._keep_protected(*key)

    def _detach(self, order_id: str) -> bool:
        """Take a child off its position; False when it was not there."""
        for key, protected in self._protected.items():
            if protected.detach(order_id):
                if not protected.children:
                    del self._protected[key]
                self._keep_protected(*key)
                return True
        return False

    # ---- the book ----------------------------------------------------------------------------------------------------

    def _keep_order(self, order: Order) -> None:
        self._orders[order.order_id] = order
        if self._book.is_kept:
            after = self._waiting.get(order.order_id)
            waits = order.order_id in self._waiting
            doc = {"order": to_json(order), "waits": waits, "after": None if after is None else iso(after)}
            self._book.put("order", order.order_id, doc)

    def _keep_account(self, account: str) -> None:
        if self._book.is_kept:
            self._book.put("account", account, self._accounts[account].to_doc())

    def _keep_protected(self, account: str, strategy: str, symbol: str) -> None:
        if self._book.is_kept:
            group = self._protected.get((account, strategy, symbol))
            doc = group and group.to_doc(account, strategy, symbol)
            self._book.put("protected", f"{account}|{strategy}|{symbol}", doc)

    def _read_book(self) -> None:
        for order_id, doc in self._book.read("order"):
            order = self._orders[order_id] = from_json(Order, doc["order"])
            self._client_ids.add((order.account, order.client_order_id))
            if doc["waits"]:
                self._waiting[order_id] = instant(doc["after"])
        only = {order.account: order.strategy for order in self._orders.values()}
        for name, doc in self._book.read("account"):
            self._accounts[name] = Account.of_doc(name, doc, only.get(name, ""))
        self._fills = [from_json(Execution, doc) for _, doc in self._book.read("fill")]
        self._begun = {symbol: datetime.fromisoformat(start) for symbol, start in self._book.read("begun")}
        for _, doc in self._book.read("protected"):
            strategy = doc.get("strategy", only.get(doc["account"], ""))  # absent in books of version 0.1
            self._protected[doc["account"], strategy, doc["symbol"]] = Protected.of_doc(doc)

    @property
    def _tell(self) -> BrokerListener:
        if self._listener is None:
            raise BadInput("paper broker", "listener", "is not connected", "call connect before the first order")
        return self._listener


_WORKS = (OrderState.ACKED, OrderState.PARTIAL)


def _listed(order: Order) -> BrokerOrder:
    """An order as it is listed; its broker's name for it is ours."""
    return BrokerOrder(
        order.account, order.symbol, order.side, order.size, order.state, order.client_order_id, order.order_id,
        order.type, order.limit, order.level, order.filled, order.reason, order.created_at,
    )  # fmt: skip
