"""Talking to OpenAlgo: what is sent, once each, and what an answer means for the one who sent it."""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from workbench.errors import BadInput, NotSent, Refused, WorkbenchError
from workbench.gateway import Answer, Http, Latency, Limit, Lost, RateBudget

Body = dict[str, Any]

PREFIX = "/api/v1/"
DEFINITE = frozenset({400, 401, 403, 404, 405, 422, 501})
"""Codes after which an order was certainly not taken, if the body is OpenAlgo's own. 429 is one whatever its body."""
SAYS_MODE = frozenset({"orderbook", "tradebook", "positionbook", "holdings", "funds", "placeorder", "modifyorder"})
"""Endpoints whose good answers say `"mode": "analyze"` in the sandbox and nothing when live."""
LIMITS = {"orders": Limit(10, 1.0, reserve=3), "questions": Limit(50, 1.0)}
"""OpenAlgo's default limits for an address; a third of the orders is kept for cancels."""
LOG_IN = "log in to the broker again in OpenAlgo"


class Unanswered(WorkbenchError):
    """A question that OpenAlgo did not answer: nothing follows from that about orders, positions or cash."""


class Parked(Lost):
    """An order that OpenAlgo holds until a person approves it there (semi-automatic mode): it may yet go out."""


class Key:
    """The API key; it shows itself to the wire alone, never in a repr, an error or a log."""

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def from_environment(cls, name: str) -> "Key":
        """The key that an environment variable holds."""
        text = os.environ.get(name, "").strip()
        if not text:
            raise BadInput(
                "api_key_env", name, "is not set in the environment", "export the API key that OpenAlgo shows"
            )
        if not text.isascii() or not text.isprintable():
            raise BadInput("api_key_env", name, "holds a key with characters that no key has")
        return cls(text)

    def __repr__(self) -> str:
        return "Key(…)"

    def __reduce__(self) -> str:
        raise TypeError("an API key is not pickled")

    def reveal(self) -> str:
        """The key itself, for the wire."""
        return self._text

    def hide(self, text: str) -> str:
        """A text from outside, without the key."""
        return text.replace(self._text, "…")


class Line:
    """What is known of the line to one OpenAlgo server, shared by the threads that use it.

    `mode` is "live", "sandbox", or empty while nobody knows; `is_up` whether the last request was answered. `troubles`
    are what is wrong now, in words, by where it was seen.
    """

    def __init__(self, limits: Mapping[str, Limit] = LIMITS) -> None:
        self.budget = RateBudget(limits)
        self.latency = Latency()
        self.mode = ""
        self.mode_at = 0.0
        self.is_up = False
        self._troubles: dict[str, str] = {}
        self._lock = threading.Lock()

    def note_mode(self, is_sandbox: bool) -> None:
        """Note the mode that an answer told."""
        self.mode, self.mode_at = "sandbox" if is_sandbox else "live", time.monotonic()

    def trouble(self, where: str, words: str = "") -> None:
        """Note what is wrong somewhere, or, without words, that nothing is any more."""
        with self._lock:
            self._troubles.pop(where, None)
            if words:
                self._troubles[where] = words

    @property
    def troubles(self) -> str:
        """All troubles in one line."""
        with self._lock:
            return "; ".join(dict.fromkeys(self._troubles.values()))


