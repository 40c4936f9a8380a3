"""Replaying: a recorded run taken up again, the proof a precomputed replay needs, and the replay kept as a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.recording import Chosen, as_json, code_of, record
from workbench.errors import BadInput, Refused
from workbench.model import new_id
from workbench.ports import Artifact, BarBroker, ProgressCallback, RunRegistry

if TYPE_CHECKING:
    from workbench.bootstrap.desk import Workbench
    from workbench.fills import Costs
    from workbench.research import RunSpec
    from workbench.trading import Replay


def job_of(
    registry: RunRegistry, run_id: Any, params: Mapping[str, Any] | None, last_days: int | None, options: dict[str, Any]
) -> tuple[str, str, dict[str, Any], int | None, dict[str, Any]]:
    """Strategy, data, parameters, last days and options of a recorded run, by its id or the beginning of it.

    Raises BadInput for no run, for one that cannot be replayed, and for anything given beside it.
    """
    if not isinstance(run_id, str) or params or options:
        given = ", ".join([*(params or {}), *options]) or getattr(run_id, "__name__", repr(run_id))
        raise BadInput("replay", given, "was given without data", "name the data, or a recorded run alone")
    try:
        run = registry.get(run_id)
    except BadInput as error:
        remedy = "see workbench runs list; to replay a strategy, say on which --data"
        raise BadInput("run", run_id, error.problem, remedy) from None
    if run.kind == "walkforward":
        raise BadInput(
            "run", run_id, "is a walk-forward, which trades many parameter sets", "replay a backtest of one of them"
        )
    if run.family.startswith("notebook:"):
        problem = f"its strategy {run.strategy} was typed in a notebook"
        raise BadInput("run", run_id, problem, "save it to a file, or call replay with the class")
    spec = run.spec
    known_days = spec.get("last_days")
    return spec["strategy"], spec["data"], dict(spec["params"]), last_days or known_days, dict(spec["options"])


def require_no_lookahead(registry: RunRegistry, chosen: Chosen) -> None:
    """Refuse a strategy without a passed look-ahead proof of this code with these parameters; the newest one counts."""
    code, params = code_of(chosen), json.loads(as_json(dict(chosen.strategy.params)))
    proofs = registry.find(kind="proof", strategy=chosen.name)
    newest = next((r for r in proofs if r.code_fingerprint == code and dict(r.params) == params), None)
    shown = ", ".join(f"{name}={value}" for name, value in params.items())
    needs = "a precomputed replay asks with every later bar in sight"
    if newest is None:
        raise Refused(
            f"{chosen.name} ({shown}): there is no recorded look-ahead proof of this code with these parameters, and "
            f"{needs}; run workbench prove {chosen.reference} first, or replay without --precomputed"
        )
    proof = newest.metrics.get("lookahead")
    if not (isinstance(proof, Mapping) and proof.get("passed") is True):
        why = (proof or {}).get("reason") or "it has no answer on look-ahead"
        raise Refused(
            f"{chosen.name} ({shown}): its newest look-ahead proof, run {newest.run_id}, did not pass ({why}), and "
            f"{needs}; correct the strategy and run workbench prove again, or replay without --precomputed"
        )


def run_replay(
    bench: Workbench,
    chosen: Chosen,
    spec: RunSpec,
    last_days: int | None,
    precomputed: bool,
    progress: ProgressCallback,
    make_broker: Callable[[Costs], BarBroker] | None = None,
) -> Replay:
    """Replay a spec, not recorded."""
    from workbench.research import data_dict
    from workbench.trading.precomputed import replay_precomputed
    from workbench.trading.replay import replay

    if precomputed and make_broker is not None:
        raise BadInput("precomputed", True, "stands for the rule for fills alone", "replay bar by bar with this broker")
    if precomputed:
        require_no_lookahead(bench.registry, chosen)
    histories, terms = bench.histories(spec), bench.terms(spec)
    terms.check_for(chosen.strategy)
    trade_from = 0
    if last_days is not None:
        trade_from = max(int(h.times[-1]) for h in histories) - last_days * 86_400 * 10**9
    broker = bench.paper_broker(terms) if make_broker is None else make_broker(terms.costs)
    given = chosen.name, chosen.strategy, histories, terms, broker, bench.risk_chain()
    if precomputed:
        run = replay_precomputed(*given, trade_from=trade_from, progress=progress)
    else:
        run = replay(*given, live_history=bench.settings.live_history, trade_from=trade_from, progress=progress)
    return replace(run, data=data_dict(histories))


def record_replay(
    bench: Workbench, run: Replay, chosen: Chosen, spec: RunSpec, last_days: int | None, began: float
) -> Replay:
    """Keep a replay with its journal: the replay, with its run id."""
    run = replace(run, run_id=new_id())
    journal = "".join(json.dumps(dict(entry)) + "\n" for entry in run.repository.journal())
    more = {"last_days": last_days} | ({"precomputed": True} if run.mode == "precomputed" else {})
    record(
        bench.registry, run.run_id, "replay", chosen, spec.to_dict() | more, run.data, run.summary(), began,
        artifacts=[Artifact("journal.jsonl", "application/jsonl", journal.encode())],
    )  # fmt: skip
    return run
