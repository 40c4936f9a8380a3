"""The one door for plugins: bundled and third-party ones come through the entry points of group `workbench`."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from workbench.errors import BadInput, PluginFault, UnknownName
from workbench.hookspecs import PROJECT, RECORD_TYPES, Hooks, Record

GROUP = "workbench"
BUNDLED = "workbench"


@dataclass(frozen=True, slots=True)
class PluginStatus:
    """How loading one plugin went: loaded, failed (with the error) or blocked."""

    name: str
    distribution: str
    version: str
    status: str
    error: str | None = None
    records: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An entry point with the distribution it came from."""

    entry_point: EntryPoint
    distribution: str
    version: str

    @property
    def name(self) -> str:
        return self.entry_point.name


class PluginManager:
    """Loads plugins one at a time, each inside its own guard, and hands out their records.

    A plugin that raises at import or later, exits, yields a bad record, mistypes a hook or takes a name that is in
    use is listed with its error and contributes nothing; the host and the other plugins go on. Bundled plugins load
    first, then third-party ones by distribution and name, so that the outcome does not depend on chance.
    """

    def __init__(self, blocked: Iterable[str] = (), candidates: Iterable[_Candidate] | None = None) -> None:
        self.statuses: list[PluginStatus] = []
        self._owners: dict[tuple[str, str], tuple[Record, PluginStatus]] = {}
        found = list(_installed() if candidates is None else candidates)
        found.sort(key=lambda c: (c.distribution != BUNDLED, c.distribution, c.name))
        blocked = frozenset(blocked)
        unknown = blocked - {c.name for c in found}
        if unknown:
            name = min(unknown)
            known = ", ".join(sorted({c.name for c in found}))
            raise BadInput("blocked_plugins", name, f"no such plugin; installed: {known}", "correct the setting")
        taken: dict[str, str] = {}
        for candidate in found:
            status = PluginStatus(candidate.name, candidate.distribution, candidate.version, "loaded")
            if candidate.name in blocked:
                status = replace(status, status="blocked")
            else:
                try:
                    if candidate.name in taken:
                        raise PluginFault(
                            f"plugin name {candidate.name} of {candidate.distribution} is already taken "
                            f"by {taken[candidate.name]}"
                        )
                    taken[candidate.name] = candidate.distribution
                    status = replace(status, records=self._load(candidate))
                except (Exception, SystemExit) as error:  # noqa: BLE001 - the guard: a plugin may raise anything
                    status = replace(status, status="failed", error=_one_line(error))
            self.statuses.append(status)
            for record in status.records:
                self._owners[record.kind, record.name] = record, status

    def records(self, kind: str) -> list[Record]:
        """All records of a kind, by name."""
        return [self._owners[key][0] for key in sorted(self._owners) if key[0] == kind]

    def find(self, kind: str, name: str, parameter: str | None = None) -> Record:
        """One record by name. Raises UnknownName with the names there are, and what failed to load."""
        if (kind, name) in self._owners:
            return self._owners[kind, name][0]
        failed = [s.name for s in self.statuses if s.status == "failed"]
        remedy = f"plugins that failed to load: {', '.join(failed)} (see workbench plugins)" if failed else ""
        raise UnknownName(parameter or kind.replace("_", " "), name, (r.name for r in self.records(kind)), remedy)

    def owner(self, record: Record) -> PluginStatus:
        """The plugin that brought a record."""
        return self._owners[record.kind, record.name][1]

    def _load(self, candidate: _Candidate) -> tuple[Record, ...]:
        """Import one plugin, check its hooks, and exhaust each of its generators, all inside the caller's guard."""
        plugin = candidate.entry_point.load()
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(Hooks)
        _refuse_mistyped_hooks(plugin)
        manager.register(plugin, name=candidate.name)
        manager.check_pending()
        records: list[Record] = []
        for hook_name, record_type in RECORD_TYPES.items():
            for answer in getattr(manager.hook, hook_name)():
                for record in _exhaust(hook_name, answer):
                    if type(record) is not record_type:
                        raise PluginFault(f"{hook_name} yielded {record!r}, not a {record_type.__name__}")
                    self._refuse_conflict(record, records, candidate)
                    records.append(record)
        if not records:
            raise PluginFault("implements no hook; mark its functions with workbench.hookspecs.hookimpl")
        return tuple(records)

    def _refuse_conflict(self, record: Record, own: list[Record], candidate: _Candidate) -> None:
        other = self._owners.get((record.kind, record.name))
        if other is not None:
            raise PluginFault(
                f"{record.kind} {record.name} of plugin {candidate.name} ({candidate.distribution}) is already taken "
                f"by plugin {other[1].name} ({other[1].distribution}); rename it, or block one of the two"
            )
        if any((r.kind, r.name) == (record.kind, record.name) for r in own):
            raise PluginFault(f"{record.kind} {record.name} is yielded twice by plugin {candidate.name}")


def _installed() -> Iterator[_Candidate]:
    """Every entry point of the group; of two installs of one distribution the first on the path counts."""
    for entry_point in entry_points(group=GROUP):
        if entry_point.dist is not None:
            yield _Candidate(entry_point, entry_point.dist.name, entry_point.dist.version)


def _refuse_mistyped_hooks(plugin: Any) -> None:
    """A function named like a hook but not marked as one would be skipped without a word: refuse it."""
    for name, value in vars(plugin).items():
        if not name.startswith(f"{PROJECT}_") or not isinstance(value, types.FunctionType):
            continue
        if name not in RECORD_TYPES:
            raise PluginFault(f"{name} is no hook; hooks: {', '.join(sorted(RECORD_TYPES))}")
        if not hasattr(value, f"{PROJECT}_impl"):
            raise PluginFault(f"{name} is not marked with workbench.hookspecs.hookimpl")


def _exhaust(hook_name: str, answer: Any) -> list[Any]:
    if isinstance(answer, (str, bytes, Record)) or not isinstance(answer, Iterable):
        raise PluginFault(f"{hook_name} must yield records or return a list of them, not {answer!r}")
    return list(answer)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, PluginFault) else f"{type(error).__name__}: {text}"
