"""Event streams of items, from the API as it runs: gunicorn with threads, on a real Redis."""

from collections.abc import Iterator
from itertools import islice
from threading import Thread

import pytest
import requests
from redis import Redis

from api.client import ApiProblem, Client
from tests.api.bench import ORDER, ORDERS
from tests.api.served import Served, serving

STREAMS = 2


@pytest.fixture(scope="module")
def process(redis_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The API with few threads: one for requests, and two for streams."""
    yield from serving(redis_port, tmp_path_factory.mktemp("streams"), api_threads=1, event_streams=STREAMS)


@pytest.fixture
def served(process: Served, redis_client: "Redis") -> Served:
    return process


@pytest.fixture
def admin(served: Served) -> Client:
    admin = served.client("admin", "admin", "admin")
    admin.deploy(ORDERS)
    return admin


class Listener(Thread):
    """Somebody who reads so many events of his stream, and then goes away."""

    def __init__(self, client: Client, count: int, after: str | None = None) -> None:
        super().__init__(daemon=True)
        self._client, self._count, self._after = client, count, after
        self.events: list[tuple[str, str, str]] = []
        self.start()

    def run(self) -> None:
        while not self.events:
            stream = self._client.item_events(after=self._after)
            try:
                for identifier, what, item in islice(stream, self._count):
                    self.events.append((identifier, what, f"{item.get('item_id')} {item.get('state')}"))
            except ApiProblem as problem:
                # Those who listened in the test before may not have been missed yet.
                assert problem.code == "too_many_streams"
            stream.close()

    def heard(self) -> list[str]:
        self.join(20)
        assert not self.is_alive(), f"only {self.events} came"
        return [told for _, _, told in self.events]


def test_who_missed_changes_is_told(served: Served, admin: Client) -> None:
    client = Redis(port=served.redis_port)
    for number in range(12_000):
        client.xadd("{0}:changes", {"c": f"c{number}:1 offered 1"}, maxlen=10_000, approximate=False)
    what = next(admin.item_events(after=",".join(["1-1"] * 4)))[1]
    assert what == "reset"


def test_a_person_hears_of_his_items_and_goes_on_where_he_was(served: Served, admin: Client) -> None:
    ann, bob = served.client("ann", "participant", "clerk"), served.client("bob", "participant", "clerk")
    position = served.position()
    admin.start_case("orders", ORDER, case_id="c1")
    served.drain()
    first = Listener(served.client("ann", "participant", "clerk"), 1, position)
    assert first.heard() == ["c1:1 offered"]
    bob.claim("c1:1")
    bob.start("c1:1")
    later = Listener(served.client("ann", "participant", "clerk"), 1, first.events[-1][0])
    assert later.heard() == ["c1:1 started"]
    assert ann.items()["items"] == []


def test_a_change_comes_while_one_listens(served: Served, admin: Client) -> None:
    position = served.position()
    listener = Listener(served.client("ann", "participant", "clerk"), 2, position)
    admin.start_case("orders", ORDER, case_id="c1")
    served.drain()
    served.wait_until(lambda: len(listener.events) == 1, "the offer")
    admin.allocate("c1:1", "ann")
    assert listener.heard() == ["c1:1 offered", "c1:1 allocated"]


def listen(served: Served) -> requests.Response:
    """A stream of somebody, from which nothing is read."""
    ann = served.client("ann", "participant", "clerk")
    headers = {"Authorization": f"Bearer {ann.token}"}
    return requests.get(f"{served.address}/api/v1/work-items/stream", headers=headers, stream=True, timeout=10)


def test_streams_are_bounded_and_keep_nobody_from_being_served(served: Served, admin: Client) -> None:
    streams: list[requests.Response] = []
    while len(streams) < STREAMS:
        served.wait_until(lambda: _took_place(served, streams), "a place")
    refused = listen(served)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
    assert admin.ready()["status"] == "ready"
    for stream in streams:
        stream.close()
    # Who has gone away is noticed with the next thing to say.
    admin.start_case("orders", ORDER, case_id="c1")
    served.drain()
    served.wait_until(lambda: _is_let_in(served), "a place to be free again")


def _is_let_in(served: Served) -> bool:
    with listen(served) as stream:
        return stream.status_code == 200


def _took_place(served: Served, streams: list[requests.Response]) -> bool:
    stream = listen(served)
    if stream.status_code == 200:
        streams.append(stream)
        return True
    stream.close()
    return False


def test_a_position_that_is_none_is_refused(served: Served, admin: Client) -> None:
    with pytest.raises(ApiProblem, match="invalid_position"):
        next(admin.item_events(after="7"))


def test_others_changes_are_for_who_may_see_them(served: Served, admin: Client) -> None:
    ann = served.client("ann", "participant", "clerk")
    with pytest.raises(ApiProblem, match="permission_missing"):
        next(ann.item_events(resource_id="bob"))
