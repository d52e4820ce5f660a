"""The `sql` connector: one statement in one transaction, on any database that SQLAlchemy knows.

It comes with `casewright[sql]`, and needs the driver of the database. Values reach the database as parameters alone:
the statement is written out in the specification, and a template in it is refused.

| key of the config | meaning |
|---|---|
| `statement` | the statement, its parameters as `:name` |
| `parameters` | their values, by name; templates belong here |
| `timeout_s` | the engine's; when it is over the statement is interrupted, where the driver can be |

Beside its parameters a statement may name `:item_id`, the id of the call, which is the same for every attempt: a call
whose worker died is made again, and `INSERT ... ON CONFLICT (item_id) DO NOTHING` then does nothing twice.

| key of the settings | meaning |
|---|---|
| `url` | of the database, as SQLAlchemy writes it; may be `{secret: NAME}` |
| `pool` | connections that are kept open at most (default 5) |
| `max_rows` | rows that a statement may give (default 1,000); more is `too_large` |

The output is `{rows, count}`: rows as objects by column, and how many were found or changed.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, CursorResult, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolExhausted

from connectors.config import anything, bad_config, check_deployed, mapping_of, table, text_that, written_out
from connectors.config import text as any_text
from connectors.port import CallRequest, ConfigProblem, Done, Failed, FailureKind, Outcome
from connectors.sql_settings import DEFAULT_POOL, DEFAULT_ROWS, check_settings

Resolve = Callable[[Any], Any]

ITEM_ID = "item_id"
STOPS = ("interrupt", "cancel")
"""What a driver calls the way to end a statement from another thread: sqlite3 and DuckDB, psycopg and oracledb."""


def _is_statement(value: str) -> bool:
    return bool(value.strip()) and "{{" not in value


_CONFIG = table(
    {
        "statement": written_out(text_that(_is_statement, "a statement without a template")),
        "parameters": mapping_of(any_text, anything),
        "timeout_s": anything,
    },
    required=("statement",),
)


class SqlConnector:
    """Runs statements; the module says what its config and its settings may hold.

    A database that cannot be reached or breaks off is a retryable `connection`; what it refuses for good (a constraint)
    is `refused`, and a statement that it does not understand is `bad_config`. Raises `ValueError` for settings that
    cannot be used.
    """

    def __init__(
        self, settings: Mapping[str, Any], name: str = "sql", resolve: Resolve = lambda settings: settings
    ) -> None:
        self.name = name
        problems = check_deployed(check_settings, settings)
        if problems:
            raise ValueError(bad_config(problems).message)
        self._settings = settings
        self._resolve = resolve
        self._lock = threading.Lock()
        self._engines: dict[str, Engine] = {}

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        return check_deployed(_CONFIG, config)

    def call(self, request: CallRequest) -> Outcome:
        problems = _CONFIG(request.config, ())
        if problems:
            return bad_config(problems)
        url = self._resolve(self._settings)["url"]
        try:
            engine = self._engine(url)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            return Failed(FailureKind.BAD_CONFIG, f"no database can be reached by the URL: {_first_line(error)}", False)
        place = engine.url.render_as_string(hide_password=True)
        late = threading.Event()
        try:
            with engine.connect() as connection, _stopped_after(connection, request.timeout_s, late):
                outcome = self._run(connection, request)
                if isinstance(outcome, Done):
                    connection.commit()
                return outcome
        except (SQLAlchemyError, OSError) as error:
            if late.is_set():
                return Failed(FailureKind.TIMEOUT, f"no answer within {request.timeout_s:g} s: {place}", retryable=True)
            return _failure(error, place)

    def target(self, config: Mapping[str, Any]) -> str | None:
        # Its URL is a secret, mostly: the connector stands for its database.
        return f"sql:{self.name}"

    def close(self) -> None:
        with self._lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()

    def _engine(self, url: str) -> Engine:
        # The URL may be a secret that is changed: then there is another engine from the next call on.
        with self._lock:
            if url not in self._engines:
                pool = self._settings.get("pool", DEFAULT_POOL)
                options: dict[str, Any] = {"pool_pre_ping": True}
                if make_url(url).get_backend_name() != "sqlite":
                    options |= {"pool_size": pool, "max_overflow": 0, "pool_timeout": 30}
                self._engines[url] = create_engine(url, **options)
            return self._engines[url]

    def _run(self, connection: Connection, request: CallRequest) -> Outcome:
        statement = text(request.config["statement"])
        given = {**request.config.get("parameters", {})}
        if ITEM_ID in statement.compile().params:
            given[ITEM_ID] = request.item_id
        result = connection.execute(statement, given)
        if not result.returns_rows:
            return Done({"rows": [], "count": max(result.rowcount, 0)})
        return self._rows(result)

    def _rows(self, result: CursorResult[Any]) -> Outcome:
        most = self._settings.get("max_rows", DEFAULT_ROWS)
        found = result.mappings().fetchmany(most + 1)
        if len(found) > most:
            return Failed(FailureKind.TOO_LARGE, f"more than {most} rows", retryable=False)
        try:
            rows = [{str(column): _json(value) for column, value in row.items()} for row in found]
        except TypeError as error:
            return Failed(FailureKind.BAD_RESPONSE, str(error), retryable=False)
        return Done({"rows": rows, "count": len(rows)})


@contextmanager
def _stopped_after(connection: Connection, seconds: float, late: threading.Event) -> Iterator[None]:
    """Interrupts what runs on the connection when the time is over, and says so."""

    def stop() -> None:
        late.set()
        driver = connection.connection.dbapi_connection
        for name in STOPS:
            if callable(act := getattr(driver, name, None)):
                act()
                return

    timer = threading.Timer(max(seconds, 0), stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _json(value: Any) -> Any:
    """A value of a database as one of JSON. Raises `TypeError` for what is none."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case UUID():
            return str(value)
        case list() | tuple():
            return [_json(each) for each in value]
        case dict():
            return {str(key): _json(each) for key, each in value.items()}
        case _:
            raise TypeError(f"a {type(value).__name__} is no JSON value: convert it in the statement")


def _failure(error: SQLAlchemyError | OSError, place: str) -> Failed:
    told = f"{_first_line(error)}: {place}"
    match error:
        case DBAPIError() if error.connection_invalidated:
            return Failed(FailureKind.CONNECTION, told, retryable=True)
        case IntegrityError():
            return Failed(FailureKind.REFUSED, told, retryable=False)
        case ProgrammingError() | DataError():
            return Failed(FailureKind.BAD_CONFIG, told, retryable=False)
        case PoolExhausted() | DBAPIError() | OSError():
            return Failed(FailureKind.CONNECTION, told, retryable=True)
        case StatementError():
            # A parameter is missing, or of a type that the driver does not know.
            return Failed(FailureKind.BAD_CONFIG, told, retryable=False)
        case _:
            return Failed(FailureKind.BAD_CONFIG, told, retryable=False)


def _first_line(error: Exception) -> str:
    # The further lines repeat the statement and its parameters, which are the case's data.
    cause = getattr(error, "orig", None) or error
    return str(cause).splitlines()[0] if str(cause) else type(cause).__name__
