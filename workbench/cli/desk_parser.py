"""The commands of the trading desk and their options; nothing heavy is imported here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def desk_commands(
    commands: Any, command: Callable[..., argparse.ArgumentParser], kind: type[argparse.ArgumentParser]
) -> None:
    """Add them to the shell's parser."""
    command(commands, "stages", "where every strategy stands, and what it misses for the next stage", "desk:stages")
    _moving(command(commands, "promote", "move a strategy up a stage, on recorded evidence", "desk:promote"), True)
    _moving(command(commands, "demote", "move a strategy down, pause or retire it", "desk:demote"), False)

    lists = (
        ("orders", "orders, each with its history"),
        ("fills", "fills"),
        ("positions", "positions at their last marks"),
        ("accounts", "accounts with their equity and sessions"),
    )
    for name, summary in lists:
        listed = command(commands, name, summary, f"desk:{name}")
        if name in ("orders", "fills"):
            listed.add_argument("--last", metavar="N", help="only the last N")
        if name in ("orders", "fills", "positions"):
            listed.add_argument("--account", metavar="A", help="of this account only")

    command(commands, "status", "the panic fence, the engine and the sessions", "desk:status")
    panic = command(commands, "panic", "stop everything: cancel, close, take nothing new", "desk:panic")
    panic.add_argument("--reason", metavar="TEXT", help="why, for the record")
    resume = command(commands, "resume", "let strategies trade again after a panic", "desk:resume")
    resume.add_argument("--confirm", action="store_true", help="say that it is meant")

    serve = command(commands, "serve", "run engine, webhook server and app of this home", "serve:serve")
    serve.add_argument("--host", default="127.0.0.1", help="only this machine is served (default 127.0.0.1)")
    serve.add_argument("--port", default="8321", metavar="N", help="of the webhook server (default 8321)")
    app = serve.add_mutually_exclusive_group()
    app.add_argument("--app-port", default="8322", metavar="N", help="of the app (default 8322)")
    app.add_argument("--no-app", action="store_true", help="without the app")
    engine = command(commands, "engine", "trade the promoted strategies (serve starts this)", "serve:engine")
    engine.add_argument("--home", metavar="DIR", help="instead of $WORKBENCH_HOME")
    engine.add_argument("--until-stdin-closes", action="store_true", help="end when whoever started it does")


def _moving(command: argparse.ArgumentParser, is_promotion: bool) -> None:
    command.add_argument("strategy", metavar="STRATEGY", help="its name, or path/to/file.py:Class")
    command.add_argument("--run", required=is_promotion, metavar="ID", help="the recorded run it rests on")
    command.add_argument("--to", required=True, metavar="STAGE", help="backtested, walk-forward, paper, paused, …")
    command.add_argument("--reason", metavar="TEXT", help="why, for the record")
