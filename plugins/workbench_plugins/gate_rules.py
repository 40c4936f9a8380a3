"""The bundled gates: what each stage asks for. Thresholds are keywords, set in `[gates.NAME]`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from workbench import deflated_sharpe_ratio
from workbench.errors import BadInput
from workbench.ports import Evidence, Figure, GateAnswer, RunRecord

_COSTS = ("fees", "slippage", "per_share", "min_fee")


class BacktestGate:
    """A recorded backtest: at least so many trades and bars, a drawdown of at most so many percent, costs not zero."""

    def __init__(self, min_trades: int = 10, min_bars: int = 250, max_drawdown: float = 75.0) -> None:
        self.min_trades = _number("backtest.min_trades", min_trades, 1, 1e9)
        self.min_bars = _number("backtest.min_bars", min_bars, 1, 1e9)
        self.max_drawdown = _number("backtest.max_drawdown", max_drawdown, 0, 100)

    def judge(self, evidence: Evidence) -> GateAnswer:
        """Judge the newest backtest of the version."""
        run = evidence.runs.get("backtest")
        if run is None:
            return _missing("backtest", "a backtest", "workbench backtest")
        paid = any(_is_paid(evidence.version.options.get(name, "0")) for name in _COSTS)
        fees = run.metrics.get("fees")  # what a cost model charged; its name says nothing of that
        paid = paid or ("costs" in evidence.version.options and isinstance(fees, int | float) and fees > 0)
        return _answer(
            "backtest",
            run,
            [
                _at_least("trades", run.metrics.get("trades"), self.min_trades),
                _at_least("bars", run.metrics.get("bars"), self.min_bars),
                _drawdown(run.metrics.get("max_drawdown"), self.max_drawdown),
                Figure("costs", "above 0" if paid else "0", "above 0", paid),
            ],
        )


class LookAheadGate:
    """A proof, on this code, these parameters and these prices, that no signal depends on a later bar."""

    def judge(self, evidence: Evidence) -> GateAnswer:
        """Judge the newest proof of the version."""
        return _proof("no_look_ahead", evidence, "lookahead")


class WarmUpGate:
    """A proof that the history a live strategy is given is long enough for the same answers."""

    def judge(self, evidence: Evidence) -> GateAnswer:
        """Judge the newest proof of the version."""
        return _proof("warm_up", evidence, "warmup")


class OutOfSampleGate:
    """A walk-forward of the same code and data: windows, trades, Sharpe, drawdown and efficiency out of sample."""

    def __init__(
        self,
        min_windows: int = 3,
        min_trades: int = 10,
        min_sharpe: float = 0.3,
        max_drawdown: float = 50.0,
        min_efficiency: float = 0.3,
    ) -> None:
        self.min_windows = _number("out_of_sample.min_windows", min_windows, 1, 1e6)
        self.min_trades = _number("out_of_sample.min_trades", min_trades, 0, 1e9)
        self.min_sharpe = _number("out_of_sample.min_sharpe", min_sharpe, -100, 100)
        self.max_drawdown = _number("out_of_sample.max_drawdown", max_drawdown, 0, 100)
        self.min_efficiency = _number("out_of_sample.min_efficiency", min_efficiency, -100, 100)

    def judge(self, evidence: Evidence) -> GateAnswer:
        """Judge the newest walk-forward of the version's code and data."""
        run = evidence.runs.get("walkforward")
        if run is None:
            return _missing("out_of_sample", "a walk-forward", "workbench walkforward")
        figures = [
            _at_least("windows", run.metrics.get("windows"), self.min_windows),
            _at_least("trades out of sample", run.metrics.get("trades"), self.min_trades),
            _at_least("Sharpe out of sample", run.metrics.get("sharpe"), self.min_sharpe),
            _drawdown(run.metrics.get("max_drawdown"), self.max_drawdown),
            _at_least("walk-forward efficiency", run.metrics.get("efficiency"), self.min_efficiency),
        ]
        return _answer("out_of_sample", run, figures)


class OverfittingGate:
    """Not likely to be luck: probabilistic and deflated Sharpe ratio, backtest overfitting, and tests that were made.

    Judged by what the version's walk-forward knows of itself, and by the newest `workbench overfit` too where there is
    one: each has to pass. The deflated ratio is worked out anew for the trials of today. A high probability of backtest
    overfitting alone does not refuse where the set chosen in sample hardly ever loses money out of sample (`max_loss`):
    the sets are alike then. Tests by permutation and of superior predictive ability count where they were made.
    """

    def __init__(
        self,
        min_psr: float = 0.95,
        min_dsr: float = 0.9,
        max_pbo: float = 0.5,
        max_loss: float = 0.05,
        max_permutation_p: float = 0.15,
        max_spa_p: float = 0.1,
    ) -> None:
        self.min_psr = _number("overfitting.min_psr", min_psr, 0, 1)
        self.min_dsr = _number("overfitting.min_dsr", min_dsr, 0, 1)
        self.max_pbo = _number("overfitting.max_pbo", max_pbo, 0, 1)
        self.max_loss = _number("overfitting.max_loss", max_loss, 0, 1)
        self.max_permutation_p = _number("overfitting.max_permutation_p", max_permutation_p, 0, 1)
        self.max_spa_p = _number("overfitting.max_spa_p", max_spa_p, 0, 1)

    def judge(self, evidence: Evidence) -> GateAnswer:
        """Judge the version's walk-forward, and the newest overfit run of it."""
        walked, judged = evidence.runs.get("walkforward"), evidence.runs.get("overfit")
        if walked is None:
            return _missing("overfitting", "a walk-forward", "workbench walkforward")
        own = walked.metrics.get("overfit")
        if not isinstance(own, Mapping):
            reason = "it was recorded before runs knew how likely they are to be luck; run workbench walkforward again"
            return GateAnswer("overfitting", False, reason, run_id=walked.run_id)
        figures = self._figures(own, evidence.trials)
        if judged is not None:
            more = self._figures(judged.metrics, evidence.trials)
            figures += [replace(figure, name=f"{figure.name}, as judged") for figure in more]
        return _answer("overfitting", judged or walked, figures)

    def _figures(self, found: Mapping[str, Any], trials_now: int) -> list[Figure]:
        trials = max(trials_now, int(found.get("trials") or 1))
        figures = [
            _at_least("probabilistic Sharpe ratio", found.get("psr"), self.min_psr),
            _at_least(f"deflated Sharpe ratio, {trials} trials", _deflated(found, trials), self.min_dsr),
        ]
        if found.get("pbo") is not None:
            alike = _at_most("loss", found.get("pbo_loss"), self.max_loss).passed
            pbo = _at_most("probability of backtest overfitting", found.get("pbo"), self.max_pbo)
            told = f"{pbo.limit}, or a loss out of sample in at most {self.max_loss:g} of the halvings"
            figures.append(replace(pbo, limit=told, passed=pbo.passed or alike))
        for name, words, limit in (
            ("permutation_p", "permutation of bars, p", self.max_permutation_p),
            ("spa_p", "superior predictive ability, p", self.max_spa_p),
        ):
            if found.get(name) is not None:
                figures.append(_at_most(words, found.get(name), limit))
        return figures


