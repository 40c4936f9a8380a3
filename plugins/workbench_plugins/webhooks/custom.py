"""Custom: any JSON message, read by a declared template of paths and constants; nothing is calculated."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from workbench.errors import BadInput
from workbench.signals import Alert, json_object, known_keys, make_alert, said

FIELDS = ("ticker", "action", "position", "quantity", "size", "price", "time", "fired_at", "alert_id", "order_id",
          "comment", "strategy", "stop", "target")  # fmt: skip
_PATH = re.compile(r"[$@](?:\.[\w-]+|\[\d{1,4}\])*")
_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]")


class Custom:
    """Reads by `template`: each field of an alert a path, a constant, or a path with the words it may hold.

    A path begins with $ (the message) or @ (one of `each`): `$.order.side`, `@.symbol`, `$.legs[0].qty`. Anything
    else is a constant. `{"path": "$.side", "map": {"B": "buy", "S": "sell"}}` turns words into others and refuses
    those it does not list. `each` is the path of an array with one alert an element.
    """

    def __init__(self, template: Mapping[str, Any] | str, each: str = "") -> None:
        if isinstance(template, str):
            template = json_object(template)
        known_keys("custom template field", template, FIELDS)
        for name in ("ticker", "action"):
            if name not in template and not (name == "action" and "position" in template):
                raise BadInput("custom template", name, "is missing", "give a path or a constant")
        for name, rule in template.items():
            _check(name, rule, each)
        if each and not (_PATH.fullmatch(each) and each[0] == "$"):
            raise BadInput("custom each", each, "is no path", "as in $.orders")
        self._template, self._each = template, each

    def read(self, text: str, came_at: datetime) -> Sequence[Alert]:
        """One alert, or one for each element of `each`."""
        whole = json_object(text)
        if not self._each:
            return [self._one(whole, whole)]
        rows = _follow(whole, whole, self._each)
        if not isinstance(rows, list) or not rows:
            raise BadInput(f"alert {self._each}", type(rows).__name__, "must be an array with something in it")
        return [self._one(whole, row) for row in rows]

    def paste(self) -> str:
        """Nothing: the message is the sender's own."""
        return ""

    def sample(self, ticker: str, price: str) -> str:
        """A message with something at each path."""
        values = {"ticker": ticker, "price": price, "action": "buy", "position": "long", "size": "all"}
        whole: dict[str, Any] = {}
        for name, rule in self._template.items():
            path = rule if isinstance(rule, str) else rule["path"]
            words = [] if isinstance(rule, str) else list(rule["map"])
            if path[:1] in ("$", "@"):
                at = path if path[0] == "$" else f"{self._each}[0]{path[1:]}"
                _put(whole, at, words[0] if words else values.get(name, ""))
        return json.dumps(whole)

    def _one(self, whole: Any, row: Any) -> Alert:
        return make_alert({name: self._value(name, rule, whole, row) for name, rule in self._template.items()})

    def _value(self, name: str, rule: Any, whole: Any, row: Any) -> str:
        path = rule if isinstance(rule, str) else rule["path"]
        if path[:1] not in ("$", "@"):
            return str(path)
        found = _follow(whole, row, path)
        text = said({path: found}, path, must=name in ("ticker", "action")) if found is not None else ""
        if isinstance(rule, str) or not text:
            return text
        if text not in rule["map"]:
            raise BadInput(f"alert {path}", text, f"is none of {', '.join(rule['map'])}")
        return str(rule["map"][text])


def _check(name: str, rule: Any, each: str) -> None:
    path = rule
    if isinstance(rule, Mapping):
        known_keys(f"custom template {name}", rule, ("path", "map"))
        path = rule.get("path")
        words = rule.get("map")
        if not isinstance(words, Mapping) or not words or not all(isinstance(w, str) for w in words.values()):
            raise BadInput(f"custom template {name}", "map", "must turn words into words")
    if not isinstance(path, str) or not path:
        raise BadInput(f"custom template {name}", repr(path), "must be a text: a path or a constant")
    if path[0] in "$@" and not _PATH.fullmatch(path):
        raise BadInput(f"custom template {name}", path, "is no path", "as in $.order.side or $.legs[0].qty")
    if path[0] == "@" and not each:
        raise BadInput(f"custom template {name}", path, "begins with @ and there is no each", "begin it with $")
    if isinstance(rule, Mapping) and path[0] not in "$@":
        raise BadInput(f"custom template {name}", path, "is a constant with a map", "give a path")


def _follow(whole: Any, row: Any, path: str) -> Any:
    """What stands at a path; None where it leads nowhere."""
    found = whole if path[0] == "$" else row
    for name, index in _STEP.findall(path):
        if name:
            found = found.get(name) if isinstance(found, Mapping) else None
        else:
            found = found[int(index)] if isinstance(found, list) and int(index) < len(found) else None
        if found is None:
            return None
    return found


def _put(whole: dict[str, Any], path: str, value: str) -> None:
    """Put a value at a path, the objects and arrays on the way made."""
    steps = [name or int(index) for name, index in _STEP.findall(path)]
    place: Any = whole
    for step, after in zip(steps, [*steps[1:], None], strict=True):
        made: Any = value if after is None else [] if isinstance(after, int) else {}
        if isinstance(step, int):
            place += [{}] * (step + 1 - len(place))
            place[step] = made if after is None or not place[step] else place[step]
        else:
            place[step] = made if after is None else place.get(step) or made
        place = place[step]
