"""Reading: messages and their fields, strictly where money hangs on them and leniently elsewhere."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from workbench.errors import BadInput
from workbench.model import decimal

MOST_CHARACTERS = 512
"""The longest text of one field."""

_LEAST, _MOST = Decimal("1e-12"), Decimal("1e15")
_CURLY = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"') | {"\u00a0": " "})
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))


def text_of(body: bytes) -> str:
    """A body as text, which has to be UTF-8. Raises BadInput for any other encoding, and for an empty one."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput("alert", "body", "is not UTF-8") from None
    if not text.strip():
        raise BadInput("alert", "body", "is empty", 'send JSON, as in {"ticker": "AAPL", "action": "buy"}')
    return text


def json_object(text: str) -> dict[str, Any]:
    """A JSON object, its numbers as the text they were written in; curly quotes are read as straight ones.

    Raises BadInput for what is no JSON object, and for a field that is given twice.
    """
    try:
        fields = _loads(text)
    except BadInput as error:
        straight = text.translate(_CURLY).translate(_INVISIBLE)
        if straight == text or error.parameter != "alert":
            raise
        fields = _loads(straight)
    if not isinstance(fields, dict):
        raise BadInput("alert", "body", "is no JSON object", 'send {"ticker": …, "action": …}')
    return fields


def _loads(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise BadInput("alert", "body", "is nested too deeply") from None
    except ValueError as error:
        raise BadInput("alert", "body", f"is no JSON ({error})", "check quotes and commas") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        left = Counter(name for name, _ in pairs)
        twice = next(name for name in left if left[name] > 1)
        raise BadInput("alert field", ascii(twice), "is given twice")
    return found


_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_unique)


def said(fields: Mapping[str, Any], *names: str, must: bool = False) -> str:
    """A field under the first of its names that was used; empty where there is none.

    A placeholder that the sender did not fill in says nothing, or where the field `must` be there is refused.
    Raises BadInput for what is no text or number, is too long, or holds control characters.
    """
    for name in names:
        value = fields.get(name)
        if value is None or value == "":
            continue
        if not isinstance(value, str):
            raise BadInput(f"alert {name}", type(value).__name__, "must be a text or a number")
        value = value.strip()
        if len(value) > MOST_CHARACTERS:
            raise BadInput(f"alert {name}", value[:20] + "…", f"is longer than {MOST_CHARACTERS} characters")
        if value.isprintable() and "{{" not in value:
            return value
        if any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in value):
            raise BadInput(f"alert {name}", ascii(value), "holds control characters or halves of characters")
        if "{{" in value:
            if must:
                raise BadInput(f"alert {name}", value, "is a placeholder that the sender did not fill in")
            return ""
        return value
    return ""


def amount(name: str, text: str) -> Decimal | None:
    """A number that came as text, or None for an empty one. Raises BadInput for what is no usual finite number."""
    if not text:
        return None
    if len(text) > 40:
        raise BadInput(f"alert {name}", text[:20] + "…", "has more than 40 digits")
    if not text.isascii() or "_" in text:
        raise BadInput(f"alert {name}", text, "not a number")
    number = decimal(f"alert {name}", text)
    if number and not _LEAST <= number.copy_abs() <= _MOST:
        raise BadInput(f"alert {name}", text, "is not between 1e-12 and 1e15")
    return number


def above_zero(name: str, text: str) -> Decimal | None:
    """A number above 0 that came as text, or None for an empty one."""
    number = amount(name, text)
    if number is not None and number <= 0:
        raise BadInput(f"alert {name}", text, "must be above 0")
    return number


def one_of(name: str, text: str, words: Mapping[str, str]) -> str:
    """What a word means, whatever its case. Raises BadInput that lists the words."""
    found = words.get(text.casefold())
    if found is None:
        raise BadInput(f"alert {name}", text, f"is none of {', '.join(sorted(words))}")
    return found


def known_keys(what: str, doc: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """Raise BadInput for a key that means nothing here."""
    names = sorted(allowed)
    for key in doc:
        if key not in names:
            raise BadInput(what, str(key), "is unknown", f"known: {', '.join(names)}")
