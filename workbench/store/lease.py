"""Lease: which process may send the orders of a home."""

from __future__ import annotations

import os
import socket
import sys
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, exists, select, update

from workbench.errors import LeaseLost, Refused, WorkbenchError
from workbench.model import new_id
from workbench.store import trading_tables as t
from workbench.store.trading import TradingDatabase, wall


@dataclass
class Lease:
    """One holder at a time, for `seconds` at most without being renewed.

    A holder that died on this machine is taken over from at once; one that only fell silent when its time is up.
    """

    database: TradingDatabase
    name: str
    seconds: float = 10.0
    holder: str = ""

    def take(self) -> None:
        """Become the holder. Raises Refused naming the process that is."""
        holder = self.holder or new_id()
        with self.database.transaction() as connection:
            row = connection.execute(select(t.leases).where(t.leases.c.name == self.name)).one_or_none()
            now = wall()
            if row is not None and row.holder != holder and row.until > now and not _is_dead(row.host, row.pid):
                raise Refused(
                    f"{self.name} of this home runs already, as process {row.pid} on {row.host}; "
                    "stop it, or choose another home with WORKBENCH_HOME"
                )
            values = {"holder": holder, "host": socket.gethostname(), "pid": os.getpid(), "until": self._until(now)}
            if row is None:
                connection.execute(t.leases.insert().values(name=self.name, **values))
            else:
                connection.execute(update(t.leases).where(t.leases.c.name == self.name).values(**values))
        self.holder = holder

    def renew(self) -> None:
        """Hold it for another while, also where it ran out and nobody took it. Raises LeaseLost where another did."""
        mine = (t.leases.c.name == self.name) & (t.leases.c.holder == self.holder)
        with self.database.transaction() as connection:
            done = connection.execute(update(t.leases).where(mine).values(until=self._until(wall())))
        if done.rowcount != 1:
            raise LeaseLost(f"the lease {self.name} is no longer held by this process: it was taken over")

    def keep(self, stop: threading.Event) -> None:
        """Renew it in a thread until told to stop: a strategy that thinks for long must not lose it."""

        def renew() -> None:
            while not stop.wait(self.seconds / 4):
                try:
                    self.renew()
                except LeaseLost:  # whoever sends next finds out, and says so
                    return
                except WorkbenchError:  # a busy file: again in a while
                    continue

        threading.Thread(target=renew, name=f"lease {self.name}", daemon=True).start()

    def release(self) -> None:
        """Give it back, where it is still held."""
        with self.database.transaction() as connection:
            connection.execute(delete(t.leases).where(t.leases.c.name == self.name, t.leases.c.holder == self.holder))

    def is_held(self) -> bool:
        """Whether anybody holds it now."""
        with self.database.reading() as connection:
            row = connection.execute(select(t.leases).where(t.leases.c.name == self.name)).one_or_none()
        return row is not None and row.until > wall() and not _is_dead(row.host, row.pid)

    def held(self, now: datetime) -> dict[str, object]:
        """The values that `HELD` asks for."""
        return {"lease": self.name, "holder": self.holder, "lease_at": now}

    def _mine(self, now: datetime) -> ColumnElement[bool]:
        return (t.leases.c.name == self.name) & (t.leases.c.holder == self.holder) & (t.leases.c.until > now)

    def _until(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.seconds)


HELD = exists().where(
    t.leases.c.name == bindparam("lease"),
    t.leases.c.holder == bindparam("holder"),
    t.leases.c.until > bindparam("lease_at", type_=t.leases.c.until.type),
)
"""The condition, for a statement, that a lease is held at a moment; its values come from `Lease.held`."""


def _is_dead(host: str, pid: int) -> bool:
    """Whether a process of this machine is gone for certain; elsewhere only time can tell."""
    if host != socket.gethostname() or sys.platform == "win32":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
