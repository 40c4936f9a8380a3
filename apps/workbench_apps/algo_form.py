"""The algo form: what the signals of a group make one strategy do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.model import BY_PERSON, BY_SIGNAL, BY_TIME, SIDES
from workbench_apps import parts
from workbench_apps.confirm import text_of
from workbench_apps.fields import area, line, note, put, row, select, tick
from workbench_apps.parts import ui
from workbench_apps.search_asked import lines_of, pairs_of, whole

_QUANTITY = (
    "Quantity: <code>signal</code> what is sent, else the strategy's own · <code>strategy</code> its own always · "
    "<code>all</code> · <code>shares:10</code> · <code>value:5000</code> · <code>percent:5</code> of the equity · "
    "<code>risk:1</code> percent of it down to the stop. Sides and windows bound entries; exits pass."
)
_TRIGGERS = {"alerts of its groups": BY_SIGNAL, "its own times": BY_TIME, "a person's word": BY_PERSON}


class AlgoForm:
    """The fields of an algo, for a new one or for one that is changed."""

    def __init__(self, strategies: Mapping[str, str], algo: Mapping[str, Any] | None = None) -> None:
        found = dict(algo or {})
        self._is_new = algo is None
        self.name = line("Name of the algo", "", 200, "as in apple")
        self.strategy = select("Strategy", {f"{name} · {stage}": name for name, stage in strategies.items()}, 240)
        self._trigger = select("Acts on", _TRIGGERS, 200, value=found.get("trigger", BY_SIGNAL))
        self._sides = select("Sides it enters", list(SIDES), 110, value=found.get("sides", "both"))
        self._quantity = line("Quantity", found.get("quantity", "signal"), 130, "signal")
        self._entries = line("Entries a day", _text(found.get("entries_a_day")), 120, "no limit")
        self._zone = line("Days counted in zone", found.get("zone", "UTC"), 170, "UTC")
        self._priority = line("Priority", _text(found.get("priority", 0)), 90, "0")
        self._expires = line("Until", _text(found.get("expires_at")), 230, "ever, as 2027-01-31T15:30+05:30")
        self._active = tick("active: it may trade", value=bool(found.get("active")))
        self._times = area("Its times, one a line", _lines(found, "times"), "as mon-fri 15:15 Asia/Kolkata exit INFY")
        self._trigger.param.watch(lambda _: self._show_times(), "value")
        self._windows = area(
            "Windows of entries, one a line",
            _lines(found, "windows"),
            "always, as mon-fri 09:30-16:00 America/New_York",
        )
        self._conditions = area("Conditions, one a line", _lines(found, "conditions"), "none, as price >= 100")
        self._aliases = area("Aliases, TICKER=SYMBOL a line", _pairs(found, "aliases"), "none, as APPLE=AAPL")
        self._actions = area("Actions, SENT=DONE a line", _pairs(found, "actions"), "as sent, as sell=exit_long")
        if algo is not None:
            put(self.name, algo["name"])
            self.name.disabled = True
            self.strategy.value = algo["strategy"]
        self.layout = ui.Column(
            row(self.name, self.strategy, self._trigger, self._sides, self._quantity), note(_QUANTITY),
            row(self._entries, self._zone, self._priority, self._expires, self._active),
            parts.flow(self._times, self._windows, self._conditions, self._aliases, self._actions, gap="0 4px"),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip
        self._show_times()

    def _show_times(self) -> None:
        self._times.visible = self._trigger.value == BY_TIME

    def asked(self) -> dict[str, Any]:
        """What is filled in. Raises BadInput for what cannot even be handed on; the package says the rest."""
        return {
            "name": text_of(self.name), "strategy": self.strategy.value or "", "sides": self._sides.value,
            "quantity": text_of(self._quantity) or "signal", "zone": text_of(self._zone) or "UTC",
            "entries_a_day": whole("entries a day", text_of(self._entries)),
            "priority": whole("priority", text_of(self._priority)) or 0, "active": bool(self._active.value),
            "expires_at": text_of(self._expires) or None, "windows": lines_of(text_of(self._windows)),
            "conditions": lines_of(text_of(self._conditions)), "aliases": pairs_of("alias", text_of(self._aliases)),
            "actions": pairs_of("action", text_of(self._actions)), "trigger": self._trigger.value,
            "times": lines_of(text_of(self._times)) if self._times.visible else [],
        }  # fmt: skip


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _lines(algo: Mapping[str, Any], name: str) -> str:
    return "\n".join(algo.get(name, ()))


def _pairs(algo: Mapping[str, Any], name: str) -> str:
    return "\n".join(f"{key}={value}" for key, value in algo.get(name, {}).items())
