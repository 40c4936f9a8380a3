"""Canaries: token, secret and keys are planted, every path is driven, and none of them is found anywhere after."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import workbench.signals.door as door_module
from tests.security.checks import leaks, signed_key, spelled
from tests.security.fort import Fort
from tests.security.inside import served_inside
from tests.security.wire import Answer, alert, request, said
from workbench.signals import seal, signature

SECRET = "canary/of-the_secret"
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
)
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "guarded": {"secret": SECRET},
    "words": {"secret": SECRET, "format": "autoview"},
    "all": {"secret": SECRET, "rules": {"signed": True, "sealed": True}},
    "signed": {"rules": {"signed": True}},
    "chartink": {"format": "chartink", "settings": {"action": "buy"}},
    "closed": {"secret": SECRET},
    "moved": {"secret": SECRET},
}

FULL = ("plain", "guarded", "words", "all")
"""Hooks that get every message; the others, which turn all away at the same place, the first ones."""


def canaries(fort: Fort) -> dict[str, str]:
    """All that is to be found nowhere."""
    found = {"secret": SECRET}
    for name, hook in fort.hooks.items():
        found |= {f"{kind} of {name}": hook[kind] for kind in ("token", "signed_key", "sealed_key") if kind in hook}
    return found


def messages(fort: Fort, name: str) -> Iterator[bytes]:
    """Messages that carry the secret, and the token somewhere else, in whatever way a sender may write them.

    What a hook that asks for no secret gets under that name is a text as any other, hidden where it is recognised.
    """
    token = fort.hooks[name]["token"]
    secret = SECRET if KINDS[name].get("secret") else "not/asked-for_here"
    for message in _messages(token):
        yield message.replace(SECRET.encode(), secret.encode()).replace(spelled(SECRET).encode(), secret.encode())


def _messages(token: str) -> Iterator[bytes]:
    good = {"ticker": "AAPL", "action": "buy", "comment": f"sent to /hooks/{token}"}
    number = 0

    def text(secret: str = f'"{SECRET}"', name: str = '"secret"', **more: Any) -> str:
        nonlocal number
        number += 1
        rest = json.dumps(good | {"alert_id": f"canary {number}"} | more)[1:]
        return f"{{{name}: {secret}, {rest}"

    everywhere = spelled(SECRET)
    ways = [
        text(),
        text(name='"passphrase"'),
        text(name='"secret": "", "passphrase"'),
        text(name=f'"passphrase": "{SECRET}", "secret"'),
        text(name='"\\u0073ecret"'),
        text(name=f'"{spelled("secret")}"'),
        text(f'"{everywhere}"'),
        text(f'"{spelled(SECRET, 3)}"'),
        text(f'"{SECRET.replace("/", chr(92) + "/")}"'),
        text(f'"{everywhere}"', comment=SECRET),
        text(comment=f"I say {SECRET}"),
        text().replace("sent to", everywhere),
        text(f'"{everywhere}"', x={"nested": [SECRET]}, y=f"a{SECRET}b"),
        text(f'"{everywhere}"').replace('"comment"', f'"x": "{spelled(token)}", "comment"'),
        text().replace(f"/hooks/{token}", spelled(token)),
        text().replace(f"/hooks/{token}", f"{chr(92)}/hooks{chr(92)}/{spelled(token, 5)}"),
        text(x="\ud800", y="\u20ac"),
        text(f'"{everywhere}"', x="\ud800"),
        text(quantity="none"),
        text(ticker=SECRET),
        text(action=SECRET),
        text(action=token),
        text(quantity=SECRET),
        text(alert_id=token),
        text(alert_id=SECRET),
        text(time=SECRET, strategy=token),
        text(**{SECRET: 1, token: 2}),
        text(**{SECRET: 1}).replace("{", '{"ticker": "A", ', 1),
        text().replace(", ", ",\r\n"),
        text(quantity="none").replace(", ", ",\r\n"),
        text(quantity="none").replace(", ", ",\t\u00a0"),
        "\ufeff" + text(),
        "\ufeff" + text(quantity="none"),
        "\u200b" + text(quantity="none"),
        text().replace('"', "\u201d").replace("\\", ""),
        text(quantity="none").replace('"', "\u201c"),
        text()[:-1],
        text()[:-20],
        text(quantity="").replace('"quantity": ""', '"quantity": '),
        text(x=1).replace('"x": 1', f'"x": {"9" * 5000}'),
        text(x=1).replace('"x": 1', '"x": 1e999999'),
        text(f"{{{text()}: 1}}"),
        text(f'["{SECRET}"]'),
        text(f'{{"of": "{SECRET}"}}'),
        text(f'"{SECRET}", "secret": "another-secret"'),
        text(f'"another-secret", "secret": "{SECRET}"'),
        text(f'"{SECRET} "'),
        text(f'"{SECRET}x"'),
        text(f"'{SECRET}'"),
        text(SECRET),
        json.dumps([{"secret": SECRET, "comment": token}]),
        f"secret={SECRET} ticker=AAPL action=buy comment={token}",
        f"secret: {SECRET}, ticker: AAPL, action: hold, comment: {token}",
        f"passphrase={SECRET} s=AAPL b=buy",
        f"secret={SECRET} s=AAPL b=buy id={token}",
        f"secret={SECRET} s=AAPL b=hold",
        f"s=AAPL b=buy q=1 secret={SECRET} x={token}",
        f'secret="{SECRET}" s=AAPL b=buy',
        f"buy AAPL {SECRET}",
        f"{SECRET}",
        f"{token}",
        text(comment="trouble-in-the-inbox"),
        text(comment="trouble-in-the-door"),
        text(comment="trouble-of-the-disk"),
        f"secret={SECRET} s=AAPL b=buy id=trouble-in-the-inbox",
    ]
    for way in ways:
        yield way.encode("utf-8", "surrogatepass") if "\ud800" not in way else way.encode("ascii", "backslashreplace")
    yield b"\xff" + text().encode()
    yield text().encode("utf-16")
    yield text().encode() + b"\xff"
    yield text(x="y" * 70_000).encode()


def drive(fort: Fort) -> list[Answer]:
    """Everything that can happen to a message: all that was answered."""
    found = []
    body = json.dumps({"secret": SECRET, **alert("first")}).encode()
    for name in ("closed", "moved"):
        found.append(fort.send(name, body))
    fort.desk.webhooks.revoke_hook("closed")
    moved = fort.desk.webhooks.rotate_hook("moved", overlap=0)
    for number, (name, hook) in enumerate(fort.hooks.items()):
        path, source = fort.door(name), f"127.0.10.{number + 1}"
        raw = b""
        several = list(islice(messages(fort, name), None if name in FULL else 12))
        for place, message in enumerate(several):
            given = {}
            if name == "all":
                message = seal(bytes.fromhex(hook["sealed_key"]), message)
            if "signed_key" in hook:
                given = {"X-Signature": signature(bytes.fromhex(hook["signed_key"]), message)}
            raw += request(path, message, headers=given, close=place == len(several) - 1)
        found += said(fort.port, raw, source)
        found += malformed(fort, path, source)
    chartink = {"stocks": "AAPL,TSLA", "trigger_prices": "1,2", "scan_name": "s", "alert_name": "a",
                "webhook_url": f"http://127.0.0.1:8321/hooks/{fort.hooks['chartink']['token']}"}  # fmt: skip
    for more in ({}, {"triggered_at": "2:34 pm"}, {"triggered_at": "never"}, {"trigger_prices": "1"}):
        found.append(fort.send("chartink", chartink | more))
    stamp = str(int(time.time()) - 1000)
    old = json.dumps(alert("old")).encode()
    given = {"X-Signature": signature(signed_key(fort), old, stamp), "X-Timestamp": stamp}
    found.append(fort.send("signed", old, given))
    found.append(fort.ask(f"/hooks/{moved['token']}", body))
    fort.hooks["moved again"] = moved
    return found


def malformed(fort: Fort, path: str, source: str) -> Iterator[Answer]:
    """What is no good request, at the token's address."""
    for raw in (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        f"POST {path}\r\n\r\n",
        f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        f"GET {path}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        f"POST {path}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        f"POST {path}?{SECRET} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\n{{",
        f"GET {path} HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n\r\n",
        f"POST {path} HTTP/1.1\r\nHost: x\r\nX-Secret: {SECRET}\r\nContent-Length: 90000\r\n\r\n",
        f"{path} {SECRET}\r\n\r\n",
        f"HACK {path} HTTP/1.1\r\n\r\n",
    ):
        yield from said(fort.port, raw.encode(), source, seconds=2)


