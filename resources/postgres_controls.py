"""Halts and maintenance windows as the books keep them, inside the transaction of the caller."""

from sqlalchemy import Connection, RowMapping, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from rebalancer.controls import HaltKind, MaintenanceWindow, Scope, ScopeKind, TradingHalt
from rebalancer.orders import VenueName
from resources.postgres_rows import storable
from resources.tables_controls import maintenance_windows, trading_halts

_IN_FORCE = trading_halts.c.lifted_at.is_(None)
_NOT_REMOVED = maintenance_windows.c.removed_at.is_(None)


def write_halt(connection: Connection, halt: TradingHalt) -> None:
    """Keep a halt unless one of its scope and kind is in force."""
    row = {
        "scope": halt.scope.key,
        "kind": halt.kind,
        "reason": storable(halt.reason),
        "actor": storable(halt.actor),
        "at": halt.at_ms,
    }
    keys = [trading_halts.c.scope, trading_halts.c.kind]
    connection.execute(
        upsert(trading_halts)
        .values(row)
        .on_conflict_do_nothing(index_elements=keys, index_where=_IN_FORCE)
    )


def end_halt(
    connection: Connection, scope: Scope, kind: HaltKind, *, actor: str, now_ms: int
) -> bool:
    """Note who ended a halt, and when; False when none was in force."""
    table = trading_halts
    ended = connection.execute(
        update(table)
        .where(table.c.scope == scope.key, table.c.kind == kind, _IN_FORCE)
        .values(lifted_at=now_ms, lifted_by=storable(actor))
    )
    return ended.rowcount > 0


def read_halts(connection: Connection, *, unpaged: bool = False) -> tuple[TradingHalt, ...]:
    """Every halt in force, the oldest first; or those alone that nobody was told of."""
    table = trading_halts
    query = select(table).where(_IN_FORCE).order_by(table.c.at, table.c.halt_id)
    if unpaged:
        query = query.where(table.c.is_paged.is_(False))
    return tuple(_halt_of(row) for row in connection.execute(query).mappings())


def mark_paged(connection: Connection, halt: TradingHalt) -> None:
    """Note that a person was told of the halt in force of this scope and kind."""
    table = trading_halts
    is_it = (table.c.scope == halt.scope.key, table.c.kind == halt.kind, _IN_FORCE)
    connection.execute(update(table).where(*is_it).values(is_paged=True))


def write_window(
    connection: Connection, window: MaintenanceWindow, *, actor: str, now_ms: int
) -> None:
    """Keep a window; another one of its id is removed, the same one is left as it is."""
    # Writers are rare and wait for each other; readers do not wait.
    connection.execute(text("LOCK TABLE maintenance_windows IN SHARE ROW EXCLUSIVE MODE"))
    table, kept = maintenance_windows, _window_values(window)
    query = select(table).where(table.c.window_id == window.window_id, _NOT_REMOVED)
    booked = connection.execute(query).mappings().one_or_none()
    if booked is not None and _window_values(_window_of(booked)) == kept:
        return
    end_window(connection, window.window_id, actor=actor, now_ms=now_ms)
    added = {"added_at": now_ms, "added_by": storable(actor)}
    connection.execute(insert(table).values(kept | added))


def end_window(connection: Connection, window_id: str, *, actor: str, now_ms: int) -> bool:
    """Note who removed a window, and when; False when there was none."""
    table = maintenance_windows
    ended = connection.execute(
        update(table)
        .where(table.c.window_id == window_id, _NOT_REMOVED)
        .values(removed_at=now_ms, removed_by=storable(actor))
    )
    return ended.rowcount > 0


def read_windows(connection: Connection) -> tuple[MaintenanceWindow, ...]:
    """Every window that was not removed, by start."""
    table = maintenance_windows
    query = select(table).where(_NOT_REMOVED).order_by(table.c.starts_at, table.c.row_id)
    return tuple(_window_of(row) for row in connection.execute(query).mappings())


def _halt_of(row: RowMapping) -> TradingHalt:
    kind, _, name = row["scope"].partition(":")
    return TradingHalt(
        scope=Scope(ScopeKind(kind), name),
        kind=HaltKind(row["kind"]),
        reason=row["reason"],
        actor=row["actor"],
        at_ms=row["at"],
    )


def _window_values(window: MaintenanceWindow) -> dict[str, object]:
    return {
        "window_id": window.window_id,
        "venue": window.venue,
        "starts_at": window.starts_at_ms,
        "duration_ms": window.duration_ms,
        "every_ms": window.every_ms,
        "until_at": window.until_ms,
        "note": storable(window.note),
        "is_announced": window.is_announced,
    }


def _window_of(row: RowMapping) -> MaintenanceWindow:
    venue = row["venue"]
    return MaintenanceWindow(
        window_id=row["window_id"],
        venue=None if venue is None else VenueName(venue),
        starts_at_ms=row["starts_at"],
        duration_ms=row["duration_ms"],
        every_ms=row["every_ms"],
        until_ms=row["until_at"],
        note=row["note"],
        is_announced=row["is_announced"],
    )
