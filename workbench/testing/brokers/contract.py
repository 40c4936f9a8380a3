"""Contract: all cases together, the fixture they share, and the count at the end."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from workbench.testing.brokers.changes import Changes
from workbench.testing.brokers.desk import Desk
from workbench.testing.brokers.doubt import Doubt
from workbench.testing.brokers.exactness import Exactness
from workbench.testing.brokers.healthy import Healthy
from workbench.testing.brokers.holdings import Holdings
from workbench.testing.brokers.identity import Identity
from workbench.testing.brokers.life_cycle import LifeCycle
from workbench.testing.brokers.order_types import OrderTypes
from workbench.testing.brokers.pace import Pace
from workbench.testing.brokers.partials import Partials
from workbench.testing.brokers.protecting import Protecting
from workbench.testing.brokers.questions import Questions
from workbench.testing.brokers.record import Record
from workbench.testing.brokers.refusals import Refusals
from workbench.testing.brokers.restart import Restart
from workbench.testing.brokers.rig import BrokerRig
from workbench.testing.brokers.validities import Validities


class BrokerContract(
    LifeCycle, OrderTypes, Validities, Changes, Refusals, Partials, Protecting, Restart, Doubt, Identity, Pace,
    Questions, Exactness, Holdings, Healthy,
):  # fmt: skip
    """What every broker must do; subclass it as a test class with one fixture, `rig`, that yields a `BrokerRig`.

    `floor` is how many cases have to run at least. A broker that claims little skips much: lower it with a comment that
    says why, never to make a red suite green.
    """

    floor: ClassVar[int] = 64
    record: ClassVar[Record] = Record()

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.record = Record(f"{cls.__module__}.{cls.__qualname__}")

    @pytest.fixture
    def rig(self) -> Any:
        """The world of one case; every contract has its own."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture `rig` that yields a BrokerRig")

    @pytest.fixture
    def desk(self, rig: BrokerRig, request: pytest.FixtureRequest) -> Desk:
        """A connected client in that world."""
        return Desk(rig, request.node.name)

    def test_enough_cases_ran_and_every_claim_was_proven_by_one(
        self, desk: Desk, request: pytest.FixtureRequest
    ) -> None:
        """The count: it runs last, and is skipped where only a part was selected."""
        mine = [i for i in request.session.items if isinstance(i, pytest.Function) and i.cls is type(self)]
        selected = {item.originalname for item in mine}
        cases = {name for name in dir(type(self)) if getattr(getattr(type(self), name), "is_case", False)}
        if cases - selected:
            pytest.skip(f"only a part of the cases was selected: {len(selected)} of {len(cases)}")
        self.record.gather(len(mine) - 1)
        if self.record.counted < len(mine) - 1:
            pytest.skip(f"{self.record.counted} of {len(mine) - 1} cases had ended when it was time to count")
        lacks = self.record.lacks(desk.can, self.floor)
        assert not lacks, lacks
