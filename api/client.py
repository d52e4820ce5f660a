"""A client of the API, for programs and tests. It knows HTTP and nothing of the server's inside.

Every call is bounded in time and raises `ApiProblem` when it is refused. Answers are the JSON that the API gives.
"""

from collections.abc import Iterator, Mapping, Sequence
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

import requests
from requests.auth import AuthBase

Json = dict[str, Any]
Query = Mapping[str, str | int | None]

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 60.0
"""Longer than the server may think about anything."""

LAST_ENTRY = 2**31 - 1
"""No journal is longer."""

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
ENDED = frozenset({"completed", "cancelled", "failed"})
AT_REST = ENDED | {"deadlocked", "faulted"}
"""Statuses that a case does not leave by itself."""


class ApiProblem(Exception):
    """The API refuses. `problem` is the whole document (RFC 9457)."""

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(f"{status} {problem.get('code', '')}: {problem.get('detail', '')}")
        self.status = status
        self.problem = problem

    @property
    def code(self) -> str:
        """The stable name of the refusal."""
        return str(self.problem.get("code", ""))

    @property
    def errors(self) -> list[Json]:
        """What is wrong with the input, each with `path` and `message`."""
        return list(self.problem.get("errors") or ())


class ApiUnreachable(Exception):
    """Nobody answers at this address, or not in time. A request may have been served all the same."""


class CaseStillRuns(Exception):
    """A case did not come to rest in the time that was given. `case` is how it stood at the end."""

    def __init__(self, case: Json) -> None:
        super().__init__(f"case {case['case_id']} is still {case['status']}")
        self.case = case


