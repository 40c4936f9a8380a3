"""The risk chain: every rule judges an entry in turn, and every verdict is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from workbench.model import MONEY_CONTEXT
from workbench.ports import RiskContext, RiskRule, Verdict

_GUARD = Decimal("1e-9")

RESEARCH = ("sizing", "whole_lots", "balance")
"""The profile of research and parity: it works out a size and knows no portfolio limits."""


TRADING = (
    "sizing", "position_size", "whole_lots", "balance", "max_positions", "max_trades_a_day", "daily_loss",
    "market_hours", "order_rate",
)  # fmt: skip
"""The profile of paper and live, unless the settings name another."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the chain decided on one entry: the size in raw units, 0 where denied, and every rule's verdict."""

    size: Decimal
    verdicts: tuple[Verdict, ...]

    @property
    def reason(self) -> str:
        """Why it was denied; empty where it was not."""
        last = self.verdicts[-1]
        return f"{last.rule}: {last.reason}" if last.decision == "deny" else ""


class RiskChain:
    """Rules in order; the first denial ends it. A rule may deny or cut; one that raises, or enlarges, denies.

    A signal's own caps cut the first size there is, whichever rules a profile has.
    """

    def __init__(self, rules: Sequence[tuple[str, RiskRule]]) -> None:
        self.rules = tuple(rules)

    def judge(self, context: RiskContext) -> Decision:
        """Judge one entry. Never raises for what a rule does."""
        verdicts: list[Verdict] = []
        for name, rule in self.rules:
            verdict = _ask(name, rule, context)
            verdicts.append(verdict)
            if verdict.decision == "deny":
                return Decision(Decimal(0), tuple(verdicts))
            if verdict.size is not None:
                is_first, context = context.size is None, replace(context, size=verdict.size)
                if is_first and (cap := _capped(context)) is not None:
                    verdicts.append(cap)
                    context = replace(context, size=cap.size)
        if context.size is None or context.size <= 0:
            verdicts.append(Verdict("chain", "deny", "no rule gave a size above 0"))
            return Decision(Decimal(0), tuple(verdicts))
        return Decision(context.size, tuple(verdicts))


def _capped(context: RiskContext) -> Verdict | None:
    """The cut to a signal's caps; None where they do not bite."""
    signal = context.signal
    with localcontext(MONEY_CONTEXT):
        most = signal.caps.largest(signal.reference_price / signal.factor)
    if most is None or context.size is None or context.size <= most:
        return None
    shown = [f"{size:.8f}".rstrip("0").rstrip(".") for size in (context.size, most)]
    words = f"from {shown[0]} to the {shown[1]} that its hook allows"
    return Verdict("hook_cap", "cut", words, size=most, figures={"most": shown[1]})


def _ask(name: str, rule: RiskRule, context: RiskContext) -> Verdict:
    """One rule's verdict; whatever goes wrong inside it is a denial."""
    try:
        verdict = rule.judge(context)
        if verdict.decision not in ("allow", "cut", "deny"):
            return Verdict(name, "deny", f"answered {verdict.decision!r}, not allow, cut or deny")
        if verdict.decision == "cut" and verdict.size is None:
            return Verdict(name, "deny", "cut without saying to which size")
        if verdict.size is not None and not (verdict.size.is_finite() and verdict.size >= 0):
            return Verdict(name, "deny", f"answered the size {verdict.size}")
        # a whole lot may be a billionth of a lot more than what rounding made of it, no rule may add more than that
        guard = context.instrument.size_step * _GUARD
        if verdict.size is not None and context.size is not None and verdict.size > context.size + guard:
            return Verdict(name, "deny", f"enlarged the size from {context.size} to {verdict.size}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a risk rule fails closed, whatever it raises
        return Verdict(name, "deny", f"raised {type(error).__name__}: {error}")
    return verdict if verdict.rule == name else replace(verdict, rule=name)
