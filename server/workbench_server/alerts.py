"""Alerts: what comes to a hook's address, from its first byte to its answer."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from starlette.types import Receive, Scope, Send

from workbench.bootstrap.doors import Doors
from workbench.errors import WorkbenchError
from workbench.ports import Kept, Receipt
from workbench.signals import SIGNATURE, TIMESTAMP, Door, Incoming, TurnedAway
from workbench.store import Inbox
from workbench_server.group_commit import GroupCommit
from workbench_server.guard import REFUSED_A_MINUTE, UNKNOWN_A_MINUTE, Limit, Proxies

MOST_BYTES = 65_536
"""The largest body of an alert."""
_READ = frozenset((b"content-length", b"content-encoding", b"x-forwarded-for", SIGNATURE.encode(), TIMESTAMP.encode()))
_NOT_FOUND = json.dumps({"detail": "Not Found"}).encode()
_log = logging.getLogger(__name__)


class _Answer(Exception):
    """An answer that ends the work on a request."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.detail, self.headers = status, detail, headers or {}
        super().__init__(detail)


class AlertDoor:
    """An ASGI application for `POST /hooks/TOKEN`: answered once the alert is on disk, a repeat as the first was.

    Every 404 is the same, whatever was wrong: an unknown or revoked token, an address that is not on the hook's list,
    a wrong secret or signature. A token's path is written nowhere.
    """

    def __init__(self, doors: Doors, inbox: Inbox, commits: GroupCommit, proxies: Proxies, a_minute: int) -> None:
        self._doors, self._inbox, self._commits, self._proxies = doors, inbox, commits, proxies
        self._a_minute = a_minute
        self._by_address, self._by_hook, self._by_strategy = Limit(), Limit(), Limit()
        self._unknown, self._refused = Limit(), Limit()
        self._taken: dict[str, tuple[datetime, int]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request."""
        headers: Mapping[str, str] = {}
        try:
            status, answer = await self._take(scope, receive)
        except _Answer as found:
            status, headers = found.status, found.headers
            answer = _NOT_FOUND if status == 404 else json.dumps({"detail": found.detail}).encode()
        except Exception as error:  # noqa: BLE001 - the sender is told, and the server goes on
            # the message may hold what the sender sent: its kind alone is told
            _log.error("an alert could not be handled: %s", type(error).__name__)
            status, answer = (
                500,
                json.dumps({"detail": f"something inside went wrong ({type(error).__name__})"}).encode(),
            )
        named = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        named += [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": named})
        await send({"type": "http.response.body", "body": answer})

    async def _take(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        came_at = datetime.now(UTC)
        if scope["method"] != "POST":
            raise _Answer(405, "an alert is posted", {"allow": "POST"})
        headers = {n.decode(): value.decode("latin-1") for n, value in scope["headers"] if n in _READ}
        peer = scope["client"][0] if scope.get("client") else ""
        address = self._proxies.sender(peer, headers.get("x-forwarded-for", ""))
        token = scope["path"][len("/hooks/") :]
        door = self._find(token, address)
        if door.hook.rules.addresses and not door.lets_in(address):  # before anything else tells of a good token
            away = TurnedAway(404, f"address {address} is not on the hook's list")
            await self._log_refused(door, away, Incoming(b"", address, came_at, headers))
            raise _Answer(404, "")
        message = Incoming(b"", address, came_at, headers)
        try:
            message = Incoming(await self._body(receive, headers), address, came_at, headers)
            self._limit(self._by_address, address, self._a_minute, "this address")
            if headers.get("content-encoding", "identity").lower() not in ("identity", ""):
                raise TurnedAway(415, "a compressed body is not read; send it as it is")
            receipt = self._received(door, message, token)
            self._limit_strategies(receipt)
            known = self._limit_day(door, receipt)
        except TurnedAway as away:
            await self._log_refused(door, away, message)
            told = {"retry-after": str(math.ceil(away.pause))} if away.pause else {}
            if away.status == 413:
                told["connection"] = "close"
            raise _Answer(away.status, away.reason, told) from None
        return (200, _told(known)) if known is not None else await self._keep(receipt, door, message)

    def _find(self, token: str, address: str) -> Door:
        """The door of a token. For an address that tried too many, only tokens that are good are looked up at all."""
        try:
            if self._unknown.is_empty(address, UNKNOWN_A_MINUTE) and not self._doors.knows(token):
                raise _Answer(404, "")
            door = self._doors.find(token)
        except WorkbenchError as error:
            raise _Answer(503, f"it cannot be taken now: {error}") from None
        if door is None:
            self._unknown.wait(address, UNKNOWN_A_MINUTE)
            raise _Answer(404, "")
        return door

    async def _body(self, receive: Receive, headers: Mapping[str, str]) -> bytes:
        """The body, up to the limit, whatever its headers say; how long it may take is the protocol's business."""
        length = headers.get("content-length", "")
        if length.isdigit() and int(length[:12]) > MOST_BYTES:
            raise TurnedAway(413, f"an alert has at most {MOST_BYTES} bytes")
        part = await receive()
        body: bytes = part.get("body", b"")
        while part.get("more_body") and len(body) <= MOST_BYTES:
            part = await receive()
            body += part.get("body", b"")
        if part["type"] == "http.disconnect":
            raise _Answer(400, "the sender went away, or was too slow")
        if len(body) > MOST_BYTES:
            raise TurnedAway(413, f"an alert has at most {MOST_BYTES} bytes")
        return body

    # ---- limits ------------------------------------------------------------------------------------------------------

    def _limit(self, limit: Limit, name: str, most: int, whose: str) -> None:
        pause = limit.wait(name, most)
        if pause:
            raise TurnedAway(429, f"more than {most} alerts a minute from {whose}", pause=pause)

    def _received(self, door: Door, message: Incoming, token: str) -> Receipt:
        """What the message asks for. It counts against the hook's limit, unless its sender lacks secret or key: who
        only has the address must not use up what the hook may take."""
        try:
            receipt = door.receive(message, token)
        except TurnedAway as away:
            if away.status != 404:
                self._limit(self._by_hook, door.hook.hook_id, door.hook.rules.a_minute, "this hook")
            raise
        self._limit(self._by_hook, door.hook.hook_id, door.hook.rules.a_minute, "this hook")
        return receipt

    def _limit_strategies(self, receipt: Receipt) -> None:
        """So many alerts a minute for each strategy, and so for its account, whichever hooks they come through."""
        for strategy in dict.fromkeys(one.strategy for one in receipt.signals):
            pause = self._by_strategy.wait(strategy, self._a_minute)
            if pause:
                words = f"more than {self._a_minute} alerts a minute for {strategy} and its account"
                raise TurnedAway(429, words, _refused(receipt, words), pause)

    def _limit_day(self, door: Door, receipt: Receipt) -> Kept | None:
        """Count an alert of the day; past the limit only one that was taken before is answered, as it was then."""
        most, now = door.hook.rules.a_day, receipt.came_at
        if most is None:
            return None
        asked_at, taken = self._taken.get(door.hook.hook_id, (now - timedelta(days=1), 0))
        if now - asked_at > timedelta(seconds=1):
            taken = self._inbox.taken_since(door.hook.source, now - timedelta(days=1))
            asked_at = now
        if taken >= most:
            known = self._inbox.find(receipt)
            if known is not None:
                return known
            words = f"more than {most} alerts in 24 hours from this hook"
            raise TurnedAway(429, words, _refused(receipt, words), 3_600)
        self._taken[door.hook.hook_id] = asked_at, taken + 1
        return None

    def _give_back(self, door: Door) -> None:
        """One that was a repeat, or not kept, does not count for the day."""
        if door.hook.hook_id in self._taken:
            asked_at, taken = self._taken[door.hook.hook_id]
            self._taken[door.hook.hook_id] = asked_at, max(taken - 1, 0)

    # ---- keeping -----------------------------------------------------------------------------------------------------

    async def _log_refused(self, door: Door, away: TurnedAway, message: Incoming) -> None:
        """Keep what was refused for the log; a flood of it is counted in one row a minute."""
        receipt = away.receipt or Receipt(
            door.hook.source, None, "", "", (), message.came_at, message.address, away.reason
        )  # fmt: skip
        if self._refused.wait(door.hook.hook_id, REFUSED_A_MINUTE):
            words = f"more than {REFUSED_A_MINUTE} were refused in a minute: these are counted, not kept"
            receipt = replace(receipt, body="", refused=words, address="")
        try:
            await self._commits.keep(receipt)
        except WorkbenchError as error:
            _log.error("a refused alert could not be kept: %s", error)

    async def _keep(self, receipt: Receipt, door: Door, message: Incoming) -> tuple[int, bytes]:
        kept = None
        try:
            kept = await self._commits.keep(receipt)
        except WorkbenchError as error:
            raise _Answer(503, f"it could not be kept: {error}", {"retry-after": "1"}) from None
        finally:
            if kept is None or kept.is_repeat:
                self._give_back(door)
        if kept.conflict:
            words = f"id {receipt.key} belongs to another alert, {kept.alert_id}, which asks for something else"
            await self._log_refused(door, TurnedAway(409, words, _refused(receipt, words)), message)
            raise _Answer(409, words)
        return 200 if kept.is_repeat else 202, _told(kept)


def _refused(receipt: Receipt, words: str) -> Receipt:
    """What the log keeps of an alert that was read, and then refused."""
    return replace(receipt, key=None, meaning="", signals=(), refused=words)


def _told(kept: Kept) -> bytes:
    ids = '", "'.join(kept.signal_ids)  # ids and statuses are our own, and need no escapes
    return (
        f'{{"signal_id": "{kept.signal_id or kept.alert_id}", "status": "{kept.status}", '
        f'"alert_id": "{kept.alert_id}", "signal_ids": ["{ids}"]}}'
    ).encode()
