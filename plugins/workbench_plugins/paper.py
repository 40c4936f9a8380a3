"""The paper broker and its command, as records."""

from collections.abc import Iterator

from workbench.hookspecs import BrokerRecord, CommandRecord, hookimpl


@hookimpl
def workbench_brokers() -> Iterator[BrokerRecord]:
    """Yield the paper broker."""
    yield BrokerRecord("paper", "workbench_plugins.paper_broker:PaperBroker", "Fills on bars by the one rule for fills")


@hookimpl
def workbench_commands() -> Iterator[CommandRecord]:
    """Yield the command that says what realism costs."""
    yield CommandRecord(
        "realism", "workbench_plugins.paper_command:realism", "What a more realistic market costs a run"
    )