def told(fort: Fort) -> list[tuple[str, bytes]]:
    """What the desk tells of hooks and signals, as the shell prints it."""
    hooks, signals = fort.desk.webhooks, fort.desk.by_signal
    names = [hook["name"] for hook in hooks.hooks()]
    whole = {
        "hooks list": hooks.hooks(), "hooks show": [hooks.hook(name) for name in names], "signals": fort.desk.signals(),
        "signals alerts": signals.alerts(None), "signals stats": signals.analytics(),
        "signals show": [signals.signal(row["signal_id"]) for row in fort.desk.signals()[:20]],
        "status": fort.desk.status(),
    }  # fmt: skip
    return [(name, json.dumps(doc, default=str).encode()) for name, doc in whole.items()]


def test_neither_token_nor_secret_nor_a_key_is_found_anywhere_whatever_was_sent(build: Callable[..., Fort]) -> None:
    fort = build(KINDS, module="tests.security.noisy_server").start()
    found = drive(fort)
    statuses = {answer.status for answer in found}
    assert {200, 202, 400, 404, 405, 413, 422, 500, 503} <= statuses, statuses
    assert fort.is_alive()
    answered = b"\n".join(answer.whole for answer in found)
    assert leaks(fort.path, canaries(fort), [("answers", answered), *told(fort)]) == []
    fort.stop()
    spoken = [("standard output", b"".join(fort.said)), ("standard error", fort.errors())]
    assert b"could not be handled: RuntimeError" in fort.errors()
    assert leaks(fort.path, canaries(fort), spoken) == []
    key = fort.path / "webhooks.key"
    assert key.stat().st_mode & 0o777 == 0o600
    for other in fort.path.rglob("*"):
        if other.is_file() and other != key:
            assert key.read_bytes() not in other.read_bytes(), other
    accepted = [row for name in KINDS for row in fort.rows(name, "accepted")]
    assert len(accepted) > 100, "what is accepted is looked at too"


