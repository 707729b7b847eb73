"""A server that would forget is named, setting by setting, with the cure."""

from collections.abc import Iterator

import pytest
from redis import Redis

from rebalancer.errors import StoreUnavailable
from resources.redis_connection import open_redis
from resources.redis_durability import redis_durability


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    with open_redis(redis_url) as client:
        yield client
        client.config_set("appendfsync", "always")
        client.config_set("maxmemory-policy", "noeviction")
        client.acl_deluser("weak")


def test_the_embedded_server_forgets_nothing(client: Redis) -> None:
    assert redis_durability(client) == ()


@pytest.mark.parametrize(
    ("name", "value"), [("appendfsync", "everysec"), ("maxmemory-policy", "allkeys-lru")]
)
def test_a_setting_that_forgets_is_named_with_its_cure(
    client: Redis, name: str, value: str
) -> None:
    client.config_set(name, value)
    (finding,) = redis_durability(client)
    assert f"has {name} {value}" in finding
    assert f"CONFIG SET {name}" in finding
    assert "127.0.0.1" in finding


def test_a_server_that_does_not_tell_its_settings_is_a_finding(
    client: Redis, redis_url: str
) -> None:
    client.acl_setuser(
        "weak",
        enabled=True,
        passwords=["+pass"],
        keys=["*"],
        categories=["+@all"],
        commands=["-config"],
    )
    weak_url = redis_url.replace("redis://:", "redis://weak:pass@", 1)
    with open_redis("redis://weak:pass@" + weak_url.rpartition("@")[2]) as weak:
        (finding,) = redis_durability(weak)
    assert "does not tell its settings" in finding
    assert "appendfsync always" in finding
    assert "pass" not in finding


def test_a_server_that_is_away_is_no_finding() -> None:
    with open_redis("redis://127.0.0.1:1/0") as client, pytest.raises(StoreUnavailable):
        redis_durability(client)
