"""The cure for a paper exchange that does not answer: how to start it.

Belongs here: knowing that a silent venue is the paper exchange of the settings.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from rebalancer.errors import VenueUnavailable
from resources.settings import Settings
from resources.settings_file import load_settings
from services.cli.dagster_home import LOOPBACK
from services.cli.failures import CommandFailed, Exit


@contextmanager
def paper_hint(config_file: Path) -> Iterator[None]:
    """Add the hint to an error of the block that tells of a paper exchange."""
    try:
        yield
    except (VenueUnavailable, CommandFailed) as error:
        if isinstance(error, CommandFailed) and error.code is not Exit.UNAVAILABLE:
            raise
        port = silent_paper_port(load_settings(config_file), str(error))
        if port is None:
            raise
        raise CommandFailed(
            f"{error}; start the paper exchange with: trimtab up, or trimtab paper serve "
            f"--port {port}",
            Exit.UNAVAILABLE,
        ) from error


def silent_paper_port(settings: Settings, message: str) -> int | None:
    """The port of the paper exchange whose address the message holds; None when it holds none."""
    if settings.paper is None:
        return None
    for venue in settings.venues.values():
        place = urlsplit(venue.rest_url or "")
        if place.hostname in LOOPBACK and place.port and place.netloc in message:
            return place.port
    return None
