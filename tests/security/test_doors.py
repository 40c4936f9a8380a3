"""Doors: tokens guessed, addresses forged, alerts captured and sent again; who may not in learns nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import workbench_server.alerts as alerts_module
from workbench_server.guard import Proxies

from tests.security.checks import (
    believed,
    close_doors,
    differing,
    sealed_key,
    signed_key,
    turned_away,
    wrongly_believed,
)
from tests.security.fort import KINDS, LISTED, PROXY, Fort
from tests.security.inside import served_inside
from tests.security.wire import alert, request, said
from workbench.signals import seal, signature

# ---- brute force -----------------------------------------------------------------------------------------------------


def test_many_tokens_are_tried_from_one_address_and_a_known_one_still_is_served(fort: Fort) -> None:
    attacker = "127.0.3.1"
    assert fort.send("wide", alert("brute 0"), source="127.0.3.2").status == 202
    for round_ in range(3):
        raw = b"".join(
            request(f"/hooks/{round_ * 40 + i:043d}", json.dumps(alert("b")).encode(), close=i == 39) for i in range(40)
        )
        found = said(fort.port, raw, attacker)
        assert [answer.status for answer in found] == [404] * 40
        assert fort.send("wide", alert(f"brute {round_ + 1}"), source=attacker).status == 202
        assert fort.is_served(f"brute other {round_}")
    assert fort.query("select count(*) from alerts where source not in (select 'webhook:' || name from hooks)") == [
        (0,)
    ], "what was guessed is not kept"


def test_tokens_tried_without_end_are_not_even_looked_up(fort: Fort, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    with served_inside(fort_of(fort)) as inside:
        book = type(inside.desk.webhooks.book)
        by_token = book.by_token
        monkeypatch.setattr(book, "by_token", lambda self, name: asked.append(name) or by_token(self, name))
        raw = b"".join(request(f"/hooks/n{i:042d}", b"{}", close=i == 199) for i in range(200))
        assert len(said(inside.port, raw, "127.0.3.3")) == 200
    assert 30 <= len(asked) <= 33


def test_a_token_that_was_not_used_before_is_served_while_its_address_is_flooded(fort: Fort) -> None:
    """As behind a tunnel that is not named in trusted_proxies: all senders have one address."""
    shared = "127.0.3.4"
    raw = b"".join(request(f"/hooks/{i:043d}", b"{}", close=i == 59) for i in range(60))
    said(fort.port, raw, shared)
    fresh = fort.make("fresh")
    assert fort.ask(f"/hooks/{fresh['token']}", alert("first"), source=shared).status == 202


def test_forged_forwarded_addresses_do_not_make_a_guesser_look_like_many(fort: Fort) -> None:
    attacker = "127.0.3.5"
    statuses = set()
    for i in range(35):
        found = fort.ask(f"/hooks/g{i:042d}", b"{}", headers={"X-Forwarded-For": f"10.0.0.{i}"}, source=attacker)
        statuses.add(found.status)
    assert statuses == {404}
    reading = Proxies(())
    assert {reading.sender(attacker, f"10.0.0.{i}") for i in range(100)} == {attacker}


# ---- whose word is believed ------------------------------------------------------------------------------------------


def test_a_forwarded_address_is_believed_from_a_trusted_proxy_alone_and_from_the_right(fort: Fort) -> None:
    assert wrongly_believed(believed(fort)) == []


def test_nobody_is_believed_where_no_proxy_is_trusted(build: Callable[..., Fort]) -> None:
    with served_inside(build({"listed": {"rules": {"addresses": [LISTED]}}})) as inside:
        for source in ("127.0.0.1", PROXY):
            headers = {"X-Forwarded-For": LISTED, "Forwarded": f"for={LISTED}", "X-Real-IP": LISTED}
            assert inside.send("listed", alert("x"), headers, source).status == 404
        assert inside.send("listed", alert("x"), source=LISTED).status == 202


def test_a_forwarded_address_read_from_its_left_is_found_out(
    build: Callable[..., Fort], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leftmost(self: Proxies, peer: str, forwarded: str) -> str:
        return forwarded.partition(",")[0].strip() if forwarded and self._is_trusted(peer) else peer

    monkeypatch.setattr(Proxies, "sender", leftmost)
    settings = f'trusted_proxies = ["{PROXY}"]\n'
    with served_inside(build({"listed": {"rules": {"addresses": [LISTED]}}}, settings=settings)) as inside:
        found = wrongly_believed(believed(inside))
    assert "forged left of the proxy's word" in found


def test_a_forwarded_address_believed_from_anybody_is_found_out(
    build: Callable[..., Fort], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Proxies, "_is_trusted", lambda self, address: True)
    with served_inside(build({"listed": {"rules": {"addresses": [LISTED]}}})) as inside:
        assert "forged by a stranger" in wrongly_believed(believed(inside))


# ---- every 404 is the same -------------------------------------------------------------------------------------------

GUARDED = ("secret", "signed", "sealed", "listed", "revoked", "rotated", "overlapping")


def test_whoever_may_not_in_is_answered_the_same_to_the_byte(fort: Fort) -> None:
    close_doors(fort)
    found = turned_away(fort)
    assert found["unknown token"].json() == {"detail": "Not Found"}
    assert differing(found) == []


def test_a_404_that_differs_for_a_wrong_secret_is_found_out(
    build: Callable[..., Fort], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = alerts_module.AlertDoor._log_refused

    async def talkative(self: Any, door: Any, away: Any, message: Any) -> None:
        await before(self, door, away, message)
        if away.status == 404 and "secret" in away.reason:
            raise alerts_module._Answer(404, "", {"x-reason": "secret"})

    monkeypatch.setattr(alerts_module.AlertDoor, "_log_refused", talkative)
    with served_inside(build({name: KINDS[name] for name in GUARDED})) as inside:
        close_doors(inside)
        found = differing(turned_away(inside))
    assert "wrong secret" in found
    assert "no secret" in found
    assert "wrong signature" not in found


def test_a_404_that_says_why_is_found_out(build: Callable[..., Fort], monkeypatch: pytest.MonkeyPatch) -> None:
    async def plain(self: Any, door: Any, away: Any, message: Any) -> None:
        if away.status == 404:
            raise alerts_module._Answer(403, away.reason)

    monkeypatch.setattr(alerts_module.AlertDoor, "_log_refused", plain)
    with served_inside(build({name: KINDS[name] for name in GUARDED})) as inside:
        close_doors(inside)
        assert {"wrong signature", "address not on the list"} <= set(differing(turned_away(inside)))


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_do_not_tell_a_known_token_from_an_unknown_one(fort: Fort, method: str) -> None:
    body = b"" if method in ("GET", "HEAD", "TRACE") else json.dumps(alert(method)).encode()
    known = fort.ask(fort.door("wide"), body, method, source="127.0.3.6")
    unknown = fort.ask("/hooks/" + "m" * 43, body, method, source="127.0.3.6")
    assert known.whole == unknown.whole
    assert known.status in (400, 405)
    assert not fort.rows("wide") or method not in fort.accepted("wide")


def test_a_message_that_is_too_long_or_compressed_does_not_tell_a_token_to_who_is_not_on_the_list(fort: Fort) -> None:
    stranger = "127.0.3.7"
    unknown = fort.ask("/hooks/" + "o" * 43, b"{}", source=stranger)
    for headers in ({"Content-Length": "70000"}, {"Content-Encoding": "gzip"}):
        found = fort.send("listed", b"", headers, stranger)
        assert found.whole == unknown.whole, headers
    with served_listed(fort) as door:
        for i in range(5):
            assert fort.ask(door, alert(f"drain {i}"), source=stranger).status == 404
        assert fort.ask(door, alert("after"), source=LISTED).status == 202, "strangers do not use up its limit"


def test_a_path_that_is_nearly_a_door_is_none_and_the_answer_does_not_repeat_the_token(fort: Fort) -> None:
    token = fort.hooks["wide"]["token"]
    for near in ("/hooks/{}/", "/hooks//{}", "/hooks/{}/x", "/hooks/{}%00", "/hooks/{}%20", "/hooks/{}%ff", "/HOOKS/{}",
                 "/x/../hooks/{}", "/hooks/%2e%2e/hooks/{}", "/hooks\\{}", "/hooks/{}x"):  # fmt: skip
        path = near.format(token)
        found = fort.ask(path, alert("near"), source="127.0.3.8")
        assert found.status in (400, 404), (path, found)
        assert token.encode() not in found.whole, path


# ---- replay ----------------------------------------------------------------------------------------------------------


def test_a_captured_alert_sent_again_is_the_same_signal(fort: Fort) -> None:
    raw = request(fort.door("wide"), json.dumps(alert("captured")).encode())
    first, again = said(fort.port, raw)[0], said(fort.port, raw, "127.0.3.9")[0]
    assert (first.status, again.status) == (202, 200)
    assert first.json()["signal_ids"] == again.json()["signal_ids"]
    assert fort.accepted("wide")["captured"] == 1


def test_a_captured_alert_that_was_changed_is_not_the_same_and_is_refused(fort: Fort) -> None:
    assert fort.send("wide", alert("changed")).status == 202
    found = fort.send("wide", alert("changed", "sell"))
    assert found.status == 409
    assert fort.accepted("wide")["changed"] == 1


def signed(fort: Fort, body: bytes, at: float | None) -> dict[str, str]:
    stamp = "" if at is None else str(int(at))
    given = {"X-Signature": signature(signed_key(fort), body, stamp)}
    return given | ({"X-Timestamp": stamp} if stamp else {})


def test_a_signed_alert_with_an_old_or_early_timestamp_is_not_found(fort: Fort) -> None:
    now = time.time()
    for number, (off, status) in enumerate(((0, 202), (-310, 404), (310, 404), (-290, 202))):
        body = json.dumps(alert(f"stamp {number}")).encode()
        assert fort.send("signed", body, signed(fort, body, now + off)).status == status
    body = json.dumps(alert("stamp later")).encode()
    headers = signed(fort, body, now - 310)
    for stamp in (str(int(now)), f"{now:.0f}.0", f"+{now:.0f}", f" {now:.0f}", "1e9", "٣", "", "9" * 5000):
        found = fort.send("signed", body, headers | {"X-Timestamp": stamp.encode().decode("latin-1")})
        assert found.status == 404, stamp
    assert "stamp later" not in fort.accepted("signed")


def test_a_signed_alert_is_not_good_again_with_its_timestamp_moved_into_the_body(fort: Fort) -> None:
    """What is signed is TIMESTAMP.BODY: sent as a body without a timestamp, the same signature would be good."""
    sentence = b"Crossing: order buy @ 10 filled on AAPL. New strategy position is 10"
    stamp = str(int(time.time()) - 86_400)
    captured = signature(signed_key(fort), sentence, stamp)
    found = fort.send("signed", stamp.encode() + b"." + sentence, {"X-Signature": captured})
    assert found.status == 404


def test_a_signature_of_one_hook_opens_no_other(fort: Fort) -> None:
    other = fort.make("signed too", rules={"signed": True})
    body = json.dumps(alert("other")).encode()
    assert fort.ask(f"/hooks/{other['token']}", body, headers=signed(fort, body, time.time())).status == 404


def test_a_sealed_alert_with_a_byte_flipped_cut_or_sealed_for_another_is_not_found(fort: Fort) -> None:
    other = fort.make("sealed too", rules={"sealed": True})
    good = seal(sealed_key(fort), json.dumps(alert("sealed")).encode())
    assert fort.send("sealed", good).status == 202
    bad = [bytes([*good[:i], good[i] ^ 1, *good[i + 1 :]]) for i in range(0, len(good) - 3, 9)]
    bad += [good[:n] for n in (0, 1, 15, 16, 17, 40, len(good) - 4)] + [good + b"AAAA", good * 2, b"=", b"A" * 65_000]
    for body in bad:
        assert fort.send("sealed", body).status == 404, body
    assert fort.ask(f"/hooks/{other['token']}", seal(sealed_key(fort), b"{}")).status == 404
    again = fort.send("sealed", seal(sealed_key(fort), json.dumps(alert("sealed")).encode()))
    assert again.status == 200, "sealed anew, with the same id: the same signal"


def test_an_alert_that_says_when_it_was_made_is_refused_when_that_is_long_ago(fort: Fort) -> None:
    for stamp in ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00+00:00"):
        found = fort.send("wide", alert(f"old {stamp}", timenow=stamp))
        assert found.status == 422


# ---- helpers ---------------------------------------------------------------------------------------------------------


@contextmanager
def served_listed(fort: Fort) -> Iterator[str]:
    """A hook for one address and three alerts a minute."""
    made = fort.make("listed and limited", rules={"addresses": [LISTED], "a_minute": 3})
    yield f"/hooks/{made['token']}"
    fort.desk.webhooks.revoke_hook("listed and limited")


def fort_of(fort: Fort) -> Fort:
    """The same home without its process, to be served from inside as well."""
    other = object.__new__(Fort)
    other.__dict__.update({k: v for k, v in fort.__dict__.items() if k not in ("process", "port")})
    other.process, other.port = None, 0
    return other
