"""Schema: what the server's own description of itself says is what it does, whatever is sent; and the door's words."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

import workbench.signals.door as door_module
from tests.security.fort import FORMATS, Fort
from tests.security.inside import served_inside
from tests.security.wire import alert
from workbench import open_workbench
from workbench.ports import Receipt
from workbench.signals import Door, Incoming, TurnedAway

EXAMPLES = int(os.environ.get("ATTACK_EXAMPLES", "25"))
"""Examples of each thing that is tried; the long version has some thousands."""


# ---- over HTTP -------------------------------------------------------------------------------------------------------


def explore(fort: Fort, token: str | None, examples: int) -> dict[str, set[int]]:
    """Send what the schema allows, and what it does not, to every path: the statuses of each; a wrong one raises."""
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{fort.port}/openapi.json")
    seen: dict[str, set[int]] = {}
    for made in schema.get_all_operations():
        _explore_one(made.ok(), token, examples, seen)
    return seen


def _explore_one(operation: Any, token: str | None, examples: int, seen: dict[str, set[int]]) -> None:
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE][: 2 if operation.method == "post" else 1]
    given_options = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=[*HealthCheck])

    @given_options
    @given(st.one_of(operation.as_strategy(generation_mode=mode) for mode in modes))
    def one(case: Any) -> None:
        if token is not None and "token" in (case.path_parameters or {}):
            case.path_parameters["token"] = token
        answer = case.call(timeout=15)
        seen.setdefault(f"{case.method} {case.path}", set()).add(answer.status_code)
        checks: list[Any] = [status_code_conformance, response_schema_conformance]
        # 503 is how health is told; anything else above 499 is an error inside, wherever
        assert answer.status_code < 500 or (case.path.startswith("/health") and answer.status_code == 503)
        case.validate_response(answer, checks=checks)

    one()


@pytest.mark.parametrize("known", [True, False], ids=["a known token", "any token"])
def test_every_answer_is_one_the_schema_tells_of_and_none_is_an_error_inside(fort: Fort, known: bool) -> None:
    seen = explore(fort, fort.hooks["wide"]["token"] if known else None, EXAMPLES)
    posted = seen["POST /hooks/{token}"]
    assert posted & {202, 422} if known else posted <= {404, 405, 413, 429}
    assert fort.is_alive()
    assert b"Traceback" not in fort.errors()


# ---- the door itself -------------------------------------------------------------------------------------------------

SECRET = "canary/of-the_secret"
TOKEN = "T0ken-of_the-hook-that-is-43-characters-long"
NAMES = ["ticker", "symbol", "action", "side", "quantity", "qty", "price", "time", "timenow", "alert_id", "comment",
         "secret", "passphrase", "stocks", "trigger_prices", "triggered_at", "scan_name", "order", "sentiment",
         "quantityType", "stopLoss", "takeProfit", "prev_position", "market_position", "max_lag", "timestamp",
         "tv_instrument", "strategy", "size", "webhook_url", "option"]  # fmt: skip
WORDS = st.sampled_from([
    "AAPL", "NASDAQ:AAPL", "buy", "sell", "short", "exit", "long", "flat", "enter_long", "10", "-1", "0", "1e999999",
    "1e-999999", "NaN", "99999999999999999999", "0.1", "100%", "{{close}}", "2:34 pm", "2026-01-05T14:30:00Z", SECRET,
    TOKEN, "\ud800", "\0", "\u202e", "AAPL,TSLA", "risk_percent", "percent", "", " ", "٣", "１",
])  # fmt: skip
SCALARS = st.one_of(WORDS, st.text(max_size=20), st.integers(), st.floats(), st.none(), st.booleans())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*NAMES, "percent", "amount", "type"]), inner)
    ),
    max_leaves=4,
)
OBJECTS = st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=5)), VALUES, max_size=8)
JSON = st.builds(
    lambda fields, good, secret, plain: json.dumps(
        ({"ticker": "AAPL", "action": "buy"} if good else {}) | fields | ({"secret": SECRET} if secret else {}),
        ensure_ascii=plain or _halves(fields),
    ).encode("utf-8"),
    OBJECTS, st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
PIECES = st.sampled_from([
    "e=NASDAQ", "s=AAPL", "b=buy", "b=sell", "q=10", "q=10%", "t=market", "c=position", "sl=2%", "id=1", "buy AAPL 10",
    "order buy @ 1 filled on AAPL. New strategy position is 1", "ticker=AAPL", "action: buy", f"secret={SECRET}", "\n",
    f'"secret": "{SECRET}"', "{", "}", '"', "\\u0041", "\\", ":", ",", " ", "\r\n", "\ufeff", "\u201c", "#", "@", "=",
])  # fmt: skip
TEXTS = st.builds(lambda parts, gap: gap.join(parts).encode(), st.lists(PIECES, max_size=10), st.sampled_from(" ,\n"))
BYTES = st.one_of(JSON, TEXTS, st.binary(max_size=200), JSON.flatmap(lambda body: st.sampled_from(_mangled(body))))


def _halves(fields: Any) -> bool:
    try:
        json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _mangled(body: bytes) -> list[bytes]:
    third = len(body) // 3
    return [
        body[:third], body[third:], body[:-1], body + b"}", b"\xff" + body, b"\xef\xbb\xbf" + body, body * 2,
        body.replace(b'"', "\u201c".encode()), body.replace(b", ", b",\r\n"), body.decode().encode("utf-16"),
        body[:third] + b"\0" + body[third:], body.replace(b"e", b"\\u0065"), body.replace(b":", b": \xc2\xa0"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Door]:
    """A door of each format, with a secret and without."""
    webhooks = open_workbench(tmp_path_factory.mktemp("doors") / "home").trading.webhooks
    found = {}
    for name, given_settings in FORMATS.items():
        for guarded in (False, True):
            if guarded and name == "chartink":
                continue
            told = webhooks.create_hook(
                f"{name} {guarded}", "sma_cross", format=name, settings=given_settings, secret=SECRET if guarded else ""
            )
            door = webhooks.doors.find(told["token"])
            assert door is not None
            found[f"{name}{' with a secret' if guarded else ''}"] = door
    return found


def check_receipt(door: Door, body: bytes) -> Receipt | None:
    """What a door makes of bytes: a receipt to keep, or somebody turned away; and what is kept tells nothing."""
    message = Incoming(body, "127.0.0.1", datetime.now(UTC))
    try:
        receipt = door.receive(message, TOKEN)
    except TurnedAway as away:
        assert away.status in (404, 422), away  # noqa: PT017 - a receipt is the other thing it may be
        assert away.receipt is not None  # noqa: PT017
        receipt = away.receipt
        assert not receipt.signals
        if away.status == 404:
            assert not receipt.body
    else:
        assert 0 < len(receipt.signals) <= 100
    whole = json.dumps([receipt.body, receipt.refused, receipt.key, [dict(s.alert) for s in receipt.signals]])
    whole.encode()
    receipt.body.encode()
    receipt.refused.encode()
    assert len(receipt.refused) < 2_100
    if door.hook.rules.secret:
        assert SECRET not in whole
    assert TOKEN not in whole
    return receipt


@pytest.mark.parametrize("name", [*FORMATS, *(f"{name} with a secret" for name in FORMATS if name != "chartink")])
def test_any_bytes_become_a_receipt_or_somebody_turned_away_and_nothing_else(doors: dict[str, Door], name: str) -> None:
    @settings(max_examples=EXAMPLES * 2, deadline=None, suppress_health_check=[*HealthCheck])
    @given(BYTES)
    def fuzz(body: bytes) -> None:
        check_receipt(doors[name], body)

    fuzz()


def test_a_door_that_shows_the_secret_is_found_out_by_the_fuzz(
    doors: dict[str, Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = door_module.without_secret
    monkeypatch.setattr(door_module, "without_secret", lambda text: (text, before(text)[1]))

    @settings(
        max_examples=500, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck]
    )
    @given(BYTES)
    def fuzz(body: bytes) -> None:
        check_receipt(doors["tradingview with a secret"], body)

    with pytest.raises(AssertionError):
        fuzz()


def test_a_good_alert_is_a_receipt(doors: dict[str, Door]) -> None:
    receipt = check_receipt(doors["tradingview"], json.dumps(alert("good")).encode())
    assert receipt is not None
    assert [dict(one.alert)["action"] for one in receipt.signals] == ["buy"]


def test_an_answer_the_schema_does_not_tell_of_is_found_out(
    build: Callable[..., Fort], monkeypatch: pytest.MonkeyPatch
) -> None:
    def teapot(self: Door, message: Incoming, token: str = "") -> Receipt:
        raise TurnedAway(418, "a teapot")

    monkeypatch.setattr(Door, "receive", teapot)
    with (
        served_inside(build({"wide": {}})) as inside,
        pytest.raises(FailureGroup) as caught,
    ):
        explore(inside, inside.hooks["wide"]["token"], 5)
    assert "Undocumented" in str(caught.value.exceptions[0])
