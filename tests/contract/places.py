"""Where processes listen, as the kernel says."""

from contextlib import suppress
from pathlib import Path

import psutil

LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def places_of(processes: list[psutil.Process]) -> set[tuple[str, int]]:
    """Where these processes listen."""
    places: set[tuple[str, int]] = set()
    for process in processes:
        # One that ends while it is looked at listens nowhere.
        with suppress(psutil.NoSuchProcess):
            places |= {
                (connection.laddr.ip, connection.laddr.port)
                for connection in process.net_connections("inet")
                if connection.status == psutil.CONN_LISTEN
            }
    return places


def workers_of(home: Path) -> list[psutil.Process]:
    """Every process that works inside a home: the servers, which belong to nobody."""
    return [
        process
        for process in psutil.process_iter(["cwd"])
        if (process.info["cwd"] or "").startswith(str(home))
    ]
