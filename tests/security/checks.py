"""Checks that are made of the server, and of servers broken on purpose, which they have to find out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tests.security.fort import INNER, LISTED, PROXY, Fort, until
from tests.security.wire import Answer, alert, request, said
from workbench.signals import seal, signature

STRANGER = "127.0.0.77"


def sealed_key(fort: Fort, name: str = "sealed") -> bytes:
    return bytes.fromhex(fort.hooks[name]["sealed_key"])


def signed_key(fort: Fort, name: str = "signed") -> bytes:
    return bytes.fromhex(fort.hooks[name]["signed_key"])


def close_doors(fort: Fort) -> None:
    """Revoke one hook and give another a new address, each used before; wait until that counts."""
    for name in ("revoked", "rotated", "overlapping"):
        fort.send(name, alert("before"), source="127.0.1.2")
    fort.desk.webhooks.revoke_hook("revoked")
    fort.desk.webhooks.rotate_hook("rotated", overlap=0)
    fort.desk.webhooks.rotate_hook("overlapping", overlap=0.05)
    for name in ("revoked", "rotated", "overlapping"):
        until(lambda name=name: fort.send(name, alert("x"), source="127.0.1.3").status == 404, 5, f"{name} closed")


def turned_away(fort: Fort) -> dict[str, Answer]:
    """The answers to everybody who is not to learn anything; the doors that close are closed."""
    sealed = bytearray(seal(sealed_key(fort), json.dumps(alert("s")).encode()))
    sealed[30] ^= 1
    body = json.dumps(alert("w")).encode()
    key = signed_key(fort)
    cases: dict[str, tuple[str, bytes, dict[str, str]]] = {
        "unknown token": ("/hooks/" + "u" * 43, body, {}),
        "revoked": (fort.door("revoked"), body, {}),
        "rotated out": (fort.door("rotated"), body, {}),
        "rotated out and over": (fort.door("overlapping"), body, {}),
        "no secret": (fort.door("secret"), body, {}),
        "wrong secret": (fort.door("secret"), json.dumps(alert("w", secret="wrong-but-long")).encode(), {}),
        "secret with half a character": (fort.door("secret"), b'{"secret": "\\ud800", "ticker": "A"}', {}),
        "no UTF-8 and no secret": (fort.door("secret"), b"\xff\xfe{", {}),
        "no signature": (fort.door("signed"), body, {}),
        "wrong signature": (fort.door("signed"), body, {"X-Signature": signature(b"x" * 32, body)}),
        "signature of another body": (fort.door("signed"), body, {"X-Signature": signature(key, b"{}")}),
        "not sealed": (fort.door("sealed"), body, {}),
        "sealed, then changed": (fort.door("sealed"), bytes(sealed), {}),
        "address not on the list": (fort.door("listed"), body, {}),
    }
    found = {}
    for number, (name, (path, message, headers)) in enumerate(cases.items()):
        found[name] = fort.ask(path, message, headers=headers, source=f"127.0.2.{number + 1}")
    return found


def differing(answers: dict[str, Answer]) -> list[str]:
    """Which answers tell something: they are no 404, or not byte for byte the first one."""
    first = next(iter(answers.values()))
    return [name for name, answer in answers.items() if answer.status != 404 or answer.whole != first.whole]


def believed(fort: Fort) -> dict[str, int]:
    """What the listed hook answers to who says in X-Forwarded-For to be on its list, by how it is said."""
    cases = {
        "forged by a stranger": (STRANGER, f"X-Forwarded-For: {LISTED}"),
        "forged left of the proxy's word": (PROXY, f"X-Forwarded-For: {LISTED}, {STRANGER}"),
        "forged left, two proxies": (PROXY, f"X-Forwarded-For: {LISTED}, {STRANGER}, {INNER}"),
        "forged in a header of its own": (
            PROXY, f"X-Forwarded-For: {LISTED}\r\nX-Forwarded-For: {STRANGER}",
        ),
        "forged before an entry that is none": (PROXY, f"X-Forwarded-For: {LISTED}, unknown"),
        "told by the proxy": (PROXY, f"X-Forwarded-For: {LISTED}"),
        "told by the proxy, more forged": (PROXY, f"X-Forwarded-For: {STRANGER}, {LISTED}"),
        "told by two proxies": (PROXY, f"X-Forwarded-For: {LISTED}, {INNER}"),
    }  # fmt: skip
    found = {}
    for number, (name, (source, header)) in enumerate(cases.items()):
        raw = request(fort.door("listed"), json.dumps(alert(f"l{number}")).encode())
        raw = raw.replace(b"Host: desk", b"Host: desk\r\n" + header.encode())
        found[name] = said(fort.port, raw, source)[0].status
    trailed = json.dumps(alert("trailed")).encode()
    raw = (
        f"POST {fort.door('listed')} HTTP/1.1\r\nHost: desk\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
        f"X-Forwarded-For: {STRANGER}\r\n\r\n{len(trailed):x}\r\n{trailed.decode()}\r\n0\r\n"
        f"X-Forwarded-For: {LISTED}\r\n\r\n"
    ).encode()
    found["forged behind the body"] = said(fort.port, raw, PROXY)[0].status
    return found


def wrongly_believed(found: dict[str, int]) -> list[str]:
    """Which ways to say an address were believed and should not, or the other way round."""
    return [name for name, status in found.items() if status != (202 if name.startswith("told") else 404)]


def leaks(home: Path, canaries: dict[str, str], more: Iterable[tuple[str, bytes]] = ()) -> list[str]:
    """Where a canary is found: in a file of the home, or in what else is given by name; the key file holds no text."""
    places = [(str(path.relative_to(home)), path.read_bytes()) for path in sorted(home.rglob("*")) if path.is_file()]
    found = []
    for place, content in [*places, *more]:
        for name, canary in canaries.items():
            forms = {canary.encode(), _escaped(canary)}
            if len(canary) == 64 and set(canary) <= set("0123456789abcdef"):
                forms.add(bytes.fromhex(canary))
            if any(form in content for form in forms):
                found.append(f"{name} in {place}")
    return found


def _escaped(text: str) -> bytes:
    return "".join(f"\\u{ord(c):04x}" for c in text).encode()


def spelled(text: str, every: int = 1) -> str:
    """A text in JSON's escapes, every so manieth character of it."""
    return "".join(f"\\u{ord(c):04x}" if i % every == 0 else c for i, c in enumerate(text))
