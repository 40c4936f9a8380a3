"""Health: what a broker says of itself without asking anybody, what it claims, and what it never shows."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from unittest.mock import patch

import pytest

from workbench.model import OrderType, Validity
from workbench.ports import Broker
from workbench.testing.brokers.claims import FLAGS
from workbench.testing.brokers.desk import Desk
from workbench.testing.brokers.record import case


@contextmanager
def _no_network() -> Iterator[None]:
    """Inside, this thread may neither connect nor send; others go on."""
    mine = threading.get_ident()

    def guarded(name: str) -> Callable[..., Any]:
        real = getattr(socket.socket, name)

        def guard(self: socket.socket, *args: Any) -> Any:
            assert threading.get_ident() != mine, f"it asks the network: socket.{name}"
            return real(self, *args)

        return guard

    with ExitStack() as stack:
        for name in ("connect", "connect_ex", "send", "sendall", "sendto"):
            stack.enter_context(patch.object(socket.socket, name, guarded(name)))
        yield


class Healthy:
    """Fields that are sane, claims that can be, secrets that stay secret."""

    @case
    def test_it_has_all_that_the_port_asks_for(self, desk: Desk) -> None:
        assert isinstance(desk.broker, Broker)

    @case
    def test_its_claims_can_be(self, desk: Desk) -> None:
        can = desk.can
        assert can.types, "no type of order at all"
        assert can.types <= set(OrderType)
        assert can.validities <= set(Validity)
        assert can.validities, "no validity at all"
        assert OrderType.MARKET in can.types, "a broker without market orders can close nothing for certain"
        assert len(set(can.products)) == len(can.products), "a product is named twice"
        assert can.listed_within >= 0
        assert math.isfinite(can.listed_within)
        assert all(isinstance(getattr(can, name), bool) for name in FLAGS)

    @case
    def test_while_all_is_well_it_says_so(self, desk: Desk) -> None:
        desk.hold(3)
        desk.settle()
        health = desk.broker.health()
        assert health.mode in ("live", "sandbox", "paper")
        assert health.is_connected
        assert health.trouble == ""
        assert 0 <= health.budget <= 1

    @case
    def test_its_latencies_are_times_and_rise_with_the_percentile(self, desk: Desk) -> None:
        desk.hold(3)
        for stage, table in desk.broker.health().latency_ms.items():
            assert stage
            values = [table[name] for name in sorted(table)]
            assert all(math.isfinite(value) and value >= 0 for value in values), f"{stage}: {table}"
            assert values == sorted(values), f"{stage}: {table}"

    @pytest.mark.parametrize("how", ["", "queries", "session_expired", "before_bytes"])
    @case
    def test_it_tells_of_its_health_without_asking_anybody(self, desk: Desk, how: str) -> None:
        if how:
            desk.fail(how)
        began = time.monotonic()
        with _no_network():
            desk.broker.health()
        assert time.monotonic() - began < 1, "health() waits"
        desk.rig.mend()

    @case
    def test_a_line_that_fails_is_told_as_trouble(self, desk: Desk) -> None:
        desk.fail("queries")
        with suppress(Exception):
            desk.broker.orders()
        health = desk.broker.health()
        assert health.trouble or not health.is_connected

    @case
    def test_trouble_that_is_over_is_told_no_more(self, desk: Desk) -> None:
        desk.fail("queries")
        with suppress(Exception):
            desk.broker.orders()
        desk.rig.mend()

        def is_well() -> bool:
            with suppress(Exception):
                desk.broker.orders()
            return desk.broker.health().is_connected and not desk.broker.health().trouble

        desk.until("it is well again", is_well)

    # ---- secrets -----------------------------------------------------------------------------------------------------

    def _secrets(self, desk: Desk) -> tuple[str, ...]:
        if not desk.rig.secrets:
            desk.skip("this broker has no secrets")
        return desk.rig.secrets

    @case
    def test_no_secret_shows_in_its_repr_or_its_attributes(self, desk: Desk) -> None:
        shown = [repr(desk.broker), str(desk.broker), *(repr(value) for value in vars(desk.broker).values())]
        for secret in self._secrets(desk):
            assert not any(secret in text for text in shown), "a repr shows a secret"

    @pytest.mark.parametrize("how", ["refuse", "before_bytes", "drop_after", "server_error", "session_expired"])
    @case
    def test_no_secret_shows_in_an_error(self, desk: Desk, how: str) -> None:
        secrets = self._secrets(desk)
        desk.fail(how)
        with pytest.raises(Exception, match=r".*") as caught:
            desk.submit(desk.limit())
        desk.rig.mend()
        error: BaseException | None = caught.value
        while error is not None:
            assert not any(secret in f"{error!r} {error} {vars(error)}" for secret in secrets), (
                "an error shows a secret"
            )
            error = error.__cause__ or error.__context__

    @case
    def test_no_secret_shows_in_health_or_in_what_it_tells(self, desk: Desk) -> None:
        secrets = self._secrets(desk)
        desk.hold(3)
        desk.fail("session_expired")
        with suppress(Exception):
            desk.broker.orders()
        shown = f"{desk.broker.health()!r} {desk.ear.told!r} {desk.broker.check(desk.order())}"
        assert not any(secret in shown for secret in secrets)
