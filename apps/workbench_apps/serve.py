"""Serving: the pages on a loopback address, until a signal or the end of stdin."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import warnings
from typing import Any

import panel as pn
from bokeh.server.server import Server
from bokeh.util.warnings import BokehUserWarning
from tornado.web import RedirectHandler

from workbench.bootstrap import Workbench
from workbench_apps.address import cannot_listen, check_address
from workbench_apps.jobs import Jobs
from workbench_apps.page import ROUTES, Page

JOB_PATIENCE = 5.0
"""Seconds that a job has at the end to keep what is done."""


def serve(bench: Workbench, host: str, port: int, *, until_stdin_closes: bool = False) -> None:
    """Serve the pages until SIGTERM, SIGINT or, where asked for, the end of stdin. Raises BadInput for a taken port."""
    check_address(host, port)
    bench.registry, bench.trading  # both made now, by one thread  # noqa: B018
    jobs = Jobs()
    server = _server(bench, host, port, jobs)
    loop = server.io_loop

    def stop(*_: Any) -> None:
        loop.add_callback(loop.stop)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.asyncio_loop.add_signal_handler(number, loop.stop)
    if until_stdin_closes:
        threading.Thread(target=_wait_for_stdin, args=(stop,), daemon=True, name="stdin").start()
    server.start()
    shown = "localhost" if host == "::1" else host
    sys.stdout.write(f"app: http://{shown}:{port}\n")
    sys.stdout.flush()
    try:
        loop.start()
    finally:
        server.stop()
        jobs.stop(JOB_PATIENCE)


def _server(bench: Workbench, host: str, port: int, jobs: Jobs) -> Server:
    from workbench_apps.monitor import MonitorPage
    from workbench_apps.promotion import PromotionPage
    from workbench_apps.research import ResearchPage
    from workbench_apps.signals import SignalsPage
    from workbench_apps.watch import Watch

    asyncio.set_event_loop(asyncio.new_event_loop())
    pn.extension("tabulator", notifications=False)
    # the browser sends a button that came later whole with its first click; the server has it already
    warnings.filterwarnings("ignore", "reference already known", BokehUserWarning)
    watch = Watch(bench)
    makers: dict[str, Any] = {
        "research": lambda: ResearchPage(bench, jobs),
        "promotion": lambda: PromotionPage(bench),
        "signals": lambda: SignalsPage(bench, watch),
        "monitor": lambda: MonitorPage(bench, watch),
    }

    def shown(make: Any) -> Any:
        def page() -> Any:
            made: Page = make()
            return made.template()

        return page

    try:
        return pn.io.server.get_server(
            {f"/{name}": shown(make) for name, make in makers.items()},
            port=port,
            address=host,
            websocket_origin=[f"127.0.0.1:{port}", f"localhost:{port}"],
            title={f"/{name}": f"{title} · Workbench" for name, title in ROUTES.items()},
            extra_patterns=[(r"/", RedirectHandler, {"url": "/research", "permanent": False})],
            use_index=False,
            show=False,
            start=False,
        )
    except OSError as error:
        raise cannot_listen(port, error) from None


def _wait_for_stdin(stop: Any) -> None:
    """Read stdin to its end, then stop."""
    with contextlib.suppress(OSError, ValueError):
        while os.read(0, 4096):  # not through the buffer, whose lock would be held at shutdown
            pass
    stop()
