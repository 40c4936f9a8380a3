"""The shell of the app: `python -m workbench_apps --home HOME --port PORT`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from workbench.errors import WorkbenchError
from workbench_apps.address import check_address

PORT = 8322


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the app; an error is one line on stderr."""
    parser = argparse.ArgumentParser(prog="workbench_apps", description="Serve the workbench's pages on this machine.")
    parser.add_argument("--home", help="folder that holds all state; $WORKBENCH_HOME unless given")
    parser.add_argument("--port", type=int, default=PORT, help=f"port to listen on; {PORT} unless given")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address; 127.0.0.1 unless given")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when stdin reaches its end")
    options = parser.parse_args(arguments)
    try:
        check_address(options.host, options.port)
        from workbench.bootstrap import open_workbench
        from workbench_apps.serve import serve

        serve(open_workbench(options.home), options.host, options.port, until_stdin_closes=options.until_stdin_closes)
    except WorkbenchError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
