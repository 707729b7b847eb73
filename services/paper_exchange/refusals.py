"""The venue's own error codes and messages, said once.

Belongs here: every answer that says no, with its code, text and HTTP status.
Does not belong here: deciding when one applies.

Source: https://developers.binance.com/docs/binance-spot-api-docs/errors, read 2026.
"""

from collections.abc import Mapping


class Refusal(Exception):
    """A request the venue answers with an error."""

    def __init__(
        self, code: int, message: str, *, status: int = 400, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s


def filter_failure(name: str) -> Refusal:
    return Refusal(-1013, f"Filter failure: {name}")


def missing(parameter: str) -> Refusal:
    return Refusal(
        -1102,
        f"Mandatory parameter '{parameter}' was not sent, was empty/null, or malformed.",
    )


def illegal(parameter: str, legal: str) -> Refusal:
    return Refusal(
        -1100, f"Illegal characters found in parameter '{parameter}'; legal range is '{legal}'."
    )


def unneeded(parameter: str) -> Refusal:
    return Refusal(-1106, f"Parameter '{parameter}' sent when not required.")


def too_precise(parameter: str) -> Refusal:
    return Refusal(-1111, f"Parameter '{parameter}' has too much precision.")


def bad_symbol() -> Refusal:
    return Refusal(-1121, "Invalid symbol.")


def insufficient() -> Refusal:
    return Refusal(-2010, "Account has insufficient balance for requested action.")


def duplicate() -> Refusal:
    return Refusal(-2010, "Duplicate order sent.")


def would_take() -> Refusal:
    return Refusal(-2010, "Order would immediately match and take.")


def market_closed() -> Refusal:
    return Refusal(-1013, "Market is closed.")


def unknown_to_cancel() -> Refusal:
    return Refusal(-2011, "Unknown order sent.")


def no_such_order() -> Refusal:
    return Refusal(-2013, "Order does not exist.")


def key_malformed() -> Refusal:
    return Refusal(-2014, "API-key format invalid.", status=401)


def key_unknown() -> Refusal:
    return Refusal(-2015, "Invalid API-key, IP, or permissions for action.", status=401)


def signature_wrong() -> Refusal:
    return Refusal(-1022, "Signature for this request is not valid.")


def too_late() -> Refusal:
    return Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


def too_early() -> Refusal:
    return Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def window_too_long() -> Refusal:
    return Refusal(-1131, "recvWindow must be less than 60000.")


def weight_used_up(limit: int, retry_after_s: int) -> Refusal:
    return Refusal(
        -1003,
        f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE."
        " Please use WebSocket Streams for live updates to avoid polling the API.",
        status=429,
        retry_after_s=retry_after_s,
    )


def banned(until_ms: int, retry_after_s: int) -> Refusal:
    return Refusal(
        -1003,
        f"Way too much request weight used; IP banned until {until_ms}."
        " Please use WebSocket Streams for live updates to avoid bans.",
        status=418,
        retry_after_s=retry_after_s,
    )


def under_maintenance() -> Refusal:
    return Refusal(-1, "System is under maintenance.", status=503)


def code_refusal(code: int, status: int | None, message: str | None) -> Refusal:
    """Any of the venue's errors by its number; with its usual status and words unless told."""
    usual_status, usual_message = USUAL.get(code, (400, "An error occurred."))
    return Refusal(code, message or usual_message, status=status or usual_status)


def rate_refusal(status: int, retry_after_s: int) -> Refusal:
    """429: slow down. 418: banned for not having slowed down."""
    message = USUAL[-1003][1] if status == 429 else "Way too many requests; IP banned for a while."
    return Refusal(-1003, message, status=status, retry_after_s=retry_after_s)


def orders_used_up(limit: int, window: str, retry_after_s: int) -> Refusal:
    return Refusal(
        -1015,
        f"Too many new orders; current limit is {limit} orders per {window}.",
        status=429,
        retry_after_s=retry_after_s,
    )


USUAL: Mapping[int, tuple[int, str]] = {
    -1000: (500, "An unknown error occurred while processing the request."),
    -1001: (500, "Internal error; unable to process your request. Please try again."),
    -1003: (429, "Too many requests; please use the websocket for live updates."),
    -1006: (
        500,
        "An unexpected response was received from the message bus. Execution status unknown.",
    ),
    -1007: (
        504,
        "Timeout waiting for response from backend server. Send status unknown; execution status"
        " unknown.",
    ),
    -1008: (
        503,
        "Server is currently overloaded with other requests. Please try again in a few minutes.",
    ),
    -1013: (400, "Filter failure: LOT_SIZE"),
    -1015: (429, "Too many new orders; current limit is 100 orders per 10 SECOND."),
    -1021: (400, too_late().message),
    -1022: (400, signature_wrong().message),
    -2010: (400, insufficient().message),
    -2011: (400, unknown_to_cancel().message),
    -2013: (400, no_such_order().message),
    -2014: (401, key_malformed().message),
    -2015: (401, key_unknown().message),
}
"""Each code's HTTP status and words."""
