"""The paper broker: accounts of its own, traded on bars by the one rule for fills."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext

from workbench.errors import BadInput, Refused, UnknownName
from workbench.fills import Costs, Levels, affordable, open_price, order_fee
from workbench.model import MONEY_CONTEXT, Bar, Direction, Fill, Instrument, Order, OrderType, Position, Side, positive
from workbench.ports import BrokerCapabilities, BrokerListener


@dataclass
class _Account:
    """What the broker knows of one account."""

    name: str
    cash: Decimal
    positions: dict[str, Position] = field(default_factory=dict)

    def position(self, symbol: str) -> Position:
        return self.positions.get(symbol) or Position(self.name, "", symbol)

    def available(self) -> Decimal:
        """Cash that may back a new position: the proceeds of shorts do not, and as much again is held for them."""
        shorts = (p for p in self.positions.values() if p.direction is Direction.SHORT)
        return self.cash - 2 * sum((-p.size * p.entry_price for p in shorts), Decimal(0))


@dataclass
class _Protected:
    """The one-cancels-other children of one position, and their levels together."""

    children: dict[OrderType, str]
    levels: Levels


class PaperBroker:
    """Implements `workbench.ports.BarBroker`.

    Market orders wait for the next traded bar and fill at its open; children of a position are tried inside the bar.
    Nothing here is random: the same orders and bars give the same fills.
    """

    def __init__(self, costs: Costs | None = None) -> None:
        self.capabilities = BrokerCapabilities(resend="dedupes", protection=True, shorts=True)
        self.costs = costs or Costs()
        self._listener: BrokerListener | None = None
        self._accounts: dict[str, _Account] = {}
        self._instruments: dict[str, Instrument] = {}
        self._orders: dict[str, Order] = {}
        self._client_ids: set[tuple[str, str]] = set()
        self._waiting: dict[str, None] = {}
        self._protected: dict[tuple[str, str], _Protected] = {}
        self._fills: list[Fill] = []

    # ---- what a broker does ------------------------------------------------------------------------------------------

    def connect(self, listener: BrokerListener) -> None:
        """Start reporting to a listener."""
        self._listener = listener

    def open_account(self, account: str, cash: Decimal, instruments: Iterable[Instrument]) -> None:
        """Add an account with its starting cash and what it may trade."""
        if account in self._accounts:
            raise BadInput("account", account, "exists already")
        self._accounts[account] = _Account(account, positive("cash", cash))
        self._instruments.update({instrument.symbol: instrument for instrument in instruments})

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
            self._waiting[order.order_id] = None
        else:
            self._attach(order)
        self._client_ids.add((order.account, order.client_order_id))
        self._orders[order.order_id] = order
        self._tell.on_acknowledged(order.order_id)

    def cancel(self, order_id: str) -> None:
        """Cancel a working order at once."""
        if order_id in self._waiting:
            del self._waiting[order_id]
        elif not self._detach(order_id):
            raise Refused(f"order {order_id} is not working")
        self._tell.on_closed(order_id, "cancelled", "asked for")

    def orders(self) -> Sequence[Order]:
        """All orders ever taken, with what they filled."""
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
        with localcontext(MONEY_CONTEXT):
            place = {symbol: i for i, symbol in enumerate(self._instruments)}
            waiting = sorted((self._orders[i] for i in self._waiting), key=lambda order: place[order.symbol])
            for reduce_only in (True, False):  # row 2: closes first; row 25: over all symbols, in their order
                for order in waiting:
                    if order.symbol in traded and order.reduce_only is reduce_only and order.order_id in self._waiting:
                        del self._waiting[order.order_id]
                        self._fill_at_open(order, traded[order.symbol])
            for (account, symbol), protected in list(self._protected.items()):
                if symbol in traded:
                    self._try_levels(account, protected, traded[symbol])

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
            self._tell.on_closed(order.order_id, "rejected", reason)
            return
        size = min(size, order.size)
        self._report(order, size, price, bar, "entry")
        if size < order.size:
            self._tell.on_closed(order.order_id, "cancelled", reason)

    def _try_levels(self, account: str, protected: _Protected, bar: Bar) -> None:
        instrument = self._instruments[bar.symbol]
        hit = protected.levels.hit(bar, self.costs.slippage_bps, instrument)
        if hit is not None:
            price, kind = hit
            self._reduce(self._orders[protected.children[kind]], price, bar, kind.value)
            return
        before = protected.levels
        protected.levels = before.after(bar)
        trailing = protected.children.get(OrderType.TRAILING_STOP)
        if trailing is not None and protected.levels.extreme != before.extreme:
            moved = replace(protected.levels, stop=None).stop_now(instrument)
            if moved is not None:
                self._orders[trailing] = replace(self._orders[trailing], level=moved[0])
                self._tell.on_level(trailing, moved[0])

    def _reduce(self, order: Order, price: Decimal, bar: Bar, cause: str) -> None:
        """Fill a reduce-only order, clamped to the position; its siblings end with it."""
        position = self._accounts[order.account].position(order.symbol)
        if position.size * order.side.sign >= 0:
            self._detach(order.order_id)
            self._tell.on_closed(order.order_id, "cancelled", "nothing to reduce")
            return
        size = min(order.size, abs(position.size))
        siblings = self._protected.pop((order.account, order.symbol), None)
        self._report(order, size, price, bar, cause)
        for sibling in siblings.children.values() if siblings else ():
            if sibling != order.order_id:
                self._tell.on_closed(sibling, "cancelled", "one cancels the other")
        if size < order.size:
            self._tell.on_closed(order.order_id, "cancelled", "clamped to the position")

    def _report(self, order: Order, size: Decimal, price: Decimal, bar: Bar, cause: str) -> None:
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
        )
        account.cash += -order.side.sign * size * price - fee
        account.positions[order.symbol] = account.position(order.symbol).after(fill)
        self._orders[order.order_id] = replace(order, filled=order.filled + size)
        self._fills.append(fill)
        self._tell.on_fill(fill)

    # ---- children ----------------------------------------------------------------------------------------------------

    def _attach(self, child: Order) -> None:
        """File a child with its siblings; the trail hangs from the position's entry price."""
        key = child.account, child.symbol
        position = self._accounts[child.account].position(child.symbol)
        if child.level is None or position.size * child.side.sign >= 0:
            raise Refused(f"a {child.type} order needs a level and a position to reduce")
        if key not in self._protected:
            entry = Side.BUY if position.size > 0 else Side.SELL
            self._protected[key] = _Protected({}, Levels(entry, None, None, None, position.entry_price))
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

    def _detach(self, order_id: str) -> bool:
        """Take a child off its position; False when it was not there."""
        for key, protected in self._protected.items():
            for kind, child in protected.children.items():
                if child == order_id:
                    del protected.children[kind]
                    field_name = {OrderType.STOP: "stop", OrderType.TARGET: "target"}.get(kind, "trail")
                    protected.levels = replace(protected.levels, **{field_name: None})
                    if not protected.children:
                        del self._protected[key]
                    return True
        return False

    @property
    def _tell(self) -> BrokerListener:
        if self._listener is None:
            raise BadInput("paper broker", "listener", "is not connected", "call connect before the first order")
        return self._listener
