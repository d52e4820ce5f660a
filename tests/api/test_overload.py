"""While too much waits, new work is refused with a time to try again; what an operator asks for gets through."""

from pathlib import Path

from tests.api.bench import ORDER, ORDERS, bench_of, settings_for


def test_a_case_too_many_is_refused_and_taken_when_the_backlog_is_gone(tmp_path: Path) -> None:
    bench = bench_of(settings_for(tmp_path, shards=1, most_waiting=2))
    admin = bench.admin
    admin.deploy(ORDERS)
    answers = [admin.post("/api/v1/cases", {"specification": "orders", "data": ORDER}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[2].json["code"] == "overloaded" and int(answers[2].headers["Retry-After"]) > 0
    bench.drain()
    assert admin.post("/api/v1/cases", {"specification": "orders", "data": ORDER}).status_code == 202


def test_of_many_cases_those_that_fit_are_taken(tmp_path: Path) -> None:
    bench = bench_of(settings_for(tmp_path, shards=1, most_waiting=2))
    admin = bench.admin
    admin.deploy(ORDERS)
    answered = admin.post("/api/v1/cases/bulk", {"items": [{"specification": "orders", "data": ORDER}] * 3})
    assert [each.get("status") for each in answered.json["items"]] == ["submitted", "submitted", 429]


def test_a_case_can_be_cancelled_while_too_much_waits(tmp_path: Path) -> None:
    bench = bench_of(settings_for(tmp_path, shards=1, most_waiting=1))
    admin = bench.admin
    admin.deploy(ORDERS)
    admin.start(case_id="c")
    assert admin.post("/api/v1/cases/c/cancel").status_code == 202
