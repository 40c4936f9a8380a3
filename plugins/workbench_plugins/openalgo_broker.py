"""The OpenAlgo broker: orders to a self-hosted OpenAlgo server, each sent once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

from workbench.errors import BadInput, NotSent, Refused, UnknownName
from workbench.gateway import Lost
from workbench.model import Order, Position, Validity
from workbench.ports import BrokerCapabilities, BrokerHealth, BrokerListener, BrokerOrder, Execution
from workbench_plugins.openalgo_api import Api, Body, Key, Line, Parked, Unanswered
from workbench_plugins.openalgo_books import Books
from workbench_plugins.openalgo_checks import misfit, objection
from workbench_plugins.openalgo_market import OpenAlgoMarket
from workbench_plugins.openalgo_stream import Stream, Tick
from workbench_plugins.openalgo_symbols import Symbols
from workbench_plugins.openalgo_tags import Tags
from workbench_plugins.openalgo_ticket import fields_of, report_of
from workbench_plugins.openalgo_watch import Watch
from workbench_plugins.openalgo_wire import IST, PRICETYPES, PRODUCTS, identity

SERVER_GIVES_UP = 120.0
"""Seconds for which OpenAlgo may go on talking to its broker about an order whose answer we no longer wait for."""


class OpenAlgoBroker:
    """Implements `workbench.ports.Broker` for one account behind one OpenAlgo server.

    `api_key_env` names the environment variable that holds the API key. `ws_url` empty means no stream: the books are
    asked every `poll_every` seconds. `tag_orders` lets a client order id ride in the strategy field;
    `tag_echo_verified` says that `verify_echo` has proven that it comes back in the mode that is traded.
    `expected_mode`, "live" or "sandbox", refuses every order while OpenAlgo is in the other. `holdings` counts shares
    in the demat account as positions. `symbols` are names of one's own for symbols like NSE:RELIANCE. Seconds:
    `connect_within`, `answer_within` (a whole answer), `patience` (an order's wait for room in the rate limit).
    """

    def __init__(
        self,
        *,
        url: str = "http://127.0.0.1:5000",
        ws_url: str = "ws://127.0.0.1:8765",
        api_key_env: str = "OPENALGO_API_KEY",
        account: str = "openalgo",
        product: str = "MIS",
        strategy: str = "workbench",
        tag_orders: bool = False,
        tag_echo_verified: bool = False,
        tag_limit: int | None = None,
        tag_book: str | Path | None = None,
        expected_mode: str = "",
        holdings: bool = False,
        symbols: Mapping[str, str] | None = None,
        connect_within: float = 3.0,
        answer_within: float = 10.0,
        patience: float = 0.5,
        poll_every: float = 2.0,
        listed_within: float = SERVER_GIVES_UP + 10.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if product not in PRODUCTS:
            raise BadInput("product", product, f"is none of {', '.join(PRODUCTS)}")
        if expected_mode not in ("", "live", "sandbox"):
            raise BadInput("expected_mode", expected_mode, "is neither live nor sandbox", "leave it empty for either")
        if not poll_every > 0 or listed_within < 0:
            raise BadInput("poll_every and listed_within", (poll_every, listed_within), "must be above 0 seconds")
        self._account, self._expected, self._clock = account, expected_mode, clock
        self._key, self._line = Key.from_environment(api_key_env), Line()
        self._symbols = Symbols(symbols, clock)
        book = Path(tag_book).expanduser() if tag_book is not None else None
        self._tags = Tags(strategy, on=tag_orders or tag_echo_verified, limit=tag_limit, book=book)
        connected = partial(Api, connect_within=connect_within, answer_within=answer_within, patience=patience)
        self._api, self._watch_api = (connected(url, self._key, self._line) for _ in range(2))  # one for each thread
        self._books, watched = (
            Books(api, account, self._symbols, self._tags, holdings=holdings, clock=clock)
            for api in (self._api, self._watch_api)
        )
        self._stream: Stream | None = None
        self._watch = Watch(self._watch_api, watched, self._line, self._is_told, every=poll_every)
        if ws_url:
            self._stream = Stream(ws_url, self._key, self._line, self._symbols, self._watch.nudge, self._watch.nudge)
        self.market = OpenAlgoMarket(self._api, self._symbols, self._stream, clock)
        self._listener: BrokerListener | None = None
        self._sent: dict[str, str] = {}
        """Broker ids of this process's orders, with their client order ids."""
        self._on_tick: Callable[[Tick], None] | None = None
        self.capabilities = BrokerCapabilities(
            resend="searchable" if tag_echo_verified and self._tags.survives else "blind",
            types=frozenset(PRICETYPES),
            validities=frozenset({Validity.DAY}),
            products=(product, *(other for other in PRODUCTS if other != product)),
            protection=False,
            shorts=True,
            modify=True,
            exact_cash=False,
            listed_within=listed_within,
            places=2,
        )

    def __repr__(self) -> str:
        return f"OpenAlgoBroker(account={self._account!r}, api={self._api!r})"

    # ---- reporting ---------------------------------------------------------------------------------------------------

    def connect(self, listener: BrokerListener) -> None:
        """Start reporting; a server that cannot be reached now is told by `health`, and asked again."""
        if self._listener is not None:
            raise BadInput("listener", type(listener).__name__, "this broker is connected already")
        self._listener = listener
        with suppress(Unanswered):  # the line has noted it
            self._api.mode()
        self._watch.start()
        if self._stream is not None:
            self._stream.start()

    def close(self) -> None:
        """End the threads and close connections; nothing is cancelled."""
        if self._stream is not None:
            self._stream.stop()
        self._watch.stop()
        self._api.close()

    def deliver(self) -> bool:
        """Tell the listener what the watch found, and hand out ticks."""
        listener, told = self._tell, False
        for found in self._watch.drain():
            told = True
            if isinstance(found, Execution):
                listener.on_fill(found)
            else:
                listener.on_order(found)
        for tick in self._stream.drain() if self._stream is not None else ():
            if self._on_tick is not None:
                told = True
                self._on_tick(tick)
        return told

    def subscribe(self, symbols: Iterable[str], on_tick: Callable[[Tick], None] | None = None) -> None:
        """Hear last prices; `on_tick` is called by `deliver`, in its thread."""
        if self._stream is None:
            raise BadInput("ws_url", "", "is empty: there is no stream to hear prices from")
        self._on_tick = on_tick or self._on_tick
        self._stream.subscribe(symbols)

    def last(self, symbol: str) -> Tick | None:
        """The last tick of a subscribed symbol."""
        return self._stream.last(symbol) if self._stream is not None else None

    # ---- orders ------------------------------------------------------------------------------------------------------

    def check(self, order: Order) -> str:
        """Why OpenAlgo would refuse an order.

        The contract's lot, tick and expiry come from OpenAlgo's symbol master, asked once a day and symbol; where it
        does not answer, what it would know is not checked.
        """
        found = objection(order, self._account, self.capabilities, self._symbols.to_wire)
        if found:
            return found
        try:
            contract = self._symbols.learn(self._api, order.symbol, within=3.0)
        except UnknownName as error:
            return str(error)
        return misfit(order, contract, self._clock().astimezone(IST).date())

    def submit(self, order: Order) -> None:
        """Send one order, once: acknowledged, Refused, NotSent, or, as Lost, unknown."""
        listener, fields = self._tell, self._fields(order)
        found = misfit(order, self._symbols.known(order.symbol), self._clock().astimezone(IST).date())
        if found:
            raise Refused(found)
        try:
            fields["strategy"] = self._tags.keep(order.client_order_id)
        except OSError as error:
            raise NotSent(f"not sent, as its tag cannot be kept: {error}") from None
        try:
            told = self._api.change("placeorder", fields)
        except Lost:
            self._watch.nudge()
            raise
        broker_id = identity(told, "orderid")
        if not broker_id:
            parked = identity(told, "pending_order_id")
            if parked:
                raise Parked(
                    f"OpenAlgo is semi-automatic and holds the order as number {parked} of its Action Center: it goes"
                    " out when a person approves it there, and never if they reject it"
                )
            raise Lost("OpenAlgo placeorder: success without an order id; look into its order book")
        self._sent[broker_id] = order.client_order_id
        self._watch.nudge()
        listener.on_order(report_of(order, broker_id))

    def modify(self, order: Order) -> None:
        """Ask for a new size, limit and level; every field goes along, as OpenAlgo wants them all."""
        listener, fields = self._tell, self._fields(order)
        fields |= {"orderid": self._broker_id(order), "strategy": self._tags.of(order.client_order_id)}
        self._api.change("modifyorder", fields)
        self._watch.outdate(order.broker_id)
        self._watch.nudge()
        listener.on_order(report_of(order, order.broker_id))

    def cancel(self, order: Order) -> None:
        """Ask for a cancel, from the reserve of the rate limit; that it is cancelled, the books tell a moment later.

        OpenAlgo's success says that the broker took the request: the order may yet fill first.
        """
        strategy = self._tags.of(order.client_order_id)
        self._api.change("cancelorder", {"orderid": self._broker_id(order), "strategy": strategy}, urgent=True)
        self._watch.nudge()

    # ---- questions ---------------------------------------------------------------------------------------------------

    def orders(self) -> Sequence[BrokerOrder]:
        """All orders of the day; the filled size comes from the trade book, as a live order book has none."""
        found = self._books.orders()
        if self.capabilities.resend == "searchable" and self._books.echoes is False:
            # An id that does not come back would make every order look absent, and absent ones are sent again.
            self.capabilities = replace(self.capabilities, resend="blind")
            self._line.trouble("echo", "the order book no longer tells strategies: orders are not searchable any more")
        return found

    def fills(self) -> Sequence[Execution]:
        """All fills of the day."""
        return self._books.fills()

    def positions(self) -> Sequence[Position]:
        """All positions that are not flat, netted over products."""
        return self._books.positions()

    def cash(self, account: str) -> Decimal:
        """What the account may still spend, margin included."""
        if account != self._account:
            raise UnknownName("account", account, [self._account])
        return self._books.cash()

    def verify_echo(self) -> bool:
        """Whether orders of this process that carried their id come back with it; if so they are searchable from now.

        Raises BadInput where orders carry no id, or none of this process's stands in the order book yet. It holds for
        the broker and the mode it was proven with: the sandbox echoes what a live broker may not.
        """
        if not self._tags.survives:
            raise BadInput("tag_orders", False, "orders carry no id", "set tag_orders, and tag_book beside tag_limit")
        own = [order for order in self._books.orders() if order.broker_id in self._sent]
        if not own:
            raise BadInput(
                "order book", "empty", "holds no order of this process", "send one that rests, then ask again"
            )
        proven = all(order.client_order_id == self._sent[order.broker_id] for order in own)
        self.capabilities = replace(self.capabilities, resend="searchable" if proven else "blind")
        return proven

    def health(self) -> BrokerHealth:
        """How it is doing, without asking; a mode that is not known yet is told as live, to be safe."""
        troubles = [self._wrong_mode(), self._line.troubles]
        return BrokerHealth(
            mode=self._line.mode or "live",
            is_connected=self._line.is_up,
            trouble="; ".join(words for words in troubles if words),
            budget=self._line.budget.free,
            latency_ms=self._line.latency.table(),
        )

    # ---- inside ------------------------------------------------------------------------------------------------------

    @property
    def _tell(self) -> BrokerListener:
        if self._listener is None:
            raise BadInput("broker", "openalgo", "is not connected", "call connect before the first order")
        return self._listener

    def _is_told(self) -> bool:
        return self._stream is not None and self._stream.carries_orders

    def _wrong_mode(self) -> str:
        if self._expected and self._line.mode and self._expected != self._line.mode:
            return f"OpenAlgo is in {self._line.mode} mode and {self._expected} is expected: no order goes out"
        return ""

    def _broker_id(self, order: Order) -> str:
        if not order.broker_id:
            raise Refused(f"order {order.order_id} has no broker id: OpenAlgo cannot be told which one is meant")
        return order.broker_id

    def _fields(self, order: Order) -> Body:
        """An order's fields on the wire; Refused where it cannot go, NotSent where the mode is not the expected one."""
        if self._expected:
            try:
                self._api.mode()
            except Unanswered as error:
                raise NotSent(f"OpenAlgo's mode is not known and {self._expected} is expected: {error}") from None
        if wrong := self._wrong_mode():
            raise NotSent(wrong)
        words = objection(order, self._account, self.capabilities, self._symbols.to_wire, is_sent=True)
        if words:
            raise Refused(words)
        return fields_of(order, *self._symbols.to_wire(order.symbol), self.capabilities.products[0])
