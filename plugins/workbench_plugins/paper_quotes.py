"""Quotes at the paper broker: orders trade with what the other side of the order book shows."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, localcontext

from workbench.errors import BadInput, Refused, UnknownName
from workbench.model import MONEY_CONTEXT, Bar, Depth, Order, OrderState, OrderType, Side, Validity, iso
from workbench_plugins.paper_children import Protected
from workbench_plugins.paper_depth import walk
from workbench_plugins.paper_filling import Filling, Moment, not_at_once
from workbench_plugins.paper_funds import Funds
from workbench_plugins.paper_intraday import Intraday
from workbench_plugins.paper_rules import Rules
from workbench_plugins.paper_state import State, Wait

_INSTANT = timedelta(microseconds=1)


class QuoteMatching:
    """Lets order books happen, one symbol and instant at a time; one instant happens once.

    What an order takes is gone for its account until the next instant, whose sizes count in full. A limit order that
    has rested fills at its limit, and only once the other side's price reaches it: it is the last in its queue, and
    trades that leave the queue standing do not reach it. Slippage, spread and impact are in the book already.
    """

    def __init__(self, state: State, rules: Rules, filling: Filling, funds: Funds) -> None:
        self._state, self._rules, self._filling, self._funds = state, rules, filling, funds
        self._intraday = Intraday(state, rules)

    def check(self, order: Order) -> str:
        """Why a market order that opens is refused: the quotes of its symbol lag too far behind the others."""
        if order.type is not OrderType.MARKET or order.reduce_only:
            return ""
        return self._stale(order.symbol, Depth(self._state.quoted[order.symbol], (), ()))

    def trade(self, symbol: str, depth: Depth) -> None:
        """Let the order book of an instant happen. Raises UnknownName, BadInput and Refused before anything does."""
        state = self._state
        if symbol not in state.instruments:
            raise UnknownName("symbol", symbol, state.instruments)
        if symbol in state.begun:
            raise BadInput("quote", symbol, "trades on bars here", "give one symbol bars or quotes, not both")
        last = state.quoted.get(symbol)
        if last is not None and depth.at < last:
            raise Refused(f"quote of {symbol} at {iso(depth.at)} is older than the last one, {iso(last)}")
        if stale := self._stale(symbol, depth):
            raise Refused(stale)
        state.keep_time("quoted", symbol, depth.at)
        state.keep_time("ended", symbol, depth.at)
        with localcontext(MONEY_CONTEXT):
            self._intraday.begin(symbol, depth.at)
            waiting = [order for order in (state.orders[i] for i in state.waiting) if order.symbol == symbol]
            waiting.sort(key=lambda order: (not order.reduce_only, state.numbers[order.order_id]))
            for order in waiting:
                wait = state.waiting.get(order.order_id)
                if wait is not None and wait.after != depth.at:
                    self._try(state.orders[order.order_id], wait, depth)
            for group in state.groups.all():
                if group.place[2] == symbol and group.tried != depth.at:
                    group.tried = depth.at
                    state.keep_group(group)
                    self._try_levels(group, depth)
            if depth.middle is not None:
                state.keep_mark(symbol, depth.middle)
            self._funds.look(depth.at)
        state.book.commit()

    def _stale(self, symbol: str, depth: Depth) -> str:
        most, newest = self._rules.realism.quote_age_s, max(self._state.quoted.values(), default=depth.at)
        age = (newest - depth.at).total_seconds()
        if most is None or age <= most:
            return ""
        return f"quote of {symbol} is stale: {age:.3f} s behind the newest, at most {most:f}"

    def _try(self, order: Order, wait: Wait, depth: Depth) -> None:
        """Let one order book happen to an order that waits or rests."""
        state, at = self._state, depth.at
        if order.handling.validity is Validity.DAY:
            wait = replace(wait, day=wait.day or at.date())
            if wait.day is not None and wait.day < at.date():
                state.close(order.order_id, OrderState.EXPIRED, "its day is over")
                return
        if (wait.active_at is not None and at < wait.active_at) or wait.skip:
            self._keep(order, replace(wait, skip=wait.skip - 1, after=at) if wait.skip else wait)
            return
        levels = depth.against(order.side)
        if order.level is not None and not wait.is_triggered:
            if not levels or (levels[0].price - order.level) * order.side.sign < 0:
                self._go_on(order, wait)
                return
            if order.type is OrderType.STOP_LIMIT:
                order = state.orders[order.order_id] = order.but(type=OrderType.LIMIT, level=None)
            else:
                wait = replace(wait, is_triggered=True)
        wanted, used = order.size - order.filled, state.taken_at(order.account, order.symbol, order.side, at)
        offered = walk(levels, wanted, used, order.limit, order.side, state.instruments[order.symbol])
        if wait.has_rested and order.limit is not None:  # others came to its price, it did not go to theirs
            offered = [(size, order.limit) for size, _ in offered]
        rests = order.type is OrderType.LIMIT
        rest = replace(wait, after=at, has_rested=True) if rests and not wait.has_rested else wait
        if offered:
            rest = replace(rest, after=at)
            self._filling.fill(order, offered, Moment(at), wait=rest)
        if order.order_id in state.waiting:
            self._go_on(state.orders[order.order_id], rest)

    def _go_on(self, order: Order, wait: Wait) -> None:
        """An order that is still there: kept, or taken back where it was for what trades at once."""
        if order.handling.validity is Validity.IOC:
            self._state.close(order.order_id, OrderState.CANCELLED, not_at_once(order))
        else:
            self._keep(order, wait)

    def _keep(self, order: Order, wait: Wait) -> None:
        if self._state.waiting[order.order_id] != wait:
            self._state.wait(order.order_id, wait)

    def _try_levels(self, group: Protected, depth: Depth) -> None:
        """Try children at the price that closes their position now: the bid for a long one, the ask for a short."""
        state, symbol = self._state, group.place[2]
        side = Side.SELL if group.levels.entry is Side.BUY else Side.BUY
        levels = depth.against(side)
        if not levels:
            return
        best, instrument = levels[0].price, state.instruments[symbol]
        moment = Bar(symbol, depth.at, depth.at + _INSTANT, best, best, best, best)
        hit = group.levels.hit(moment, Decimal(0), instrument)
        if hit is None:
            self._filling.pass_by(group, moment)
            return
        child = state.orders[group.children[hit[1]]]
        used = state.taken_at(child.account, symbol, side, depth.at)
        offered = walk(levels, child.size - child.filled, used, None, side, instrument)
        self._filling.reduce(child, offered, Moment(depth.at), hit[1].value, wait=Wait(depth.at, is_triggered=True))
