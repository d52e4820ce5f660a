"""Addresses that are written out win over those with names in them: `/resources/export` is no resource.

Flask would take `PUT /resources/export` for a resource of that name, which could then never be read. Here such an
address has the methods of its own rule alone, and what has a name like it is refused where it is entered (`RESERVED`).
"""

from flask import Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed

RESERVED = frozenset({"export", "import", "bulk", "stream"})
"""Names that would be taken for a part of an address."""


def keep_exact_rules(app: Flask) -> None:
    """Has an application answer at written out addresses by their own rules only."""
    exact: dict[str, set[str]] = {}

    def refuse() -> Response | None:
        if not exact:
            for rule in app.url_map.iter_rules():
                if not rule.arguments:
                    exact.setdefault(rule.rule, set()).update(rule.methods or ())
        methods = exact.get(request.path)
        if methods is None or (request.method in methods and request.method != "OPTIONS"):
            return None
        if request.method == "OPTIONS":
            return Response(headers={"Allow": ", ".join(sorted(methods))})
        raise MethodNotAllowed(sorted(methods))

    app.before_request(refuse)
