"""The hook desk: what a person, the shell or the app asks of hooks, and of the groups and algos behind them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.doors import Doors, format_of
from workbench.bootstrap.signal_views import alert_row, algo_dict, group_dict, hook_dict
from workbench.errors import BadInput, UnknownName
from workbench.model import BY_SIGNAL, BY_TIME, Algo, Group, Hook, HookRules, Moment, from_json, iso, to_json
from workbench.signals import Alert, HomeKey, WebhookFormat, taken_by, token_hash
from workbench.store import HookBook, new_hook

if TYPE_CHECKING:
    from workbench.bootstrap.desk import Workbench
    from workbench.bootstrap.trading_desk import TradingDesk

SERVER = "http://127.0.0.1:8321"


class HookDesk:
    """Makes, shows and changes the doors through which alerts come, and where they lead."""

    def __init__(self, bench: Workbench, desk: TradingDesk) -> None:
        self._bench, self._desk = bench, desk
        self.book = HookBook(desk.database)
        self.key = HomeKey(bench.settings.home / "webhooks.key")

    @cached_property
    def doors(self) -> Doors:
        """The doors of this home, as the server uses them."""
        return Doors(self._bench.plugins, self.book, self.key, self._desk.symbols_of)

    def formats(self) -> list[dict[str, str]]:
        """The forms of alerts there are plugins for."""
        records = self._bench.plugins.records("webhook_format")
        return [{"name": record.name, "summary": record.summary} for record in records]

    # ---- hooks -------------------------------------------------------------------------------------------------------

    def create_hook(
        self,
        name: str,
        strategy: str = "",
        *,
        group: str = "",
        server: str = SERVER,
        format: str = "tradingview",
        settings: Mapping[str, Any] | None = None,
        secret: str | bool = False,
        rules: Mapping[str, Any] | None = None,
        about: str = "",
    ) -> dict[str, Any]:
        """Make a door for alerts that drive a strategy, or a group's algos.

        What comes back is shown this once: the address with its token, the `secret` (True makes one), the keys for
        signing and encrypting where the rules ask for it, and the message to paste. `rules` are those of
        `workbench.model.HookRules`, `settings` the format's.
        """
        _address(server)
        if strategy:
            strategy = self._desk.name_of(strategy)
        if group:
            self.book.group(group)
        settings = dict(settings or {})
        form = format_of(self._bench.plugins, format, settings)
        asked = _rules(rules or {})
        hook = new_hook(name, strategy, group=group, format=format, settings=settings, about=about, rules=asked)
        hook, said = self._with_secret(hook, form, secret)
        token = secrets.token_urlsafe(32)
        self.book.create(hook, token_hash(token))
        return self._shown_once(hook, token, server, said) | {"notes": self._notes(hook)}

    def rotate_hook(self, name: str, *, overlap: float = 3600.0, server: str = SERVER) -> dict[str, Any]:
        """Give a hook a new address; the one before works for `overlap` more seconds, 0 for not at all."""
        _address(server)
        if not 0 <= overlap <= 30 * 86_400:
            raise BadInput("overlap", overlap, "must be 0 to 2,592,000 seconds (30 days)")
        token = secrets.token_urlsafe(32)
        until = self.book.rotate(name, token_hash(token), timedelta(seconds=overlap))
        return self._shown_once(self.book.hook(name), token, server, "") | {"old_until": iso(until)}

    def change_hook(
        self,
        name: str,
        rules: Mapping[str, Any] | None = None,
        about: str | None = None,
        *,
        secret: str | bool = False,
        new_keys: bool = False,
        server: str = SERVER,
    ) -> dict[str, Any]:
        """Change some rules of a hook, its words, its secret, or the keys for signing and encrypting; the rest stays.

        A new secret and new keys count at once, and come back this once.
        """
        hook = self.book.hook(name)
        before = hook.rules
        changed = _rules(to_json(hook.rules) | _plain(rules or {}))
        changed = replace(changed, keys=changed.keys + new_keys)
        hook = replace(hook, rules=changed, about=hook.about if about is None else about)
        hook, said = self._with_secret(hook, format_of(self._bench.plugins, hook.format, hook.settings), secret)
        self.book.change(hook)
        shown = self._shown_once(hook, "", server, said)
        new = [rule for rule in ("signed", "sealed") if new_keys or not getattr(before, rule)]
        told = ["secret", *(f"{rule}_key" for rule in new)]
        return self.hook(name) | {key: shown[key] for key in told if key in shown}

    def _with_secret(self, hook: Hook, form: WebhookFormat, secret: str | bool) -> tuple[Hook, str]:
        """A hook that asks for a secret, and that secret; True makes one, '' and False leave the hook as it is."""
        said = secrets.token_urlsafe(18) if secret is True else (secret or "").strip()
        if not said:
            return hook, ""
        if len(said) < 8 or len(said) > 200 or not said.isascii() or any(c.isspace() or c in "\"\\'" for c in said):
            raise BadInput("secret", "…", "must hold 8 to 200 characters without blanks and quotes")
        if not form.paste() and hook.format != "custom":
            raise BadInput("secret", "…", f"{hook.format} lets nobody write into its messages", "leave it out")
        return replace(hook, rules=replace(hook.rules, secret=self.key.hash(said, hook.hook_id))), said

    def revoke_hook(self, name: str) -> None:
        """Close a hook for good."""
        self.book.revoke(name)

    def hooks(self) -> list[dict[str, Any]]:
        """Every open hook, with how many alerts it took and refused and when the last came; tokens are not kept."""
        counts = {row["source"]: row for row in self._desk.inbox.counts()}
        return [hook_dict(hook, counts.get(hook.source)) for hook in self.book.hooks()]

    def hook(self, name: str) -> dict[str, Any]:
        """One hook, with what to paste and its last alerts."""
        hook = self.book.hook(name)
        row = next(row for row in self.hooks() if row["name"] == name)
        form = format_of(self._bench.plugins, hook.format, hook.settings)
        return row | {
            "template": form.paste(),
            "alerts": [alert_row(row) for row in self._desk.inbox.alerts(10, hook.source)],
            "notes": self._notes(hook),
        }

    def _shown_once(self, hook: Hook, token: str, server: str, secret: str) -> dict[str, Any]:
        server = _address(server)
        form = format_of(self._bench.plugins, hook.format, hook.settings)
        paste = form.paste()
        if secret:
            paste = {"secret": secret, **paste} if isinstance(paste, Mapping) else f"secret={secret} {paste}".strip()
        shown: dict[str, Any] = {
            "hook_id": hook.hook_id, "name": hook.name, "strategy": hook.strategy, "group": hook.group,
            "format": hook.format, "url": f"{server}/hooks/{token}", "token": token, "template": paste,
        }  # fmt: skip
        if secret:
            shown["secret"] = secret
        for rule, purpose in (("signed", "sign"), ("sealed", "seal")):
            if getattr(hook.rules, rule):
                shown[f"{rule}_key"] = self.key.derive(purpose, hook.hook_id, hook.rules.keys).hex()
        return shown

    def _notes(self, hook: Hook) -> list[str]:
        notes = []
        names = [hook.strategy] if hook.strategy else []
        if hook.group:
            group = self.book.group(hook.group)
            algos = [algo for algo in self.book.algos() if algo.name in group.algos]
            names = sorted({algo.strategy for algo in algos})
            if not any(algo.active and algo.trigger == BY_SIGNAL for algo in algos):
                notes.append(f"group {group.name} has no active algo: alerts are refused until one is")
        for name in names:
            standing = self._desk.stage_book.get(name)
            if standing is None or not standing.stage.trades:
                stage = standing.stage if standing else "research"
                notes.append(f"{name} is in stage {stage}: alerts are refused until paper")
        return notes

    # ---- algos and groups --------------------------------------------------------------------------------------------

    def create_algo(self, name: str, strategy: str, **fields: Any) -> dict[str, Any]:
        """Make an algo, inactive unless told otherwise; `fields` are those of `workbench.model.Algo`."""
        made = _made(Algo, {**fields, "name": name, "strategy": self._desk.name_of(strategy)})
        self._check_times(made)
        self.book.keep_algo(made, new=True)
        return self.algo(name)

    def change_algo(self, name: str, **fields: Any) -> dict[str, Any]:
        """Change some fields of an algo: `active=True` lets it act."""
        if "strategy" in fields:
            fields["strategy"] = self._desk.name_of(fields["strategy"])
        if fields.get("trigger", BY_TIME) != BY_TIME:
            fields.setdefault("times", [])
        changed = _made(Algo, {k: v for k, v in to_json(self.book.algo(name)).items() if k != "armed_at"} | fields)
        if changed.active and not fields.keys() <= {"about", "expires_at", "priority", "entries_a_day", "zone"}:
            self._check_times(changed)
        self.book.keep_algo(changed)
        return self.algo(name)

    def _check_times(self, algo: Algo) -> None:
        """Raise BadInput where an algo would refuse what it is to do at its own times."""
        for line in algo.times:
            moment = Moment.parse(line)
            taken_by(algo, Alert(moment.ticker, moment.action), self._desk.symbols_of(algo.strategy))

    def remove_algo(self, name: str) -> None:
        """Take an algo away that is in no group."""
        self.book.remove_algo(name)

    def algos(self) -> list[dict[str, Any]]:
        """Every algo, with the groups it is in."""
        groups = self.book.groups()
        return [algo_dict(algo, groups, self._desk.stage_book.get(algo.strategy)) for algo in self.book.algos()]

    def algo(self, name: str) -> dict[str, Any]:
        """One algo. Raises UnknownName."""
        self.book.algo(name)
        return next(row for row in self.algos() if row["name"] == name)

    def create_group(self, name: str, algos: Sequence[str] = (), **fields: Any) -> dict[str, Any]:
        """Make a group of algos; `fields` are those of `workbench.model.Group`."""
        self.book.keep_group(_made(Group, {**fields, "name": name, "algos": list(algos)}), new=True)
        return self.group(name)

    def change_group(self, name: str, **fields: Any) -> dict[str, Any]:
        """Change some fields of a group."""
        self.book.keep_group(_made(Group, to_json(self.book.group(name)) | fields))
        return self.group(name)

    def remove_group(self, name: str) -> None:
        """Take a group away that no hook goes to."""
        self.book.remove_group(name)

    def groups(self) -> list[dict[str, Any]]:
        """Every group, with the hooks that go to it."""
        hooks = self.book.hooks()
        return [group_dict(group, hooks) for group in self.book.groups()]

    def group(self, name: str) -> dict[str, Any]:
        """One group. Raises UnknownName."""
        self.book.group(name)
        return next(row for row in self.groups() if row["name"] == name)


def _address(server: str) -> str:
    """The server's public address, without a slash at its end."""
    if not server.startswith(("http://", "https://")) or any(c.isspace() for c in server):
        raise BadInput("server", server, "is no address", "as in https://desk.example.com")
    return server.rstrip("/")


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {k: f"{v:f}" if isinstance(v, Decimal) else v for k, v in fields.items()}


