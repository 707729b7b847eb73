"""What the client's error classes mean, class by class; a class nobody lists is silence."""

import pytest

from rebalancer.errors import BadConfig, BadData, VenueDenied, VenueUnavailable
from rebalancer.settlement import RefusalKind
from resources.ccxt_errors import (
    REASON_LENGTH_MAX,
    Meaning,
    explain,
    explain_read,
    is_absence,
    is_rate_limit,
    is_silence,
    judge_submit,
    never_connected,
)

PARENTS = {
    "ExchangeError": "Exception",
    "OperationFailed": "Exception",
    "NetworkError": "OperationFailed",
    "BadResponse": "OperationFailed",
    "ExchangeNotAvailable": "NetworkError",
    "OnMaintenance": "ExchangeNotAvailable",
    "RequestTimeout": "NetworkError",
    "DDoSProtection": "NetworkError",
    "RateLimitExceeded": "NetworkError",
    "InvalidNonce": "NetworkError",
    "ChecksumError": "InvalidNonce",
    "AuthenticationError": "ExchangeError",
    "PermissionDenied": "AuthenticationError",
    "OperationRejected": "ExchangeError",
    "RestrictedLocation": "OperationRejected",
    "MarketClosed": "OperationRejected",
    "InsufficientFunds": "ExchangeError",
    "NotSupported": "ExchangeError",
    "InvalidOrder": "ExchangeError",
    "OrderNotFound": "InvalidOrder",
    "OrderImmediatelyFillable": "InvalidOrder",
    "DuplicateOrderId": "InvalidOrder",
    "BadRequest": "ExchangeError",
    "BadSymbol": "BadRequest",
    "ExchangeClosedByUser": "ExchangeError",
    "SomethingNew": "ExchangeError",
    "ClientConnectorError": "Exception",
}


def kind_named(name: str) -> type[Exception]:
    """A class named and descended like ccxt's, without ccxt."""
    if name == "Exception":
        return Exception
    return type(name, (kind_named(PARENTS[name]),), {})


def make_error(name: str, message: str = "") -> Exception:
    return kind_named(name)(message)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("InsufficientFunds", RefusalKind.FUNDS),
        ("InvalidOrder", RefusalKind.OTHER),
        ("OrderImmediatelyFillable", RefusalKind.WOULD_TAKE),
        ("BadRequest", RefusalKind.OTHER),
        ("BadSymbol", RefusalKind.OTHER),
        ("MarketClosed", RefusalKind.OTHER),
        ("AuthenticationError", RefusalKind.DENIED),
        ("PermissionDenied", RefusalKind.DENIED),
        ("RestrictedLocation", RefusalKind.DENIED),
        ("DDoSProtection", Meaning.NOT_SENT),
        ("RateLimitExceeded", Meaning.NOT_SENT),
        ("InvalidNonce", Meaning.NOT_SENT),
        ("OnMaintenance", Meaning.NOT_SENT),
        ("ExchangeClosedByUser", Meaning.NOT_SENT),
        ("ChecksumError", Meaning.UNANSWERED),
        ("DuplicateOrderId", Meaning.UNANSWERED),
        ("OrderNotFound", Meaning.UNANSWERED),
        ("RequestTimeout", Meaning.UNANSWERED),
        ("ExchangeNotAvailable", Meaning.UNANSWERED),
        ("NetworkError", Meaning.UNANSWERED),
        ("OperationFailed", Meaning.UNANSWERED),
        ("BadResponse", Meaning.UNANSWERED),
        ("ExchangeError", Meaning.UNANSWERED),
        ("SomethingNew", Meaning.UNANSWERED),
    ],
)
def test_each_class_has_one_meaning_on_a_submission(
    name: str, meaning: Meaning | RefusalKind
) -> None:
    assert judge_submit(make_error(name)) is meaning


