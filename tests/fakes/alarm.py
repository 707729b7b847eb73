"""An alarm that keeps what it was told."""

from rebalancer.ports import Alarm, Alert


class RecordingAlarm(Alarm):
    """Keeps every alert, in the order they came."""

    def __init__(self) -> None:
        self._alerts: list[Alert] = []

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(self._alerts)

    def page(self, alert: Alert) -> None:
        self._alerts.append(alert)
