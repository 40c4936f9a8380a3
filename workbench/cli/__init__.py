"""The shell: `workbench COMMAND …`.

Exit codes: 0 good, 1 the answer is no, 2 wrong use or bad input, 3 anything else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from workbench.errors import WorkbenchError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; messages go to stderr, the answer alone to stdout. Never a traceback without --debug."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    try:
        from workbench.cli.parser import run

        code = run([a for a in arguments if a != "--debug"])
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 3
    except KeyboardInterrupt:
        print("workbench: stopped", file=sys.stderr)  # noqa: T201
        return 3
    except WorkbenchError as error:
        if debug:
            raise
        print(f"workbench: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except Exception as error:
        if debug:
            raise
        text = " ".join(str(error).split())
        print(f"workbench: {type(error).__name__}: {text} (--debug shows where)", file=sys.stderr)  # noqa: T201
        return 3
