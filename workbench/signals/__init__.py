"""Signals: what an alert asks for, whatever its sender; the doors it comes through and the ways it takes."""

from workbench.signals.alert import Alert, alert_of, make_alert, wish
from workbench.signals.door import Door, Incoming, TurnedAway
from workbench.signals.formats import WebhookFormat
from workbench.signals.reading import above_zero, amount, json_object, known_keys, one_of, said, text_of
from workbench.signals.routing import placed, taken_by
from workbench.signals.seal import SIGNATURE, TIMESTAMP, HomeKey, seal, signature, token_hash
from workbench.signals.symbols import symbol_of
from workbench.signals.timetable import SOURCE, Timetable


def parse_alert(body: bytes) -> Alert:
    """Read a message of the usual JSON form, whatever its content type says; unknown fields are passed over.

    Raises BadInput, naming the field, for anything whose meaning is not certain.
    """
    return alert_of(json_object(text_of(body)))


__all__ = [
    "SIGNATURE",
    "SOURCE",
    "TIMESTAMP",
    "Alert",
    "Door",
    "HomeKey",
    "Incoming",
    "Timetable",
    "TurnedAway",
    "WebhookFormat",
    "above_zero",
    "alert_of",
    "amount",
    "json_object",
    "known_keys",
    "make_alert",
    "one_of",
    "parse_alert",
    "placed",
    "said",
    "seal",
    "signature",
    "symbol_of",
    "taken_by",
    "text_of",
    "token_hash",
    "wish",
]
