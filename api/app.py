"""The application: the parts of an installation, reached over HTTP."""

from flask import Flask, Response
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from api import (
    access_roles,
    api_keys,
    audit,
    auth,
    callbacks,
    connectors,
    cors,
    dead_letters,
    detours,
    docs,
    etags,
    exact_rules,
    exceptions,
    health,
    org_units,
    pictures,
    repeats,
    resources,
    rules,
    shared_data,
    specifications,
    steering,
    streams,
    users,
    waiting,
    webhooks,
    work_items,
)
from api.bodies import StrictRequest
from api.context import CORRELATION_HEADER, EXTENSION, correlation_id
from api.issuers import read_issuers
from api.problems import ProblemDocument, handle_problems, invalid_response
from api.routes import SECURITY_SCHEME, Routes
from deploy import credentials
from deploy.signing_keys import KeyRing
from deploy.wiring import Parts

VERSION = "1"

NOUNS: tuple[Routes, ...] = (
    auth.routes,
    users.routes,
    api_keys.routes,
    access_roles.routes,
    audit.routes,
    specifications.routes,
    steering.routes,
    work_items.routes,
    detours.routes,
    callbacks.routes,
    connectors.routes,
    dead_letters.routes,
    exceptions.routes,
    pictures.routes,
    resources.routes,
    *org_units.ROUTES,
    rules.routes,
    shared_data.routes,
    webhooks.routes,
    health.routes,
    docs.routes,
)


def create_app(parts: Parts) -> Flask:
    """The application around these parts. Makes the first user where there is none.

    Raises `CredentialsError` when there is no secret to sign tokens with, `SettingsError` for issuers that cannot be
    read, `Unavailable` when Redis is away.
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
    app.extensions[streams.EXTENSION] = streams.EventStreams(settings.event_streams)
    app.extensions[waiting.EXTENSION] = waiting.Waiting(settings.waiters)
    app.extensions[docs.WAITS] = frozenset().union(*(noun.waits for noun in NOUNS))
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    handle_problems(app)
    exact_rules.keep_exact_rules(app)
    guards = {endpoint: guard for noun in NOUNS for endpoint, guard in noun.guards.items()}
    auth.set_up_tokens(app, settings, KeyRing(settings), read_issuers(settings.issuers), parts.registry)
    auth.guard_routes(app, guards)
    repeats.honour_keys(app, {endpoint: each for noun in NOUNS for endpoint, each in noun.repeats.items()})
    etags.tag_answers(app)
    audit.keep_audit(app, guards)
    cors.allow_origins(app, settings.cors_origins)
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