class _Bearer(AuthBase):
    """Shows a token. As an authentication of requests, because otherwise a .netrc file would take its place."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Client:
    """Calls the API at `base_url` with a token. One client is for one thread: it keeps its connection."""

    def __init__(self, base_url: str, token: str | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.token = token
        self._session = requests.Session()

    def close(self) -> None:
        """Gives the connection back."""
        self._session.close()

    # -- who asks ------------------------------------------------------------------------------------------------------

    def log_in(self, username: str, password: str) -> Json:
        """Gets tokens for a password, and uses the access token from now on."""
        tokens = self._post("/auth/token", {"username": username, "password": password})
        self.token = str(tokens["access_token"])
        return tokens

    def refresh(self, refresh_token: str) -> Json:
        """Gets a new access token for a refresh token, and uses it from now on."""
        tokens = self._call("POST", "/api/v1/auth/refresh", token=refresh_token)
        self.token = str(tokens["access_token"])
        return tokens

    def revoke(self, token: str | None = None) -> None:
        """Has a token refused from now on; the client's own by default."""
        self._call("POST", "/api/v1/auth/revoke", token=token)

    # -- users and resources -------------------------------------------------------------------------------------------

    def users(self, *, limit: int | None = None, cursor: str | None = None) -> Json:
        """A page of users."""
        return self._get("/users", {"limit": limit, "cursor": cursor})

    def user(self, username: str) -> Json:
        """One user."""
        return self._get(f"/users/{_part(username)}")

    def put_user(
        self,
        username: str,
        access: Sequence[str],
        *,
        password: str | None = None,
        resource_id: str | None = None,
        disabled: bool = False,
    ) -> Json:
        """Enters or changes a user."""
        body: Json = {"access": list(access), "disabled": disabled}
        body |= _given({"password": password, "resource_id": resource_id})
        return self._put(f"/users/{_part(username)}", body)

    def delete_user(self, username: str) -> None:
        """Removes a user."""
        self._delete(f"/users/{_part(username)}")

    def resources(self, *, limit: int | None = None, cursor: str | None = None) -> Json:
        """A page of participants."""
        return self._get("/resources", {"limit": limit, "cursor": cursor})

    def resource(self, resource_id: str) -> Json:
        """One participant."""
        return self._get(f"/resources/{_part(resource_id)}")

    def put_resource(self, resource_id: str, participant: Mapping[str, Any]) -> Json:
        """Enters or changes a participant: `{name, roles, capabilities, positions, groups, available}`."""
        return self._put(f"/resources/{_part(resource_id)}", dict(participant))

    def delete_resource(self, resource_id: str) -> None:
        """Removes a participant."""
        self._delete(f"/resources/{_part(resource_id)}")

    # -- specifications ------------------------------------------------------------------------------------------------

    def deploy(self, text: str, *, media_type: str = "application/yaml", strict: bool = False) -> Json:
        """Deploys a specification from its text; a strict one only if nothing unsound is found in it."""
        query = {"strict": "true" if strict else None}
        return self._call("POST", "/api/v1/specifications", query=query, text=text, media_type=media_type)

    def validate(self, text: str, *, media_type: str = "application/yaml", strict: bool = False) -> Json:
        """Checks a specification without deploying it."""
        query = {"strict": "true" if strict else None}
        return self._call("POST", "/api/v1/specifications/validate", query=query, text=text, media_type=media_type)

    def specifications(self, *, limit: int | None = None, cursor: str | None = None) -> Json:
        """A page of versions of specifications."""
        return self._get("/specifications", {"limit": limit, "cursor": cursor})

    def specification(self, identifier: str, version: str) -> Json:
        """One version with its document."""
        return self._get(f"/specifications/{_part(identifier)}/{_part(version)}")

    def retire(self, identifier: str, version: str) -> None:
        """Has a version take no new cases."""
        self._delete(f"/specifications/{_part(identifier)}/{_part(version)}")

    def specification_schema(self) -> Json:
        """The JSON Schema of the specification format."""
        return self._get("/schemas/specification")

    # -- cases ---------------------------------------------------------------------------------------------------------

    def start_case(
        self,
        specification: str,
        data: Mapping[str, Any],
        *,
        version: str | None = None,
        case_id: str | None = None,
        start_at: str | None = None,
        start_after: str | None = None,
        idempotency_key: str | None = None,
    ) -> Json:
        """Begins a case, at once or at a moment (`start_at`), or after a while (`start_after`, as `PT4H`).

        With a key, sending the same again has no second effect.
        """
        more = {"version": version, "case_id": case_id, "start_at": start_at, "start_after": start_after}
        body: Json = {"specification": specification, "data": dict(data), **_given(more)}
        return self._post("/cases", body, idempotency_key=idempotency_key)

    def start_cases(self, cases: Sequence[Mapping[str, Any]]) -> list[Json]:
        """Begins up to 1,000 cases, each for itself; what became of each, in order."""
        return list(self._post("/cases/bulk", {"items": [dict(case) for case in cases]})["items"])

    def case(self, case_id: str) -> Json:
        """One case."""
        return self._get(f"/cases/{_part(case_id)}")

    def cases(
        self,
        *,
        status: str | None = None,
        specification: str | None = None,
        created_after: str | None = None,
        parent: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Json:
        """A page of cases, newest first. `created_after` as `2026-01-31T08:15:00Z`."""
        return self._get(
            "/cases",
            {
                "status": status,
                "specification": specification,
                "created_after": created_after,
                "parent": parent,
                "limit": limit,
                "cursor": cursor,
            },
        )

    def journal(self, case_id: str, *, limit: int | None = None, cursor: str | None = None) -> Json:
        """A page of a case's journal."""
        return self._get(f"/cases/{_part(case_id)}/journal", {"limit": limit, "cursor": cursor})

    def case_then(self, case_id: str, *, at: str | None = None, seq: int | None = None) -> Json:
        """A case with its items as it was at a moment, or after an entry of its journal; else after the last one."""
        if at is None and seq is None:
            seq = LAST_ENTRY
        return self._get(f"/cases/{_part(case_id)}/journal", {"at": at, "seq": seq})

    def whole_journal(self, case_id: str) -> Iterator[Json]:
        """All entries of a case's journal, in order."""
        cursor: str | None = None
        while True:
            page = self.journal(case_id, limit=500, cursor=cursor)
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def cancel_case(self, case_id: str, reason: str | None = None) -> Json:
        """Asks for a case to be cancelled."""
        return self._post(f"/cases/{_part(case_id)}/cancel", _given({"reason": reason}))

    def suspend_case(self, case_id: str) -> Json:
        """Asks for a case and all below it to stand still."""
        return self._post(f"/cases/{_part(case_id)}/suspend", {})

    def resume_case(self, case_id: str) -> Json:
        """Asks for a suspended case and all below it to go on."""
        return self._post(f"/cases/{_part(case_id)}/resume", {})

    def migrate_case(self, case_id: str, version: str) -> Json:
        """Lets a case go on with another version of its specification."""
        return self._post(f"/cases/{_part(case_id)}/migrate", {"version": version})

    def retry_case(self, case_id: str, *, drop: bool = False) -> Json:
        """Asks for a faulted case to go on, with the event that could not be handled or (`drop`) without it."""
        return self._post(f"/cases/{_part(case_id)}/retry", {"drop": drop})

    def dead_letters(self, *, case_id: str | None = None, limit: int | None = None, cursor: str | None = None) -> Json:
        """A page of the events that could not be handled, oldest first."""
        return self._get("/dead-letters", {"case_id": case_id, "limit": limit, "cursor": cursor})

    def post_event(self, case_id: str, name: str, data: Any = None, *, idempotency_key: str | None = None) -> Json:
        """Tells a case what happened outside."""
        body = {"name": name, "data": data}
        return self._post(f"/cases/{_part(case_id)}/events", body, idempotency_key=idempotency_key)

    def children(self, case_id: str, *, limit: int | None = None, cursor: str | None = None) -> Json:
        """A page of the cases that composite tasks of a case have started, newest first."""
        return self._get(f"/cases/{_part(case_id)}/children", {"limit": limit, "cursor": cursor})

    def wait_for_case(self, case_id: str, timeout_s: float) -> Json:
        """The case once it is at rest: completed, cancelled, failed, deadlocked or faulted.

        It asks again and again, after pauses that grow from 50 ms to 1 s; a call that waits on the server comes later.
        Raises `CaseStillRuns` after `timeout_s`.
        """
        until = monotonic() + timeout_s
        pause_s = FIRST_PAUSE_S
        while True:
            case = self.case(case_id)
            if case["status"] in AT_REST:
                return case
            left_s = until - monotonic()
            if left_s <= 0:
                raise CaseStillRuns(case)
            sleep(min(pause_s, left_s))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    # -- work items ----------------------------------------------------------------------------------------------------

    def items(
        self,
        *,
        resource_id: str | None = None,
        state: str | None = None,
        case_id: str | None = None,
        task: str | None = None,
        kind: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Json:
        """A page of items, oldest first; one's own without `resource_id`, everybody's with `*`."""
        return self._get(
            "/work-items",
            {
                "resource_id": resource_id,
                "state": state,
                "case_id": case_id,
                "task": task,
                "kind": kind,
                "limit": limit,
                "cursor": cursor,
            },
        )

    def item(self, item_id: str) -> Json:
        """One item."""
        return self._get(f"/work-items/{_part(item_id)}")

    def claim(self, item_id: str) -> Json:
        """Makes an offered item one's own."""
        return self._move(item_id, "claim")

    def accept_offer(self, item_id: str) -> Json:
        """The same as `claim`."""
        return self._move(item_id, "accept-offer")

    def reject_offer(self, item_id: str) -> Json:
        """Says that one does not want an offered item."""
        return self._move(item_id, "reject-offer")

    def offer(self, item_id: str, resource_ids: Sequence[str]) -> Json:
        """Offers a waiting item to these participants."""
        return self._move(item_id, "offer", {"resource_id": list(resource_ids)})

    def allocate(self, item_id: str, resource_id: str) -> Json:
        """Gives a waiting item to one participant."""
        return self._move(item_id, "allocate", {"resource_id": resource_id})

    def suspend_item(self, item_id: str) -> Json:
        """Puts an item aside."""
        return self._move(item_id, "suspend")

    def resume_item(self, item_id: str) -> Json:
        """Makes a suspended item what it was."""
        return self._move(item_id, "resume")

    def start(self, item_id: str) -> Json:
        """Starts an item."""
        return self._move(item_id, "start")

    def complete(self, item_id: str, output: Any = None, *, idempotency_key: str | None = None) -> Json:
        """Completes a started item."""
        return self._move(item_id, "complete", {"output": output}, idempotency_key)

    def fail(self, item_id: str, reason: str) -> Json:
        """Gives a started item up."""
        return self._move(item_id, "fail", {"reason": reason})

    def add_instance(self, item_id: str, data: Any = None) -> Json:
        """Adds one more instance to the task of an item of which there are several."""
        return self._move(item_id, "add-instance", {"data": data})

    def skip(self, item_id: str) -> Json:
        """Lets a waiting item count as done."""
        return self._move(item_id, "skip")

    def cancel_item(self, item_id: str) -> Json:
        """Cancels one item."""
        return self._move(item_id, "cancel")

    # -- health --------------------------------------------------------------------------------------------------------

    def live(self) -> Json:
        """Whether the process answers."""
        return self._call("GET", "/health/live")

    def ready(self) -> Json:
        """Whether it can serve requests, and how its parts are; also when they are not well."""
        return self._call("GET", "/health/ready", accepted=(200, 503))

    # -- HTTP ----------------------------------------------------------------------------------------------------------

    def _move(self, item_id: str, move: str, body: Json | None = None, idempotency_key: str | None = None) -> Json:
        return self._post(f"/work-items/{_part(item_id)}/{move}", body or {}, idempotency_key=idempotency_key)

    def _get(self, path: str, query: Query | None = None) -> Json:
        return self._call("GET", f"/api/v1{path}", query=query)

    def _post(self, path: str, body: Json, *, idempotency_key: str | None = None) -> Json:
        return self._call("POST", f"/api/v1{path}", body=body, idempotency_key=idempotency_key)

    def _put(self, path: str, body: Json) -> Json:
        return self._call("PUT", f"/api/v1{path}", body=body)

    def _delete(self, path: str) -> None:
        self._call("DELETE", f"/api/v1{path}")

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Json | None = None,
        text: str | None = None,
        media_type: str | None = None,
        token: str | None = None,
        idempotency_key: str | None = None,
        accepted: Sequence[int] = (),
    ) -> Json:
        bearer = token or self.token
        headers = {"Content-Type": media_type, "Idempotency-Key": idempotency_key}
        try:
            response = self._session.request(
                method,
                self.base_url + path,
                params=_given(query or {}),
                json=body,
                data=text.encode() if text is not None else None,
                headers=_given(headers),
                auth=_Bearer(bearer),
                timeout=(CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S),
            )
        except requests.RequestException as error:
            raise ApiUnreachable(f"{self.base_url} does not answer: {error}") from error
        if response.ok or response.status_code in accepted:
            document = _document(response) if response.content else {}
            if document.get("code") == "" and "detail" in document:
                raise ApiUnreachable(
                    f"{self.base_url} is not a Casewright server: it answers {document['detail']!r:.100}"
                )
            return document
        raise ApiProblem(response.status_code, _document(response))


def _document(response: requests.Response) -> Json:
    """The JSON object of an answer. What is none comes from somebody in between, and is shown as its text."""
    try:
        document = response.json()
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {"code": "", "detail": response.text[:500]}


def _part(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def _given(values: Query) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
