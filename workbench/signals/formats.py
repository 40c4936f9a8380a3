"""Webhook formats: what a plugin gives so that a sender's messages are understood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from workbench.signals.alert import Alert


class WebhookFormat(Protocol):
    """One sender's form of messages.

    Its factory is called with the hook's settings of this format as keywords, and refuses others by BadInput.
    """

    def read(self, text: str, came_at: datetime) -> Sequence[Alert]:
        """The alerts in a message that came at an instant (UTC), one for each instrument; at least one.

        Raises BadInput for anything whose meaning is not certain, naming the field.
        """

    def paste(self) -> Mapping[str, Any] | str:
        """What to paste into the sender's message field; '' where it has none."""

    def sample(self, ticker: str, price: str) -> str:
        """A message as the sender would send it, filled in: a buy of a ticker at a price."""
