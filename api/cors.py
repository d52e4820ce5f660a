"""Cross-origin requests (WHATWG Fetch): web pages of other origins may call the API only where they are named.

`CASEWRIGHT_CORS_ORIGINS` names them. Tokens go in a header and never in a cookie, so credentials are not allowed.
"""

from flask import Flask, Response, request

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, X-Correlation-Id"
)
ANSWER_HEADERS = "ETag, Location, Retry-After, X-Correlation-Id, Idempotency-Replayed, Preference-Applied"
REMEMBERED_S = 600


def allow_origins(app: Flask, origins: tuple[str, ...]) -> None:
    """Has an application answer pages of these origins, and no others."""
    if not origins:
        return

    def allow(response: Response) -> Response:
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin not in origins:
            return response
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = ANSWER_HEADERS
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = METHODS
            response.headers["Access-Control-Allow-Headers"] = REQUEST_HEADERS
            response.headers["Access-Control-Max-Age"] = str(REMEMBERED_S)
        return response

    app.after_request(allow)
