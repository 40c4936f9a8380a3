"""Square-off at the paper broker: positions of intraday products are closed by orders of the broker's own."""

from datetime import datetime

from workbench.model import Order, OrderState, Side
from workbench_plugins.paper_rules import Rules
from workbench_plugins.paper_state import State, Wait

SQUARE_OFF = "square_off"


class Intraday:
    """Makes the orders that close what may not be held any longer."""

    def __init__(self, state: State, rules: Rules) -> None:
        self._state, self._rules = state, rules

    def begin(self, symbol: str, at: datetime) -> None:
        """Where positions in a symbol are due at the bar or quote of an instant: a market order, to fill in it.

        What else works for such a position is taken back first, so that nothing opens it again. The orders name no
        client order id, since nobody asked for them.
        """
        square_off = self._rules.square_off
        if square_off is None:
            return
        state, venue = self._state, self._state.instruments[symbol].venue
        for account in state.accounts.values():
            for (strategy, held), product in list(account.products.items()):
                position = account.position(strategy, held)
                due = square_off.due(product, venue, account.opened[strategy, held])
                if held != symbol or position.size == 0 or due is None or at < due:
                    continue
                order_id = f"{SQUARE_OFF}|{account.name}|{strategy}|{symbol}|{due:%Y-%m-%d}"
                if order_id in state.orders:
                    continue
                side = Side.SELL if position.size > 0 else Side.BUY
                order = Order(
                    SQUARE_OFF, "", strategy, account.name, symbol, side, abs(position.size), at,
                    reduce_only=True, state=OrderState.ACKED, order_id=order_id, reason="closed by the paper broker",
                )  # fmt: skip
                ended = self._take_back(account.name, strategy, symbol)
                state.waiting[order_id] = Wait(None)
                state.keep_order(order)
                words = f"{side} {abs(position.size):f} {symbol} of {strategy}, held as {product}"
                state.note(SQUARE_OFF, account.name, at, words)
                state.book.commit()
                for told in (*ended, order_id):
                    state.tell_of(told)

    def _take_back(self, account: str, strategy: str, symbol: str) -> list[str]:
        """Cancel what works for a position, uncommitted and untold: the ids."""
        state, place = self._state, (account, strategy, symbol)
        mine = (state.orders[order_id] for order_id in state.waiting)
        ended = [o.order_id for o in mine if (o.account, o.strategy, o.symbol) == place]
        for group in state.groups.of(place):
            ended += group.children.values()
            state.groups.remove(group)
            state.keep_group(group)
        for order_id in ended:
            state.waiting.pop(order_id, None)
            words = "the position is closed at the end of the day"
            state.keep_order(state.ended_as(order_id, OrderState.CANCELLED, words))
        return ended
