"""What an API key may do, in each venue's own words.

Belongs here: which question tells it, and reading the answer. Whatever is not clear is None, and a
right to move money out of the account counts as a right to withdraw, whatever its name.
Does not belong here: whether such a key may be traded with (`rebalancer.credentials`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rebalancer.credentials import UNTOLD, KeyRights
from resources.ccxt_dialects import family_of
from resources.ccxt_errors import is_no_such_page
from resources.ccxt_session import CcxtSession

Answer = Mapping[str, Any]
_MOVES_MONEY = ("withdraw", "transfer")


async def fetch_key_rights(session: CcxtSession) -> KeyRights:
    """Ask what the key may do; all None where the venue has no such question."""
    name = family_of(session.client, _QUESTIONS)
    if name is None:
        return UNTOLD
    question, read = _QUESTIONS[name]
    try:
        answer = await session.ask(getattr(session.client, question)())
    except Exception as error:
        # A test site of the venue may lack the page, which tells nothing about the key.
        if is_no_such_page(error):
            return UNTOLD
        raise
    return read(answer if isinstance(answer, Mapping) else {})


def read_binance(answer: Answer) -> KeyRights:
    """Source: developers.binance.com/docs/wallet/account/api-key-permission, read 2026."""
    moving = {name: _flag(value) for name, value in answer.items() if _moves_money(str(name))}
    # Without the one that is always there, silence of the others proves nothing.
    is_whole = "enableWithdrawals" in moving
    return KeyRights(
        may_read=_flag(answer.get("enableReading")),
        may_trade=_flag(answer.get("enableSpotAndMarginTrading")),
        may_withdraw=_any_of([*moving.values(), *([] if is_whole else [None])]),
        is_ip_bound=_flag(answer.get("ipRestrict")),
    )


def read_okx(answer: Answer) -> KeyRights:
    """Source: www.okx.com/docs-v5, "Get account configuration", fields perm and ip, read 2026."""
    rows = answer.get("data")
    row = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], Mapping) else {}
    told, addresses = row.get("perm"), row.get("ip")
    words = _words(told.split(",")) if isinstance(told, str) else None
    return KeyRights(
        may_read=_has(words, "read_only"),
        may_trade=_has(words, "trade"),
        may_withdraw=_has_moving(words),
        is_ip_bound=bool(addresses.strip()) if isinstance(addresses, str) else None,
    )


def read_kraken(answer: Answer) -> KeyRights:
    """Source: docs.kraken.com/api-reference/account-data/get-api-key-info, read 2026."""
    result = _inner(answer, "result")
    words = _words(result.get("permissions"))
    return KeyRights(
        may_read=_has(words, "query-funds"),
        may_trade=_has(words, "modify-trades"),
        may_withdraw=_has_moving(words),
        is_ip_bound=_is_filled(result.get("ipAllowlist")),
    )


def read_coinbase(answer: Answer) -> KeyRights:
    """Source: docs.cdp.coinbase.com, Advanced Trade, "Get API Key Permissions", read 2026."""
    return KeyRights(
        may_read=_flag(answer.get("can_view")),
        may_trade=_flag(answer.get("can_trade")),
        may_withdraw=_flag(answer.get("can_transfer")),
        is_ip_bound=None,
    )


def read_bybit(answer: Answer) -> KeyRights:
    """Source: bybit-exchange.github.io/docs/v5/user/apikey-info, read 2026."""
    result = _inner(answer, "result")
    rights = _inner(result, "permissions")
    groups = [_words(rights.get(name)) for name in rights]
    is_read_only = {"0": False, "1": True}.get(str(result.get("readOnly")))
    may_spot = _has(_words(rights.get("Spot")), "spottrade")
    # Words of a group nobody can read might be anything, but a word that is there counts.
    moves = _any_of([_has_moving(words) for words in groups] or [None])
    return KeyRights(
        may_read=None if is_read_only is None else True,
        may_trade=False if is_read_only else may_spot if is_read_only is False else None,
        may_withdraw=moves,
        is_ip_bound=_bound_addresses(result.get("ips")),
    )


_QUESTIONS: Mapping[str, tuple[str, Callable[[Answer], KeyRights]]] = {
    "binance": ("sapi_get_account_apirestrictions", read_binance),
    "okx": ("private_get_account_config", read_okx),
    "kraken": ("private_post_getapikeyinfo", read_kraken),
    "coinbase": ("v3_private_get_brokerage_key_permissions", read_coinbase),
    "bybit": ("private_get_v5_user_query_api", read_bybit),
}


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value))


def _any_of(flags: Iterable[bool | None]) -> bool | None:
    """True if any is; otherwise unknown if any is; otherwise False."""
    known = list(flags)
    if True in known:
        return True
    return None if None in known else False


def _inner(answer: Answer, name: str) -> Answer:
    inner = answer.get(name)
    return inner if isinstance(inner, Mapping) else {}


def _words(listed: object) -> frozenset[str] | None:
    """A list of rights in lower case, None where it is not one."""
    if not isinstance(listed, list) or not all(isinstance(word, str) for word in listed):
        return None
    return frozenset(word.strip().lower() for word in listed)


def _has(words: frozenset[str] | None, word: str) -> bool | None:
    return None if words is None else word in words


def _has_moving(words: frozenset[str] | None) -> bool | None:
    return None if words is None else any(_moves_money(word) for word in words)


def _moves_money(name: str) -> bool:
    return any(word in name.lower() for word in _MOVES_MONEY)


def _is_filled(listed: object) -> bool | None:
    return bool(listed) if isinstance(listed, list) else None


def _bound_addresses(listed: object) -> bool | None:
    """Bybit writes an unbound key as an empty list or as one star."""
    return None if not isinstance(listed, list) else bool(listed) and "*" not in listed
