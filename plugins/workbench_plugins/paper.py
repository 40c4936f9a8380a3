"""The paper broker, as a record."""

from collections.abc import Iterator

from workbench.hookspecs import BrokerRecord, hookimpl


@hookimpl
def workbench_brokers() -> Iterator[BrokerRecord]:
    """Yield the paper broker."""
    yield BrokerRecord("paper", "workbench_plugins.paper_broker:PaperBroker", "Fills on bars by the one rule for fills")
