"""The broker board: what each configured broker can do, in which mode it is, and whether it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from inspect import signature
from typing import TYPE_CHECKING, Any

from workbench.errors import BadInput, UnknownName
from workbench.fills import Terms
from workbench.ports import Broker, BrokerOrder, Execution
from workbench.trading import capability_table

if TYPE_CHECKING:
    from workbench.bootstrap.desk import Workbench


class Deaf:
    """Hears and does nothing: for who only looks."""

    def on_order(self, report: BrokerOrder) -> None: ...

    def on_fill(self, execution: Execution) -> None: ...


class BrokerBoard:
    """Paper, and every `[brokers.NAME]` of the settings: `plugin` and the keywords its factory takes."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def names(self) -> list[str]:
        """Paper first."""
        return ["paper", *(name for name in self._bench.settings.brokers if name != "paper")]

    def make(self, name: str, account: str = "", mode: str = "") -> Broker:
        """A client of a configured broker, not connected; for an account of ours, and the mode it has to be in.

        Raises UnknownName and BadInput by the setting's name.
        """
        bench = self._bench
        if name == "paper":
            return bench.paper_broker(Terms())
        if name not in bench.settings.brokers:
            raise UnknownName("broker", name, self.names(), "configure it as [brokers.NAME]")
        keywords: dict[str, Any] = dict(bench.settings.brokers[name])
        plugin = keywords.pop("plugin", None)
        if not isinstance(plugin, str):
            raise BadInput(f"setting brokers.{name}.plugin", plugin, "names no broker plugin", 'as plugin = "openalgo"')
        factory = bench.plugins.find("broker", plugin).resolve()
        takes = signature(factory).parameters
        if account and "account" in takes:
            keywords["account"] = account  # its reports name the account as we do
        if mode and "expected_mode" in takes:
            keywords["expected_mode"] = mode
        try:
            made = factory(**keywords)
        except TypeError as error:
            raise BadInput(f"setting brokers.{name}", ", ".join(keywords) or "none", str(error)) from None
        if not isinstance(made, Broker):
            raise BadInput(f"setting brokers.{name}.plugin", plugin, "does not implement workbench.ports.Broker")
        return made

    def rows(self) -> list[dict[str, Any]]:
        """A row a broker: mode, whether it answers, how fast, and how each kind of order is worked with it."""
        return [self._row(name) for name in self.names()]

    def _row(self, name: str) -> dict[str, Any]:
        plugin = self._bench.settings.brokers.get(name, {}).get("plugin", "paper")
        try:
            broker = self.make(name)
        except Exception as error:  # noqa: BLE001 - one that cannot be made is shown as such
            return {"broker": name, "plugin": plugin, "mode": None, "is_connected": False, "trouble": str(error),
                    "budget": None, "latency_ms": {}, "resend": None, "orders": {}}  # fmt: skip
        try:
            trouble = ""
            try:
                broker.connect(Deaf())
                broker.positions()
            except Exception as error:  # noqa: BLE001 - as above
                trouble = str(error)
            health = asdict(broker.health())
        finally:
            broker.close()
        health["trouble"] = health["trouble"] or trouble
        health["is_connected"] = health["is_connected"] and not trouble
        orders: Mapping[str, str] = capability_table(broker.capabilities)
        return {
            "broker": name,
            "plugin": plugin,
            **health,
            "resend": broker.capabilities.resend,
            "orders": dict(orders),
        }
