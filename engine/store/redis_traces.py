"""Traces of a person on Redis, beside the cases: all that names him is removed, or names him otherwise."""

from collections.abc import Iterator

from msgspec.msgpack import Decoder, Encoder
from msgspec.structs import replace
from redis import Redis

from engine.store import codec, keys
from engine.store.audit import AuditEntry
from engine.store.redis_registry import RedisRegistry
from engine.store.redis_rights import RedisRights
from engine.store.redis_store import asked
from engine.store.registry import User

PAGE = 500

_entry = Decoder(AuditEntry).decode
_encode = Encoder().encode


class RedisTraces:
    """Traces on Redis. The client must not decode responses."""

    def __init__(self, client: "Redis", shards: int) -> None:
        self._redis = client
        self._shards = shards
        self._registry = RedisRegistry(client)
        self._rights = RedisRights(client)

    def users_of(self, person: str) -> list[str]:
        return [user.name for user in self._registry.users() if _acts_as(user) == person]

    def remove_person(self, person: str) -> int:
        removed = int(self._registry.delete_participant(person))
        for name in self.users_of(person):
            for own in self._rights.api_keys(name):
                removed += int(self._rights.delete_api_key(own.id))
            removed += int(self._registry.delete_user(name))
        of_hashes = [keys.PILERS, *(keys.chainers(shard) for shard in range(self._shards))]
        for key in of_hashes:
            fields = [name for name, value in self._hash(key) if value == person.encode()]
            removed += self._delete(key, fields)
        return removed + self._delete(keys.ENGAGED, [person.encode()])

    def remove_history(self, person: str) -> int:
        begin = f"{person}:".encode()
        removed = 0
        for key in list(self._scan(keys.EVERY_HISTORY)):
            removed += self._delete(key, [name for name, _ in self._hash(key) if name.startswith(begin)])
        return removed

    def remove_offers(self, person: str) -> int:
        removed = 0
        for shard in range(self._shards):
            key = keys.offers(shard)
            named = [name for name, people in self._hash(key) if person in codec.unpack_names(people)]
            removed += self._delete(key, named)
        return removed

    def rename_in_audit(self, users: list[str], pseudonym: str) -> int:
        renamed = 0
        members = asked(lambda: list(self._redis.zscan_iter(keys.AUDIT, count=PAGE)))
        for member, score in members:
            entry = _entry(member.partition(b":")[2])
            if entry.user not in users:
                continue
            other = replace(entry, user=pseudonym, address="", path=entry.route, detail="")
            pipe = self._redis.pipeline(transaction=True)
            pipe.zrem(keys.AUDIT, member)
            pipe.zadd(keys.AUDIT, {other.id.encode() + b":" + _encode(other): score})
            asked(pipe.execute)
            renamed += 1
        return renamed

    def _hash(self, key: str) -> list[tuple[bytes, bytes]]:
        return list(asked(lambda: list(self._redis.hscan_iter(key, count=PAGE))))

    def _scan(self, pattern: str) -> Iterator[str]:
        found = asked(lambda: list(self._redis.scan_iter(match=pattern, count=PAGE)))
        return (key.decode() for key in found)

    def _delete(self, key: str, fields: list[bytes]) -> int:
        return int(asked(lambda: self._redis.hdel(key, *fields))) if fields else 0


def _acts_as(user: User) -> str:
    return user.resource_id or user.name
