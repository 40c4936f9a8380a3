"""The app factory: routes, and what each answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.types import Receive, Scope, Send

from workbench import Workbench, WorkbenchError, __version__
from workbench.store import Inbox, TradingDatabase
from workbench_server.alerts import MOST_BYTES, AlertDoor
from workbench_server.group_commit import GroupCommit
from workbench_server.guard import Proxies
from workbench_server.protocol import BODY_SECONDS

LOCK_SECONDS = 0.05
"""How long the event loop waits for another writer of the file, before a thread does."""


class Accepted(BaseModel):
    """What an alert became: its id, and the ids of its signals; `signal_id` and `status` are the first's."""

    signal_id: str
    status: str = Field(description="received; for a repeat what became of it: ordered, denied, ignored or refused")
    alert_id: str
    signal_ids: list[str]


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


_ANSWERS = {
    "202": ("Accepted", "on disk"),
    "200": ("Accepted", "a repeat: the first one's ids"),
    "404": ("Problem", "no such hook, or not from you: which one is not told"),
    "405": ("Problem", "an alert is posted"),
    "408": ("Problem", f"its body took longer than {BODY_SECONDS:.0f} seconds"),
    "409": ("Problem", "another alert has this id and asks for something else"),
    "413": ("Problem", f"larger than {MOST_BYTES} bytes"),
    "415": ("Problem", "compressed"),
    "422": ("Problem", "the alert's meaning is not certain"),
    "429": ("Problem", "too many; see Retry-After"),
    "503": ("Problem", "it could not be kept; send it again"),
}
_BODY = {
    "required": True,
    "description": "An alert in the format of its hook, whatever the content type says.",
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
_TAKE_ALERT = {
    "summary": "Take an alert",
    "description": "Answered once it is on disk; the same alert again is answered with the first one's ids.",
    "operationId": "take_alert",
    "parameters": [{"name": "token", "in": "path", "required": True, "schema": {"type": "string"}}],
    "requestBody": _BODY,
    "responses": {
        status: {
            "description": words,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{model}"}}},
        }
        for status, (model, words) in _ANSWERS.items()
    },
}


class Server(FastAPI):
    """FastAPI, with the alerts' door in front of it: its middlewares and routing take longer than an alert itself."""

    def __init__(self, door: AlertDoor, **options: Any) -> None:
        super().__init__(**options)
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take an alert, or hand the request on."""
        if scope["type"] == "http" and scope["path"].startswith("/hooks/"):
            await self._door(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(bench: Workbench) -> FastAPI:
    """The server of one home."""
    desk = bench.trading
    settings = bench.settings
    # a connection of their own: what holds the event loop waits for nobody
    quick = TradingDatabase(settings.home / "trading.db", lock_timeout=LOCK_SECONDS)
    commits = GroupCommit(Inbox(quick), desk.inbox)
    door = AlertDoor(
        desk.webhooks.doors, desk.inbox, commits, Proxies(settings.trusted_proxies), settings.alerts_a_minute
    )

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        yield
        commits.stop()
        quick.close()

    app = Server(door, title="Workbench", version=__version__, lifespan=life, docs_url="/docs", redoc_url=None)

    def schema() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version=app.version, routes=app.routes)
            found["paths"]["/hooks/{token}"] = {"post": _TAKE_ALERT}
            models = found.setdefault("components", {}).setdefault("schemas", {})
            for model in (Accepted, Problem):
                models[model.__name__] = model.model_json_schema()
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = schema  # type: ignore[method-assign]

    @app.get("/health", response_model=Health, responses={503: {"model": Health}}, summary="How the home is")
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