class Api:
    """One thread's way to an OpenAlgo server: each request is sent once, its answer judged, its time noted.

    `patience` is for how many seconds an order may wait for room in the rate limit.
    """

    def __init__(
        self,
        url: str,
        key: Key,
        line: Line,
        *,
        connect_within: float = 3.0,
        answer_within: float = 10.0,
        patience: float = 0.5,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = Http(url, connect_within=connect_within, answer_within=answer_within)
        self._key, self.line, self._patience, self._sleep = key, line, patience, sleep

    def __repr__(self) -> str:
        return f"Api({self._http.url!r})"

    def close(self) -> None:
        """Close what is open."""
        self._http.close()

    def change(self, endpoint: str, fields: Body, *, urgent: bool = False) -> Body:
        """Send what changes something, once, and return the good answer.

        Raises NotSent where nothing left, Refused where OpenAlgo or its broker certainly did not take it, and Lost
        after everything else: OpenAlgo goes on talking to its broker for up to 120 s after we stopped listening.
        """
        wait = self._wait("orders", urgent)
        if wait:
            raise NotSent(
                f"OpenAlgo {endpoint}: not sent, the rate limit has no room for {wait:.2f} s"
                f" and orders wait {self._patience:g} s at most"
            )
        answer = self._post(endpoint, fields, fresh=True)
        self.line.latency.note_stages("order", answer.elapsed)
        body = _object(answer)
        if answer.status == 429:
            wait = self.line.budget.penalty("orders")
            words = _message(body) or "too many requests"
            raise Refused(f"OpenAlgo {endpoint}: not taken, rate limit ({words}); nothing more goes out for {wait:g} s")
        if body is None:
            raise Lost(f"OpenAlgo {endpoint}: HTTP {answer.status} with {answer.kind} that is no answer of OpenAlgo's")
        if answer.status == 200 and body.get("status") == "success":
            self.line.budget.relief("orders")
            self._good(endpoint, body)
            return body
        words = self._key.hide(_message(body) or "no reason given")
        if answer.status in DEFINITE and body.get("status", "error") == "error":
            raise Refused(f"OpenAlgo {endpoint}: refused ({answer.status}): {self._explain(answer.status, words)}")
        raise Lost(f"OpenAlgo {endpoint}: HTTP {answer.status} ({words}); whether it was taken is unknown")

    def ask(self, endpoint: str, fields: Body | None = None, *, within: float | None = None) -> Body:
        """Ask something that changes nothing; raises Unanswered unless the answer is a good one."""
        wait = self._wait("questions")
        if wait:
            raise Unanswered(f"OpenAlgo {endpoint}: not asked, the rate limit has no room for {wait:.2f} s")
        try:
            answer = self._post(endpoint, fields or {}, fresh=False, within=within)
        except (NotSent, Lost) as error:
            raise Unanswered(f"OpenAlgo {endpoint}: {error}") from None
        self.line.latency.note("question total", answer.elapsed.total)
        body = _object(answer)
        if answer.status == 429:
            self.line.budget.penalty("questions")
        if body is None:
            raise Unanswered(f"OpenAlgo {endpoint}: HTTP {answer.status} with {answer.kind}, no answer of OpenAlgo's")
        if answer.status != 200 or body.get("status") != "success":
            words = self._key.hide(_message(body) or "no reason given")
            words = self._explain(answer.status, words, asked=endpoint)
            raise Unanswered(f"OpenAlgo {endpoint}: HTTP {answer.status}: {words}")
        self.line.budget.relief("questions")
        self._good(endpoint, body)
        return body

    def mode(self, fresh: float = 1.0) -> str:
        """Which mode OpenAlgo is in: what was told in the last `fresh` seconds, else it is asked; may be Unanswered."""
        if not self.line.mode or time.monotonic() - self.line.mode_at > fresh:
            told = self.ask("analyzer").get("data")
            flag = told.get("analyze_mode") if isinstance(told, dict) else None
            if not isinstance(flag, bool):
                raise Unanswered(f"OpenAlgo analyzer: analyze_mode is {flag!r}")
            self.line.note_mode(flag)
        return self.line.mode

    def _wait(self, kind: str, urgent: bool = False) -> float:
        """Wait for room in the rate limit, for as long as there is patience; how long it would take beyond that."""
        patience = self._patience
        wait = self.line.budget.take(kind, urgent=urgent)
        while wait:
            if wait > patience:
                return wait
            self._sleep(wait)
            patience -= wait
            wait = self.line.budget.take(kind, urgent=urgent)
        return 0.0

    def _post(self, endpoint: str, fields: Body, *, fresh: bool, within: float | None = None) -> Answer:
        data = json.dumps({"apikey": self._key.reveal(), **fields}, allow_nan=False).encode()
        headers = {"Content-Type": "application/json"}
        try:
            answer = self._http.send("POST", PREFIX + endpoint, data, headers, fresh=fresh, within=within)
        except (NotSent, Lost) as error:
            self.line.is_up = False
            self.line.trouble("http", str(error))
            raise
        self.line.is_up = answer.status < 500
        self.line.trouble("http", "" if answer.status < 500 else f"OpenAlgo answers HTTP {answer.status} to {endpoint}")
        return answer

    def _good(self, endpoint: str, body: Body) -> None:
        if endpoint in SAYS_MODE and body.get("mode") != "semi_auto":
            self.line.note_mode(body.get("mode") == "analyze")
        if endpoint != "search":
            self.line.trouble("session")

    def _explain(self, status: int, words: str, asked: str = "") -> str:
        """Say what a 403 is about: OpenAlgo says "Invalid openalgo apikey" of a wrong key and an expired session alike.

        The symbol search needs the key alone, so its answer tells the two apart.
        """
        if status != 403 or "apikey" not in words.lower() or asked == "search":
            return words
        told = f"{words}: the API key is wrong, or the broker's session has expired"
        try:
            self.ask("search", {"query": "NIFTY", "exchange": "NSE_INDEX"}, within=2.0)
            told = f"session expired (the API key is good): {LOG_IN}"
        except Unanswered as error:
            if "HTTP 403" in str(error):
                told = "the API key is wrong: export the one that OpenAlgo shows, and start again"
        self.line.trouble("session", told)
        return told


def _object(answer: Answer) -> Body | None:
    """The JSON object of an answer, None where there is none."""
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _message(body: Body | None) -> str:
    """OpenAlgo's words, which are a text or an object of lists of sentences."""
    told = (body or {}).get("message")
    text = told if isinstance(told, str) else "" if told is None else json.dumps(told)
    return " ".join(text.split())[:300]
