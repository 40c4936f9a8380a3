"""How long the panic fence takes to go up among fifty threads that write and authorise orders; docs/benchmarks.md.

python benchmarks/panic.py [--json] [--rounds 20] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from workbench.model import Order, OrderState, Side
from workbench.ports import Verdict
from workbench.store import FenceBook, Lease, SqlOrderRepository, TradingDatabase

WRITERS = 50
NOW = datetime(2024, 1, 2, tzinfo=UTC)


def measure(folder: Path, rounds: int) -> list[float]:
    """Milliseconds from asking for the fence to its commit, each among fifty writers."""
    database = TradingDatabase(folder / "trading.db")
    lease = Lease(database, "engine", seconds=3_600)
    lease.take()
    repository, fence, found = SqlOrderRepository(database, lease), FenceBook(database), []
    for nth in range(rounds):
        stop, begun = threading.Event(), threading.Semaphore(0)

        def write(
            writer: int, nth: int = nth, stop: threading.Event = stop, begun: threading.Semaphore = begun
        ) -> None:
            made = 0
            while not stop.is_set():
                name = f"{nth}-{writer}-{made}"
                made += 1
                order = Order("g", name, "s", "a", f"X{writer}", Side.BUY, Decimal(1), NOW, state=OrderState.READY)
                repository.add_order(order, [Verdict("r", "allow")], NOW)
                repository.authorise(order, NOW)
                begun.release()

        writers = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
        for thread in writers:
            thread.start()
        for _ in range(WRITERS):
            begun.acquire()
        began = time.perf_counter()
        epoch = fence.halt("benchmark", "benchmark")
        found.append((time.perf_counter() - began) * 1000)
        stop.set()
        for thread in writers:
            thread.join()
        fence.set_flat(epoch)
        fence.resume("benchmark")
    database.close()
    return sorted(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--rounds", type=int, default=20, help="how often it goes up (default 20)")
    parser.add_argument("--folder", help="where the database is made: the disk that counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = measure(Path(folder), max(1, options.rounds))
    told = {"writers": WRITERS, "rounds": len(found), "p50_ms": round(found[len(found) // 2], 1),
            "max_ms": round(found[-1], 1)}  # fmt: skip
    print(json.dumps(told) if options.json else told)  # noqa: T201


if __name__ == "__main__":
    main()
