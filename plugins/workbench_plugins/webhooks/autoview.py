"""Autoview: text commands of `letter=value` pairs, one a line, or several with a | between them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from workbench.errors import BadInput
from workbench.signals import Alert, make_alert, one_of

_BOOKS = {"buy": "buy", "long": "buy", "sell": "short", "short": "short"}
_KNOWN = {"e": "exchange", "s": "symbol", "b": "side", "q": "quantity", "t": "type", "c": "close", "p": "price",
          "sl": "stop", "tp": "target", "id": "id"}  # fmt: skip
MESSAGE = "e=NASDAQ s={{ticker}} b=buy q=10% t=market"


class Autoview:
    """Reads e, s, b, q, t, c, sl, tp and id; every other letter is refused, since its meaning could matter.

    `b=sell` opens a short, as it does at Autoview; `c=position` closes, and `b` then names the side that is closed.
    """

    def read(self, text: str, came_at: datetime) -> Sequence[Alert]:
        """One alert for each line that is no comment."""
        lines = [line.strip() for line in text.replace("|", "\n").splitlines()]
        found = [self._line(line) for line in lines if line and not line.startswith("#")]
        if not found:
            raise BadInput("alert", "body", "is empty", f"send {MESSAGE}")
        return found

    def paste(self) -> str:
        """The message of an alert that buys."""
        return MESSAGE

    def sample(self, ticker: str, price: str) -> str:
        """A buy."""
        return f"s={ticker} b=buy t=market"

    def _line(self, line: str) -> Alert:
        said: dict[str, str] = {}
        for part in line.split():
            name, equals, value = part.partition("=")
            name = name.lower()
            if name in ("secret", "passphrase"):
                continue
            if not equals or name not in _KNOWN:
                raise BadInput(
                    "alert", part[:60], "is no command whose meaning is certain", f"known: {', '.join(_KNOWN)}"
                )
            if name in said:
                raise BadInput("alert", part[:60], f"gives {name} twice")
            if len(value) > 200:
                raise BadInput(f"alert {name}", value[:20] + "…", "is longer than 200 characters")
            said[name] = value
        kind = said.get("t", "market").lower()
        if kind != "market":
            raise BadInput("alert t", kind, "is not carried out from alerts", "send t=market")
        ticker = said.get("s", "")
        fields = {
            "ticker": f"{said['e']}:{ticker}" if ticker and said.get("e") else ticker,
            "alert_id": said.get("id", ""),
        }
        closes = said.get("c", "").lower()
        if closes not in ("", "position"):
            raise BadInput("alert c", closes, "is not carried out from alerts", "send c=position")
        side = one_of("b", said["b"], _BOOKS) if "b" in said else ""
        if closes:
            if said.get("q", "100%") != "100%":
                raise BadInput("alert q", said["q"], "parts of exits are not carried out", "leave it out")
            return make_alert(fields | {"action": {"buy": "exit_long", "short": "exit_short", "": "exit"}[side]})
        if not side:
            raise BadInput("alert b", "", "is missing", "send b=buy or b=sell")
        quantity = said.get("q", "")
        percent = quantity.endswith("%")
        return make_alert(fields | {
            "action": side, "quantity": "" if percent else quantity,
            "size": f"percent:{quantity[:-1]}" if percent else "", "price": said.get("p", ""),
            "stop": _percent(said, "sl"), "target": _percent(said, "tp"),
        })  # fmt: skip


def _percent(said: dict[str, str], name: str) -> str:
    text = said.get(name, "")
    if text and not text.endswith("%"):
        raise BadInput(f"alert {name}", text, "is a level or an amount, not carried out", f"send {name}=5%")
    return text.removesuffix("%")
