"""Books: every account's ledger, by heading, strategy and symbol, and its last entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.bootstrap import Workbench
from workbench_apps import parts
from workbench_apps.theme import NONE, amount, clock, escape, number

ENTRIES = 50
"""So many of the last entries are shown."""


def ledgers(bench: Workbench) -> list[dict[str, Any]]:
    """The books of every account; none where there is no account."""
    return bench.trading.by_hand.ledger(last=ENTRIES) if bench.trading.session_book.accounts() else []


def books_html(found: Sequence[Mapping[str, Any]]) -> str:
    """The books as HTML."""
    if not found:
        return parts.empty("No books yet. They begin with the first account.", "workbench serve")
    return "".join(_ledger(ledger) for ledger in found)


def _ledger(ledger: Mapping[str, Any]) -> str:
    currency = ledger["currency"]
    balanced = parts.pill("good", "✓ balanced") if ledger["balanced"] else (
        parts.pill("bad", f"✗ off by {ledger['off_by']} {currency}")
    )  # fmt: skip
    figures = [
        ("Equity", amount(ledger["equity"], currency)),
        ("Cash", amount(ledger["cash"], currency)),
        ("Realised, at average cost", amount(ledger["realised_average"], currency)),
        ("Realised, first in first out", amount(ledger["realised_fifo"], currency)),
        ("Fees", amount(ledger["fees"], currency)),
    ]
    kinds = ("realised_average", "realised_fifo", "fees", "holding_at_cost")
    strategies = [(escape(s["strategy"]), *(number(s[kind]) for kind in kinds)) for s in ledger["strategies"]]
    balances = [
        (b["heading"], *(escape(b[key]) or NONE for key in ("strategy", "symbol")), amount(b["amount"], b["currency"]))
        for b in ledger["balances"]
    ]
    entries = [
        (
            clock(entry["time"], zone=False), escape(entry["what"]), escape(entry["subject"]), entry["settles"] or NONE,
            "<br>".join(
                f'{p["heading"]} {number(p["amount"])} <span class="muted">{escape(_whose(p))}</span>'
                for p in entry["postings"]
            ),
        )
        for entry in reversed(ledger["entries"])
    ]  # fmt: skip
    return (
        f'<div class="card books"><h3 class="wrap">{escape(ledger["account"])} {balanced}</h3>{parts.tiles(figures)}'
        f"<h4>By strategy</h4>"
        f"{_or_none(('Strategy', 'Realised (average)', 'Realised (FIFO)', 'Fees', 'Held at cost'), strategies)}"
        f"<h4>Balances</h4>"
        f'<p class="muted small">Positive: the account has it, or spent it. Together they are nothing.</p>'
        f"{_or_none(('Heading', 'Strategy', 'Symbol', 'Amount'), balances)}"
        f"<h4>The last {len(entries)} entries, newest first</h4>"
        f"{_or_none(('Time (session clock, UTC)', 'What', 'Subject', 'Settles', 'Postings'), entries)}</div>"
    )


def _whose(posting: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (posting["strategy"], posting["symbol"])))


def _or_none(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return parts.table(titles, rows) if rows else '<p class="muted small">None yet.</p>'
