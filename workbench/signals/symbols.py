"""Symbols: which of the traded symbols a sender's ticker names; what is not certain is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from workbench.errors import BadInput, UnknownName

_DELAYED = re.compile(r"_DLY?(?=:|$)", re.IGNORECASE)
_SIGNS = re.compile(r"[\s/_-]")


def symbol_of(
    ticker: str,
    symbols: Iterable[str],
    aliases: Mapping[str, str] | None = None,
    *,
    whose: str = "the strategy trades only these",
) -> str:
    """The symbol a ticker names among those a strategy trades, whatever its case.

    An alias decides first. Then the ticker as it stands; then without the mark of delayed prices (`_DL`, `_DLY`);
    then without its exchange; and last without the signs between its parts (BTC/USD, BTC-USD and BTCUSD are one).
    Raises UnknownName for one that is not among them, and BadInput where it could be several.
    """
    traded = list(symbols)
    written = _DELAYED.sub("", ticker.strip())
    for name, symbol in (aliases or {}).items():
        if name.casefold() in (ticker.strip().casefold(), written.casefold()):
            ticker = written = symbol
            break
    for wanted in (ticker.strip(), written, written.rpartition(":")[2]):
        found = [symbol for symbol in traded if symbol.casefold() == wanted.casefold()]
        if found:
            return _only(ticker, found)
    bare = _bare(written.rpartition(":")[2])
    exchange = written.rpartition(":")[0]
    found = [symbol for symbol in traded if bare and _bare(symbol.rpartition(":")[2]) == bare]
    if exchange:  # a symbol that names its own exchange has to be that one
        found = [s for s in found if not s.rpartition(":")[0] or s.rpartition(":")[0].casefold() == exchange.casefold()]
    if not found:
        raise UnknownName("alert ticker", ticker, traded, whose)
    return _only(ticker, found)


def _only(ticker: str, found: list[str]) -> str:
    if len(found) > 1:
        raise BadInput("alert ticker", ticker, f"could be {' or '.join(found)}", "write it as one of these")
    return found[0]


def _bare(symbol: str) -> str:
    return _SIGNS.sub("", symbol).casefold()
