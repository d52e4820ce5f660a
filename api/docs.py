"""The description of the API (OpenAPI 3.1), and a page to read and try it that needs no other network."""

from importlib.resources import files
from pathlib import Path
from typing import cast

from flask import Response, current_app, send_from_directory
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel

from api.answers import plain_answer
from api.described import described
from api.permissions import Door
from api.routes import API, Answers, Routes
from engine.spec.shape import specification_schema

routes = Routes("docs", prefix="")

WAITS = "casewright.waits"
"""Where the application keeps the endpoints at which `Prefer: wait` is honoured."""

ASSETS = Path(str(files("flask_openapi3_swagger"))) / "templates" / "swagger"
"""Swagger UI as the package flask-openapi3-swagger carries it."""

PAGE = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Casewright API</title>
<link rel="icon" href="/api/docs/images/swagger.svg">
<link rel="stylesheet" href="/api/docs/css/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/api/docs/js/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({{url: "{API}/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null}})
</script>
</body>
</html>
"""


PAGE_OF_DOCS: Answers = {200: {"description": "OK", "content": {"text/html": {"schema": {"type": "string"}}}}}
FILE_OF_DOCS: Answers = {200: {"description": "OK", "content": {"*/*": {"schema": {"type": "string"}}}}}


class Asset(BaseModel):
    """Names a file of the page."""

    name: str


class Document(BaseModel):
    """A JSON document."""

    model_config = {"extra": "allow"}


@routes.get(f"{API}/openapi.json", Door.PUBLIC, {200: Document})
def get_openapi() -> Response:
    """The description of this API, in OpenAPI 3.1."""
    app = cast(OpenAPI, current_app)
    waits = current_app.extensions[WAITS]
    rules = frozenset(rule.rule for rule in app.url_map.iter_rules() if rule.endpoint in waits)
    return plain_answer(described(app.api_doc, rules))


@routes.get(f"{API}/schemas/specification", Door.PUBLIC, {200: Document})
def get_specification_schema() -> Response:
    """The JSON Schema of the specification format."""
    return plain_answer(specification_schema())


@routes.get("/api/docs", Door.PUBLIC, PAGE_OF_DOCS)
def get_docs() -> Response:
    """A page on which the API can be read and tried."""
    return Response(PAGE, content_type="text/html; charset=utf-8")


@routes.get("/api/docs/<path:name>", Door.PUBLIC, FILE_OF_DOCS)
def get_docs_asset(path: Asset) -> Response:
    """A file of that page."""
    return send_from_directory(ASSETS, path.name, max_age=86_400)
