"""The parquet data source, as a record."""

from collections.abc import Iterator

from workbench.hookspecs import DataSourceRecord, hookimpl


@hookimpl
def workbench_data_sources() -> Iterator[DataSourceRecord]:
    """Yield the source."""
    yield DataSourceRecord(
        "parquet", "workbench_plugins.file_sources:ParquetSource", "Bars from Parquet files: parquet:PATH"
    )
