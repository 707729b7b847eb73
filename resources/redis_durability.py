"""Would this Redis forget, after a crash or when its memory is full, that an order was sent?

The embedded server is set up not to. One that somebody else runs is asked.
"""

from redis import Redis
from redis.exceptions import ResponseError

from resources.redis_connection import place_of, redis_errors

WANTED = {
    "appendonly": (
        "yes",
        "after a restart it has forgotten what was written since its last snapshot",
        "CONFIG SET appendonly yes",
    ),
    "appendfsync": (
        "always",
        "a power cut makes it forget the last second, and with it that an order was sent",
        "CONFIG SET appendfsync always",
    ),
    "maxmemory-policy": (
        "noeviction",
        "when its memory is full it throws keys away, and an order with them",
        "CONFIG SET maxmemory-policy noeviction",
    ),
}
"""Setting → the value that forgets nothing, what another does, and the cure."""


def redis_durability(client: Redis) -> tuple[str, ...]:
    """Say where the server's settings would lose marks; nothing when they would not.

    A server that forgets is noticed, and filled again from the books: no order is doubled, but all
    of them are then in doubt until the venue has been asked.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    with redis_errors(client, keys="CONFIG"):
        try:
            told = [client.config_get(name).get(name) for name in WANTED]
        except ResponseError as problem:
            return (
                f"Redis at {place_of(client)} does not tell its settings ({problem}). Make sure "
                f"yourself that it has {_all_wanted()}, or allow CONFIG GET to this user.",
            )
    return tuple(
        f"Redis at {place_of(client)} has {name} {value or 'unknown'}: {effect}. Set it with "
        f"`{cure}`, and in its configuration file."
        for (name, (good, effect, cure)), value in zip(WANTED.items(), told, strict=True)
        if value != good and not (name == "appendfsync" and told[0] != "yes")
    )


def _all_wanted() -> str:
    return ", ".join(f"{name} {good}" for name, (good, _, _) in WANTED.items())
