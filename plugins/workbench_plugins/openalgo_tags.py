"""The strategy field: the only place on OpenAlgo's wire where an id of ours may ride."""

import base64
import hashlib
import json
import os
from pathlib import Path

from workbench.errors import BadInput, Refused

MARK = "wb-"
"""What a tag of ours begins with, so that nobody's strategy name is taken for one."""
SHORTEST = 14


class Tags:
    """What is written into `strategy`, and which client order id it says when it is read back.

    Off, it is one plain text for all. On, and without a `limit`, it is the client order id itself. With a limit (the
    longest text that the broker behind OpenAlgo echoes, 14 to 36) it is a hash of at most 20 characters; as that cannot
    be turned back, each is kept in `book`, a file that is on disk before the order goes out. Without the file, a tag of
    an earlier process means nothing, so `survives` is False and the broker stays blind.
    """

    def __init__(self, plain: str, *, on: bool = False, limit: int | None = None, book: Path | None = None) -> None:
        if not plain.strip() or not plain.isprintable():
            raise BadInput("strategy", plain, "must be a text that can be printed")
        if limit is not None and not SHORTEST <= limit <= 36:
            raise BadInput(
                "tag_limit", limit, f"must be {SHORTEST} to 36 characters", "leave it out where there is none"
            )
        self._plain, self._on, self._limit, self._book = plain, on, limit, book
        self._known: dict[str, str] = {}
        if on and limit is not None and book is not None and book.exists():
            for line in book.read_text(encoding="utf-8").splitlines():
                if line.endswith("}"):  # the last line may be broken: its order was never sent
                    self._known.update(json.loads(line))

    @property
    def is_on(self) -> bool:
        """Whether orders carry an id."""
        return self._on

    @property
    def survives(self) -> bool:
        """Whether a tag still says its client order id after a restart."""
        return self._on and (self._limit is None or self._book is not None)

    def of(self, client_order_id: str) -> str:
        """The text for an order, the same each time."""
        if not self._on:
            return self._plain
        if self._limit is None:
            return MARK + client_order_id
        digest = base64.b32encode(hashlib.sha256(client_order_id.encode()).digest()).decode().lower()
        return (MARK + digest)[: min(self._limit, 20)]

    def keep(self, client_order_id: str) -> str:
        """The text for an order that is about to be sent; what it says is on disk when this returns."""
        tag = self.of(client_order_id)
        if self._on and self._limit is not None and self._known.get(tag) != client_order_id:
            if tag in self._known:
                raise Refused(f"client order id {client_order_id} has the tag {tag} of {self._known[tag]}")
            if self._book is not None:
                with self._book.open("a", encoding="utf-8") as file:
                    file.write("\n" + json.dumps({tag: client_order_id}))
                    file.flush()
                    os.fsync(file.fileno())
            self._known[tag] = client_order_id
        return tag

    def client_order_id(self, strategy: object) -> str:
        """The client order id that a text read back says, empty where it says none."""
        if not self._on or not isinstance(strategy, str) or not strategy.startswith(MARK):
            return ""
        return strategy.removeprefix(MARK) if self._limit is None else self._known.get(strategy, "")
