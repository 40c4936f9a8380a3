"""Hook rules: what a hook is for, who may send to it and what an alert may ask for, filled in by people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.model import TRADINGVIEW, HookRules
from workbench_apps.confirm import text_of
from workbench_apps.fields import line, note, put, row, set_tick, tick, title
from workbench_apps.parts import ui

_USUAL = HookRules()
_EMPTY = {"a_minute": f"{_USUAL.a_minute:g}", "window": f"{_USUAL.window:g}"}
"""What counts where nothing is filled in; other numbers are not asked for then."""
_ENTRY = {
    "most_size": "Most size (units)", "most_value": "Most value (currency)", "price_within": "Price within (%)",
}  # fmt: skip
_PACE = {"a_day": "Alerts a day", "a_minute": "Alerts a minute", "age": "Oldest (s)", "window": "A repeat within (s)"}
LABELS = {name.replace("_", " "): label for name, label in (_ENTRY | _PACE).items()}
"""What the fields of the numbers are called, by the names that errors have for them."""


class HookRulesForm:
    """The fields of a hook's rules and of what it is for; empty ones ask for nothing, or for the usual."""

    def __init__(self) -> None:
        self.about = line("About", "", 320, "what the alert is for")
        self.about.param.update(width=None, max_width=640, sizing_mode="stretch_width")
        self.secret = tick("a secret in the message")
        self._signed, self._sealed = tick("signed (HMAC header)"), tick("sealed (encrypted body)")
        self._tradingview = tick("TradingView's addresses")
        self._addresses = line("Further addresses, blanks between", "", 250, "anybody, as in 203.0.113.0/24")
        self._symbols = line("Symbols an entry may be in", "", 220, "all of the strategy's")
        empty = _EMPTY | {"price_within": "not asked", "age": "not asked"}
        entry, pace = (
            {name: line(label, "", 140, empty.get(name, "no limit")) for name, label in labels.items()}
            for labels in (_ENTRY, _PACE)
        )
        self._numbers = entry | pace
        for name, widget in self._numbers.items():
            put(widget, _text(getattr(_USUAL, name)))
        self._who = row(self.secret, self._signed, self._sealed, self._tradingview, self._addresses)
        self.layout = ui.Column(
            self.about, title("Who may send"), self._who,
            note("Whoever has the address may send. TradingView cannot sign; a secret and its addresses are for it."),
            title("What an alert may ask for"),
            row(self._symbols, *entry.values()),
            note("An entry beyond them is refused or cut; exits pass. The limits of the risk profile hold besides."),
            title("How many, and how old"), row(*pace.values()),
            note(
                "The oldest counts where an alert says when it was made. A repeat, which is not traded again, is the "
                "same alert once more where it has neither id nor time."
            ),
            sizing_mode="stretch_width", margin=0, css_classes=["hook-rules"],
        )  # fmt: skip

    def rules(self) -> dict[str, Any]:
        """What is filled in; the secret is apart, its text is made elsewhere."""
        addresses = text_of(self._addresses).replace(",", " ").split()
        return {
            "signed": bool(self._signed.value), "sealed": bool(self._sealed.value),
            "addresses": (["tradingview"] if self._tradingview.value else []) + addresses,
            "symbols": text_of(self._symbols).replace(",", " ").split(),
        } | {
            name: text_of(widget).replace(",", "") or _EMPTY.get(name) for name, widget in self._numbers.items()
        }  # fmt: skip

    def fill(self, hook: Mapping[str, Any]) -> None:
        """Fill in what a hook has; its secret cannot be changed."""
        rules = hook["rules"]
        self.secret.visible = False
        put(self.about, hook["about"])
        set_tick(self._signed, value=rules["signed"])
        set_tick(self._sealed, value=rules["sealed"])
        known = {f"{address}/32" for address in TRADINGVIEW}
        given = set(rules["addresses"])
        set_tick(self._tradingview, value=known <= given)
        rest = [a for a in rules["addresses"] if not (known <= given and a in known)]
        put(self._addresses, " ".join(rest))
        put(self._symbols, " ".join(rules["symbols"]))
        for name, widget in self._numbers.items():
            put(widget, _text(rules[name]))


def rules_of(hook: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A hook's rules in words."""
    rules = hook["rules"]
    extra = {"secret": "a secret", "signed": "a signature", "sealed": "a seal"}
    unit, within = "in the account's currency", "of the market's"

    def said(name: str, words: str, none: str = "no limit") -> str:
        return none if rules[name] is None else f"{rules[name]} {words}"

    return [
        ("Asks for", ", ".join(["its address", *(words for name, words in extra.items() if rules[name])])),
        ("May send", ", ".join(rules["addresses"]) or "anybody who has the address"),
        ("Entries in", ", ".join(rules["symbols"]) or "all symbols of the strategy"),
        ("Most size", said("most_size", "units")),
        ("Most value", said("most_value", unit)),
        ("Alerts", f"{said('a_day', 'a day')}, {rules['a_minute']:,} a minute"),
        (
            "Oldest",
            "not asked" if rules["age"] is None else f"{_text(rules['age'])} s, where an alert says when it was made",
        ),
        ("A repeat", f"the same within {_text(rules['window'])} s, where an alert has neither id nor time"),
        ("Price", said("price_within", f"% {within}", "not asked")),
    ]


def _text(number: Any) -> str:
    """A number as people type it."""
    return "" if number is None else str(number).removesuffix(".0")
