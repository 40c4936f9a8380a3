"""Funds: what an account at the paper broker may buy, sell and hold, by cash, margin, settlement and the hour."""

from datetime import date, datetime
from decimal import Decimal, localcontext

from workbench.model import MONEY_CONTEXT, Order, Side
from workbench.ports import Execution
from workbench_plugins.paper_account import Account
from workbench_plugins.paper_margin import Leg
from workbench_plugins.paper_rules import Rules, most_lots
from workbench_plugins.paper_state import State


class Funds:
    """Answers what an account can afford, and notes what its fills bind. With no option on it is never asked."""

    def __init__(self, state: State, rules: Rules) -> None:
        self._state, self._rules = state, rules

    # ---- before an order is taken ------------------------------------------------------------------------------------

    def check(self, order: Order) -> str:
        """Why an order would be refused for its product, the margin it needs, or the holdings it lacks; else empty."""
        rules, account = self._rules, self._state.accounts[order.account]
        product, known = rules.product_of(order), rules.products
        if order.handling.product and order.handling.product not in known:
            return f"product {product} is unknown here; known: {', '.join(known) or 'none'}"
        held = account.products.get((order.strategy, order.symbol))
        if order.reduce_only:
            return ""
        if held is not None and held != product and account.position(order.strategy, order.symbol).size:
            return f"{order.symbol} is held as {held}: close it before opening it as {product}"
        settlement = rules.settlement
        if settlement and settlement.needs_holdings and settlement.applies(product) and order.side is Side.SELL:
            return f"{product} sells what is held, not short: use a reduce-only order"
        price = order.limit or order.level or self._state.marks.get(order.symbol)
        if rules.margin is None or price is None:
            return ""
        with localcontext(MONEY_CONTEXT):
            at = self._state.ended.get(order.symbol, order.created_at)
            free = self._equity(account) - self._required(account, at.date()) - self._reserved(account, at.date())
            needed = self._alone(order, order.size, price, at.date())
            hedged = self._required(account, at.date(), (order, order.size, price))
            needed = min(needed, max(hedged - self._required(account, at.date()), Decimal(0)))
        if needed <= free:
            return ""
        return f"{order.size:f} {order.symbol} at {price} as {product} needs a margin of {needed:.2f}; free: {free:.2f}"

    # ---- when it fills -----------------------------------------------------------------------------------------------

    def closed_for(self, order: Order, at: datetime) -> str:
        """Why nothing may be opened any more on this day; empty where it may."""
        square_off = self._rules.square_off
        if square_off is None:
            return ""
        product, venue = self._rules.product_of(order), self._state.instruments[order.symbol].venue
        if not square_off.is_over(product, venue, at):
            return ""
        return f"no position of product {product} is opened at or after {square_off.closes[venue]:%H:%M} at {venue}"

    def deliverable(self, order: Order, held: Decimal, at: datetime) -> tuple[Decimal, str]:
        """How much of a long position may be sold, and why no more."""
        settlement, account = self._rules.settlement, self._state.accounts[order.account]
        product = account.products.get((order.strategy, order.symbol), "")
        if not (settlement and settlement.needs_holdings and settlement.applies(product) and order.side is Side.SELL):
            return held, ""
        settled = account.settled_size(order.strategy, order.symbol, settlement.day(at))
        return min(held, settled), f"{settled:f} of {held:f} {order.symbol} is settled: the rest cannot be sold yet"

    def most(self, order: Order, size: Decimal, price: Decimal, factor: Decimal, at: datetime) -> tuple[Decimal, str]:
        """The largest size in whole lots that cash and margin allow, and the reason where that is less than `size`."""
        rules, account = self._rules, self._state.accounts[order.account]
        instrument = self._state.instruments[order.symbol]
        before = self._state.pieces_of(order) if order.filled else ()
        cash, words = self._cash(order, account, at)
        day = at.date()

        def fits(some: Decimal) -> bool:
            fee = rules.fee_of(order, some, price, factor, at, before)
            spent = some * price + fee if order.side is Side.BUY or rules.fees is not None else some * price
            if cash is not None and spent > cash:
                return False
            if rules.margin is None:
                return True
            equity = self._equity(account, order.symbol, price) - fee
            return equity >= self._required(account, day, (order, some, price))

        can = most_lots(size, factor, instrument, fits)
        if rules.margin is not None and (cash is None or can * price <= cash):
            free = self._equity(account, order.symbol, price) - self._required(account, day, (order, Decimal(0), price))
            words = f"a margin of {free:.2f} free"
        reason = f"{words} carries {can:.8f} whole lots of {size:.8f} {order.symbol} at {price}"
        return min(can, size), reason

    def _cash(self, order: Order, account: Account, at: datetime) -> tuple[Decimal | None, str]:
        """The cash that limits an order, None where only margin does; and its name in words."""
        rules, cash = self._rules, account.available()
        settlement = rules.settlement
        if settlement and settlement.settled_only and settlement.applies(rules.product_of(order)):
            cash -= account.unsettled(settlement.day(at))
            return cash, f"settled cash of {cash:.2f}"
        return None if rules.margin is not None else cash, f"cash of {cash:.2f}"

    # ---- after it filled ---------------------------------------------------------------------------------------------

    def note(self, order: Order, fill: Execution) -> None:
        """Note under which product and when a position was opened, and what of the trade settles later."""
        account, holding = self._state.accounts[fill.account], (order.strategy, order.symbol)
        if account.position(*holding).size == 0:
            product = account.products.pop(holding, "")
            account.opened.pop(holding, None)
        elif order.reduce_only:
            product = account.products.get(holding, "")
        else:
            product = account.products[holding] = self._rules.product_of(order)
            account.opened.setdefault(holding, fill.time)
        settlement = self._rules.settlement
        if settlement is not None and settlement.applies(product):
            amount = fill.size * fill.price - fill.fee
            day, today = settlement.settles_on(fill.time), settlement.day(fill.time)
            account.settle_later(holding, fill.side, fill.size, amount, day, today)

    def look(self, at: datetime) -> None:
        """Note, at new marks, which accounts fell below their maintenance margin, and which are above it again."""
        for account in self._state.accounts.values() if self._rules.margin is not None else ():
            equity, needed = self._equity(account), self._required(account, at.date(), maintenance=True)
            if (equity < needed) is account.is_called:
                continue
            account.is_called = equity < needed
            kind = "margin_call" if account.is_called else "margin_restored"
            words = f"equity of {equity:.2f} is {'below' if account.is_called else 'not below'} the maintenance margin"
            self._state.note(kind, account.name, at, f"{words} of {needed:.2f}")
            self._state.keep_account(account.name)

    # ---- margin ------------------------------------------------------------------------------------------------------

    def margin(self, account: str, *, maintenance: bool = False) -> Decimal:
        """What the positions of an account bind at the last marks; 0 without a table."""
        at = max(self._state.ended.values(), default=None)
        if self._rules.margin is None or at is None:
            return Decimal(0)
        with localcontext(MONEY_CONTEXT):
            return self._required(self._state.accounts[account], at.date(), maintenance=maintenance)

    def equity(self, account: str) -> Decimal:
        """Cash and positions at the last marks; a position that was never marked counts at its entry price."""
        with localcontext(MONEY_CONTEXT):
            return self._equity(self._state.accounts[account])

    def _equity(self, account: Account, symbol: str = "", price: Decimal | None = None) -> Decimal:
        """Equity, with another price for one symbol."""
        total = account.cash
        for (_, held), position in account.positions.items():
            if position.size:
                is_other = held != symbol or price is None
                total += position.size * (self._mark(held, position.entry_price) if is_other else price or Decimal(0))
        return total

    def _required(self, account: Account, day: date, more: tuple[Order, Decimal, Decimal] | None = None, *,
                  maintenance: bool = False) -> Decimal:  # fmt: skip
        """What the positions bind, with another size of an order's symbol bought or sold at a price."""
        table, instruments = self._rules.margin, self._state.instruments
        assert table is not None
        legs = []
        for holding, position in account.positions.items():
            if position.size:
                mark = self._mark(holding[1], position.entry_price)
                if more is not None and holding[1] == more[0].symbol:
                    mark = more[2]
                product = account.products.get(holding, "")
                legs.append(Leg(table.contract(instruments[holding[1]]), product, position.size, mark))
        if more is not None:
            order, size, price = more
            contract = table.contract(instruments[order.symbol])
            legs.append(Leg(contract, self._rules.product_of(order), order.side.sign * size, price))
        return table.required(legs, day, maintenance=maintenance)

    def _alone(self, order: Order, size: Decimal, price: Decimal, day: date) -> Decimal:
        table = self._rules.margin
        assert table is not None
        contract = table.contract(self._state.instruments[order.symbol])
        leg = Leg(contract, self._rules.product_of(order), order.side.sign * size, price)
        return table.required([leg], day)

    def _reserved(self, account: Account, day: date) -> Decimal:
        """What the opening orders that still work will bind, each by itself."""
        total = Decimal(0)
        for order_id in self._state.waiting:
            order = self._state.orders[order_id]
            price = order.limit or order.level or self._state.marks.get(order.symbol)
            if order.account == account.name and not order.reduce_only and price is not None:
                total += self._alone(order, order.size - order.filled, price, day)
        return total

    def _mark(self, symbol: str, otherwise: Decimal) -> Decimal:
        return self._state.marks.get(symbol, otherwise)
