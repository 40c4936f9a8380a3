"""The desk: settings in, a ready Workbench out. The only place where parts are wired together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.finding import find_strategy, locator_of
from workbench.bootstrap.recording import Chosen, as_json, equity_of
from workbench.bootstrap.recording import record as record_run
from workbench.errors import BadInput, PluginFault, UnknownName
from workbench.model import new_id
from workbench.plugin_manager import PluginManager
from workbench.ports import Artifact, BarBroker, ProgressCallback, RunRegistry, no_progress
from workbench.settings import Settings, load_settings

if TYPE_CHECKING:
    from workbench.bootstrap.trading_desk import TradingDesk
    from workbench.data import PriceHistory
    from workbench.fills import Costs, Terms
    from workbench.proofs import Proofs
    from workbench.research import Backtest, RunSpec, Sweep, WalkForward
    from workbench.risk import RiskChain
    from workbench.strategy import Strategy
    from workbench.trading import Replay


class Workbench:
    """The desk: plugins loaded, a home for what is recorded. What it runs, it records.

    A strategy is given as a registered name, `path/to/file.py:Class`, a `Strategy` class or an instance; data as
    SOURCE:SYMBOL[,SYMBOL]. Options are those of `workbench.research.RunSpec`: start, end, fees and slippage (basis
    points), cash, size, stop, target, trail (percent), lot, tick, calendar, tz, per_share, min_fee, shared_cash.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.plugins = PluginManager(settings.blocked_plugins)

    @cached_property
    def registry(self) -> RunRegistry:
        """The run registry of this home; made on first use."""
        from workbench.store import SqlRunRegistry, open_database

        engine = open_database(self.settings.home / "research.db")
        return SqlRunRegistry(engine, self.settings.artifacts)

    @cached_property
    def trading(self) -> TradingDesk:
        """Stages, alerts, orders and positions of this home; its database is made on first use."""
        from workbench.bootstrap.trading_desk import TradingDesk

        return TradingDesk(self)

    # ---- parts -----------------------------------------------------------------------------------------------------

    def strategy(
        self,
        strategy: str | type[Strategy] | Strategy,
        params: Mapping[str, Any] | None = None,
        axes: Mapping[str, Sequence[Any]] | None = None,
    ) -> Chosen:
        """Find a strategy and set its parameters; texts are read by each parameter's type.

        With `axes`, the values a search will try, it is made at the first combination its cross-check allows.
        """
        from workbench.research import combinations
        from workbench.strategy import Strategy

        base = dict(strategy.params) if isinstance(strategy, Strategy) else {}
        name, reference, family, kind = find_strategy(self.plugins, strategy)
        declared = kind.declared()
        for key, value in (params or {}).items():
            base[key] = declared[key].parse(value) if key in declared and isinstance(value, str) else value
        made = combinations(kind, base, axes)[0] if axes else kind(**base)
        return Chosen(name, reference, family, made)

    def histories(self, spec: RunSpec) -> list[PriceHistory]:
        """Load and check the prices a spec names."""
        from workbench.data import load_history
        from workbench.ports import DataRequest

        source = self.plugins.find("data_source", spec.source).resolve()()
        options = spec.options
        return [
            load_history(
                spec.source,
                source,
                DataRequest(
                    symbol=symbol,
                    zone=options.get("tz"),
                    calendar=options.get("calendar"),
                    lot=spec.grid_number("lot"),
                    tick=spec.grid_number("tick"),
                ),
                start=options.get("start"),
                end=options.get("end"),
            )
            for symbol in spec.symbols
        ]

    def risk_chain(self, rules: Iterable[str] | None = None) -> RiskChain:
        """The rules of a profile, by name, with their limits; the research profile unless told otherwise."""
        from workbench.risk import RESEARCH, RiskChain

        names = tuple(rules or RESEARCH)
        limits = self.settings.limits
        known = {record.name for record in self.plugins.records("risk_rule")}
        for name in limits:
            if name not in known:
                raise UnknownName("setting limits", name, known)
        return RiskChain([(name, self._made("risk_rule", name, limits.get(name, {}))) for name in names])

    def _made(self, kind: str, name: str, keywords: Mapping[str, Any]) -> Any:
        """A part made with what the settings say of it."""
        factory = self.plugins.find(kind, name).resolve()
        try:
            return factory(**keywords)
        except TypeError as error:
            raise BadInput(f"settings of {kind} {name}", ", ".join(keywords) or "none", str(error)) from None

    def paper_broker(self, terms: Terms, book: Path | None = None) -> BarBroker:
        """A paper broker of its own, with the costs of a run.

        One with a `book` outlives the process, and is as real as `[brokers.paper]` of the settings says. Without one it
        trades by the rule for fills alone, as replay and parity want it.
        """
        options = self.settings.brokers.get("paper", {}) if book is not None else {}
        factory = self.plugins.find("broker", "paper").resolve()
        try:
            broker = factory(costs=terms.costs, book=book, **options)
        except TypeError as error:
            raise BadInput("setting brokers.paper", ", ".join(options) or "none", str(error)) from None
        if not isinstance(broker, BarBroker):
            raise PluginFault("broker paper does not implement workbench.ports.BarBroker")
        return broker

    def spec(
        self,
        strategy: str | type[Strategy] | Strategy,
        data: str,
        params: Mapping[str, Any] | None = None,
        axes: Mapping[str, Sequence[Any]] | None = None,
        **options: Any,
    ) -> tuple[Chosen, RunSpec]:
        """A strategy found and a spec made of everything given; options that are None were not given."""
        from workbench.research import DEFAULTS, RunSpec

        chosen = self.strategy(strategy, params, axes)
        # what was not given is written down too: a later change of a default must not change an old run
        given = {**DEFAULTS, **{name: str(value) for name, value in options.items() if value is not None}}
        if data.partition(":")[0] in ("csv", "parquet"):  # so that a rerun from another folder finds the file
            source, _, paths = data.partition(":")
            data = f"{source}:" + ",".join(
                str(Path(p.strip()).expanduser().absolute()) for p in paths.split(",") if p.strip()
            )
        return chosen, RunSpec(chosen.reference, data, dict(chosen.strategy.params), given)

    # ---- jobs ------------------------------------------------------------------------------------------------------

    def backtest(
        self,
        strategy: str | type[Strategy] | Strategy,
        data: str,
        params: Mapping[str, Any] | None = None,
        *,
        record: bool = True,
        progress: ProgressCallback = no_progress,
        **options: Any,
    ) -> Backtest:
        """Backtest a strategy and record the run."""
        from workbench.research import backtest

        began = time.perf_counter()
        chosen, spec = self.spec(strategy, data, params, **options)
        terms = spec.terms()
        result = backtest(chosen.name, chosen.strategy, self.histories(spec), terms, progress)
        if not record:
            return result
        result = replace(result, run_id=new_id())
        found = result.to_dict()
        artifacts = [Artifact("result.json", "application/json", as_json(found)), equity_of(result)]
        record_run(
            self.registry, result.run_id, "backtest", chosen, spec.to_dict(), found["data"], found["metrics"], began,
            artifacts=artifacts, tried=[chosen.strategy], terms=terms,
        )  # fmt: skip
        return result

    def sweep(
        self,
        strategy: str | type[Strategy] | Strategy,
        data: str,
        params: Mapping[str, Any] | None = None,
        *,
        grid: Sequence[str] | Mapping[str, Sequence[Any]],
        record: bool = True,
        progress: ProgressCallback = no_progress,
        **options: Any,
    ) -> Sweep:
        """Evaluate a strategy at many parameter sets, each counted as a trial, and record the run.

        `grid` is axes as name → values, or texts name=low:high:step. Further `search` (grid, or `trials` sets drawn by
        random or lhs, with a `seed`), `metric`, `workers`, `executor` (thread or process), `cancelled` (asked between
        pieces), and every option of a backtest.
        """
        from workbench.bootstrap.sweeping import run_sweep

        names = ("search", "trials", "seed", "metric", "workers", "executor", "cancelled")
        own = {name: options.pop(name) for name in names if options.get(name) is not None}
        return run_sweep(
            self, strategy, data, params, grid, record_it=record, progress=progress, options=options, **own
        )

    def walk_forward(
        self,
        strategy: str | type[Strategy] | Strategy,
        data: str,
        params: Mapping[str, Any] | None = None,
        *,
        train: int | str,
        test: int | str,
        grid: Sequence[str] | Mapping[str, Sequence[Any]] = (),
        metric: str = "sharpe",
        anchored: bool = False,
        executor: Executor | None = None,
        record: bool = True,
        progress: ProgressCallback = no_progress,
        **options: Any,
    ) -> WalkForward:
        """Walk a strategy forward and record the run; `grid` is axes as name → values, or texts name=low:high:step."""
        from workbench.bootstrap.walking import run_walk_forward

        return run_walk_forward(
            self, strategy, data, params, grid, train=train, test=test, metric=metric, anchored=anchored,
            executor=executor, record_it=record, progress=progress, options=options,
        )  # fmt: skip

    def prove(
        self,
        strategy: str | type[Strategy] | Strategy,
        data: str,
        params: Mapping[str, Any] | None = None,
        *,
        record: bool = True,
        progress: ProgressCallback = no_progress,
        **options: Any,
    ) -> Proofs:
        """Prove a strategy on data: no look-ahead, enough warm-up, parity; and record the proofs."""
        from workbench.proofs import prove
        from workbench.research import backtest

        began = time.perf_counter()
        chosen, spec = self.spec(strategy, data, params, **options)
        terms = spec.terms()
        result = backtest(chosen.name, chosen.strategy, self.histories(spec), terms, progress)
        proofs = prove(
            result, lambda: self.paper_broker(terms), self.risk_chain(), live_history=self.settings.live_history,
            lookahead_cuts=self.settings.lookahead_cuts, locator=locator_of(self.plugins, chosen), progress=progress,
        )  # fmt: skip
        if not record:
            return proofs
        proofs = replace(proofs, run_id=new_id())
        record_run(
            self.registry, proofs.run_id, "proof", chosen, spec.to_dict(), result.data_dict(), proofs.to_dict(), began,
            passed=proofs.passed,
        )  # fmt: skip
        return proofs

    def replay(
        self,
        strategy: str | type[Strategy] | Strategy,
        data: str | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        last_days: int | None = None,
        precomputed: bool = False,
        record: bool = True,
        broker: Callable[[Costs], BarBroker] | None = None,
        progress: ProgressCallback = no_progress,
        **options: Any,
    ) -> Replay:
        """Trade the past on paper; with `last_days` only the end is traded and the rest is known past.

        Without data, `strategy` is the id of a recorded run, which is replayed on its own data, parameters and options.
        Bar by bar, or `precomputed` for a strategy with a proof that it does not look ahead: answered once, and only
        bars in which something can happen go through the order path. A `broker` made with the run's costs takes the
        place of the paper broker as it comes; such a run is another one, and is not recorded.
        """
        from workbench.bootstrap.replaying import job_of, record_replay, run_replay

        began = time.perf_counter()
        if data is None:
            strategy, data, params, last_days, options = job_of(self.registry, strategy, params, last_days, options)
        chosen, spec = self.spec(strategy, data, params, **options)
        run = run_replay(self, chosen, spec, last_days, precomputed, progress, broker)
        keeps = record and broker is None
        return record_replay(self, run, chosen, spec, last_days, began) if keeps else run

    def rerun(self, run_id: str, progress: ProgressCallback = no_progress) -> dict[str, Any]:
        """Make a recorded run again and say whether code, data, environment and figures are the same; not recorded."""
        from workbench.bootstrap.rerunning import rerun

        return rerun(self, run_id, progress)


def open_workbench(home: str | Path | None = None) -> Workbench:
    """Open the desk: load the settings of a home (`$WORKBENCH_HOME`, else `.workbench`) and every plugin."""
    return Workbench(load_settings(home))
