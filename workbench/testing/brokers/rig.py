"""Rig: the world in which a broker is tested, which its author writes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from workbench.model import Instrument
from workbench.ports import Broker

FAULTS: Mapping[str, str] = {
    "refuse": "the broker answers no, for a reason of its own",
    "before_bytes": "no connection can be had; nothing leaves",
    "drop_before": "the request leaves, the broker never takes it, and no answer comes",
    "drop_after": "the broker takes it, and the connection dies before its answer",
    "server_error": "the broker takes it, and answers with an error of its own (HTTP 500 and the like)",
    "hang": "the broker takes it, and answers only after the client has given up",
    "rate_limit": "the broker answers that there were too many requests, and does not take it",
    "session_expired": "whatever is asked or sent is refused until `mend`, as the session is over",
    "queries": "every question (orders, fills, positions, cash) goes wrong until `mend`",
}
"""What `BrokerRig.fail` is asked for, by name."""


class BrokerRig(Protocol):
    """One account at a broker in a test world, with a market that the test moves; made anew for each case.

    `cash` is what the account starts with, enough for two hundred lots of `instrument` at `price`, where the market
    stands at first. `patience` is for how many seconds an answer is waited for before a case is red. `secrets` are
    texts that nobody may ever see: keys, passwords, tokens. What a world cannot do raises NotImplementedError with the
    reason: the cases that need it are skipped with it, and the suite counts them.
    """

    account: str
    instrument: Instrument
    cash: Decimal
    price: Decimal
    patience: float
    secrets: tuple[str, ...]

    def make(self) -> Broker:
        """A new client of the same account, not connected: what a restarted process would make.

        The client made before is dead by then. Close what a client needs closed here and in the fixture.
        """

    def now(self) -> datetime:
        """The time at the broker (UTC): the clock's, or for bars the start of the last one."""

    def quote(self, price: Decimal) -> None:
        """Move the market, so that resting orders match; for a bar broker a bar at this one price happens."""

    def liquidity(self, size: Decimal | None) -> None:
        """Let each side trade no more than this until the next quote; None lifts that."""

    def end_day(self) -> None:
        """Let the trading day end and the next one begin, so that orders for the day are over."""

    def fail(self, how: str) -> None:
        """Let the next order request (an order, a change or a cancel) go wrong as `FAULTS` says."""

    def mend(self) -> None:
        """End whatever `fail` began."""

    def taken(self) -> list[str]:
        """A name for each order the broker's side ever took, refused later or not; a duplicate shows as one more."""

    def settle(self) -> None:
        """Call `deliver` of the last client until what was on its way has arrived; return soon where nothing is."""
