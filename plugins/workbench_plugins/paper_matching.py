"""Bars at the paper broker: orders and children are tried on each, by the one rule for fills."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, localcontext

from workbench.errors import BadInput
from workbench.fills import open_price, price_units, whole_lots
from workbench.model import MONEY_CONTEXT, Bar, Order, OrderState, OrderType, Side, Validity, iso
from workbench_plugins.paper_children import Protected
from workbench_plugins.paper_filling import Filling, Moment, not_at_once
from workbench_plugins.paper_funds import Funds
from workbench_plugins.paper_intraday import Intraday
from workbench_plugins.paper_resting import Match, after_entry, match
from workbench_plugins.paper_rules import Rules
from workbench_plugins.paper_state import State, Wait


class BarMatching:
    """Lets bars happen; row numbers are those of the table in docs/fills.md, the rest stands in docs/paper.md."""

    def __init__(self, state: State, rules: Rules, filling: Filling, funds: Funds) -> None:
        self._state, self._rules, self._filling, self._funds = state, rules, filling, funds
        self._intraday = Intraday(state, rules)

    def trade(self, bars: Mapping[str, Bar]) -> None:
        """Let one instant's bars happen. Raises BadInput before anything happens for one that cannot be traded on."""
        state = self._state
        traded = {symbol: bar for symbol, bar in bars.items() if bar.traded}  # row 1
        self._check(bars, traded)
        for symbol, bar in bars.items():
            if state.begun.get(symbol) != bar.start:
                state.keep_time("begun", symbol, bar.start)
            if self._needs_clock:
                state.keep_time("ended", symbol, bar.end)
        with localcontext(MONEY_CONTEXT):
            for symbol, bar in traded.items():
                self._intraday.begin(symbol, bar.start)
            place = {symbol: i for i, symbol in enumerate(state.instruments)}
            waiting = [state.orders[order_id] for order_id in state.waiting]
            waiting.sort(key=lambda order: (place[order.symbol], state.numbers[order.order_id]))
            for reduce_only in (True, False):  # row 2: closes first; row 25: over all symbols, in their order
                for order in waiting:
                    if order.symbol not in traded or order.reduce_only is not reduce_only:
                        continue
                    bar, wait = traded[order.symbol], state.waiting.get(order.order_id)
                    if wait is not None and wait.after != bar.start:
                        self._try(state.orders[order.order_id], wait, bar)
            for group in state.groups.all():
                symbol = group.place[2]
                if symbol in traded and group.tried != traded[symbol].start:
                    is_new, group.tried = group.tried is None, traded[symbol].start
                    state.keep_group(group)
                    self._try_levels(group, traded[symbol], is_new=is_new)
            if self._needs_clock:
                self._mark(traded)
            slippage = self._rules.costs.slippage
            if not slippage.is_fixed:
                for symbol, bar in traded.items():
                    state.keep_slip(symbol, *slippage.after(bar))
        state.book.commit()

    def close(self, bars: Mapping[str, Bar]) -> None:
        """Fill at their close the market orders that came since these bars, the last ones, were traded (row 26)."""
        state = self._state
        traded = {symbol: bar for symbol, bar in bars.items() if bar.traded}
        with localcontext(MONEY_CONTEXT):
            place = {symbol: i for i, symbol in enumerate(state.instruments)}
            waiting = [state.orders[order_id] for order_id in state.waiting]
            waiting.sort(key=lambda order: (place[order.symbol], state.numbers[order.order_id]))
            for reduce_only in (True, False):
                for order in waiting:
                    wait, bar = state.waiting.get(order.order_id), traded.get(order.symbol)
                    if wait is None or bar is None or order.reduce_only is not reduce_only:
                        continue
                    if order.type is not OrderType.MARKET or wait != Wait(bar.start):
                        continue  # it rests, or has a latency, which takes it to a later bar
                    size, moment = self._offered(order, bar), Moment(bar.start, bar.factor)
                    price = open_price(
                        bar.close, order.side, self._slippage(order, bar), state.instruments[order.symbol]
                    )
                    self._filling.fill(order, [(size, price)] if size > 0 else [], moment, wait=wait)
        state.book.commit()

    @property
    def _needs_clock(self) -> bool:
        return self._rules.knows_products or self._rules.realism.latency_s > 0

    def _check(self, bars: Mapping[str, Bar], traded: Mapping[str, Bar]) -> None:
        for symbol in bars:
            if symbol in self._state.quoted:
                raise BadInput("bar", symbol, "trades on quotes here", "give one symbol bars or quotes, not both")
        if self._rules.realism.needs_volume:
            for symbol, bar in traded.items():
                if not bar.volume:
                    problem = f"has no volume at {iso(bar.start)}, which realism volume_share and impact need"
                    raise BadInput("bar", symbol, problem, "leave them out for this symbol's data")

    def _mark(self, traded: Mapping[str, Bar]) -> None:
        for symbol, bar in traded.items():
            self._state.keep_mark(symbol, bar.close)
        if traded:
            self._funds.look(max(bar.end for bar in traded.values()))

    # ---- orders that wait or rest ------------------------------------------------------------------------------------

    def _try(self, order: Order, wait: Wait, bar: Bar) -> None:
        """Let one bar happen to an order that waits or rests."""
        state = self._state
        if order.handling.validity is Validity.DAY and (order.type is not OrderType.MARKET or wait != Wait(wait.after)):
            day = bar.start.date()
            if wait.day is None:
                wait = replace(wait, day=day)
                state.wait(order.order_id, wait)
            elif wait.day < day:
                state.close(order.order_id, OrderState.EXPIRED, "its day is over")
                return
        if wait.active_at is not None and bar.start < wait.active_at:
            return
        if wait.skip:
            state.wait(order.order_id, replace(wait, skip=wait.skip - 1, after=bar.start))
            return
        is_market = order.type is OrderType.MARKET or wait.is_triggered
        size = self._offered(order, bar)
        found = self._match(order, bar, size, is_market=is_market)
        if found is None:
            self._go_on(order, wait)
        elif found.price is None:  # its stop was reached beyond its limit: a limit order from the next bar on
            state.orders[order.order_id] = order.but(type=OrderType.LIMIT, level=None)
            state.wait(order.order_id, replace(wait, after=bar.start))
        else:
            if order.type is OrderType.STOP_LIMIT and size < order.size - order.filled:
                order = state.orders[order.order_id] = order.but(type=OrderType.LIMIT, level=None)
            if not found.at_open:
                state.keep_inside((order.account, order.strategy, order.symbol), bar.start, found.price)
            good_for = bar.start.date() if order.handling.validity is Validity.DAY else None
            rest = replace(wait, after=bar.start, is_triggered=order.type.has_level, day=wait.day or good_for)
            offered = [(size, found.price)] if size > 0 else []
            self._filling.fill(order, offered, Moment(bar.start, bar.factor), wait=rest)
            if order.order_id in state.waiting:
                self._go_on(state.orders[order.order_id], rest)

    def _go_on(self, order: Order, wait: Wait) -> None:
        """An order that is still there after a bar: kept, or taken back where it was for what trades at once."""
        if order.handling.validity is Validity.IOC:
            self._state.close(order.order_id, OrderState.CANCELLED, not_at_once(order))
        elif self._state.waiting[order.order_id] != wait:
            self._state.wait(order.order_id, wait)

    def _match(self, order: Order, bar: Bar, size: Decimal, *, is_market: bool) -> Match | None:
        """What a bar does to an order, at the price that a size of it pays."""
        instrument, realism = self._state.instruments[order.symbol], self._rules.realism

        def found_at(bps: Decimal) -> Match | None:
            if is_market:
                return Match(open_price(bar.open, order.side, bps, instrument), at_open=True)
            return match(order, bar, bps, instrument)

        found = found_at(self._slippage(order, bar))
        if found is None or found.price is None or not realism.impact:
            return found
        taken = self._filling.takes(order, size, found.price, Moment(bar.start, bar.factor))
        return found_at(self._slippage(order, bar) + realism.impact_bps(taken * bar.factor, bar))

    def _slippage(self, order: Order, bar: Bar) -> Decimal:
        """What a market or stop order pays, in basis points, whatever its size."""
        realism, slippage = self._rules.realism, self._slip(order.symbol, order.size * bar.factor)
        return slippage + realism.cost_bps(order, bar) if realism.has_cost else slippage

    def _slip(self, symbol: str, raw: Decimal) -> Decimal:
        """The slippage of the costs for an order of so many raw units, in basis points."""
        slippage = self._rules.costs.slippage
        if slippage.is_fixed:
            return slippage.bps(slippage.fixed_rate, 0.0, raw)
        return slippage.bps(*self._state.slips.get(symbol, (slippage.fixed_rate, 0.0)), raw)

    # ---- children ----------------------------------------------------------------------------------------------------

    def _try_levels(self, group: Protected, bar: Bar, *, is_new: bool) -> None:
        state, instrument, whole = self._state, self._state.instruments[bar.symbol], bar
        at, price = state.inside.get(group.place, (None, Decimal(0)))
        if is_new and at == bar.start:
            bar = after_entry(bar, price, group.levels.entry)
        account, strategy, symbol = group.place
        held = abs(state.accounts[account].position(strategy, symbol).size)
        bps = self._slip(symbol, held * bar.factor)
        hit = group.levels.hit(bar, bps, instrument)
        if hit is not None:
            child, moment = state.orders[group.children[hit[1]]], Moment(bar.start, bar.factor)
            size = self._offered(child, whole)
            taken = self._filling.takes(child, size, hit[0], moment)
            bps = self._slippage(child, whole) + self._rules.realism.impact_bps(taken * bar.factor, whole)
            hit = group.levels.hit(bar, bps, instrument) or hit
            offered = [(size, hit[0])] if size > 0 else []
            self._filling.reduce(child, offered, moment, hit[1].value, wait=Wait(bar.start, is_triggered=True))
            return
        self._filling.pass_by(group, bar)

    # ---- what the market has, and takes ------------------------------------------------------------------------------

    def _offered(self, order: Order, bar: Bar) -> Decimal:
        """How much of an order the bar has room for: its rest, or what the account may still take of the volume."""
        share, state = self._rules.realism.volume_share, self._state
        left = order.size - order.filled
        if share is None or bar.volume is None:
            return left
        taken = sum((state.taken_at(order.account, order.symbol, side, bar.start) for side in Side), Decimal(0))
        room = price_units(max(share * bar.volume - taken, Decimal(0)), bar.factor)
        return left if left <= room else whole_lots(room, bar.factor, state.instruments[order.symbol])
