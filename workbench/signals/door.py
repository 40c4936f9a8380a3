"""Door: one hook with its format and its group, through which messages become receipts, or are turned away."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from workbench.errors import BadInput, WorkbenchError
from workbench.model import Algo, Group, Hook
from workbench.ports import Receipt, Wanted
from workbench.signals.alert import Alert
from workbench.signals.formats import WebhookFormat
from workbench.signals.reading import json_object, text_of
from workbench.signals.routing import placed, recognised, routed
from workbench.signals.seal import SIGNATURE, TIMESTAMP, HomeKey, is_signed, unseal
from workbench.signals.symbols import symbol_of

MOST_SIGNALS = 100
"""The most signals one message may become."""
MOST_REFUSED = 2_000
"""So many characters are kept of a message that was refused."""
SECRET_NAMES = ("secret", "passphrase")
LEAST_SECRET = 8
"""Characters of the shortest secret a hook may ask for; what is shorter is hidden in its own field alone."""
_SECRET = re.compile(r"(?:^|[\s,;&{\"'])(?:secret|passphrase)[\"']?\s*[=:]\s*[\"']?([^\s,;&\"']+)", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(?:u00([2-7][0-9a-fA-F])|(.))", re.DOTALL)
_HIDDEN = "[hidden]"
_MARK = re.compile(r"(?:(?<=^)|(?<=[\s,;&]))(?:secret|passphrase)\s*[=:]\s*\"?\[hidden\]\"?[\s,;&]*", re.IGNORECASE)
"""A hidden secret in a text of words, which is no part of what the words say."""


class TurnedAway(WorkbenchError):
    """A message that does not become a signal: the HTTP status of the answer, and why.

    `receipt` is what the log keeps of it. Behind a 404 the sender learns no reason. `pause` is in how many seconds it
    may be tried again, where that would help.
    """

    def __init__(self, status: int, reason: str, receipt: Receipt | None = None, pause: float = 0.0) -> None:
        self.status, self.reason, self.receipt, self.pause = status, reason, receipt, pause
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it came: its body, the address it came from, when (UTC), and its headers in lower case."""

    body: bytes
    address: str
    came_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)


