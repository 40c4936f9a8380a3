"""Proving: a strategy's proofs, kept as a run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.finding import locator_of
from workbench.bootstrap.recording import record
from workbench.model import new_id
from workbench.ports import ProgressCallback

if TYPE_CHECKING:
    from workbench.bootstrap.desk import Workbench
    from workbench.proofs import Proofs
    from workbench.strategy import Strategy


def run_proofs(
    bench: Workbench,
    strategy: str | type[Strategy] | Strategy,
    data: str,
    params: Mapping[str, Any] | None,
    record_it: bool,
    progress: ProgressCallback,
    options: Mapping[str, Any],
) -> Proofs:
    """Prove a strategy and record the proofs; see `Workbench.prove`."""
    from workbench.proofs import prove
    from workbench.research import backtest

    began = time.perf_counter()
    chosen, spec = bench.spec(strategy, data, params, **options)
    terms = bench.terms(spec)
    result = backtest(chosen.name, chosen.strategy, bench.histories(spec), terms, progress)
    proofs = prove(
        result, lambda: bench.paper_broker(terms), bench.risk_chain(), live_history=bench.settings.live_history,
        lookahead_cuts=bench.settings.lookahead_cuts, locator=locator_of(bench.plugins, chosen), progress=progress,
    )  # fmt: skip
    if not record_it:
        return proofs
    proofs = replace(proofs, run_id=new_id())
    record(
        bench.registry, proofs.run_id, "proof", chosen, spec.to_dict(), result.data_dict(), proofs.to_dict(), began,
        passed=proofs.passed,
    )  # fmt: skip
    return proofs
