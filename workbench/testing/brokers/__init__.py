"""The conformance suite of brokers: one fixture, and every claim of a broker is proven or red.

    from workbench.testing.brokers import BrokerContract

    class TestMyBroker(BrokerContract):
        @pytest.fixture
        def rig(self):
            yield MyRig()

It needs pytest, which the rest of the workbench does not; docs/broker-conformance.md says how to write a rig.
"""

import pkgutil

import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))

from workbench.testing.brokers.bar_rig import BarRig  # noqa: E402 - after the line that makes asserts speak
from workbench.testing.brokers.claims import claims_of  # noqa: E402
from workbench.testing.brokers.contract import BrokerContract  # noqa: E402
from workbench.testing.brokers.desk import Desk  # noqa: E402
from workbench.testing.brokers.house import House  # noqa: E402
from workbench.testing.brokers.line import Faults, FaultyLine  # noqa: E402
from workbench.testing.brokers.record import Record, case  # noqa: E402
from workbench.testing.brokers.rig import FAULTS, BrokerRig  # noqa: E402

__all__ = [
    "FAULTS",
    "BarRig",
    "BrokerContract",
    "BrokerRig",
    "Desk",
    "Faults",
    "FaultyLine",
    "House",
    "Record",
    "case",
    "claims_of",
]
