"""The app factory: routes, and what each answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from workbench import Workbench, WorkbenchError, __version__
from workbench.errors import BadInput
from workbench.ports import Hook, Receipt
from workbench.signals import Alert, parse_alert, symbol_of
from workbench_server.group_commit import GroupCommit

MOST_BYTES = 65_536
"""The largest body of an alert."""


class Accepted(BaseModel):
    """What an alert became: the id of its signal, and the signal's status."""

    signal_id: str
    status: str = Field(description="received; for a repeat what became of it: ordered, denied, ignored or refused")


class Problem(BaseModel):
    """Why a request was not taken."""

    detail: str


class Health(BaseModel):
    """How the home is."""

    status: str = Field(description="ok, or degraded where no engine trades or a panic is in force")
    version: str
    engine: bool = Field(description="whether an engine holds the lease")
    halted: bool = Field(description="whether a panic is in force")
    database: str


class Alive(BaseModel):
    """One word."""

    status: str


_PROBLEMS: dict[int | str, dict[str, Any]] = {
    200: {"model": Accepted, "description": "a repeat: the first one's id"},
    404: {"model": Problem, "description": "no such hook"},
    409: {"model": Problem, "description": "another alert has this id and asks for something else"},
    413: {"model": Problem, "description": f"larger than {MOST_BYTES} bytes"},
    422: {"model": Problem, "description": "the alert's meaning is not certain"},
    503: {"model": Problem, "description": "it could not be kept; send it again"},
}
_BODY = {
    "required": True,
    "description": "A TradingView alert: a JSON object, whatever the content type says.",
    "content": {
        kind: {
            "schema": {
                "type": "object",
                "required": ["ticker", "action"],
                "properties": {
                    "ticker": {"type": "string", "example": "NASDAQ:AAPL"},
                    "action": {"type": "string", "enum": ["buy", "sell", "short", "exit"]},
                    "market_position": {"type": "string", "enum": ["long", "short", "flat"]},
                    "quantity": {"type": "string", "example": "10"},
                    "price": {"type": "string"},
                    "time": {"type": "string", "format": "date-time"},
                    "alert_id": {"type": "string"},
                },
            }
        }
        for kind in ("application/json", "text/plain")
    },
}


def create_app(bench: Workbench) -> FastAPI:
    """The server of one home."""
    desk = bench.trading
    commits = GroupCommit(desk.inbox)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        commits.start()
        yield
        commits.stop()

    app = FastAPI(title="Workbench", version=__version__, lifespan=life, docs_url="/docs", redoc_url=None)

    @app.post(
        "/hooks/{token}",
        status_code=202,
        response_model=Accepted,
        responses=_PROBLEMS,
        openapi_extra={"requestBody": _BODY},
        summary="Take an alert",
    )
    async def take_alert(token: str, request: Request) -> JSONResponse:
        """Take an alert: answered once it is on disk; the same alert again is answered with the first one's id."""
        hook = desk.inbox.hook(token)
        if hook is None:
            raise HTTPException(404)
        body = await _body(request)
        try:
            alert = parse_alert(body)
            _check_symbol(hook, alert)
        except BadInput as error:
            raise HTTPException(422, str(error).encode(errors="backslashreplace").decode()) from None
        try:
            kept = await commits.keep(
                Receipt(hook, alert.key, alert.meaning, body.decode("utf-8-sig"), alert.to_dict())
            )
        except WorkbenchError as error:
            raise HTTPException(503, f"it could not be kept: {error}") from None
        if kept.conflict:
            raise HTTPException(
                409, f"id {alert.key} belongs to another alert, {kept.signal_id}, which asks for something else"
            )
        answer = Accepted(signal_id=kept.signal_id, status=kept.status)
        return JSONResponse(answer.model_dump(), 200 if kept.is_repeat else 202)

    def _check_symbol(hook: Hook, alert: Alert) -> None:
        """Refuse a ticker that the hook's strategy does not trade, where that is known already."""
        symbols = desk.symbols_of(hook.strategy)
        if symbols:
            symbol_of(alert.ticker, symbols)

    @app.get("/health", response_model=Health, summary="How the home is")
    def health() -> JSONResponse:
        """Whether the file can be read, an engine trades, and no panic is in force."""
        try:
            fence, engine = desk.fence.now(), desk.engine_runs()
        except WorkbenchError as error:
            broken = Health(status="broken", version=__version__, engine=False, halted=False, database=str(error))
            return JSONResponse(broken.model_dump(), 503)
        status = "ok" if engine and not fence.halted else "degraded"
        found = Health(status=status, version=__version__, engine=engine, halted=fence.halted, database="ok")
        return JSONResponse(found.model_dump())

    @app.get("/health/live", response_model=Alive, summary="Whether this process answers")
    def live() -> Alive:
        """Always ok: a supervisor starts the process again where nothing comes."""
        return Alive(status="ok")

    @app.get("/health/ready", response_model=Alive, responses={503: {"model": Alive}}, summary="Whether alerts trade")
    def ready() -> JSONResponse:
        """200 where an engine trades and no panic is in force, else 503."""
        answer = health()
        status = str(json.loads(bytes(answer.body))["status"])
        return JSONResponse({"status": status}, 200 if status == "ok" else 503)

    @app.get("/health/detailed", summary="Engine, fence and every session")
    def detailed() -> dict[str, Any]:
        """The state of each session, its clock and how many bars it traded."""
        return desk.status()

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": f"something inside went wrong ({type(error).__name__})"}, 500)

    return app


async def _body(request: Request) -> bytes:
    """The body, up to the limit, whatever its headers say."""
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > MOST_BYTES:
            raise HTTPException(413, f"an alert has at most {MOST_BYTES} bytes")
    return bytes(found)
