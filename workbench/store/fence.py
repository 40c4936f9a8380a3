"""The panic fence on file: one transaction stops everything that was decided before it."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from workbench.errors import Refused
from workbench.ports import Fence
from workbench.store import trading_tables as t
from workbench.store.journal import write
from workbench.store.trading import TradingDatabase, wall


class FenceBook:
    """Raises and lowers the fence; the engine does what follows behind it."""

    def __init__(self, database: TradingDatabase) -> None:
        self._database = database

    def now(self) -> Fence:
        """The fence as it stands."""
        with self._database.reading() as connection:
            return read_fence(connection)

    def is_flat(self) -> bool:
        """Whether everything was seen flat since it was raised."""
        with self._database.reading() as connection:
            return connection.scalar(select(t.fence.c.flat_at)) is not None

    def halt(self, reason: str, by: str) -> int:
        """Raise it: the epoch that now counts. Nothing decided under an older one is sent from here on."""
        with self._database.urgent(), self._database.transaction() as connection:
            epoch = read_fence(connection).epoch + 1
            values = {"epoch": epoch, "halted": True, "reason": reason, "by": by, "at": wall(), "flat_at": None}
            connection.execute(update(t.fence).values(**values))
            write(connection, "panic", str(epoch), wall(), reason=reason, by=by)
        return epoch

    def resume(self, by: str) -> None:
        """Lower it for what is decided from now on. Raises Refused where it is not raised, or not all is flat yet."""
        with self._database.transaction() as connection:
            row = connection.execute(select(t.fence)).one()
            if not row.halted:
                raise Refused("nothing to resume: no panic is in force")
            if row.flat_at is None:
                raise Refused(
                    "cannot resume: the panic has not flattened everything yet; start workbench serve, let it finish"
                )
            connection.execute(update(t.fence).values(halted=False, by=by, at=wall()))
            write(connection, "resume", str(row.epoch), wall(), by=by)

    def set_flat(self, epoch: int) -> None:
        """Everything is flat after the panic of this epoch."""
        with self._database.transaction() as connection:
            done = connection.execute(
                update(t.fence).where(t.fence.c.epoch == epoch, t.fence.c.flat_at.is_(None)).values(flat_at=wall())
            )
            if done.rowcount:
                write(connection, "flat", str(epoch), wall())


def read_fence(connection: Connection) -> Fence:
    """The fence, inside a transaction."""
    row = connection.execute(_READ).one()
    return Fence(row.epoch, row.halted, row.reason)


_READ = select(t.fence.c.epoch, t.fence.c.halted, t.fence.c.reason)
