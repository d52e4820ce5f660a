"""The application: the parts of an installation, reached over HTTP."""

from flask import Flask, Response
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from api import (
    auth,
    callbacks,
    dead_letters,
    docs,
    health,
    pictures,
    resources,
    shared_data,
    specifications,
    steering,
    users,
    work_items,
)
from api.bodies import StrictRequest
from api.context import CORRELATION_HEADER, EXTENSION, correlation_id
from api.problems import ProblemDocument, handle_problems, invalid_response
from api.routes import SECURITY_SCHEME, Routes
from deploy import credentials
from deploy.wiring import Parts

VERSION = "1"

NOUNS: tuple[Routes, ...] = (
    auth.routes,
    users.routes,
    specifications.routes,
    steering.routes,
    work_items.routes,
    callbacks.routes,
    dead_letters.routes,
    pictures.routes,
    resources.routes,
    shared_data.routes,
    health.routes,
    docs.routes,
)


def create_app(parts: Parts) -> Flask:
    """The application around these parts. Makes the first user where there is none.

    Raises `CredentialsError` when there is no secret to sign tokens with, `Unavailable` when Redis is away.
    """
    settings = parts.settings
    app = OpenAPI(
        "api",
        info=Info(title="Casewright", version=VERSION),
        security_schemes={SECURITY_SCHEME: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        validation_error_model=ProblemDocument,
        validation_error_callback=invalid_response,
        # The pages are served by `docs`, at their own addresses; nothing else is to be found beside the routes.
        doc_ui=False,
        static_folder=None,
    )
    app.request_class = StrictRequest
    app.extensions[EXTENSION] = parts
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    handle_problems(app)
    auth.set_up_tokens(app, settings, credentials.signing_secret(settings), parts.registry)
    auth.guard_routes(app, {endpoint: guard for noun in NOUNS for endpoint, guard in noun.guards.items()})
    app.after_request(_add_headers)
    for noun in NOUNS:
        app.register_api(noun.blueprint)
    present = credentials.load(settings.data_dir)
    auth.add_first_user(parts.registry, present.admin_password if present is not None else None)
    return app


def _add_headers(response: Response) -> Response:
    response.headers[CORRELATION_HEADER] = correlation_id()
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
