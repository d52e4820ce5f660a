"""What is kept about who asks: one suite for rights, quotas, kept answers and the audit log, on each store."""

import time
from collections.abc import Iterator
from typing import Any

import fakeredis
import pytest
from msgspec.structs import replace

from engine.errors import InvalidInput
from engine.store.access import Access, in_memory
from engine.store.audit import AuditEntry, AuditQuery, Noted
from engine.store.happenings import Notice, Subject
from engine.store.kept_answers import KeptAnswer, Standing
from engine.store.memory_registry import MemoryRegistry
from engine.store.quotas import Patience, Rate, wait_after
from engine.store.redis_answers import RedisAnswers
from engine.store.redis_audit import RedisAudit
from engine.store.redis_quotas import RedisQuotas
from engine.store.redis_registry import RedisRegistry
from engine.store.redis_rights import RedisRights
from engine.store.redis_webhooks import RedisWebhooks
from engine.store.registry import Registry, User
from engine.store.rights import ApiKey, StoredRole
from engine.store.webhooks import TAKEN_MS, Webhook, delivery_of

Kept = tuple[Registry, Access]

ANSWER = KeptAnswer(201, (("Location", "/x"),), b'{"id": 1}')


def now_ms() -> int:
    return int(time.time() * 1000)


@pytest.fixture(params=["memory", "fakeredis", "redis"])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    if request.param == "memory":
        memory = MemoryRegistry(now_ms)
        yield memory, in_memory(memory, now_ms)
        return
    client: Any = fakeredis.FakeRedis() if request.param == "fakeredis" else request.getfixturevalue("redis_client")
    access = Access(
        RedisRights(client), RedisQuotas(client), RedisAnswers(client), RedisAudit(client), RedisWebhooks(client)
    )
    yield RedisRegistry(client), access


@pytest.fixture
def access(kept: Kept) -> Access:
    return kept[1]


def test_who_is_admitted_is_as_he_is_now(kept: Kept) -> None:
    registry, access = kept
    assert access.rights.admission("eve") == (None, {})
    registry.put_user(User("eve", access=("clerk",)))
    access.rights.put_role(StoredRole("clerk", ("cases:read",), 5, "admin"))
    user, roles = access.rights.admission("eve")
    assert user == User("eve", access=("clerk",)) and roles == {"clerk": ("cases:read",)}


def test_a_role_is_entered_changed_and_removed(access: Access) -> None:
    assert access.rights.put_role(StoredRole("b", ()))
    assert access.rights.put_role(StoredRole("a", ("x",)))
    assert not access.rights.put_role(StoredRole("b", ("y",)))
    assert access.rights.roles() == [StoredRole("a", ("x",)), StoredRole("b", ("y",))]
    assert access.rights.delete_role("a")
    assert not access.rights.delete_role("a")


def test_keys_are_listed_by_their_user(access: Access) -> None:
    mine, other = ApiKey("2", "eve", b"d", access=("admin",)), ApiKey("1", "bob", b"e")
    access.rights.put_api_key(mine)
    access.rights.put_api_key(other)
    assert access.rights.api_keys("eve") == [mine]
    assert access.rights.api_key("1") == other
    assert access.rights.delete_api_key("1") and not access.rights.delete_api_key("1")
    assert access.rights.api_key("1") is None


