"""Doors: the hooks of a home as they are now, each with its format, its group and what its strategies trade."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from workbench.bootstrap.parts import made
from workbench.errors import WorkbenchError
from workbench.model import Hook
from workbench.plugin_manager import PluginManager
from workbench.signals import Door, HomeKey, WebhookFormat, token_hash
from workbench.store import HookBook

FRESH = 1.0
"""Seconds for which a door is used as it was read: a change or revocation counts after them at the latest."""
MOST = 10_000


def format_of(plugins: PluginManager, name: str, settings: Mapping[str, Any]) -> WebhookFormat:
    """A webhook format with a hook's settings. Raises UnknownName, and BadInput for settings it does not take."""
    found: WebhookFormat = made(plugins, "webhook_format", name, dict(settings), f"settings of format {name}")
    return found


class Doors:
    """Finds the door of a token. What was read a moment ago is used again; an unknown token is always looked up."""

    def __init__(
        self, plugins: PluginManager, book: HookBook, key: HomeKey, symbols_of: Callable[[str], Collection[str]]
    ) -> None:
        self._plugins, self._book, self._key, self._symbols_of = plugins, book, key, symbols_of
        self._symbols: dict[str, tuple[Collection[str], float]] = {}
        self._doors: dict[str, tuple[Door, float]] = {}
        self._listed: set[str] = set()
        self._changes, self._seen = book.change_counter(), object()

    def knows(self, token: str) -> bool:
        """Whether a token is good; however many are tried, the database is asked only once it has changed."""
        changed = self._changes()
        if changed != self._seen:
            self._listed, self._seen = self._book.token_hashes(), changed
        return token_hash(token) in self._listed

    def find(self, token: str) -> Door | None:
        """The door of a token; None for one nobody made, or that was revoked."""
        name = token_hash(token)
        known = self._doors.get(name)
        if known is not None and time.monotonic() - known[1] < FRESH:
            return known[0]
        hook = self._book.by_token(name)
        if hook is None:
            self._doors.pop(name, None)
            return None
        if known is not None and known[0].hook == hook and not hook.group:
            door = known[0]
        else:
            door = self.door_of(hook)
        if len(self._doors) >= MOST:
            self._doors.clear()
        self._doors[name] = door, time.monotonic()
        return door

    def door_of(self, hook: Hook) -> Door:
        """A hook's door. Raises WorkbenchError where its format or group is not there any more."""
        form = format_of(self._plugins, hook.format, hook.settings)
        if not hook.group:
            return Door(hook, form, self._key, self._known_symbols)
        group = self._book.group(hook.group)
        algos = [algo for algo in self._book.algos() if algo.name in group.algos]
        missing = [name for name in group.algos if name not in {algo.name for algo in algos}]
        if missing:
            raise WorkbenchError(f"group {group.name} names algos that are not there: {', '.join(missing)}")
        return Door(hook, form, self._key, self._known_symbols, group, algos)

    def _known_symbols(self, strategy: str) -> Collection[str]:
        found, at = self._symbols.get(strategy, ((), -FRESH))
        if time.monotonic() - at >= FRESH:
            found = self._symbols_of(strategy)
            self._symbols[strategy] = found, time.monotonic()
        return found
