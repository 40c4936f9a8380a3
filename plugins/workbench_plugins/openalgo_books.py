"""OpenAlgo's books as ours: orders, fills, positions, cash. A failed question raises; it never means "none"."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Any

from workbench.model import MONEY_CONTEXT, OrderState, Position
from workbench.ports import BrokerOrder, Execution
from workbench_plugins import openalgo_wire as wire
from workbench_plugins.openalgo_api import Api
from workbench_plugins.openalgo_symbols import Symbols
from workbench_plugins.openalgo_tags import Tags
from workbench_plugins.openalgo_wire import Unreadable

ZERO = Decimal(0)
Row = Mapping[str, Any]


class Books:
    """Asks for the books of one account, in one thread.

    `echoes` is whether the last order book that held anything told the strategy of each order, None before. With
    `holdings`, shares of the demat account count as positions.
    """

    def __init__(
        self,
        api: Api,
        account: str,
        symbols: Symbols,
        tags: Tags,
        *,
        holdings: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api, self._account, self._symbols, self._tags = api, account, symbols, tags
        self._holdings, self._clock = holdings, clock
        self.echoes: bool | None = None
        self._made_up: dict[str, set[str]] = {}
        """Ids that were built here, by order: a trade that was told may not change its shape later."""

    def both(self) -> tuple[list[BrokerOrder], list[Execution]]:
        """Orders and fills, which agree as far as two questions can.

        The order book of a live account does not say what was filled, so the trade book does; it is asked second, so
        that an order is never told to have filled less than its state says.
        """
        told = wire.row(self._api.ask("orderbook").get("data"), "orderbook")
        listed = wire.rows(told.get("orders"), "orderbook")
        fills = self.fills()
        filled = filled_of(fills)
        orders = [self._order(one, filled.get(wire.identity(one, "orderid"), ZERO)) for one in listed]
        once: dict[str, BrokerOrder] = {}
        for order in orders:
            if once.setdefault(order.broker_id, order) != order:
                raise Unreadable(f"OpenAlgo orderbook: tells order {order.broker_id} twice, with other numbers")
        if listed:
            self.echoes = all("strategy" in one for one in listed)
        return list(once.values()), fills

    def orders(self) -> list[BrokerOrder]:
        """All orders of the day."""
        return self.both()[0]

    def fills(self) -> list[Execution]:
        """All fills of the day, oldest first.

        A trade id is used where the wire has one. Where not, the id is built from order, time, quantity and price as
        they stand on the wire, and trades that are alike in all four are counted: the second is number 2. As such
        trades are alike, it does not matter which of them is which, only how many there are. Raises Unreadable where a
        trade told before is no longer told so: then the book was rewritten, and counting would go wrong.
        """
        listed = wire.rows(self._api.ask("tradebook").get("data"), "tradebook")
        alike: Counter[str] = Counter()
        built: dict[str, set[str]] = {}
        fills = []
        for one in listed:
            fills.append(self._fill(one, alike, built))
        for order_id, ids in self._made_up.items():
            gone = ids - built.get(order_id, ids if order_id not in built else set())
            if gone:
                raise Unreadable(f"OpenAlgo tradebook: no longer tells fill {min(gone)} of order {order_id}")
        for order_id, ids in built.items():
            self._made_up[order_id] = ids
        return sorted(fills, key=lambda fill: fill.time)

    def positions(self) -> list[Position]:
        """Positions that are not flat, netted over products, as our positions know no product."""
        held = [(one, "positionbook") for one in wire.rows(self._api.ask("positionbook").get("data"), "positionbook")]
        if self._holdings:
            told = wire.row(self._api.ask("holdings").get("data"), "holdings")
            held += [(one, "holdings") for one in wire.rows(told.get("holdings"), "holdings")]
        netted: dict[str, tuple[Decimal, Decimal]] = {}
        with localcontext(MONEY_CONTEXT):
            for one, what in held:
                size = wire.number(one, "quantity", what)
                if size == 0:
                    continue
                symbol = self._symbol(one, what)
                price = wire.optional(one, "average_price", what) or ZERO
                before, entry = netted.get(symbol, (ZERO, ZERO))
                after = before + size
                if before * size >= 0:
                    entry = (abs(before) * entry + abs(size) * price) / abs(after)
                elif before * after < 0:
                    entry = price
                netted[symbol] = after, entry
        return [
            Position(self._account, "", symbol, size, entry) for symbol, (size, entry) in sorted(netted.items()) if size
        ]

    def cash(self) -> Decimal:
        """What may still be spent, margin included: not what deposits and fills alone explain."""
        return wire.number(wire.row(self._api.ask("funds").get("data"), "funds"), "availablecash", "funds")

    def _order(self, one: Row, traded: Decimal) -> BrokerOrder:
        broker_id = wire.identity(one, "orderid")
        if not broker_id:
            raise Unreadable(f"OpenAlgo orderbook: an order with the id {one.get('orderid')!r}")
        what = f"orderbook, order {broker_id}"
        kind, state, size = wire.order_type(one, what), wire.state(one, what), wire.number(one, "quantity", what)
        told = wire.optional(one, "filled_quantity", what) or ZERO
        filled = max(traded, told)
        if state is OrderState.FILLED:
            filled = size if size > 0 else filled
        elif state is OrderState.ACKED and filled > 0:
            state = OrderState.FILLED if 0 < size <= filled else OrderState.PARTIAL
        reason = one.get("rejection_reason") or one.get("message") or ""
        if state is OrderState.REJECTED and not reason:
            reason = "rejected by the broker, which OpenAlgo's order book gives no reason for"
        return BrokerOrder(
            account=self._account,
            symbol=self._symbol(one, what),
            side=wire.side(one, what),
            size=size,
            state=state,
            client_order_id=self._tags.client_order_id(one.get("strategy")),
            broker_id=broker_id,
            type=kind,
            limit=wire.optional(one, "price", what) if kind.has_limit else None,
            level=wire.optional(one, "trigger_price", what) if kind.has_level else None,
            filled=filled,
            reason=str(reason),
            at=wire.instant(one.get("timestamp"), what, self._clock()),
        )

    def _fill(self, one: Row, alike: Counter[str], built: dict[str, set[str]]) -> Execution:
        broker_id = wire.identity(one, "orderid")
        if not broker_id:
            raise Unreadable(f"OpenAlgo tradebook: a trade of the order {one.get('orderid')!r}")
        what = f"tradebook, order {broker_id}"
        size, price = wire.number(one, "quantity", what), wire.number(one, "average_price", what)
        if size <= 0 or price <= 0:
            raise Unreadable(f"OpenAlgo {what}: a trade of {size} at {price}; both must be above 0")
        time = wire.instant(one.get("timestamp"), what, self._clock())
        if time is None:
            raise Unreadable(f"OpenAlgo {what}: a trade without a timestamp")
        trade_id = wire.identity(one, "tradeid") or wire.identity(one, "trade_id")
        if trade_id:
            fill_id = f"{broker_id}-{trade_id}"
        else:
            # the time as it stands on the wire: one without a date must not change its id at midnight
            same = f"{broker_id}-{''.join(str(one.get('timestamp')).split())}-{size:f}-{price:f}"
            alike[same] += 1
            fill_id = f"{same}-{alike[same]}"
            built.setdefault(broker_id, set()).add(fill_id)
        return Execution(
            fill_id=fill_id,
            account=self._account,
            symbol=self._symbol(one, what),
            side=wire.side(one, what),
            size=size,
            price=price,
            fee=ZERO,
            time=time,
            client_order_id=self._tags.client_order_id(one.get("strategy")),
            broker_id=broker_id,
        )

    def _symbol(self, one: Row, what: str) -> str:
        return self._symbols.to_text(wire.text(one, "exchange", what), wire.text(one, "symbol", what))


def filled_of(fills: Sequence[Execution]) -> dict[str, Decimal]:
    """How much of each order has filled, by broker id."""
    sums: dict[str, Decimal] = {}
    for fill in fills:
        sums[fill.broker_id] = sums.get(fill.broker_id, ZERO) + fill.size
    return sums
