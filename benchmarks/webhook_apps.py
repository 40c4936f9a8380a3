"""The servers that `webhooks.py` compares: ours, ours without the disk, and an ORM session a request.

Run as `python benchmarks/webhook_apps.py KIND HOME`; prints its address, ends with stdin.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
import workbench_server.app
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from sqlalchemy import DateTime, String, Text, UniqueConstraint, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from starlette.concurrency import run_in_threadpool
from workbench_server.app import create_app
from workbench_server.protocol import GuardedProtocol

from workbench import open_workbench
from workbench.model import new_id
from workbench.ports import Kept, Receipt
from workbench.signals import Incoming
from workbench.store import Inbox


class NoDisk(Inbox):
    """Keeps nothing: what parsing, validating and the HMAC alone cost, in the very same server."""

    def keep(self, receipts: Sequence[Receipt]) -> list[Kept]:
        """Say that all were new."""
        return [Kept(new_id(), (new_id(),), "received") for _ in receipts]


class _Base(DeclarativeBase):
    pass


class _Row(_Base):
    __tablename__ = "alerts"
    __table_args__ = (UniqueConstraint("source", "key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    signal_id: Mapped[str] = mapped_column(String(36))
    source: Mapped[str] = mapped_column(String)
    key: Mapped[str] = mapped_column(String)
    status: Mapped[str] = mapped_column(String)
    received_at: Mapped[datetime] = mapped_column(DateTime)
    body: Mapped[str] = mapped_column(Text)
    alert: Mapped[str] = mapped_column(Text)


def orm_app(home: Path) -> FastAPI:
    """The usual design: the same checks, then a session of its own for each request, committed before the answer."""
    bench = open_workbench(home)
    doors = bench.trading.webhooks.doors
    engine = create_engine(f"sqlite:///{home / 'orm.db'}", connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def full(connection: object, _: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[attr-defined]
        connection.execute("PRAGMA synchronous=FULL")  # type: ignore[attr-defined]

    _Base.metadata.create_all(engine)
    sessions = sessionmaker(engine)
    app = FastAPI()

    def keep(receipt: Receipt) -> tuple[str, bool]:
        session: Session
        with sessions() as session:
            known = session.scalar(select(_Row).where(_Row.source == receipt.source, _Row.key == receipt.key))
            if known is not None:
                return known.signal_id, True
            row = _Row(
                signal_id=new_id(), source=receipt.source, key=receipt.key, status="received",
                received_at=datetime.now(UTC), body=receipt.body, alert=json.dumps(receipt.signals[0].alert),
            )  # fmt: skip
            session.add(row)
            session.commit()
            return row.signal_id, False

    @app.post("/hooks/{token}", status_code=202)
    async def take(token: str, request: Request) -> JSONResponse:
        door = doors.find(token)
        if door is None:
            raise HTTPException(404)
        message = Incoming(await request.body(), "127.0.0.1", datetime.now(UTC), dict(request.headers))
        signal_id, is_repeat = await run_in_threadpool(keep, door.receive(message, token))
        return JSONResponse({"signal_id": signal_id, "status": "received"}, 200 if is_repeat else 202)

    return app


def main() -> None:
    """Serve one of them."""
    kind, home = sys.argv[1], Path(sys.argv[2])
    bench = open_workbench(home)
    if kind == "bare":
        workbench_server.app.Inbox = NoDisk
    app = orm_app(home) if kind == "orm" else create_app(bench)
    gc.freeze()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    server = uvicorn.Server(
        uvicorn.Config(app, http=GuardedProtocol, access_log=False, log_level="warning", proxy_headers=False)
    )

    def watch() -> None:
        while os.read(0, 4096):
            pass
        server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()
    sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
