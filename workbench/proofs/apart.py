"""Apart: a strategy asked in a process of its own, which is shown bars stretch by stretch and never a later one.

A strategy that keeps what it saw outside itself, in its module or a cache, would answer from memory where this process
has seen the whole history. `python -m workbench.proofs.apart` is the other process; both speak pickles over pipes.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from workbench.errors import StrategyFault, WorkbenchError
from workbench.strategy import Bars, Columns, Strategy, load_strategy_file

FIELDS = ("times", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Locator:
    """Where another process finds a strategy: `package.module:Class`, or a file when `is_file`."""

    reference: str
    is_file: bool


class Apart:
    """Asks a strategy in another process, on ever longer beginnings of one symbol's bars."""

    def __init__(self, strategy: Strategy, locator: Locator, bars: Bars) -> None:
        self._bars, self._shown = bars, 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "workbench.proofs.apart"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._send((list(sys.path), locator.reference, locator.is_file, dict(strategy.params), bars.symbol))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.kill()
        self._process.wait()

    def answer(self, length: int) -> Columns:
        """The answer on the first `length` bars; lengths must not fall. Raises StrategyFault as the strategy did."""
        self._send({name: getattr(self._bars, name)[self._shown : length] for name in FIELDS})
        self._shown = length
        try:
            found = pickle.load(self._out)
        except EOFError:
            name = self._bars.symbol
            raise StrategyFault("strategy", name, f"ended the process it was asked in, on {length} bars") from None
        if isinstance(found, WorkbenchError):
            raise found
        return _unpacked(found, length)

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None
        try:
            pickle.dump(message, self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the other side has gone: reading its answer says so

    @property
    def _out(self) -> BinaryIO:
        assert self._process.stdout is not None
        return self._process.stdout  # type: ignore[return-value]


def _packed(answer: Columns) -> tuple[bytes, dict[str, Any]]:
    """An answer small enough for thousands of them: flags as bits, numbers only where there are any."""
    flags = np.packbits(np.stack([answer.entries, answer.exits, answer.short_entries, answer.short_exits]), axis=1)
    numbers = {
        n: getattr(answer, n) for n in ("size", "stop", "target", "trail") if not np.isnan(getattr(answer, n)).all()
    }
    return flags.tobytes(), numbers


def _unpacked(message: tuple[bytes, Mapping[str, Any]], length: int) -> Columns:
    bits, numbers = message
    flags = np.unpackbits(np.frombuffer(bits, np.uint8).reshape(4, -1), axis=1, count=length).astype(np.bool_)
    blank = np.full(length, np.nan)
    return Columns(*flags, *(numbers.get(name, blank) for name in ("size", "stop", "target", "trail")))


def _serve(source: BinaryIO, sink: BinaryIO) -> None:
    """The other process: find the strategy, then answer on what has been shown, until the pipe closes."""
    path, reference, is_file, params, symbol = pickle.load(source)
    sys.path[:] = path
    strategy: Strategy | None = None
    fault: WorkbenchError | None = None
    try:
        if is_file:
            strategy = load_strategy_file(reference)(**params)
        else:
            module, _, name = reference.partition(":")
            strategy = getattr(__import__(module, fromlist=[name]), name)(**params)
    except WorkbenchError as error:
        fault = error
    shown: dict[str, Any] = {name: np.empty(0) for name in FIELDS}
    while True:
        try:
            more = pickle.load(source)
        except EOFError:
            return
        shown = {name: np.concatenate([shown[name], more[name]]) for name in FIELDS}
        found: Any = fault
        if strategy is not None:
            try:
                found = _packed(strategy.answer(Bars(**shown, symbol=symbol)))
            except WorkbenchError as error:
                found = error
        pickle.dump(found, sink, pickle.HIGHEST_PROTOCOL)
        sink.flush()


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever the strategy prints must not get between the answers
    _serve(sys.stdin.buffer, answers)
