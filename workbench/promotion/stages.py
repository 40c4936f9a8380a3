"""The stage machine: which stage may follow which. The only place that says so."""

from __future__ import annotations

from workbench.errors import Refused
from workbench.model import Stage as S

LADDER = (S.RESEARCH, S.BACKTESTED, S.WALK_FORWARD, S.PAPER, S.LIVE)
"""The way up, a step at a time, each through the gates of the stage entered."""


def check_promotion(now: S, to: S, paused_from: S | None) -> None:
    """Let a promotion pass, or raise Refused naming what would be allowed.

    Up goes one step; a paused strategy returns to where it was paused, through the same gates; a retired one to
    research.
    """
    if now is S.PAUSED:
        allowed = paused_from
    elif now is S.RETIRED:
        allowed = S.RESEARCH
    else:
        place = LADDER.index(now)
        allowed = LADDER[place + 1] if place + 1 < len(LADDER) else None
    if to is not allowed:
        remedy = f"from {now} it can be promoted to {allowed} only" if allowed else f"{now} is the last stage"
        raise Refused(f"promotion to {to}: {remedy}")


def check_demotion(now: S, to: S, paused_from: S | None) -> None:
    """Let a demotion pass, or raise Refused naming what would be allowed.

    Down goes to any lower stage; paper and live can be paused; everything can be retired.
    """
    allowed: list[S] = []
    if now in LADDER:
        allowed = list(LADDER[: LADDER.index(now)])
        if now.trades:
            allowed.append(S.PAUSED)
    elif now is S.PAUSED and paused_from is not None:
        allowed = list(LADDER[: LADDER.index(paused_from)])
    if now is not S.RETIRED:
        allowed.append(S.RETIRED)
    if to not in allowed:
        listed = ", ".join(allowed) or "nothing; promote it to research"
        raise Refused(f"demotion to {to}: from {now} it can be demoted to {listed}")
