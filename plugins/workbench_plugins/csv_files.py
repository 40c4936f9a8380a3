"""The csv data source, as a record."""

from collections.abc import Iterator

from workbench.hookspecs import DataSourceRecord, hookimpl


@hookimpl
def workbench_data_sources() -> Iterator[DataSourceRecord]:
    """Yield the source."""
    yield DataSourceRecord("csv", "workbench_plugins.file_sources:CsvSource", "Bars from CSV files: csv:PATH")