def _rules(fields: Mapping[str, Any]) -> HookRules:
    known = set(HookRules.__dataclass_fields__)
    for name in fields:
        if name not in known:
            raise UnknownName("rule", name, known - {"secret"})
    numbers = {}
    for name, kind in (("a_day", int), ("a_minute", int), ("age", float), ("window", float)):
        value = fields.get(name)
        if value is not None:
            try:
                numbers[name] = kind(value)
            except (TypeError, ValueError):
                raise BadInput(name.replace("_", " "), value, "is no number") from None
    amounts = {name: _amount(name, fields.get(name)) for name in ("most_size", "most_value", "price_within")}
    rest = {k: v for k, v in fields.items() if k not in numbers and k not in amounts}
    return from_json(HookRules, rest | numbers | amounts)


def _amount(name: str, value: Any) -> str | None:
    from workbench.model import decimal

    return None if value is None else f"{decimal(name.replace('_', ' '), value):f}"


def _made(kind: type[Any], fields: Mapping[str, Any]) -> Any:
    """An algo or a group of fields as JSON values, as they come from a person."""
    known = kind.__dataclass_fields__.keys() - {"armed_at"}
    for name in fields:
        if name not in known:
            raise UnknownName(f"{kind.__name__.lower()} field", name, known)
    values = dict(fields)
    expires = values.get("expires_at")
    if isinstance(expires, str):
        try:
            at = datetime.fromisoformat(expires)
        except ValueError:
            raise BadInput("expires at", expires, "is no time", "as in 2027-01-31T15:30+05:30") from None
        values["expires_at"] = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    for name in ("windows", "conditions", "times", "algos"):
        given = values.get(name, ())
        if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
            raise BadInput(name, given, "must be a list of texts")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
