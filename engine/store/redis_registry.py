"""The registry on Redis.

spec:                 set     ids of specifications
spec:<id>             zset    its versions by when they were deployed
spec:<id>:<version>   string  the packed version
org:participants      hash    packed participants by id
org:units:<unit>      hash    packed roles, positions, groups and capabilities by id
org:version           string  counts changes of participants and units
org:changes           list    the id of who changed, the newest last; "" where everything did. One for each version
user:all              hash    packed users by name
connectors:all        hash    packed connectors by name
connectors:version    string  counts changes of connectors
rules:all             hash    packed rule sets by specification
revoked:<token>       string  a token that is no longer good, until it would have expired
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.msgpack import Decoder, Encoder
from msgspec.structs import replace
from redis import Redis
from redis.client import Pipeline

from engine.exceptions.ripple_down_rules import RuleSet
from engine.resources.organisation import Organisation, OrgUnit, Participant, Unit, organisation_of
from engine.resources.outside import OrganisationChanges
from engine.store import keys
from engine.store.memory_registry import latest, version_exists
from engine.store.redis_store import asked
from engine.store.registry import (
    ALL_CHANGED,
    MOST_CHANGES,
    StoredConnector,
    StoredSpecification,
    User,
)

_encode = Encoder().encode
_specification = Decoder(StoredSpecification).decode
_participant = Decoder(Participant).decode
_unit = Decoder(OrgUnit).decode
_user = Decoder(User).decode
_connector = Decoder(StoredConnector).decode
_rules = Decoder(RuleSet).decode

_PUT_IN_PLACE = """
if (redis.call("HGET", KEYS[1], ARGV[1]) or "") ~= ARGV[2] then return 0 end
redis.call("HSET", KEYS[1], ARGV[1], ARGV[3])
return 1
"""
"""Puts a field of a hash in the place of what was read from it, unless somebody else has."""


CHANGES_MEANWHILE = 100


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

    def organisation(self) -> Organisation:
        pipe = self._redis.pipeline()
        pipe.get(keys.ORGANISATION_VERSION)
        pipe.hvals(keys.PARTICIPANTS)
        for unit in Unit:
            pipe.hvals(keys.units(unit))
        version, people, *kept = asked(pipe.execute)
        units = [(unit, _unit(packed)) for unit, entered in zip(Unit, kept, strict=True) for packed in entered]
        return organisation_of(int(version or 0), map(_participant, people), units)

    def organisation_changes(self, since: int) -> OrganisationChanges | None:
        behind = self.organisation_version() - since
        if since < 0 or not 0 <= behind <= MOST_CHANGES:
            return None
        pipe = self._redis.pipeline()
        pipe.get(keys.ORGANISATION_VERSION)
        # Some may have come since the version was read; there are that many more then.
        pipe.lrange(keys.ORGANISATION_CHANGES, -(behind + CHANGES_MEANWHILE), -1)
        version, log = asked(pipe.execute)
        behind = int(version or 0) - since
        if not 0 <= behind <= len(log):
            return None
        names = {name.decode() for name in log[len(log) - behind :]}
        if ALL_CHANGED in names:
            return None
        changed: dict[str, Participant | None] = {}
        if names:
            listed = sorted(names)
            found = asked(lambda: self._redis.hmget(keys.PARTICIPANTS, listed))
            # What changed between the two readings is in the log of the next one too.
            changed = {name: _participant(each) if each else None for name, each in zip(listed, found, strict=True)}
        return OrganisationChanges(int(version or 0), changed)

    def units(self, unit: Unit) -> list[OrgUnit]:
        packed = asked(lambda: self._redis.hvals(keys.units(unit)))
        return sorted(map(_unit, packed), key=lambda each: each.id)

    def put_unit(self, unit: Unit, entered: OrgUnit) -> bool:
        pipe = self._redis.pipeline()
        pipe.hset(keys.units(unit), entered.id, _encode(entered))
        self._note_change(pipe, ALL_CHANGED)
        return bool(asked(pipe.execute)[0])

    def delete_unit(self, unit: Unit, identifier: str) -> bool:
        pipe = self._redis.pipeline()
        pipe.hdel(keys.units(unit), identifier)
        self._note_change(pipe, ALL_CHANGED)
        return bool(asked(pipe.execute)[0])

    def put_organisation(self, participants: Sequence[Participant], units: Sequence[tuple[Unit, OrgUnit]]) -> None:
        pipe = self._redis.pipeline()
        for unit, each in units:
            pipe.hset(keys.units(unit), each.id, _encode(each))
        for participant in participants:
            pipe.hset(keys.PARTICIPANTS, participant.id, _encode(participant))
        self._note_change(pipe, ALL_CHANGED)
        asked(pipe.execute)

    def participant(self, identifier: str) -> Participant | None:
        packed = asked(lambda: self._redis.hget(keys.PARTICIPANTS, identifier))
        return _participant(packed) if packed else None

    def participants(self) -> list[Participant]:
        packed = asked(lambda: self._redis.hvals(keys.PARTICIPANTS))
        return sorted(map(_participant, packed), key=lambda participant: participant.id)

    def put_participant(self, participant: Participant) -> None:
        pipe = self._redis.pipeline()
        pipe.hset(keys.PARTICIPANTS, participant.id, _encode(participant))
        self._note_change(pipe, participant.id)
        asked(pipe.execute)

    def delete_participant(self, identifier: str) -> bool:
        pipe = self._redis.pipeline()
        pipe.hdel(keys.PARTICIPANTS, identifier)
        self._note_change(pipe, identifier)
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

    def connectors_version(self) -> int:
        return int(asked(lambda: self._redis.get(keys.CONNECTORS_VERSION)) or 0)

    def connectors(self) -> list[StoredConnector]:
        packed = asked(lambda: self._redis.hvals(keys.CONNECTORS))
        return sorted(map(_connector, packed), key=lambda connector: connector.name)

    def put_connector(self, connector: StoredConnector) -> bool:
        pipe = self._redis.pipeline()
        pipe.hset(keys.CONNECTORS, connector.name, _encode(connector))
        pipe.incr(keys.CONNECTORS_VERSION)
        return bool(asked(pipe.execute)[0])

    def delete_connector(self, name: str) -> bool:
        pipe = self._redis.pipeline()
        pipe.hdel(keys.CONNECTORS, name)
        pipe.incr(keys.CONNECTORS_VERSION)
        return bool(asked(pipe.execute)[0])

    def rule_set(self, specification: str) -> RuleSet | None:
        packed = asked(lambda: self._redis.hget(keys.RULES, specification))
        return _rules(packed) if packed else None

    def put_rule_set(self, rules: RuleSet, before: int) -> bool:
        stored = asked(lambda: self._redis.hget(keys.RULES, rules.specification))
        if (_rules(stored).version if stored else 0) != before:
            return False
        given = (rules.specification, stored or b"", _encode(rules))
        return bool(asked(lambda: self._redis.eval(_PUT_IN_PLACE, 1, keys.RULES, *given)))

    def _note_change(self, pipe: "Pipeline", name: str) -> None:
        """Counts a change of the organisation, and says in the log who it was.

        Where nothing was counted before, or all was flushed, counting begins beyond every number that a process can
        know from before: it must not take what it knows for what is.
        """
        seconds, microseconds = asked(self._redis.time)
        pipe.set(keys.ORGANISATION_VERSION, int(seconds) * 1_000_000 + int(microseconds), nx=True)
        pipe.incr(keys.ORGANISATION_VERSION)
        pipe.rpush(keys.ORGANISATION_CHANGES, name)
        pipe.ltrim(keys.ORGANISATION_CHANGES, -MOST_CHANGES, -1)

    def _versions(self, identifier: str) -> list[StoredSpecification]:
        names = asked(lambda: self._redis.zrange(keys.specification_versions(identifier), 0, -1))
        if not names:
            return []
        packed = asked(lambda: self._redis.mget([keys.specification(identifier, name.decode()) for name in names]))
        return [_specification(version) for version in packed if version]
