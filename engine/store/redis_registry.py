"""The registry on Redis.

spec:                 set     ids of specifications
spec:<id>             zset    its versions by when they were deployed
spec:<id>:<version>   string  the packed version
org:participants      hash    packed participants by id
org:version           string  counts changes of participants
user:all              hash    packed users by name
revoked:<token>       string  a token that is no longer good, until it would have expired
"""

from collections.abc import Mapping
from typing import Any

from msgspec.msgpack import Decoder, Encoder
from msgspec.structs import replace
from redis import Redis

from engine.resources.organisation import Participant
from engine.store import keys
from engine.store.memory_registry import latest, version_exists
from engine.store.redis_store import asked
from engine.store.registry import StoredSpecification, User

_encode = Encoder().encode
_specification = Decoder(StoredSpecification).decode
_participant = Decoder(Participant).decode
_user = Decoder(User).decode


class RedisRegistry:
    """The registry on Redis. The client must not decode responses."""

    def __init__(self, client: "Redis") -> None:
        self._redis = client

    def put_specification(self, specification: StoredSpecification) -> bool:
        key = keys.specification(specification.id, specification.version)
        created = bool(asked(lambda: self._redis.set(key, _encode(specification), nx=True)))
        if not created:
            stored = self.specification(specification.id, specification.version)
            if stored is None or stored.document != specification.document:
                raise version_exists(specification)
        # Written also for one that exists: an earlier deployment may have been cut off after its first write.
        pipe = self._redis.pipeline()
        versions = keys.specification_versions(specification.id)
        pipe.zadd(versions, {specification.version: specification.deployed_at}, nx=True)
        pipe.sadd(keys.SPECIFICATIONS, specification.id)
        asked(pipe.execute)
        return created

    def specification(self, identifier: str, version: str | None = None) -> StoredSpecification | None:
        if version is None:
            return latest(self._versions(identifier))
        packed = asked(lambda: self._redis.get(keys.specification(identifier, version)))
        return _specification(packed) if packed else None

    def specifications(self) -> list[StoredSpecification]:
        identifiers = sorted(name.decode() for name in asked(lambda: self._redis.smembers(keys.SPECIFICATIONS)))
        return [version for identifier in identifiers for version in self._versions(identifier)]

    def document(self, identifier: str, version: str) -> Mapping[str, Any] | None:
        stored = self.specification(identifier, version)
        return stored.document if stored is not None else None

    def latest_version(self, identifier: str) -> str | None:
        newest_first = asked(lambda: self._redis.zrevrange(keys.specification_versions(identifier), 0, -1))
        for version in newest_first:
            stored = self.specification(identifier, version.decode())
            if stored is not None and not stored.retired:
                return stored.version
        return None

    def retire(self, identifier: str, version: str) -> bool:
        stored = self.specification(identifier, version)
        if stored is None:
            return False
        packed = _encode(replace(stored, retired=True))
        asked(lambda: self._redis.set(keys.specification(identifier, version), packed))
        return True

    def organisation_version(self) -> int:
        return int(asked(lambda: self._redis.get(keys.ORGANISATION_VERSION)) or 0)

    def participants(self) -> list[Participant]:
        packed = asked(lambda: self._redis.hvals(keys.PARTICIPANTS))
        return sorted(map(_participant, packed), key=lambda participant: participant.id)

    def put_participant(self, participant: Participant) -> None:
        pipe = self._redis.pipeline()
        pipe.hset(keys.PARTICIPANTS, participant.id, _encode(participant))
        pipe.incr(keys.ORGANISATION_VERSION)
        asked(pipe.execute)

    def delete_participant(self, identifier: str) -> bool:
        pipe = self._redis.pipeline()
        pipe.hdel(keys.PARTICIPANTS, identifier)
        pipe.incr(keys.ORGANISATION_VERSION)
        return bool(asked(pipe.execute)[0])

    def user(self, name: str) -> User | None:
        packed = asked(lambda: self._redis.hget(keys.USERS, name))
        return _user(packed) if packed else None

    def users(self) -> list[User]:
        return sorted(map(_user, asked(lambda: self._redis.hvals(keys.USERS))), key=lambda user: user.name)

    def put_user(self, user: User) -> None:
        asked(lambda: self._redis.hset(keys.USERS, user.name, _encode(user)))

    def add_user(self, user: User) -> bool:
        return bool(asked(lambda: self._redis.hsetnx(keys.USERS, user.name, _encode(user))))

    def delete_user(self, name: str) -> bool:
        return bool(asked(lambda: self._redis.hdel(keys.USERS, name)))

    def revoke(self, token_id: str, seconds: int) -> None:
        asked(lambda: self._redis.set(keys.revoked(token_id), b"1", ex=max(seconds, 1)))

    def revoked(self, token_id: str) -> bool:
        return bool(asked(lambda: self._redis.exists(keys.revoked(token_id))))

    def _versions(self, identifier: str) -> list[StoredSpecification]:
        names = asked(lambda: self._redis.zrange(keys.specification_versions(identifier), 0, -1))
        if not names:
            return []
        packed = asked(lambda: self._redis.mget([keys.specification(identifier, name.decode()) for name in names]))
        return [_specification(version) for version in packed if version]
