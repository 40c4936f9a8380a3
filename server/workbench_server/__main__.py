"""`python -m workbench_server`: serve one home, on this machine only."""

from __future__ import annotations

import argparse
import gc
import os
import socket
import sys
import threading

import uvicorn

from workbench import WorkbenchError, open_workbench
from workbench_server.app import create_app
from workbench_server.protocol import GuardedProtocol

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="workbench_server", description="The webhook server of one home.")
    parser.add_argument("--home", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8321)
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when whoever started it does")
    options = parser.parse_args()
    if options.host not in LOOPBACK:
        sys.stderr.write(f"--host {options.host}: refused until users exist; serve on 127.0.0.1\n")
        return 2
    try:
        app = create_app(open_workbench(options.home))
        gc.freeze()  # what is there now stays: looking through it all took a tenth of a second, with alerts waiting
    except WorkbenchError as error:
        sys.stderr.write(f"workbench_server: {error}\n")
        return error.exit_code
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # by its protocol, else asyncio leaves Nagle's algorithm on: a head then waits up to 40 ms for its body's turn
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, options.port))
    except OSError as error:
        listener.close()
        sys.stderr.write(f"--port {options.port}: is taken ({error.strerror}); choose another\n")
        return 2
    # paths hold tokens: no access log
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=GuardedProtocol,
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=30,
            limit_concurrency=1_000,
        )
    )
    if options.until_stdin_closes:

        def watch() -> None:
            while os.read(0, 4096):  # not through the buffer, whose lock would be held at shutdown
                pass
            server.should_exit = True

        threading.Thread(target=watch, daemon=True).start()
    listener.listen(1024)
    sys.stdout.write(f"server: http://{options.host}:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    server.run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
