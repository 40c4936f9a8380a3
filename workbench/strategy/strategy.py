"""Strategy: typed parameters and one causal method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from workbench.errors import BadInput, StrategyFault, UnknownName, WorkbenchError
from workbench.model import SizeRequest
from workbench.strategy.bars import Bars
from workbench.strategy.param import Param
from workbench.strategy.signals import Columns, Signals


class Strategy(ABC):
    """A trading rule; subclass it, declare parameters with `Param`, and answer `signals`.

    Class attributes a subclass may set: `size`, the sizer an entry uses unless the run says otherwise (all cash);
    `stop`, `target`, `trail`, levels in percent of the fill price, None for none; `fill_at`, "open" for fills at the
    next bar's open, "close" for fills at the close a signal was seen at. `warmup` declares how many bars the answer
    needs before it can be trusted; the warm-up proof measures whether that is enough.

    An instance never changes: `replace` makes another.
    """

    size: ClassVar[str | SizeRequest] = "all"
    stop: ClassVar[float | None] = None
    target: ClassVar[float | None] = None
    trail: ClassVar[float | None] = None
    fill_at: ClassVar[str] = "open"

    params: Mapping[str, Any]
    _declared: ClassVar[dict[str, Param[Any]]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for param in cls.declared().values():
            param.check(param.default)

    def __init__(self, **values: Any) -> None:
        declared = self.declared()
        for name in values:
            if name not in declared:
                raise UnknownName(f"parameter of {type(self).__name__}", name, declared)
        own = self.__dict__
        own["params"] = {name: param.check(values.get(name, param.default)) for name, param in declared.items()}
        own.update(own["params"])  # found without a call: a sweep reads them thousands of times
        try:
            self.check()
        except WorkbenchError:
            raise
        except ValueError as error:
            shown = ", ".join(f"{name}={value}" for name, value in self.params.items())
            raise BadInput(f"parameters of {type(self).__name__}", shown, str(error), "change one of them") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "params" or name in self.declared():
            raise AttributeError(f"parameter {name} is fixed once the strategy is made; make another with replace()")
        super().__setattr__(name, value)

    @abstractmethod
    def signals(self, bars: Bars) -> Signals:
        """The answer over all bars given; row t may depend on bars up to t only."""

    def check(self) -> None:  # noqa: B027 - a strategy need not have a cross-check
        """Check parameters against each other; raise ValueError saying what must hold ("fast must be below slow")."""

    @property
    def warmup(self) -> int | None:
        """How many bars the answer needs; None leaves it to the warm-up proof to measure."""
        return None

    @classmethod
    def declared(cls) -> dict[str, Param[Any]]:
        """The parameters declared by the class and its bases, in the order written."""
        if "_declared" in vars(cls):
            return dict(vars(cls)["_declared"])
        found: dict[str, Param[Any]] = {}
        for base in reversed(cls.__mro__):
            for name, value in vars(base).items():
                if isinstance(value, Param):
                    found[name] = value
                else:
                    found.pop(name, None)
        cls._declared = found  # classes do not change once they are used; a sweep asks thousands of times
        return dict(found)

    def replace(self, **values: Any) -> Self:
        """The same strategy with some parameters changed."""
        return type(self)(**{**self.params, **values})

    def answer(self, bars: Bars) -> Columns:
        """The checked answer of a fresh instance, so that nothing kept on `self` leaks from one call to the next.

        Raises StrategyFault that names the strategy and what was wrong, whatever it raised.
        """
        return self.replace().ask(bars).columns(len(bars), type(self).__name__)

    def ask(self, bars: Bars) -> Signals:
        """The answer of this instance as it was given, not checked yet; for who asks an instance once. Raises as above.
        """  # fmt: skip
        name = type(self).__name__
        try:
            given = self.signals(bars)
        except WorkbenchError:
            raise
        except (Exception, SystemExit) as error:
            raise StrategyFault(
                f"strategy {name}", f"on {len(bars)} bars", f"raised {type(error).__name__}: {error}"
            ) from error
        if not isinstance(given, Signals):
            raise StrategyFault(f"strategy {name}", type(given).__name__, "was returned", "return workbench.Signals(…)")
        return given

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.params.items())})"
