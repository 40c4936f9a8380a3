"""Routing: which algos of a group an alert goes to, and what it becomes on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from workbench.errors import BadInput
from workbench.model import BY_SIGNAL, Algo, Condition, Group
from workbench.signals.alert import BUY, SHORT, Alert
from workbench.signals.symbols import symbol_of

IGNORE = "ignore"


def recognised(alert: Alert, algos: Sequence[Algo]) -> list[Algo]:
    """The algos of the one strategy that the alert's text names, by its strategy, comment or order id.

    A name counts as a whole word, whatever its case. Raises BadInput where none is named, or more than one.
    """
    text = " ".join(said for said in (alert.strategy, alert.comment, alert.order_id) if said)
    found = [algo for algo in algos if _names(text, algo.name) or _names(text, algo.strategy)]
    strategies = sorted({algo.strategy for algo in found})
    if len(strategies) != 1:
        known = ", ".join(sorted({name for algo in algos for name in (algo.name, algo.strategy)})) or "none"
        problem = f"names {' and '.join(strategies)}" if strategies else "names no strategy of the group"
        raise BadInput("alert text", text or "(none)", problem, f"name one of {known}")
    named = [algo for algo in found if _names(text, algo.name)]
    return named or found


def routed(
    alert: Alert, group: Group, algos: Sequence[Algo], known: Callable[[Alert, Algo], Alert]
) -> list[tuple[Algo, Alert]]:
    """The algos that take an alert, the highest priority first, each with what the alert becomes for it.

    An algo takes it where its conditions hold, it does not turn its action into ignore, its sides allow it, and it
    trades the symbol (`known` raises BadInput where it does not). Raises BadInput where none does, with each reason.
    """
    if not group.active:
        raise BadInput("group", group.name, "is inactive")
    found: list[tuple[Algo, Alert]] = []
    reasons = []
    for algo in algos:
        reason = "" if algo.trigger == BY_SIGNAL else f"it is {algo.trigger}: alerts do not reach it"
        try:
            turned = turned_by(algo, alert)
            reason = reason or _why_not(algo, alert, turned)
            if not reason and turned is not None:
                found.append((algo, known(turned, algo)))
                if group.route == "first":
                    break
        except BadInput as error:
            reason = str(error)
        if reason:
            reasons.append(f"{algo.name}: {reason}")
    if not found:
        why = "; ".join(reasons) or "it has no active algo"
        raise BadInput("group", group.name, f"no algo takes this alert: {why}")
    return found


def taken_by(algo: Algo, alert: Alert, symbols: Collection[str]) -> Alert:
    """What an alert of no group becomes for an algo. Raises BadInput where the algo does not take it."""
    turned = turned_by(algo, alert)
    words = _why_not(algo, alert, turned)
    if words or turned is None:
        raise BadInput("algo", algo.name, words)
    found = placed(turned, symbols, algo.aliases)
    if words := _why_not(algo, found, found):  # as the engine will see it
        raise BadInput("algo", algo.name, words)
    return found


def placed(alert: Alert, symbols: Collection[str], aliases: Mapping[str, str]) -> Alert:
    """An alert with its alias put in. Raises BadInput for a ticker not traded, where the symbols are known already."""
    if symbols:
        symbol_of(alert.ticker, symbols, aliases)
    for name, symbol in aliases.items():
        if name.casefold() == alert.ticker.strip().casefold():
            return replace(alert, ticker=symbol)
    return alert


def _why_not(algo: Algo, alert: Alert, turned: Alert | None) -> str:
    """Why an algo does not take an alert, by its conditions, actions and sides; '' where it does."""
    said = alert.to_dict()
    words = next((f"not {text}" for text in algo.conditions if not Condition.parse(text).holds(said)), "")
    return words or ("it ignores this action" if turned is None else _side(algo, turned))


def turned_by(algo: Algo, alert: Alert) -> Alert | None:
    """An alert as an algo's actions turn it; None for one they ignore. A turned action decides alone."""
    done = {said.casefold(): done for said, done in algo.actions.items()}.get(alert.action)
    if done is None:
        return alert
    return None if done == IGNORE else replace(alert, action=done, position=None)


def _side(algo: Algo, alert: Alert) -> str:
    """Why an entry is not of the algo's sides; '' where it is, or is no entry."""
    if algo.sides == "both" or alert.is_exit:
        return ""
    side = alert.position or {BUY: "long", SHORT: "short"}.get(alert.action, "")
    return "" if side in ("", algo.sides) else f"it takes no {side} entries"


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None
