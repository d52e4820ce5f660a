"""Shared data on Redis.

folder:{<place>}              hash  packed values by name, and `:version`, which counts the writes
folder:{<place>}:watchers     set   cases that are told when something changes there
folder:{<place>}:once:<mark>  hash  digest and outcome of a write, for a day
folder:{<place>}:closed       string  the place is needed no longer, for a day
"""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

from redis import Redis

from engine.store import keys
from engine.store.folders import MARK_S, MOST_SHARED, NOTHING_EXPECTED, Expected, Folder, Write
from engine.store.port import Once
from engine.store.redis_store import asked
from engine.store.shared_values import pack_value, unpack_value

VERSION = b":version"
"""No variable is named so."""


class RedisFolders:
    """Shared data on Redis. The client must not decode responses."""

    def __init__(self, client: "Redis") -> None:
        self._redis = client
        self._share = client.register_script(files("engine.store").joinpath("share.lua").read_text())

    def read(self, place: str) -> Folder:
        found = asked(lambda: self._redis.hgetall(keys.shared(place)))
        version = int(found.pop(VERSION, 0))
        return Folder({name.decode(): unpack_value(found[name]) for name in sorted(found)}, version)

    def values(self, places: Mapping[str, str]) -> dict[str, Any]:
        pipe = self._redis.pipeline(transaction=False)
        for name, place in places.items():
            pipe.hget(keys.shared(place), name)
        found = zip(places, asked(pipe.execute), strict=True)
        return {name: unpack_value(packed) for name, packed in found if packed is not None}

    def write(
        self, place: str, values: Mapping[str, Any], mark: Once | None, expected: Expected = NOTHING_EXPECTED
    ) -> Write:
        version = "" if expected.version is None else expected.version
        arguments: list[Any] = [mark.digest if mark is not None else "", MARK_S, version, MOST_SHARED]
        arguments.append(len(expected.values))
        for name, value in expected.values.items():
            arguments += [name, pack_value(value), "1" if name in expected.unset else ""]
        for name, value in values.items():
            arguments += [name, pack_value(value)]
        written = (keys.shared(place), keys.shared_once(place, mark.name if mark else ""), keys.shared_closed(place))
        return Write(asked(lambda: self._share(keys=written, args=arguments)).decode())

    def watch(self, place: str, case_id: str) -> None:
        asked(lambda: self._redis.sadd(keys.shared_watchers(place), case_id))

    def unwatch(self, place: str, case_ids: Iterable[str]) -> None:
        gone = list(case_ids)
        if gone:
            asked(lambda: self._redis.srem(keys.shared_watchers(place), *gone))

    def watchers(self, place: str) -> list[str]:
        return sorted(member.decode() for member in asked(lambda: self._redis.smembers(keys.shared_watchers(place))))

    def close(self, place: str) -> None:
        pipe = self._redis.pipeline()
        pipe.set(keys.shared_closed(place), b"1", ex=MARK_S)
        pipe.delete(keys.shared(place), keys.shared_watchers(place))
        asked(pipe.execute)
