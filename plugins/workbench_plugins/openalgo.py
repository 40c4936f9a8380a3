"""OpenAlgo, as records: a broker and a data source."""

from collections.abc import Iterator

from workbench.hookspecs import BrokerRecord, DataSourceRecord, hookimpl


@hookimpl
def workbench_brokers() -> Iterator[BrokerRecord]:
    """Yield the broker."""
    yield BrokerRecord(
        "openalgo",
        "workbench_plugins.openalgo_broker:OpenAlgoBroker",
        "Orders to a self-hosted OpenAlgo server and the Indian broker behind it",
    )


@hookimpl
def workbench_data_sources() -> Iterator[DataSourceRecord]:
    """Yield the source."""
    yield DataSourceRecord(
        "openalgo",
        "workbench_plugins.openalgo_source:OpenAlgoSource",
        "Bars from an OpenAlgo server's history: openalgo:NSE:RELIANCE@5m",
    )
