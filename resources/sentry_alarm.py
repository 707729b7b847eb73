"""Alarm through Sentry: one event a page, and no secret in it.

Belongs here: sending an alert. Does not belong here: deciding what deserves one.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any

from rebalancer.errors import BadConfig
from rebalancer.ports import Alarm, Alert

FLUSH_SECONDS_MAX = 3.0
"""How long a page may wait for the network: a broken alarm must not hold up trading."""
REMOVED = "[removed]"

_log = logging.getLogger(__name__)
_SECRET_NAME = re.compile(r"key|secret|token|password|dsn|signature", re.IGNORECASE)
# Dagster's own words for what failed; without them an alert is useless.
_HARMLESS_NAMES = frozenset({"asset_key", "partition_key", "run_key"})
_USERINFO = re.compile(r"(\w+://)[^/@\s]+@")
_QUERY = re.compile(r"(\w+://[^\s?\"']*)\?[^\s\"']*")
# name=value, and "name": "value" as in a dictionary or JSON.
_ASSIGNED = re.compile(r"([\w-]+)([\"']?\s*=\s*|[\"']\s*:\s*)([\"'][^\"']*[\"']|[^\s&,;)}\]]+)")


class SentryAlarm(Alarm):
    """Pages through Sentry; without a DSN it stays quiet.

    The client is its own: nothing of the process is captured but what is paged.
    """

    def __init__(self, dsn: str | None, *, flush_seconds_max: float = FLUSH_SECONDS_MAX) -> None:
        """Raises BadConfig when `dsn` is not one."""
        assert 0 < flush_seconds_max <= 5, flush_seconds_max
        self._flush_seconds_max = flush_seconds_max
        self._client = _connect(dsn) if dsn else None

    @property
    def is_on(self) -> bool:
        return self._client is not None

    def page(self, alert: Alert) -> None:
        if self._client is None:
            _log.info("no alarm is configured; not paged: %s", scrub(alert.title))
            return
        try:
            self._client.capture_event(_event_of(alert))
            self._client.flush(timeout=self._flush_seconds_max)
        except Exception as error:
            # The message may quote the event; its kind is enough to look further.
            _log.warning("alarm not sent: %s", type(error).__name__)

    def close(self) -> None:
        """End the sender. What has not been sent by now is dropped."""
        if self._client is not None:
            self._client.close(timeout=0)


def scrub(value: Any) -> Any:
    """The same value without secrets: by name in mappings and text, and inside addresses."""
    if isinstance(value, Mapping):
        return {
            name: REMOVED if _is_secret_name(str(name)) else scrub(part)
            for name, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [scrub(part) for part in value]
    if not isinstance(value, str):
        return value
    text = _USERINFO.sub(r"\1", value)
    text = _QUERY.sub(r"\1", text)
    return _ASSIGNED.sub(_without_value, text)


def _is_secret_name(name: str) -> bool:
    return name.lower() not in _HARMLESS_NAMES and _SECRET_NAME.search(name) is not None


def _without_value(found: re.Match[str]) -> str:
    name, between, value = found.groups()
    return f"{name}{between}{REMOVED if _is_secret_name(name) else value}"


def _event_of(alert: Alert) -> dict[str, Any]:
    context = {"detail": alert.detail, "link": alert.link}
    return {
        "level": "error",
        "message": alert.title,
        "fingerprint": list(alert.fingerprint),
        "tags": dict(alert.tags),
        "contexts": {"alert": {name: text for name, text in context.items() if text}},
    }


def _connect(dsn: str) -> Any:
    import sentry_sdk
    from sentry_sdk.utils import BadDsn

    try:
        return sentry_sdk.Client(
            dsn=dsn,
            # The default ones capture every logged error: four events for one failure.
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            include_local_variables=False,
            max_breadcrumbs=0,
            before_send=lambda event, _hint: scrub(event),
        )
    except BadDsn:
        pass
    raise BadConfig(
        "sentry_dsn: expected https://<key>@<host>/<project number>, was something else (not shown,"
        " it is a secret). Copy it from the project's client keys, or leave it out"
    )
