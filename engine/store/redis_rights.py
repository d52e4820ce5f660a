"""Rights on Redis.

access:roles   hash   packed roles that were changed or made, by name
access:keys    hash   packed API keys by id
"""

from msgspec.msgpack import Decoder, Encoder
from redis import Redis

from engine.store import keys
from engine.store.redis_store import asked
from engine.store.registry import User
from engine.store.rights import Admission, ApiKey, StoredRole

_encode = Encoder().encode
_user = Decoder(User).decode
_role = Decoder(StoredRole).decode
_key = Decoder(ApiKey).decode


class RedisRights:
    """Rights on Redis. The client must not decode responses."""

    def __init__(self, client: "Redis") -> None:
        self._redis = client

    def admission(self, user: str) -> Admission:
        pipe = self._redis.pipeline(transaction=False)
        pipe.hget(keys.USERS, user)
        pipe.hvals(keys.ACCESS_ROLES)
        packed, roles = asked(pipe.execute)
        found = map(_role, roles)
        return Admission(_user(packed) if packed else None, {role.name: role.permissions for role in found})

    def roles(self) -> list[StoredRole]:
        packed = asked(lambda: self._redis.hvals(keys.ACCESS_ROLES))
        return sorted(map(_role, packed), key=lambda role: role.name)

    def put_role(self, role: StoredRole) -> bool:
        return bool(asked(lambda: self._redis.hset(keys.ACCESS_ROLES, role.name, _encode(role))))

    def delete_role(self, name: str) -> bool:
        return bool(asked(lambda: self._redis.hdel(keys.ACCESS_ROLES, name)))

    def api_key(self, identifier: str) -> ApiKey | None:
        packed = asked(lambda: self._redis.hget(keys.API_KEYS, identifier))
        return _key(packed) if packed else None

    def api_keys(self, user: str) -> list[ApiKey]:
        found = map(_key, asked(lambda: self._redis.hvals(keys.API_KEYS)))
        return sorted((key for key in found if key.user == user), key=lambda key: key.id)

    def put_api_key(self, key: ApiKey) -> None:
        asked(lambda: self._redis.hset(keys.API_KEYS, key.id, _encode(key)))

    def delete_api_key(self, identifier: str) -> bool:
        return bool(asked(lambda: self._redis.hdel(keys.API_KEYS, identifier)))
