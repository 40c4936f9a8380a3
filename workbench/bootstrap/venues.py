"""Venues: the broker behind each account, paper or one of the settings, and what is known of its market."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.bootstrap.broker_board import BrokerBoard, Deaf
from workbench.errors import BadInput, UnknownName
from workbench.fills import Terms
from workbench.model import Stage
from workbench.ports import Broker, DepthBroker, Market
from workbench.settings import AccountSettings

if TYPE_CHECKING:
    from workbench.bootstrap.desk import Workbench

PAPER = "paper"


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


class Venues:
    """The accounts of the settings; every other account is on paper, a strategy's own."""

    def __init__(self, bench: Workbench) -> None:
        self._bench, self._board = bench, BrokerBoard(bench)
        self.configured = dict(bench.settings.accounts)
        """The settings' accounts by name."""

    def check(self) -> None:
        """Raise BadInput or UnknownName, by the setting's name, for an account that cannot be meant so."""
        taken: dict[tuple[str, bool], str] = {}
        for name, account in self.configured.items():
            what = f"setting accounts.{name}"
            if account.broker not in self._board.names():
                raise UnknownName(
                    f"{what}.broker", account.broker, self._board.names(), "configure it as [brokers.NAME]"
                )
            if account.broker == PAPER:
                self._check_practice(what, account)
            elif account.mode == PAPER:
                raise BadInput(f"{what}.mode", account.mode, "is for the paper broker", "write sandbox or live")
            elif account.market or account.cash is not None:
                given = "market" if account.market else "cash"
                raise BadInput(f"{what}.{given}", getattr(account, given), "is for paper accounts", "leave it out")
            key = account.strategy, account.mode == "live"
            if account.strategy and key in taken:
                raise BadInput(
                    f"{what}.strategy", account.strategy, f"trades in {taken[key]} already", "name one of them"
                )
            taken[key] = name

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
            broker = self._bench.paper_broker(terms, self._book_of(account))
            return Venue(PAPER, broker, broker.close)
        settings = self.configured[account]
        if settings.broker == PAPER:
            return self._practice(account, settings)
        real = self._board.make(settings.broker, account, settings.mode)
        return Venue(settings.broker, real, real.close, settings.mode, real.market, shared=True)

    def first_cash(self, account: str, venue: Venue, terms: Terms) -> Decimal:
        """What an account begins with: a broker is asked."""
        if account not in self.configured:
            return terms.cash
        given = self.configured[account].cash
        return venue.broker.cash(account) if given is None else Decimal(str(given))

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
            return Venue(PAPER, broker, stack.pop_all().close, "", source.market, shared=True)

    def _book_of(self, account: str) -> Path:
        name = "".join(c if c.isalnum() or c in "-_." else "_" for c in account)
        return self._bench.settings.home / "paper" / f"{name}.db"