class ParityGate:
    """A parity certificate: the order path, fed bar by bar, made the backtest's trades."""

    def judge(self, evidence: Evidence) -> GateAnswer:
        """Judge the newest proof of the version."""
        return _proof("parity", evidence, "parity")


class LiveAccountGate:
    """A live account. There is none yet: brokers that trade real money come with a later version."""

    def judge(self, evidence: Evidence) -> GateAnswer:
        """Refuse without a live account."""
        named = evidence.live_account
        figure = Figure("live account", named, "one that is connected", named is not None)
        reason = "" if named else "there is no live account; make one in the settings, as [accounts.NAME]"
        return GateAnswer("live_account", named is not None, reason, (figure,))


class ApprovalGate:
    """Somebody's approval."""

    def judge(self, evidence: Evidence) -> GateAnswer:
        """Refuse without an approval."""
        by = evidence.approved_by
        figure = Figure("approved by", by, "a person", by is not None)
        return GateAnswer("approval", by is not None, "" if by else "nobody approved it", (figure,))


def _is_paid(text: str) -> bool:
    """Whether a cost as it is written in the options is above 0."""
    return any(char in "123456789" for char in text)


def _proof(gate: str, evidence: Evidence, part: str) -> GateAnswer:
    run = evidence.runs.get("proof")
    if run is None:
        return _missing(gate, "a proof", "workbench prove")
    answer = run.metrics.get(part)
    passed = isinstance(answer, dict) and answer.get("passed") is True
    reason = "" if passed else str((answer or {}).get("reason") or f"the run has no answer on {part}")
    return GateAnswer(
        gate, passed, reason, (Figure(part, "passed" if passed else "failed", "passed", passed),), run.run_id
    )


def _missing(gate: str, what: str, command: str) -> GateAnswer:
    reason = f"there is no recorded run of {what} with this code, these parameters, costs and prices; run {command}"
    return GateAnswer(gate, False, reason)


def _answer(gate: str, run: RunRecord, figures: Sequence[Figure]) -> GateAnswer:
    short = [
        f"{f.name} {'not known' if f.value is None else f.value}, must be {f.limit}" for f in figures if not f.passed
    ]
    return GateAnswer(gate, not short, "; ".join(short), tuple(figures), run.run_id)


def _at_least(name: str, value: Any, limit: float) -> Figure:
    known = value if isinstance(value, int | float) else None
    passed = known is not None and known >= limit
    shown = round(known, 4) if isinstance(known, float) else known
    if shown is not None and not passed and shown >= limit:
        shown = known  # rounding must not make it look kept
    return Figure(name, shown, f"at least {limit:g}", passed)


def _at_most(name: str, value: Any, limit: float) -> Figure:
    known = value if isinstance(value, int | float) else None
    passed = known is not None and known <= limit
    shown = round(known, 4) if isinstance(known, float) else known
    if shown is not None and not passed and shown <= limit:
        shown = known  # rounding must not make it look kept
    return Figure(name, shown, f"at most {limit:g}", passed)


def _deflated(found: Mapping[str, Any], trials: int) -> float | None:
    """The deflated Sharpe ratio for so many trials, of figures that are annualised; None where one is missing."""
    names = ("sharpe", "sharpe_std", "bars", "skew", "kurtosis", "periods_per_year")
    known = [found.get(name) for name in names]
    if any(value is None for value in known):
        return None
    sharpe, spread, bars, skew, kurtosis, periods = (float(value or 0) for value in known)
    year = periods**0.5
    if trials > 1 and 2 * int(found.get("sharpes_known") or 0) < trials:  # as in `workbench overfit`
        spread = max(spread, (periods / bars) ** 0.5)
    return deflated_sharpe_ratio(sharpe / year, int(bars), skew, kurtosis, spread / year, trials)


def _drawdown(value: Any, limit: float) -> Figure:
    known = round(abs(value) * 100, 9) if isinstance(value, int | float) else None
    shown = None if known is None else round(known, 2)
    return Figure("maximum drawdown, %", shown, f"at most {limit:g}", known is not None and known <= limit)


def _number(name: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadInput(f"setting gates.{name}", value, f"must be a number from {low:g} to {high:g}")
    return float(value)