@pytest.mark.slow
def test_the_shell_tells_none_of_them_either(build: Callable[..., Fort]) -> None:
    import os
    import subprocess
    import sys

    fort = build({name: KINDS[name] for name in ("guarded", "plain")})
    with served_inside(fort):
        for name in fort.hooks:
            for message in list(messages(fort, name))[:40]:
                fort.send(name, message)
    env = os.environ | {"WORKBENCH_HOME": str(fort.path)}
    printed = []
    for command in (["signals", "list"], ["signals", "alerts"], ["hooks", "list"], ["hooks", "show", "guarded"]):
        done = subprocess.run([sys.executable, "-m", "workbench", *command, "--json"], env=env, capture_output=True)
        assert done.returncode == 0, done.stderr
        printed.append((" ".join(command), done.stdout + done.stderr))
    assert leaks(Path("/nowhere"), canaries(fort), printed) == []


def test_the_secret_is_known_in_whatever_way_json_may_spell_it(build: Callable[..., Fort]) -> None:
    with served_inside(build({"guarded": {"secret": SECRET}})) as inside:
        for number, secret in enumerate((SECRET, spelled(SECRET), spelled(SECRET, 2), SECRET.replace("/", "\\/"))):
            body = f'{{"secret": "{secret}", "ticker": "AAPL", "action": "buy", "alert_id": "{number}"}}'
            assert inside.send("guarded", body.encode()).status == 202


