"""The sample data source, as a record."""

from collections.abc import Iterator

from workbench.hookspecs import DataSourceRecord, hookimpl


@hookimpl
def workbench_data_sources() -> Iterator[DataSourceRecord]:
    """Yield the source."""
    yield DataSourceRecord(
        "sample",
        "workbench_plugins.sample_source:SampleSource",
        "Real daily prices of AAPL, FB, GOOG, IBM, MSFT, 2000 to 2013, adjusted",
    )
