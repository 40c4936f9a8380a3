"""Venues: the broker behind each account, paper or one of the settings, and what is known of its market."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.broker_board import BrokerBoard, Deaf
from workbench.data import Calendar
from workbench.errors import BadInput, Refused, UnknownName
from workbench.fills import Terms
from workbench.model import MONEY_CONTEXT, Stage
from workbench.ports import Broker, DepthBroker, Market
from workbench.settings import AccountSettings

if TYPE_CHECKING:
    from workbench.bootstrap.desk import Workbench

PAPER = "paper"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Venue:
    """Where one account trades.

    `mode` is in which the broker has to be, empty where it can be in one alone. `market` is where people's orders find
    contracts and prices, None where bars alone are traded. A `shared` account may hold what is not a strategy's.
    """

    name: str
    broker: Broker
    close: Callable[[], None]
    mode: str = ""
    market: Market | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """What an account's books begin with: cash, and by symbol a signed size and its price, paid out of that cash."""

    cash: Decimal
    there: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)


class Venues:
    """The accounts of the settings; every other account is on paper, a strategy's own."""

    def __init__(self, bench: Workbench) -> None:
        self._bench, self._board = bench, BrokerBoard(bench)
        self.configured = dict(bench.settings.accounts)
        """The settings' accounts by name."""

    def check(self) -> None:
        """Raise BadInput or UnknownName, by the setting's name, for an account that cannot be meant so."""
        taken: dict[tuple[str, bool], str] = {}
        places: dict[tuple[object, ...], str] = {}
        for name, account in self.configured.items():
            what, brokers = f"setting accounts.{name}", self._board.names()
            if not _NAME.fullmatch(name):
                raise BadInput("setting accounts", name, "may hold letters, digits, dots, dashes and underscores alone")
            if account.broker not in brokers:
                raise UnknownName(f"{what}.broker", account.broker, brokers, "configure it as [brokers.NAME]")
            Calendar(account.calendar)
            if account.broker == PAPER:
                self._check_practice(what, account)
                continue
            if account.mode == PAPER:
                raise BadInput(f"{what}.mode", account.mode, "is for the paper broker", "write sandbox or live")
            if account.market or account.cash is not None:
                given = "market" if account.market else "cash"
                raise BadInput(f"{what}.{given}", getattr(account, given), "is for paper accounts", "leave it out")
            if (other := places.setdefault(self._place(account), name)) != name:
                problem = f"is where account {other} is: each would take the other's orders for strangers'"
                raise BadInput(f"{what}.broker", account.broker, problem, "keep one account for a broker and mode")
            if (
                account.strategy
                and (other := taken.setdefault((account.strategy, account.mode == "live"), name)) != name
            ):
                raise BadInput(f"{what}.strategy", account.strategy, f"trades in {other} already", "keep one")

    def _place(self, account: AccountSettings) -> tuple[object, ...]:
        """What makes two accounts one at the broker: its plugin, address and key, and the mode."""
        told = self._bench.settings.brokers.get(account.broker, {})
        return (account.mode, *(told.get(name, "") for name in ("plugin", "url", "host", "api_key_env")))

    def check_kept(self, row: Any, venue: Venue, currency: str) -> None:
        """Refuse to go on with an account's books at another place than they were begun at. Raises Refused."""
        for what, kept, now in (
            ("broker", row.broker, venue.name), ("mode", row.mode, venue.mode), ("currency", row.currency, currency),
        ):  # fmt: skip
            if kept != now:
                raise Refused(
                    f"account {row.account} was begun with {what} {kept or 'paper of a strategy'}, and is now set to"
                    f" {now or 'none'}: its books are of the other; name another account for it, or set that back"
                )

    def _check_practice(self, what: str, account: AccountSettings) -> None:
        if account.mode == "live":
            raise BadInput(f"{what}.mode", account.mode, "is not what paper is", "write paper")
        if account.strategy:
            raise BadInput(
                f"{what}.strategy",
                account.strategy,
                "has a paper account of its own",
                "leave it out: this one is people's",
            )
        others = [name for name in self._board.names() if name != PAPER]
        if account.market not in others:
            raise UnknownName(
                f"{what}.market", account.market, others, "name the [brokers.NAME] whose prices it trades on"
            )
        if account.cash is None:
            raise BadInput(f"{what}.cash", None, "is missing", "say what the paper account begins with")

    def account_for(self, strategy: str, stage: Stage) -> str | None:
        """The configured account in which a strategy trades in a stage; None where there is none."""
        for name, account in self.configured.items():
            if account.strategy == strategy and (account.mode == "live") is (stage is Stage.LIVE):
                return name
        return None

    def venue(self, account: str, terms: Terms) -> Venue:
        """A venue with clients of its own, not connected; `terms` are those of a strategy on paper."""
        if account not in self.configured:
            if not account.startswith(f"{PAPER}:"):
                problem = "is not in the settings any more, and its books are a broker's"
                raise BadInput("account", account, problem, f"put [accounts.{account}] back")
            broker = self._bench.paper_broker(terms, self._book_of(account))
            return Venue(PAPER, broker, broker.close)
        settings = self.configured[account]
        if settings.broker == PAPER:
            return self._practice(account, settings)
        real = self._board.make(settings.broker, account, settings.mode)
        return Venue(settings.broker, real, real.close, settings.mode, real.market, shared=True)

    def opening(self, account: str, venue: Venue, terms: Terms) -> Opening:
        """What an account's books begin with: what its broker tells, before the fills of the day.

        Those are counted with their orders, as others' doing, like any the broker lists. Raises Refused where the
        broker is in another mode than the account is for, or tells no price of a position.
        """
        if account not in self.configured:
            return Opening(terms.cash)
        given = self.configured[account].cash
        if given is not None:
            return Opening(Decimal(str(given)))
        broker, sizes, prices = venue.broker, defaultdict[str, Decimal](Decimal), dict[str, Decimal]()
        cash, positions, fills = broker.cash(account), broker.positions(), broker.fills()
        now = broker.health().mode
        if now != venue.mode:
            raise Refused(f"the broker is in mode {now}, and account {account} is for {venue.mode}")
        with localcontext(MONEY_CONTEXT):
            for position in positions:
                sizes[position.symbol] += position.size
                prices[position.symbol] = position.entry_price
            for fill in fills:
                sizes[fill.symbol] -= fill.side.sign * fill.size
                cash += fill.side.sign * fill.size * fill.price + fill.fee
                prices.setdefault(fill.symbol, fill.price)
            there = {symbol: (size, prices[symbol]) for symbol, size in sizes.items() if size}
            for symbol, (size, price) in there.items():
                if price <= 0:
                    raise Refused(f"account {account} holds {symbol}, and its broker tells no price of it")
                cash += size * price
        return Opening(cash, there)

    def _practice(self, account: str, settings: AccountSettings) -> Venue:
        """Paper on the prices of a market."""
        with ExitStack() as stack:
            broker = self._bench.paper_broker(Terms(), self._book_of(account))
            stack.callback(broker.close)
            source = self._board.make(settings.market)
            stack.callback(source.close)
            if source.market is None or not isinstance(broker, DepthBroker):
                raise BadInput(f"setting accounts.{account}.market", settings.market, "tells no prices")
            source.connect(Deaf())
            return Venue(PAPER, broker, stack.pop_all().close, PAPER, source.market, shared=True)

    def _book_of(self, account: str) -> Path:
        name = "".join(c if c.isalnum() or c in "-_." else "_" for c in account)
        return self._bench.settings.home / "paper" / f"{name}.db"
