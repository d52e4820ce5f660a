"""Routes by role, made from the code: `python -m tests.api.route_table` writes it into docs/security.md."""

import re
from pathlib import Path
from typing import NamedTuple

from flask import Flask

from api.app import NOUNS
from api.permissions import BY_DEFAULT, Access, Door, Guard, Permission

PAGE = Path(__file__).parent.parent.parent / "docs" / "security.md"
BEGIN, END = "<!-- routes by role: made by `make route-table` -->", "<!-- end of routes by role -->"


class Route(NamedTuple):
    """A route of the application, and what it takes to be called."""

    method: str
    rule: str
    endpoint: str
    guard: Guard


def routes(app: Flask) -> list[Route]:
    """Every route that the application serves, by rule and method."""
    guards = {endpoint: guard for noun in NOUNS for endpoint, guard in noun.guards.items()}
    found = [
        Route(method, rule.rule, rule.endpoint, guards[rule.endpoint])
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]
    return sorted(found, key=lambda route: (route.rule, route.method))


def may(role: str, guard: Guard) -> bool:
    """Whether a role gets past a guard, by default."""
    return guard in BY_DEFAULT[role] if isinstance(guard, Permission) else True


def table(app: Flask) -> str:
    """The table in Markdown."""
    heads = ["route", "needs", *(role.value for role in Access)]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for route in routes(app):
        shown = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.rule)
        marks = ["yes" if may(role.value, route.guard) else "" for role in Access]
        needs = f"`{route.guard}`" if isinstance(route.guard, Permission) else _DOORS[route.guard]
        lines.append(f"| `{route.method} {shown}` | {needs} | {' | '.join(marks)} |")
    return "\n".join(lines)


_DOORS = {
    Door.PUBLIC: "nothing",
    Door.SIGNED_IN: "a token",
    Door.REFRESH_TOKEN: "a refresh token",
    Door.ANY_TOKEN: "a token of any kind",
}


def written(page: str, app: Flask) -> str:
    """The page with the table as it is now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(app)}\n\n{END}{after}"


if __name__ == "__main__":
    from tempfile import mkdtemp

    from tests.api.bench import bench_of, settings_for

    PAGE.write_text(written(PAGE.read_text(), bench_of(settings_for(Path(mkdtemp()))).app))
