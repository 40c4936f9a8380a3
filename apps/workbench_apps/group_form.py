"""The group form: which algos take what comes through a group's hooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench_apps.confirm import text_of
from workbench_apps.fields import line, note, put, row, select, tick, title
from workbench_apps.parts import ui

_ROUTES = {"every algo that takes it": "all", "the first by priority": "first"}


class GroupForm:
    """The fields of a group, for a new one or for one that is changed."""

    def __init__(self, algos: Sequence[str], group: Mapping[str, Any] | None = None) -> None:
        found = dict(group or {})
        self.name = line("Name of the group", "", 200, "as in screens")
        self._about = line("About", found.get("about", ""), 240, "what it is for")
        self._algos = ui.widgets.CheckBoxGroup(
            options=list(algos), value=list(found.get("algos", ())), inline=True, margin=(0, 0, 6, 0)
        )
        self._route = select("Goes to", _ROUTES, 210, value=found.get("route", "all"))
        self._expires = line("Until", found.get("expires_at") or "", 230, "ever, as 2027-01-31T15:30+05:30")
        self._recognise = tick("the alert's text chooses the algo", value=bool(found.get("recognise")))
        self._active = tick("active", value=bool(found.get("active", True)))
        if group is not None:
            put(self.name, group["name"])
            self.name.disabled = True
        none = "" if algos else "There is no algo yet: make one first."
        self.layout = ui.Column(
            row(self.name, self._about, self._route, self._expires),
            title("Its algos"), self._algos, *([note(none)] if none else []),
            row(self._recognise, self._active),
            note("Where the text chooses, an alert that names no strategy of the group, or several, is refused."),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def asked(self) -> dict[str, Any]:
        """What is filled in; the package says what is wrong with it."""
        return {
            "name": text_of(self.name), "about": text_of(self._about), "algos": list(self._algos.value),
            "route": self._route.value, "recognise": bool(self._recognise.value), "active": bool(self._active.value),
            "expires_at": text_of(self._expires) or None,
        }  # fmt: skip
