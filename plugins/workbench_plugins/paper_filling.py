"""Filling: what trading does to the paper broker's accounts and orders, whatever made the price."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from workbench.fills import affordable, whole_lots
from workbench.model import Bar, Order, OrderState, OrderType, Validity
from workbench.ports import Execution
from workbench_plugins.paper_children import Protected
from workbench_plugins.paper_funds import Funds
from workbench_plugins.paper_rules import Rules
from workbench_plugins.paper_state import State, Wait

Piece = tuple[Decimal, Decimal]
"""A size that the market offers, and at what price."""


def not_at_once(order: Order) -> str:
    """Why an order for what trades at once is taken back."""
    return "nothing more to trade with at once" if order.filled else "nothing to trade with at once"


@dataclass(frozen=True, slots=True)
class Moment:
    """The bar or quote in which something trades: its time (UTC) and the factor of its prices."""

    at: datetime
    factor: Decimal = Decimal(1)


class Filling:
    """Fills orders with what the market offers: one commit for all an order gets at one moment, then the telling."""

    def __init__(self, state: State, rules: Rules, funds: Funds) -> None:
        self._state, self._rules, self._funds = state, rules, funds

    def fill(self, order: Order, offered: Sequence[Piece], moment: Moment, cause: str = "", *, wait: Wait) -> None:
        """Fill an order with what is offered, up to what the account pays for or the position is.

        What the market did not offer goes on waiting as `wait` says; what the account cannot pay for ends.
        """
        if order.reduce_only:
            self.reduce(order, offered, moment, cause or "exit", wait=wait)
            return
        refusal = self._funds.closed_for(order, moment.at)
        if refusal:
            self._end_unfilled(order, refusal)
            return
        made: list[Execution] = []
        short = ""
        for size, price in offered:
            can, reason = self._affordable(order, size, price, moment)
            if can > 0:
                made.append(self._count(order, can, price, moment, cause or "entry"))
                order = self._state.orders[order.order_id]
            if can < size:
                short = reason
                break
        if short and not made:
            self._end_unfilled(order, short)
            return
        self._finish(order, made, moment, rest=short, wait=wait)

    def reduce(self, order: Order, offered: Sequence[Piece], moment: Moment, cause: str, *, wait: Wait) -> None:
        """Fill a reduce-only order, clamped to the position; its siblings end with it."""
        state = self._state
        position = state.accounts[order.account].position(order.strategy, order.symbol)
        if position.size * order.side.sign >= 0:
            state.detach(order.order_id)
            state.close(order.order_id, OrderState.CANCELLED, "nothing to reduce")
            return
        ceiling, why = self._funds.deliverable(order, abs(position.size), moment.at)
        if ceiling <= 0:
            if not order.protects:  # a child stays where it is until what it protects can be sold
                self._end_unfilled(order, why)
            return
        left = min(order.size - order.filled, abs(position.size), ceiling)
        pieces = []
        for size, price in offered:
            if left > 0:
                pieces.append((min(size, left), price))
                left -= pieces[-1][0]
        total = sum((size for size, _ in pieces), Decimal(0))
        ended = self._end_siblings(order, gone=total == abs(position.size))
        made = []  # in one commit with the siblings: after a crash nothing protects what is gone
        for size, price in pieces:
            made.append(self._count(order, size, price, moment, cause))
            order = state.orders[order.order_id]
        rest = "" if left > 0 else (why if ceiling < abs(position.size) else "clamped to the position")
        self._finish(order, made, moment, rest=rest, wait=wait, ended=ended)

    def pass_by(self, group: Protected, bar: Bar) -> None:
        """Children that a bar did not reach: their trail moves by it."""
        state, before = self._state, group.levels
        group.levels = before.after(bar)
        state.keep_group(group)
        trailing = group.children.get(OrderType.TRAILING_STOP)
        if trailing is not None and group.levels.extreme != before.extreme:
            moved = replace(group.levels, stop=None).stop_now(state.instruments[bar.symbol])
            if moved is not None:
                state.keep_order(state.orders[trailing].but(level=moved[0]))
                state.book.commit()
                state.tell_of(trailing)

    def takes(self, order: Order, size: Decimal, price: Decimal, moment: Moment) -> Decimal:
        """How much of a size an order will trade at a price: up to the position, or to what the account pays for."""
        if not order.reduce_only:
            return self._affordable(order, size, price, moment)[0]
        return min(size, abs(self._state.accounts[order.account].position(order.strategy, order.symbol).size))

    def _affordable(self, order: Order, size: Decimal, price: Decimal, moment: Moment) -> tuple[Decimal, str]:
        """What the account pays for, at most `size`, and the reason where that is less."""
        rules, account = self._rules, self._state.accounts[order.account]
        if rules.margin is not None or rules.fees is not None or rules.settlement is not None or order.filled:
            return self._funds.most(order, size, price, moment.factor, moment.at)
        available, instrument = account.available(), self._state.instruments[order.symbol]
        day = moment.at.date()
        can = affordable(order.side, size, price, moment.factor, available, rules.costs, instrument, day)  # rows 4, 5
        reason = f"cash of {available:.2f} pays for {can:.8f} whole lots of {size:.8f} {order.symbol} at {price}"
        return min(can, size), reason

    def _count(self, order: Order, size: Decimal, price: Decimal, moment: Moment, cause: str) -> Execution:
        """Count one piece into account and order, uncommitted."""
        state, account = self._state, self._state.accounts[order.account]
        before = state.pieces_of(order) if order.filled else ()
        fill = Execution(
            fill_id=f"paper-{len(state.fills) + 1}",
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            size=size,
            price=price,
            fee=self._rules.fee_of(order, size, price, moment.factor, moment.at, before),
            time=moment.at,
            client_order_id=order.client_order_id,
            broker_id=order.order_id,
            cause=cause,
            factor=moment.factor,
            strategy=order.strategy,
        )
        account.cash += -order.side.sign * size * price - fill.fee
        held = account.position(order.strategy, order.symbol)
        account.positions[order.strategy, order.symbol] = held.after(order.side, size, price)
        if self._rules.knows_products:
            self._funds.note(order, fill)
        state.keep_fill(fill)
        state.orders[order.order_id] = order.but(filled=order.filled + size)
        return fill

    def _finish(self, order: Order, made: Sequence[Execution], moment: Moment, *, rest: str, wait: Wait,
                ended: Iterable[str] = ()) -> None:  # fmt: skip
        """Keep all that came of an order at one moment, then tell: it filled, waits for more, or ends for `rest`."""
        state = self._state
        # what is left may be less than a lot, where the factor moved since the size was fixed: that is no rest
        left = whole_lots(order.size - order.filled, moment.factor, state.instruments[order.symbol])
        if order.filled == order.size or (made and left <= 0 and not order.reduce_only):
            state.waiting.pop(order.order_id, None)
            order = order.but(state=OrderState.FILLED)
        elif rest:
            state.waiting.pop(order.order_id, None)
            order = order.but(state=OrderState.CANCELLED, reason=rest)
        elif order.handling.validity is Validity.IOC:  # in one commit with its fills: after a crash none comes later
            state.waiting.pop(order.order_id, None)
            order = order.but(state=OrderState.CANCELLED, reason=not_at_once(order))
        else:
            state.waiting[order.order_id] = wait
            order = order.but(state=OrderState.PARTIAL if order.filled else order.state)
        state.keep_order(order)
        if made:
            state.keep_account(order.account)
        state.book.commit()
        for fill in made:
            state.tell.on_fill(fill)
        for sibling in ended:
            state.tell_of(sibling)
        if order.state is OrderState.CANCELLED:
            state.tell_of(order.order_id)

    def _end_siblings(self, order: Order, *, gone: bool) -> list[str]:
        """Take away what protected a position that is gone, or what an order that protects cancels: their ids."""
        state, ended = self._state, []
        for group in state.groups.of((order.account, order.strategy, order.symbol)):
            if gone or order.order_id in group.children.values():
                ended += [child for child in group.children.values() if child != order.order_id]
                state.groups.remove(group)
                state.keep_group(group)
        for child in ended:
            state.keep_order(state.ended_as(child, OrderState.CANCELLED, "one cancels the other"))
        return ended

    def _end_unfilled(self, order: Order, reason: str) -> None:
        """End an order that gets nothing now: rejected, or cancelled where a piece of it filled before."""
        ended = OrderState.CANCELLED if order.filled else OrderState.REJECTED
        self._state.close(order.order_id, ended, reason)