def test_so_many_requests_come_at_once_and_the_next_has_to_wait(access: Access) -> None:
    rate = Rate(per_s=0.01, burst=3)
    assert [access.quotas.take("eve", rate) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert 90 < access.quotas.take("eve", rate) <= 100
    assert access.quotas.take("bob", rate) == 0.0


def test_failures_make_wait_and_are_forgiven(access: Access) -> None:
    patience = Patience(free=1, longest_s=60)
    access.quotas.fail("eve", patience)
    assert access.quotas.waits(["eve", "bob"]) == 0.0
    for _ in range(3):
        access.quotas.fail("eve", patience)
    assert 3 < access.quotas.waits(["eve", "bob"]) <= 4
    assert access.quotas.waits(["bob"]) == 0.0
    access.quotas.forgive(["eve"])
    assert access.quotas.waits(["eve"]) == 0.0


def test_the_wait_doubles_up_to_its_bound() -> None:
    assert [wait_after(n, Patience(2, 10)) for n in range(8)] == [0, 0, 0, 1, 2, 4, 8, 10]
    assert wait_after(10_000, Patience(2, 10)) == 10


def test_a_key_is_taken_once_and_then_answered(access: Access) -> None:
    assert access.answers.take("k", "d", "first").standing is Standing.TAKEN
    assert access.answers.take("k", "d", "second").standing is Standing.UNDER_WAY
    assert access.answers.take("k", "other", "second").standing is Standing.OTHER
    access.answers.keep("k", "second", ANSWER)
    assert access.answers.take("k", "d", "second").standing is Standing.UNDER_WAY
    access.answers.keep("k", "first", ANSWER)
    assert access.answers.take("k", "d", "second") == (Standing.ANSWERED, ANSWER)
    assert access.answers.take("k", "other", "second").standing is Standing.OTHER


def test_a_key_that_is_given_back_is_free(access: Access) -> None:
    access.answers.take("k", "d", "first")
    access.answers.give_back("k", "second")
    assert access.answers.take("k", "d", "second").standing is Standing.UNDER_WAY
    access.answers.give_back("k", "first")
    assert access.answers.take("k", "other", "second").standing is Standing.TAKEN
    access.answers.keep("k", "second", ANSWER)
    access.answers.give_back("k", "second")
    assert access.answers.take("k", "other", "third").standing is Standing.ANSWERED


def entry(number: int, **more: Any) -> AuditEntry:
    given: dict[str, Any] = {"user": "eve", "what": Noted.REFUSED, "code": "permission_missing", **more}
    return AuditEntry(
        id=f"{number:04}", at=1000 + number // 2, address="", method="GET", route="/x", path="/x", status=403, **given
    )


def test_the_log_is_read_page_by_page_the_newest_first(access: Access) -> None:
    for number in range(7):
        access.audit.note(entry(number))
    first = access.audit.entries(AuditQuery(limit=3))
    second = access.audit.entries(AuditQuery(limit=3, after=first.next))
    third = access.audit.entries(AuditQuery(limit=3, after=second.next))
    assert [each.id for page in (first, second, third) for each in page.entries] == [
        "0006", "0005", "0004", "0003", "0002", "0001", "0000",
    ]  # fmt: skip
    assert third.next is None


def test_the_log_is_searched_and_strangers_stand_apart(access: Access) -> None:
    access.audit.note(entry(1))
    access.audit.note(entry(2, user="bob", what=Noted.CHANGED, code=""))
    access.audit.note(entry(3, user="", code="token_missing"))

    def found(**query: Any) -> list[str]:
        return [each.id for each in access.audit.entries(AuditQuery(**query)).entries]

    assert found() == ["0002", "0001"]
    assert found(strangers=True) == ["0003"]
    assert found(user="bob") == found(what=Noted.CHANGED) == ["0002"]
    assert found(code="permission_missing") == ["0001"]
    assert found(since=1001) == ["0002"]


def test_what_no_page_has_given_is_no_cursor(access: Access) -> None:
    with pytest.raises(InvalidInput):
        access.audit.entries(AuditQuery(after="x"))


def test_strangers_cannot_push_out_what_is_known_of_others(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("memory_audit", "redis_audit"):
        monkeypatch.setattr(f"engine.store.{module}.KEPT_OF_STRANGERS", 2)
    access.audit.note(entry(1))
    for number in range(5):
        access.audit.note(entry(10 + number, user=""))
    assert [each.id for each in access.audit.entries(AuditQuery()).entries] == ["0001"]
    assert [each.id for each in access.audit.entries(AuditQuery(strangers=True)).entries] == ["0014", "0013"]


def end(number: int, **more: Any) -> Notice:
    given: dict[str, Any] = {
        "what": Subject.CASE,
        "event": "completed",
        "specification": "orders",
        "version": "1",
        **more,
    }
    return Notice(id=f"c{number}", case_id=f"c{number}", at=1000 + number, **given)


HOOK = Webhook("billing", "https://billing.example", "s" * 32)


def test_a_webhook_is_entered_changed_and_removed(access: Access) -> None:
    assert access.webhooks.put_webhook(HOOK)
    assert not access.webhooks.put_webhook(HOOK)
    assert access.webhooks.webhooks() == [HOOK] and access.webhooks.webhook("billing") == HOOK
    assert access.webhooks.delete_webhook("billing") and not access.webhooks.delete_webhook("billing")


def test_a_delivery_is_made_once_taken_once_and_done(access: Access) -> None:
    delivery = delivery_of(HOOK, end(1), 1000)
    access.webhooks.add([delivery, delivery])
    assert access.webhooks.take(999, 10) == []
    assert access.webhooks.take(1000, 10) == [delivery]
    assert access.webhooks.take(1000, 10) == []
    access.webhooks.done(delivery)
    access.webhooks.add([delivery])
    assert access.webhooks.take(1000 + TAKEN_MS, 10) == []


def test_a_delivery_whose_taker_died_is_taken_again(access: Access) -> None:
    delivery = delivery_of(HOOK, end(1), 1000)
    access.webhooks.add([delivery])
    access.webhooks.take(1000, 10)
    assert access.webhooks.take(1000 + TAKEN_MS, 10) == [delivery]


def test_a_delivery_that_is_put_off_comes_again_later(access: Access) -> None:
    delivery = delivery_of(HOOK, end(1), 1000)
    access.webhooks.add([delivery])
    [taken] = access.webhooks.take(1000, 10)
    later = replace(taken, attempts=1, due=5000, error="timeout")
    access.webhooks.put_off(later)
    assert access.webhooks.take(4999, 10) == []
    assert access.webhooks.take(5000, 10) == [later]


def test_dead_deliveries_are_listed_the_newest_first_and_sent_again(access: Access) -> None:
    made = [delivery_of(HOOK, end(n), 1000) for n in range(5)]
    access.webhooks.add(made)
    for n, each in enumerate(access.webhooks.take(1000, 10)):
        access.webhooks.bury(replace(each, due=2000 + n // 2, attempts=12, error="http_500"))
    first = access.webhooks.dead(2, None)
    second = access.webhooks.dead(3, first.next)
    dues = [each.due for each in (*first.deliveries, *second.deliveries)]
    assert dues == [2002, 2001, 2001, 2000, 2000] and second.next is None
    assert access.webhooks.take(10**9, 10) == []
    [chosen, _] = first.deliveries
    assert access.webhooks.revive(chosen.id, 3000)
    assert not access.webhooks.revive(chosen.id, 3000)
    assert access.webhooks.take(3000, 10) == [replace(chosen, attempts=0, due=3000, error="")]
    assert len(access.webhooks.dead(10, None).deliveries) == 4


def test_only_so_many_dead_deliveries_are_kept(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("memory_webhooks", "redis_webhooks"):
        monkeypatch.setattr(f"engine.store.{module}.MOST_DEAD", 2)
    access.webhooks.add([delivery_of(HOOK, end(n), 1000) for n in range(4)])
    for n, each in enumerate(access.webhooks.take(1000, 10)):
        access.webhooks.bury(replace(each, due=2000 + n))
    assert [each.due for each in access.webhooks.dead(10, None).deliveries] == [2003, 2002]


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, True),
        ({"events": ("case.completed",)}, True),
        ({"events": ("case.*",)}, True),
        ({"events": ("item.*", "case.failed")}, False),
        ({"specifications": ("orders",)}, True),
        ({"specifications": ("claims",)}, False),
        ({"active": False}, False),
        ({"made_at": 2000}, False),
    ],
)
def test_a_webhook_wants_what_it_was_entered_for(changes: dict[str, Any], wanted: bool) -> None:
    assert replace(HOOK, **changes).wants(end(1)) is wanted
