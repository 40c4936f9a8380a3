"""The hooks plugins implement, and the typed records they yield.

A hook is an ordinary function named `workbench_<plural noun>`, marked with `hookimpl`, that yields records.
A record names its factory as text, `package.module:attribute`, which is imported on first use, so that listing
plugins imports nothing heavy.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import pluggy

from workbench.errors import PluginFault

PROJECT = "workbench"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

GUARDED = ("backtested", "walk-forward", "paper", "live")
"""Stages that are entered through gates."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Record:
    """What every record has: a name unique within its kind, its factory as text, and one line on what it is.

    Names are lower case, digits and underscores, at most 40 characters. Raises PluginFault otherwise.
    """

    kind: ClassVar[str] = ""

    name: str
    factory: str
    summary: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise PluginFault(f"{self.kind} name {self.name!r} must match {_NAME.pattern}")
        if not isinstance(self.factory, str) or not _FACTORY.fullmatch(self.factory):
            raise PluginFault(f"{self.kind} {self.name}: factory {self.factory!r} must read package.module:attribute")
        if not isinstance(self.summary, str) or not self.summary.strip():
            raise PluginFault(f"{self.kind} {self.name}: summary must say in one line what it is")

    def resolve(self) -> Any:
        """Import the factory. Raises PluginFault naming the record when that fails, whatever the cause."""
        module, _, attribute = self.factory.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (Exception, SystemExit) as error:
            raise PluginFault(
                f"{self.kind} {self.name}: factory {self.factory} cannot be loaded ({type(error).__name__}: {error})"
            ) from error


@dataclass(frozen=True, slots=True)
class DataSourceRecord(Record):
    """A source of bars; its factory is called without arguments and yields a `workbench.ports.DataSource`."""

    kind: ClassVar[str] = "data_source"


@dataclass(frozen=True, slots=True)
class StrategyRecord(Record):
    """A strategy; its factory is the `workbench.Strategy` class itself."""

    kind: ClassVar[str] = "strategy"


@dataclass(frozen=True, slots=True)
class BrokerRecord(Record):
    """A broker; its factory is called with the broker's settings as keywords and yields a `workbench.ports.Broker`."""

    kind: ClassVar[str] = "broker"


@dataclass(frozen=True, slots=True)
class RiskRuleRecord(Record):
    """A risk rule; its factory is called without arguments and yields a `workbench.ports.RiskRule`."""

    kind: ClassVar[str] = "risk_rule"


@dataclass(frozen=True, slots=True)
class CostModelRecord(Record):
    """A cost model; its factory is called with its settings as keywords and yields a `workbench.fills.CostModel`.

    Settings come as text from `--costs NAME:KEY=VALUE,…`, and as they are from Python.
    """

    kind: ClassVar[str] = "cost_model"


@dataclass(frozen=True, slots=True)
class WebhookFormatRecord(Record):
    """A sender's form of alerts; its factory is called with a hook's settings of it as keywords.

    It yields a `workbench.signals.WebhookFormat`.
    """

    kind: ClassVar[str] = "webhook_format"


@dataclass(frozen=True, slots=True)
class GateRecord(Record):
    """A gate before a stage; its factory is called with its thresholds as keywords and yields a `ports.Gate`.

    `stage` is what it guards: backtested, walk-forward, paper or live. Thresholds come from `[gates.NAME]` in the
    settings; what is not set there is left to the factory's defaults.
    """

    kind: ClassVar[str] = "gate"

    stage: str = ""

    def __post_init__(self) -> None:
        Record.__post_init__(self)
        if self.stage not in GUARDED:
            raise PluginFault(f"gate {self.name}: stage {self.stage!r} is none of {', '.join(GUARDED)}")


@dataclass(frozen=True, slots=True)
class CommandRecord(Record):
    """A command of the shell; its factory is called with an `argparse` parser to fill and returns the function to run.

    That function takes the parsed arguments and the open `Workbench` and returns what to print.
    """

    kind: ClassVar[str] = "command"


class Hooks:
    """Every hook there is. Each is called once, when the host starts."""

    @hookspec
    def workbench_data_sources(self) -> Iterable[DataSourceRecord]:  # type: ignore[empty-body]
        """Yield sources of bars.

        Example::

            @hookimpl
            def workbench_data_sources():
                yield DataSourceRecord("acme", "acme_workbench.source:AcmeSource", "Daily bars from ACME")
        """

    @hookspec
    def workbench_strategies(self) -> Iterable[StrategyRecord]:  # type: ignore[empty-body]
        """Yield strategies.

        Example::

            @hookimpl
            def workbench_strategies():
                yield StrategyRecord("acme_cross", "acme_workbench.cross:AcmeCross", "Two averages that cross")
        """

    @hookspec
    def workbench_brokers(self) -> Iterable[BrokerRecord]:  # type: ignore[empty-body]
        """Yield brokers.

        Example::

            @hookimpl
            def workbench_brokers():
                yield BrokerRecord("acme", "acme_workbench.broker:AcmeBroker", "Orders to ACME Securities")
        """

    @hookspec
    def workbench_risk_rules(self) -> Iterable[RiskRuleRecord]:  # type: ignore[empty-body]
        """Yield risk rules.

        Example::

            @hookimpl
            def workbench_risk_rules():
                yield RiskRuleRecord("no_mondays", "acme_workbench.risk:NoMondays", "Denies entries on Mondays")
        """

    @hookspec
    def workbench_cost_models(self) -> Iterable[CostModelRecord]:  # type: ignore[empty-body]
        """Yield cost models: what orders cost, used alike in sweep, backtest, replay and on paper.

        Example::

            @hookimpl
            def workbench_cost_models():
                yield CostModelRecord("acme", "acme_workbench.costs:acme", "Fees of ACME Securities")
        """

    @hookspec
    def workbench_webhook_formats(self) -> Iterable[WebhookFormatRecord]:  # type: ignore[empty-body]
        """Yield forms of alerts that hooks can be made for.

        Example::

            @hookimpl
            def workbench_webhook_formats():
                yield WebhookFormatRecord("acme", "acme_workbench.alerts:AcmeAlerts", "ACME's alerts")
        """

    @hookspec
    def workbench_gates(self) -> Iterable[GateRecord]:  # type: ignore[empty-body]
        """Yield gates: conditions of entering a stage, judged on stored evidence.

        Example::

            @hookimpl
            def workbench_gates():
                yield GateRecord("calmar", "acme_workbench.gates:Calmar", "Calmar ratio high enough", stage="paper")
        """

    @hookspec
    def workbench_commands(self) -> Iterable[CommandRecord]:  # type: ignore[empty-body]
        """Yield commands of the shell.

        Example::

            @hookimpl
            def workbench_commands():
                yield CommandRecord("acme_login", "acme_workbench.shell:login", "Log in to ACME Securities")
        """


RECORD_TYPES: dict[str, type[Record]] = {
    "workbench_data_sources": DataSourceRecord,
    "workbench_strategies": StrategyRecord,
    "workbench_brokers": BrokerRecord,
    "workbench_risk_rules": RiskRuleRecord,
    "workbench_cost_models": CostModelRecord,
    "workbench_webhook_formats": WebhookFormatRecord,
    "workbench_gates": GateRecord,
    "workbench_commands": CommandRecord,
}
"""Which record each hook yields."""
