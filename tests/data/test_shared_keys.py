"""Shared data on Redis: which keys there are, and that none of a closed place stays for ever."""

from redis import Redis

from engine.store.folders import MARK_S, Write
from engine.store.port import Once
from engine.store.redis_folders import RedisFolders
from engine.store.redis_vault import RedisVault


def test_every_key_of_a_place_is_kept_on_one_node_of_a_cluster(redis_client: "Redis") -> None:
    folders = RedisFolders(redis_client)
    folders.write("folder:a", {"x": 1}, Once("c:1", "digest"))
    folders.watch("folder:a", "c")
    folders.close("folder:b")
    names = sorted(key.decode() for key in redis_client.scan_iter())
    assert names == [
        "folder:{folder:a}",
        "folder:{folder:a}:once:c:1",
        "folder:{folder:a}:watchers",
        "folder:{folder:b}:closed",
    ]


def test_a_closed_place_leaves_nothing_that_stays(redis_client: "Redis") -> None:
    folders = RedisFolders(redis_client)
    folders.write("case:c", {"x": 1}, Once("c:1", "digest"))
    folders.watch("case:c", "c")
    folders.close("case:c")
    left = {key.decode(): redis_client.ttl(key) for key in redis_client.scan_iter()}
    assert sorted(left) == ["folder:{case:c}:closed", "folder:{case:c}:once:c:1"]
    assert all(0 < seconds <= MARK_S for seconds in left.values())


def test_a_backup_holds_what_is_shared_who_waits_for_it_and_what_was_done(redis_client: "Redis") -> None:
    folders, vault = RedisFolders(redis_client), RedisVault(redis_client, 2)
    folders.write("folder:a", {"x": {"deep": [1, None]}}, Once("c:1", "digest"))
    folders.watch("folder:a", "c")
    kept = list(vault.registry())
    redis_client.flushall()
    for each in kept:
        vault.put_registry(each)
    assert folders.write("folder:a", {"x": 2}, Once("c:1", "digest")) is Write.DONE
    assert folders.read("folder:a") == ({"x": {"deep": [1, None]}}, 1)
    assert folders.watchers("folder:a") == ["c"]
