"""The OpenAlgo broker keeps the contract of brokers: blind as most are, and searchable where the broker echoes tags."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.openalgo_rig import OpenAlgoRig
from workbench.testing.brokers import BrokerContract
from workbench.testing.openalgo import OpenAlgoServer, Quirks


class TestOpenAlgo(BrokerContract):
    """Without an id on the wire."""

    @pytest.fixture
    def rig(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAlgoRig]:
        with OpenAlgoServer() as server:
            made = OpenAlgoRig(server, monkeypatch)
            yield made
            made.close()


class TestOpenAlgoWithTags(BrokerContract):
    """With the client order id in the strategy field, which the broker behind it gives back."""

    @pytest.fixture
    def rig(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAlgoRig]:
        with OpenAlgoServer(Quirks(echo_tag=True, trade_ids=True)) as server:
            made = OpenAlgoRig(server, monkeypatch, tag_orders=True, tag_echo_verified=True)
            yield made
            made.close()
