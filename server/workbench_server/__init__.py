"""The server of a home: webhooks in, health out. Thin routes; the engine trades in another process."""

from workbench_server.app import create_app

__all__ = ["create_app"]
