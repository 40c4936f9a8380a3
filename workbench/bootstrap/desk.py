"""The desk: settings in, a ready Workbench out. The only place where parts are wired together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.finding import find_strategy
from workbench.bootstrap.parts import histories_of, made, terms_of
from workbench.bootstrap.recording import Chosen
from workbench.errors import BadInput, PluginFault, UnknownName
from workbench.plugin_manager import PluginManager
from workbench.ports import BarBroker, ProgressCallback, RunRegistry, SearchLog, no_progress
from workbench.settings import Settings, load_settings

if TYPE_CHECKING:
    from workbench.bootstrap.trading_desk import TradingDesk
    from workbench.data import PriceHistory
    from workbench.fills import Costs, Terms
    from workbench.proofs import Proofs
    from workbench.research import Backtest, Constraint, CrossValidation, Overfit, RunSpec, Sweep, WalkForward
    from workbench.risk import RiskChain
    from workbench.strategy import Strategy
    from workbench.trading import Replay


class Workbench:
    """The desk: plugins loaded, a home for what is recorded. What it runs, it records.

    A strategy is given as a registered name, `path/to/file.py:Class`, a `Strategy` class or an instance; data as
    SOURCE:SYMBOL[,SYMBOL]. Options are those of `workbench.research.RunSpec`: start, end, fees and slippage (basis
    points, or slippage as in volatility:10), costs (a cost model in place of fees), cash, size, stop, target, trail
    (percent), fill_at (open or close), lot, tick, calendar, tz, per_share, min_fee, shared_cash.
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
    def search_log(self) -> SearchLog:
        """Where searches that learn keep what they have seen; beside the runs."""
        from workbench.store import SqlSearchLog, open_database

        return SqlSearchLog(open_database(self.settings.home / "research.db"))

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
        constraints: Sequence[Constraint] = (),
    ) -> Chosen:
        """Find a strategy and set its parameters; texts are read by each parameter's type.

        With `axes`, the values a search will try, it is made at the first combination its cross-check allows.
        """
        from workbench.research import first_set
        from workbench.strategy import Strategy

        base = dict(strategy.params) if isinstance(strategy, Strategy) else {}
        name, reference, family, kind = find_strategy(self.plugins, strategy)
        declared = kind.declared()
        for key, value in (params or {}).items():
            base[key] = declared[key].parse(value) if key in declared and isinstance(value, str) else value
        made = first_set(kind, base, axes, constraints) if axes else kind(**base)
        return Chosen(name, reference, family, made)

    def histories(self, spec: RunSpec) -> list[PriceHistory]:
        """Load and check the prices a spec names."""
        return histories_of(self.plugins, spec)

    def risk_chain(self, rules: Iterable[str] | None = None) -> RiskChain:
        """The rules of a profile, by name, with their limits; the research profile unless told otherwise."""
        from workbench.risk import RESEARCH, RiskChain

        names = tuple(rules or RESEARCH)
        limits = self.settings.limits
        known = {record.name for record in self.plugins.records("risk_rule")}
        for name in limits:
            if name not in known:
                raise UnknownName("setting limits", name, known)
        return RiskChain([
            (name, made(self.plugins, "risk_rule", name, limits.get(name, {}), f"settings of risk_rule {name}"))
            for name in names
        ])  # fmt: skip

    def terms(self, spec: RunSpec) -> Terms:
        """What a run trades under, with the cost model it names."""
        return terms_of(self.plugins, spec)

    def paper_broker(self, terms: Terms, book: Path | None = None) -> BarBroker:
        """A paper broker of its own, with the costs of a run.

        One with a `book` outlives the process, and is as real as `[brokers.paper]` of the settings says. Without one it
        trades by the rule for fills alone, as replay and parity want it.
        """
        options = self.settings.brokers.get("paper", {}) if book is not None else {}
        keywords = {"costs": terms.costs, "book": book, **options}
        broker = made(self.plugins, "broker", "paper", keywords, "setting brokers.paper")
        if not isinstance(broker, BarBroker):
            raise PluginFault("broker paper does not implement workbench.ports.BarBroker")
        return broker

    def spec(
        self,
        strategy: str | type[Strategy] | Strategy,
        data: str,
        params: Mapping[str, Any] | None = None,
        axes: Mapping[str, Sequence[Any]] | None = None,
        constraints: Sequence[Constraint] = (),
        **options: Any,
    ) -> tuple[Chosen, RunSpec]:
        """A strategy found and a spec made of everything given; options that are None were not given."""
        from workbench.research import DEFAULTS, RunSpec

        chosen = self.strategy(strategy, params, axes, constraints)
        # what was not given is written down too: a later change of a default must not change an old run
        usual = DEFAULTS if options.get("costs") is None else DEFAULTS | {"fees": "0"}
        given = {**usual, **{name: str(value) for name, value in options.items() if value is not None}}
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
        """Backtest a strategy and record the run; a trial counts with `record` off too."""
        from workbench.bootstrap.backtesting import run_backtest

        return run_backtest(self, strategy, data, params, record, progress, options)

    def sweep(
        self,
        strategy: str | type[Strategy] | Strategy,
        data: str,
        params: Mapping[str, Any] | None = None,
        *,
        grid: Sequence[str] | Mapping[str, Sequence[Any]] = (),
        record: bool = True,
        progress: ProgressCallback = no_progress,
        **options: Any,
    ) -> Sweep:
        """Evaluate a strategy at many parameter sets, each counted as a trial, and record the run.

        `grid` is axes as name → values, or texts name=low:high:step, or name=auto; none searches every number ± 30 %.
        Further `search` (grid, or `trials` sets by random, lhs or bayes, with a `seed`; bayes goes on with a `study`),
        `metric`, `constraints` ("slow >= 2 * fast"), `workers`, `executor` (thread, process, dask://HOST:PORT),
        `cancelled` (asked between pieces), and every option of a backtest.
        """
        from workbench.bootstrap.sweeping import SWEEP, run_sweep

        names = SWEEP
        own = {name: value for name in names if (value := options.pop(name, None)) is not None}
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
        record: bool = True,
        progress: ProgressCallback = no_progress,
        **options: Any,
    ) -> WalkForward:
        """Walk a strategy forward and record the run; `grid` as in a sweep, none for no search.

        Further `metric` (a name, or a function of a train's figures), `anchored`, `purge` (bars between train and
        test), `require` (least figures of a train), `constraints`, `executor` (a name as in a sweep, or an Executor),
        `workers`, `cancelled`, and every option of a backtest.
        """
        from workbench.bootstrap.walking import HOW, run_walk_forward

        own = {name: value for name in HOW if (value := options.pop(name, None)) is not None}
        return run_walk_forward(
            self, strategy, data, params, grid, train=train, test=test, record_it=record, progress=progress,
            options=options, **own,
        )  # fmt: skip

    def cross_validate(
        self,
        strategy: str | type[Strategy] | Strategy,
        data: str,
        params: Mapping[str, Any] | None = None,
        *,
        grid: Sequence[str] | Mapping[str, Sequence[Any]] = (),
        record: bool = True,
        **options: Any,
    ) -> CrossValidation:
        """Choose from a grid by combinatorial purged cross-validation, many paths out of sample, and record the run.

        Further `folds` (10), `test_folds` (2), `purge` and `embargo` (periods), `metric`, `constraints`, and every
        option of a backtest.
        """
        from workbench.bootstrap.walking import run_cross_validation

        return run_cross_validation(self, strategy, data, params, grid, record, options)

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
        from workbench.bootstrap.proving import run_proofs

        return run_proofs(self, strategy, data, params, record, progress, options)

    def overfit(
        self,
        run: str | Backtest | Sweep | WalkForward,
        *,
        strategy: type[Strategy] | None = None,
        record: bool = True,
        progress: ProgressCallback = no_progress,
        **how: Any,
    ) -> Overfit:
        """Say how likely a recorded backtest, sweep (its best set) or walk-forward is to be luck, and record that.

        Trials are those the registry counts for the strategy's family. Further `permutations` of bars (200; 0 for
        none), `splits` of CSCV (16), `seed`, `executor`, `workers` and `cancelled`, as in a sweep. A run may be given
        by its id or as it came; `strategy` is the class where it was typed in a notebook.
        """
        from workbench.bootstrap.overfitting import run_overfit

        if not isinstance(run, str):
            made = run.sets[0] if hasattr(run, "sets") else run.strategy
            if not run.run_id:
                raise BadInput("run", repr(run), "was not recorded", "make it again with record=True")
            run, strategy = run.run_id, strategy or type(made)
        return run_overfit(self, run, strategy, record_it=record, progress=progress, **how)

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
