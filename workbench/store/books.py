"""Books on file: fills and bookings, in the order in which they were counted."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from workbench.model import Booking, Fill, from_json, to_json
from workbench.store import trading_tables as t
from workbench.store.insert import insert_new
from workbench.store.journal import write


def keep_booking(connection: Connection, booking: Booking) -> bool:
    """Keep a booking after all fills of its account so far; False when it is known."""
    newest = select(func.coalesce(func.max(t.fills.c.seq), 0)).where(t.fills.c.account == booking.account)
    row = {
        "account": booking.account,
        "booking_id": booking.booking_id,
        "after_fill": connection.scalar(newest),
        "booking": to_json(booking),
    }
    if connection.execute(insert_new(connection, t.bookings), row).rowcount != 1:
        return False
    write(
        connection, "booking", booking.booking_id, booking.at,
        booking=booking.kind, account=booking.account, symbol=booking.symbol, amount=str(booking.amount),
        reason=booking.reason, by=booking.by,
    )  # fmt: skip
    return True


def read_books(connection: Connection, account: str) -> Sequence[Fill | Booking]:
    """All that ever changed an account's books."""
    fills = select(t.fills.c.seq, t.fills.c.fill).where(t.fills.c.account == account).order_by(t.fills.c.seq)
    others = select(t.bookings).where(t.bookings.c.account == account).order_by(t.bookings.c.seq)
    rows, bookings = connection.execute(fills).all(), list(connection.execute(others).all())
    found: list[Fill | Booking] = []
    for row in rows:
        while bookings and bookings[0].after_fill < row.seq:
            found.append(from_json(Booking, bookings.pop(0).booking))
        found.append(from_json(Fill, row.fill))
    return found + [from_json(Booking, row.booking) for row in bookings]
