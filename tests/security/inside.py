"""Inside: the server in a thread of this process, so that a test can break a part of it on purpose."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from workbench_server.app import create_app
from workbench_server.protocol import GuardedProtocol

from tests.security.fort import Fort, until
from workbench import open_workbench


@contextmanager
def served_inside(fort: Fort) -> Iterator[Fort]:
    """Serve a fort's home from a thread; the rest is as in the process."""
    bench = open_workbench(fort.path)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    fort.port = listener.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(bench), http=GuardedProtocol, access_log=False, log_config=None, server_header=False,
            proxy_headers=False, timeout_keep_alive=30, limit_concurrency=1_000,
        )
    )  # fmt: skip
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        until(lambda: server.started, what="the server inside")
        yield fort
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        bench.trading.database.close()
