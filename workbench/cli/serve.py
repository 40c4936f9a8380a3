"""Commands that stay up: serve, engine."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from types import FrameType

from workbench.bootstrap import Workbench
from workbench.cli.output import say
from workbench.cli.parser import whole_number
from workbench.cli.supervisor import Supervisor


def serve(options: argparse.Namespace, bench: Workbench) -> int:
    """Run engine, server and app until interrupted."""
    port = whole_number("--port", options.port) or 8321
    app_port = None if options.no_app else whole_number("--app-port", options.app_port)
    _ = bench.trading  # a home that cannot be written is refused before anything starts
    supervisor = Supervisor(bench.settings.home, host=options.host, port=port, app_port=app_port)
    signal.signal(signal.SIGTERM, _interrupt)
    with supervisor.running():
        for name, address in supervisor.addresses.items():
            say(f"{name}: {address}")
        say("Ctrl-C ends it; what was accepted is on disk and goes on at the next start")
        try:
            supervisor.watch()
        except KeyboardInterrupt:
            say("stopping")
    return 0


def engine(options: argparse.Namespace, bench: Workbench) -> int:
    """Trade the promoted strategies until interrupted."""
    from workbench.bootstrap.engine_room import open_engine

    stop = threading.Event()
    made, lease = open_engine(bench)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if options.until_stdin_closes:

        def watch() -> None:
            while os.read(0, 4096):  # not through the buffer, whose lock would be held at shutdown
                pass
            stop.set()

        threading.Thread(target=watch, daemon=True).start()
    say("engine: ready")
    lease.keep(stop)
    try:
        made.run(stop)
    finally:
        lease.release()
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
