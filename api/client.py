"""A client of the API, for programs and tests. It knows HTTP and nothing of the server's inside.

Every call is bounded in time and raises `ApiProblem` when it is refused. Answers are the JSON that the API gives.
"""

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from copy import copy
from time import monotonic, sleep
from typing import Any, Literal
from urllib.parse import quote

import requests
from requests.auth import AuthBase

Json = dict[str, Any]
Query = Mapping[str, str | int | None]
OrgUnits = Literal["roles", "positions", "groups", "capabilities"]

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
    """Calls the API at `base_url` with a token. One client is for one thread: it keeps its connection.

    `etag` is that of what was shown last.
    """

    def __init__(self, base_url: str, token: str | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.token = token
        self.etag: str | None = None
        self._session = requests.Session()
        self._key: str | None = None
        self._if_match: str | None = None

    def once(self, idempotency_key: str) -> "Client":
        """This client, for one request that may have to be sent again: any POST of it carries this key."""
        twin = copy(self)
        twin._key = idempotency_key
        return twin

    def if_unchanged(self, etag: str) -> "Client":
        """This client, for changes that are made only of what still has this ETag; others raise `ApiProblem` (412)."""
        twin = copy(self)
        twin._if_match = etag
        return twin

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

    def make_api_key(
        self,
        username: str,
        *,
        name: str = "",
        access: Sequence[str] | None = None,
        specifications: Sequence[str] | None = None,
        expires_at: str | None = None,
    ) -> Json:
        """Makes a key for a user; `key` of the answer is shown this once."""
        more = {"access": access, "specifications": specifications, "expires_at": expires_at}
        given = {key: list(value) if isinstance(value, list | tuple) else value for key, value in more.items()}
        body: Json = {"name": name, **{key: value for key, value in given.items() if value is not None}}
        return self._post(f"/users/{_part(username)}/api-keys", body)

    def api_keys(self, username: str, *, limit: int | None = None, cursor: str | None = None) -> Json:
        """A page of a user's keys, without their secrets."""
        return self._get(f"/users/{_part(username)}/api-keys", {"limit": limit, "cursor": cursor})

    def delete_api_key(self, username: str, key_id: str) -> None:
        """Has a key refused from now on."""
        self._delete(f"/users/{_part(username)}/api-keys/{_part(key_id)}")

    def access_roles(self, *, limit: int | None = None, cursor: str | None = None) -> Json:
        """A page of access roles, and what each grants."""
        return self._get("/access-roles", {"limit": limit, "cursor": cursor})

    def access_role(self, role: str) -> Json:
        """One access role."""
        return self._get(f"/access-roles/{_part(role)}")

    def put_access_role(self, role: str, permissions: Sequence[str]) -> Json:
        """Says what an access role grants, or makes one."""
        return self._put(f"/access-roles/{_part(role)}", {"permissions": list(permissions)})

    def delete_access_role(self, role: str) -> None:
        """Removes an access role, or makes a built-in one what it is by default."""
        self._delete(f"/access-roles/{_part(role)}")

    def audit(
        self,
        *,
        strangers: bool = False,
        user: str | None = None,
        what: str | None = None,
        code: str | None = None,
        since: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Json:
        """A page of the audit log, the newest first; of `strangers` or of those who are known."""
        asked = {"user": user, "what": what, "code": code, "since": since, "limit": limit, "cursor": cursor}
        return self._get("/audit", {"strangers": "true" if strangers else None, **asked})

    def export_resources(self) -> Json:
        """The whole organisation, in the form in which it is imported."""
        return self._get("/resources/export")

    def export_resources_table(self) -> str:
        """The whole organisation as CSV."""
        return self._text("/resources/export", {"format": "csv"})

    def import_resources(self, organisation: Mapping[str, Any]) -> Json:
        """Enters or replaces resources and units, all or none; how many of each."""
        return self._post("/resources/import", dict(organisation))

    def import_resources_table(self, text: str) -> Json:
        """Enters or replaces the resources and units of a CSV table, all or none; how many of each."""
        return self._call("POST", "/api/v1/resources/import", text=text, media_type="text/csv")

    def org_units(self, noun: OrgUnits, *, limit: int | None = None, cursor: str | None = None) -> Json:
        """A page of roles, positions, groups or capabilities, by id."""
        return self._get(f"/{noun}", {"limit": limit, "cursor": cursor})

    def org_unit(self, noun: OrgUnits, unit_id: str) -> Json:
        """One role, position, group or capability."""
        return self._get(f"/{noun}/{_part(unit_id)}")

    def put_org_unit(self, noun: OrgUnits, unit_id: str, unit: Mapping[str, Any]) -> Json:
        """Enters or changes a role, position, group or capability."""
        return self._put(f"/{noun}/{_part(unit_id)}", dict(unit))

    def delete_org_unit(self, noun: OrgUnits, unit_id: str) -> None:
        """Removes a role, position, group or capability."""
        self._delete(f"/{noun}/{_part(unit_id)}")

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

    # -- connectors ----------------------------------------------------------------------------------------------------

    def connectors(self, *, limit: int | None = None, cursor: str | None = None) -> Json:
        """A page of connectors."""
        return self._get("/connectors", {"limit": limit, "cursor": cursor})

    def all_connectors(self) -> Iterator[Json]:
        """All connectors, page by page."""
        page = self.connectors()
        yield from page["items"]
        while page["next"]:
            page = self.connectors(cursor=page["next"])
            yield from page["items"]

    def connector(self, name: str) -> Json:
        """One connector, and how it fares."""
        return self._get(f"/connectors/{_part(name)}")

    def put_connector(self, name: str, written: Mapping[str, Any]) -> Json:
        """Configures a connector, as a file would: `{connector, limits, breaker, ...}`."""
        return self._put(f"/connectors/{_part(name)}", dict(written))

    def delete_connector(self, name: str) -> None:
        """Removes a connector that was configured over the API."""
        self._delete(f"/connectors/{_part(name)}")

    def test_connector(
        self, name: str, config: Mapping[str, Any], given: Mapping[str, Any] | None = None, timeout_s: float = 10.0
    ) -> Json:
        """Makes one call: `{outcome: "done" | "failed", ...}`."""
        body = {"config": dict(config), "input": dict(given or {}), "timeout_s": timeout_s}
        return self._post(f"/connectors/{_part(name)}/test", body)

    # -- rules and worklets --------------------------------------------------------------------------------------------

    def rules(self, specification: str) -> Json:
        """What was learnt about the exceptions of a specification."""
        return self._get(f"/rules/{_part(specification)}")

    def export_rules(self, specification: str) -> Json:
        """A rule set as it can be put back."""
        return self._get(f"/rules/{_part(specification)}", {"form": "export"})

    def put_rules(self, specification: str, rules: Mapping[str, Any]) -> Json:
        """Puts a rule set in the place of the present one, which must still be of its version."""
        return self._put(f"/rules/{_part(specification)}", dict(rules))

    def add_rule(
        self,
        specification: str,
        kind: str,
        condition: str,
        conclusion: Any,
        *,
        task: str = "",
        case_id: str | None = None,
        item_id: str | None = None,
        data: Mapping[str, Any] | None = None,
        title: str | None = None,
        only_check: bool = False,
    ) -> Json:
        """Teaches what is to be done about exceptions of a kind: `{rule, conclusion, path, added}`.

        The case (or the data) is what the rule is made for. `only_check` changes nothing.
        """
        more = {"case_id": case_id, "item_id": item_id, "title": title}
        asked = {"kind": kind, "task": task, "data": dict(data or {}), **_given(more)}
        body = {**asked, "condition": condition, "conclusion": conclusion}
        return self._post(f"/rules/{_part(specification)}{'/check' if only_check else ''}", body)

    def explain_rules(
        self,
        specification: str,
        kind: str,
        *,
        task: str = "",
        case_id: str | None = None,
        item_id: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Json:
        """What the rules conclude about a case (or data), and by which way: `{rule, conclusion, path}`."""
        asked = {
            "kind": kind,
            "task": task,
            "data": dict(data or {}),
            **_given({"case_id": case_id, "item_id": item_id}),
        }
        return self._post(f"/rules/{_part(specification)}/explain", asked)

    def worklets(self, *, limit: int | None = None, cursor: str | None = None) -> Json:
        """A page of the repertoire: the specifications that rules and exlets name."""
        return self._get("/worklets", {"limit": limit, "cursor": cursor})

    # -- webhooks ------------------------------------------------------------------------------------------------------

    def webhooks(self, *, limit: int | None = None, cursor: str | None = None) -> Json:
        """A page of webhooks, without their secrets."""
        return self._get("/webhooks", {"limit": limit, "cursor": cursor})

    def webhook(self, name: str) -> Json:
        """One webhook."""
        return self._get(f"/webhooks/{_part(name)}")

    def put_webhook(
        self,
        name: str,
        url: str,
        *,
        secret: str | None = None,
        events: Sequence[str] = ("*",),
        specifications: Sequence[str] | None = None,
        active: bool = True,
    ) -> Json:
        """Enters or changes a webhook; a secret that is made for it is shown in this answer and never again."""
        body: Json = {"url": url, "events": list(events), "active": active, **_given({"secret": secret})}
        if specifications is not None:
            body["specifications"] = list(specifications)
        return self._put(f"/webhooks/{_part(name)}", body)

    def delete_webhook(self, name: str) -> None:
        """Removes a webhook."""
        self._delete(f"/webhooks/{_part(name)}")

    def dead_deliveries(self, *, limit: int | None = None, cursor: str | None = None) -> Json:
        """A page of ends that could not be sent, the newest first."""
        return self._get("/webhook-deliveries/dead", {"limit": limit, "cursor": cursor})

    def retry_delivery(self, delivery_id: str) -> None:
        """Sends a dead delivery again."""
        self._post(f"/webhook-deliveries/{_part(delivery_id)}/retry", {})

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

    def specification_picture(self, identifier: str, version: str) -> str:
        """The nets of a version, as SVG."""
        return self._text(f"/specifications/{_part(identifier)}/{_part(version)}/picture.svg")

    def description(self) -> Json:
        """The description of the API, in OpenAPI 3.1."""
        return self._get("/openapi.json")

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
        wait_s: int = 0,
    ) -> Json:
        """Begins a case, at once or at a moment (`start_at`), or after a while (`start_after`, as `PT4H`).

        With a key, sending the same again has no second effect. With `wait_s` (at most 30) the answer is the whole case
        once it has begun, if that is in time.
        """
        more = {"version": version, "case_id": case_id, "start_at": start_at, "start_after": start_after}
        body: Json = {"specification": specification, "data": dict(data), **_given(more)}
        return self._post("/cases", body, idempotency_key=idempotency_key, wait_s=wait_s)

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

    def cancel_case(self, case_id: str, reason: str | None = None, *, wait_s: int = 0) -> Json:
        """Asks for a case to be cancelled. With `wait_s` (at most 30) the answer is the case after it, if in time."""
        return self._post(f"/cases/{_part(case_id)}/cancel", _given({"reason": reason}), wait_s=wait_s)

    def suspend_case(self, case_id: str, *, wait_s: int = 0) -> Json:
        """Asks for a case and all below it to stand still."""
        return self._post(f"/cases/{_part(case_id)}/suspend", {}, wait_s=wait_s)

    def resume_case(self, case_id: str, *, wait_s: int = 0) -> Json:
        """Asks for a suspended case and all below it to go on."""
        return self._post(f"/cases/{_part(case_id)}/resume", {}, wait_s=wait_s)

    def migrate_case(self, case_id: str, version: str) -> Json:
        """Lets a case go on with another version of its specification."""
        return self._post(f"/cases/{_part(case_id)}/migrate", {"version": version})

    def retry_case(self, case_id: str, *, drop: bool = False, wait_s: int = 0) -> Json:
        """Asks for a faulted case to go on, with the event that could not be handled or (`drop`) without it."""
        return self._post(f"/cases/{_part(case_id)}/retry", {"drop": drop}, wait_s=wait_s)

    def dead_letters(self, *, case_id: str | None = None, limit: int | None = None, cursor: str | None = None) -> Json:
        """A page of the events that could not be handled, oldest first."""
        return self._get("/dead-letters", {"case_id": case_id, "limit": limit, "cursor": cursor})

    def exceptions(
        self,
        *,
        state: str | None = None,
        kind: str | None = None,
        specification: str | None = None,
        case_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Json:
        """A page of the exceptions of all cases: those of a `state`, or all that nothing more is done about."""
        asked = {"state": state, "kind": kind, "specification": specification, "case_id": case_id}
        return self._get("/exceptions", {**asked, "limit": limit, "cursor": cursor})

    def post_event(
        self, case_id: str, name: str, data: Any = None, *, idempotency_key: str | None = None, wait_s: int = 0
    ) -> Json:
        """Tells a case what happened outside."""
        body = {"name": name, "data": data}
        return self._post(f"/cases/{_part(case_id)}/events", body, idempotency_key=idempotency_key, wait_s=wait_s)

    def set_case_data(self, case_id: str, data: Mapping[str, Any], *, wait_s: int = 0) -> Json:
        """Sets variables of a case, all or none."""
        return self._post(f"/cases/{_part(case_id)}/data", {"data": dict(data)}, wait_s=wait_s)

    def case_picture(self, case_id: str) -> str:
        """The net of a case with its tokens, as SVG."""
        return self._text(f"/cases/{_part(case_id)}/picture.svg")

    def call_back(self, token: str, outcome: Any = None) -> Json:
        """Gives a call that waits for it its outcome. The token in the callback's URL is the authorisation."""
        text = json.dumps(outcome)
        return self._call("POST", f"/api/v1/callbacks/{_part(token)}", text=text, media_type="application/json")

    # -- shared data ---------------------------------------------------------------------------------------------------

    def specification_data(self, specification: str) -> Json:
        """What the cases of a specification share: `{data, version}`."""
        return self._get(f"/shared/specifications/{_part(specification)}")

    def set_specification_data(
        self, specification: str, data: Mapping[str, Any], *, version: int | None = None
    ) -> Json:
        """Sets what the cases of a specification share; with `version` only if nothing was written since that one."""
        return self._post(f"/shared/specifications/{_part(specification)}", _change(data, version))

    def folder_data(self, folder: str) -> Json:
        """What the cases of a folder share: `{data, version}`."""
        return self._get(f"/shared/folders/{_part(folder)}")

    def set_folder_data(self, folder: str, data: Mapping[str, Any], *, version: int | None = None) -> Json:
        """Sets what the cases of a folder share; with `version` only if nothing was written since that one."""
        return self._post(f"/shared/folders/{_part(folder)}", _change(data, version))

    def tree_data(self, case_id: str) -> Json:
        """What a case shares with all cases of its tree: `{data, version}`."""
        return self._get(f"/shared/cases/{_part(case_id)}")

    def set_tree_data(self, case_id: str, data: Mapping[str, Any], *, version: int | None = None) -> Json:
        """Sets what a case shares with all cases of its tree; with `version` only if nothing was written since."""
        return self._post(f"/shared/cases/{_part(case_id)}", _change(data, version))

    def raise_exception(
        self,
        case_id: str,
        name: str,
        *,
        item_id: str | None = None,
        data: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Json:
        """Tells a case, or an item of it, that something happened that its flow does not foresee."""
        body = {"name": name, "data": dict(data or {}), **_given({"item_id": item_id})}
        return self._post(f"/cases/{_part(case_id)}/exceptions", body, idempotency_key=idempotency_key)

    def replace_worklet(self, case_id: str) -> Json:
        """Calls off a worklet, named by its own case, and has it chosen anew."""
        return self._post(f"/cases/{_part(case_id)}/replace", {})

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
        specification: str | None = None,
        due_before: str | None = None,
        search: str | None = None,
        kind: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Json:
        """A page of items, the most urgent first; one's own without `resource_id`, everybody's with `*`."""
        return self._get(
            "/work-items",
            {
                "resource_id": resource_id,
                "state": state,
                "case_id": case_id,
                "task": task,
                "specification": specification,
                "due_before": due_before,
                "search": search,
                "kind": kind,
                "limit": limit,
                "cursor": cursor,
            },
        )

    def item_events(
        self, *, resource_id: str | None = None, case_id: str | None = None, after: str | None = None
    ) -> Generator[tuple[str, str, Json], None, None]:
        """Changes of items as they happen, until the server ends the stream: (id, what, item).

        `after` is the id of the last event that was seen. What is `work-item`, or `reset` where some were missed.
        """
        try:
            with self._session.get(
                f"{self.base_url}/api/v1/work-items/stream",
                params=_given({"resource_id": resource_id, "case_id": case_id}),
                headers=_given({"Last-Event-ID": after}),
                auth=_Bearer(self.token),
                timeout=(CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S),
                stream=True,
            ) as response:
                if not response.ok:
                    raise ApiProblem(response.status_code, _document(response))
                yield from _events(response)
        except requests.RequestException as error:
            raise ApiUnreachable(f"{self.base_url} does not answer: {error}") from error

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

    def delegate(self, item_id: str, resource_id: str) -> Json:
        """Hands an allocated item on to another participant."""
        return self._move(item_id, "delegate", {"resource_id": resource_id})

    def deallocate(self, item_id: str) -> Json:
        """Gives an allocated item back."""
        return self._move(item_id, "deallocate")

    def reallocate(self, item_id: str, resource_id: str, *, keep_data: bool = True) -> Json:
        """Gives a started item to another participant, with what was done of it or without."""
        return self._move(item_id, "reallocate", {"resource_id": resource_id, "keep_data": keep_data})

    def escalate(self, item_id: str, *, resource_ids: Sequence[str] = (), role: str | None = None) -> Json:
        """Takes an item from whoever has it: for these participants, or for those who have a role."""
        whom: Json = {"role": role} if role is not None else {"resource_id": list(resource_ids)}
        return self._move(item_id, "escalate", whom)

    def redo(self, item_id: str) -> Json:
        """Has a completed item done again, and gives the new one."""
        return self._move(item_id, "redo")

    def pre_do(self, item_id: str, task: str) -> Json:
        """Brings a later task of an item's case forward, and gives its item."""
        return self._move(item_id, "pre-do", {"task": task})

    def pile(self, item_id: str) -> Json:
        """Has new items of this task started for oneself."""
        return self._move(item_id, "pile")

    def unpile(self, item_id: str) -> Json:
        """Has new items of this task distributed again."""
        return self._move(item_id, "unpile")

    def chain(self, item_id: str) -> Json:
        """Has the next items of this case started for oneself."""
        return self._move(item_id, "chain")

    def unchain(self, item_id: str) -> Json:
        """Has the next items of this case distributed again."""
        return self._move(item_id, "unchain")

    def save(self, item_id: str, output: Any) -> Json:
        """Keeps what one has so far of a started item."""
        return self._move(item_id, "save", {"output": output})

    def edit_item(self, item_id: str, changes: Json) -> Json:
        """Changes `priority` (a whole number) or `due_at` (RFC 3339, or None) of an item."""
        return self._call("PATCH", f"/api/v1/work-items/{_part(item_id)}", body=changes)

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

    def set_item_data(self, item_id: str, data: Mapping[str, Any]) -> Json:
        """Changes parts of the input of a started item while somebody works on it."""
        return self._move(item_id, "data", {"data": dict(data)})

    def wait_for_item(self, case_id: str, task: str, timeout_s: float) -> Json:
        """A live item of a task of a case, once there is one. Raises `CaseStillRuns` after `timeout_s`."""
        until = monotonic() + timeout_s
        pause_s = FIRST_PAUSE_S
        while True:
            found = list(self.items(resource_id="*", case_id=case_id, task=task, limit=1)["items"])
            if found:
                return dict(found[0])
            left_s = until - monotonic()
            if left_s <= 0:
                raise CaseStillRuns(self.case(case_id))
            sleep(min(pause_s, left_s))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

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

    def _text(self, path: str, query: Query | None = None) -> str:
        return self._send("GET", f"/api/v1{path}", query=query).text

    def _post(self, path: str, body: Json, *, idempotency_key: str | None = None, wait_s: int = 0) -> Json:
        return self._call("POST", f"/api/v1{path}", body=body, idempotency_key=idempotency_key, wait_s=wait_s)

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
        wait_s: int = 0,
        accepted: Sequence[int] = (),
    ) -> Json:
        response = self._send(
            method,
            path,
            query=query,
            body=body,
            text=text,
            media_type=media_type,
            token=token,
            idempotency_key=idempotency_key,
            wait_s=wait_s,
            accepted=accepted,
        )
        document = _document(response) if response.content else {}
        if document.get("code") == "" and "detail" in document:
            raise ApiUnreachable(f"{self.base_url} is not a Casewright server: it answers {document['detail']!r:.100}")
        return document

    def _send(
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
        wait_s: int = 0,
        accepted: Sequence[int] = (),
    ) -> requests.Response:
        bearer = token or self.token
        headers = {
            "Content-Type": media_type,
            "Idempotency-Key": idempotency_key or (self._key if method == "POST" else None),
            "If-Match": self._if_match if method in ("PUT", "PATCH", "DELETE") else None,
            "Prefer": f"wait={wait_s}" if wait_s else None,
        }
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
            self.etag = response.headers.get("ETag")
            return response
        raise ApiProblem(response.status_code, _document(response))


def _document(response: requests.Response) -> Json:
    """The JSON object of an answer. What is none comes from somebody in between, and is shown as its text."""
    try:
        document = response.json()
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {"code": "", "detail": response.text[:500]}


def _events(response: requests.Response) -> Generator[tuple[str, str, Json], None, None]:
    """The events of a stream (WHATWG HTML, server-sent events), as far as this server uses them."""
    identifier, what, data = "", "", ""
    for line in response.iter_lines(chunk_size=1, decode_unicode=True):
        name, _, value = line.partition(": ")
        match name:
            case "id":
                identifier = value
            case "event":
                what = value
            case "data":
                data = value
            case "" if what and data and not line:
                yield identifier, what, json.loads(data)
                what = data = ""


def _part(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def _change(data: Mapping[str, Any], version: int | None) -> Json:
    return {"data": dict(data), **_given({"version": version})}


def _given(values: Query) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
