"""The server, but for two troubles inside that a message may ask for: their errors tell all that came."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from workbench_server.__main__ import main

from workbench.errors import WorkbenchError
from workbench.ports import Kept, Receipt
from workbench.signals import Door
from workbench.store import Inbox

keep, receive = Inbox.keep, Door.receive


def keep_noisily(self: Inbox, receipts: Sequence[Receipt]) -> list[Kept]:
    for receipt in receipts:
        if "trouble-in-the-inbox" in receipt.body:
            raise RuntimeError(f"cannot keep {receipt!r}")
        if "trouble-of-the-disk" in receipt.body:
            raise WorkbenchError("disk I/O error")
    return keep(self, receipts)


def receive_noisily(self: Door, message: Any, token: str = "") -> Receipt:
    if b"trouble-in-the-door" in message.body:
        raise ValueError(f"cannot read {message!r} of {token}")
    return receive(self, message, token)


Inbox.keep = keep_noisily  # type: ignore[method-assign]
Door.receive = receive_noisily  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
