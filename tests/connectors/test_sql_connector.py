"""The `sql` connector on a real database."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.port import Done, Failed, Outcome
from connectors.sql import SqlConnector
from tests.connectors.calls import call_request

ENDLESS = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted) SELECT count(*) AS n FROM counted
"""


class Shop:
    """A database with a table of orders, and a connector to it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with sqlite3.connect(file) as database:
            database.execute("CREATE TABLE orders (item_id TEXT PRIMARY KEY, sku TEXT NOT NULL, price NUMERIC)")
        self.connector = SqlConnector({"url": f"sqlite:///{file}", "max_rows": 3})

    def run(self, statement: str, timeout_s: float = 10, **parameters: Any) -> Outcome:
        config = {"statement": statement, "parameters": parameters}
        return self.connector.call(call_request("sql", config, {}, timeout_s=timeout_s))

    def rows(self) -> list[Any]:
        with sqlite3.connect(self.file) as database:
            return database.execute("SELECT * FROM orders ORDER BY item_id").fetchall()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path / "shop.db")
    yield shop
    shop.connector.close()


INSERT = "INSERT INTO orders (item_id, sku) VALUES (:item_id, :sku)"


def failure(outcome: Outcome) -> tuple[str, bool]:
    assert isinstance(outcome, Failed), outcome
    return outcome.kind, outcome.retryable


def test_what_is_changed_is_there_for_good(shop: Shop) -> None:
    assert shop.run(INSERT, sku="chair") == Done({"rows": [], "count": 1})
    assert shop.rows() == [("order-1:7", "chair", None)]
    assert shop.run("UPDATE orders SET price = :price", price=7) == Done({"rows": [], "count": 1})


def test_rows_are_objects_by_column(shop: Shop) -> None:
    shop.run(INSERT, sku="chair")
    found = shop.run("SELECT sku, price, 1.5 AS half FROM orders WHERE sku = :sku", sku="chair")
    assert found == Done({"rows": [{"sku": "chair", "price": None, "half": 1.5}], "count": 1})


def test_an_attempt_that_is_made_again_can_do_nothing_twice(shop: Shop) -> None:
    once = f"{INSERT} ON CONFLICT (item_id) DO NOTHING"
    assert shop.run(once, sku="chair") == Done({"rows": [], "count": 1})
    assert shop.run(once, sku="chair") == Done({"rows": [], "count": 0})
    assert len(shop.rows()) == 1


def test_a_value_is_never_a_part_of_the_statement(shop: Shop) -> None:
    evil = "'; DROP TABLE orders; --"
    shop.run(INSERT, sku=evil)
    assert shop.rows()[0][1] == evil


def test_a_constraint_refuses_for_good_and_nothing_is_changed(shop: Shop) -> None:
    shop.run(INSERT, sku="chair")
    assert failure(shop.run(INSERT, sku="lamp")) == ("refused", False)
    assert [row[1] for row in shop.rows()] == ["chair"]


def test_a_failure_does_not_repeat_the_parameters(shop: Shop) -> None:
    shop.run(INSERT, sku="chair")
    outcome = shop.run(INSERT, sku="a private matter")
    assert isinstance(outcome, Failed)
    assert "UNIQUE constraint failed: orders.item_id" in outcome.message and "private" not in outcome.message


@pytest.mark.parametrize("statement", ["SELEKT 1", "SELECT * FROM nothing", "SELECT :absent"])
def test_a_statement_that_cannot_be_run_is_a_bad_config(shop: Shop, statement: str) -> None:
    outcome = shop.run(statement)
    assert isinstance(outcome, Failed)
    assert outcome.kind in ("bad_config", "connection")
    assert outcome.message


def test_more_rows_than_allowed_are_too_large(shop: Shop) -> None:
    statement = "SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4"
    assert failure(shop.run(statement)) == ("too_large", False)


def test_what_json_cannot_say_is_a_bad_response(shop: Shop) -> None:
    assert failure(shop.run("SELECT x'00ff' AS raw")) == ("bad_response", False)


def test_a_statement_that_takes_too_long_is_interrupted(shop: Shop) -> None:
    assert failure(shop.run(ENDLESS, timeout_s=0.2)) == ("timeout", True)
    assert shop.run("SELECT 1 AS n") == Done({"rows": [{"n": 1}], "count": 1})


def test_a_database_that_cannot_be_opened_is_a_connection(tmp_path: Path) -> None:
    connector = SqlConnector({"url": f"sqlite:///{tmp_path}/absent/shop.db"})
    outcome = connector.call(call_request("sql", {"statement": "SELECT 1"}, {}))
    assert failure(outcome) == ("connection", True)


@pytest.mark.parametrize("url", ["nonsense", "nosuchdb://host/db", "postgresql+nodriver://host/db"])
def test_a_url_that_leads_to_no_database_is_a_bad_config(url: str) -> None:
    outcome = SqlConnector({"url": url}).call(call_request("sql", {"statement": "SELECT 1"}, {}))
    assert failure(outcome) == ("bad_config", False)


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    url = f"sqlite://user:hush@/{tmp_path}/absent/shop.db"
    connector = SqlConnector({"url": {"secret": "URL"}}, resolve=lambda _: {"url": url})
    outcome = connector.call(call_request("sql", {"statement": "SELECT 1"}, {}))
    assert isinstance(outcome, Failed)
    assert "hush" not in outcome.message


def test_a_statement_must_be_written_out() -> None:
    connector = SqlConnector({"url": "sqlite://"})
    [problem] = connector.check_config({"statement": "SELECT {{ what }}"})
    assert (problem.path, problem.message) == (("statement",), "must be written out")
    assert connector.check_config({"statement": "SELECT :n", "parameters": {"n": "{{ n }}"}}) == []


def test_settings_need_a_url() -> None:
    with pytest.raises(ValueError, match="url is missing"):
        SqlConnector({})


def test_a_password_is_not_written_out() -> None:
    with pytest.raises(ValueError, match="url: must be a URL without a password"):
        SqlConnector({"url": "postgresql://ann:hush@db.internal/shop"})
