"""The paper broker: accounts of its own, traded on bars by the one rule for fills."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, localcontext
from pathlib import Path

from workbench.errors import BadInput, Refused, UnknownName
from workbench.fills import Costs, Levels, affordable, open_price, order_fee, whole_lots
from workbench.model import (
    MONEY_CONTEXT,
    Bar,
    Fill,
    Instrument,
    Order,
    OrderState,
    OrderType,
    Position,
    Side,
    from_json,
    iso,
    positive,
    to_json,
)
from workbench.ports import BrokerCapabilities, BrokerListener
from workbench_plugins.paper_book import PaperBook
from workbench_plugins.paper_state import Account, Protected, instant


class PaperBroker:
    """Implements `workbench.ports.BarBroker`.

    Market orders wait for the next traded bar and fill at its open; children of a position are tried inside the bar.
    Nothing here is random: the same orders and bars give the same fills. With a `book` (a file) everything is on disk
    before it is told, and a bar that was broken off by a crash can be given again: what happened in it stays.
    """

    def __init__(self, costs: Costs | None = None, book: Path | None = None) -> None:
        self.capabilities = BrokerCapabilities(resend="dedupes", protection=True, shorts=True)
        self.costs = costs or Costs()
        self._book = PaperBook(book)
        self._listener: BrokerListener | None = None
        self._accounts: dict[str, Account] = {}
        self._instruments: dict[str, Instrument] = {}
        self._orders: dict[str, Order] = {}
        self._client_ids: set[tuple[str, str]] = set()
        self._waiting: dict[str, datetime | None] = {}
        """Market orders, with the bar they were given after: they fill in a later one."""
        self._protected: dict[tuple[str, str], Protected] = {}
        self._fills: list[Fill] = []
        self._begun: dict[str, datetime] = {}
        """For each symbol the last bar that began."""
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

    def submit(self, order: Order) -> None:
        """Take an order; Refused for an unknown account or symbol, and for a client order id seen before."""
        if order.account not in self._accounts:
            raise Refused(f"paper account {order.account} does not exist; known: {', '.join(self._accounts)}")
        if order.symbol not in self._instruments:
            raise Refused(f"symbol {order.symbol} is not traded here; known: {', '.join(self._instruments)}")
        if (order.account, order.client_order_id) in self._client_ids:
            raise Refused(f"client order id {order.client_order_id} was used before")
        if order.size <= 0:
            raise Refused(f"size {order.size} must be above 0")
        if order.type is OrderType.MARKET:
            self._waiting[order.order_id] = self._begun.get(order.symbol)
        else:
            self._attach(order)
        self._client_ids.add((order.account, order.client_order_id))
        self._keep_order(replace(order, state=OrderState.ACKED))
        self._book.commit()
        self._tell.on_acknowledged(order.order_id)

    def cancel(self, order_id: str) -> None:
        """Cancel a working order at once."""
        if order_id in self._waiting:
            del self._waiting[order_id]
        elif not self._detach(order_id):
            raise Refused(f"order {order_id} is not working")
        self._close(order_id, "cancelled", "asked for")

    def orders(self) -> Sequence[Order]:
        """All orders ever taken, with their state, what they filled and why they ended."""
        return list(self._orders.values())

    def fills(self) -> Sequence[Fill]:
        """All fills ever made."""
        return list(self._fills)

    def positions(self) -> Sequence[Position]:
        """All positions that are not flat; the strategy is unknown to the broker and empty."""
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
                        del self._waiting[order.order_id]
                        self._fill_at_open(order, bar)
            for (account, symbol), protected in list(self._protected.items()):
                if symbol in traded and protected.tried != traded[symbol].start:
                    protected.tried = traded[symbol].start
                    self._keep_protected(account, symbol)
                    self._try_levels(account, protected, traded[symbol])
        self._book.commit()

    def _fill_at_open(self, order: Order, bar: Bar) -> None:
        account, instrument = self._accounts[order.account], self._instruments[order.symbol]
        price = open_price(bar.open, order.side, self.costs.slippage_bps, instrument)
        if order.reduce_only:
            self._reduce(order, price, bar, "exit")
            return
        available = account.available()
        size = affordable(order.side, order.size, price, bar.factor, available, self.costs, instrument)  # rows 4 and 5
        reason = f"cash of {available:.2f} pays for {size:.8f} whole lots of {order.size:.8f} {order.symbol} at {price}"
        if size <= 0:
            self._close(order.order_id, "rejected", reason)
            return
        size = min(size, order.size)
        self._report(order, size, price, bar, "entry", rest=reason)
        if self._orders[order.order_id].state is not OrderState.FILLED:
            self._tell.on_closed(order.order_id, "cancelled", reason)

    def _try_levels(self, account: str, protected: Protected, bar: Bar) -> None:
        instrument = self._instruments[bar.symbol]
        hit = protected.levels.hit(bar, self.costs.slippage_bps, instrument)
        if hit is not None:
            price, kind = hit
            self._reduce(self._orders[protected.children[kind]], price, bar, kind.value)
            return
        before = protected.levels
        protected.levels = before.after(bar)
        self._keep_protected(account, bar.symbol)
        trailing = protected.children.get(OrderType.TRAILING_STOP)
        if trailing is not None and protected.levels.extreme != before.extreme:
            moved = replace(protected.levels, stop=None).stop_now(instrument)
            if moved is not None:
                self._keep_order(replace(self._orders[trailing], level=moved[0]))
                self._book.commit()
                self._tell.on_level(trailing, moved[0])

    def _reduce(self, order: Order, price: Decimal, bar: Bar, cause: str) -> None:
        """Fill a reduce-only order, clamped to the position; its siblings end with it."""
        position = self._accounts[order.account].position(order.symbol)
        if position.size * order.side.sign >= 0:
            self._detach(order.order_id)
            self._close(order.order_id, "cancelled", "nothing to reduce")
            return
        size = min(order.size, abs(position.size))
        siblings = self._protected.pop((order.account, order.symbol), None)
        ended = [s for s in siblings.children.values() if s != order.order_id] if siblings else []
        self._keep_protected(order.account, order.symbol)
        for sibling in ended:  # in one commit with the fill: after a crash nothing protects what is gone
            self._keep_order(self._ended(sibling, "cancelled", "one cancels the other"))
        self._report(order, size, price, bar, cause, rest="clamped to the position")
        for sibling in ended:
            self._tell.on_closed(sibling, "cancelled", "one cancels the other")
        if size < order.size:
            self._tell.on_closed(order.order_id, "cancelled", "clamped to the position")

    def _report(self, order: Order, size: Decimal, price: Decimal, bar: Bar, cause: str, *, rest: str) -> None:
        """Fill a piece of an order; what is left of it ends here, for the reason `rest`."""
        account = self._accounts[order.account]
        fee = order_fee(size, price, bar.factor, self.costs)
        fill = Fill(
            fill_id=f"paper-{len(self._fills) + 1}",
            order_id=order.order_id,
            account=order.account,
            strategy=order.strategy,
            symbol=order.symbol,
            side=order.side,
            size=size,
            price=price,
            fee=fee,
            time=bar.start,
            cause=cause,
            factor=bar.factor,
        )
        account.cash += -order.side.sign * size * price - fee
        account.positions[order.symbol] = account.position(order.symbol).after(fill)
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

    def _close(self, order_id: str, state: str, reason: str) -> None:
        self._keep_order(self._ended(order_id, state, reason))
        self._book.commit()
        self._tell.on_closed(order_id, state, reason)

    def _ended(self, order_id: str, state: str, reason: str) -> Order:
        return replace(self._orders[order_id], state=OrderState(state), reason=reason)

    # ---- children ----------------------------------------------------------------------------------------------------

    def _attach(self, child: Order) -> None:
        """File a child with its siblings; the trail hangs from the position's entry price."""
        key = child.account, child.symbol
        position = self._accounts[child.account].position(child.symbol)
        if child.level is None or position.size * child.side.sign >= 0:
            raise Refused(f"a {child.type} order needs a level and a position to reduce")
        if key not in self._protected:
            entry = Side.BUY if position.size > 0 else Side.SELL
            self._protected[key] = Protected({}, Levels(entry, None, None, None, position.entry_price))
        protected = self._protected[key]
        if child.type in protected.children:
            raise Refused(f"the position in {child.symbol} has a {child.type} order already")
        protected.children[child.type] = child.order_id
        if child.type is OrderType.STOP:
            protected.levels = replace(protected.levels, stop=child.level)
        elif child.type is OrderType.TARGET:
            protected.levels = replace(protected.levels, target=child.level)
        else:
            protected.levels = replace(protected.levels, trail=child.protection.trail)
        self._keep_protected(*key)

    def _detach(self, order_id: str) -> bool:
        """Take a child off its position; False when it was not there."""
        for key, protected in self._protected.items():
            for kind, child in protected.children.items():
                if child == order_id:
                    del protected.children[kind]
                    levels = protected.levels
                    if kind is OrderType.STOP:
                        protected.levels = replace(levels, stop=None)
                    elif kind is OrderType.TARGET:
                        protected.levels = replace(levels, target=None)
                    else:
                        protected.levels = replace(levels, trail=None)
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

    def _keep_protected(self, account: str, symbol: str) -> None:
        if self._book.is_kept:
            group = self._protected.get((account, symbol))
            self._book.put("protected", f"{account}|{symbol}", group and group.to_doc(account, symbol))

    def _read_book(self) -> None:
        for name, doc in self._book.read("account"):
            self._accounts[name] = Account.of_doc(name, doc)
        for order_id, doc in self._book.read("order"):
            order = self._orders[order_id] = from_json(Order, doc["order"])
            self._client_ids.add((order.account, order.client_order_id))
            if doc["waits"]:
                self._waiting[order_id] = instant(doc["after"])
        self._fills = [from_json(Fill, doc) for _, doc in self._book.read("fill")]
        self._begun = {symbol: datetime.fromisoformat(start) for symbol, start in self._book.read("begun")}
        for _, doc in self._book.read("protected"):
            self._protected[doc["account"], doc["symbol"]] = Protected.of_doc(doc)

    @property
    def _tell(self) -> BrokerListener:
        if self._listener is None:
            raise BadInput("paper broker", "listener", "is not connected", "call connect before the first order")
        return self._listener
