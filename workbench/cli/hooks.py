"""Commands on hooks, groups and algos."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.bootstrap import Workbench
from workbench.cli.output import print_json, say, table
from workbench.cli.parser import whole_number
from workbench.errors import BadInput

_RULES = ("most_size", "most_value", "a_day", "a_minute", "age", "window", "price_within", "signed", "sealed")

# ---- hooks -----------------------------------------------------------------------------------------------------------


def create_hook(options: argparse.Namespace, bench: Workbench) -> int:
    """Make a door for alerts; its address is shown this once."""
    if bool(options.strategy) is bool(options.group):
        raise BadInput("hooks create", options.strategy or "", "needs --strategy or --group", "name one of the two")
    found = bench.trading.webhooks.create_hook(
        name_of(options), options.strategy or "", group=options.group or "", server=_server(options),
        format=options.format, settings=_settings(options.set), about=options.about or "",
        secret=True if options.secret == "" else options.secret or False, rules=_rules(options),
    )  # fmt: skip
    return _told_once(options, found)


def rotate(options: argparse.Namespace, bench: Workbench) -> int:
    """Give a hook another address."""
    overlap = number_of("--overlap", options.overlap)
    return _told_once(
        options, bench.trading.webhooks.rotate_hook(name_of(options), overlap=overlap, server=_server(options))
    )


def _told_once(options: argparse.Namespace, found: Mapping[str, Any]) -> int:
    if options.json:
        print_json(found)
        return 0
    leads = found["strategy"] or f"group {found['group']}"
    say(f"hook {found['name']} for {leads}; the address holds its token and is shown only now:")
    say(f"  {found['url']}")
    for key, words in (("signed_key", "key for signing (hex)"), ("sealed_key", "key for encrypting (hex)")):
        if key in found:
            say(f"{words}: {found[key]}")
    if found["template"]:
        say("message of the alert:")
        if isinstance(found["template"], str):
            say(found["template"])
        else:
            print_json(found["template"])
    else:
        say(f"{found['format']} sends a message of its own: paste the address alone")
    if "old_until" in found:
        say(f"the address before works until {found['old_until'][:19]} UTC; a secret stays as it is")
    for note in found.get("notes", ()):
        say(note)
    return 0


def change_hook(options: argparse.Namespace, bench: Workbench) -> int:
    """Change rules of a hook."""
    secret = True if options.secret == "" else options.secret or False
    found = bench.trading.webhooks.change_hook(
        name_of(options), _rules(options), options.about, secret=secret, new_keys=options.new_keys
    )
    return shown(options, found)


def list_hooks(options: argparse.Namespace, bench: Workbench) -> int:
    """Every hook; tokens are not kept."""
    found = bench.trading.webhooks.hooks()
    rows = [
        (h["name"], h["strategy"] or f"group {h['group']}", h["format"], h["accepted"], h["refused"], h["repeats"],
         (h["last_alert_at"] or "never")[:19])
        for h in found
    ]  # fmt: skip
    titles = ("name", "drives", "format", "accepted", "refused", "repeats", "last alert (UTC)")
    return _rows(
        options, found, titles, rows,
        "no hooks yet; try: workbench hooks create --strategy ema_cross --name tradingview",
    )  # fmt: skip


def show_hook(options: argparse.Namespace, bench: Workbench) -> int:
    """One hook."""
    return shown(options, bench.trading.webhooks.hook(name_of(options)))


def revoke_hook(options: argparse.Namespace, bench: Workbench) -> int:
    """Close a hook: its address answers 404 from now on."""
    name = name_of(options)
    bench.trading.webhooks.revoke_hook(name)
    return done(options, {"name": name, "revoked": True}, f"hook {name} is closed; its address answers 404 from now on")


def formats(options: argparse.Namespace, bench: Workbench) -> int:
    """The forms of alerts there are."""
    found = bench.trading.webhooks.formats()
    return _rows(options, found, ("format", "what"), [(f["name"], f["summary"]) for f in found], "no formats")


# ---- groups and algos ------------------------------------------------------------------------------------------------


def list_groups(options: argparse.Namespace, bench: Workbench) -> int:
    """Every group."""
    found = bench.trading.webhooks.groups()
    rows = [
        (g["name"], ", ".join(g["algos"]) or "-", ", ".join(g["hooks"]) or "-", g["route"],
         "text" if g["recognise"] else "algos", "yes" if g["active"] else "NO")
        for g in found
    ]  # fmt: skip
    titles = ("group", "algos", "hooks", "route", "chosen by", "active")
    return _rows(options, found, titles, rows, "no groups yet; try: workbench groups create swing --algo NAME")


def show_group(options: argparse.Namespace, bench: Workbench) -> int:
    """One group."""
    return shown(options, bench.trading.webhooks.group(name_of(options)))


def create_group(options: argparse.Namespace, bench: Workbench) -> int:
    """Make a group."""
    fields = _group_fields(options)
    return shown(options, bench.trading.webhooks.create_group(name_of(options), fields.pop("algos", []), **fields))


def change_group(options: argparse.Namespace, bench: Workbench) -> int:
    """Change a group."""
    return shown(options, bench.trading.webhooks.change_group(name_of(options), **_group_fields(options)))


def remove_group(options: argparse.Namespace, bench: Workbench) -> int:
    """Take a group away."""
    name = name_of(options)
    bench.trading.webhooks.remove_group(name)
    return done(options, {"name": name, "removed": True}, f"group {name} is gone")


def list_algos(options: argparse.Namespace, bench: Workbench) -> int:
    """Every algo."""
    found = bench.trading.webhooks.algos()
    rows = [
        (a["name"], a["strategy"], a["stage"], a["account"] or "-", a["trigger"], (a["next_at"] or "-")[:16],
         a["sides"], a["quantity"], ", ".join(a["groups"]) or "-", "yes" if a["active"] else "NO")
        for a in found
    ]  # fmt: skip
    titles = ("algo", "strategy", "stage", "account", "trigger", "next (UTC)", "sides", "quantity", "groups", "active")
    return _rows(options, found, titles, rows, "no algos yet; try: workbench algos create mine --strategy ema_cross")


def show_algo(options: argparse.Namespace, bench: Workbench) -> int:
    """One algo."""
    return shown(options, bench.trading.webhooks.algo(name_of(options)))


def create_algo(options: argparse.Namespace, bench: Workbench) -> int:
    """Make an algo."""
    fields = _algo_fields(options)
    return shown(options, bench.trading.webhooks.create_algo(name_of(options), fields.pop("strategy"), **fields))


def change_algo(options: argparse.Namespace, bench: Workbench) -> int:
    """Change an algo."""
    return shown(options, bench.trading.webhooks.change_algo(name_of(options), **_algo_fields(options)))


def remove_algo(options: argparse.Namespace, bench: Workbench) -> int:
    """Take an algo away."""
    name = name_of(options)
    bench.trading.webhooks.remove_algo(name)
    return done(options, {"name": name, "removed": True}, f"algo {name} is gone")


# ---- what is asked, and how it is told -------------------------------------------------------------------------------


def name_of(options: argparse.Namespace) -> str:
    name: str | None = options.named or options.name
    if not name:
        raise BadInput("name", "", "is missing", "give it as --name NAME")
    return name


def _server(options: argparse.Namespace) -> str:
    if options.server:
        if not options.server.startswith(("http://", "https://")):
            raise BadInput("--server", options.server, "is no address", "as in https://desk.example.com")
        return str(options.server).rstrip("/")
    return f"http://127.0.0.1:{whole_number('--port', options.port) or 8321}"


def _settings(given: Sequence[str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in given or ():
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise BadInput("--set", part, "is no KEY=VALUE", "as in action=buy")
        if value.startswith("@"):
            try:
                value = Path(value[1:]).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise BadInput("--set", part, f"cannot be read ({error})") from None
        try:
            read = json.loads(value) if value.lstrip()[:1] in "{[" and value else value
        except ValueError as error:
            raise BadInput("--set", key, f"is no JSON ({error})") from None
        found[key.strip()] = read
    return found


def _rules(options: argparse.Namespace) -> dict[str, Any]:
    found = {name: getattr(options, name) for name in _RULES if getattr(options, name) is not None}
    if options.allow is not None:
        found["addresses"] = tuple(options.allow)
    if options.symbol is not None:
        found["symbols"] = tuple(options.symbol)
    return found


def _group_fields(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {
        "algos": options.algo, "route": options.route, "about": options.about, "expires_at": options.expires,
        "recognise": _yes(options.recognise), "active": _yes(options.active),
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def _algo_fields(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {
        "strategy": options.strategy, "active": _yes(options.active), "about": options.about, "sides": options.sides,
        "actions": _pairs("--map", options.map), "quantity": options.quantity, "expires_at": options.expires,
        "windows": options.hours, "zone": options.zone, "conditions": options.when,
        "aliases": _pairs("--alias", options.alias), "times": options.at,
        "trigger": options.trigger or ("scheduled" if options.at else None),
    }  # fmt: skip
    for name in ("entries_a_day", "priority"):
        text = getattr(options, name)
        found[name] = None if text is None else int(number_of(f"--{name.replace('_', '-')}", text))
    return {name: value for name, value in found.items() if value is not None}


def _pairs(option: str, given: Sequence[str] | None) -> dict[str, str] | None:
    if given is None:
        return None
    pairs = [part.partition("=") for part in given]
    for said, equals, done in pairs:
        if not (said and equals and done):
            raise BadInput(option, said, "is no pair", f"as in {option} NSE:INFY=INFY")
    return {said.strip(): done.strip() for said, _, done in pairs}


def _yes(text: str | None) -> bool | None:
    return None if text is None else text == "yes"


def number_of(option: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise BadInput(option, text, "is no number") from None
    if number != number or number in (float("inf"), float("-inf")):
        raise BadInput(option, text, "is not finite")
    return number


def done(options: argparse.Namespace, found: Mapping[str, Any], words: str) -> int:
    print_json(found) if options.json else say(words)
    return 0


def shown(options: argparse.Namespace, found: Mapping[str, Any]) -> int:
    if options.json:
        print_json(found)
        return 0
    for key, value in found.items():
        if value not in (None, "", [], {}):
            plain = json.dumps(value) if isinstance(value, dict | list) else value
            say(f"{key.replace('_', ' ')}: {plain}")
    return 0


def _rows(
    options: argparse.Namespace,
    found: Sequence[Any],
    titles: Sequence[str],
    rows: Sequence[Sequence[object]],
    nothing: str,
) -> int:
    if options.json:
        print_json(found)
    elif not found:
        say(nothing)
    else:
        table(titles, [tuple(map(str, row)) for row in rows])
    return 0