def test_a_short_text_called_secret_does_not_change_what_else_is_said(build: Callable[..., Fort]) -> None:
    with served_inside(build({"plain": {}})) as inside:
        assert inside.send("plain", alert("1", secret="u", quantity="10")).status == 202
        [(key, _, _, body, _)] = inside.rows("plain", "accepted")
        assert (key, json.loads(body)["action"], json.loads(body)["quantity"]) == ("1", "buy", "10")


@pytest.mark.parametrize(
    "text",
    [
        '{"secret": "%s", "ticker": }',
        '{"ticker": "A", "passphrase" : "%s", "quantity": , "action": "buy"',
        '{"secret": "%s", "secret": "another-secret"}',
        '{"secret": "another-secret", "secret": "%s"}',
        "{'secret': '%s'}",
        '[{"secret": "%s"}]',
        "secret=%s buy AAPL",
        "buy AAPL; passphrase: %s",
    ],
)
def test_a_secret_in_a_message_that_cannot_be_read_is_hidden_where_it_is_recognised(text: str) -> None:
    assert SECRET not in door_module.without_secret(text % SECRET)[0]


def test_a_message_that_cannot_be_read_but_carries_the_secret_is_told_what_is_wrong(fort: Fort) -> None:
    """As a placeholder that was filled in with nothing: its sender is known, and needs to know."""
    found = fort.send("secret", b'{"secret": "long-and-secret-enough", "ticker": "A", "quantity": , "action": "buy"}')
    assert (found.status, "no JSON" in found.json()["detail"]) == (422, True)


def found_out(fort: Fort, kinds: tuple[str, ...] = ("guarded", "plain")) -> list[str]:
    """What leaks from a server that was broken."""
    with served_inside(fort) as inside:
        answered = []
        for name in kinds:
            for message in list(messages(inside, name))[:30]:
                answered.append(inside.send(name, message))
        answers = b"\n".join(answer.whole for answer in answered)
        return leaks(inside.path, canaries(inside), [("answers", answers), *told(inside)])


def test_a_door_that_hides_no_secret_is_found_out(build: Callable[..., Fort], monkeypatch: pytest.MonkeyPatch) -> None:
    before = door_module.without_secret
    monkeypatch.setattr(door_module, "without_secret", lambda text: (text, before(text)[1]))
    found = found_out(build({name: KINDS[name] for name in ("guarded", "plain")}))
    assert any(leak.startswith("secret in trading.db") for leak in found), found
    assert "secret in signals alerts" in found


def test_a_door_that_hides_no_token_is_found_out(build: Callable[..., Fort], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "hidden", lambda text, token: text)
    found = found_out(build({name: KINDS[name] for name in ("guarded", "plain")}))
    assert any(leak.startswith("token of plain in trading.db") for leak in found), found


def test_a_door_that_hides_only_what_is_written_plainly_is_found_out(
    build: Callable[..., Fort], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "unescaped", lambda text: text)
    found = found_out(build({name: KINDS[name] for name in ("guarded", "plain")}))
    assert any("trading.db" in leak for leak in found), found


def test_a_home_whose_database_keeps_a_token_is_found_out(build: Callable[..., Fort]) -> None:
    fort = build({"plain": {}})
    assert leaks(fort.path, canaries(fort)) == []
    (fort.path / "artifacts").mkdir()
    (fort.path / "artifacts" / "log.txt").write_text(f"POST /hooks/{fort.hooks['plain']['token']} 202")
    assert leaks(fort.path, canaries(fort)) == ["token of plain in artifacts/log.txt"]
