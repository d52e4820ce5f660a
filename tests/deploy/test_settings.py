"""Settings: one frozen value from the environment, all problems at once, the same again in a child process."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from deploy.settings import Settings, SettingsError, redis_is_named

SECRET = "0123456789abcdef0123456789abcdef"

EVERYTHING = {
    "CASEWRIGHT_REDIS_URL": "rediss://user:pass@redis.example:6380/2",
    "CASEWRIGHT_BROKER_URL": "amqp://guest:guest@rabbit.example:5672//",
    "CASEWRIGHT_SHARDS": "64",
    "CASEWRIGHT_DATA_DIR": "/srv/case wright",
    "CASEWRIGHT_HOST": "::",
    "CASEWRIGHT_PORT": "9000",
    "CASEWRIGHT_WORKERS": "4",
    "CASEWRIGHT_API_THREADS": "8",
    "CASEWRIGHT_EVENT_STREAMS": "6",
    "CASEWRIGHT_FLOWER_PORT": "9001",
    "CASEWRIGHT_JWT_SECRET": SECRET,
    "CASEWRIGHT_TOKEN_LIFETIME_S": "60",
    "CASEWRIGHT_REFRESH_LIFETIME_S": "600",
    "CASEWRIGHT_SECRETS_DIR": "/run/secrets",
    "CASEWRIGHT_FUNCTIONS_ALLOWED": "shop.stock:reserve, shop.billing:*",
    "CASEWRIGHT_CONNECT_THREADS": "5",
    "CASEWRIGHT_MOST_WAITING": "77",
    "CASEWRIGHT_LOG_LEVEL": "debug",
    "CASEWRIGHT_RECOVER_EVERY_S": "0.3",
    "CASEWRIGHT_TICK_EVERY_S": "0.2",
    "CASEWRIGHT_MAX_BODY_BYTES": "4096",
    "CASEWRIGHT_PUBLIC_URL": "https://cases.example/",
}


def problems(**variables: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"HOME": "/home/ann", **variables})
    return caught.value.problems


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_environment({"HOME": "/home/ann"})

    assert settings.redis_url == settings.broker_url == "redis://127.0.0.1:6379/0"
    assert settings.data_dir == Path("/home/ann/.local/share/casewright")
    assert (settings.host, settings.port, settings.shards, settings.jwt_secret) == ("127.0.0.1", 8080, 16, None)
    assert settings.refresh_lifetime_s == 7 * 86_400


def test_every_field_has_its_variable() -> None:
    settings = Settings.from_environment(EVERYTHING)

    assert settings == Settings(
        redis_url="rediss://user:pass@redis.example:6380/2",
        broker_url="amqp://guest:guest@rabbit.example:5672//",
        shards=64,
        data_dir=Path("/srv/case wright"),
        host="::",
        port=9000,
        workers=4,
        api_threads=8,
        event_streams=6,
        flower_port=9001,
        jwt_secret=SECRET,
        token_lifetime_s=60,
        refresh_lifetime_s=600,
        secrets_dir=Path("/run/secrets"),
        functions_allowed=("shop.stock:reserve", "shop.billing:*"),
        connect_threads=5,
        log_level="DEBUG",
        recover_every_s=0.3,
        tick_every_s=0.2,
        most_waiting=77,
        max_body_bytes=4096,
        public_url="https://cases.example",
    )


@pytest.mark.parametrize("environ", [{"HOME": "/home/ann"}, EVERYTHING], ids=["defaults", "everything"])
def test_a_child_process_reads_the_same_settings(environ: dict[str, str]) -> None:
    settings = Settings.from_environment(environ)

    assert Settings.from_environment(settings.environment()) == settings


def test_what_is_none_has_no_variable() -> None:
    environment = Settings.from_environment({"HOME": "/home/ann"}).environment()

    assert "CASEWRIGHT_JWT_SECRET" not in environment
    assert "CASEWRIGHT_SECRETS_DIR" not in environment


def test_settings_are_frozen() -> None:
    settings = Settings.from_environment(EVERYTHING)

    with pytest.raises(FrozenInstanceError):
        settings.port = 1  # type: ignore[misc]


def test_the_repr_shows_no_secret() -> None:
    shown = repr(Settings.from_environment(EVERYTHING))

    assert SECRET not in shown
    assert "pass" not in shown
    assert "guest" not in shown


def test_an_empty_variable_counts_as_absent() -> None:
    assert Settings.from_environment({"HOME": "/home/ann", "CASEWRIGHT_PORT": " ", "REDIS_URL": ""}).port == 8080


def test_redis_url_is_read_and_our_own_name_wins() -> None:
    general = {"HOME": "/", "REDIS_URL": "redis://general:1/0"}
    both = {**general, "CASEWRIGHT_REDIS_URL": "redis://own:2/0"}

    assert Settings.from_environment(general).redis_url == "redis://general:1/0"
    assert Settings.from_environment(both).redis_url == "redis://own:2/0"


def test_the_broker_is_the_redis_unless_it_has_an_address_of_its_own() -> None:
    shared = Settings.from_environment({"HOME": "/", "REDIS_URL": "redis://one:1/0"})
    apart = Settings.from_environment({"HOME": "/", "CASEWRIGHT_BROKER_URL": "redis://two:2/0"})

    assert shared.on_redis("redis://new:3/0").broker_url == "redis://new:3/0"
    assert apart.on_redis("redis://new:3/0").broker_url == "redis://two:2/0"
    assert apart.on_redis("redis://new:3/0").redis_url == "redis://new:3/0"


def test_a_broker_may_be_several_sentinels() -> None:
    address = "sentinel://one:26379;sentinel://two:26379"

    assert Settings.from_environment({"HOME": "/", "CASEWRIGHT_BROKER_URL": address}).broker_url == address


@pytest.mark.parametrize(
    ("environ", "named"),
    [({}, False), ({"REDIS_URL": ""}, False), ({"REDIS_URL": "redis://a"}, True), (EVERYTHING, True)],
)
def test_whether_a_redis_is_named(environ: dict[str, str], named: bool) -> None:
    assert redis_is_named(environ) is named


def test_the_data_dir_follows_an_absolute_xdg_data_home_only() -> None:
    absolute = Settings.from_environment({"HOME": "/home/ann", "XDG_DATA_HOME": "/data"})
    relative = Settings.from_environment({"HOME": "/home/ann", "XDG_DATA_HOME": "data"})

    assert absolute.data_dir == Path("/data/casewright")
    assert relative.data_dir == Path("/home/ann/.local/share/casewright")


def test_a_relative_data_dir_becomes_absolute() -> None:
    assert Settings.from_environment({"CASEWRIGHT_DATA_DIR": "here"}).data_dir == Path("here").absolute()


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("CASEWRIGHT_SHARDS", "0", "a whole number from 1 to 1024"),
        ("CASEWRIGHT_SHARDS", "1025", "a whole number from 1 to 1024"),
        ("CASEWRIGHT_PORT", "http", "a whole number from 1 to 65535"),
        ("CASEWRIGHT_RECOVER_EVERY_S", "nan", "a number of seconds from 0.05 to 3600"),
        ("CASEWRIGHT_LOG_LEVEL", "loud", "one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("CASEWRIGHT_HOST", "http://here", "a host name or an address of this machine"),
        ("CASEWRIGHT_FUNCTIONS_ALLOWED", "os;system", "callables separated by commas"),
        ("REDIS_URL", "localhost:6379", "an address such as redis://host:port"),
        ("CASEWRIGHT_REDIS_URL", "redis://host:port", "an address such as redis://host:port"),
        ("CASEWRIGHT_PUBLIC_URL", "cases.example", "an address such as http://host:port"),
    ],
)
def test_a_bad_value_names_variable_value_and_what_is_accepted(name: str, value: str, accepted: str) -> None:
    (problem,) = problems(**{name: value})

    assert problem.startswith(f"{name}={value} is not accepted: it takes {accepted}")


def test_all_problems_come_at_once() -> None:
    found = problems(CASEWRIGHT_SHARDS="many", CASEWRIGHT_PORT="-1", CASEWRIGHT_LOG_LEVEL="loud")

    assert [problem.partition("=")[0] for problem in found] == [
        "CASEWRIGHT_SHARDS",
        "CASEWRIGHT_PORT",
        "CASEWRIGHT_LOG_LEVEL",
    ]


def test_a_refused_secret_is_not_shown() -> None:
    (short,) = problems(CASEWRIGHT_JWT_SECRET="swordfish")
    (address,) = problems(CASEWRIGHT_REDIS_URL="http://:sword/fish@host")

    assert short == "CASEWRIGHT_JWT_SECRET=<9 bytes> is not accepted: it takes a secret of at least 32 bytes"
    assert "sword" not in address
