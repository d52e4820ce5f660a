"""The audit log on Redis.

audit             zset   `<id>:<packed entry>` by when it was noted: of those who are known
audit:strangers   zset   the same, of everybody else
"""

from msgspec.msgpack import Decoder, Encoder
from redis import Redis

from engine.store import keys
from engine.store.audit import KEPT, KEPT_OF_STRANGERS, AuditEntry, AuditPage, AuditQuery
from engine.store.paging import Cursor
from engine.store.redis_store import asked

_encode = Encoder().encode
_entry = Decoder(AuditEntry).decode

READ_AT_ONCE = 500
MOST_READINGS = 20
"""So many entries are looked at for one page, so that a search for what is rare holds nobody up."""


class RedisAudit:
    """The audit log on Redis. The client must not decode responses."""

    def __init__(self, client: "Redis") -> None:
        self._redis = client

    def note(self, entry: AuditEntry) -> None:
        key, most = (keys.AUDIT, KEPT) if entry.user else (keys.AUDIT_OF_STRANGERS, KEPT_OF_STRANGERS)
        pipe = self._redis.pipeline(transaction=False)
        pipe.zadd(key, {entry.id.encode() + b":" + _encode(entry): entry.at})
        pipe.zremrangebyrank(key, 0, -(most + 1))
        asked(pipe.execute)

    def entries(self, query: AuditQuery) -> AuditPage:
        after = Cursor.read(query.after) if query.after else None
        key = keys.AUDIT_OF_STRANGERS if query.strangers else keys.AUDIT
        greatest = after.score if after is not None else "+inf"
        found: list[AuditEntry] = []
        for reading in range(MOST_READINGS):
            members = self._members(key, greatest, query.since, reading * READ_AT_ONCE)
            for member in members:
                entry = _entry(member.partition(b":")[2])
                place = Cursor(entry.at, entry.id)
                if (after is not None and place >= after) or not query.wants(entry):
                    continue
                if len(found) == query.limit:
                    return AuditPage(found, Cursor(found[-1].at, found[-1].id).written())
                found.append(entry)
            if len(members) < READ_AT_ONCE:
                return AuditPage(found, None)
        last = _entry(members[-1].partition(b":")[2])
        return AuditPage(found, Cursor(last.at, last.id).written())

    def _members(self, key: str, greatest: int | str, least: int, start: int) -> list[bytes]:
        found = asked(lambda: self._redis.zrevrangebyscore(key, greatest, least, start=start, num=READ_AT_ONCE))
        return list(found)
