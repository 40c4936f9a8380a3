"""Ports: what the core asks of the things plugged into it, and the values that pass through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from workbench.model import Bar, Fill, Instrument, Order, Position, Signal

if TYPE_CHECKING:
    import pandas as pd

ProgressCallback = Callable[[str, int, int], None]
"""Called with (what is going on, done, total); an exception raised in it cancels the work."""


def no_progress(what: str, done: int, total: int) -> None:
    """Report nothing."""


# ---- data ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DataRequest:
    """What to load from a source; None leaves the choice to the source.

    `symbol` is a symbol or, for file sources, a path. `zone` is the IANA zone of times that carry none.
    """

    symbol: str
    zone: str | None = None
    calendar: str | None = None
    lot: Decimal | None = None
    tick: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices as a source hands them over, unchecked.

    `frame` has the columns time, open, high, low, close and, where known, volume and factor; prices are raw, and
    where `instrument.adjusted` the research price is raw × factor. `time` is the bar's start: zoned, or naive in
    `zone`, or dates alone for daily bars. `volume_counts` False says that zero volume does not mean "untraded"
    (an index has none). `as_of` is the date of the symbol universe.
    """

    frame: pd.DataFrame
    instrument: Instrument
    calendar: str = "always"
    zone: str | None = None
    volume_counts: bool = True
    as_of: date | None = None
    notes: tuple[str, ...] = ()


@runtime_checkable
class DataSource(Protocol):
    """A source of bars."""

    def symbols(self) -> Sequence[str]:
        """Every symbol it can name; empty for a source of files."""

    def load(self, request: DataRequest) -> PriceTable:
        """All bars of one symbol. Raises BadInput (UnknownName for a symbol it does not have)."""


# ---- broker ----------------------------------------------------------------------------------------------------------


class BrokerListener(Protocol):
    """What a broker tells the order manager; called in the order in which things happened."""

    def on_acknowledged(self, order_id: str) -> None:
        """The broker has taken the order."""

    def on_fill(self, fill: Fill) -> None:
        """A piece of the order traded."""

    def on_closed(self, order_id: str, state: str, reason: str) -> None:
        """The order ended without (further) fills: `state` is rejected, cancelled or expired."""

    def on_level(self, order_id: str, level: Decimal) -> None:
        """A trailing child's level moved."""


@dataclass(frozen=True, slots=True)
class BrokerCapabilities:
    """What a broker does by itself; the conformance suite proves each claim.

    `resend` is "dedupes" (a repeated client order id is refused), "searchable" (the id comes back in queries) or
    "blind" (neither). `protection` says that it holds stop, target and trail of a position itself.
    """

    resend: str = "blind"
    protection: bool = False
    shorts: bool = False


@runtime_checkable
class Broker(Protocol):
    """Somewhere to send orders to."""

    capabilities: BrokerCapabilities

    def connect(self, listener: BrokerListener) -> None:
        """Start reporting to a listener; once, before the first order."""

    def submit(self, order: Order) -> None:
        """Send one order, once. Raises workbench.errors.Refused for a definite refusal; anything else is unknown."""

    def cancel(self, order_id: str) -> None:
        """Ask for a working order to be cancelled; the answer comes to the listener."""

    def orders(self) -> Sequence[Order]:
        """All orders of the day as the broker sees them."""

    def fills(self) -> Sequence[Fill]:
        """All fills of the day."""

    def positions(self) -> Sequence[Position]:
        """All positions that are not flat."""

    def cash(self, account: str) -> Decimal:
        """Settled cash of an account."""


@runtime_checkable
class BarBroker(Broker, Protocol):
    """A broker that trades on bars, phase by phase, as paper and replay do."""

    def open_account(self, account: str, cash: Decimal, instruments: Iterable[Instrument]) -> None:
        """Add an account with its starting cash and what it may trade."""

    def trade_bars(self, bars: Mapping[str, Bar]) -> None:
        """Let one instant's bars happen: fills at the open, then inside the bar, then trails move."""


