"""`casewright forget`: a person is gone, from journals and the archive too, and every journal still replays."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from api.app import create_app
from deploy import wiring
from deploy.cli import casewright
from deploy.commands import forget
from deploy.settings import VARIABLES
from deploy.wiring import Parts
from engine import events
from engine.backup.records import read
from engine.case import Case
from engine.erasure.pseudonyms import SAYS_WHO
from engine.items.work_item import WorkItem
from engine.replay import replay_journal
from engine.store import codec
from engine.store.tree import Tree
from tests.api.bench import JWT_SECRET, ORDERS, Bench, RecordingDoorbell, settings_for

NAME = "ann.archer"


class Office(NamedTuple):
    """An API on a real Redis, and the directory of its data."""

    bench: Bench
    directory: Path
    redis_url: str

    @property
    def parts(self) -> Parts:
        return self.bench.parts

    def forget(self, *arguments: str) -> Result:
        environment = dict.fromkeys(VARIABLES)
        mine = {
            "CASEWRIGHT_DATA_DIR": str(self.directory),
            "CASEWRIGHT_REDIS_URL": self.redis_url,
            "CASEWRIGHT_SHARDS": "4",
            "CASEWRIGHT_JWT_SECRET": JWT_SECRET,
        }
        return CliRunner().invoke(casewright, ["forget", NAME, "--yes", "--json", *arguments], env=environment | mine)


@pytest.fixture
def office(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(forget, "_settle", lambda: None)
    settings = settings_for(tmp_path, redis_url=redis_url, broker_url=redis_url)
    parts = wiring.build(settings)
    bench = Bench(create_app(parts), parts, RecordingDoorbell())
    assert bench.admin.deploy(ORDERS).status_code == 201
    yield Office(bench, tmp_path, redis_url)


def worked(office: Office, case_id: str) -> None:
    """A case that was offered to two people, and done by the one who is to be forgotten."""
    bench = office.bench
    ann = bench.user(NAME, "participant", roles=("clerk",))
    bench.user("bob", "participant", roles=("clerk",))
    bench.admin.start(case_id=case_id)
    bench.drain()
    item = f"/api/v1/work-items/{case_id}:1"
    assert ann.post(f"{item}/claim").status_code == 200
    assert bench.admin.post(f"{item}/reallocate", {"resource_id": "bob"}).status_code in (200, 409)
    assert ann.post(f"{item}/start").status_code == 200
    assert ann.post(f"{item}/complete", {"output": {"approved": True}}).status_code == 200
    bench.drain()
    ann.get("/api/v1/users")


def said(result: Result) -> Any:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return json.loads(result.stdout)


def test_nothing_in_redis_and_in_the_archive_names_who_is_forgotten(office: Office) -> None:
    worked(office, "c1")
    result = office.forget()
    assert (result.exit_code, said(result)["case_trees"]) == (0, ["c1"]), result.output
    client = Redis.from_url(office.redis_url)
    left = {key for key in client.scan_iter("*") if NAME.encode() in key or NAME.encode() in _content(client, key)}
    # The log of changes of the organisation says that this id has changed, so that processes leave it out.
    assert left <= {b"org:changes"}
    client.close()


def test_the_case_is_shown_with_the_pseudonym_and_replays(office: Office) -> None:
    worked(office, "c1")
    pseudonym = said(office.forget())["pseudonym"]
    item = office.bench.admin.get("/api/v1/work-items/c1:1").json
    assert (item["owner"], item["state"], item["output"]) == (pseudonym, "completed", {"approved": True})
    archive = office.parts.archive
    entries = archive.journal("c1")
    replayed = replay_journal("c1", entries, office.parts.definitions.get)
    case = archive.case("c1")
    assert case is not None and codec.pack_case(replayed.case) == codec.pack_case(case)
    assert replayed.items == {each.id: each for each in archive.items_of("c1")}
    shown = office.bench.admin.get("/api/v1/cases/c1/journal").text
    assert NAME not in shown and pseudonym in shown and "bob" in shown


def test_a_case_in_the_archive_is_written_anew(office: Office) -> None:
    worked(office, "c1")
    settings = office.parts.settings
    vault = wiring.open_vault(settings)
    [tree] = [tree for roots in vault.roots(2**53) for tree in vault.trees(roots)]
    office.parts.archive.put(tree)
    assert vault.remove(tree)
    assert said(office.forget())["case_trees"] == ["c1"]
    [file] = (office.directory / "archive").rglob("*.tree")
    with file.open("rb") as content:
        [kept] = [record for record in read(content, (Tree,)) if isinstance(record, Tree)]
    assert NAME.encode() not in b"".join(each for record in kept.cases for each in (record.body, *record.journal))


def test_a_case_that_is_going_on_keeps_the_name_and_is_forgotten_after_its_end(office: Office) -> None:
    worked(office, "c1")
    office.bench.admin.start(case_id="c2")
    office.bench.drain()
    first = office.forget()
    document, _ = json.JSONDecoder().raw_decode(first.stdout)
    assert (first.exit_code, document["going_on"], document["case_trees"]) == (1, ["c2"], ["c1"])
    assert office.bench.admin.get("/api/v1/work-items/c2:1").json["offered_to"] == [NAME, "bob"]
    office.bench.admin.post("/api/v1/cases/c2/cancel")
    office.bench.drain()
    assert said(office.forget())["case_trees"] == ["c2"]


def test_the_user_the_participant_and_the_keys_are_gone(office: Office) -> None:
    worked(office, "c1")
    admin = office.bench.admin
    key = admin.post(f"/api/v1/users/{NAME}/api-keys").json["key"]
    pseudonym = said(office.forget())["pseudonym"]
    assert admin.get(f"/api/v1/users/{NAME}").status_code == 404
    assert admin.get(f"/api/v1/resources/{NAME}").status_code == 404
    assert office.bench.anybody(key).get("/api/v1/work-items").status_code == 401
    noted = admin.get("/api/v1/audit", user=pseudonym).json["items"]
    assert [(each["status"], each["address"]) for each in noted] == [(403, "")]


def test_who_is_named_nowhere_changes_nothing(office: Office) -> None:
    document = said(office.forget())
    assert (document["case_trees"], document["records_removed"], document["audit_entries"]) == ([], 0, 0)


def test_the_first_user_is_not_erased(office: Office) -> None:
    result = CliRunner().invoke(casewright, ["forget", "admin", "--yes"])
    assert result.exit_code == 1 and "admin" in result.stderr


NOBODY = {
    "item", "task", "name", "reason", "message", "kind", "error", "event", "place", "version", "before", "move", "why",
    "worklet", "specification", "net", "path", "status", "cause", "claimed", "id", "case_id", "specification_version",
    "correlation_id", "words", "parent", "took", "nets", "fields", "items", "tasks", "elements", "runs",
    "triggers", "kept",
}  # fmt: skip
"""Fields of text, or of several texts, that say of nobody who he is (`items` of allocated ones are seen to apart)."""


@pytest.mark.parametrize(
    "record",
    [each for each in vars(events).values() if isinstance(each, type) and hasattr(each, "__struct_fields__")]
    + [WorkItem, Case],
    ids=lambda record: str(record.__name__),
)
def test_every_field_of_text_says_who_or_says_nobody(record: Any) -> None:
    """Whoever adds a field that names people is told by this to enter it where people are forgotten."""
    annotations = {name: str(record.__annotations__[name]) for name in record.__struct_fields__}
    texts = {name for name, kind in annotations.items() if "str" in kind and "dict" not in kind}
    assert texts - SAYS_WHO - NOBODY == set()


def _content(client: Any, key: bytes) -> bytes:
    """Everything a key holds, as bytes."""
    match client.type(key):
        case b"string":
            return bytes(client.get(key))
        case b"hash":
            return b" ".join(each for pair in client.hgetall(key).items() for each in pair)
        case b"list":
            return b" ".join(client.lrange(key, 0, -1))
        case b"zset":
            return b" ".join(client.zrange(key, 0, -1))
        case b"set":
            return b" ".join(client.smembers(key))
        case _:
            return b" ".join(value for _, fields in client.xrange(key) for value in fields.values())
