"""Clients that are broken on purpose, each in one way, over a line with faults; and a world for what is broken."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench_plugins.paper_broker import PaperBroker

from tests.conformance.broken import Broken
from workbench.errors import NotSent, Refused
from workbench.model import Order, Position, new_id
from workbench.ports import BarBroker, Broker, BrokerHealth, BrokerOrder, Execution
from workbench.testing.brokers import BarRig, FaultyLine


class BrokenLine(FaultyLine):
    """A client whose line handling is broken; a subclass breaks one thing."""


class RetriesInside(BrokenLine):
    """Sends again when no answer came."""

    def submit(self, order: Order) -> None:
        try:
            super().submit(order)
        except (ConnectionError, TimeoutError):
            self.behind.submit(replace(order, client_order_id=new_id(), order_id=new_id()))


class RefusesAfterTaking(BrokenLine):
    """Takes an order, and says no."""

    def submit(self, order: Order) -> None:
        try:
            super().submit(order)
        except Refused:
            self.behind.submit(order)
            raise


class CallsLostRefused(BrokenLine):
    """Takes a lost answer for a no."""

    def submit(self, order: Order) -> None:
        try:
            super().submit(order)
        except (ConnectionError, TimeoutError) as error:
            raise Refused("no answer") from error


class CallsLostNotSent(BrokenLine):
    """Takes a lost answer for an order that never left."""

    def submit(self, order: Order) -> None:
        try:
            super().submit(order)
        except (ConnectionError, TimeoutError) as error:
            raise NotSent("no answer") from error


class SwallowsErrors(BrokenLine):
    """Answers a question that went wrong with nothing."""

    def orders(self) -> Sequence[BrokerOrder]:
        with suppress(ConnectionError):
            return super().orders()
        return []

    def fills(self) -> Sequence[Execution]:
        with suppress(ConnectionError):
            return super().fills()
        return []

    def positions(self) -> Sequence[Position]:
        with suppress(ConnectionError):
            return super().positions()
        return []


class AsksForItsHealth(BrokenLine):
    """Opens a connection to say how it is."""

    def health(self) -> BrokerHealth:
        with socket.socket() as line, suppress(OSError):
            line.connect(("127.0.0.1", 9))
        return super().health()


class SendsLater(BrokenLine):
    """Keeps an order that the rate limit refused, and sends it with the next look."""

    def submit(self, order: Order) -> None:
        try:
            super().submit(order)
        except Refused as refused:
            self.kept = order
            raise refused

    def deliver(self) -> bool:
        kept, self.kept = getattr(self, "kept", None), None
        if kept is not None:
            with suppress(Refused):
                self.behind.submit(kept)
        return False


class BrokenRig(BarRig):
    """The paper broker's world with a broken broker, or a broken line, in it."""

    patience = 0.15

    def __init__(self, kind: type[Broken] | type[BrokenLine], folder: Path) -> None:
        book = folder / "book.sqlite"

        def broker() -> BarBroker:
            made: Any = kind(book) if issubclass(kind, Broken) else PaperBroker(book=book)
            return made  # type: ignore[no-any-return]

        super().__init__(broker, is_kept=True)
        self._kind = kind

    def make(self) -> Broker:
        made = super().make()
        if issubclass(self._kind, BrokenLine):
            assert self.client is not None
            made = self.client = self._kind(self.client.behind, self.faults)
        return made