# ---- risk ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What portfolio limits look at, read in the transaction that keeps the intent; all by the session's clock.

    `day` is the date in the market's zone and `day_start_equity` the equity when it began. `open_symbols` are those
    with a position or an entry under way, `reserved` the currency that entries under way may still take (each at its
    symbol's last mark). `entries_today` counts the strategy's entries that were not denied, `orders_last_minute` the
    account's orders. `market_open` is None where bars are daily or longer: their orders wait for the next open.
    """

    day: date
    day_start_equity: Decimal
    open_symbols: frozenset[str] = frozenset()
    reserved: Decimal = Decimal(0)
    entries_today: int = 0
    orders_last_minute: int = 0
    market_open: bool | None = None


@dataclass(frozen=True, slots=True)
class RiskContext:
    """What a risk rule sees: the signal, what it would trade, and the account as it stands.

    `size` is what the rules before this one left, in raw units; None before the sizing rule.
    `equity` and `cash` are the account's, marked at the signal's reference price. `facts` are there in the trading
    profile and None in research, which knows no portfolio limits.
    """

    signal: Signal
    instrument: Instrument
    position: Position
    equity: Decimal
    cash: Decimal
    size: Decimal | None
    at: datetime
    facts: AccountFacts | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule's answer: allow, cut (to `size`) or deny, with the reason and the figures it looked at."""

    rule: str
    decision: str
    reason: str = ""
    size: Decimal | None = None
    figures: Mapping[str, str] = field(default_factory=dict)


class RiskRule(Protocol):
    """One rule of the risk chain; it may deny or cut an entry, never enlarge it. An exception in it denies."""

    def judge(self, context: RiskContext) -> Verdict:
        """Judge one entry."""


# ---- orders on file --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fence:
    """The panic fence: an order decided under an older `epoch`, or any while `halted`, is not sent."""

    epoch: int = 0
    halted: bool = False
    reason: str = ""


class OrderRepository(Protocol):
    """Where signals, orders, fills and the journal are kept; in memory for replay, in a database for paper and live.

    A write outside `transaction` is a transaction of its own. What a transaction wrote is durable when it ends.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """Keep all that is written inside, or nothing; other writers wait. One inside another joins it."""

    def add_signal(self, signal: Signal) -> bool:
        """Keep a signal; False when its (source, key) was acted on already."""

    def settle_signal(self, signal: Signal, status: str, reason: str, at: datetime) -> None:
        """Say what came of a signal: ordered, denied, ignored or refused."""

    def add_order(self, order: Order, verdicts: Sequence[Verdict], at: datetime) -> None:
        """Keep a new order with the risk decision behind it."""

    def change_order(self, order: Order, event: str, at: datetime) -> None:
        """Replace an order's row and journal the event that changed it."""

    def authorise(self, order: Order, at: datetime) -> str:
        """Move a READY order to SENDING, durably, in one step that looks at everything that may forbid it.

        Empty when it may be sent now; else why not: a panic since it was decided, a stage that does not trade, an
        order of the same account and symbol whose fate is unknown. Raises LeaseLost.
        """

    def add_fill(self, fill: Fill) -> bool:
        """Keep a fill; False when its (account, fill_id) is known already."""

    def open_day(self, account: str, day: date, equity: Decimal) -> Decimal:
        """The equity an account began a day with: the first one given for that day."""

    def fence(self) -> Fence:
        """The panic fence as it stands."""

    def note(self, kind: str, subject: str, at: datetime, **facts: str) -> None:
        """Journal something that is not an order event."""

    def order(self, order_id: str) -> Order:
        """One order by its id."""

    def open_orders(self, account: str, symbol: str | None = None) -> Sequence[Order]:
        """Orders of an account (and symbol) that are not at their end, oldest first."""

    def orders_of(self, signal: Signal) -> Sequence[Order]:
        """The orders a signal led to by itself, children left out, oldest first."""

    def orders_since(self, account: str, at: datetime) -> Sequence[Order]:
        """Orders of an account created at or after an instant, oldest first."""

    def orders(self) -> Sequence[Order]:
        """All orders, oldest first."""

    def fills(self, account: str | None = None) -> Sequence[Fill]:
        """All fills, or an account's, oldest first."""

    def signals(self) -> Sequence[Signal]:
        """All signals, oldest first."""

    def journal(self) -> Sequence[Mapping[str, str]]:
        """The append-only journal, oldest first; every entry has seq, at, kind and subject."""


# ---- run registry ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file kept with a run."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One backtest, walk-forward, sweep, proof or replay as it is kept for ever.

    `spec` is all that is needed to run it again. `family` groups the trials of one strategy whatever its
    parameters. `passed` is the answer of a proof, None where there is no yes or no. Mappings hold JSON values.
    """

    run_id: str
    kind: str
    strategy: str
    family: str
    spec: Mapping[str, Any]
    params: Mapping[str, Any]
    data: Mapping[str, Any]
    data_fingerprint: str
    code_fingerprint: str
    environment: Mapping[str, str]
    environment_fingerprint: str
    metrics: Mapping[str, Any]
    started_at: datetime
    seconds: float
    passed: bool | None = None
    artifacts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """One evaluated parameter set on one data set."""

    params_fingerprint: str
    data_fingerprint: str
    run_id: str


class RunRegistry(Protocol):
    """Where runs, their artifacts and the trials of a strategy family are kept."""

    def add(self, run: RunRecord, artifacts: Sequence[Artifact] = (), trials: Iterable[Trial] = ()) -> None:
        """Keep a run with its artifacts and the trials it made, all or nothing."""

    def get(self, run_id: str) -> RunRecord:
        """One run by its id or an unambiguous beginning of it. Raises UnknownName."""

    def find(
        self, *, kind: str | None = None, strategy: str | None = None, limit: int | None = None
    ) -> Sequence[RunRecord]:
        """Runs, newest first."""

    def artifact(self, run_id: str, name: str) -> bytes:
        """One artifact's content. Raises UnknownName; BadInput when the file no longer matches its hash."""

    def trials(self, family: str) -> int:
        """How many distinct (parameters, data) a family was evaluated on."""
