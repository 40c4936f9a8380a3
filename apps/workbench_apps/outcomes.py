"""Outcomes: what an alert would do now, as a dry run told it, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench_apps import parts
from workbench_apps.theme import NONE, escape

_KINDS = {"refused": "bad", "ignored": "warn"}


def outcomes_html(found: Mapping[str, Any]) -> str:
    """A dry run of a hook, a signal or an algo's times: taken or refused, and what each strategy would do."""
    if not found.get("accepted", True):
        said = parts.alert("bad", "The hook would refuse it:", str(found["reason"]))
    elif all(outcome["would"] == "refused" for outcome in found["outcomes"]):
        said = parts.alert("warn", "It would be kept, then refused.", "Nothing was traded: this was a dry run.")
    elif all(outcome["would"] in _KINDS for outcome in found["outcomes"]):
        said = parts.alert("warn", "It would be kept, and nothing done.", "Nothing was traded: this was a dry run.")
    else:
        said = parts.alert("good", "It would be taken.", "Nothing was traded: this was a dry run.")
    rows = [
        (
            escape(str(outcome.get("time") or outcome.get("symbol") or outcome["ticker"])),
            escape(f"{outcome['strategy']}{' by ' + outcome['algo'] if outcome['algo'] else ''}"),
            parts.pill(_KINDS.get(outcome["would"], "good"), outcome["would"]),
            escape(str(outcome.get("size", NONE))),
            f'<span class="wrap">{escape(outcome["reason"] or NONE)}</span>',
        )
        for outcome in found["outcomes"]
    ]
    timed = any("time" in outcome for outcome in found["outcomes"])
    table = parts.table(("Time" if timed else "Symbol", "Strategy", "Would be", "Size", "Why"), rows) if rows else ""
    body = (
        f'<h4>The message that was tried</h4><pre class="body">{escape(found["body"])}</pre>' if "body" in found else ""
    )
    return f'<div class="card outcomes">{said}{table}{body}</div>'
