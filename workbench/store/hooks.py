"""Hooks on file, and the groups and algos that their signals go to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, delete, exists, or_, select, update
from sqlalchemy.exc import IntegrityError

from workbench.errors import BadInput, UnknownName
from workbench.model import BY_TIME, Algo, Group, Hook, HookRules, from_json, new_id, to_json
from workbench.store import signal_tables as t
from workbench.store.journal import write
from workbench.store.trading import TradingDatabase, wall

N = TypeVar("N", Algo, Group)
_DOES = ("active", "strategy", "trigger", "times", "quantity", "sides", "actions", "aliases")
"""What of an algo says what it does at its times."""


class HookBook:
    """Keeps hooks, groups and algos; every change has its line in the journal."""

    def __init__(self, database: TradingDatabase) -> None:
        self._database = database

    # ---- hooks -------------------------------------------------------------------------------------------------------

    def create(self, hook: Hook, token_hash: str) -> None:
        """Make a door. Raises BadInput where the name is taken."""
        row = {
            "hook_id": hook.hook_id, "name": hook.name, "strategy": hook.strategy, "created_at": hook.created_at,
            "group_name": hook.group, "format": hook.format, "doc": _doc(hook),
        }  # fmt: skip
        with self._database.transaction() as connection:
            try:
                connection.execute(t.hooks.insert(), row | {"token_hash": token_hash})
            except IntegrityError:
                raise BadInput(
                    "hook name", hook.name, "is taken", "choose another; a lost token cannot be shown again, rotate it"
                ) from None
            write(
                connection, "hook", hook.hook_id, hook.created_at,
                name=hook.name, strategy=hook.strategy, group=hook.group, format=hook.format,
            )  # fmt: skip

    def change(self, hook: Hook) -> None:
        """Keep a hook's rules, settings and words anew."""
        with self._database.transaction() as connection:
            mine = t.hooks.c.hook_id == hook.hook_id
            connection.execute(update(t.hooks).where(mine).values(doc=_doc(hook)))
            write(connection, "hook_changed", hook.hook_id, wall(), name=hook.name)

    def by_token(self, token_hash: str) -> Hook | None:
        """The hook of a token, or of one that was rotated out and still is good; None for any other."""
        old = exists().where(
            t.old_tokens.c.token_hash == token_hash,
            t.old_tokens.c.hook_id == t.hooks.c.hook_id,
            t.old_tokens.c.until > wall(),
        )
        query = select(t.hooks).where(or_(t.hooks.c.token_hash == token_hash, old), t.hooks.c.revoked_at.is_(None))
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _hook(row)

    def change_counter(self) -> Callable[[], object]:
        """Something to call that answers differently once anybody committed; cheap enough for every request."""
        return self._database.change_counter()

    def token_hashes(self) -> set[str]:
        """The hashes of every token that is good now."""
        good = t.hooks.c.revoked_at.is_(None)
        old = select(t.old_tokens.c.token_hash).join(t.hooks, t.hooks.c.hook_id == t.old_tokens.c.hook_id)
        with self._database.reading() as connection:
            now = connection.scalars(select(t.hooks.c.token_hash).where(good)).all()
            return {*now, *connection.scalars(old.where(good, t.old_tokens.c.until > wall()))}

    def rotate(self, name: str, token_hash: str, overlap: timedelta) -> datetime:
        """Give a hook another token; the one before is good for `overlap`, until the instant returned."""
        with self._database.transaction() as connection:
            row = self._open(connection, name)
            until = wall() + overlap
            if overlap > timedelta(0):
                old = {"token_hash": row.token_hash, "hook_id": row.hook_id, "until": until}
                connection.execute(t.old_tokens.insert(), old)
            else:  # nothing from before is good
                connection.execute(delete(t.old_tokens).where(t.old_tokens.c.hook_id == row.hook_id))
            connection.execute(update(t.hooks).where(t.hooks.c.name == name).values(token_hash=token_hash))
            write(connection, "hook_rotated", row.hook_id, wall(), name=name, overlap=str(overlap))
            return until

    def revoke(self, name: str) -> None:
        """Close a door for good: its tokens are unknown from now on. Raises UnknownName."""
        with self._database.transaction() as connection:
            row = self._open(connection, name)
            connection.execute(update(t.hooks).where(t.hooks.c.name == name).values(revoked_at=wall()))
            write(connection, "hook_revoked", row.hook_id, wall(), name=name)

    def hook(self, name: str) -> Hook:
        """The open hook of a name. Raises UnknownName."""
        with self._database.reading() as connection:
            return _hook(self._open(connection, name))

    def hooks(self, *, revoked: bool = False) -> Sequence[Hook]:
        """Hooks by name, those that were revoked only where asked for."""
        query = select(t.hooks).order_by(t.hooks.c.name)
        with self._database.reading() as connection:
            found = [_hook(row) for row in connection.execute(query)]
        return [hook for hook in found if revoked or hook.revoked_at is None]

    def _open(self, connection: Connection, name: str) -> Row[Any]:
        row = connection.execute(select(t.hooks).where(t.hooks.c.name == name)).one_or_none()
        if row is None or row.revoked_at is not None:
            known = connection.scalars(select(t.hooks.c.name).where(t.hooks.c.revoked_at.is_(None))).all()
            raise UnknownName("hook", name, known)
        return row

    # ---- groups and algos --------------------------------------------------------------------------------------------

    def keep_algo(self, algo: Algo, *, new: bool = False) -> None:
        """Keep an algo; a `new` one only where its name is free, else one there is.

        A scheduled one is armed from now on, save where it did the same before.
        """
        with self._database.transaction() as connection:
            armed_at = wall() if algo.trigger == BY_TIME else None
            doc = None if new else connection.scalar(select(t.algos.c.doc).where(t.algos.c.name == algo.name))
            if doc is not None:
                before = from_json(Algo, doc)
                if before.armed_at and all(getattr(before, name) == getattr(algo, name) for name in _DOES):
                    armed_at = before.armed_at
            self._keep(t.algos, "algo", algo.name, to_json(replace(algo, armed_at=armed_at)), new)

    def keep_group(self, group: Group, *, new: bool = False) -> None:
        """Keep a group; a `new` one only where its name is free. Raises UnknownName for algos there are not."""
        with self._database.transaction() as connection:
            known = connection.scalars(select(t.algos.c.name)).all()
            for name in group.algos:
                if name not in known:
                    raise UnknownName("algo", name, known, "make it first: workbench algos create")
            self._keep(t.groups, "group", group.name, to_json(group), new)

    def _keep(self, table: Any, kind: str, name: str, doc: Mapping[str, Any], new: bool) -> None:
        with self._database.transaction() as connection:
            known = connection.scalars(select(table.c.name)).all()
            if new and name in known:
                raise BadInput(f"{kind} name", name, "is taken", "choose another, or change that one")
            if not new and name not in known:
                raise UnknownName(kind, name, known)
            values = {"doc": dict(doc), "changed_at": wall()}
            change = table.insert().values(name=name, **values) if new else (
                update(table).where(table.c.name == name).values(**values)
            )  # fmt: skip
            connection.execute(change)
            write(connection, kind, name, wall(), **{k: str(v) for k, v in doc.items() if v not in (None, "", {}, ())})

    def remove_algo(self, name: str) -> None:
        """Take an algo away. Raises UnknownName, and BadInput while a group has it."""
        with self._database.transaction() as connection:
            used = [group.name for group in self.groups() if name in group.algos]
            if used:
                raise BadInput("algo", name, f"is in group {', '.join(used)}", "take it out there first")
            self._remove(connection, t.algos, "algo", name)

    def remove_group(self, name: str) -> None:
        """Take a group away. Raises UnknownName, and BadInput while a hook goes to it."""
        with self._database.transaction() as connection:
            used = [hook.name for hook in self.hooks() if hook.group == name]
            if used:
                raise BadInput("group", name, f"is what hook {', '.join(used)} goes to", "revoke the hook first")
            self._remove(connection, t.groups, "group", name)

    def _remove(self, connection: Connection, table: Any, kind: str, name: str) -> None:
        if connection.execute(delete(table).where(table.c.name == name)).rowcount != 1:
            raise UnknownName(kind, name, connection.scalars(select(table.c.name)).all())
        write(connection, f"{kind}_removed", name, wall())

    def algos(self) -> Sequence[Algo]:
        """Every algo, by name."""
        with self._database.reading() as connection:
            docs = connection.scalars(select(t.algos.c.doc).order_by(t.algos.c.name)).all()
        return [from_json(Algo, doc) for doc in docs]

    def scheduled(self) -> Mapping[str, Mapping[str, Any]]:
        """Every active algo that has times, by name, as JSON values: one that cannot be read hides no other."""
        with self._database.reading() as connection:
            rows = connection.execute(select(t.algos.c.name, t.algos.c.doc).order_by(t.algos.c.name)).all()
        return {name: doc for name, doc in rows if doc.get("active") and doc.get("times")}

    def groups(self) -> Sequence[Group]:
        """Every group, by name."""
        with self._database.reading() as connection:
            docs = connection.scalars(select(t.groups.c.doc).order_by(t.groups.c.name)).all()
        return [from_json(Group, doc) for doc in docs]

    def algo(self, name: str) -> Algo:
        """An algo. Raises UnknownName."""
        return _named("algo", name, self.algos())

    def group(self, name: str) -> Group:
        """A group. Raises UnknownName."""
        return _named("group", name, self.groups())


def _named(kind: str, name: str, found: Sequence[N]) -> N:
    for one in found:
        if one.name == name:
            return one
    raise UnknownName(kind, name, [one.name for one in found], f"make one: workbench {kind}s create")


def _doc(hook: Hook) -> dict[str, Any]:
    return {"settings": dict(hook.settings), "rules": to_json(hook.rules), "about": hook.about}


def _hook(row: Row[Any]) -> Hook:
    doc = row.doc or {}
    made = Hook(
        row.hook_id, row.name, row.strategy, row.created_at, row.group_name, row.format, doc.get("settings", {}),
        from_json(HookRules, doc.get("rules", {})), doc.get("about", ""),
    )  # fmt: skip
    return replace(made, revoked_at=row.revoked_at)


def new_hook(name: str, strategy: str = "", **more: Any) -> Hook:
    """A hook with an id and a time of its own, not yet kept."""
    return Hook(new_id(), name, strategy, wall(), **more)
