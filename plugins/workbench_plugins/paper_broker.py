"""The paper broker: accounts of its own, traded on bars by the one rule for fills, or on quotes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

from workbench.errors import BadInput, Refused, UnknownName
from workbench.fills import Costs
from workbench.model import (
    MONEY_CONTEXT,
    Bar,
    Depth,
    Instrument,
    Order,
    OrderState,
    OrderType,
    Position,
    Quote,
    Validity,
    on_grid,
    positive,
)
from workbench.ports import BrokerCapabilities, BrokerHealth, BrokerListener, BrokerOrder, Execution
from workbench_plugins.paper_account import Account
from workbench_plugins.paper_book import PaperBook
from workbench_plugins.paper_calendar import Settlement, SquareOff
from workbench_plugins.paper_filling import Filling
from workbench_plugins.paper_funds import Funds
from workbench_plugins.paper_margin import MarginTable
from workbench_plugins.paper_matching import BarMatching
from workbench_plugins.paper_quotes import QuoteMatching
from workbench_plugins.paper_realism import Realism
from workbench_plugins.paper_rules import FeeModel, Rules, start_cash
from workbench_plugins.paper_state import WORKS, PaperEvent, State, Wait, listed

_RESTING = frozenset({OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT})
_LONGEST_LIST = 2_000
"""How many of the orders that ended, and of the fills, are listed."""


class PaperBroker:
    """Implements `workbench.ports.BarBroker`; docs/paper.md has its rules, each with a case worked by hand.

    Market orders wait for the next traded bar and fill at its open; limit and stop orders rest from the next bar on;
    children of a position are tried inside the bar. Each strategy's position is held by itself.
    Nothing here is random: the same orders, bars and quotes give the same fills. With a `book` (a file) everything is
    on disk before it is told, and a bar or quote that was broken off by a crash can be given again: what happened in it
    stays. `fees` takes the place of the fees in `costs`. `realism`, `margin`, `square_off` and `settlement` are off
    unless they are given, as values or as settings ("volume_share=0.1", "india", True, "days=1"). Raises BadInput.
    """

    market = None
    """Prices come to it: it has none of its own."""

    def __init__(
        self,
        costs: Costs | None = None,
        book: Path | None = None,
        realism: Realism | Mapping[str, Any] | str | None = None,
        margin: MarginTable | Mapping[str, Any] | str | None = None,
        square_off: SquareOff | str | bool | None = None,
        settlement: Settlement | Mapping[str, Any] | str | None = None,
        fees: FeeModel | None = None,
    ) -> None:
        self.costs = costs or Costs()
        self.rules = Rules(
            self.costs, fees, Realism.of(realism), MarginTable.of(margin), SquareOff.of(square_off),
            Settlement.of(settlement),
        )  # fmt: skip
        self.capabilities = BrokerCapabilities(
            resend="dedupes",
            types=_RESTING | {OrderType.MARKET},
            validities=frozenset(Validity),
            products=self.rules.products,
            protection=True,
            shorts=True,
            modify=True,
        )
        self._state = State(book)
        self._funds = Funds(self._state, self.rules)
        filling = Filling(self._state, self.rules, self._funds)
        self._bars = BarMatching(self._state, self.rules, filling, self._funds)
        self._quotes = QuoteMatching(self._state, self.rules, filling, self._funds)

    # ---- what a broker does ------------------------------------------------------------------------------------------

    def connect(self, listener: BrokerListener) -> None:
        """Start reporting to a listener."""
        self._state.listener = listener

    def open_account(self, account: str, cash: Decimal | None, instruments: Iterable[Instrument]) -> None:
        """Add an account with its starting cash and what it may trade; one that the book has goes on as it stands.

        Without cash it gets the virtual capital of its instruments' currency. Raises BadInput.
        """
        state, traded = self._state, list(instruments)
        if account in state.accounts and not state.book.is_kept:
            raise BadInput("account", account, "exists already")
        if cash is None:
            cash = start_cash(", ".join(sorted({instrument.currency for instrument in traded})))
        state.instruments.update({instrument.symbol: instrument for instrument in traded})
        if account not in state.accounts:
            state.accounts[account] = Account(account, positive("cash", cash))
            state.keep_account(account)
            state.book.commit()

    def check(self, order: Order) -> str:
        """Why an order would be refused: an unknown account or symbol, no size, no margin, no fresh quote."""
        state = self._state
        if order.account not in state.accounts:
            return f"paper account {order.account} does not exist; known: {', '.join(state.accounts)}"
        if order.symbol not in state.instruments:
            return f"symbol {order.symbol} is not traded here; known: {', '.join(state.instruments)}"
        if order.size <= 0:
            return f"size {order.size} must be above 0"
        instrument = state.instruments[order.symbol]
        if not (instrument.adjusted or order.reduce_only or on_grid(order.size, instrument.size_step)):
            return f"size {order.size}: must be a multiple of the lot of {instrument.size_step} {order.symbol}"
        for name, price in (("limit", order.limit), ("level", order.level)):
            if price is not None and not on_grid(price, instrument.price_step):
                return f"{name} {price}: must be a multiple of the tick of {instrument.price_step} {order.symbol}"
        product = order.handling.product
        if product and not self.rules.knows_products and product not in self.capabilities.products:
            known = ", ".join(self.capabilities.products) or "none"
            return f"product {product}: unknown here; known: {known}"
        if self.rules.knows_products and (refusal := self._funds.check(order)):
            return refusal
        return self._quotes.check(order) if order.symbol in state.quoted else ""

    def submit(self, order: Order) -> None:
        """Take an order; Refused for what `check` says, and for a client order id seen before."""
        state, refusal = self._state, self.check(order)
        if refusal:
            raise Refused(refusal)
        if (order.account, order.client_order_id) in state.client_ids:
            raise Refused(f"client order id {order.client_order_id} was used before")
        if order.protects:
            self._attach(order)
        elif order.type is OrderType.MARKET or order.type in _RESTING:
            state.waiting[order.order_id] = self._wait_of(order)
        else:
            raise Refused(f"a {order.type} order is held here only to protect a position")
        state.client_ids.add((order.account, order.client_order_id))
        state.keep_order(order.but(state=OrderState.ACKED))
        state.book.commit()
        state.tell_of(order.order_id)

    def modify(self, order: Order) -> None:
        """Change size, limit and level of a working order at once."""
        state = self._state
        known = state.orders.get(order.order_id)
        if known is None or known.state not in WORKS:
            raise Refused(f"order {order.order_id} is not working")
        if order.size <= known.filled:
            raise Refused(f"size {order.size} is not above what has filled, {known.filled}")
        group = state.groups.holding(known.order_id)
        if group is not None and order.level is not None:
            group.detach(known.order_id)
            group.attach(known.but(level=order.level))
            state.keep_group(group)
        if (order.limit, order.level) != (known.limit, known.level) and known.order_id in state.waiting:
            state.waiting[known.order_id] = replace(state.waiting[known.order_id], has_rested=False)
        level = order.level if known.type.has_level else None
        state.keep_order(known.but(size=order.size, limit=order.limit, level=level))
        state.book.commit()
        state.tell_of(order.order_id)

    def cancel(self, order: Order) -> None:
        """Cancel a working order at once."""
        if order.order_id not in self._state.waiting and not self._state.detach(order.order_id):
            raise Refused(f"order {order.order_id} is not working")
        self._state.close(order.order_id, OrderState.CANCELLED, "asked for")

    def deliver(self) -> bool:
        """Nothing comes in by itself: everything is told when it happens."""
        return False

    def close(self) -> None:
        """Close the book, if it has one."""
        self._state.book.close()

    def health(self) -> BrokerHealth:
        """It is here; open margin calls are its trouble."""
        called = [name for name, account in self._state.accounts.items() if account.is_called]
        return BrokerHealth("paper", trouble=f"margin call: {', '.join(called)}" if called else "")

    def orders(self) -> Sequence[BrokerOrder]:
        """Orders that work, and the last ones that ended."""
        known = self._state.orders.values()
        ended = [order for order in known if order.state not in WORKS][-_LONGEST_LIST:]
        return [listed(o) for o in (*ended, *(o for o in known if o.state in WORKS))]

    def fills(self) -> Sequence[Execution]:
        """The last fills."""
        return self._state.fills[-_LONGEST_LIST:]

    def positions(self) -> Sequence[Position]:
        """All positions that are not flat, each strategy's by itself."""
        return [p for a in self._state.accounts.values() for p in a.positions.values() if p.size != 0]

    def cash(self, account: str) -> Decimal:
        """Cash of an account, proceeds of shorts and unsettled amounts included; below 0 where margin lent it."""
        return self._account(account).cash

    # ---- what only this broker says ----------------------------------------------------------------------------------

    def events(self) -> Sequence[PaperEvent]:
        """Margin calls and square-offs, oldest first."""
        return tuple(self._state.events)

    def settled_cash(self, account: str, on: date) -> Decimal:
        """Cash that is settled by a day: proceeds of later settlement are left out."""
        known = self._account(account)
        with localcontext(MONEY_CONTEXT):
            return known.cash - known.unsettled(on)

    def margin(self, account: str, *, maintenance: bool = False) -> Decimal:
        """What the positions of an account bind at the last prices: initial margin, or maintenance."""
        return self._funds.margin(self._account(account).name, maintenance=maintenance)

    def equity(self, account: str) -> Decimal:
        """Cash and positions at the last prices; those are known with margin, square-off, settlement or quotes."""
        return self._funds.equity(self._account(account).name)

    # ---- the market happens ------------------------------------------------------------------------------------------

    def trade_bars(self, bars: Mapping[str, Bar]) -> None:
        """Let one instant's bars happen; rows are those of the table in docs/fills.md."""
        self._bars.trade(bars)

    def close_bars(self, bars: Mapping[str, Bar]) -> None:
        """Fill at their close the market orders that came since these bars happened (row 26)."""
        self._bars.close(bars)

    def on_quote(self, symbol: str, quote: Quote) -> None:
        """Let the best bid and ask of an instant happen. Raises as `on_depth`."""
        self._quotes.trade(symbol, quote.depth)

    def on_depth(self, symbol: str, depth: Depth) -> None:
        """Let the order book of an instant happen; nothing where that instant has been.

        Raises UnknownName for a symbol not traded here, BadInput for one that trades on bars, and Refused for what is
        older than the last of its symbol, or lags too far behind the newest of any.
        """
        self._quotes.trade(symbol, depth)

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _account(self, account: str) -> Account:
        if account not in self._state.accounts:
            raise UnknownName("account", account, self._state.accounts)
        return self._state.accounts[account]

    def _wait_of(self, order: Order) -> Wait:
        """How a new order waits: from the bar or quote that was the last when it came, with the latency it has."""
        state, realism = self._state, self.rules.realism
        after = state.quoted.get(order.symbol) or state.begun.get(order.symbol)
        if not realism.latency_s:
            return Wait(after, skip=realism.latency_bars)
        given = max(order.created_at, state.ended.get(order.symbol, order.created_at))
        return Wait(after, active_at=given + timedelta(seconds=float(realism.latency_s)))

    def _attach(self, child: Order) -> None:
        """File a child with its siblings."""
        state = self._state
        position = state.accounts[child.account].position(child.strategy, child.symbol)
        if child.level is None or position.size * child.side.sign >= 0:
            raise Refused(f"a {child.type} order needs a level and a position to reduce")
        piece = next((f.price for f in reversed(state.fills) if f.fill_id == child.group), None)
        group = state.groups.for_child(child, position, piece)
        group.attach(child)
        state.groups.add(group)
        state.keep_group(group)

    # the tests of crashes reach for these

    @property
    def _book(self) -> PaperBook:
        return self._state.book

    @property
    def _client_ids(self) -> set[tuple[str, str]]:
        return self._state.client_ids

    @property
    def _listener(self) -> BrokerListener | None:
        return self._state.listener

    @_listener.setter
    def _listener(self, listener: BrokerListener | None) -> None:
        self._state.listener = listener
