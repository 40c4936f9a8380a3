"""TradingView: alerts in JSON, in the platform's own default sentence, or in a few plain words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from workbench.errors import BadInput
from workbench.signals import Alert, alert_of, amount, json_object, make_alert

_ORDER = re.compile(
    r"(?:(?P<strategy>.*?):\s*)?order (?P<action>buy|sell) @ (?P<quantity>\S+) filled on (?P<ticker>\S+?)\.?"
    r" New strategy position is (?P<held>-?[\d.e+]+?)\.?",
    re.IGNORECASE | re.DOTALL,
)
_WORDS = re.compile(r"(?P<action>\w+)\s+(?P<ticker>[\w:.!&/-]+)(?:\s+(?P<quantity>[\d.]+))?(?:\s*@\s*(?P<price>\S+))?")
_PAIR = re.compile(r"(?<!\w)(\w++)\s*+[=:]\s*+(\S++)")  # possessive: whatever it is given, in one pass
_MOST_TEXT = 2_000
"""The longest message of words; JSON may be longer."""
MESSAGE = {
    "ticker": "{{ticker}}",
    "action": "{{strategy.order.action}}",
    "market_position": "{{strategy.market_position}}",
    "quantity": "{{strategy.order.contracts}}",
    "price": "{{close}}",
    "time": "{{timenow}}",
    "order_id": "{{strategy.order.id}}",
    "alert_id": "{{ticker}} {{strategy.order.id}} {{strategy.order.action}} {{timenow}}",
}
"""What to paste into the message field of an alert on a strategy."""


class TradingView:
    """Reads JSON under the usual names; else TradingView's default sentence, `name=value` pairs, or words.

    Words are an action, a ticker, and if wanted a quantity and a price: `buy NASDAQ:AAPL 10 @ 189.5`.
    """

    def read(self, text: str, came_at: datetime) -> Sequence[Alert]:
        """The one alert in a message."""
        plain = text.strip().removeprefix("\ufeff")
        return [alert_of(json_object(text)) if plain[:1] in '{["' or plain[:1] == "\u201c" else self._of_text(plain)]

    def paste(self) -> Mapping[str, str]:
        """The message of a strategy's alert; for an indicator's, put the action in place of its placeholder."""
        return MESSAGE

    def sample(self, ticker: str, price: str) -> str:
        """A buy."""
        return json.dumps({"ticker": ticker, "action": "buy", "market_position": "long", "price": price})

    def _of_text(self, text: str) -> Alert:
        if len(text) > _MOST_TEXT:
            raise BadInput("alert", "body", f"is a text of more than {_MOST_TEXT} characters", "send JSON")
        sentence = _ORDER.fullmatch(text)
        if sentence is not None:
            said = {name: value or "" for name, value in sentence.groupdict().items()}
            held = amount("position", said.pop("held")) or 0
            position = "long" if held > 0 else "short" if held < 0 else "flat"
            return make_alert(said | {"position": position, "strategy": _name(said["strategy"])})
        pairs = _PAIR.findall(text)
        if len(pairs) > 1 and not _PAIR.sub("", text).strip(" ,;\n\t"):
            return alert_of(json_object(json.dumps(_once(pairs))))
        words = _WORDS.fullmatch(text)
        if words is None:
            raise BadInput(
                "alert", "body", "is no JSON and no text whose meaning is certain",
                'send {"ticker": "AAPL", "action": "buy"}, or buy AAPL 10',
            )  # fmt: skip
        return make_alert({name: value or "" for name, value in words.groupdict().items()})


def _name(text: str) -> str:
    """A strategy's name without the inputs that TradingView writes behind it in brackets."""
    name = text.strip()
    if name.endswith(")"):
        name = name.rpartition("(")[0].rstrip() or name
    return name[:200]


def _once(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    found = {name.lower(): value.strip("\"',;") for name, value in pairs}
    if len(found) != len(pairs):
        raise BadInput("alert field", ", ".join(name for name, _ in pairs), "holds a name twice")
    return found