class Door:
    """Reads what comes to one hook.

    `symbols_of` tells what a strategy trades, or nothing where that is not known yet. A group's inactive algos get no
    signals.
    """

    def __init__(
        self,
        hook: Hook,
        form: WebhookFormat,
        key: HomeKey,
        symbols_of: Callable[[str], Collection[str]],
        group: Group | None = None,
        algos: Sequence[Algo] = (),
    ) -> None:
        self.hook, self.form, self._group = hook, form, group
        self.algos = algos
        self._symbols_of, self._key = symbols_of, key
        asked = (("sign", hook.rules.signed), ("seal", hook.rules.sealed))
        self._keys = {use: key.derive(use, hook.hook_id, hook.rules.keys) for use, is_asked in asked if is_asked}
        self._algos = sorted((algo for algo in algos if algo.active), key=lambda algo: -algo.priority)
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(text) for text in hook.rules.addresses]

    def receive(self, message: Incoming, token: str = "") -> Receipt:
        """What the message asks for, ready for the inbox; `token` is kept out of it. Raises TurnedAway."""
        rules = self.hook.rules
        if self._networks and not self.lets_in(message.address):
            raise self._turned(message, 404, f"address {message.address} is not on the hook's list")
        body = message.body
        if rules.signed:
            given, stamp = message.headers.get(SIGNATURE, ""), message.headers.get(TIMESTAMP, "")
            if not is_signed(self._keys["sign"], body, given, stamp, message.came_at.timestamp()):
                raise self._turned(message, 404, "it is not signed by the hook's key")
        if rules.sealed:
            opened = unseal(self._keys["seal"], body)
            if opened is None:
                raise self._turned(message, 404, "it is not encrypted by the hook's key")
            body = opened
        is_known, text, secret = not rules.secret, "", ""
        try:
            text, secret = without_secret(unescaped(text_of(body)))
            if rules.secret and not self._knows(secret):
                raise self._turned(message, 404, "its secret is missing or wrong")
            is_known = True
            text = hidden(text, token)
            return self._read(message, text, token)
        except BadInput as error:
            if not is_known:  # where a secret stands in what cannot be read is not certain: nothing of it is kept
                raise self._turned(message, 404, str(error)) from None
            shown = _shown(text) or hidden(without_secret(_shown(body.decode("utf-8", "replace")))[0], token)
            raise self._turned(message, 422, hidden(_printable(str(error)), token), shown) from None

    def lets_in(self, address: str) -> bool:
        """Whether an address is one of the hook's."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)

    def _knows(self, secret: str) -> bool:
        if not secret.isascii():  # no secret of a hook is; half a character could not even be hashed
            return False
        kept = self._key.hash(secret, self.hook.hook_id)
        return hmac.compare_digest(kept, self.hook.rules.secret)

    def _read(self, message: Incoming, text: str, token: str) -> Receipt:
        alerts = list(self.form.read(_MARK.sub("", text) if text.lstrip()[:1] != "{" else text, message.came_at))
        if not 0 < len(alerts) <= MOST_SIGNALS:
            raise BadInput("alert", f"{len(alerts)} instruments", f"must ask for 1 to {MOST_SIGNALS}")
        wanted: list[Wanted] = []
        left_out = []
        for alert in alerts:
            try:
                self._check(alert, message.came_at)
                wanted += self._wanted(alert)
            except BadInput as error:
                if len(alerts) == 1:
                    raise
                left_out.append(str(error))  # a screener finds more than is traded: the others go on
        if not wanted:
            raise BadInput("alert", f"{len(alerts)} instruments", f"none is taken: {'; '.join(left_out)}")
        wanted.sort(key=lambda one: -one.priority)  # stable: the order of the message within a priority
        if len(wanted) > MOST_SIGNALS:
            raise BadInput("alert", f"{len(wanted)} signals", f"must become at most {MOST_SIGNALS}")
        keys = [alert.key for alert in alerts]
        key = None if None in keys else "\n".join(dict.fromkeys(k for k in keys if k))
        if key is not None and len(key) > 600:
            key = "sha256:" + sha256(key.encode()).hexdigest()
        meaning = alerts[0].meaning
        if len(alerts) > 1:
            meaning = sha256("\n".join(alert.meaning for alert in alerts).encode()).hexdigest()
        return Receipt(
            self.hook.source, key, meaning, text, tuple(wanted), message.came_at, message.address,
            window=self.hook.rules.window, note=hidden(_printable("; ".join(left_out)), token)[:MOST_REFUSED],
        )  # fmt: skip

    def _check(self, alert: Alert, now: datetime) -> None:
        """What can be told without the market: its age, and the hook's caps."""
        rules = self.hook.rules
        if rules.age is not None and alert.fired_at is not None:
            late = (now - datetime.fromisoformat(alert.fired_at)).total_seconds()
            if abs(late) > rules.age:
                where = f"{late:.0f} s old" if late > 0 else f"{-late:.0f} s ahead"
                raise BadInput(
                    "alert time", alert.fired_at, f"is {where}, at most {rules.age:g} are taken",
                    "see to the clocks, or give the hook another age",
                )  # fmt: skip
        if alert.is_exit:
            return
        if rules.symbols:
            symbol_of(alert.ticker, rules.symbols, whose="the hook takes entries of these alone")
        if rules.most_size is not None and alert.quantity is not None and alert.quantity > rules.most_size:
            raise BadInput("alert quantity", str(alert.quantity), f"is above the hook's cap of {rules.most_size:f}")

    def _wanted(self, alert: Alert) -> list[Wanted]:
        if self._group is None:
            return [Wanted(self.hook.strategy, placed(alert, self._symbols_of(self.hook.strategy), {}).to_dict())]
        algos = self._algos if not self._group.recognise else recognised(alert, self._algos)

        def known(turned: Alert, algo: Algo) -> Alert:
            return placed(turned, self._symbols_of(algo.strategy), algo.aliases)

        found = routed(alert, self._group, algos, known)
        return [Wanted(algo.strategy, turned.to_dict(), algo.name, algo.priority) for algo, turned in found]

    def _turned(self, message: Incoming, status: int, reason: str, body: str = "") -> TurnedAway:
        kept = body if len(body) <= MOST_REFUSED else body[:MOST_REFUSED] + "…"
        reason = reason if len(reason) <= MOST_REFUSED else reason[:MOST_REFUSED] + "…"
        receipt = Receipt(self.hook.source, None, "", kept, (), message.came_at, message.address, reason)
        return TurnedAway(status, reason, receipt)


def unescaped(text: str) -> str:
    """A JSON text whose escapes of plain characters are written out: it means the same, and hides nothing."""
    return _ESCAPE.sub(_written_out, text) if "\\" in text else text


def _written_out(match: re.Match[str]) -> str:
    char = chr(int(match[1], 16)) if match[1] else match[2]
    return char if char == "/" or (match[1] and char not in '"\\\x7f') else match[0]


def without_secret(text: str) -> tuple[str, str]:
    """A message with the secret in it hidden, and that secret; '' where it carries none."""
    lower = text.lower()
    if not any(name in lower for name in SECRET_NAMES):
        return text, ""
    try:
        fields = json_object(text)
    except BadInput:
        found = list(dict.fromkeys(match[1] for match in _SECRET.finditer(text)))
        secret = found[0] if found else ""
        for other in found[1:]:
            text = hidden(text, other if len(other) >= LEAST_SECRET else "")
    else:
        said = (fields.get(name) for name in SECRET_NAMES)
        secret = next((value for value in said if isinstance(value, str) and value), "")
    if not secret:
        return text, ""
    text = text.replace(json.dumps(secret), f'"{_HIDDEN}"')
    return hidden(text, secret if len(secret) >= LEAST_SECRET else ""), secret


def hidden(text: str, token: str) -> str:
    """A text without a token."""
    return text.replace(token, _HIDDEN) if token else text


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def _printable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
