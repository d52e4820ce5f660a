"""Repeated requests: an Idempotency-Key makes any POST one that can be sent again, for 24 hours.

The key is of who asks, the route with its parts, and itself. It is taken before anything is done, and the answer kept
after. The same request again gets that answer; another one under the same key 422; while the first is under way 409.
What was refused did nothing, so its key is free again.

Some routes see to it themselves, in the script that makes the effect (`api.idempotency`): of these a repeat is known
also when the server died in between. Of the others a repeat that comes after such a death is tried once more, and the
state answers it: an item cannot be claimed twice. What only gives out tokens changes nothing, and is not kept.
"""

from dataclasses import dataclass
from hashlib import blake2b
from uuid import uuid4

from flask import Flask, Response, g, request

from api.bodies import whole_body
from api.context import context, parts
from api.idempotency import given_key
from api.routes import Repeats
from engine.errors import Conflict, InvalidInput
from engine.store.kept_answers import KeptAnswer, Standing

KEPT_HEADERS = ("Content-Type", "Location", "ETag", "Cache-Control")
LONGEST_KEPT = 1 << 20
REPEATED_HEADER = "Idempotency-Replayed"

_SEPARATOR = b"\0"


@dataclass(frozen=True, slots=True)
class _Taken:
    """A key that this request has taken."""

    name: str
    owner: str


def honour_keys(app: Flask, repeats: dict[str, Repeats]) -> None:
    """Has an application answer repeated requests as it did before."""

    def take() -> Response | None:
        endpoint = request.endpoint or ""
        if request.method != "POST" or repeats.get(endpoint, Repeats.BY_ITSELF) is not Repeats.KEPT:
            return None
        key = given_key()
        if key is None:
            return None
        asks = context().principal
        taken = _Taken(_digest((asks.user if asks is not None else "", request.path, key)), uuid4().hex)
        content = (request.query_string.decode("latin-1"), request.content_type or "", whole_body(request))
        found = parts().access.answers.take(taken.name, _digest(content), taken.owner)
        match found.standing:
            case Standing.TAKEN:
                g.taken_key = taken
                return None
            case Standing.OTHER:
                message = "this Idempotency-Key came with another body before"
                raise InvalidInput(message, code="idempotency_key_reused")
            case Standing.UNDER_WAY:
                raise Conflict("the first request with this key is under way", code="request_in_progress")
            case Standing.ANSWERED:
                assert found.answer is not None, "what was answered has its answer"
                return _again(found.answer)

    def keep(response: Response) -> Response:
        taken: _Taken | None = g.get("taken_key")
        if taken is None:
            return response
        if not 200 <= response.status_code < 300:
            parts().access.answers.give_back(taken.name, taken.owner)
            return response
        headers = tuple((name, response.headers[name]) for name in KEPT_HEADERS if name in response.headers)
        body = response.get_data()
        # What is not to be stored on its way (a key that is shown once) is not stored here either.
        secret = response.cache_control.no_store or len(body) > LONGEST_KEPT
        answer = KeptAnswer(response.status_code, headers, None if secret else body)
        parts().access.answers.keep(taken.name, taken.owner, answer)
        return response

    app.before_request(take)
    app.after_request(keep)


def _again(answer: KeptAnswer) -> Response:
    if answer.body is None:
        raise Conflict("this was done before, and its answer holds what is not kept", code="answer_not_kept")
    response = Response(answer.body, answer.status, list(answer.headers))
    response.headers[REPEATED_HEADER] = "true"
    return response


def _digest(values: tuple[str | bytes, ...]) -> str:
    made_of = blake2b(digest_size=20)
    for value in values:
        made_of.update(value.encode(errors="surrogatepass") if isinstance(value, str) else value)
        made_of.update(_SEPARATOR)
    return made_of.hexdigest()
