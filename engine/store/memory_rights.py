"""Rights in memory: the reference, and what a single process runs on."""

from threading import RLock

from engine.store.registry import Registry
from engine.store.rights import Admission, ApiKey, StoredRole


class MemoryRights:
    """Rights in memory, of the users of a registry. Safe for use by several threads."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._roles: dict[str, StoredRole] = {}
        self._keys: dict[str, ApiKey] = {}
        self._lock = RLock()

    def admission(self, user: str) -> Admission:
        with self._lock:
            return Admission(self._registry.user(user), {name: role.permissions for name, role in self._roles.items()})

    def roles(self) -> list[StoredRole]:
        with self._lock:
            return [self._roles[name] for name in sorted(self._roles)]

    def put_role(self, role: StoredRole) -> bool:
        with self._lock:
            new = role.name not in self._roles
            self._roles[role.name] = role
            return new

    def delete_role(self, name: str) -> bool:
        with self._lock:
            return self._roles.pop(name, None) is not None

    def api_key(self, identifier: str) -> ApiKey | None:
        return self._keys.get(identifier)

    def api_keys(self, user: str) -> list[ApiKey]:
        with self._lock:
            return sorted((key for key in self._keys.values() if key.user == user), key=lambda key: key.id)

    def put_api_key(self, key: ApiKey) -> None:
        with self._lock:
            self._keys[key.id] = key

    def delete_api_key(self, identifier: str) -> bool:
        with self._lock:
            return self._keys.pop(identifier, None) is not None