@pytest.mark.parametrize(
    ("name", "message", "kind"),
    [
        ("BadRequest", "Filter failure: LOT_SIZE", RefusalKind.RULES),
        ("InvalidOrder", "Filter failure: MAX_POSITION", RefusalKind.RULES),
        ("InvalidOrder", "EOrder:Order minimum not met", RefusalKind.RULES),
        ("InvalidOrder", "EOrder:Invalid price:Invalid price argument", RefusalKind.RULES),
        ("InvalidOrder", "the market sleeps", RefusalKind.OTHER),
        ("InsufficientFunds", "notional exceeds the balance", RefusalKind.FUNDS),
        ("AuthenticationError", "notional", RefusalKind.DENIED),
        ("SomethingNew", "Filter failure: LOT_SIZE", Meaning.UNANSWERED),
        ("InvalidOrder", "Duplicate order sent.", Meaning.UNANSWERED),
    ],
)
def test_words_refine_only_a_refusal_whose_class_says_no_more(
    name: str, message: str, kind: Meaning | RefusalKind
) -> None:
    assert judge_submit(make_error(name, message)) is kind


@pytest.mark.parametrize("error", [TimeoutError(), KeyError("x"), BadData("x"), ValueError()])
def test_errors_that_are_not_the_clients_leave_the_order_in_doubt(error: Exception) -> None:
    assert judge_submit(error) is Meaning.UNANSWERED


def test_a_connection_that_was_never_made_proves_that_nothing_was_sent() -> None:
    error = make_error("ExchangeNotAvailable")
    assert not never_connected(error)
    error.__cause__ = make_error("ClientConnectorError")
    assert judge_submit(error) is Meaning.NOT_SENT


def test_an_order_not_found_without_an_answer_is_no_absence() -> None:
    assert not is_absence(make_error("OrderNotFound"))


def test_an_error_made_before_anything_was_sent_is_not_silence() -> None:
    assert not is_silence(make_error("InvalidOrder"))
    assert is_silence(make_error("RequestTimeout"))


def read_error(name: str, message: str = "m") -> Exception:
    return explain_read(
        make_error(name, message), venue="main", host="h", doing="reading x", secrets=["s3cret"]
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("RequestTimeout", VenueUnavailable),
        ("OnMaintenance", VenueUnavailable),
        ("OperationFailed", VenueUnavailable),
        ("PermissionDenied", VenueDenied),
        ("RestrictedLocation", VenueDenied),
        ("NotSupported", BadConfig),
        ("BadResponse", BadData),
        ("BadSymbol", BadData),
        ("SomethingNew", BadData),
    ],
)
def test_each_class_has_one_meaning_on_a_read(name: str, kind: type[Exception]) -> None:
    assert type(read_error(name)) is kind


@pytest.mark.parametrize(
    "message",
    [
        "binance GET https://api.test/v3/order?symbol=A&signature=abc123&x=s3cret",
        "binance {'apiKey=s3cret'} signature=abc123",
        "https://user:abc123@api.test/ s3cret",
    ],
)
def test_an_explanation_holds_no_secret(message: str) -> None:
    text = str(read_error("RequestTimeout", message))
    assert "abc123" not in text
    assert "s3cret" not in text


@pytest.mark.parametrize(
    ("name", "is_limit"),
    [("DDoSProtection", True), ("RateLimitExceeded", True), ("RequestTimeout", False)],
)
def test_a_read_that_was_limited_says_so(name: str, is_limit: bool) -> None:
    failure = read_error(name)
    assert isinstance(failure, VenueUnavailable)
    assert failure.is_rate_limit is is_limit
    assert is_rate_limit(make_error(name)) is is_limit


def test_an_explanation_is_one_bounded_line() -> None:
    text = explain(make_error("ExchangeError", "a\nb " + "x" * 5_000), secrets=[])
    assert text.startswith("ExchangeError: a b x")
    assert len(text) == REASON_LENGTH_MAX


def test_a_complaint_about_our_time_sends_the_reader_to_the_clock() -> None:
    assert "clock of this machine (NTP)" in str(read_error("InvalidNonce"))
    assert "rest_url" in str(read_error("RequestTimeout"))
